"""Render labelled images of digits and pen strokes as ink on a sheet of paper.

Lengths are in pixels of the sheet, which has a higher resolution than its scan.
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
Profile = NDArray[np.float64]  # (height,), one column per row

_DIGIT_SIDE = 20  # the longer side of the digit in a 28x28 image, in pixels
# Enlarged images are soft, but the edges of pen strokes are sharp. On 2,000 digits of MNIST, drawn 44 pixels
# high at 200 dpi and normalised again, this edge preserves 98 % of their ink, and an edge at 0.5 only 91 %.
_EDGE_LEVEL, _EDGE_GAIN = 0.4, 2.5
_INKED = 64  # of 255: darker pixels count when digits touch


@dataclass(frozen=True)
class LabelledImages:
    """Images of digits for writing.

    Attributes:
        images: uint8 (n, 28, 28), ink bright on dark.
        labels: the digits, 0 to 9, (n,).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        """Check the shapes and labels.

        Raises:
            IngestError: a shape is wrong, or one of the ten digits is missing.
        """
        if self.images.shape != (len(self.labels), IMAGE_SIDE, IMAGE_SIDE) or self.images.dtype != np.uint8:
            raise IngestError(
                f"the images of digits are {self.images.dtype} {self.images.shape} with labels of shape "
                f"{self.labels.shape}; expected uint8 (n, {IMAGE_SIDE}, {IMAGE_SIDE}) and (n,)"
            )
        missing = [str(digit) for digit, indices in enumerate(self._indices) if not len(indices)]
        if missing:
            raise IngestError(
                f"the {len(self.labels):,} labelled images lack the digit{'s' * (len(missing) > 1)} "
                f"{', '.join(missing)}; give a dataset with all ten digits and their labels"
            )

    @cached_property
    def _indices(self) -> list[NDArray[np.intp]]:
        # Images without ink would be invisible on a page.
        inked = self.images.reshape(len(self.images), -1).max(axis=1, initial=0) >= _INKED
        return [np.flatnonzero((self.labels == digit) & inked) for digit in range(10)]

    def choose(self, label: int, rng: np.random.Generator) -> int:
        """Return the index of a random image with a label."""
        return int(rng.choice(self._indices[label]))


def render_digit(image: NDArray[np.uint8], height: float, widest: float = np.inf) -> Ink:
    """Render a digit with the sharp edges of a pen, cropped to its ink.

    Args:
        image: uint8 (28, 28), ink bright on dark.
        height: the height in pixels of a digit of normal height.
        widest: the largest width in pixels. A wider digit is shrunk.
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
    """Render pen strokes. Return their ink, and its left and top edge on the sheet.

    Args:
        strokes: the x and y of the points on each stroke, float64 (n, 2) each.
        thickness: the thickness of the strokes in pixels.
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
    """Darken a sheet with ink, in place. Ink outside the sheet is ignored.

    Args:
        sheet: uint8 (height, width).
        ink: the ink to apply.
        left: the column of the sheet for the ink's first column.
        top: the row of the sheet for the ink's first row.
        pen: the grey level of full ink. Darker pixels do not change.
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
    """Return the left edge of every digit of a run, with the first one at 0.

    Args:
        inks: the digits.
        tops: the top edge of each digit, relative to any common line.
        gaps: the smallest distance between each digit but the first and the ink before it. At 0 or less, they
            touch or overlap by this amount in the row in which they are closest.
    """
    highest = min(tops)
    depth = max(top + ink.shape[0] for ink, top in zip(inks, tops, strict=True)) - highest
    reach = np.full(depth, -np.inf)  # the rightmost ink in each row
    lefts: list[int] = []
    for number, (ink, top) in enumerate(zip(inks, tops, strict=True)):
        rows = slice(top - highest, top - highest + ink.shape[0])
        gap = gaps[number - 1] if number else 0.0
        starts, ends = _profiles(ink)
        distance = _spread(reach, round(max(gap, 0)))[rows] - starts
        left = round(float(distance.max()) + 1 + gap) if np.isfinite(distance).any() else 0
        # A digit always starts to the right of the one before, even if that one overhangs it.
        left = max(left, lefts[-1] + 1) if lefts else 0
        reach[rows] = np.maximum(reach[rows], left + ends)
        lefts.append(left)
    return lefts


def _profiles(ink: Ink) -> tuple[Profile, Profile]:
    """Return the first and last column with ink in every row, or inf and -inf without ink."""
    inked = ink >= _INKED
    any_ink = inked.any(axis=1)
    first = np.where(any_ink, inked.argmax(axis=1), np.inf)
    last = np.where(any_ink, inked.shape[1] - 1 - inked[:, ::-1].argmax(axis=1), -np.inf)
    return first, last


def _spread(reach: Profile, rows: int) -> Profile:
    """Return the largest value within a number of rows of each, to include diagonal neighbours."""
    if rows < 1:
        return reach
    padded = np.pad(reach, rows, constant_values=-np.inf)
    widest: Profile = np.lib.stride_tricks.sliding_window_view(padded, 2 * rows + 1).max(axis=1)
    return widest
