"""Find ink that belongs to no digit: a decimal comma, a stroke through a digit, a line across cells.

All places are in pixels of the given part of the aligned page. The tests are strict, because clean
handwriting has broken strokes and scans have specks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH
from lenet_pipeline.forms.reading.cells import Places
from lenet_pipeline.forms.reading.strikes import has_strike
from lenet_pipeline.forms.reading.writing import Digit, Parts, Strokes
from lenet_pipeline.schema import Floats, Mask

_PX_PER_MM = ALIGNED_DPI / MM_PER_INCH
_COMMA_MM = 1.0  # the smallest length of a comma: specks are shorter
_COMMA_MM2 = 0.45  # the smallest area of a comma
_POINT_MM2 = 0.6  # a shorter mark of this area is a decimal point
_WINDOW_MM = 1.6  # on each side of a divider, to look for a comma on it
_WINDOW_ROWS = (0.6, 1.2)  # the rows to look in, relative to the height of a cell
_LINE_ROWS = (0.1, 0.9)  # the rows to measure a divider by, likewise
_DIVIDER_PX = 8.0  # the widest gap between cells that share a divider
_FEWEST_DARK = 5  # rows of a divider with more ink than the line has
_COMMA_SHARE = 0.45  # of a digit's height: the largest sides of a comma
_PEN_SHARE = 0.4  # of the darkness of the writing: a paler mark is a stain or the rest of a printed line
_MARK_EDGE_PX = 2  # the pale edge of a mark
_NEAR_MARK = np.ones((2 * _MARK_EDGE_PX + 1,) * 2, np.uint8)
_LOW_SHARE = 0.15  # of a digit's height: the highest place of a comma's middle, above the line of writing
_ABOVE_SHARE = 0.05  # of a digit's height: the highest place of a comma's end, above the line of writing
_LONG_SHARE = 1.3  # of a cell's width: the shortest stroke across cells
_LINE_MM = 1.0  # the mean thickness of ink from which on it is more than a line
_WHOLE_SHARE = 0.5  # of the usual height: lower ink is no digit to measure the line of writing by


@dataclass(frozen=True)
class _Whole:
    """A digit with its position in the field and its edges."""

    position: int
    digit: Digit

    @property
    def top(self) -> int:
        return self.digit.top

    @property
    def bottom(self) -> int:
        return self.digit.top + int(self.digit.mask.shape[0])

    @property
    def height(self) -> int:
        return int(self.digit.mask.shape[0])

    @property
    def middle(self) -> float:
        return self.digit.left + int(self.digit.mask.shape[1]) / 2


@dataclass(frozen=True)
class _Mark:
    """A connected part that may be a comma: its edges, and where it has ink."""

    left: int
    top: int
    mask: Mask

    @property
    def right(self) -> int:
        return self.left + int(self.mask.shape[1])

    @property
    def bottom(self) -> int:
        return self.top + int(self.mask.shape[0])


def describe_extra_ink(
    strokes: Strokes, places: Places, digits: Sequence[Digit | None], is_digit: Sequence[bool]
) -> str | None:
    """Describe the ink of a field that belongs to no digit, or return None without any.

    Args:
        strokes: the strokes of the field.
        places: left, top, right and bottom of the cells, (n, 4).
        digits: the digits or other writing by position, with None for a position without ink.
        is_digit: whether each of these may be a digit. Marks cannot.
    """
    found = [
        _Whole(position, digit)
        for position, (digit, may_be) in enumerate(zip(digits, is_digit, strict=True))
        if digit is not None and may_be
    ]
    texts = []
    if found:
        usual = float(np.median([one.height for one in found]))
        wholes = [one for one in found if one.height >= _WHOLE_SHARE * usual]
        marks = _small_marks(strokes.soft, strokes.parts, usual, strokes.usual)
        if len(places) > 1:
            marks += _marks_on_dividers(strokes.printed, places, digits, usual, strokes.usual)
        texts += [_describe_comma(mark, wholes, usual) for mark in marks]
        texts += [
            f"a stroke through position {one.position}" for one in found if has_strike(one.digit.mask, usual)
        ]
    texts.append(_describe_long_stroke(strokes, places, is_blank=not found))
    return ", ".join(dict.fromkeys(text for text in texts if text)) or None


def _describe_long_stroke(strokes: Strokes, places: Places, *, is_blank: bool) -> str | None:
    """Describe ink across several cells that no cell kept, or return None.

    A thin line across a field without digits strikes through an unused field, and is not reported.
    """
    parts = strokes.parts
    if len(places) < 2 or not len(parts.stats):
        return None
    width, area = parts.stats[:, cv2.CC_STAT_WIDTH], parts.stats[:, cv2.CC_STAT_AREA]
    side = float(np.median(places[:, 2] - places[:, 0]))
    is_long = parts.is_strong & ~parts.is_kept & (width >= _LONG_SHARE * side)
    if is_blank:
        is_long &= area >= _LINE_MM * _PX_PER_MM * width
    return "a stroke across several positions" if is_long.any() else None


def _small_marks(soft: Floats, parts: Parts, usual: float, pen: float) -> list[_Mark]:
    """Return the parts with the size of a comma or point and the darkness of the pen."""
    if not len(parts.stats):
        return []
    left, top, width, height, area = parts.stats.T
    longest = np.maximum(width, height)
    is_comma = (longest >= _COMMA_MM * _PX_PER_MM) & (area >= _COMMA_MM2 * _PX_PER_MM**2)
    is_comma |= area >= _POINT_MM2 * _PX_PER_MM**2
    is_comma &= parts.is_strong & (longest <= _COMMA_SHARE * usual)
    marks = []
    for index in np.flatnonzero(is_comma).tolist():
        place = np.s_[top[index] : top[index] + height[index], left[index] : left[index] + width[index]]
        mask = parts.labels[place] == index + 1
        if float(np.quantile(soft[place][mask], 0.8)) >= _PEN_SHARE * pen:
            marks.append(_Mark(int(left[index]), int(top[index]), mask))
    return marks


def _marks_on_dividers(
    printed: Floats, places: Places, digits: Sequence[Digit | None], usual: float, pen: float
) -> list[_Mark]:
    """Return the marks with the size of a comma on the printed lines between two digits.

    The removal of print takes most of such a mark with it. Here, only the usual darkness of the line goes.
    """
    pairs = [
        index
        for index in range(len(places) - 1)
        if digits[index] is not None and digits[index + 1] is not None
        if abs(places[index + 1, 0] - places[index, 2]) <= _DIVIDER_PX
    ]
    marks = []
    for index in pairs:
        column = round((places[index, 2] + places[index + 1, 0]) / 2)
        top, height = places[index, 1], places[index, 3] - places[index, 1]
        low, lowest = (max(0, round(top + share * height)) for share in _WINDOW_ROWS)
        first, last = (max(0, round(top + share * height)) for share in _LINE_ROWS)
        along = printed[:, column - 1 : column + 2].max(axis=1)
        usually = np.partition(along[first:last], (last - first) // 2)[(last - first) // 2]
        limit = _PEN_SHARE * pen
        if (along[low:lowest] > usually + limit).sum() < _FEWEST_DARK:
            continue
        reach = round(_WINDOW_MM * _PX_PER_MM)
        columns = slice(max(0, column - reach), column + reach + 1)
        window = printed[low:lowest, columns]
        line = np.median(printed[first:last, columns], axis=0)
        excess = window - np.maximum(line, np.median(window, axis=1)[:, None])
        dark = excess > limit
        _, found, measured, _ = cv2.connectedComponentsWithStats(dark.view(np.uint8), connectivity=8)
        labels, stats = np.asarray(found, dtype=np.int32), np.asarray(measured, dtype=np.int32)
        inside = (stats[:, 0] > 0) & (stats[:, 0] + stats[:, 2] < dark.shape[1]) & (stats[:, 1] > 0)
        kept = Parts(labels, stats[1:], inside[1:], inside[1:])
        small = _small_marks(excess, kept, usual, pen)
        marks += [_Mark(one.left + columns.start, one.top + low, one.mask) for one in small]
    return marks


def _describe_comma(mark: _Mark, wholes: Sequence[_Whole], usual: float) -> str | None:
    """Describe a mark that is low between two digits, or return None."""
    middle = (mark.left + mark.right) / 2
    row = [one for one in wholes if one.top < mark.bottom + usual and one.bottom > mark.top - usual]
    before = [one for one in row if one.middle < middle]
    after = [one for one in row if one.middle >= middle]
    if not before or not after:
        return None
    first, second = max(before, key=_middle), min(after, key=_middle)
    line = (_without(first.digit, mark)[1] + _without(second.digit, mark)[1]) / 2
    if (mark.top + mark.bottom) / 2 < line - _LOW_SHARE * usual or mark.bottom < line - _ABOVE_SHARE * usual:
        return None
    rights = _columns(first.digit, mark)
    lefts = _columns(second.digit, mark)
    if (rights.size and rights.max() >= mark.left) or (lefts.size and lefts.min() < mark.right):
        return None
    return f"a small mark between positions {first.position} and {second.position}"


def _middle(one: _Whole) -> float:
    return one.middle


def _without(digit: Digit, mark: _Mark) -> tuple[Mask, int]:
    """Return a digit's mask without the ink of a mark, and the bottom edge of what is left.

    The mark may also count as ink of the digit, with a pale edge.
    """
    mask = digit.mask.copy()
    rows, columns = mask.shape
    whole = cv2.dilate(np.pad(mark.mask, _MARK_EDGE_PX).view(np.uint8), _NEAR_MARK) > 0
    top, left = mark.top - _MARK_EDGE_PX - digit.top, mark.left - _MARK_EDGE_PX - digit.left
    first_row, first_column = max(0, top), max(0, left)
    last_row, last_column = min(rows, top + whole.shape[0]), min(columns, left + whole.shape[1])
    if first_row < last_row and first_column < last_column:
        own = whole[first_row - top : last_row - top, first_column - left : last_column - left]
        mask[first_row:last_row, first_column:last_column] &= ~own
    inked = np.flatnonzero(mask.any(axis=1))
    return mask, digit.top + (int(inked[-1]) + 1 if inked.size else rows)


def _columns(digit: Digit, mark: _Mark) -> NDArray[np.intp]:
    """Return the columns in which a digit has ink of its own in the rows of a mark."""
    mask = _without(digit, mark)[0]
    rows = mask[max(0, mark.top - digit.top) : max(0, mark.bottom - digit.top)]
    return digit.left + np.flatnonzero(rows.any(axis=0))
