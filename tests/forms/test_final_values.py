"""Tests of final values: verdicts replace what was read, and rules are checked on the result."""

from __future__ import annotations

from typing import Any

import pytest

from lenet_pipeline.forms.templates.content import TemplateContent, read_content
from lenet_pipeline.forms.values.final_values import (
    FieldVerdict,
    FinalValue,
    ReadCell,
    ReviewedField,
    derive_final_values,
)

TEXT = """
form: note
page: {width: 100, height: 50}
reference: {file: gone.png, dpi: 150}
units: px
fields:
  - name: first
    cells: {x: 10, y: 10, width: 8, height: 10, pitch: 8, count: 3}
    rules: [{range: [0, 499]}]
  - name: second
    box: {x: 60, y: 10, width: 30, height: 12, digits: [2, 5]}
    blank: forbidden
  - name: total
    cells: {x: 10, y: 30, width: 8, height: 10, pitch: 8, count: 4}
rules:
  - sum: {of: [first, second], equals: total}
"""
SUM = "rule_failed: first + second = total"


@pytest.fixture(scope="module")
def content() -> TemplateContent:
    return read_content(TEXT)


@pytest.fixture(scope="module")
def without_sum(content: TemplateContent) -> TemplateContent:
    return TemplateContent(content.fields, ())


def read(cells: str, **changes: Any) -> ReviewedField:
    """Return a field as it was read: ``_`` is a blank cell, ``X`` a mark."""
    digits = "".join(sign for sign in cells if sign.isdigit())
    found = tuple(
        ReadCell(position, "digit" if sign.isdigit() else "mark", int(sign) if sign.isdigit() else 8)
        for position, sign in enumerate(cells)
        if sign != "_"
    )
    columns: dict[str, Any] = {
        "status": "read" if digits else "blank",
        "raw_value": digits or None,
        "value": digits or None,
        "broken_rule": None,
        "reason": None,
        "cells": found,
    }
    return ReviewedField(**(columns | changes))


def final(content: TemplateContent, **fields: ReviewedField) -> tuple[dict[str, FinalValue], list[str]]:
    return derive_final_values(content, fields)


def test_a_page_without_verdicts_keeps_its_values_and_reasons(content: TemplateContent) -> None:
    doubtful = read("1_2", reason=f"gap: position 1 between digits is blank; {SUM}")
    values, broken = final(content, first=doubtful, second=read("20"), total=read("_32"))
    assert (values["first"].value, values["first"].reasons) == (
        "12",
        ("gap: position 1 between digits is blank",),
    )
    assert broken == []
    assert not values["first"].is_settled


def test_a_verdict_on_a_digit_changes_the_value_and_the_sum(content: TemplateContent) -> None:
    page = {"second": read("20"), "total": read("_32")}
    values, broken = final(content, first=read("_72", reason=SUM), **page)
    assert broken == ["first + second = total"]
    assert values["total"].reasons == (SUM,)
    values, broken = final(content, first=read("_72", reason=SUM, digits={1: "1"}), **page)
    assert (values["first"].value, broken) == ("12", [])
    assert values["first"].reviewed_positions == (1,)
    assert not values["first"].is_settled
    assert values["first"].reasons == values["total"].reasons == ()


@pytest.mark.parametrize(
    ("verdicts", "status", "value"),
    [
        ({1: "blank"}, "read", "2"),
        ({1: "not_a_digit"}, "read", "2"),
        ({1: "unreadable"}, "unreadable", None),
        ({1: "blank", 2: "blank"}, "blank", None),
        ({0: "4"}, "read", "472"),
        ({0: "5"}, "rule_failed", "572"),
    ],
)
def test_verdicts_on_digits_that_are_none(
    content: TemplateContent, verdicts: dict[int, str], status: str, value: str | None
) -> None:
    """Position 0 has a mark, so a digit there is one that the reading missed."""
    values, _ = final(content, first=read("X72", digits=verdicts))
    assert (values["first"].status, values["first"].value) == (status, value)


def test_a_field_whose_digits_are_all_reviewed_is_settled_unless_a_doubt_is_left(
    content: TemplateContent, without_sum: TemplateContent
) -> None:
    """Whoever confirms single digits sees neither the rules nor the ink between them."""
    digits = {1: "9", 2: "9"}
    values, _ = final(without_sum, first=read("_99", digits=digits, reason="not_a_digit: position 1"))
    assert values["first"].reasons == ("not_a_digit: position 1",)
    values, _ = final(without_sum, first=read("_99", digits=digits))
    assert (values["first"].is_settled, values["first"].reasons) == (True, ())
    for reason in (
        "extra_ink: a comma after position 1",
        "gap: position 2",
        "mark: a dash",
        "cut: the digits touch, and may also read 314",
    ):
        values, _ = final(without_sum, first=read("_99", digits=digits, reason=reason))
        assert (values["first"].is_settled, values["first"].reasons) == (False, (reason,))
    values, broken = final(content, first=read("_99", digits=digits), total=read("_99"))
    assert broken == ["first + second = total"]
    assert (values["first"].is_settled, values["first"].reasons) == (False, (SUM,))
    values, _ = final(without_sum, first=read("999", digits={0: "9", 1: "9", 2: "9"}))
    assert not values["first"].is_settled
    assert values["first"].reasons == ("rule_failed: 999 breaks 0 to 499",)


def test_a_verdict_on_a_mark_alone_settles_nothing(content: TemplateContent) -> None:
    values, _ = final(content, second=read("X", digits={0: "not_a_digit"}))
    assert (values["second"].status, values["second"].is_settled) == ("blank", False)
    assert "blank: a value is required" in values["second"].reasons


def test_a_rule_still_decides_on_the_digits_that_have_no_verdict(without_sum: TemplateContent) -> None:
    corrected = read(
        "572",
        status="corrected",
        value="372",
        broken_rule="0 to 499",
        reason="corrected: 572 breaks 0 to 499, 372 passes",
    )
    values, _ = final(without_sum, first=corrected)
    assert (values["first"].status, values["first"].value) == ("corrected", "372")

    values, _ = final(without_sum, first=ReviewedField(**(vars(corrected) | {"digits": {2: "4"}})))
    assert (values["first"].status, values["first"].value) == ("corrected", "374")
    assert values["first"].reasons == ("corrected: 572 breaks 0 to 499, 372 passes",)

    values, _ = final(without_sum, first=ReviewedField(**(vars(corrected) | {"digits": {0: "1"}})))
    assert (values["first"].status, values["first"].value, values["first"].reasons) == ("read", "172", ())

    values, _ = final(without_sum, first=ReviewedField(**(vars(corrected) | {"digits": {0: "5"}})))
    assert (values["first"].status, values["first"].value) == ("rule_failed", "572")
    assert values["first"].broken_rules == ("0 to 499",)
    assert values["first"].reasons == ("rule_failed: 572 breaks 0 to 499",)


def test_a_verdict_on_the_field_has_the_last_word(content: TemplateContent) -> None:
    given = read("_72", digits={1: "1"}, reason="extra_ink: a stroke", verdict=FieldVerdict("value", "512"))
    values, _ = final(content, first=given, second=read("20"), total=read("_32"))
    assert (values["first"].status, values["first"].value) == ("rule_failed", "512")
    assert values["first"].broken_rules == ("0 to 499",)
    assert (values["first"].is_settled, values["first"].reasons) == (True, ())
    assert values["first"].reviewed_positions == (1, 2)


def test_a_field_that_people_find_blank_or_unreadable_has_no_value(content: TemplateContent) -> None:
    blank = read("20", verdict=FieldVerdict("blank", None))
    unreadable = read("_32", verdict=FieldVerdict("unreadable", "?2"))
    values, broken = final(content, first=read("_12"), second=blank, total=unreadable)
    assert [(values[name].status, values[name].value) for name in ("second", "total")] == [
        ("blank", None),
        ("unreadable", None),
    ]
    assert all(values[name].is_settled for name in ("second", "total"))
    assert broken == ["first + second = total"]
    assert values["first"].reasons == (SUM,)


def test_reasons_of_an_unreviewed_part_stay(without_sum: TemplateContent) -> None:
    given = read("1_2", reason="gap: position 1 between digits is blank; extra_ink: a comma", digits={0: "1"})
    values, _ = final(without_sum, first=given)
    assert values["first"].reasons == ("gap: position 1 between digits is blank", "extra_ink: a comma")
