"""Find the decimal separators between the digits of a field, and a minus to their left.

All places are in pixels of the given part of the aligned page. The tests are strict, because clean
handwriting has broken strokes and scans have specks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH
from lenet_pipeline.forms.reading.cells import Places
from lenet_pipeline.forms.reading.digit_images import Digit
from lenet_pipeline.forms.reading.small_marks import PEN_SHARE, LooseInk, find_small_marks
from lenet_pipeline.forms.reading.writing import Parts, Strokes
from lenet_pipeline.schema import Floats, Mask

_PX_PER_MM = ALIGNED_DPI / MM_PER_INCH
_MINUS_MM = 1.0  # the smallest length of a minus
_WINDOW_MM = 1.6  # on each side of a divider, to look for a comma on it
_WINDOW_ROWS = (0.6, 1.2)  # the rows to look in, relative to the height of a cell
_LINE_ROWS = (0.1, 0.9)  # the rows to measure a divider by, likewise
_DIVIDER_PX = 8.0  # the widest gap between cells that share a divider
_FEWEST_DARK = 4  # rows of a divider with more ink than the line has
_LINE_SHARE = 0.25  # of the darkness of the writing: darker rows are a printed line across
_MARK_EDGE_PX = 2  # the pale edge of a mark
_NEAR_MARK = np.ones((2 * _MARK_EDGE_PX + 1,) * 2, np.uint8)
_BELOW_MM = 0.5  # the lowest place of a comma's middle below its cell; lower ink belongs to the next row
_HIGHEST = 0.15, 0.05  # above the line of writing, in heights of a digit: the middle and the end of a comma
_HIGHEST_ON_DIVIDER = 0.35, 0.25  # likewise: only a separator is on the line between two cells
_MINUS_WIDTHS = (0.2, 1.3)  # of a digit's height: the length of a minus
_MINUS_FLAT = 2.0  # the smallest width of a minus relative to its height
_MINUS_ROWS = (0.25, 0.75)  # of the first digit, from its top: the middle of a minus
_MINUS_GAP = 1.5  # of a digit's height: the largest distance of a minus from the first digit
_MINUS_OVERLAP = 0.1  # of a digit's height: how far the first digit extends over a minus
_WHOLE_SHARE = 0.5  # of the usual height: lower ink is no digit to measure the line of writing by


@dataclass(frozen=True)
class Whole:
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


def find_wholes(digits: Sequence[Digit | None], is_digit: Sequence[bool]) -> tuple[list[Whole], float]:
    """Return the digits with the height of one, and the usual height, or 0 without any.

    Args:
        digits: the digits or other writing by position, with None for a position without ink.
        is_digit: whether each of these may be a digit. Marks cannot.
    """
    found = [
        Whole(position, digit)
        for position, (digit, may_be) in enumerate(zip(digits, is_digit, strict=True))
        if digit is not None and may_be
    ]
    if not found:
        return [], 0.0
    usual = float(np.median([one.height for one in found]))
    return [one for one in found if one.height >= _WHOLE_SHARE * usual], usual


def find_loose_ink(
    strokes: Strokes, places: Places, digits: Sequence[Digit | None], wholes: Sequence[Whole], usual: float
) -> list[LooseInk]:
    """Return the separators between digits, left to right, and before them a minus if there is one.

    Marks that may be specks are among them.

    Args:
        strokes: the strokes of the field.
        places: left, top, right and bottom of the cells, (n, 4).
        digits: the digits or other writing by position, with None for a position without ink.
        wholes: the complete digits among them.
        usual: the usual height of a digit.
    """
    if not wholes:
        return []
    marks = find_small_marks(strokes.soft, strokes.parts, usual, strokes.usual)
    placed = [_place_separator(mark, wholes, usual, _HIGHEST) for mark in marks]
    if len(places) > 1:
        marks = _marks_on_dividers(strokes.printed, places, digits, usual, strokes.usual)
        placed += [_place_separator(mark, wholes, usual, _HIGHEST_ON_DIVIDER) for mark in marks]
    own = [one for one in placed if one is not None and _is_of_field(one, places)]
    # A mark may be found as a part and on a divider. Between the same digits, specks come second.
    separators = {found.position: found for found in sorted(own, key=_by_certainty)}
    minus = _find_minus(strokes, float(places[0, 0]), wholes, usual) if len(places) == 1 else []
    return [*minus, *sorted(separators.values(), key=lambda found: found.position)]


def _is_of_field(mark: LooseInk, places: Places) -> bool:
    """Return whether a mark is in a row of the field's cells, and not in a row below of another field."""
    middle = (mark.top + mark.bottom) / 2
    return bool((middle <= places[:, 3] + _BELOW_MM * _PX_PER_MM).any())


def erase_ink(strokes: Strokes, found: Sequence[LooseInk]) -> Strokes:
    """Return the strokes without loose ink, so that it is part of no digit."""
    cells = strokes.cells.copy()
    for one in found:
        cells[one.top : one.bottom, one.left : one.right][one.mask] = 0
    return replace(strokes, cells=cells)


def _by_certainty(found: LooseInk) -> tuple[bool, int]:
    return not found.is_faint, int(found.mask.sum())


def _marks_on_dividers(
    printed: Floats, places: Places, digits: Sequence[Digit | None], usual: float, pen: float
) -> list[LooseInk]:
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
        if (along[low:lowest] > usually + PEN_SHARE * max(0.0, pen - usually)).sum() < _FEWEST_DARK:
            continue
        reach = round(_WINDOW_MM * _PX_PER_MM)
        columns = slice(max(0, column - reach), column + reach + 1)
        window = printed[low:lowest, columns]
        line = np.median(printed[first:last, columns], axis=0)
        across = np.median(window, axis=1)[:, None]
        ground = np.maximum(line, across)
        dark = window > ground + PEN_SHARE * np.maximum(0, pen - ground)
        dark &= across < _LINE_SHARE * pen  # where a line across meets the divider, print is darker than both
        _, found, measured, _ = cv2.connectedComponentsWithStats(dark.view(np.uint8), connectivity=8)
        labels, stats = np.asarray(found, dtype=np.int32), np.asarray(measured, dtype=np.int32)
        inside = (stats[:, 0] > 0) & (stats[:, 0] + stats[:, 2] < dark.shape[1]) & (stats[:, 1] > 0)
        kept = Parts(labels, stats[1:], inside[1:], inside[1:])
        small = find_small_marks(window, kept, usual, pen)
        # The line hides a part of the mark, so its shape is not clear.
        marks += [
            replace(one, left=one.left + columns.start, top=one.top + low, is_clear=False) for one in small
        ]
    return marks


def _place_separator(
    mark: LooseInk, wholes: Sequence[Whole], usual: float, highest: tuple[float, float]
) -> LooseInk | None:
    """Return a mark with its position if it is low between two digits, or None."""
    middle = (mark.left + mark.right) / 2
    row = [one for one in wholes if one.top < mark.bottom + usual and one.bottom > mark.top - usual]
    before = [one for one in row if one.middle < middle]
    after = [one for one in row if one.middle >= middle]
    if not before or not after:
        return None
    first, second = max(before, key=_middle), min(after, key=_middle)
    line = (_without(first.digit, mark)[1] + _without(second.digit, mark)[1]) / 2
    lowest_middle, lowest_end = (line - share * usual for share in highest)
    if (mark.top + mark.bottom) / 2 < lowest_middle or mark.bottom < lowest_end:
        return None
    rights = _columns(first.digit, mark)
    lefts = _columns(second.digit, mark)
    if (rights.size and rights.max() >= mark.left) or (lefts.size and lefts.min() < mark.right):
        return None
    return replace(mark, position=first.position)


def _find_minus(strokes: Strokes, box_left: float, wholes: Sequence[Whole], usual: float) -> list[LooseInk]:
    """Return the short flat stroke left of the first digit, at the middle of its height."""
    parts = strokes.parts
    first = min(wholes, key=_middle)
    left, top, width, height, _ = parts.stats.T
    middle = (top + top + height) / 2
    low, high = (first.top + share * first.height for share in _MINUS_ROWS)
    is_minus = parts.is_strong & (width >= _MINUS_MM * _PX_PER_MM) & (width >= _MINUS_FLAT * height)
    is_minus &= (width >= _MINUS_WIDTHS[0] * usual) & (width <= _MINUS_WIDTHS[1] * usual)
    is_minus &= (middle >= low) & (middle <= high) & (left + width / 2 < first.middle)
    is_minus &= left + width / 2 > box_left  # else it belongs to the field before
    for index in np.flatnonzero(is_minus).tolist():
        place = np.s_[top[index] : top[index] + height[index], left[index] : left[index] + width[index]]
        mask = parts.labels[place] == index + 1
        mark = LooseInk("minus", first.position, int(left[index]), int(top[index]), mask)
        own, _ = _without(first.digit, mark)
        inked = np.flatnonzero(own.any(axis=0))
        gap = first.digit.left + int(inked[0]) - mark.right if inked.size else -np.inf
        is_dark = float(np.quantile(strokes.soft[place][mask], 0.8)) >= PEN_SHARE * strokes.usual
        if is_dark and -_MINUS_OVERLAP * usual <= gap <= _MINUS_GAP * usual:
            return [mark]
    return []


def _middle(one: Whole) -> float:
    return one.middle


def _without(digit: Digit, mark: LooseInk) -> tuple[Mask, int]:
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


def _columns(digit: Digit, mark: LooseInk) -> NDArray[np.intp]:
    """Return the columns in which a digit has ink of its own in the rows of a mark."""
    mask = _without(digit, mark)[0]
    rows = mask[max(0, mark.top - digit.top) : max(0, mark.bottom - digit.top)]
    return digit.left + np.flatnonzero(rows.any(axis=0))
