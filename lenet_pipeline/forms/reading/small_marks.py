"""Find small marks with the size and darkness of a comma or a point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH
from lenet_pipeline.forms.reading.writing import Parts
from lenet_pipeline.schema import Floats, Mask

InkKind = Literal["comma", "point", "minus"]

_PX_PER_MM = ALIGNED_DPI / MM_PER_INCH
_COMMA_MM = 1.0  # the smallest length of a comma: specks are shorter
_COMMA_MM2 = 0.45  # the smallest area of a comma
_POINT_MM2 = 0.6  # a shorter mark of this area is a decimal point
_FAINT_MM2 = 0.12  # the smallest area of a mark where a separator is expected
_ROUND, _ELONGATED = 1.5, 1.95  # length relative to thickness: points are below, commas above
_COMMA_SHARE = 0.45  # of a digit's height: the largest sides of a comma
PEN_SHARE = 0.4  # of the darkness of the writing: a paler mark is a stain or the rest of a printed line


@dataclass(frozen=True)
class LooseInk:
    """A separator after a digit, or a minus before one.

    Attributes:
        kind: ``comma``, ``point`` or ``minus``.
        position: the position of the digit before a separator, or after a minus.
        left: the column of the mask's first column.
        top: the row of the mask's first row.
        mask: where its ink is, bool (height, width).
        is_clear: whether its shape is clearly that of its kind. A short comma is like a point.
        is_faint: whether it is so small that it may be a speck.
    """

    kind: InkKind
    position: int
    left: int
    top: int
    mask: Mask
    is_clear: bool = True
    is_faint: bool = False

    @property
    def right(self) -> int:
        return self.left + int(self.mask.shape[1])

    @property
    def bottom(self) -> int:
        return self.top + int(self.mask.shape[0])

    def describe(self) -> str:
        """Return the ink and its place in a few words."""
        side = "before" if self.kind == "minus" else "after"
        return f"a {self.kind} {side} position {self.position}"


def find_small_marks(soft: Floats, parts: Parts, usual: float, pen: float) -> list[LooseInk]:
    """Return the parts with the size of a comma or point and the darkness of the pen."""
    if not len(parts.stats):
        return []
    left, top, width, height, area = parts.stats.T
    longest = np.maximum(width, height)
    is_sure = (longest >= _COMMA_MM * _PX_PER_MM) & (area >= _COMMA_MM2 * _PX_PER_MM**2)
    is_sure |= area >= _POINT_MM2 * _PX_PER_MM**2
    is_mark = parts.is_strong & (longest <= _COMMA_SHARE * usual) & (area >= _FAINT_MM2 * _PX_PER_MM**2)
    marks = []
    for index in np.flatnonzero(is_mark).tolist():
        place = np.s_[top[index] : top[index] + height[index], left[index] : left[index] + width[index]]
        mask = parts.labels[place] == index + 1
        if float(np.quantile(soft[place][mask], 0.8)) >= PEN_SHARE * pen:
            stretch = _elongation(mask)
            kind: InkKind = "comma" if stretch >= (_ROUND + _ELONGATED) / 2 else "point"
            is_clear = not _ROUND <= stretch < _ELONGATED
            place_of = int(left[index]), int(top[index])
            marks.append(LooseInk(kind, 0, *place_of, mask, is_clear, not is_sure[index]))
    return marks


def _elongation(mask: Mask) -> float:
    """Return the length of a mark relative to its thickness, 1 for a round one."""
    places = np.argwhere(mask).astype(np.float64)
    if len(places) < 2:
        return 1.0
    thin, thick = np.linalg.eigvalsh(np.cov(places.T) + np.eye(2) / 12)  # a pixel has a size, too
    return float(np.sqrt(thick / thin))
