"""Straighten a form: find the tilt of its print, and rotate and scale it around its middle."""

from __future__ import annotations

import cv2
import numpy as np

from lenet_pipeline.forms.alignment.homographies import (
    Homography,
    reduce_picture,
    scaling,
    shifting,
    warp_picture,
)
from lenet_pipeline.forms.alignment.print_places import saturate_ink
from lenet_pipeline.forms.page import Grey

_STEPS = ((5.0, 0.25), (0.3, 0.05), (0.06, 0.01))  # degrees: half the range to search, and the step
_SIDE = 1200  # pixels of the longer side of the searched picture
_LEAST_TILT = 0.02  # degrees: 0.1 mm over the length of A4


def find_tilt(picture: Grey) -> float:
    """Return the clockwise tilt of a picture's lines and text in degrees, from -5 to 5.

    At the right angle, lines and text fall into few rows, so the sum over the squares of the rows' ink is
    largest.
    """
    factor = min(_SIDE / max(picture.shape), 1.0)
    height, width = (max(round(side * factor), 1) for side in picture.shape)
    ink = saturate_ink(reduce_picture(picture, height, width))
    # Both directions count: on a table, the columns are as long as the rows.
    tilt = 0.0
    for reach, step in _STEPS:
        angles = tilt + np.arange(-reach, reach + step / 2, step)
        tilt = float(max(angles, key=lambda angle: _concentration(ink, float(angle))))
    return tilt


def _concentration(ink: Grey, degrees: float) -> float:
    """Return the sum over the squares of the ink in each row and column, after undoing a tilt."""
    height, width = ink.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turned = cv2.warpAffine(ink, matrix, (width, height))
    rows, columns = (turned.sum(axis=axis, dtype=np.float64) for axis in (1, 0))
    return float((rows**2).sum() / height + (columns**2).sum() / width)


def straighten(picture: Grey, scale: float = 1.0) -> Grey:
    """Return a picture of the same size whose print is level, and larger by a factor."""
    tilt = find_tilt(picture)
    if abs(tilt) < _LEAST_TILT and scale == 1.0:
        return picture
    height, width = picture.shape
    return warp_picture(picture, _turning(tilt, scale, height, width), (height, width), paper=255)


def _turning(degrees: float, scale: float, height: int, width: int) -> Homography:
    """Return the homography that maps points of the straight picture to points of the tilted one."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    middle = shifting(width / 2, height / 2)
    return np.asarray(middle @ turn @ scaling(1 / scale) @ np.linalg.inv(middle), dtype=np.float64)
