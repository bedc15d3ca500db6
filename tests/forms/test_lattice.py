"""Tests of the lattice: its best path and its sums are those of listing every path."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest

from lenet_pipeline.forms.rules.automata import CompiledRules, compile_rules
from lenet_pipeline.forms.rules.field_rules import Checksum, Length, OneOf, Pattern, Range, Rule
from lenet_pipeline.forms.values.lattice import Arc, find_best_reading

RULES: list[tuple[Rule, ...]] = [
    (),
    (Length(2, 2),),
    (Checksum("luhn"),),
    (Checksum("verhoeff"), Length(2, 4)),
    (Range(10, 300), Pattern("[1-5]*")),
    (OneOf(("12", "345", "9", "0000")),),
]


def compiled(*rules: Rule) -> CompiledRules:
    found = compile_rules(rules)
    assert found is not None
    return found


def draw_arcs(rng: np.random.Generator, fragments: int) -> list[Arc]:
    """Random pieces of one to three fragments, with every single fragment among them."""
    places = [
        (first, last)
        for first in range(fragments)
        for last in range(first + 1, min(first + 3, fragments) + 1)
        if last == first + 1 or rng.random() < 0.7
    ]
    rng.shuffle(places)
    return [Arc(first, last, rng.dirichlet(np.full(10, 0.5)) * rng.random()) for first, last in places]


def list_paths(arcs: list[Arc], cut: int = 0) -> Iterator[tuple[int, ...]]:
    """Every path from a cut to the end: the long way."""
    if cut == max(arc.last for arc in arcs):
        yield ()
    for index, arc in enumerate(arcs):
        if arc.first == cut:
            yield from ((index, *rest) for rest in list_paths(arcs, arc.last))


def list_readings(arcs: list[Arc], rules: tuple[Rule, ...]) -> list[tuple[float, str, tuple[int, ...]]]:
    """Every path with every string of digits that passes, with its probability."""
    found = []
    for path in list_paths(arcs):
        for digits in itertools.product("0123456789", repeat=len(path)):
            value = "".join(digits)
            if all(rule.accepts(value) for rule in rules):
                chances = (
                    arcs[index].probabilities[int(digit)] for index, digit in zip(path, digits, strict=True)
                )
                found.append((math.prod(chances), value, path))
    return found


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: "+".join(rule.name for rule in rules) or "none")
def test_best_path_and_total_are_those_of_listing_every_path(rules: tuple[Rule, ...]) -> None:
    for seed in range(4):
        arcs = draw_arcs(np.random.default_rng([seed, 5]), 4)
        listed = list_readings(arcs, rules)
        probability, value, path = max(listed)
        reading = find_best_reading(arcs, compiled(*rules))
        assert reading is not None
        assert (reading.value, reading.arcs) == (value, path)
        assert reading.probability == pytest.approx(probability)
        assert reading.total == pytest.approx(sum(chance for chance, *_ in listed))


def test_shares_of_all_values_sum_to_one() -> None:
    arcs = draw_arcs(np.random.default_rng(3), 3)
    everything = find_best_reading(arcs, compiled())
    assert everything is not None
    values = [
        "".join(digits) for length in (1, 2, 3) for digits in itertools.product("0123456789", repeat=length)
    ]
    totals = [find_best_reading(arcs, compiled(OneOf((value,)))) for value in values]
    assert sum(one.total for one in totals if one) == pytest.approx(everything.total)


def test_reading_that_the_rules_forbid_gives_way_to_another_segmentation() -> None:
    sure = np.full(10, 0.001)
    whole, left, right = sure.copy(), sure.copy(), sure.copy()
    whole[0], left[1], right[1] = 0.9, 0.8, 0.7
    arcs = [Arc(0, 2, whole), Arc(0, 1, left), Arc(1, 2, right)]
    free, two = find_best_reading(arcs, compiled()), find_best_reading(arcs, compiled(Length(2, 2)))
    assert free is not None
    assert two is not None
    assert (free.value, free.arcs) == ("0", (0,))
    assert (two.value, two.arcs) == ("11", (1, 2))


def test_without_an_allowed_path_there_is_no_reading() -> None:
    arcs = draw_arcs(np.random.default_rng(0), 2)
    assert find_best_reading(arcs, compiled(Length(3, 3))) is None
    assert find_best_reading(arcs, compiled(OneOf(("12",)), Length(1, 1))) is None
    impossible = [Arc(0, 1, np.eye(10)[4])]
    assert find_best_reading(impossible, compiled(OneOf(("5",)))) is None


def test_among_equally_probable_readings_the_lowest_digits_win() -> None:
    arcs = [Arc(number, number + 1, np.full(10, 0.1)) for number in range(4)]
    reading = find_best_reading(arcs, compiled(Checksum("luhn")))
    assert reading is not None
    assert (reading.value, reading.total) == ("0000", pytest.approx(0.1))


def test_forty_improbable_digits_do_not_lose_precision() -> None:
    rng = np.random.default_rng(2)
    arcs = [Arc(number, number + 1, rng.dirichlet(np.ones(10)) * 1e-6) for number in range(40)]
    reading = find_best_reading(arcs, compiled())
    assert reading is not None
    assert reading.total == pytest.approx(1e-240, rel=1e-9)
    assert reading.probability == pytest.approx(math.prod(arc.probabilities.max() for arc in arcs))
