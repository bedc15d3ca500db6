"""Evaluations count correctly, and comparisons are significant only beyond noise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lenet_pipeline.training.evaluation import (
    compare,
    evaluate,
    exact_mcnemar,
    mean_log_loss,
    smallest_difference,
)


def one_hot(labels: list[int], right: float = 0.91) -> np.ndarray:
    """Return probabilities that give each label ``right`` and share the rest evenly."""
    probabilities = np.full((len(labels), 10), (1 - right) / 9, np.float32)
    probabilities[np.arange(len(labels)), labels] = right
    return probabilities


def test_confusion_counts_truth_by_prediction():
    truth, predicted = np.array([3, 3, 3, 5, 0], np.uint8), [3, 8, 8, 5, 6]
    found = evaluate(one_hot(predicted), truth)
    expected = np.zeros((10, 10), np.int64)
    expected[3, 3], expected[3, 8], expected[5, 5], expected[0, 6] = 1, 2, 1, 1
    assert (found.confusion == expected).all()
    assert (found.digits, found.correct, found.accuracy) == (5, 2, 0.4)
    assert found.confusion.sum() == 5
    assert np.trace(found.confusion) == found.correct


def test_the_log_loss_is_the_mean_of_minus_log_of_the_truths_probability():
    probabilities, truth = one_hot([1, 1], right=0.5), np.array([1, 2], np.uint8)
    expected = -(math.log(0.5) + math.log(0.5 / 9)) / 2
    assert mean_log_loss(probabilities, truth) == pytest.approx(expected, rel=1e-6)
    assert evaluate(probabilities, truth).log_loss == mean_log_loss(probabilities, truth)


def test_a_true_class_of_probability_zero_has_a_finite_loss():
    loss = mean_log_loss(one_hot([1], right=1.0), np.array([2], np.uint8))
    assert loss == pytest.approx(-math.log(np.finfo(np.float32).tiny))
    assert mean_log_loss(one_hot([1], right=1.0), np.array([1], np.uint8)) == 0


@pytest.mark.parametrize(
    ("one_only", "other_only", "p_value"),
    [
        (0, 0, 1.0),
        (0, 1, 1.0),
        (0, 5, 2 / 32),
        (0, 6, 2 / 64),
        (3, 12, 2 * (1 + 15 + 105 + 455) / 2**15),
        (7, 7, 1.0),
    ],
)
def test_the_exact_p_value_is_the_binomials(one_only, other_only, p_value):
    assert exact_mcnemar(one_only, other_only) == pytest.approx(p_value, rel=1e-12)
    assert exact_mcnemar(other_only, one_only) == pytest.approx(p_value, rel=1e-12)


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.3])
def test_the_smallest_difference_is_the_first_significant_one(alpha):
    for disagreements in range(61):
        passing = [
            disagreements - 2 * losses
            for losses in range((disagreements + 1) // 2)
            if exact_mcnemar(losses, disagreements - losses) < alpha
        ]
        fewest = next(count for count in range(1, 100) if exact_mcnemar(0, count) < alpha)
        assert smallest_difference(disagreements, alpha) == (min(passing) if passing else fewest), (
            disagreements
        )


def labels_with(truth: np.ndarray, wrong: range) -> np.ndarray:
    labels = truth.copy()
    labels[wrong.start : wrong.stop] = (labels[wrong.start : wrong.stop] + 1) % 10
    return labels


def test_a_comparison_counts_digits_that_only_one_model_reads_correctly():
    truth = (np.arange(100) % 10).astype(np.uint8)
    champion, challenger = labels_with(truth, range(0, 20)), labels_with(truth, range(17, 25))
    found = compare(champion, challenger, truth, 0.05)
    assert (found.digits, found.champion_right, found.challenger_right) == (100, 80, 92)
    assert (found.champion_only_right, found.challenger_only_right) == (5, 17)
    assert found.p_value == exact_mcnemar(5, 17)
    assert found.smallest_difference == smallest_difference(22, 0.05) == 12
    assert found.is_better
    assert not compare(champion, challenger, truth, 0.01).is_better


def test_a_significantly_worse_challenger_is_not_better():
    truth = (np.arange(100) % 10).astype(np.uint8)
    found = compare(truth, labels_with(truth, range(50)), truth, 0.05)
    assert found.p_value < 1e-12
    assert not found.is_better


@pytest.mark.parametrize(("gained", "is_better"), [(0, False), (5, False), (6, True)])
def test_a_gain_is_significant_from_the_smallest_difference_on(gained, is_better):
    truth = (np.arange(100) % 10).astype(np.uint8)
    found = compare(labels_with(truth, range(gained)), truth, truth, 0.05)
    assert found.is_better is is_better
    assert found.smallest_difference == 6


def test_a_digit_that_both_models_misread_does_not_count():
    truth = np.zeros(10, np.uint8)
    found = compare(truth + 1, truth + 2, truth, 0.05)
    assert (found.champion_only_right, found.challenger_only_right, found.p_value) == (0, 0, 1.0)
    assert (found.champion_right, found.challenger_right) == (0, 0)
