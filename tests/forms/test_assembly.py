"""Tests of assembly: scored cells and the text of a template give the values of whole pages."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.rules.across_rules import SumRule, UniqueRule
from lenet_pipeline.forms.templates.content import TemplateContent, read_content
from lenet_pipeline.forms.templates.model import WritingBox
from lenet_pipeline.forms.values.assembly import AssembledPages, assemble_pages
from lenet_pipeline.schema import FIELD_VALUES

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
  - unique: total
"""
FIELDS = ("first", "second", "total")
SURE = 0.91


@pytest.fixture(scope="module")
def content() -> TemplateContent:
    return read_content(TEXT)


def row(page: str, field: str, position: int | None, sign: str, **columns: Any) -> dict[str, Any]:
    """Return one row as the database lists it; ids are texts, and a field without any cell has no sign."""
    state = {"_": "blank", "X": "mark", "": None}.get(sign, "digit")
    probabilities = None
    if state in ("digit", "mark"):
        probabilities = np.full(10, (1 - SURE) / 9, np.float32)
        probabilities[int(sign) if sign.isdigit() else 8] = SURE
        probabilities = probabilities.tolist()
    known = {
        "page_id": str(uuid.uuid5(uuid.NAMESPACE_OID, page)),
        "field_id": str(uuid.uuid5(uuid.NAMESPACE_OID, page + field)),
        "template": "note-1",
        "field": field,
        "field_number": FIELDS.index(field),
        "extra_ink": None,
        "cut_probability": None,
        "cut_doubt": None,
        "loose_ink": None,
        "position": position,
        "state": state,
        "mark": None,
        "possible_mark": None,
        "is_like_mark": None,
        "probabilities": probabilities,
        "not_a_digit": None,
        "marks": None,
    }
    return known | columns


def rows(page: str, *fields: str) -> list[dict[str, Any]]:
    """Return the rows of a page: for each field its cells, a digit as it was read, ``_`` and ``X``."""
    return [
        row(page, name, position, sign)
        for name, cells in zip(FIELDS, fields, strict=True)
        for position, sign in (enumerate(cells) if cells else [(None, "")])
    ]


def assemble(cells: Sequence[dict[str, Any]], content: TemplateContent) -> AssembledPages:
    types = dict.fromkeys(("extra_ink", "cut_doubt", "mark", "possible_mark"), pa.string()) | {
        "cut_probability": pa.float32(),
        "probabilities": pa.list_(pa.float32()),
        "not_a_digit": pa.float32(),
        "is_like_mark": pa.bool_(),
        "position": pa.int32(),
    }
    table = pa.table({name: pa.array([each[name] for each in cells], types.get(name)) for name in cells[0]})
    return assemble_pages(table, {"note-1": content})


def values(assembled: AssembledPages) -> list[tuple[str, str | None, str | None]]:
    return [(each["status"], each["raw_value"], each["value"]) for each in assembled.values.to_pylist()]


def test_every_field_of_every_page_gets_one_value(content: TemplateContent) -> None:
    assembled = assemble([*rows("a", "12_", "34", "46XX"), *rows("b", "___", "", "____")], content)
    assert assembled.pages == 2
    assert assembled.values.schema == FIELD_VALUES
    assert values(assembled) == [
        ("read", "12", "12"),
        ("read", "34", "34"),
        ("read", "46", "46"),
        ("blank", None, None),
        ("blank", None, None),
        ("blank", None, None),
    ]
    first, *_, required, _ = assembled.values.to_pylist()
    assert first["confidence"] == pytest.approx(SURE**2, rel=1e-4)
    assert (required["is_doubtful"], required["reason"]) == (True, "blank: a value is required")


def test_extra_ink_and_an_unexpected_mark_make_their_field_doubtful_and_no_other(
    content: TemplateContent,
) -> None:
    given = [
        each | {"extra_ink": "a stroke"} if each["field"] == "first" else each
        for each in rows("a", "12", "34", "46XX")
    ]
    marks = [
        each | {"mark": "-"} if each["state"] == "mark" and each["position"] == 3 else each for each in given
    ]
    found = assemble(marks, content).values.to_pylist()
    assert [each["reason"] for each in found] == ["extra_ink: a stroke", None, "mark: a dash at position 3"]
    assert [each["is_doubtful"] for each in found] == [True, False, True]
    assert [each["status"] for each in found] == ["read"] * 3


def test_values_belong_to_the_fields_and_the_pages_they_were_read_on(content: TemplateContent) -> None:
    assembled = assemble(rows("a", "1__", "22", "23__"), content)
    ids = [(str(each["page_id"]), str(each["field_id"])) for each in assembled.values.to_pylist()]
    given = [(each["page_id"], each["field_id"]) for each in rows("a", "1", "2", "3")]
    assert ids == given


def test_a_broken_rule_of_a_field_is_corrected_and_both_values_are_kept(content: TemplateContent) -> None:
    cells = rows("a", "712", "34", "46__")
    cells[0]["probabilities"] = [0, 0.2, 0, 0, 0, 0, 0, 0.8, 0, 0]
    (first, *_) = assemble(cells, content).values.to_pylist()
    assert (first["status"], first["raw_value"], first["value"]) == ("corrected", "712", "112")
    assert first["broken_rule"] == "0 to 499"
    assert first["raw_probability"] == pytest.approx(0.8 * SURE**2, rel=1e-4)
    assert first["probability"] == first["confidence"] == pytest.approx(0.2 * SURE**2, rel=1e-4)
    assert first["is_doubtful"] and first["reason"].startswith("corrected:")


def test_a_box_with_too_few_digits_breaks_the_rule_of_its_template(content: TemplateContent) -> None:
    second = assemble(rows("a", "1__", "3", "4___"), content).values.to_pylist()[1]
    assert (second["status"], second["value"], second["broken_rule"]) == ("rule_failed", "3", "length 2 to 5")


def test_pages_that_break_rules_across_fields_are_reported(content: TemplateContent) -> None:
    pages = {"right": ("12_", "34", "46__"), "wrong": ("12_", "34", "47__"), "lacking": ("12_", "34", "____")}
    assembled = assemble([each for page, cells in pages.items() for each in rows(page, *cells)], content)
    broken = {uuid.UUID(bytes=page): rule for page, rule in assembled.rule_failures}
    assert broken == {
        uuid.uuid5(uuid.NAMESPACE_OID, page): "first + second = total" for page in ("wrong", "lacking")
    }


def test_a_corrected_value_is_the_one_that_a_sum_is_held_against(content: TemplateContent) -> None:
    cells = rows("a", "712", "34", "146_")
    cells[0]["probabilities"] = [0, 0.2, 0, 0, 0, 0, 0, 0.8, 0, 0]
    assert assemble(cells, content).rule_failures == ()


def test_stored_probabilities_that_miss_one_by_rounding_are_probabilities(content: TemplateContent) -> None:
    cells = rows("a", "123", "34", "46__")
    for cell in cells[:3]:
        cell["probabilities"] = [each * (1 + 1e-5) for each in cell["probabilities"]]
    (first, *_) = assemble(cells, content).values.to_pylist()
    assert 0 < first["confidence"] <= first["posterior"] <= 1


def test_cells_in_any_order_within_a_field_make_the_same_value(content: TemplateContent) -> None:
    cells = rows("a", "123", "34", "46__")
    cells[:3] = cells[2], cells[0], cells[1]
    assert values(assemble(cells, content))[0] == ("read", "123", "123")


def test_the_text_of_a_template_is_enough_though_its_blank_form_is_gone(content: TemplateContent) -> None:
    first, second, total = content.fields
    assert [field.name for field in content.fields] == list(FIELDS)
    assert [rule.name for rule in first.rules] == ["0 to 499"]
    assert isinstance(second.place, WritingBox)
    assert (second.place.fewest, second.place.most, second.may_be_blank) == (2, 5, False)
    assert total.may_be_blank
    assert content.rules == (SumRule(("first", "second"), "total"), UniqueRule("total"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("form: note", "fields"),
        ("fields: [", "line"),
        (TEXT.replace("range", "wavelength"), "wavelength"),
        (TEXT.replace("equals: total", "equals: sum"), "'sum'"),
        ("", "line"),
    ],
)
def test_a_recorded_template_that_is_not_valid_any_more_is_one_clear_line(text: str, said: str) -> None:
    with pytest.raises(IngestError, match="a recorded template is no longer valid") as caught:
        read_content(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unsure_cuts_lower_the_confidence_of_their_value_and_a_second_reading_makes_it_doubtful(
    content: TemplateContent,
) -> None:
    cuts = {"cut_probability": 0.5, "cut_doubt": "the digits touch, and may also read 314"}
    given = [each | cuts if each["field"] == "second" else each for each in rows("a", "12", "34", "46XX")]
    first, second, _ = assemble(given, content).values.to_pylist()
    assert first["confidence"] == pytest.approx(SURE**2, rel=1e-4)
    assert second["confidence"] == pytest.approx(0.5 * SURE**2, rel=1e-4)
    assert second["raw_probability"] == second["probability"] == second["confidence"]
    assert second["posterior"] == pytest.approx(0.5 * SURE**2, rel=1e-4)
    assert (first["reason"], second["reason"]) == (None, "cut: the digits touch, and may also read 314")
