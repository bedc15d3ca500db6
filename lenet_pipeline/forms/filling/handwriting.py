"""Handwriting: labelled images of digits, and a pen's strokes, as ink on a sheet of paper.

Lengths are pixels of the sheet, which is several times finer than the scan that is made of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.page import Grey
from lenet_pipeline.schema import IMAGE_SIDE

Ink = NDArray[np.uint8]  # (height, width), 0 for paper to 255 for full ink
Profile = NDArray[np.float64]  # (height,), a column for every row

_DIGIT_SIDE = 20  # pixels of a 28x28 image that its digit fills, in the longer direction
# A blown-up image is soft, a pen's edge is not. Measured on 2,000 digits of MNIST drawn 44 pixels high at
# 200 dpi and normalised again: with this edge their ink has 98 % of its mass, with one at a half, 91 %.
_EDGE_LEVEL, _EDGE_GAIN = 0.4, 2.5
_INKED = 64  # of 255, from which a pixel counts as ink where it is asked whether digits touch


@dataclass(frozen=True)
class LabelledImages:
    """Digits to write with: ``images`` uint8 (n, 28, 28), ink bright on dark, and ``labels`` (n,), 0 to 9."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        """Check that they belong together.

        Raises:
            IngestError: they do not, or one of the ten digits is missing.
        """
        if self.images.shape != (len(self.labels), IMAGE_SIDE, IMAGE_SIDE) or self.images.dtype != np.uint8:
            raise IngestError(
                f"digits to write with have shape {self.images.shape} and {self.labels.shape} labels; "
                f"expected uint8 (n, {IMAGE_SIDE}, {IMAGE_SIDE}) and (n,)"
            )
        missing = [str(digit) for digit, indices in enumerate(self._indices) if not len(indices)]
        if missing:
            raise IngestError(
                f"among {len(self.labels)} digits to write with there is no {', '.join(missing)}; "
                "give a dataset with all ten digits and their labels"
            )

    @cached_property
    def _indices(self) -> list[NDArray[np.intp]]:
        # A digit without ink could not be seen on any page.
        inked = self.images.reshape(len(self.images), -1).max(axis=1, initial=0) >= _INKED
        return [np.flatnonzero((self.labels == digit) & inked) for digit in range(10)]

    def choose(self, label: int, rng: np.random.Generator) -> int:
        """Return the index of one of the images with a label."""
        return int(rng.choice(self._indices[label]))


def render_digit(image: NDArray[np.uint8], height: float, widest: float = np.inf) -> Ink:
    """Return a digit as a pen would have written it, cropped to its ink.

    Args:
        image: uint8 (28, 28), ink bright on dark.
        height: of a digit as high as digits are, in pixels.
        widest: that it may be; a wider one is made smaller.
    """
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    digit = np.pad(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    scale = min(height / _DIGIT_SIDE, widest / (digit.shape[1] - 2))
    soft = cv2.resize(digit, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    sharp = (soft.astype(np.float32) - 255 * _EDGE_LEVEL) * _EDGE_GAIN + 127.5
    return _crop(np.clip(sharp, 0, 255).astype(np.uint8))


def _crop(ink: Ink) -> Ink:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def render_strokes(strokes: Sequence[NDArray[np.float64]], thickness: float) -> tuple[Ink, tuple[int, int]]:
    """Return pen strokes as ink, and the left and top edge of where it goes.

    Args:
        strokes: each float64 (n, 2), the x and y of the points that it runs through.
        thickness: of the pen's line.
    """
    points = np.concatenate(list(strokes))
    margin = round(thickness) + 2
    left, top = (int(edge) - margin for edge in np.floor(points.min(axis=0)))
    right, bottom = (int(edge) + margin for edge in np.ceil(points.max(axis=0)))
    ink = np.zeros((bottom - top, right - left), np.uint8)
    for stroke in strokes:
        whole = np.rint((stroke - (left, top)) * 16).astype(np.int32)  # in sixteenths of a pixel
        cv2.polylines(ink, [whole], False, (255,), max(1, round(thickness)), cv2.LINE_AA, shift=4)
    return ink, (left, top)


def apply_ink(sheet: Grey, ink: Ink, left: int, top: int, pen: float) -> None:
    """Darken a sheet, in place, where there is ink; what lies outside it is lost.

    Args:
        sheet: (height, width).
        ink: to lay on it.
        left: column of the sheet that the ink's first column goes to.
        top: row of the sheet that the ink's first row goes to.
        pen: grey level of full ink; what is darker stays as it is.
    """
    first_row, first_column = max(0, top), max(0, left)
    paper = sheet[first_row : max(0, top + ink.shape[0]), first_column : max(0, left + ink.shape[1])]
    if not paper.size:
        return
    rows, columns = paper.shape
    seen = ink[first_row - top : first_row - top + rows, first_column - left : first_column - left + columns]
    strength = seen.astype(np.float32) / np.float32(255)
    inked = paper - strength * np.maximum(paper - np.float32(pen), 0)
    paper[:] = np.rint(inked).astype(np.uint8)


def space_run(inks: Sequence[Ink], tops: Sequence[int], gaps: Sequence[float]) -> list[int]:
    """Return the left edge of every digit of a run, the first at 0.

    Args:
        inks: the digits.
        tops: the top edge of each, from any common line.
        gaps: before each digit but the first, the least distance of its ink from the ink before it; where
            it is 0 or less, they touch or overlap by as much along the row where they are closest.
    """
    highest = min(tops)
    depth = max(top + ink.shape[0] for ink, top in zip(inks, tops, strict=True)) - highest
    reach = np.full(depth, -np.inf)  # how far right there is ink, row by row
    lefts: list[int] = []
    for number, (ink, top) in enumerate(zip(inks, tops, strict=True)):
        rows = slice(top - highest, top - highest + ink.shape[0])
        gap = gaps[number - 1] if number else 0.0
        starts, ends = _profiles(ink)
        distance = _spread(reach, round(max(gap, 0)))[rows] - starts
        left = round(float(distance.max()) + 1 + gap) if np.isfinite(distance).any() else 0
        # However far one overhangs the other, writing goes on to the right.
        left = max(left, lefts[-1] + 1) if lefts else 0
        reach[rows] = np.maximum(reach[rows], left + ends)
        lefts.append(left)
    return lefts


def _profiles(ink: Ink) -> tuple[Profile, Profile]:
    """Return the first and the last column with ink of every row; where there is none, inf and -inf."""
    inked = ink >= _INKED
    any_ink = inked.any(axis=1)
    first = np.where(any_ink, inked.argmax(axis=1), np.inf)
    last = np.where(any_ink, inked.shape[1] - 1 - inked[:, ::-1].argmax(axis=1), -np.inf)
    return first, last


def _spread(reach: Profile, rows: int) -> Profile:
    """Return the largest value within so many rows of each: ink that is near aslant is near too."""
    if rows < 1:
        return reach
    padded = np.pad(reach, rows, constant_values=-np.inf)
    widest: Profile = np.lib.stride_tricks.sliding_window_view(padded, 2 * rows + 1).max(axis=1)
    return widest
