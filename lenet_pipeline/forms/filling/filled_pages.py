"""Generate scans of filled forms, with known truth, from a template and labelled images of digits.

Each page depends only on the seed and its number. Therefore, more pages extend the same set, and any number
of processes may share the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.filling.filled_fields import Sheet, Writer, WrittenCell
from lenet_pipeline.forms.filling.habits import Habits
from lenet_pipeline.forms.filling.handwriting import LabelledImages
from lenet_pipeline.forms.filling.option_marks import (
    Marker,
    WrittenOption,
    draw_choice_value,
    write_value,
)
from lenet_pipeline.forms.filling.photographs import Homography
from lenet_pipeline.forms.filling.scanning import encode_scan, scan_sheet
from lenet_pipeline.forms.filling.severities import Severity, Turn
from lenet_pipeline.forms.filling.value_generation import generate_values
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey
from lenet_pipeline.forms.templates.model import Template
from lenet_pipeline.forms.templates.references import render_reference

Corners = NDArray[np.float64]  # (4, 2), x and y of top left, top right, bottom right, bottom left

LARGEST_SEED = 2**63 - 1

_FINER = 2  # the resolution of a sheet relative to its scan
_MOST_SHEET_DPI = 800
_MOST_SHEET_PIXELS = 90_000_000
_LINE_MM, _LINE_GREY = 0.25, 120  # the lines of boxes on a form without a reference


@dataclass(frozen=True)
class FilledPage:
    """One filled and scanned page with its truth.

    Attributes:
        image: the scan, uint8 (height, width).
        dpi: the resolution of the scan in pixels per inch.
        truth: the digits written into every field, ``""`` for a blank field.
        cells: every cell, and every digit of a box without dividers, with corners in pixels of the scan. A
            blank box has none.
        homography: maps points of the aligned page to points of the scan, as if the paper was flat.
        rotation: the clockwise rotation of the page in degrees.
        content: the scan as a JPEG or PNG file, depending on the severity.
        choices: the value marked in every choice, ``""`` for none.
        options: every box and bubble of the choices.
    """

    image: Grey
    dpi: int
    truth: dict[str, str]
    cells: tuple[WrittenCell, ...]
    homography: Homography
    rotation: Turn
    content: bytes
    choices: dict[str, str]
    options: tuple[WrittenOption, ...]

    @property
    def suffix(self) -> str:
        """Return the file suffix for ``content``, ``.png`` or ``.jpg``."""
        return ".png" if self.content.startswith(b"\x89PNG") else ".jpg"

    @property
    def labels(self) -> dict[tuple[str, int], int]:
        """Return the digits by field and position, without the crossed-out ones."""
        return {
            (cell.field, cell.position): cell.label
            for cell in self.cells
            if cell.label is not None and cell.state == "digit"
        }

    @property
    def corners(self) -> dict[tuple[str, int], Corners]:
        """Return the corners by field and position, in pixels of the scan."""
        return {(cell.field, cell.position): cell.corners for cell in self.cells}


def fill_pages(
    template: Template,
    digits: LabelledImages,
    *,
    numbers: Iterable[int],
    seed: int,
    severity: Severity,
    habits: Habits | None = None,
) -> Iterator[FilledPage]:
    """Yield filled pages by their numbers. Each depends only on the seed and its number.

    Args:
        template: the template of the form.
        digits: the images of digits to write with.
        numbers: the numbers of the pages, from 0, such as ``range(500)``.
        seed: 0 to ``LARGEST_SEED``.
        severity: how bad the scans are.
        habits: the habits of the writers. The default is ``Habits()``.

    Raises:
        IngestError: the seed is out of range, the reference is unreadable, or no values pass the rules.
    """
    if not 0 <= seed <= LARGEST_SEED:
        raise IngestError(f"the seed is {seed}; expected 0 to {LARGEST_SEED}")
    blank = render_blank_sheet(template, severity.dpi)
    for number in numbers:
        rng = np.random.default_rng([seed, number])
        yield fill_page(template, digits, rng, severity, habits=habits, blank=blank)


def fill_page(
    template: Template,
    digits: LabelledImages,
    rng: np.random.Generator,
    severity: Severity,
    *,
    habits: Habits | None = None,
    blank: Sheet | None = None,
) -> FilledPage:
    """Fill one page with values that pass its rules, and scan it.

    Args:
        template: the template of the form.
        digits: the images of digits to write with.
        rng: the source of all random choices.
        severity: how bad the scan is.
        habits: the habits of the writer. The default is ``Habits()``.
        blank: the result of ``render_blank_sheet`` for this template and the severity's dpi, to share it
            among pages.

    Raises:
        IngestError: the reference is unreadable, or no values pass the rules.
    """
    habits = habits or Habits()
    blank = blank or render_blank_sheet(template, severity.dpi)
    truth = generate_values(template, rng, blank_rate=habits.blank_rate)
    sheet = Sheet(blank.image.copy(), blank.dpi)
    writer = Writer(sheet, digits, habits, rng)
    written = [cell for field in template.fields for cell in writer.write_field(field, truth[field.name])]
    choices, options = _mark_choices(template, sheet, truth, habits, rng)
    size_mm = template.width, template.height
    scan = scan_sheet(sheet.image, sheet.dpi, severity, rng, size_mm=size_mm)
    to_aligned = ALIGNED_DPI / sheet.dpi
    return FilledPage(
        image=scan.image,
        dpi=severity.dpi,
        truth=truth,
        cells=tuple(replace(cell, corners=scan.locate(cell.corners * to_aligned)) for cell in written),
        homography=scan.homography,
        rotation=scan.rotation,
        content=scan.content or encode_scan(scan.image, severity.dpi),
        choices=choices,
        options=options,
    )


def _mark_choices(
    template: Template, sheet: Sheet, truth: dict[str, str], habits: Habits, rng: np.random.Generator
) -> tuple[dict[str, str], tuple[WrittenOption, ...]]:
    """Mark the choices of a page, and return their values and all boxes and bubbles."""
    if not template.choices:
        return {}, ()
    marker = Marker(sheet, habits.marks, rng)
    values: dict[str, str] = {}
    options: list[WrittenOption] = []
    for choice in template.choices:
        value = draw_choice_value(choice, truth, habits.marks, rng)
        values[choice.name] = write_value(choice, value)
        options += marker.mark(choice, value)
    return values, tuple(options)


def render_blank_sheet(template: Template, scan_dpi: int) -> Sheet:
    """Render the blank form as a sharp sheet, at a resolution high enough for a scan at ``scan_dpi``.

    Without a reference, the sheet is white paper with the template's boxes in thin lines.

    Raises:
        IngestError: the reference is unreadable.
    """
    square_inches = template.width * template.height / MM_PER_INCH**2
    most = min(_MOST_SHEET_DPI, int((_MOST_SHEET_PIXELS / square_inches) ** 0.5))
    dpi = float(min(max(_FINER * scan_dpi, ALIGNED_DPI), most))
    reference = render_reference(template, dpi)
    return Sheet(_draw_boxes(template, dpi) if reference is None else reference, dpi)


def _draw_boxes(template: Template, dpi: float) -> Grey:
    """Return white paper with the outline of every cell and box of a template."""
    height, width = (round(side * dpi / MM_PER_INCH) for side in (template.height, template.width))
    paper = np.full((height, width), 255, np.uint8)
    thickness = max(1, round(_LINE_MM * dpi / MM_PER_INCH))
    for field in template.placed:
        for rectangle in field.rectangles():
            left, top, right, bottom = (round(edge) for edge in rectangle.pixels(dpi))
            cv2.rectangle(paper, (left, top), (right, bottom), (_LINE_GREY,), thickness)
    return paper
