"""Detect blank pages."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.homographies import reduce_picture
from lenet_pipeline.forms.page import Grey

_ANALYSED_SIDE = 1100  # pixels on the longer side: about 100 per inch, which averages grain away
_LEAST_CONTRAST = 28.0  # grey levels of 255 below the paper
_GRAIN_CONTRAST = 6.0  # standard deviations of the paper's grain
_SPECK = 8  # pixels: 0.5 square millimetres
_EDGE = 0.03  # of the page's sides, where the background of the scanner may show
_LEAST_INK = 2e-4  # of the page: two printed words


def is_blank(image: Grey) -> bool:
    """Return whether a page is blank, apart from specks and shadows at its edges.

    Args:
        image: uint8 (height, width), dark on bright.
    """
    factor = min(_ANALYSED_SIDE / max(image.shape), 1.0)
    height, width = (max(round(side * factor), 3) for side in image.shape)
    picture = cv2.medianBlur(reduce_picture(image, height, width), 3)
    side = max(height, width) // 20 | 1
    # Compare with the paper nearby instead of the whole page, because light is uneven and folds and stains
    # are wider than strokes.
    paper = cv2.blur(cv2.dilate(picture, np.ones((side // 4 | 1,) * 2, np.uint8)), (side, side))
    darkness = paper.astype(np.float32) - picture
    grain = 1.4826 * float(np.median(np.abs(darkness - np.median(darkness))))
    ink = darkness > np.median(darkness) + max(_LEAST_CONTRAST, _GRAIN_CONTRAST * grain)
    return bool(_count_ink(np.asarray(ink)) < _LEAST_INK * ink.size)


def _count_ink(ink: NDArray[np.bool_]) -> int:
    """Return the pixel count of all connected parts, without specks and parts at the edges of the page."""
    height, width = ink.shape
    count, _, stats, _ = cv2.connectedComponentsWithStats(ink.astype(np.uint8), connectivity=8)
    parts = stats[1:count]
    if not len(parts):
        return 0
    left, top = parts[:, cv2.CC_STAT_LEFT], parts[:, cv2.CC_STAT_TOP]
    right, bottom = left + parts[:, cv2.CC_STAT_WIDTH], top + parts[:, cv2.CC_STAT_HEIGHT]
    area = parts[:, cv2.CC_STAT_AREA]
    at_edge = (right <= _EDGE * width) | (left >= (1 - _EDGE) * width)
    at_edge |= (bottom <= _EDGE * height) | (top >= (1 - _EDGE) * height)
    # A part that touches the edge is the shadow of a skewed page.
    touches = (left <= 1) | (top <= 1) | (right >= width - 1) | (bottom >= height - 1)
    return int(area[~at_edge & ~touches & (area >= _SPECK)].sum())
