"""Polarity: whether the paper is brighter than the ink."""

from __future__ import annotations

import numpy as np

from lenet_pipeline.ingest.normalisation.levels import otsu_threshold
from lenet_pipeline.schema import IMAGE_SIDE, Floats

_NARROW = 2.5  # height over width; cropped to the ink, half of MNIST's 1s are as narrow, and 2 other digits
_FEWEST_COLUMNS = 3
_MOST_ROWS = 0.75  # share of the rows of a 1 in which the middle is ink


def background_is_bright(picture: Floats) -> bool:
    """Return whether the paper is the brighter of a picture's two levels.

    Three fractions have equal weight: the bright share of the whole picture, of its border and of its
    corners. Ink covers less than half of each in most pictures, and rarely most of all three, even if a
    stroke touches the border or a bold digit is cropped to its ink. The exception is a 1, whose ink can
    cover most of all three. In most rows of such a narrow crop, the middle is ink and the sides are paper.
    """
    if max(picture.shape) >= _NARROW * min(picture.shape) and min(picture.shape) >= _FEWEST_COLUMNS:
        middle_is_ink = _brighter_sides(picture if picture.shape[0] > picture.shape[1] else picture.T)
        if abs(middle_is_ink - 0.5) >= _MOST_ROWS - 0.5:
            return middle_is_ink > 0.5
    bright = picture > otsu_threshold(picture)
    edge = max(1, min(picture.shape) // IMAGE_SIDE)
    ends = np.concatenate([bright[:edge], bright[-edge:]])
    sides = np.concatenate([bright[:, :edge], bright[:, -edge:]], axis=1)
    corners = np.concatenate([ends[:, :edge], ends[:, -edge:]])
    border = (ends.mean() * ends.size + sides.mean() * sides.size) / (ends.size + sides.size)
    return bool(bright.mean() + border + corners.mean() > 1.5)


def _brighter_sides(picture: Floats) -> float:
    """Return the share of rows whose left and right ends are brighter than their middle."""
    width = picture.shape[1]
    edge, middle = max(1, width // 6), picture[:, width // 3 : width - width // 3]
    sides = (picture[:, :edge].mean(axis=1) + picture[:, -edge:].mean(axis=1)) / 2
    return float((sides > middle.mean(axis=1)).mean())
