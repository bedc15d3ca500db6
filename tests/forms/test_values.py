"""Tests of values: the cells of a field give its value, and the reasons to review it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from lenet_pipeline.forms.rules.across_rules import EqualRule, SumRule
from lenet_pipeline.forms.rules.field_rules import Checksum, Length, Range, Rule
from lenet_pipeline.forms.templates.model import Cells, Field, Rectangle, UnusedMark, WritingBox
from lenet_pipeline.forms.values.field_values import (
    CellState,
    FieldValue,
    apply_across_rules,
    read_field_value,
)

PLACE = Cells(Rectangle(10, 10, 5, 7), columns=8, pitch=6)
SURE = 0.91  # of each digit that ``cells`` makes; every other class has a hundredth


def digit(position: int, label: int, second: int | None = None) -> CellState:
    """A cell with a digit; with a second choice it is nearly as probable."""
    probabilities = np.full(10, (1 - SURE) / 9)
    probabilities[label] = SURE
    if second is not None:
        probabilities[[label, second]] = 0.5, SURE + 0.01 - 0.5
    return CellState(position, "digit", probabilities)


def cells(written: str) -> list[CellState]:
    """Cells as written: a digit, ``_`` blank, ``X`` a mark, ``?`` something else."""
    states = {"_": "blank", "X": "mark", "?": "not_a_digit"}
    return [
        digit(position, int(sign)) if sign.isdigit() else CellState(position, states[sign])  # type: ignore[arg-type]
        for position, sign in enumerate(written)
    ]


def field(*rules: Rule, may_be_blank: bool = True) -> Field:
    """A field of eight cells."""
    return Field("number", PLACE, rules, may_be_blank=may_be_blank)


@pytest.mark.parametrize("written", ["123_____", "_____123", "__123___", "XX123XX_", "123"])
def test_value_may_stand_anywhere_among_blank_and_marked_cells(written: str) -> None:
    value = read_field_value(field(), cells(written))
    assert (value.status, value.raw_value, value.value) == ("read", "123", "123")
    assert value.confidence == value.raw_probability == pytest.approx(SURE**3)
    assert not value.is_doubtful
    assert value.reason is None
    assert value.broken_rule is None


@pytest.mark.parametrize(
    ("written", "reasons"),
    [
        ("12_34___", ("gap: position 2 between digits is blank",)),
        ("12X34___", ("gap: position 2 between digits is crossed out",)),
        ("_1__X2_X", tuple(f"gap: position {n} between digits is {how}" for n, how in
                           [(2, "blank"), (3, "blank"), (4, "crossed out")])),
    ],
)  # fmt: skip
def test_gap_between_digits_is_read_over_and_needs_a_look(written: str, reasons: tuple[str, ...]) -> None:
    value = read_field_value(field(), cells(written))
    assert value.status == "read"
    assert value.value == "".join(sign for sign in written if sign.isdigit())
    assert value.reasons == reasons
    assert value.reason == "; ".join(reasons)
    assert value.is_doubtful


@pytest.mark.parametrize("written", ["________", "XXXXXXXX", "__XX", ""])
def test_field_without_ink_is_blank_and_fine_unless_a_value_is_required(written: str) -> None:
    value = read_field_value(field(Length(8, 8)), cells(written))
    assert value == FieldValue("number", "blank")
    assert not value.is_doubtful
    required = read_field_value(field(may_be_blank=False), cells(written))
    assert (required.status, required.value, required.reason) == ("blank", None, "blank: a value is required")
    assert required.is_doubtful


@pytest.mark.parametrize(("asked", "reasons"), [(None, 2), ("X", 1), ("-", 1)])
def test_a_mark_that_the_form_does_not_ask_for_needs_a_look(asked: UnusedMark | None, reasons: int) -> None:
    marked = [CellState(0, "mark", mark="-"), digit(1, 4), CellState(2, "mark", mark="X")]
    value = read_field_value(replace(field(), unused_mark=asked), marked)
    assert (value.status, value.value) == ("read", "4")
    expected = {"-": "mark: a dash at position 0", "X": "mark: a cross at position 2"}
    assert value.reasons == tuple(text for mark, text in expected.items() if mark != asked)
    assert len(value.reasons) == reasons


def test_a_dash_alone_in_a_field_needs_a_look() -> None:
    value = read_field_value(field(), [CellState(0, "mark", mark="-"), CellState(1, "blank")])
    assert (value.status, value.reason) == ("blank", "mark: a dash at position 0")


@pytest.mark.parametrize("written", ["12", "__", "1?"])
def test_extra_ink_needs_a_look_whatever_the_field_says(written: str) -> None:
    value = read_field_value(field(), cells(written), extra_ink="a stroke through position 1")
    assert value.is_doubtful
    assert value.reasons[-1] == "extra_ink: a stroke through position 1"


def test_writing_that_is_not_a_digit_is_shown_as_unread_and_never_guessed() -> None:
    letter = CellState(2, "not_a_digit", np.full(10, 0.1), not_a_digit=0.876)
    value = read_field_value(field(Checksum("luhn")), [*cells("12"), letter, digit(3, 4)])
    assert (value.status, value.raw_value, value.value) == ("unreadable", "12?4", None)
    assert (value.confidence, value.probability, value.posterior) == (None, None, None)
    assert value.reasons == ("not_a_digit: position 2, score 0.88",)


def test_every_piece_that_is_not_a_digit_and_every_gap_is_named() -> None:
    value = read_field_value(field(), cells("?1_?____"))
    assert value.raw_value == "?1?"
    assert value.reasons == (
        "not_a_digit: position 0",
        "not_a_digit: position 3",
        "gap: position 2 between digits is blank",
    )


def test_correction_keeps_both_values_both_probabilities_and_the_rule() -> None:
    misread = [digit(0, 7), digit(1, 9), digit(2, 1, second=4)]  # 794 has the right check digit, 791 not
    value = read_field_value(field(Checksum("luhn"), Length(3, 3)), misread)
    assert (value.status, value.raw_value, value.value) == ("corrected", "791", "794")
    assert value.raw_probability == pytest.approx(SURE**2 * 0.5)
    assert value.probability == value.confidence == pytest.approx(SURE**2 * 0.42)
    assert value.posterior is not None
    assert SURE**2 * 0.42 < value.posterior < 1
    assert (value.broken_rule, value.broken_rules) == ("luhn", ("luhn",))
    assert value.reasons == ("corrected: 791 breaks luhn, 794 passes",)


def test_value_that_cannot_be_corrected_stays_and_its_broken_rules_are_named() -> None:
    value = read_field_value(field(Length(4, 4), Range(lowest=500), Checksum("luhn")), cells("123"))
    assert (value.status, value.raw_value, value.value) == ("rule_failed", "123", "123")
    assert value.broken_rules == ("length 4", "at least 500", "luhn")
    assert value.broken_rule == "length 4"
    assert value.reasons == ("rule_failed: 123 breaks length 4 and at least 500 and luhn",)
    assert value.posterior == 0


def test_gap_in_a_corrected_value_is_named_too() -> None:
    misread = [digit(0, 7), digit(1, 9), CellState(2, "blank"), digit(3, 1, second=4)]
    value = read_field_value(field(Checksum("luhn")), misread)
    assert [reason.split(":")[0] for reason in value.reasons] == ["corrected", "gap"]


@dataclass(frozen=True)
class SearchedFor:
    """A rule in disguise: decoding knows no automaton for it, and tries one string after the other."""

    rule: Rule
    name: str = "searched for"

    def accepts(self, value: str) -> bool:
        return self.rule.accepts(value)


def test_corrections_and_failures_are_never_silent() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(100):
        scores = rng.random((4, 10)) ** 8
        rows = scores / scores.sum(axis=1, keepdims=True)
        states = [CellState(position, "digit", row) for position, row in enumerate(rows)]
        one = field(SearchedFor(Checksum("verhoeff")), Range(highest=2999))
        value = read_field_value(one, states, most_tried=15)
        seen.add(value.status)
        raw = "".join(map(str, rows.argmax(axis=1)))
        assert value.raw_value == raw
        assert value.is_doubtful is (value.status != "read") is bool(value.broken_rules)
        assert (value.value != raw) is (value.status == "corrected")
    assert seen == {"read", "corrected", "rule_failed"}


@pytest.mark.parametrize(
    ("written", "status"), [("1", "rule_failed"), ("12", "read"), ("1234", "rule_failed")]
)
def test_box_without_dividers_limits_the_number_of_digits(written: str, status: str) -> None:
    box = Field("amount", WritingBox(Rectangle(10, 10, 40, 8), fewest=2, most=3))
    value = read_field_value(box, cells(written))
    assert value.status == status
    assert value.broken_rules == (("length 2 to 3",) if status == "rule_failed" else ())


def test_cells_may_come_in_any_order() -> None:
    assert read_field_value(field(), cells("_4711___")[::-1]).value == "4711"


def test_two_cells_of_one_position_are_refused() -> None:
    with pytest.raises(ValueError, match="two cells of the field number"):
        read_field_value(field(), [digit(1, 2), digit(1, 3)])


def test_digit_without_probabilities_is_refused() -> None:
    with pytest.raises(ValueError, match="position 3 has no probabilities"):
        CellState(3, "digit")


def read_page(**written: str) -> dict[str, FieldValue]:
    """The values of a page by field name."""
    return {name: read_field_value(Field(name, PLACE), cells(signs)) for name, signs in written.items()}


def test_rules_across_fields_that_a_page_breaks_are_named_in_their_order() -> None:
    rules = (SumRule(("a", "b"), "total"), EqualRule(("a", "b")), EqualRule(("a", "total")))
    assert apply_across_rules(rules, read_page(a="2", b="3_", total="_5")) == ["a = b", "a = total"]
    assert apply_across_rules(rules, read_page(a="2", b="3", total="6")) == [
        "a + b = total",
        "a = b",
        "a = total",
    ]
    assert apply_across_rules((), read_page(a="2")) == []


def test_page_all_of_whose_summands_are_blank_breaks_no_sum_but_one_with_some_does() -> None:
    rules = (SumRule(("a", "b"), "total"),)
    assert apply_across_rules(rules, read_page(a="_", b="XX", total="_")) == []
    assert apply_across_rules(rules, read_page(a="5", b="_", total="5")) == ["a + b = total"]


def test_unreadable_field_is_not_taken_for_a_blank_one() -> None:
    rules = (SumRule(("a", "b"), "total"), EqualRule(("a", "b")))
    assert apply_across_rules(rules, read_page(a="?", b="?", total="_")) == ["a + b = total", "a = b"]
