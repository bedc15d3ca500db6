"""Marks that check the digits of a field: the rule, in values as read and as reviewed."""

from __future__ import annotations

import pytest

from lenet_pipeline.forms.rules.across_rules import AgreementRule, rule_fields
from lenet_pipeline.forms.templates.content import TemplateContent
from lenet_pipeline.forms.templates.model import Cells, Field, Rectangle
from lenet_pipeline.forms.values.field_values import FieldValue, apply_across_rules
from lenet_pipeline.forms.values.final_values import FieldVerdict, ReviewedField, derive_final_values

RULE = AgreementRule(field="number", choice="bubbles")
NUMBER = Field("number", Cells(Rectangle(10, 10, 6, 8), 3, 6))
CONTENT = TemplateContent((NUMBER,), (RULE,))


@pytest.mark.parametrize(
    ("written", "marks", "passes"),
    [
        ("123", {"bubbles": "123"}, True),
        ("123", {"bubbles": "124"}, False),
        ("0123", {"bubbles": "123"}, False),
        (None, {"bubbles": None}, True),
        ("123", {"bubbles": None}, False),
        (None, {"bubbles": "123"}, False),
        ("123", {}, True),
    ],
)
def test_field_and_marks_agree_or_the_marks_are_doubtful(
    written: str | None, marks: dict[str, str | None], passes: bool
) -> None:
    assert RULE.accepts({"number": written, **marks}) is passes
    value = FieldValue("number", "read" if written else "blank", written, written)
    assert apply_across_rules([RULE], {"number": value}, marks) == ([] if passes else [RULE.name])


def test_rule_is_named_after_both_and_concerns_the_field() -> None:
    assert RULE.name == "number = bubbles"
    assert rule_fields(RULE) == ("number",)


def test_unreadable_field_differs_from_its_marks() -> None:
    value = FieldValue("number", "unreadable", "1?3")
    assert apply_across_rules([RULE], {"number": value}, {"bubbles": "123"}) == [RULE.name]


def test_verdict_that_agrees_settles_the_field_and_one_that_differs_leaves_the_marks_in_doubt() -> None:
    marks = {"bubbles": "123"}
    for typed, broken in (("123", []), ("124", [RULE.name])):
        read = ReviewedField(
            "read", "128", "128", None, f"rule_failed: {RULE.name}", verdict=FieldVerdict("value", typed)
        )
        final, failed = derive_final_values(CONTENT, {"number": read}, marks)
        assert failed == broken
        assert (final["number"].value, final["number"].is_settled) == (typed, True)


def test_field_without_a_verdict_keeps_its_doubt() -> None:
    read = ReviewedField("read", "128", "128", None, f"rule_failed: {RULE.name}")
    final, failed = derive_final_values(CONTENT, {"number": read}, {"bubbles": "123"})
    assert failed == [RULE.name]
    assert final["number"].reasons == (f"rule_failed: {RULE.name}",)
