"""Find ink that belongs to no digit: a decimal comma, a minus, a stroke through a digit, a line across cells.

The template decides which of it is part of the value. All places are in pixels of the given part of the
aligned page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH
from lenet_pipeline.forms.reading.cells import Places
from lenet_pipeline.forms.reading.digit_images import Digit
from lenet_pipeline.forms.reading.loose_ink import find_loose_ink, find_wholes
from lenet_pipeline.forms.reading.small_marks import LooseInk
from lenet_pipeline.forms.reading.strikes import has_strike
from lenet_pipeline.forms.reading.writing import Strokes
from lenet_pipeline.forms.rules.numerals import NumberForm
from lenet_pipeline.forms.templates.number_formats import NumberFormat

_PX_PER_MM = ALIGNED_DPI / MM_PER_INCH
_LONG_SHARE = 1.3  # of a cell's width: the shortest stroke across cells
_LINE_MM = 1.0  # the mean thickness of ink from which on it is more than a line


@dataclass(frozen=True)
class ExtraInk:
    """The ink of a field that belongs to no digit.

    Attributes:
        read: the separator and the minus that are part of the value.
        unexpected: the separators and the minus that are not.
        strokes: descriptions of strokes through digits and across cells.
    """

    read: tuple[LooseInk, ...]
    unexpected: tuple[LooseInk, ...]
    strokes: tuple[str, ...]

    @property
    def doubt(self) -> str | None:
        """Return a description of the ink outside the value, or None without any."""
        texts = [*(one.describe() for one in self.unexpected), *self.strokes]
        return ", ".join(dict.fromkeys(texts)) or None


def find_extra_ink(
    strokes: Strokes,
    places: Places,
    digits: Sequence[Digit | None],
    is_digit: Sequence[bool],
    numbers: NumberFormat,
) -> ExtraInk:
    """Find the ink of a field that belongs to no digit.

    A value has one separator: the last one that the template declares.

    Args:
        strokes: the strokes of the field.
        places: left, top, right and bottom of the cells, (n, 4).
        digits: the digits or other writing by position, with None for a position without ink.
        is_digit: whether each of these may be a digit. Marks cannot.
        numbers: the separator and the sign that the template declares.
    """
    wholes, usual = find_wholes(digits, is_digit)
    loose = find_loose_ink(strokes, places, digits, wholes, usual)
    read = [one for one in loose if one.kind == "minus" and numbers.may_be_negative]
    separator = _choose_separator(loose, [one.position for one in wholes], numbers)
    read += [separator] if separator else []
    is_blank = not any(digit is not None and may_be for digit, may_be in zip(digits, is_digit, strict=True))
    struck = [
        f"a stroke through position {position}"
        for position, (digit, may_be) in enumerate(zip(digits, is_digit, strict=True))
        if digit is not None and may_be and has_strike(digit.mask, usual)
    ]
    long = _describe_long_stroke(strokes, places, is_blank=is_blank)
    return ExtraInk(
        read=tuple(read),
        unexpected=tuple(one for one in loose if one not in read and not one.is_faint),
        strokes=(*struck, *([long] if long else [])),
    )


def _choose_separator(
    loose: Sequence[LooseInk], positions: Sequence[int], numbers: NumberFormat
) -> LooseInk | None:
    """Return the separator of a value, or None without one.

    Without a clear mark, the only one that may be a speck counts if it leaves an allowed number of decimal
    places.
    """
    if numbers.separator is None:
        return None
    marks = [one for one in loose if one.kind != "minus"]
    clear = [one for one in marks if not one.is_faint]
    if clear:
        declared = [one for one in clear if numbers.allows_ink(one.kind) or not one.is_clear]
        return declared[-1] if declared else None
    faint = [
        one
        for one in marks
        if numbers.allows(NumberForm(sum(position > one.position for position in positions)))
    ]
    return faint[0] if len(faint) == 1 else None


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
