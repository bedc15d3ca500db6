"""Thresholds with a guarantee: how sure a reading must be, so that few of those accepted are wrong.

Learn then Test (Angelopoulos, Bates, Candès, Jordan, Lei, "Learn then Test: Calibrating Predictive
Algorithms to Achieve Risk Control", 2021): each threshold is a null hypothesis, 'of what it accepts, more
than the target is wrong', and is tested on labelled digits by the exact binomial distribution. Many
thresholds are tried on the same digits, so that each may err only with a share of the allowed probability:
fixed sequence testing from several starts (section 3.1 there). Thresholds and starts are fixed in advance;
from each start on, thresholds are lowered until one fails. It holds for digits drawn as the labelled ones
were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, binom

Confidences = npt.NDArray[np.float32]
Truths = npt.NDArray[np.bool_]

# From 0 to 0.9999, closer together where confidences are: a tenth of a power of ten of the doubt each.
THRESHOLDS = tuple(float(np.float32(1 - 10 ** (-step / 10))) for step in range(41))
# A start must be so strict that next to nothing is wrong, yet accept enough to show it. Nobody knows where
# that is, so there are four, by how likely they are; of the probability to err each has that share.
# (Of 300 policies on 3,000 digits drawn from MNIST's validation and gate splits for 0.5 %, 66 come to nothing
# with five equal shares, 42 with these, 36 with the first start alone.)
_STARTS = {20: 0.55, 30: 0.25, 40: 0.1, 10: 0.1}
_MOST_DIGITS = 10**9


@dataclass(frozen=True)
class Guarantee:
    """What is accepted, and the evidence that few of it are wrong.

    ``threshold`` is the lowest confidence to accept, None where nothing may be. Of ``digits`` labelled ones
    ``accepted`` reach it, of which ``errors`` are wrong; ``bound`` is the upper confidence limit of the share
    that is wrong among all such digits, at the level that one of several tests has (Clopper and Pearson).
    Where nothing qualifies these are of the most promising threshold, and ``digits_needed`` is about how many
    labelled digits would do, were they like these: None where no number would.
    """

    threshold: float | None
    digits: int
    accepted: int
    errors: int
    bound: float
    digits_needed: int | None

    @property
    def coverage(self) -> float:
        """The share of the labelled digits that is accepted."""
        return self.accepted / self.digits if self.threshold is not None else 0.0


def find_threshold(
    confidences: Confidences, is_right: Truths, max_error: float, certainty: float
) -> Guarantee:
    """Find the lowest threshold whose error among accepted digits is below the target, with a certainty.

    Args:
        confidences: of labelled digits that the model never learned from, float32 (n,), 0 to 1.
        is_right: whether each was read rightly, bool (n,).
        max_error: the target: the largest share of accepted digits that may be wrong, over 0 and under 1.
        certainty: the probability, over the draw of the labelled digits, that the target is kept.
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
        digits_needed=needed,
    )


def risk_coverage(confidences: Confidences, is_right: Truths) -> tuple[npt.NDArray, npt.NDArray]:  # type: ignore[type-arg]
    """Return the risk-coverage curve: coverages (n,) and the share wrong among the surest so many (n,).

    Source: El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification", JMLR 2010.
    """
    order = np.argsort(-confidences, kind="stable")
    number = np.arange(1, len(order) + 1)
    return number / len(order), np.cumsum(~is_right[order]) / number


def _count(confidences: Confidences, is_right: Truths) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return how many each threshold accepts, and how many of them are wrong, int64 (thresholds,)."""
    edges = np.array(THRESHOLDS, np.float32)
    # How many thresholds a confidence reaches: it counts for all of those.
    reached = np.searchsorted(edges, confidences, side="right")

    def count(chosen: npt.NDArray[np.intp]) -> npt.NDArray[np.int64]:
        at_least: npt.NDArray[np.int64] = np.bincount(chosen, minlength=len(edges) + 1)[::-1].cumsum()[::-1]
        return at_least[1:]

    return count(reached), count(reached[~is_right])


def _p_values(
    errors: npt.NDArray[np.int64], accepted: npt.NDArray[np.int64], max_error: float
) -> npt.NDArray[np.float64]:
    """Return the probability of so few errors were the target just missed; 1 where nothing is accepted."""
    values: npt.NDArray[np.float64] = binom.cdf(errors, accepted, max_error)
    return values


def _walk(passes: npt.NDArray[np.bool_], start: int) -> int | None:
    """Lower the threshold from a start while tests pass; return the last that did."""
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
    """Return the start that would need fewest labelled digits to pass, and how many in all."""
    needed = {}
    for start, level in levels.items():
        if accepted[start]:
            enough = _enough(errors[start] / accepted[start], max_error, level)
            if enough:
                needed[start] = -(-enough * digits // int(accepted[start]))
    if not needed:
        return max(levels, key=lambda start: accepted[start]), None
    best = min(needed, key=lambda start: needed[start])
    return best, needed[best]


def _enough(share: float, max_error: float, level: float) -> int | None:
    """Return about how many accepted digits pass the test where such a share is wrong; None if none do."""
    if share >= max_error:
        return None
    number = 1
    while binom.cdf(int(share * number), number, max_error) > level:
        number *= 2
        if number > _MOST_DIGITS:
            return None
    low, high = number // 2, number
    while high - low > 1:
        middle = (low + high) // 2
        if binom.cdf(int(share * middle), middle, max_error) > level:
            low = middle
        else:
            high = middle
    return high


def _upper_limit(errors: int, accepted: int, level: float) -> float:
    """Return Clopper and Pearson's upper limit of a share, at one minus the level."""
    if errors >= accepted:
        return 1.0
    return float(beta.ppf(1 - level, errors + 1, accepted - errors))
