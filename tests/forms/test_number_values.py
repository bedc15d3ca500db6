"""Tests of values with a separator and a sign: from cells to a value, and after the verdicts of people."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from lenet_pipeline.forms.rules.field_rules import Checksum, Range, Rule
from lenet_pipeline.forms.templates.content import TemplateContent
from lenet_pipeline.forms.templates.model import Cells, Field, Rectangle, WritingBox
from lenet_pipeline.forms.templates.number_formats import NumberFormat
from lenet_pipeline.forms.values.cell_states import CellState
from lenet_pipeline.forms.values.field_values import FieldValue, read_field_value
from lenet_pipeline.forms.values.final_values import (
    FieldVerdict,
    ReadCell,
    ReviewedField,
    derive_final_values,
)
from lenet_pipeline.forms.values.number_forms import NumberInk, find_broken_rules

AMOUNT = NumberFormat("comma", 2, 2, may_be_negative=True)


def box(*rules: Rule, numbers: NumberFormat = AMOUNT) -> Field:
    return Field("amount", WritingBox(Rectangle(0, 0, 60, 9), 3, 6), rules, numbers=numbers)


def row(numbers: NumberFormat = AMOUNT) -> Field:
    return Field("amount", Cells(Rectangle(0, 0, 6, 8), 8, 6), numbers=numbers)


def cells(signs: str, second: dict[int, int] | None = None) -> list[CellState]:
    """Return cells: digits, ``_`` for blank, ``-`` and ``X`` for marks; ``second`` has other digits."""
    found = []
    for position, sign in enumerate(signs):
        if sign == "_":
            found.append(CellState(position, "blank"))
        elif sign in "-X":
            found.append(CellState(position, "mark", mark=sign))
        else:
            chances = np.full(10, 0.001)
            chances[int(sign)] = 0.991
            if second and position in second:
                chances[int(sign)], chances[second[position]] = 0.591, 0.401
            found.append(CellState(position, "digit", chances))
    return found


def read(field: Field, signs: str, ink: NumberInk | None = None, **second: int) -> FieldValue:
    others = {int(name[1:]): digit for name, digit in second.items()}
    return read_field_value(field, cells(signs, others), ink=ink or NumberInk())


@pytest.mark.parametrize("places", [2, None])
def test_value_has_its_separator_and_sign_in_normal_form(places: int | None) -> None:
    numbers = NumberFormat("comma", places or 0, places, may_be_negative=True)
    value = read(box(numbers=numbers), "30000", NumberInk(2, has_minus=True))
    assert (value.status, value.raw_value, value.value, value.reasons) == ("read", "-300.00", "-300.00", ())


def test_value_with_a_missing_separator_waits_for_a_person() -> None:
    value = read(box(), "30000")
    assert (value.status, value.value) == ("rule_failed", "30000")
    assert value.reasons == ("rule_failed: 30000 breaks 2 decimal places",)


def test_separator_at_a_wrong_place_waits_for_a_person() -> None:
    value = read(box(numbers=NumberFormat("comma", 2, 2)), "30000", NumberInk(1))
    assert (value.status, value.value) == ("rule_failed", "30.000")
    assert value.reasons == ("rule_failed: 30.000 breaks 2 decimal places, no minus",)


def test_without_a_declared_number_of_places_none_are_required() -> None:
    assert read(box(numbers=NumberFormat("comma")), "300").value == "300"


def test_rule_corrects_digits_and_leaves_the_separator() -> None:
    field = box(Range(0, Decimal("499.99")))
    value = read(field, "90000", NumberInk(2), _0=3)
    assert (value.status, value.raw_value, value.value) == ("corrected", "900.00", "300.00")
    assert value.reasons == ("corrected: 900.00 breaks 0 to 499.99, 300.00 passes",)
    assert read(box(Checksum("luhn")), "18", NumberInk(0)).broken_rules[0] == "2 decimal places"


def test_minus_in_the_cell_before_the_digits_is_a_sign_and_no_unexpected_mark() -> None:
    value = read(row(), "_-300____", NumberInk(2))
    assert (value.value, value.reasons) == ("-3.00", ())
    assert read(row(NumberFormat("comma")), "_-300____", NumberInk(2)).reasons == (
        "mark: a dash at position 1",
    )


@pytest.mark.parametrize("signs", ["--300", "-_300", "X-300", "300-"])
def test_dash_that_is_not_alone_before_the_digits_is_no_sign(signs: str) -> None:
    value = read(row(NumberFormat(may_be_negative=True)), signs)
    assert value.value == "300"
    assert any(reason.startswith("mark: ") for reason in value.reasons)


def test_cell_of_the_separator_is_no_gap() -> None:
    assert read(row(), "30_00", NumberInk(1)).reasons == ()
    assert read(row(), "3_000", NumberInk(2)).reasons == ("gap: position 1 between digits is blank",)


def test_separator_that_is_no_longer_between_digits_is_a_doubt() -> None:
    value = read(box(numbers=NumberFormat("comma")), "X300", NumberInk(0))
    assert (value.value, value.reasons[-1]) == ("300", "extra_ink: a separator after position 0")


@pytest.mark.parametrize(
    ("value", "broken"),
    [
        ("-300.00", ()),
        ("1000.00", ("at most 999",)),
        ("300", ("2 decimal places",)),
        ("300.0", ("2 decimal places",)),
        (".00", ("2 decimal places",)),
    ],
)
def test_typed_value_is_checked_as_a_number(value: str, broken: tuple[str, ...]) -> None:
    assert find_broken_rules(box(Range(-999, 999)), value) == tuple(
        "-999 to 999" if name == "at most 999" else name for name in broken
    )
    assert find_broken_rules(box(numbers=NumberFormat()), "3.00") == ("no decimal places, no minus",)


def reviewed(raw_value: str, digits: dict[int, str], states: str = "ddddd", **given: object) -> str | None:
    read_cells = [
        ReadCell(place, "digit" if state == "d" else "mark", 9) for place, state in enumerate(states)
    ]
    field = ReviewedField("read", raw_value, raw_value, None, None, tuple(read_cells), digits, **given)  # type: ignore[arg-type]
    content = TemplateContent((box(),), ())
    (final,) = derive_final_values(content, {"amount": field})[0].values()
    return final.value


def test_verdict_on_a_digit_keeps_the_separator_and_the_sign() -> None:
    assert reviewed("-300.00", {0: "7"}) == "-700.00"
    assert reviewed("300.00", {2: "blank", 4: "1"}) == "30.01"
    assert reviewed("-300.00", dict.fromkeys(range(5), "blank")) is None
    assert reviewed("-30.00", {1: "7"}, states="mdddd") == "-70.00"


def test_value_that_a_person_typed_has_a_separator_and_a_sign() -> None:
    assert reviewed("30000", {}, verdict=FieldVerdict("value", "-300.00")) == "-300.00"
