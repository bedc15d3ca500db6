"""Evening out the light of a page, and how strong its print is."""

from __future__ import annotations

import cv2
import numpy as np

from lenet_pipeline.forms.alignment.homographies import reduce_picture
from lenet_pipeline.forms.page import Grey

_PAPER_REDUCED = 8  # times smaller: what the paper's level is found on
_PAPER_WINDOW = 9  # of those pixels
_FULL_DARKNESS = 90  # of 255, from where on a line counts as much as a black one
_BLUR_PX = 1.0  # standard deviation: takes noise away and makes correlation smooth between pixels


def find_level(picture: Grey, percent: float) -> int:
    """Return the grey level that so many percent of a picture's pixels are at most as bright as."""
    counts = cv2.calcHist([np.ascontiguousarray(picture)], [0], None, [256], [0, 256])
    return int(np.searchsorted(np.cumsum(counts.ravel(), dtype=np.float64), percent / 100 * picture.size))


def paper_level(picture: Grey, window: int) -> Grey:
    """Return the grey level of the paper everywhere, uint8 (height, width).

    Args:
        picture: uint8 (height, width).
        window: eighths of its pixels that a median is taken over, odd: wider than what is no paper.
    """
    height, width = picture.shape
    small = reduce_picture(picture, max(height // _PAPER_REDUCED, 1), max(width // _PAPER_REDUCED, 1))
    level = cv2.medianBlur(cv2.dilate(small, np.ones((3, 3), np.uint8)), window)
    return np.asarray(cv2.resize(level, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def flatten_light(picture: Grey) -> Grey:
    """Return the picture with its paper white and its darkest ink black, whatever the light was."""
    even = cv2.divide(picture, np.maximum(paper_level(picture, _PAPER_WINDOW), 1), scale=255)
    ink = np.uint8(min(find_level(np.asarray(even, np.uint8)[::3, ::3], 0.2), 180))
    gain = 255 / (255 - int(ink))
    stretched = cv2.convertScaleAbs(np.maximum(even, ink), alpha=gain, beta=-gain * int(ink))
    return np.asarray(stretched, dtype=np.uint8)


def soften_print(flat: Grey) -> Grey:
    """Return an evenly lit page with its pale lines as dark as black ones, and blurred.

    Pale boxes have dark writing in them: as scanned, all that correlation sees there is the writing.
    """
    capped = np.maximum(flat, np.uint8(255 - _FULL_DARKNESS))
    return np.asarray(cv2.GaussianBlur(capped, (0, 0), _BLUR_PX), dtype=np.uint8)
