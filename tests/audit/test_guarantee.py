"""Thresholds with a guarantee: that it is kept, not needlessly strict, and what is said without."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from lenet_pipeline.audit.guarantee import THRESHOLDS, find_threshold, risk_coverage


def drawn(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return confidences like a good network's, and readings that are right as often as they say."""
    rng = np.random.default_rng(seed)
    doubt = 10 ** -rng.uniform(0.05, 5, count)
    return (1 - doubt).astype(np.float32), rng.random(count) >= doubt


def test_the_target_is_missed_no_more_often_than_the_certainty_allows():
    confidences, is_right = drawn(200_000)
    rng, missed, coverages = np.random.default_rng(1), 0, []
    for _ in range(300):
        chosen = rng.integers(0, len(confidences), 10_000)
        found = find_threshold(confidences[chosen], is_right[chosen], 0.005, 0.95)
        assert found.threshold is not None
        accepted = confidences >= np.float32(found.threshold)
        missed += (~is_right[accepted]).mean() > 0.005
        coverages.append(found.coverage)
    assert missed <= binom.ppf(0.999, 300, 0.05)
    # Not by accepting next to nothing: of all that could be accepted, three quarters.
    order, risks = risk_coverage(confidences, is_right)
    assert np.median(coverages) > 0.75 * order[np.flatnonzero(risks <= 0.005)[-1]]


def test_the_evidence_is_of_the_threshold_and_bounds_the_error():
    confidences, is_right = drawn(20_000)
    found = find_threshold(confidences, is_right, 0.01, 0.95)
    accepted = confidences >= np.float32(found.threshold)
    assert (found.digits, found.accepted) == (20_000, accepted.sum())
    assert found.errors == (~is_right[accepted]).sum()
    assert found.errors / found.accepted < found.bound <= 0.01
    assert found.coverage == pytest.approx(accepted.mean())
    assert found.digits_needed is None


def test_a_stricter_target_or_certainty_never_accepts_more():
    confidences, is_right = drawn(50_000)
    coverages = [find_threshold(confidences, is_right, error, 0.95).coverage for error in (0.02, 0.01, 0.005)]
    assert coverages == sorted(coverages, reverse=True)
    assert (
        find_threshold(confidences, is_right, 0.01, 0.999).coverage
        <= find_threshold(confidences, is_right, 0.01, 0.9).coverage
    )


def test_too_few_digits_accept_nothing_and_say_how_many_would_do():
    confidences, is_right = drawn(300)
    found = find_threshold(confidences, is_right, 0.002, 0.95)
    assert (found.threshold, found.coverage) == (None, 0.0)
    assert found.digits_needed > 300
    more = drawn(3 * found.digits_needed, seed=5)
    assert find_threshold(*more, 0.002, 0.95).threshold is not None


def test_where_even_the_surest_are_wrong_too_often_no_number_would_do():
    confidences = np.full(5_000, 0.99999, np.float32)
    is_right = np.arange(5_000) % 50 > 0
    found = find_threshold(confidences, is_right, 0.002, 0.95)
    assert (found.threshold, found.digits_needed, found.errors) == (None, None, 100)


def test_what_is_refused_is_never_accepted():
    confidences = np.full(10_000, -1, np.float32)
    confidences[:5_000] = 1
    found = find_threshold(confidences, np.ones(10_000, bool), 0.01, 0.95)
    assert (found.threshold, found.accepted, found.digits) == (0.0, 5_000, 10_000)


@pytest.mark.parametrize("confidences", [np.empty(0, np.float32), np.full(3, -1, np.float32)])
def test_without_any_digit_nothing_is_accepted(confidences):
    found = find_threshold(confidences, np.ones(len(confidences), bool), 0.01, 0.95)
    assert (found.threshold, found.coverage, found.accepted, found.bound) == (None, 0.0, 0, 1.0)


def test_a_confidence_at_a_threshold_is_accepted():
    edge = np.float32(THRESHOLDS[20])
    found = find_threshold(np.full(10_000, edge), np.ones(10_000, bool), 0.01, 0.95)
    assert found.accepted == 10_000
    below = np.nextafter(edge, np.float32(0))
    confidences = np.concatenate([np.full(10_000, edge), np.full(500, below)])
    is_right = np.arange(10_500) < 10_000
    assert find_threshold(confidences, is_right, 0.01, 0.95).threshold == THRESHOLDS[20]


def test_every_threshold_is_a_float32_so_that_sql_compares_the_same():
    assert all(float(np.float32(threshold)) == threshold for threshold in THRESHOLDS)
    assert list(THRESHOLDS) == sorted(THRESHOLDS)
    assert THRESHOLDS[0] == 0


def test_the_risk_coverage_curve_counts_from_the_surest():
    coverages, risks = risk_coverage(np.array([0.5, 0.9, 0.7], np.float32), np.array([False, True, True]))
    assert coverages.tolist() == pytest.approx([1 / 3, 2 / 3, 1])
    assert risks.tolist() == pytest.approx([0, 0, 1 / 3])
