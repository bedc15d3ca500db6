"""Tests of marks that only the shape and the score for not being a digit find together."""

from __future__ import annotations

import numpy as np
import pytest

from lenet_pipeline.forms.filling.handwriting import render_strokes
from lenet_pipeline.forms.reading.marks import find_mark
from lenet_pipeline.forms.reading.possible_marks import find_possible_mark
from lenet_pipeline.forms.templates.model import Cells, Field, Rectangle
from lenet_pipeline.forms.values.cell_states import CellState
from lenet_pipeline.forms.values.field_values import read_field_value
from lenet_pipeline.schema import Mask
from tests.forms.cell_builders import STROKES, Points

BENT_CROSS: list[Points] = [[(0, 0), (0.72, 0.35), (0.9, 1)], [(1, 0), (0.3, 0.4), (0.1, 0.95)]]
LOOPED_CROSS: list[Points] = [[(0, 0), (1, 1), (1.15, 0.5), (1, 0), (0, 1)]]
BENT_DASH: list[Points] = [[(0, 0.5), (0.5, 0.36), (1, 0.5)]]
WAVE: list[Points] = [[(0.0, 0.8), (0.25, 0.3), (0.5, 0.8), (0.75, 0.3), (1.0, 0.8), (1.25, 0.3)]]

CELL = (60, 50)  # height and width in pixels
FIELD = Field("number", Cells(Rectangle(0, 0, 6, 8), 3, 6), unused_mark="X")


def mask_of(strokes: list[Points]) -> Mask:
    ink, _ = render_strokes([np.array(stroke) * [30.0, 40.0] for stroke in strokes], 4)
    inked = ink > 127
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    return inked[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def cell(position: int, digit: int, **columns: object) -> CellState:
    probabilities = np.full(10, 0.01 / 9)
    probabilities[digit] = 0.99
    return CellState(position, "digit", probabilities, **columns)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("strokes", "mark"),
    [(BENT_CROSS, "X"), (LOOPED_CROSS, "X"), (BENT_DASH, "-"), (WAVE, "curl")],
    ids=["bent cross", "looped cross", "bent dash", "wave"],
)
def test_ink_that_is_no_clear_mark_may_be_one(strokes: list[Points], mark: str) -> None:
    mask = mask_of(strokes)
    assert find_mark(mask) is None
    found = find_possible_mark(mask, CELL)
    assert found is not None
    assert found.mark == mark


@pytest.mark.parametrize("digit", [0, 2, 5, 8])
def test_no_shape_of_a_digit_is_a_likely_mark(digit: int) -> None:
    found = find_possible_mark(mask_of(STROKES[digit]), CELL)
    assert found is None or not found.is_likely


def test_a_stroke_from_another_cell_next_to_a_digit_is_no_mark() -> None:
    digit, wave = mask_of(STROKES[0]), mask_of(WAVE)
    both = np.zeros((digit.shape[0], digit.shape[1] + wave.shape[1] + 3), np.bool_)
    both[:, : digit.shape[1]] = digit
    both[: wave.shape[0], digit.shape[1] + 3 :] = wave
    assert find_possible_mark(both, (60, 200)) is None


def test_ink_that_reaches_into_the_next_cell_is_no_mark() -> None:
    assert find_possible_mark(mask_of(WAVE), (60, 20)) is None


def test_a_possible_mark_that_is_no_digit_counts_as_a_mark() -> None:
    cells = [cell(0, 8, not_a_digit=0.99, possible_mark="X"), cell(1, 4), cell(2, 2)]
    value = read_field_value(FIELD, cells)
    assert (value.value, value.reasons) == ("42", ())


def test_a_mark_of_another_kind_than_the_form_asks_for_is_a_doubt() -> None:
    flat = cell(0, 7, not_a_digit=0.99, possible_mark="curl", is_like_mark=True)
    value = read_field_value(FIELD, [flat, cell(1, 4)])
    assert (value.value, value.reasons) == ("4", ("mark: a curl at position 0",))


@pytest.mark.parametrize("columns", [{"not_a_digit": 0.2}, {"not_a_digit": 0.0, "is_like_mark": True}])
def test_between_digit_and_mark_the_field_is_doubtful(columns: dict[str, object]) -> None:
    value = read_field_value(FIELD, [cell(0, 8, possible_mark="X", **columns), cell(1, 4)])
    assert (value.value, value.reasons) == ("84", ("mark: position 0 may be a cross",))


@pytest.mark.parametrize("kind", ["/", "circle", "curl"])
def test_ink_with_the_shape_of_many_digits_is_a_doubt_whatever_its_score(kind: str) -> None:
    possible = cell(0, 1, not_a_digit=0.99, possible_mark=kind, is_like_mark=False)
    value = read_field_value(FIELD, [possible, cell(1, 4)])
    name = {"/": "slash"}.get(kind, kind)
    assert (value.value, value.reasons) == ("14", (f"mark: position 0 may be a {name}",))


def test_a_digit_with_the_shape_of_a_mark_and_a_low_score_stays_a_digit() -> None:
    value = read_field_value(FIELD, [cell(0, 8, not_a_digit=0.0, possible_mark="X"), cell(1, 4)])
    assert (value.value, value.reasons) == ("84", ())


def test_ink_that_is_no_digit_but_has_the_shape_of_no_mark_stays_in_the_value() -> None:
    value = read_field_value(FIELD, [cell(0, 8, not_a_digit=0.99), cell(1, 4)])
    assert value.value == "84"
