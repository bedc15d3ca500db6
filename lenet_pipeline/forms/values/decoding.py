"""Decode the probabilities of digits into the most probable value that passes the rules."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.rules.automata import CompiledRules, compile_rules
from lenet_pipeline.forms.rules.field_rules import OneOf, Rule, allows_length
from lenet_pipeline.forms.values.lattice import Arc, find_best_reading

MOST_TRIED = 10_000

_CLASSES = 10
_ROW_TOLERANCE = 1e-3  # stored probabilities are float32, and sum to one within 1e-5
# The posterior depends on the other values that pass. The search for them stops at this relative error, or
# after this many strings.
_POSTERIOR_TOLERANCE = 0.01
_TRIED_FOR_POSTERIOR = 300
# Most readings are sure, and need a few strings. After this many, the automaton of the rules is faster.
_TRIED_BEFORE_AUTOMATON = 20

_Candidate = tuple[str, float]  # a string of digits and its probability
_Changes = tuple[tuple[int, int], ...]  # the digits that differ from the most probable, with their ranks


@dataclass(frozen=True)
class Decoded:
    """A value decoded from the probabilities of its digits, before and after applying its rules.

    Probabilities of values are products over the digits, 0 to 1.

    Attributes:
        raw_value: the most probable digit at every position.
        raw_probability: the probability of ``raw_value``.
        value: the most probable string that passes all rules, or ``raw_value`` if the search found none.
        probability: the probability of ``value``.
        posterior: the probability of ``value`` among all strings that pass, or a lower bound at most a
            hundredth below it. For a kind of rule without an automaton, the bound may be lower. This is the
            probability that it is right, given that the writer kept the rules. 0 if it does not pass.
        broken_rules: the names of the rules that ``raw_value`` breaks, in order.
        is_valid: whether ``value`` passes all rules.
        tried: the number of strings tried.
    """

    raw_value: str
    raw_probability: float
    value: str
    probability: float
    posterior: float
    broken_rules: tuple[str, ...]
    is_valid: bool
    tried: int

    @property
    def is_corrected(self) -> bool:
        """Return whether the value differs from the raw value."""
        return self.value != self.raw_value


def decode(
    probabilities: NDArray[np.float64], rules: Sequence[Rule] = (), most_tried: int = MOST_TRIED
) -> Decoded:
    """Find the most probable value that passes all rules.

    The search tries strings in order of probability, so the first one that passes is the most probable. If a
    few strings do not settle it, the automaton of the rules finds the value and its posterior directly; for
    kinds of rules without an automaton, the search continues.
    Among equally probable digits, the lower one comes first. Strings with probability 0 are never tried.
    With a list of allowed values, only these are tried. If no string of this length can pass, there is no
    search.

    Args:
        probabilities: the probability of each class for each digit of the value, left to right, float64
            (n, 10) with n at least 1. Rows sum to one.
        rules: the rules that the value must pass.
        most_tried: the number of strings to try before falling back to the raw value, at least 1. Rules with
            an automaton need no such limit.

    Raises:
        ValueError: the probabilities are invalid, or ``most_tried`` is less than 1.
    """
    _check(probabilities)
    if most_tried < 1:
        raise ValueError(f"expected at least one string to try, found {most_tried}")
    raw_digits = probabilities.argmax(axis=1)
    raw_value = "".join(map(str, raw_digits))
    raw_probability = math.prod(probabilities[np.arange(len(raw_digits)), raw_digits].tolist())
    raw = (raw_value, raw_probability)
    if not rules:
        return Decoded(*raw, *raw, raw_probability / _mass(probabilities), (), is_valid=True, tried=0)
    broken = tuple(rule.name for rule in rules if not rule.accepts(raw_value))
    if not all(allows_length(rule, len(raw_value)) for rule in rules):
        return Decoded(*raw, *raw, 0.0, broken, is_valid=False, tried=0)
    found, posterior, tried = _search(probabilities, rules, most_tried)
    # If the raw value passes, keep it even if another value is equally probable.
    value, probability = found if found and broken else raw
    return Decoded(*raw, value, probability, posterior, broken, is_valid=found is not None, tried=tried)


def _search(
    probabilities: NDArray[np.float64], rules: Sequence[Rule], most_tried: int
) -> tuple[_Candidate | None, float, int]:
    """Return the first string that passes, a bound of its posterior, and the number of strings tried.

    The bound divides its probability by that of all strings that are known to pass or were not tried.
    """
    if any(isinstance(rule, OneOf) for rule in rules):
        return _try_strings(probabilities, rules, most_tried, _TRIED_FOR_POSTERIOR)[:3]
    compiled = compile_rules(tuple(rules))
    if compiled is None:
        return _try_strings(probabilities, rules, most_tried, _TRIED_FOR_POSTERIOR)[:3]
    first = min(most_tried, _TRIED_BEFORE_AUTOMATON)
    found, posterior, tried, is_settled = _try_strings(probabilities, rules, first, _TRIED_BEFORE_AUTOMATON)
    if not is_settled:
        found, posterior = _read_directly(probabilities, compiled)
    return found, posterior, tried


def _read_directly(
    probabilities: NDArray[np.float64], rules: CompiledRules
) -> tuple[_Candidate | None, float]:
    """Return the most probable string that the automaton accepts, and its posterior."""
    arcs = [Arc(place, place + 1, chances) for place, chances in enumerate(probabilities)]
    reading = find_best_reading(arcs, rules)
    if reading is None:
        return None, 0.0
    return (reading.value, reading.probability), min(1.0, reading.probability / reading.total)


def _try_strings(
    probabilities: NDArray[np.float64], rules: Sequence[Rule], most_tried: int, most_for_posterior: int
) -> tuple[_Candidate | None, float, int, bool]:
    """Try strings in order. Return the results of ``_search``, and whether these are settled."""
    listed = next((rule for rule in rules if isinstance(rule, OneOf)), None)
    if listed:
        ranked = _rank_listed(probabilities, listed.values)
        candidates, mass = iter(ranked), sum(probability for _, probability in ranked)
    else:
        candidates, mass = _rank_strings(probabilities), _mass(probabilities)
    tried, untried = 0, mass
    for value, passing in islice(candidates, most_tried):
        tried, untried = tried + 1, untried - passing
        if _passes(value, rules):
            break
    else:
        return None, 0.0, tried, tried < most_tried
    found = (value, passing)
    for other, probability in islice(candidates, most_for_posterior):
        if untried <= _POSTERIOR_TOLERANCE * passing:
            break
        untried -= probability
        passing += probability * _passes(other, rules)
    is_close = untried <= _POSTERIOR_TOLERANCE * passing
    return found, found[1] / (passing + max(0.0, untried)), tried, is_close


def _passes(value: str, rules: Sequence[Rule]) -> bool:
    return all(rule.accepts(value) for rule in rules)


def _rank_strings(probabilities: NDArray[np.float64]) -> Iterator[_Candidate]:
    """Yield every string of digits with a probability above 0, the most probable first.

    A string is represented by its changes to the most probable string. Digits are sorted by the cost of
    their second choice, so that each string follows from exactly one other that costs no more: the last
    changed digit takes its next choice, the next digit changes too, or the next digit changes instead.
    Therefore the heap grows by at most two per string, for values of any length.
    """
    classes = np.argsort(-probabilities, axis=1, kind="stable")
    ordered = np.take_along_axis(probabilities, classes, axis=1)
    with np.errstate(divide="ignore"):
        log_ratios = np.log(ordered[:, :1]) - np.log(ordered)  # infinite for a class with probability 0
    order = np.argsort(log_ratios[:, 1], kind="stable").tolist()
    costs = log_ratios[order].tolist()
    texts, chances = classes.astype(str).tolist(), ordered.tolist()

    heap: list[tuple[float, _Changes]] = [(0.0, ())]
    while heap:
        cost, changes = heappop(heap)
        ranks = [0] * len(order)
        for place, rank in changes:
            ranks[order[place]] = rank
        yield (
            "".join([text[rank] for text, rank in zip(texts, ranks, strict=True)]),
            math.prod([chance[rank] for chance, rank in zip(chances, ranks, strict=True)]),
        )
        for following, added in _follow(changes, costs):
            if added < math.inf:
                heappush(heap, (cost + added, following))


def _follow(changes: _Changes, costs: list[list[float]]) -> Iterator[tuple[_Changes, float]]:
    """Yield the changes that follow from others, each with its additional cost."""
    if not changes:
        yield ((0, 1),), costs[0][1]
        return
    before, (place, rank) = changes[:-1], changes[-1]
    spent = costs[place][rank]
    if rank + 1 < _CLASSES:
        yield (*before, (place, rank + 1)), costs[place][rank + 1] - spent
    if place + 1 < len(costs):
        yield (*changes, (place + 1, 1)), costs[place + 1][1]
        if rank == 1:
            yield (*before, (place + 1, 1)), costs[place + 1][1] - spent


def _rank_listed(probabilities: NDArray[np.float64], values: Sequence[str]) -> list[_Candidate]:
    """Return the listed values of this length with a probability above 0, the most probable first."""
    length = len(probabilities)
    fitting = sorted({value for value in values if len(value) == length})
    digits = np.frombuffer("".join(fitting).encode(), np.uint8).reshape(-1, length) - ord("0")
    products = probabilities[np.arange(length), digits].prod(axis=1)
    ranked = np.argsort(-products, kind="stable").tolist()
    return [(fitting[index], float(products[index])) for index in ranked if products[index] > 0]


def _mass(probabilities: NDArray[np.float64]) -> float:
    """Return the total probability of all strings. It is one, except for rounding."""
    return float(probabilities.sum(axis=1).prod())


def _check(probabilities: NDArray[np.float64]) -> None:
    """Raise ValueError if the probabilities of a value are invalid."""
    if probabilities.ndim != 2 or probabilities.shape[1] != _CLASSES or not len(probabilities):
        raise ValueError(
            f"expected probabilities of shape (n, 10), n at least 1, found {probabilities.shape}"
        )
    # Written so that NaN fails too.
    if not (probabilities.min() >= 0 and np.all(abs(probabilities.sum(axis=1) - 1) <= _ROW_TOLERANCE)):
        raise ValueError("expected probabilities from 0 to 1 in rows that sum to one")
