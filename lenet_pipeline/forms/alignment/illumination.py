"""Even out the illumination of a page and the darkness of its print."""

from __future__ import annotations

import cv2
import numpy as np

from lenet_pipeline.forms.alignment.homographies import reduce_picture
from lenet_pipeline.forms.page import Grey

_PAPER_REDUCED = 8  # the factor to shrink a picture by before measuring its paper
_PAPER_WINDOW = 9  # pixels of the shrunken picture
_FULL_DARKNESS = 90  # of 255: from here on, a line counts as much as a black one
_BLUR_PX = 1.0  # standard deviation: removes noise and smooths the correlation between pixels


def percentile_level(picture: Grey, percent: float) -> int:
    """Return the picture's grey level at a percentile."""
    counts = cv2.calcHist([np.ascontiguousarray(picture)], [0], None, [256], [0, 256])
    return int(np.searchsorted(np.cumsum(counts.ravel(), dtype=np.float64), percent / 100 * picture.size))


def paper_level(picture: Grey, window: int) -> Grey:
    """Return the grey level of the paper at every pixel, uint8 (height, width).

    Args:
        picture: uint8 (height, width).
        window: the side of the median filter in units of 8 pixels, odd. It must be wider than any print.
    """
    height, width = picture.shape
    small = reduce_picture(picture, max(height // _PAPER_REDUCED, 1), max(width // _PAPER_REDUCED, 1))
    level = cv2.medianBlur(cv2.dilate(small, np.ones((3, 3), np.uint8)), window)
    return np.asarray(cv2.resize(level, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def even_illumination(picture: Grey) -> Grey:
    """Return the picture with white paper and black ink, independent of its illumination."""
    even = cv2.divide(picture, np.maximum(paper_level(picture, _PAPER_WINDOW), 1), scale=255)
    ink = np.uint8(min(percentile_level(np.asarray(even, np.uint8)[::3, ::3], 0.2), 180))
    gain = 255 / (255 - int(ink))
    stretched = cv2.convertScaleAbs(np.maximum(even, ink), alpha=gain, beta=-gain * int(ink))
    return np.asarray(stretched, dtype=np.uint8)


def soften_print(flat: Grey) -> Grey:
    """Blur an evenly lit page after making its pale lines as dark as its black ones.

    Otherwise, dark handwriting in pale boxes dominates the correlation.
    """
    capped = np.maximum(flat, np.uint8(255 - _FULL_DARKNESS))
    return np.asarray(cv2.GaussianBlur(capped, (0, 0), _BLUR_PX), dtype=np.uint8)
