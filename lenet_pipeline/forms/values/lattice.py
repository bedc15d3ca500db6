"""Find the most probable allowed reading of a lattice, and the probability of all allowed ones.

LeCun, Bottou, Bengio and Haffner (1998), sections V.B and VI: an arc of the lattice is a piece of ink with
the probability of each class, a path is a reading, and its probability is the product over its arcs. The
Viterbi algorithm finds the best path, the forward algorithm the sum over all paths. Here, both run on the
product of the lattice with the automaton of a field's rules (the paper's grammar), so that a path outside
the rules is never considered. They run from the right end, so that the best path can be followed from the
left, and among equally probable readings the lower digit comes first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.rules.automata import CompiledRules

Logs = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Arc:
    """A piece of ink that may be a digit.

    Attributes:
        first: the cut at its left end. Cut 0 is the left end of the lattice.
        last: the cut at its right end, greater than ``first``.
        probabilities: the probability of each class, 0 or more, float64 (10,). They need not sum to one.
    """

    first: int
    last: int
    probabilities: NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """The most probable allowed reading of a lattice.

    Attributes:
        value: its digits.
        arcs: the indexes of its arcs, left to right.
        probability: the product over its arcs.
        total: the sum of the products over all allowed paths.
    """

    value: str
    arcs: tuple[int, ...]
    probability: float
    total: float


def find_best_reading(arcs: Sequence[Arc], rules: CompiledRules) -> Reading | None:
    """Return the best path from cut 0 to the last cut whose digits pass the rules, or None without any.

    Args:
        arcs: the arcs of the lattice, in any order.
        rules: the automaton of the rules.
    """
    end = max(arc.last for arc in arcs)
    leaving: list[list[int]] = [[] for _ in range(end + 1)]
    for index, arc in enumerate(arcs):
        leaving[arc.first].append(index)
    with np.errstate(divide="ignore"):
        logs = np.array([np.log(arc.probabilities) for arc in arcs])
        done = np.log(rules.is_final.astype(np.float64))
    best, total = {end: done}, {end: done}
    for cut in range(end - 1, -1, -1):
        # By state: the best way and the sum of all ways from this cut to the end.
        best[cut] = np.full(len(done), -np.inf)
        total[cut] = np.full(len(done), -np.inf)
        for index in leaving[cut]:
            after = arcs[index].last
            best[cut] = np.maximum(best[cut], _best_moves(rules, logs[index], best[after]))
            total[cut] = np.logaddexp(total[cut], _sum_moves(rules, logs[index], total[after]))
    start = int(rules.starts[best[0][rules.starts].argmax()])
    if best[0][start] == -np.inf:
        return None
    value, path = _follow(arcs, leaving, logs, rules, best, start)
    log_total = float(np.logaddexp.reduce(total[0][rules.starts]))
    probability = math.prod(
        float(arcs[index].probabilities[int(digit)]) for index, digit in zip(path, value, strict=True)
    )
    return Reading(value, path, probability, math.exp(log_total))


def _best_moves(rules: CompiledRules, logs: Logs, after: Logs) -> Logs:
    """Return, by state, the best of the moves over one arc."""
    found = np.full(len(after), -np.inf)
    if len(rules.moving):
        _, digits, targets = rules.moves
        found[rules.moving] = np.maximum.reduceat(logs[digits] + after[targets], rules.first_moves)
    return found


def _sum_moves(rules: CompiledRules, logs: Logs, after: Logs) -> Logs:
    """Return, by state, the sum of the moves over one arc."""
    found = np.full(len(after), -np.inf)
    if not len(rules.moving):
        return found
    _, digits, targets = rules.moves
    ways = logs[digits] + after[targets]
    highest = max(float(ways.max()), -1e300)  # finite, although no move may lead to the end
    with np.errstate(divide="ignore"):
        found[rules.moving] = np.log(np.add.reduceat(np.exp(ways - highest), rules.first_moves)) + highest
    return found


def _follow(
    arcs: Sequence[Arc],
    leaving: Sequence[Sequence[int]],
    logs: Logs,
    rules: CompiledRules,
    best: dict[int, Logs],
    state: int,
) -> tuple[str, tuple[int, ...]]:
    """Follow the best path from the left. Return its digits and its arcs."""
    digits: list[str] = []
    path: list[int] = []
    cut, end = 0, len(leaving) - 1
    while cut < end:
        ways = [
            (-(logs[index][digit] + best[arcs[index].last][target]), digit, index, target)
            for index in leaving[cut]
            for digit, target in _moves_from(rules, state)
        ]
        _, digit, index, state = min(ways)
        digits.append(str(digit))
        path.append(index)
        cut = arcs[index].last
    return "".join(digits), tuple(path)


def _moves_from(rules: CompiledRules, state: int) -> list[tuple[int, int]]:
    first, last = np.searchsorted(rules.moves[0], [state, state + 1])
    return list(zip(*rules.moves[1:, first:last].tolist(), strict=True))
