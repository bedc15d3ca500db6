"""Blank forms that are not blank: what counts as writing in their cells, and what as print."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from lenet_pipeline.forms.filling.filled_pages import render_blank_sheet
from lenet_pipeline.forms.filling.scanning import scan_sheet
from lenet_pipeline.forms.filling.severities import SEVERITIES
from lenet_pipeline.forms.page import ALIGNED_DPI
from lenet_pipeline.forms.reading.blank_form import WrittenCells, find_written_cells
from lenet_pipeline.forms.templates.references import render_reference
from lenet_pipeline.forms.templates.template_file import read_template
from tests.forms.cell_builders import (
    COLUMNS,
    LEFT,
    SIDE,
    STROKES,
    TALL,
    TOP,
    Grey,
    blank_form,
    in_cell,
    one_box,
    row_of_cells,
    scanned,
    template_of,
    write,
)

EXAMPLES = Path(__file__).parents[2] / "examples"
REAL = {
    "answer-sheet": "answer-sheets",
    "attendance-sheet": "blank-templates",
    "exam-booklet": "exam-booklets",
    "twelve-questions": "blank-templates",
}


def print_text(page: Grey, column: int, text: str, *, height: int, level: int) -> None:
    """Print text at the bottom left of a cell, in place."""
    scale = height / 21  # OpenCV's capitals are 21 pixels high
    place = (LEFT + column * SIDE + 8, TOP + TALL - 8)
    cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, level, 2, cv2.LINE_AA)


def hints(page: Grey) -> None:
    for column, text in enumerate("DDMMYYYY"):
        print_text(page, column, text, height=24, level=60)


def pale_hints(page: Grey) -> None:
    for column, text in enumerate("DDMMYYYY"):
        print_text(page, column, text, height=50, level=185)


def guides(page: Grey) -> None:
    for column in range(COLUMNS):
        print_text(page, column, "8", height=50, level=60)


def ticks(page: Grey) -> None:
    for column in range(COLUMNS):
        x = LEFT + column * SIDE + SIDE // 2
        cv2.line(page, (x, TOP + TALL - 20), (x, TOP + TALL), 0, 2)


def nothing(page: Grey) -> None:
    pass


@pytest.mark.parametrize("printed", [nothing, hints, pale_hints, guides, ticks])
@pytest.mark.parametrize("noise", [0.0, 6.0])
def test_lines_and_printed_hints_are_not_writing(printed: Callable[[Grey], None], noise: float) -> None:
    page = blank_form(line=20)
    printed(page)
    assert find_written_cells(scanned(page, noise=noise), template_of(row_of_cells())) == []


def test_digits_on_the_blank_form_are_found_with_their_cells() -> None:
    page = blank_form()
    for column, digit in ((1, 4), (2, 7), (5, 0)):
        write(page, STROKES[digit], in_cell(column))
    template = template_of(row_of_cells())
    assert find_written_cells(scanned(page), template) == [WrittenCells("number", (1, 2, 5))]


def test_writing_between_printed_hints_is_found_alone() -> None:
    page = blank_form()
    hints(page)
    write(page, STROKES[2], in_cell(3))
    assert find_written_cells(scanned(page), template_of(row_of_cells())) == [WrittenCells("number", (3,))]


def test_writing_in_a_box_counts_as_one_cell() -> None:
    page = blank_form(dividers=False)
    write(page, STROKES[4], in_cell(2))
    write(page, STROKES[7], in_cell(4))
    found = find_written_cells(scanned(page), template_of(one_box()))
    assert found == [WrittenCells("amount", ())]
    assert found[0].count == 1
    assert find_written_cells(scanned(blank_form(dividers=False)), template_of(one_box())) == []


def test_dividers_in_a_box_are_not_writing() -> None:
    assert find_written_cells(scanned(blank_form(dividers=True)), template_of(one_box())) == []


def test_the_blank_form_of_the_demo_is_blank_on_paper_and_on_scans() -> None:
    template = read_template(EXAMPLES / "delivery-note" / "delivery-note.yaml")
    blank = render_reference(template, ALIGNED_DPI)
    assert blank is not None
    assert find_written_cells(blank, template) == []


@pytest.mark.parametrize("name", sorted(REAL))
def test_the_real_blank_forms_are_blank_and_stay_so_when_scanned(name: str, forms_root: Path) -> None:
    template = read_template(EXAMPLES / "templates" / f"{name}.yaml", forms_root / REAL[name])
    blank = render_reference(template, ALIGNED_DPI)
    assert blank is not None
    assert find_written_cells(blank, template) == []
    sheet = render_blank_sheet(template, 200)
    scan = scan_sheet(sheet.image, sheet.dpi, SEVERITIES["none"], np.random.default_rng(0))
    grainy = scanned(cv2.resize(scan.image, blank.shape[::-1]), noise=6.0)
    assert find_written_cells(grainy, template) == []
