"""Confidence thresholds with a guaranteed error rate among the accepted readings.

The method is Learn then Test (Angelopoulos, Bates, Candès, Jordan, Lei, "Learn then Test: Calibrating
Predictive Algorithms to Achieve Risk Control", 2021). Each threshold is a null hypothesis: 'the error rate of
the digits it accepts is above the target'. An exact binomial test on labelled digits rejects or keeps it.
Because all thresholds are tested on the same digits, fixed sequence testing from several starts (section 3.1
of the paper) divides the allowed error probability among the starts. Thresholds and starts are fixed in
advance. From each start, the threshold is lowered until a test fails. The guarantee holds for digits from the
same distribution as the labelled ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, binom

Confidences = npt.NDArray[np.float32]
Truths = npt.NDArray[np.bool_]

# From 0 to 0.9999. The doubt, 1 - threshold, shrinks by a tenth of a power of ten per step, because most
# confidences are close to 1.
THRESHOLDS = tuple(float(np.float32(1 - 10 ** (-step / 10))) for step in range(41))
# A good start is strict enough to accept almost no errors, and lenient enough to accept the digits that
# prove it. The best one is unknown in advance, so there are four: each is a step in THRESHOLDS with its share
# of the error probability. (Of 300 policies for 0.5 % on 3,000 digits drawn from MNIST's validation and gate
# splits, 66 accept nothing with five equal shares, 42 with these, 36 with the first start alone.)
_STARTS = {20: 0.55, 30: 0.25, 40: 0.1, 10: 0.1}
_MOST_DIGITS = 10**9


@dataclass(frozen=True)
class Guarantee:
    """A threshold and its evidence.

    If no threshold qualifies, the numbers describe the most promising one.

    Attributes:
        threshold: the lowest confidence to accept, 0 to 1; None if no threshold qualifies.
        digits: number of labelled digits.
        accepted: number of labelled digits that reach the threshold.
        errors: number of accepted digits that were misread.
        bound: upper confidence limit (Clopper and Pearson) of the error rate among accepted digits, at the
            level of one of the tests.
        level: the probability to err of that test, 0 to 1.
        digits_needed: about how many labelled digits of the same kind would qualify, if ``threshold`` is
            None. None if no number would.
    """

    threshold: float | None
    digits: int
    accepted: int
    errors: int
    bound: float
    level: float
    digits_needed: int | None

    @property
    def coverage(self) -> float:
        """The share of the labelled digits that the threshold accepts, 0 to 1."""
        return self.accepted / self.digits if self.threshold is not None else 0.0


def find_threshold(
    confidences: Confidences, is_right: Truths, max_error: float, certainty: float
) -> Guarantee:
    """Find the lowest threshold that keeps the error rate of accepted digits at or below a target.

    Args:
        confidences: of labelled digits that the model never learned from, float32 (n,), 0 to 1.
        is_right: whether each was read correctly, bool (n,).
        max_error: the target error rate among accepted digits, between 0 and 1, both exclusive.
        certainty: the probability, over the draw of the labelled digits, that the target is met.
    """
    accepted, errors = _count(confidences, is_right)
    p_values = _p_values(errors, accepted, max_error)
    levels = {start: share * (1 - certainty) for start, share in _STARTS.items()}
    reached = {start: _walk(p_values <= level, start) for start, level in levels.items()}
    lowest = {step: start for start, step in reversed(reached.items()) if step is not None}
    if lowest:
        step, needed = min(lowest), None
        level = levels[lowest[step]]
    else:
        step, needed = _most_promising(accepted, errors, len(confidences), max_error, levels)
        level = levels[step]
    return Guarantee(
        threshold=THRESHOLDS[step] if lowest else None,
        digits=len(confidences),
        accepted=int(accepted[step]),
        errors=int(errors[step]),
        bound=_upper_limit(errors[step], accepted[step], level),
        level=level,
        digits_needed=needed,
    )


def measure_threshold(
    confidences: Confidences, is_right: Truths, threshold: float, level: float
) -> Guarantee:
    """Measure a threshold on labelled digits, with an upper confidence limit of its error rate.

    Args:
        confidences: of the labelled digits, float32 (n,), 0 to 1.
        is_right: whether each was read correctly, bool (n,).
        threshold: the lowest confidence to accept, 0 to 1.
        level: the probability that the error rate exceeds the limit, 0 to 1.
    """
    is_accepted = confidences >= np.float32(threshold)
    accepted, errors = int(is_accepted.sum()), int((is_accepted & ~is_right).sum())
    bound = _upper_limit(errors, accepted, level)
    return Guarantee(threshold, len(confidences), accepted, errors, bound, level, None)


def is_refuted(measured: Guarantee, max_error: float, certainty: float) -> bool:
    """Return whether labelled digits show, with a certainty of 0 to 1, that errors exceed a limit."""
    if not measured.errors:
        return False
    return bool(binom.sf(measured.errors - 1, measured.accepted, max_error) < 1 - certainty)


def risk_coverage(confidences: Confidences, is_right: Truths) -> tuple[npt.NDArray, npt.NDArray]:  # type: ignore[type-arg]
    """Return the risk-coverage curve: coverage (n,), and the error rate of the digits it covers (n,).

    Digits are covered in order of falling confidence.

    Source: El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 2010.
    """
    order = np.argsort(-confidences, kind="stable")
    number = np.arange(1, len(order) + 1)
    return number / len(order), np.cumsum(~is_right[order]) / number


def _count(confidences: Confidences, is_right: Truths) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the number of accepted digits and of errors per threshold, each int64 (thresholds,)."""
    edges = np.array(THRESHOLDS, np.float32)
    # A confidence counts for each threshold that it reaches.
    reached = np.searchsorted(edges, confidences, side="right")

    def count(chosen: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
        at_least: npt.NDArray[np.int64] = np.bincount(chosen, minlength=len(edges) + 1)[::-1].cumsum()[::-1]
        return at_least[1:]

    return count(reached), count(reached[~is_right])


def _p_values(
    errors: npt.NDArray[np.int64], accepted: npt.NDArray[np.int64], max_error: float
) -> npt.NDArray[np.float64]:
    """Return the probability of at most this many errors at the target error rate; 1 if none is accepted."""
    values: npt.NDArray[np.float64] = binom.cdf(errors, accepted, max_error)
    return values


def _walk(passes: npt.NDArray[np.bool_], start: int) -> int | None:
    """Lower the threshold from a start while tests pass; return the last step that passes, if any."""
    step = start
    while step >= 0 and passes[step]:
        step -= 1
    return step + 1 if step < start else None


def _most_promising(
    accepted: npt.NDArray[np.int64],
    errors: npt.NDArray[np.int64],
    digits: int,
    max_error: float,
    levels: Mapping[int, float],
) -> tuple[int, int | None]:
    """Return the start that needs the fewest labelled digits to pass, and that number, if any would do."""
    needed = {}
    for start, level in levels.items():
        if accepted[start]:
            enough = _digits_to_pass(errors[start] / accepted[start], max_error, level)
            if enough:
                needed[start] = -(-enough * digits // int(accepted[start]))
    if not needed:
        return max(levels, key=lambda start: accepted[start]), None
    best = min(needed, key=lambda start: needed[start])
    return best, needed[best]


def _digits_to_pass(error_rate: float, max_error: float, level: float) -> int | None:
    """Return about how many accepted digits pass the test at an error rate; None if no number does."""
    if error_rate >= max_error:
        return None
    number = 1
    while binom.cdf(int(error_rate * number), number, max_error) > level:
        number *= 2
        if number > _MOST_DIGITS:
            return None
    low, high = number // 2, number
    while high - low > 1:
        middle = (low + high) // 2
        if binom.cdf(int(error_rate * middle), middle, max_error) > level:
            low = middle
        else:
            high = middle
    return high


def _upper_limit(errors: int, accepted: int, level: float) -> float:
    """Return the upper limit of an error rate after Clopper and Pearson, at confidence 1 - level."""
    if errors >= accepted:
        return 1.0
    return float(beta.ppf(1 - level, errors + 1, accepted - errors))
