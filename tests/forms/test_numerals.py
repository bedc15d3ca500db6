"""Tests of values with a separator and a sign: their normal form, and the rules for their digits."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from lenet_pipeline.forms.rules.across_rules import ColumnSumRule, EqualRule, ProductRule, SumRule
from lenet_pipeline.forms.rules.automata import compile_rules
from lenet_pipeline.forms.rules.checksums import resolve_method
from lenet_pipeline.forms.rules.digit_rules import rules_for_digits
from lenet_pipeline.forms.rules.field_rules import Checksum, Length, OneOf, Pattern, Range, Rule
from lenet_pipeline.forms.rules.numerals import NumberForm, normalise_numeral, read_number, split_numeral
from lenet_pipeline.forms.values.decoding import decode

FORMS = [NumberForm(places, is_negative) for places in (None, 1, 2) for is_negative in (False, True)]
RANGES = [
    Range(0, 12),
    Range(Decimal("0.5"), Decimal("1.25")),
    Range(-3, Decimal("2.5")),
    Range(Decimal("-9.95"), Decimal("-0.01")),
    Range(lowest=1),
    Range(highest=Decimal("3.3")),
]


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("300,00", "300.00"),
        ("300.00", "300.00"),
        ("-7,5", "-7.5"),
        ("\N{MINUS SIGN} 12", "-12"),
        ("+12", "12"),
        ("007", "007"),
        (" 12 ", "12"),
    ],
)
def test_numbers_are_brought_into_one_normal_form(text: str, normal: str) -> None:
    assert normalise_numeral(text) == normal
    digits, form = split_numeral(normal) or ("", NumberForm())
    assert form.write(digits) == normal
    assert read_number(normal) == Fraction(normal)


@pytest.mark.parametrize("text", ["", ",5", "5,", "1,2,3", "1.234,56", "1e5", "1/2", "--1", "12a", "١"])
def test_texts_that_are_no_numbers_have_no_normal_form(text: str) -> None:
    assert normalise_numeral(text) is None
    assert split_numeral(text) is None
    assert read_number(text) is None


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("rule", RANGES, ids=lambda rule: rule.name)
def test_range_of_the_digits_accepts_exactly_the_numbers_in_the_range(rule: Range, form: NumberForm) -> None:
    (scaled,) = rules_for_digits([rule], form)
    low = Fraction(rule.lowest or 0)
    high = math.inf if rule.highest is None else Fraction(rule.highest)
    compiled = compile_rules((scaled,))
    for digits in map("".join, product("0123459", repeat=3)):
        is_inside = low <= Fraction(form.write(digits)) <= high
        assert scaled.accepts(digits) == is_inside
        chances = np.full((3, 10), 1e-6)
        chances[range(3), [int(digit) for digit in digits]] = 1 - 9e-6
        assert (decode(chances, (scaled,)).broken_rules == ()) == is_inside
    assert scaled.name == rule.name
    assert compiled is not None or not any(scaled.accepts(f"{number:03}") for number in range(1000))


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_decoder_finds_the_most_probable_digits_whose_number_passes(form: NumberForm) -> None:
    given: tuple[Rule, ...] = (Range(-2, Decimal("3.7")), Pattern(r"-?\d{1,3}([.]\d*[1-9])?"))
    rules = rules_for_digits(given, form)
    rng = np.random.default_rng(3)
    for _ in range(20):
        chances = rng.dirichlet(np.full(10, 0.4), 3)
        passing = {
            digits: math.prod(chances[place, int(digit)] for place, digit in enumerate(digits))
            for digits in map("".join, product("0123456789", repeat=3))
            if -2 <= Fraction(form.write(digits)) <= Fraction("3.7")
            and not (form.places and digits[-1] == "0")
        }
        found = decode(chances, rules)
        assert found.is_valid == bool(passing)
        if passing:
            assert found.value == max(passing, key=lambda digits: passing[digits])


def test_lengths_and_check_digits_count_digits_only_and_a_pattern_sees_the_text() -> None:
    checked = resolve_method("luhn").append_check("7992739") or ""
    rules = rules_for_digits(
        [Length(8, 8), Checksum("luhn"), Pattern(r"-\d{6}\.\d\d"), OneOf((checked,))], NumberForm(2, True)
    )
    assert [rule.accepts(checked) for rule in rules] == [True, True, True, False]
    assert not rules[2].accepts(checked + "1")


@pytest.mark.parametrize(
    ("summands", "total"),
    [
        (("0.10", "0.20"), "0.30"),
        (("300.00", "-0.01"), "299.99"),
        (("1", "0.5"), "1.50"),
        (("9" * 30 + ".99", "0.01"), "1" + "0" * 30),
    ],
)
def test_sums_over_decimals_hold_exactly(summands: tuple[str, str], total: str) -> None:
    values = {"a": summands[0], "b": summands[1], "total": total}
    for rule in (SumRule(("a", "b"), "total"), ColumnSumRule("x", ("a", "b"), "total")):
        assert rule.accepts(values)
        assert not rule.accepts(values | {"total": total + "1" if "." in total else total + ".1"})
        assert not rule.accepts(values | {"a": "?.10"})


def test_products_and_equalities_take_decimals() -> None:
    assert ProductRule(("a", "b"), "c").accepts({"a": "3", "b": "0.35", "c": "1.05"})
    assert not ProductRule(("a", "b"), "c").accepts({"a": "3", "b": "0.35", "c": "1.06"})
    assert EqualRule(("a", "b")).accepts({"a": "-1.50", "b": "-1.50"})
    assert not EqualRule(("a", "b")).accepts({"a": "1.50", "b": "1.5"})
