"""Polarity: whether the paper is brighter than the ink."""

from __future__ import annotations

import numpy as np

from lenet_pipeline.ingest.normalisation.levels import otsu_threshold
from lenet_pipeline.schema import IMAGE_SIDE, Floats


def background_is_bright(picture: Floats) -> bool:
    """Return whether the paper is the brighter of a picture's two levels.

    Three fractions have equal weight: the bright share of the whole picture, of its border and of its
    corners. Ink covers less than half of each in most pictures, and rarely most of all three, even if a
    stroke touches the border or a bold digit is cropped to its ink.
    """
    bright = picture > otsu_threshold(picture)
    edge = max(1, min(picture.shape) // IMAGE_SIDE)
    ends = np.concatenate([bright[:edge], bright[-edge:]])
    sides = np.concatenate([bright[:, :edge], bright[:, -edge:]], axis=1)
    corners = np.concatenate([ends[:, :edge], ends[:, -edge:]])
    border = (ends.mean() * ends.size + sides.mean() * sides.size) / (ends.size + sides.size)
    return bool(bright.mean() + border + corners.mean() > 1.5)
