"""Fill pages of cells with digits and with marks of several hands, and read the cells again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.forms.hands import HANDS, KINDS, draw_mark
from lenet_pipeline.forms import CellReading, LabelledImages, Severity, Template, align_page
from lenet_pipeline.forms.alignment.aligned_pages import AlignedPage
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate
from lenet_pipeline.forms.filling.filled_pages import render_blank_sheet
from lenet_pipeline.forms.filling.handwriting import apply_ink, render_digit, render_strokes
from lenet_pipeline.forms.filling.scanning import scan_sheet
from lenet_pipeline.forms.page import MM_PER_INCH, Page
from lenet_pipeline.forms.reading.page_reading import read_fields
from lenet_pipeline.forms.templates.model import Cells

_DIGIT_SIZE = (0.5, 0.85)  # the height of a digit, in heights of a cell
_ROOM = 0.86  # of a cell's width, for a digit
_PEN_GREY = (15, 90)


@dataclass(frozen=True)
class Written:
    """The content of one cell: the label of a digit with the index of its image, or a mark and its hand."""

    label: int | None = None
    image: int | None = None
    kind: str | None = None
    hand: str | None = None


@dataclass(frozen=True)
class MarkedCell:
    """One cell as it was written and as it was read."""

    written: Written
    reading: CellReading


def read_marked_page(
    prepared: PreparedTemplate,
    digits: LabelledImages,
    chosen: Sequence[int],
    hand: str,
    severity: Severity,
    rng: np.random.Generator,
) -> Iterator[MarkedCell]:
    """Fill and read one page: digits in some of its cells, and a mark in each of the others.

    A page that cannot be aligned yields no cells.

    Args:
        prepared: the template of a form whose fields are all cells.
        digits: the images of digits.
        chosen: the indices of the images to write, fewer than the page has cells.
        hand: the name of the hand that draws the marks.
        severity: how bad the scan is.
        rng: the source of all random choices.
    """
    template = prepared.template
    blank = render_blank_sheet(template, severity.dpi)
    sheet = blank.image.copy()
    written = {}
    order = rng.permutation(len(list(_cells_of(template))))
    for index, (place, (left, top, right, bottom)) in zip(order, _cells_of(template, blank.dpi), strict=True):
        pen = float(rng.uniform(*_PEN_GREY))
        if index < len(chosen):
            image = int(chosen[index])
            size = rng.uniform(*_DIGIT_SIZE) * (bottom - top)
            ink = render_digit(digits.images[image], size, _ROOM * (right - left))
            room = np.array([right - left - ink.shape[1], bottom - top - ink.shape[0]])
            x, y = np.array([left, top]) + room * rng.uniform(0.3, 0.7, 2)
            apply_ink(sheet, ink, round(x), round(y), pen)
            written[place] = Written(label=int(digits.labels[image]), image=image)
        else:
            kind = KINDS[int(rng.integers(len(KINDS)))]
            strokes = draw_mark(HANDS[hand], kind, rng)
            sides = [right - left, bottom - top]
            thickness = rng.uniform(*HANDS[hand].pen_mm) * blank.dpi / MM_PER_INCH
            ink, (x, y) = render_strokes([stroke * sides + [left, top] for stroke in strokes], thickness)
            apply_ink(sheet, ink, x, y, pen)
            written[place] = Written(kind=kind, hand=hand)
    scan = scan_sheet(sheet, blank.dpi, severity, rng, size_mm=(template.width, template.height))
    found = align_page(Page(1, scan.image, float(severity.dpi), ""), [prepared])
    if not isinstance(found, AlignedPage):
        return
    for field in read_fields(found.image, found.prepared.reference, template, found.to_scan):
        for cell in field.cells:
            yield MarkedCell(written[cell.field, cell.position], cell)


def _cells_of(
    template: Template, dpi: float = 1.0
) -> Iterator[tuple[tuple[str, int], tuple[float, float, float, float]]]:
    """Yield every cell of a template: its field and position, and its edges in pixels."""
    for field in template.fields:
        if isinstance(field.place, Cells):
            for position, rectangle in enumerate(field.place.rectangles()):
                yield (field.name, position), rectangle.pixels(dpi)
