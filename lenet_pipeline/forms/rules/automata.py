"""Rules as finite automata, which read a value from left to right and know at its end whether it passes.

An automaton may have several starts if it must guess the length of a value; then exactly one of its runs on
an accepted value is accepting, so sums over runs are sums over values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.rules.checksums import WEIGHTED, dihedral_product, permuted_digit
from lenet_pipeline.forms.rules.field_rules import Checksum, Length, OneOf, Pattern, Range, Rule
from lenet_pipeline.forms.rules.pattern_automata import translate_pattern

_MOST_MOVES = 100_000  # of a compiled automaton; compiling more takes more than half a second
_ELEVEN = 11

State = Hashable
Step = Callable[[State, int], State | None]


@dataclass(frozen=True)
class Automaton:
    """An automaton whose states are found while it runs.

    Attributes:
        starts: the states before the first digit.
        step: returns the state after one more digit, 0 to 9, or None if no value can pass any more.
        is_final: decides whether a value that ends in a state passes.
    """

    starts: tuple[State, ...]
    step: Callable[..., State | None]
    is_final: Callable[..., bool]

    def accepts(self, value: str) -> bool:
        """Return whether a string of digits passes."""
        return any(self._ends_well(start, value) for start in self.starts)

    def _ends_well(self, state: State | None, value: str) -> bool:
        for digit in value:
            state = None if state is None else self.step(state, int(digit))
        return state is not None and self.is_final(state)


@dataclass(frozen=True, eq=False)
class CompiledRules:
    """The product of several automata as tables, without the states from which no value can pass.

    Attributes:
        starts: the states before the first digit, int (s,).
        is_final: whether a value may end in a state, bool (states,).
        moves: state, digit and next state of each move, int (3, m), sorted by state and then by digit.
        first_moves: the first move of each state that has any, int (k,).
        moving: these states, int (k,).
    """

    starts: NDArray[np.intp]
    is_final: NDArray[np.bool_]
    moves: NDArray[np.intp]
    first_moves: NDArray[np.intp]
    moving: NDArray[np.intp]


def rule_automaton(rule: Rule) -> Automaton | None:
    """Return the automaton of a rule, or None if its kind or its syntax is unknown."""
    match rule:
        case Length():
            return _length(rule.fewest, rule.most)
        case Range():
            return _range(rule)
        case OneOf():
            return _listed(rule.values)
        case Checksum():
            return _CHECKSUMS[rule.name](rule.weights) if rule.name in _CHECKSUMS else None
        case Pattern():
            found = translate_pattern(rule.expression)
            return None if found is None else Automaton((found.start,), found.step, found.is_final)
    return None


@lru_cache(maxsize=256)
def compile_rules(rules: tuple[Rule, ...]) -> CompiledRules | None:
    """Return the tables of the automaton that accepts what all rules accept.

    The result is None if a rule has no automaton, or if their product is too large. Without rules, the
    automaton accepts every value.
    """
    automata = [rule_automaton(rule) for rule in rules]
    known = [each for each in automata if each is not None]
    if len(known) < len(automata):
        return None
    numbers: dict[tuple[State, ...], int] = {}
    for start in product(*(each.starts for each in known)):
        numbers.setdefault(start, len(numbers))
    starts = len(numbers)
    waiting = list(numbers)
    moves: list[tuple[int, int, int]] = []
    for states in waiting:  # grows while new states are found
        for digit in range(10):
            following = tuple(each.step(state, digit) for each, state in zip(known, states, strict=True))
            if any(state is None for state in following):
                continue
            if following not in numbers:
                numbers[following] = len(numbers)
                waiting.append(following)
            moves.append((numbers[states], digit, numbers[following]))
        if len(moves) > _MOST_MOVES:
            return None
    is_final = np.array(
        [all(each.is_final(state) for each, state in zip(known, states, strict=True)) for states in waiting]
    )
    return _tabulate(np.arange(starts), is_final, np.array(moves, dtype=np.intp).reshape(-1, 3).T)


def _tabulate(
    starts: NDArray[np.intp], is_final: NDArray[np.bool_], moves: NDArray[np.intp]
) -> CompiledRules:
    """Drop the moves to states from which no value can pass."""
    is_alive = is_final.copy()
    while True:
        reached = is_alive.copy()
        reached[moves[0, is_alive[moves[2]]]] = True
        if (reached == is_alive).all():
            break
        is_alive = reached
    kept = moves[:, is_alive[moves[2]]]
    moving, first = np.unique(kept[0], return_index=True)
    return CompiledRules(starts, is_final, kept, first, moving)


def _length(fewest: int, most: int) -> Automaton:
    return Automaton(
        (0,), lambda count, _: count + 1 if count < most else None, lambda count: fewest <= count <= most
    )


def _listed(values: Sequence[str]) -> Automaton:
    beginnings = {value[:end] for value in values for end in range(len(value) + 1)}
    known = frozenset(values)
    return Automaton(
        ("",),
        lambda text, digit: longer if (longer := f"{text}{digit}") in beginnings else None,
        lambda text: text in known,
    )


def _range(rule: Range) -> Automaton:
    """Compare the digits after leading zeros with both ends of the range.

    A state is the number of digits after leading zeros, -1 before any digit, and for each end how these
    compare with as many of its first digits: -1, 0 or 1. Once there are more digits than in an end, the
    number is greater.
    """
    lowest = str(max(0, math.ceil(rule.lowest or 0)))
    highest = None if rule.highest is None else str(math.floor(rule.highest))
    longest = max(len(lowest), len(highest or ""))

    def compare(end: str | None, count: int, before: int, digit: int) -> int:
        if end is None:
            return -1
        if count > len(end):
            return 1
        own = int(end[count - 1])
        return before or (digit > own) - (digit < own)

    def step(state: tuple[int, int, int], digit: int) -> State | None:
        count, low, high = state
        if count <= 0 and digit == 0:
            return (0, 0, 0)
        count = min(max(count, 0) + 1, longest + 1)
        if highest is not None and count > len(highest):
            return None
        return count, compare(lowest, count, low, digit), compare(highest, count, high, digit)

    def is_final(state: tuple[int, int, int]) -> bool:
        count, low, high = state
        if count <= 0:
            return count == 0 and lowest == "0"
        is_low = count < len(lowest) or (count == len(lowest) and low < 0)
        return not is_low and not (highest is not None and count == len(highest) and high > 0)

    return Automaton(((-1, 0, 0),), step, is_final)


def _luhn(_weights: Sequence[int]) -> Automaton:
    """Keep the sums for the case that the last digit so far is taken as it is, and that it is doubled."""

    def step(state: tuple[int, int, int], digit: int) -> State:
        count, plain, doubled = state
        return min(count + 1, 2), (doubled + digit) % 10, (plain + 2 * digit - 9 * (digit > 4)) % 10

    return Automaton(((0, 0, 0),), step, lambda state: state[0] >= 2 and state[1] == 0)


def _mod_97_10(_weights: Sequence[int]) -> Automaton:
    def step(state: tuple[int, int], digit: int) -> State:
        count, remainder = state
        return min(count + 1, 3), (10 * remainder + digit) % 97

    return Automaton(((0, 0),), step, lambda state: state == (3, 1))


def _mod_11_10(_weights: Sequence[int]) -> Automaton:
    """Keep the product of all digits, and whether the last one is the right check digit for those before."""

    def step(state: tuple[int, int, bool], digit: int) -> State:
        count, before, _ = state
        after = ((before + digit) % 10 or 10) * 2 % _ELEVEN
        return min(count + 1, 2), after, (before + digit) % 10 == 1

    return Automaton(((0, 10, False),), step, lambda state: state[0] >= 2 and state[2])


def _verhoeff(_weights: Sequence[int]) -> Automaton:
    """Guess the place of the first digit from the right, modulo 8, and count down.

    The product of Verhoeff's method runs from the right. Its factors keep their order here.
    """

    def step(state: tuple[int, int, int], digit: int) -> State:
        count, place, after = state
        return min(count + 1, 2), (place - 1) % 8, dihedral_product(permuted_digit(place, digit), after)

    starts = tuple((0, place, 0) for place in range(8))
    return Automaton(starts, step, lambda state: state[0] >= 2 and state[1:] == (7, 0))


def _weighted_mod_11(weights: Sequence[int]) -> Automaton:
    def step(state: tuple[int, int], digit: int) -> State | None:
        count, total = state
        return (count + 1, (total + weights[count] * digit) % _ELEVEN) if count < len(weights) else None

    return Automaton(((0, 0),), step, lambda state: state == (len(weights), 0))


_CHECKSUMS: dict[str, Callable[[Sequence[int]], Automaton]] = {
    "luhn": _luhn,
    "mod-97-10": _mod_97_10,
    "mod-11-10": _mod_11_10,
    "verhoeff": _verhoeff,
    WEIGHTED: _weighted_mod_11,
}
