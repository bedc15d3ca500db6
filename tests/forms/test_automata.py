"""Tests of rules as automata: they accept exactly the values that the rules accept."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest

from lenet_pipeline.forms.rules.automata import CompiledRules, compile_rules, rule_automaton
from lenet_pipeline.forms.rules.checksums import CHECKSUMS
from lenet_pipeline.forms.rules.field_rules import Checksum, Length, OneOf, Pattern, Range, Rule

SHORT = ["".join(digits) for length in range(6) for digits in itertools.product("0123456789", repeat=length)]

PATTERNS = [
    "20[0-9]{2}",
    "[1-9].*",
    "[02468]*",
    "1*2*",
    "(12|3)+4?",
    r"\d{2,4}?5",
    "(?:1|22){0,2}",
    "[^3-7]{3,}",
    "1{0}2",
    "(1?2?)*",
    "^1|2$",
    "",
]

RULES: list[Rule] = [
    Length(2, 4),
    Length(3, 3),
    Range(lowest=37),
    Range(highest=123),
    Range(0, 0),
    Range(95, 1203),
    Range(-3, 40),
    OneOf(("7", "07", "12", "120", "9876")),
    Checksum("luhn"),
    Checksum("mod-97-10"),
    Checksum("mod-11-10"),
    Checksum("verhoeff"),
    Checksum("weighted-mod-11", (4, 3, 2, 1)),
    *(Pattern(pattern) for pattern in PATTERNS),
]


@dataclass(frozen=True)
class Even:
    """A rule of a kind that has no automaton."""

    name: str = "even"

    def accepts(self, value: str) -> bool:
        return value[-1] in "02468"


def count_runs(compiled: CompiledRules, value: str) -> int:
    """Return the number of accepting runs of the tables on a value."""
    runs = np.bincount(compiled.starts, minlength=len(compiled.is_final))
    for digit in value:
        state, label, target = compiled.moves
        chosen = label == int(digit)
        runs = np.bincount(target[chosen], runs[state[chosen]], minlength=len(runs))
    return int(runs[compiled.is_final].sum())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_automaton_agrees_with_its_rule_on_every_short_value(rule: Rule) -> None:
    automaton = rule_automaton(rule)
    assert automaton is not None
    # Arrow takes microseconds for each call, so patterns are asked about fewer values.
    values = SHORT[1:11_111] if isinstance(rule, Pattern) else SHORT[1:]
    accepted = [value for value in values if automaton.accepts(value)]
    assert accepted == [value for value in values if rule.accepts(value)]
    assert bool(accepted) is (rule != Pattern(""))


def test_long_values_with_a_check_are_accepted_and_no_other_last_digit() -> None:
    rng = np.random.default_rng(4)
    for name in ("luhn", "verhoeff", "mod-11-10", "mod-97-10"):
        automaton = rule_automaton(Checksum(name))
        assert automaton is not None
        for length in range(5, 39):
            value = CHECKSUMS[name].append_check("".join(map(str, rng.integers(10, size=length))))
            assert value is not None
            others = [value[:-1] + digit for digit in "0123456789" if digit != value[-1]]
            assert automaton.accepts(value)
            assert not any(automaton.accepts(other) for other in others)


@pytest.mark.parametrize(
    "rules",
    [
        (),
        (Checksum("verhoeff"), Length(2, 4)),
        (Range(10, 700), Pattern("[1-5]+"), Checksum("luhn")),
        (OneOf(("12", "18", "1230", "26")), Checksum("luhn")),
    ],
)
def test_tables_have_one_accepting_run_for_a_value_that_passes_and_none_for_another(
    rules: tuple[Rule, ...],
) -> None:
    compiled = compile_rules(rules)
    assert compiled is not None
    passing = 0
    for value in SHORT[1:1111] + SHORT[2000::97]:
        expected = int(all(rule.accepts(value) for rule in rules))
        assert count_runs(compiled, value) == expected
        passing += expected
    assert passing


def test_every_state_of_the_tables_leads_to_a_value_that_passes() -> None:
    compiled = compile_rules((OneOf(("123", "19")), Pattern("1[2-8]*")))
    assert compiled is not None
    assert compiled.moves[1].tolist() == [1, 2, 3]


def test_rules_without_a_common_value_have_tables_without_moves() -> None:
    compiled = compile_rules((Length(3, 3), OneOf(("12",))))
    assert compiled is not None
    assert compiled.moves.shape == (3, 0)


@pytest.mark.parametrize(
    "rule", [Even(), Pattern(r"(?i)12"), Pattern(r"\b12"), Pattern("(1(2|3|4){30}){30}")]
)
def test_rule_of_an_unknown_kind_has_no_automaton(rule: Rule) -> None:
    assert rule_automaton(rule) is None
    assert compile_rules((Length(2, 2), rule)) is None


def test_product_that_is_too_large_is_not_compiled() -> None:
    assert compile_rules((Checksum("mod-97-10"), Checksum("verhoeff"), Checksum("luhn"))) is None
