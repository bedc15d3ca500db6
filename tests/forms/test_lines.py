"""Tests of printed lines: whatever their place and style, they leave no ink, and strokes near them stay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.reading.page_reading import read_cells
from lenet_pipeline.forms.reading.readings import CellReading
from tests.forms.cell_builders import (
    COLUMNS,
    HEIGHT,
    LEFT,
    SIDE,
    STROKES,
    TALL,
    TOP,
    WIDTH,
    blank_form,
    in_cell,
    row_of_cells,
    scanned,
    template_of,
    write,
)

MOVES = (0, 4, -4, 3, -3, 4, -4, 0, 3)  # pixels: half a millimetre from the place of each upright line
WRITTEN = (1, 4, 6)


def draw(style: str) -> Grey:
    """Draw the row of cells with lines of a style."""
    page = np.full((HEIGHT, WIDTH), 255, np.uint8)
    lefts = [LEFT + column * SIDE for column in range(COLUMNS + 1)]
    if style == "moved":
        lefts = [left + move for left, move in zip(lefts, MOVES, strict=True)]
    elif style == "wider":
        middle = LEFT + COLUMNS * SIDE / 2
        lefts = [round(middle + (left - middle) * 1.04) for left in lefts]
    bottom = TOP + TALL
    lines = [((x, TOP), (x, bottom)) for x in lefts]
    lines += [((lefts[0], y), (lefts[-1], y)) for y in (TOP, bottom)]
    for start, stop in lines:
        draw_line(page, start, stop, style)
    return page


def draw_line(page: Grey, start: tuple[int, int], stop: tuple[int, int], style: str) -> None:
    """Draw one upright or level line."""
    is_upright = start[0] == stop[0]
    for offset in (-2, 2) if style == "double" else (0,):
        x, y = (offset, 0) if is_upright else (0, offset)
        ends = (start[0] + x, start[1] + y), (stop[0] + x, stop[1] + y)
        cv2.line(page, *ends, (110,), 6 if style == "thick" else 2)
    zone = page[start[1] - 4 : stop[1] + 5, start[0] - 4 : stop[0] + 5]
    along = zone if is_upright else zone.T
    if style == "dotted":
        along[np.arange(len(along)) % 5 < 2] = 255
    elif style == "broken":
        along[len(along) // 4 : len(along) // 4 + 6] = 255
        along[len(along) // 2 : len(along) // 2 + 5] = 255


def read(page: Grey, reference: Grey | None) -> list[CellReading]:
    return read_cells(scanned(page), reference, template_of(row_of_cells()), np.eye(3))


@pytest.mark.parametrize("with_reference", [True, False])
@pytest.mark.parametrize("style", ["moved", "wider", "thick", "dotted", "broken", "double"])
def test_lines_of_another_place_or_style_leave_blanks_blank_and_digits_whole(
    style: str, with_reference: bool
) -> None:
    reference = blank_form() if with_reference else None
    page = draw(style)
    for column in WRITTEN:
        write(page, STROKES[5], in_cell(column))
    readings = read(page, reference)
    states = ["digit" if column in WRITTEN else "blank" for column in range(COLUMNS)]
    assert [reading.state for reading in readings] == states
    plain = blank_form()
    for column in WRITTEN:
        write(plain, STROKES[5], in_cell(column))
    for found, expected in zip(readings, read(plain, blank_form()), strict=True):
        if found.image is not None and expected.image is not None:
            assert np.corrcoef(found.image.ravel(), expected.image.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("with_reference", [True, False])
@pytest.mark.parametrize("distance", [8, 10, 14])
def test_an_upright_1_next_to_a_line_is_a_digit(distance: int, with_reference: bool) -> None:
    page = blank_form(line=150)
    x = LEFT + 3 * SIDE + distance
    cv2.line(page, (x, TOP + 12), (x, TOP + TALL - 12), (30,), 4, cv2.LINE_AA)
    readings = read(page, blank_form(line=150) if with_reference else None)
    assert [reading.state for reading in readings] == ["blank"] * 3 + ["digit"] + ["blank"] * 4


def test_a_bold_digit_that_fills_its_cell_is_not_grain() -> None:
    page = blank_form()
    for column in range(COLUMNS):
        write(page, STROKES[7 if column else 8], in_cell(column), thickness=4 if column else 11)
    assert [reading.state for reading in read(page, blank_form())] == ["digit"] * COLUMNS


@pytest.mark.parametrize("with_reference", [True, False])
def test_streaks_of_a_scanner_are_no_ink(with_reference: bool) -> None:
    page = blank_form()
    write(page, STROKES[2], in_cell(2), pen=150)
    for column in (1, 2, 5):
        x = LEFT + column * SIDE + 25
        page[:, x : x + 3] = np.minimum(page[:, x : x + 3], 205)
    readings = read(page, blank_form() if with_reference else None)
    assert [reading.state for reading in readings] == ["blank"] * 2 + ["digit"] + ["blank"] * 5


def test_a_watermark_is_no_ink_and_pale_pencil_on_it_is() -> None:
    page = blank_form()
    for top in range(10, HEIGHT, 26):
        cv2.putText(page, "ORIGINAL ORIGINAL ORIGINAL", (5, top), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (232,), 3)
    for column in WRITTEN:
        write(page, STROKES[5], in_cell(column), pen=140)
    states = ["digit" if column in WRITTEN else "blank" for column in range(COLUMNS)]
    assert [reading.state for reading in read(np.minimum(page, blank_form()), blank_form())] == states


def test_pale_pencil_on_grey_paper_is_read() -> None:
    page = blank_form()
    for column in WRITTEN:
        write(page, STROKES[5], in_cell(column), pen=190)
    grey = np.rint(page * 0.65).astype(np.uint8)
    states = ["digit" if column in WRITTEN else "blank" for column in range(COLUMNS)]
    assert [reading.state for reading in read(grey, blank_form())] == states
