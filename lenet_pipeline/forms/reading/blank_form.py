"""Check that a blank form is blank: everything on it is removed from scans, so writing would remove digits.

Print may be in cells: hints such as "DD" or a currency sign, tick marks, or a guide for digits. It is small
or pale, or the same in every cell of its field, unlike writing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.reading.digit_images import Digit, cut_digits
from lenet_pipeline.forms.reading.page_reading import clear_field, cut_box, prepare_field
from lenet_pipeline.forms.reading.writing import Strokes, find_strokes
from lenet_pipeline.forms.templates.model import Template, WritingBox

_TALL_SHARE = 0.5  # of a cell's height: 9 of 10 handwritten digits are taller, and printed hints are lower
_PALE_SHARE = 0.35  # of the contrast of the form: paler print does not remove the digits of a pen
_THIN_PX = 5  # 0.6 mm: narrower ink is a printed line
_SAME = 0.95  # the correlation of two images of the same print
_FEWEST_SAME = 3  # cells


@dataclass(frozen=True)
class WrittenCells:
    """The cells of a field on the blank form that hold writing, by position from 0; none for a whole box."""

    field: str
    positions: tuple[int, ...]

    @property
    def count(self) -> int:
        """Return the number of cells; a box without dividers counts as one."""
        return max(len(self.positions), 1)


def find_written_cells(reference: Grey, template: Template) -> list[WrittenCells]:
    """Find writing in the cells of a blank form.

    Args:
        reference: the blank form, uint8 of ``template.aligned_size``.
        template: the template of the form.
    """
    paper, ink = np.percentile(reference[::4, ::4], (75, 0.2))
    pale = _PALE_SHARE * float(paper - ink)
    found = []
    for field in template.fields:
        prepared = prepare_field(None, field, template.aligned_size)
        cleared = clear_field(reference, prepared)
        strokes = find_strokes(cleared, 0.0)
        height = float(np.median(cleared.places[:, 3] - cleared.places[:, 1]))
        box = field.place if isinstance(field.place, WritingBox) else None
        digits = cut_box(strokes, box)[0] if box else cut_digits(strokes, strokes.cells, strokes.palest)
        written = [
            position
            for position, digit in enumerate(digits)
            if digit is not None and _is_tall(digit, height) and _darkness(digit, strokes) >= pale
        ]
        if written and not _is_repeated_print(digits):
            found.append(WrittenCells(field.name, () if box else tuple(written)))
    return found


def _is_tall(digit: Digit, height: float) -> bool:
    """Return whether ink has the height of writing and is no printed line."""
    rows, columns = digit.mask.shape
    return bool(rows >= _TALL_SHARE * height and columns > _THIN_PX)


def _darkness(digit: Digit, strokes: Strokes) -> float:
    rows, columns = digit.mask.shape
    soft = strokes.soft[digit.top : digit.top + rows, digit.left : digit.left + columns]
    return float(np.median(soft[digit.mask]))


def _is_repeated_print(digits: Sequence[Digit | None]) -> bool:
    """Return whether every cell of a field has the same ink, such as a guide for digits."""
    images = [digit.image.astype(np.float64).ravel() for digit in digits if digit is not None]
    if len(images) < max(len(digits), _FEWEST_SAME):
        return False
    return bool(np.min(np.corrcoef(images)) >= _SAME)
