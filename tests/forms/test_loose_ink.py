"""Tests of separators and minus signs: found, told apart from specks, and kept out of the digits."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.reading.page_reading import read_fields
from lenet_pipeline.forms.reading.readings import FieldReading
from lenet_pipeline.forms.templates.model import Field
from lenet_pipeline.forms.templates.number_formats import NumberFormat
from tests.forms.cell_builders import (
    LEFT,
    SIDE,
    STROKES,
    TALL,
    TOP,
    Points,
    blank_form,
    in_cell,
    one_box,
    row_of_cells,
    scanned,
    template_of,
    write,
)

COMMA: list[Points] = [[(0.7, 0), (0.3, 1)]]
LINE: list[Points] = [[(0, 0.5), (1, 0.5)]]
BASE = TOP + TALL - 14  # the row on which the digits of the builders stand
WIDE = 44  # from one digit of a box to the next
AMOUNT = NumberFormat("comma", 2, 2, may_be_negative=True)


def read(page: Grey, field: Field, numbers: NumberFormat = AMOUNT) -> FieldReading:
    field = replace(field, numbers=numbers)
    (reading,) = read_fields(scanned(page), None, template_of(field), np.eye(3))
    return reading


def written_box(*digits: int) -> Grey:
    page = blank_form(dividers=False)
    for column, digit in enumerate(digits):
        write(page, STROKES[digit], (start_of(column), TOP + 14, start_of(column) + SIDE - 28, BASE))
    return page


def written_cells(*digits: int) -> Grey:
    page = blank_form()
    for column, digit in enumerate(digits):
        write(page, STROKES[digit], in_cell(column))
    return page


def start_of(column: int) -> int:
    return LEFT + 60 + WIDE * column


def write_comma(page: Grey, x: float) -> None:
    write(page, COMMA, (x, BASE - 3, x + 6, BASE + 9))


def write_minus(page: Grey, right: float, *, y: float = TOP + TALL / 2) -> None:
    write(page, LINE, (right - 16, y - 1, right, y + 1))


def found(reading: FieldReading) -> list[tuple[str, int, bool]]:
    return [(one.kind, one.position, one.is_read) for one in reading.loose_ink]


@pytest.mark.parametrize("near", [0, 6])  # with a gap, and so near that the comma is part of the digit
def test_declared_comma_and_minus_are_read_and_are_part_of_no_digit(near: int) -> None:
    clean = read(written_box(5, 0, 4, 1), one_box())
    page = written_box(5, 0, 4, 1)
    write_comma(page, start_of(2) - 12 - near)
    write_minus(page, start_of(0) - 8 + near)
    reading = read(page, one_box())
    assert reading.extra_ink is None
    assert found(reading) == [("minus", 0, True), ("comma", 1, True)]
    assert len(reading.cells) == 4
    for cell, alone in zip(reading.cells, clean.cells, strict=True):
        assert abs(cell.box.x - alone.box.x) <= 2
        assert abs(cell.box.height - alone.box.height) <= 2
    minus, comma = reading.loose_ink
    assert comma.box.y + comma.box.height >= BASE + 5
    assert minus.box.x < reading.cells[0].box.x - 8


def test_ink_that_the_template_does_not_declare_is_a_doubt_with_its_place() -> None:
    page = written_box(5, 0, 4, 1)
    write_comma(page, start_of(2) - 12)
    write_minus(page, start_of(0) - 8)
    reading = read(page, one_box(), NumberFormat())
    assert reading.extra_ink == "a minus before position 0, a comma after position 1"
    assert found(reading) == [("minus", 0, False), ("comma", 1, False)]


@pytest.mark.parametrize(("separator", "is_read"), [("comma", False), ("point", True), ("either", True)])
def test_clear_point_is_a_point_only(separator: str, is_read: bool) -> None:
    page = written_box(5, 0, 4, 1)
    cv2.circle(page, (start_of(2) - 9, BASE - 3), 4, (30,), -1)
    reading = read(page, one_box(), NumberFormat(separator, 2, 2))  # type: ignore[arg-type]
    assert found(reading) == [("point", 1, is_read)]
    assert (reading.extra_ink is None) == is_read


def test_of_two_commas_the_last_is_the_separator_and_the_other_a_doubt() -> None:
    page = written_box(5, 0, 4, 1)
    for column in (1, 2):
        write_comma(page, start_of(column) - 12)
    reading = read(page, one_box())
    assert found(reading) == [("comma", 1, True), ("comma", 0, False)]
    assert reading.extra_ink == "a comma after position 0"


@pytest.mark.parametrize(("column", "is_read"), [(2, True), (1, False)])
def test_a_speck_counts_only_where_it_leaves_the_declared_places(column: int, is_read: bool) -> None:
    page = written_box(5, 0, 4, 1)
    cv2.circle(page, (start_of(column) - 9, BASE), 2, (30,), -1)
    reading = read(page, one_box())
    assert [(one.position, one.is_read) for one in reading.loose_ink] == [(1, True)] * is_read
    assert reading.extra_ink is None
    assert read(page, one_box(), NumberFormat()).loose_ink == ()


@pytest.mark.parametrize(
    ("right", "y"),
    [
        (start_of(0) - 8, BASE - 2),  # an underscore
        (start_of(0) - 8, TOP + 16),  # the flag of a digit
        (start_of(0) - 8 - 130, TOP + TALL / 2),  # far away, on the left edge
    ],
)
def test_flat_stroke_elsewhere_is_no_minus(right: float, y: float) -> None:
    page = written_box(5, 0, 4, 1)
    write_minus(page, right, y=y)
    assert "minus" not in [one.kind for one in read(page, one_box()).loose_ink]


@pytest.mark.parametrize("x", [-9, 0])  # in the cell, on the line between the cells
def test_comma_between_two_cells_is_read(x: int) -> None:
    page = written_cells(5, 0, 4, 1)
    write_comma(page, LEFT + 2 * SIDE + x - 3)
    reading = read(page, row_of_cells())
    assert found(reading) == [("comma", 1, True)]
    assert [cell.state for cell in reading.cells] == ["digit"] * 4 + ["blank"] * 4


def test_comma_in_a_cell_of_its_own_leaves_the_cell_blank() -> None:
    page = written_cells(5, 0)
    for column in (3, 4):
        write(page, STROKES[0], in_cell(column))
    write_comma(page, LEFT + 2.5 * SIDE - 3)
    reading = read(page, row_of_cells())
    assert found(reading) == [("comma", 1, True)]
    assert [cell.state for cell in reading.cells[:5]] == ["digit", "digit", "blank", "digit", "digit"]
