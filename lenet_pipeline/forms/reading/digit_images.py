"""Cut out the digits of a field, and normalise them like the digits in training."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH
from lenet_pipeline.forms.reading.ink import Labels, quantile
from lenet_pipeline.forms.reading.writing import Strokes
from lenet_pipeline.ingest import place_ink
from lenet_pipeline.schema import Floats, Mask

_MM_PER_PX = MM_PER_INCH / ALIGNED_DPI
_FULL_SHARE = 0.8  # the quantile of a digit's pixels that counts as full ink
_EDGE_SHARE = 0.3  # of full ink, at the edge of a digit: with a lower limit, blur would enlarge its box
_NEIGHBOURS = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Digit:
    """One digit, or any other writing in its place.

    Attributes:
        image: uint8 (28, 28), normalised as in training.
        mask: where its ink is, cropped to the ink, bool (height, width).
        left: the column of the mask's first column.
        top: the row of the mask's first row.
        ink: the amount of ink, in square millimetres of full ink.
    """

    image: NDArray[np.uint8]
    mask: Mask
    left: int
    top: int
    ink: float


def cut_digits(strokes: Strokes, labels: Labels, palest: Floats) -> list[Digit | None]:
    """Normalise the ink of each label like the digits in training. The result is None for a missing label.

    Args:
        strokes: the strokes of the field.
        labels: 1 + the index of the digit that a pixel belongs to, 0 for paper, int32 (height, width).
        palest: for each digit, the darkness from which on pixels count as strokes, (n,).
    """
    found = ndimage.find_objects(labels, max_label=len(palest))
    return [
        None if place is None else _cut_digit(strokes, labels, place, index + 1, float(palest[index]))
        for index, place in enumerate(found)
    ]


def _cut_digit(
    strokes: Strokes, labels: Labels, place: tuple[slice, slice], label: int, palest: float
) -> Digit | None:
    near = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in place)
    own = labels[near] == label
    soft = strokes.soft[near]
    full = _full_level(soft[own])
    mask = own & (soft > max(palest, _EDGE_SHARE * full))
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    # Add the palest edge of each stroke, which the limit above excluded.
    edged = cv2.dilate(mask.view(np.uint8), _NEIGHBOURS)[inside] > 0
    others = (labels[near] != label) & (labels[near] != 0)
    edged &= ~others[inside]
    levels = np.where(edged, np.clip(strokes.darkness[near][inside] / full, 0, 1), np.float32(0))
    return Digit(
        image=place_ink(levels),
        mask=mask[inside],
        left=near[1].start + int(columns[0]),
        top=near[0].start + int(rows[0]),
        ink=float(levels.sum()) * _MM_PER_PX**2,
    )


def _full_level(values: Floats) -> float:
    """Return the darkness of a digit's full ink. It varies with pens and scans, but not in MNIST."""
    return max(1.0, quantile(values, _FULL_SHARE))
