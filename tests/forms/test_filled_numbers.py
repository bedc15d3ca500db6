"""Tests of filled pages with separators and signs: their values, and the ink on the page."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from lenet_pipeline.forms.filling.filled_fields import Sheet, Writer
from lenet_pipeline.forms.filling.habits import Habits
from lenet_pipeline.forms.filling.handwriting import LabelledImages
from lenet_pipeline.forms.filling.value_generation import generate_values
from lenet_pipeline.forms.rules.across_rules import ProductRule, SumRule
from lenet_pipeline.forms.rules.field_rules import Range
from lenet_pipeline.forms.templates.model import Cells, Field, Rectangle, Template, WritingBox
from lenet_pipeline.forms.templates.number_formats import NumberFormat

PRICE = NumberFormat("comma", 2, 2)
SIGNED = NumberFormat("point", 1, 1, may_be_negative=True)


def box(name: str, numbers: NumberFormat, *rules: Range, most: int = 6) -> Field:
    return Field(
        name, WritingBox(Rectangle(5, 5, 60, 10), 1, most), rules, may_be_blank=False, numbers=numbers
    )


def row(numbers: NumberFormat) -> Field:
    return Field("row", Cells(Rectangle(5, 5, 8, 10), 6, 8), may_be_blank=False, numbers=numbers)


def template(fields: list[Field], *rules: SumRule | ProductRule) -> Template:
    return Template("numbers", 100, 60, tuple(fields), "scale", 3.0, "0" * 64, "", None, rules)


def values(form: Template, pages: int = 40) -> list[dict[str, str]]:
    rng = np.random.default_rng(1)
    return [generate_values(form, rng, blank_rate=0.0) for _ in range(pages)]


@pytest.fixture(scope="module")
def digits() -> LabelledImages:
    """Return images that are a filled rectangle each."""
    images = np.zeros((10, 28, 28), np.uint8)
    images[:, 4:24, 8:20] = 255
    return LabelledImages(images, np.arange(10, dtype=np.uint8))


def test_values_have_the_declared_places_and_keep_their_range() -> None:
    signed = Range(Decimal("-2.5"), 30)
    found = values(
        template([box("price", PRICE), box("signed", SIGNED, signed), box("plain", NumberFormat())])
    )
    assert {len(page["price"].partition(".")[2]) for page in found} == {2}
    assert {len(page["signed"].partition(".")[2]) for page in found} == {1}
    assert all(page["plain"].isdigit() for page in found)
    assert all(Fraction("-2.5") <= Fraction(page["signed"]) <= 30 for page in found)
    assert {page["signed"].startswith("-") for page in found} == {False, True}


def test_sums_and_products_of_values_with_places_hold() -> None:
    whole = NumberFormat()
    fields = [
        box("a", PRICE, most=4),
        box("b", PRICE, most=4),
        box("total", PRICE),
        box("count", whole, most=1),
        box("each", PRICE, most=4),
        box("all", PRICE),
    ]
    form = template(fields, SumRule(("a", "b"), "total"), ProductRule(("count", "each"), "all"))
    for page in values(form):
        assert Fraction(page["a"]) + Fraction(page["b"]) == Fraction(page["total"])
        assert Fraction(page["count"]) * Fraction(page["each"]) == Fraction(page["all"])


def write(digits: LabelledImages, field: Field, value: str, **rates: float) -> tuple[np.ndarray, list[str]]:
    sheet = Sheet(np.full((200, 700), 255, np.uint8), 200.0)
    habits = dataclasses.replace(Habits(pen=(0.0, 0.0)), **rates)  # type: ignore[arg-type]
    cells = Writer(sheet, digits, habits, np.random.default_rng(2)).write_field(field, value)
    ink = sheet.image < 128
    for cell in cells:
        if cell.state == "digit":
            (left, top), _, (right, bottom), _ = cell.corners.astype(int)
            if isinstance(field.place, WritingBox):
                ink[top : bottom + 1, left : right + 1] = False
    return ink, [cell.state for cell in cells]


def test_separator_is_drawn_between_its_digits_and_a_minus_before_the_first(digits: LabelledImages) -> None:
    plain, states = write(digits, box("price", PRICE), "12345")
    assert not plain.any()
    comma, states = write(digits, box("price", PRICE), "123.45")
    assert states == ["digit"] * 5
    assert comma.any()
    both, _ = write(digits, box("price", dataclasses.replace(PRICE, may_be_negative=True)), "-123.45")
    columns = np.flatnonzero(both.any(axis=0))
    assert np.diff(columns).max() > 60  # the minus and the comma, with digits in between
    unexpected, _ = write(digits, box("price", NumberFormat()), "12345", minus_rate=1.0)
    assert unexpected.any()


def test_minus_takes_the_cell_before_the_digits(digits: LabelledImages) -> None:
    _, states = write(digits, row(SIGNED), "-12.3")
    assert states == ["mark", "digit", "digit", "digit", "blank", "blank"]
    _, states = write(digits, row(SIGNED), "-12.3", right_aligned_rate=1.0)
    assert states == ["blank", "blank", "mark", "digit", "digit", "digit"]
