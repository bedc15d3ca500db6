"""Rules: the values they accept, their names, and the rules that are refused."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Mapping

import pytest

from lenet_pipeline.errors import IngestError, PipelineError
from lenet_pipeline.forms.rules.across_rules import (
    AcrossRule,
    EqualRule,
    SumRule,
    UniqueRule,
    find_repeated,
)
from lenet_pipeline.forms.rules.field_rules import Checksum, Length, OneOf, Pattern, Range, Rule

ACCEPTED = [
    (Pattern(r"20\d{2}"), "2026"),
    (Pattern("1|22"), "22"),
    (Pattern("(19|20)[0-9]+"), "197"),
    (Range(5, 12), "5"),
    (Range(5, 12), "0012"),
    (Range(lowest=5), "9" * 40),
    (Range(highest=5), "000"),
    (Length(2, 3), "12"),
    (Length(2, 3), "123"),
    (OneOf(("007", "12")), "007"),
    (Checksum("luhn"), "79927398713"),
    (Checksum("weighted-mod-11", tuple(range(10, 0, -1))), "0306406152"),
]
REFUSED = [
    (Pattern(r"20\d{2}"), "20261"),  # must match the whole value
    (Pattern(r"20\d{2}"), "12026"),
    (Pattern("1|22"), "122"),
    (Range(5, 12), "4"),
    (Range(5, 12), "13"),
    (Range(lowest=5), "4"),
    (Range(highest=5), "6"),
    (Length(2, 3), "1"),
    (Length(2, 3), "1234"),
    (OneOf(("007", "12")), "7"),
    (Checksum("luhn"), "79927398710"),
    (Checksum("weighted-mod-11", tuple(range(10, 0, -1))), "0306406153"),
]
NAMES: list[tuple[Rule | AcrossRule, str]] = [
    (Pattern(r"20\d{2}"), r"pattern 20\d{2}"),
    (Range(5, 12), "5 to 12"),
    (Range(lowest=5), "at least 5"),
    (Range(highest=5), "at most 5"),
    (Length(6, 8), "length 6 to 8"),
    (Length(6, 6), "length 6"),
    (OneOf(("1", "2", "3", "4")), "one of 1, 2, 3, 4"),
    (OneOf(tuple("123456")), "one of 1, 2, 3, 4 and 2 more"),
    (Checksum("luhn"), "luhn"),
    (SumRule(("a", "b"), "total"), "a + b = total"),
    (EqualRule(("a", "b")), "a = b"),
    (UniqueRule("a"), "a is unique"),
]
BAD_RULES: list[tuple[Callable[[], object], str]] = [
    (lambda: Pattern("(12"), r"'\(12' is not a regular expression.*missing \)"),
    (lambda: Pattern("1)|(2"), "unexpected"),
    (lambda: Pattern(r"(\d)\1"), "invalid escape"),
    (lambda: Pattern(r"\Q12"), "not a regular expression"),
    (lambda: Range(), "neither a lowest nor a highest"),
    (lambda: Range(12, 5), r"the range \(12 to 5\) contains no value"),
    (lambda: Range(highest=-1), r"the range \(at most -1\) contains no value"),
    (lambda: Length(3, 2), "no value has a length of 3 to 2"),
    (lambda: Length(0, 0), "no value has a length of 0 to 0"),
    (lambda: OneOf(()), "no allowed values"),
    (lambda: OneOf(("12", "1x")), "allowed value '1x'"),
    (lambda: OneOf((12,)), "allowed value 12; expected digits in quotes"),  # type: ignore[arg-type]
    (lambda: Checksum("crc32"), "no checksum 'crc32'"),
    (lambda: Checksum("weighted-mod-11"), "expected one for each digit"),
    (lambda: SumRule((), "total"), "expected at least two"),
    (lambda: SumRule(("a", "total"), "total"), "each once"),
    (lambda: EqualRule(("a",)), "expected at least two"),
]


@pytest.mark.parametrize(("rule", "value"), ACCEPTED)
def test_value_that_passes_a_rule_is_accepted(rule: Rule, value: str) -> None:
    assert rule.accepts(value)


@pytest.mark.parametrize(("rule", "value"), REFUSED)
def test_value_that_breaks_a_rule_is_refused(rule: Rule, value: str) -> None:
    assert not rule.accepts(value)


@pytest.mark.parametrize("value", ["", "1?", "-1", " 1", "1\n", "١", "²"])
def test_no_rule_accepts_anything_but_digits(value: str) -> None:
    rules: tuple[Rule, ...] = (
        Pattern(r"(?s).*"),
        Range(lowest=0),
        Length(0, 9),
        OneOf(("1",)),
        Checksum("luhn"),
    )
    assert not any(rule.accepts(value) for rule in rules)


@pytest.mark.parametrize(("rule", "name"), NAMES)
def test_rule_has_a_short_name(rule: Rule | AcrossRule, name: str) -> None:
    assert rule.name == name


@pytest.mark.parametrize(("make", "message"), BAD_RULES)
def test_rule_that_no_value_can_pass_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(PipelineError, match=message) as refused:
        make()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("expression", [r"(\d+)+x", r"(\d|\d)*x", r"(\d*)*(\d*)*(\d*)*x"])
def test_pattern_prone_to_backtracking_is_fast(expression: str) -> None:
    rule = Pattern(expression)
    started = time.perf_counter()
    assert not rule.accepts("1" * 40)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("rule", [rule for rule, _ in NAMES])
def test_rule_can_be_pickled(rule: Rule | AcrossRule) -> None:
    assert pickle.loads(pickle.dumps(rule)) == rule  # noqa: S301 - bytes from this test


@pytest.mark.parametrize(
    ("values", "is_kept"),
    [
        ({"a": "2", "b": "3", "total": "5"}, True),
        ({"a": "02", "b": "3", "total": "005"}, True),
        ({"a": "2", "b": "3", "total": "6"}, False),
        ({"a": None, "b": None, "total": None}, True),
        ({}, True),
        ({"a": "5", "b": None, "total": "5"}, False),  # a blank is missing, not 0
        ({"a": "5", "total": "5"}, False),
        ({"a": "2", "b": "3", "total": None}, False),
        ({"a": "2", "b": "?", "total": "2"}, False),
        ({"a": "?", "b": None, "total": None}, False),
    ],
)
def test_sum_needs_all_fields_or_none(values: Mapping[str, str | None], is_kept: bool) -> None:
    assert SumRule(("a", "b"), "total").accepts(values) is is_kept


@pytest.mark.parametrize(
    ("values", "is_kept"),
    [
        ({"a": "12", "b": "12", "c": "12"}, True),
        ({"a": "12", "b": "12", "c": "13"}, False),
        ({"a": "12", "b": "12", "c": "012"}, False),
        ({"a": "12", "b": "12", "c": None}, False),
        ({"a": None, "b": None, "c": None}, True),
        ({"a": "1?", "b": "1?", "c": "1?"}, False),
        ({"other": "1"}, True),
    ],
)
def test_equal_fields_have_the_same_digits_or_are_all_blank(
    values: Mapping[str, str | None], is_kept: bool
) -> None:
    assert EqualRule(("a", "b", "c")).accepts(values) is is_kept


def test_every_page_with_a_repeated_value_is_found() -> None:
    values = [(1, "12"), (2, "13"), (3, "12"), (4, "012"), (5, "12"), (6, "99"), (7, "99")]
    assert find_repeated(values) == {1, 3, 5, 6, 7}
    assert find_repeated([("page 2", "13"), ("page 2", "13")]) == set()
    assert find_repeated([]) == set()


def test_single_page_is_always_unique() -> None:
    assert UniqueRule("a").accepts({"a": "12"})


def test_refused_rule_raises_an_ingest_error() -> None:
    with pytest.raises(IngestError):
        Pattern("(")
