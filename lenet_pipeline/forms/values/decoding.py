"""Decoding: from the probabilities of a value's digits to the most probable value that passes the rules."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.rules.field_rules import OneOf, Rule, allows_length

MOST_TRIED = 10_000

_CLASSES = 10
_ROW_TOLERANCE = 1e-3  # stored probabilities are float32, and sum to one within 1e-5
# The posterior needs other values that pass, which are searched for until it is known this closely or so
# many were tried: 300 are a millisecond, and more are needed only where the reading is no good anyway.
_POSTERIOR_TOLERANCE = 0.01
_TRIED_FOR_POSTERIOR = 300

_Candidate = tuple[str, float]  # a string of digits and its probability
_Changes = tuple[tuple[int, int], ...]  # which digits are not the most probable, and their rank instead


@dataclass(frozen=True)
class Decoded:
    """A value read from the probabilities of its digits, before and after its rules were used.

    ``raw_value`` has the most probable digit everywhere; ``broken_rules`` names the rules that it breaks, in
    their order. ``value`` is the most probable string that passes them all; where none was found among
    ``tried`` strings it is the raw value, and ``is_valid`` is false. Probabilities are products over the
    digits, 0 to 1.

    ``posterior`` is a lower bound of the probability of ``value`` among all strings that pass: of it being
    right, if whoever wrote the field kept its rules. It is 0 where the value does not pass.
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
        """Tell whether the value is another than the raw one."""
        return self.value != self.raw_value


def decode(
    probabilities: NDArray[np.float64], rules: Sequence[Rule] = (), most_tried: int = MOST_TRIED
) -> Decoded:
    """Return the most probable value that passes all rules, and the raw one.

    Strings are tried in the order of their probability, so the first that passes is the most probable;
    of equally probable digits the lower comes first, and strings of probability 0 are never tried. With
    a list of allowed values only they are tried, however improbable. ``most_tried`` bounds the search;
    where no string of this length can pass, there is none.

    Args:
        probabilities: float64 (n, 10), n at least 1: for each digit of the value, left to right, the
            probability of each class; rows sum to one.
        rules: what the value must be.
        most_tried: how many strings to try before the raw value is kept, at least 1.

    Raises:
        ValueError: the probabilities are none, or nothing may be tried.
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
    # Of several equally probable values that pass, the raw one is no correction.
    value, probability = found if found and broken else raw
    return Decoded(*raw, value, probability, posterior, broken, is_valid=found is not None, tried=tried)


def _search(
    probabilities: NDArray[np.float64], rules: Sequence[Rule], most_tried: int
) -> tuple[_Candidate | None, float, int]:
    """Return the first string that passes, its posterior, and how many were tried to find it.

    The posterior is at least its probability over those of all strings found to pass and all not tried.
    """
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
        return None, 0.0, tried
    found = (value, passing)
    for other, probability in islice(candidates, _TRIED_FOR_POSTERIOR):
        if untried <= _POSTERIOR_TOLERANCE * passing:
            break
        untried -= probability
        passing += probability * _passes(other, rules)
    return found, found[1] / (passing + max(0.0, untried)), tried


def _passes(value: str, rules: Sequence[Rule]) -> bool:
    return all(rule.accepts(value) for rule in rules)


def _rank_strings(probabilities: NDArray[np.float64]) -> Iterator[_Candidate]:
    """Yield every string of digits that has a probability, the most probable first.

    A string is what it changes of the most probable one. Digits are ordered by what their second choice
    costs, so a string follows from exactly one that costs no more: the last digit changed takes its next
    choice, or the next digit is changed as well, or it is changed instead. So the heap grows by two a string
    at most, whatever the length.
    """
    classes = np.argsort(-probabilities, axis=1, kind="stable")
    ordered = np.take_along_axis(probabilities, classes, axis=1)
    with np.errstate(divide="ignore"):
        log_ratios = np.log(ordered[:, :1]) - np.log(ordered)  # infinite where a class has no probability
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
    """Yield the changes that follow from others, each with what it costs more."""
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
    """Return the listed values that have as many digits and a probability, the most probable first."""
    length = len(probabilities)
    fitting = sorted({value for value in values if len(value) == length})
    digits = np.frombuffer("".join(fitting).encode(), np.uint8).reshape(-1, length) - ord("0")
    products = probabilities[np.arange(length), digits].prod(axis=1)
    ranked = np.argsort(-products, kind="stable").tolist()
    return [(fitting[index], float(products[index])) for index in ranked if products[index] > 0]


def _mass(probabilities: NDArray[np.float64]) -> float:
    """Return the probability of all strings together: one, but for the rounding of stored numbers."""
    return float(probabilities.sum(axis=1).prod())


def _check(probabilities: NDArray[np.float64]) -> None:
    """Raise ValueError where a value's probabilities are none."""
    if probabilities.ndim != 2 or probabilities.shape[1] != _CLASSES or not len(probabilities):
        raise ValueError(
            f"expected probabilities of shape (n, 10), n at least 1, found {probabilities.shape}"
        )
    # Said so that a NaN fails too.
    if not (probabilities.min() >= 0 and np.all(abs(probabilities.sum(axis=1) - 1) <= _ROW_TOLERANCE)):
        raise ValueError("expected probabilities from 0 to 1 in rows that sum to one")
