"""Grey levels: the threshold between two levels, and quantiles."""

from __future__ import annotations

import numpy as np

from lenet_pipeline.schema import Floats

_ONE_LEVEL = 1e-3  # grey levels; smaller differences are rounding errors


def otsu_threshold(picture: Floats) -> float:
    """Return the grey level that best separates a picture's two levels (Otsu, 1979).

    For a picture with one level, return that level, so that no pixel is above it.
    """
    low, high = float(picture.min()), float(picture.max())
    if high - low < _ONE_LEVEL:
        return high
    step = (high - low) / 255
    counts = np.bincount(((picture - low) / step).astype(np.intp).ravel(), minlength=256).astype(float)
    below, total = np.cumsum(counts), float(picture.size)
    mass = np.cumsum(counts * np.arange(256))
    between = (mass[-1] * below / total - mass) ** 2 / np.maximum(below * (total - below), 1)
    best = np.flatnonzero(between[:-1] == between[:-1].max())
    return low + (float(best.mean()) + 0.5) * step


def quantile(values: Floats, fraction: float) -> float:
    """Return a quantile without interpolation, ten times faster than numpy for small arrays."""
    index = int(np.ceil(fraction * (values.size - 1)))
    return float(np.partition(values, index)[index])
