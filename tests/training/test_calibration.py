"""Calibrated confidences agree with accuracy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lenet_pipeline.training.calibration import (
    calibrate_unseen,
    fit_none_score,
    fit_sigmoid,
    fit_temperature,
    measure_reliability,
    uncalibrated_confidences,
)

COUNT = 20_000


def scores_and_labels(temperature: float) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return scores whose softmax at ``temperature`` is the very distribution the labels come from."""
    random = np.random.default_rng(11)
    honest = random.normal(0, 2, (COUNT, 10))
    gumbel = -np.log(-np.log(random.random((COUNT, 10))))
    return (honest * temperature).astype(np.float32), (honest + gumbel).argmax(axis=1).astype(np.uint8)


def fitted(scores: NDArray[np.float32], labels: NDArray[np.uint8]) -> float:
    """Return the temperature for scores of one view."""
    return fit_temperature(scores[None], labels)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_a_known_temperature_is_recovered(temperature):
    assert fitted(*scores_and_labels(temperature)) == pytest.approx(temperature, rel=0.03)


def test_confidences_at_the_fitted_temperature_match_the_accuracy():
    scores, labels = scores_and_labels(3.0)
    scaled = scores / fitted(scores, labels)
    probabilities = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    for low in (0.3, 0.5, 0.7, 0.9):
        chosen = (confidence >= low) & (confidence < low + 0.1)
        assert chosen.sum() > 300
        assert right[chosen].mean() == pytest.approx(confidence[chosen].mean(), abs=0.06)


def test_without_any_error_the_temperature_is_one():
    labels = (np.arange(50) % 10).astype(np.uint8)
    assert fitted(np.eye(10, dtype=np.float32)[labels], labels) == 1.0


def test_equal_views_have_the_temperature_of_one_and_the_mean_of_unequal_ones_is_calibrated():
    scores, labels = scores_and_labels(2.0)
    assert fit_temperature(np.stack([scores] * 3), labels) == pytest.approx(fitted(scores, labels), rel=1e-3)
    noise = np.random.default_rng(2).normal(0, 3, (3, *scores.shape)).astype(np.float32)
    views = scores + noise
    temperature = fit_temperature(views, labels)

    def loss(chosen: float) -> float:
        exact = np.exp(views.astype(float) / chosen)
        mean = (exact / exact.sum(axis=2, keepdims=True)).mean(axis=0)
        return float(-np.log(mean[np.arange(COUNT), labels]).mean())

    assert loss(temperature) <= min(loss(temperature * 0.97), loss(temperature * 1.03))


def test_the_temperature_stays_between_a_tenth_and_a_hundred():
    labels = (np.arange(50) % 10).astype(np.uint8)
    hopeless = np.roll(np.eye(10, dtype=np.float32)[labels], 1, axis=1)  # surely wrong, each time
    assert fitted(hopeless * 100, labels) == pytest.approx(100, rel=0.01)
    almost = np.eye(10, dtype=np.float32)[labels] * np.float32(0.01)
    almost[0, 5] = 0.02
    assert 0.1 <= fitted(almost, labels) < 0.2


def test_adding_a_constant_to_an_images_scores_changes_nothing():
    scores, labels = scores_and_labels(2.0)
    shifted = scores + np.random.default_rng(1).normal(0, 50, (COUNT, 1)).astype(np.float32)
    assert fitted(shifted, labels) == pytest.approx(fitted(scores, labels), rel=1e-3)


def test_the_expected_calibration_error_is_the_mean_distance_over_the_digits():
    confidences = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55], np.float32)
    is_right = np.array([True, True, True, False, True, False])
    found = measure_reliability(confidences, is_right)
    assert found.digits.sum() == 6
    assert found.digits[[8, 14]].tolist() == [2, 4]
    assert found.accuracy[[8, 14]].tolist() == [0.5, 0.75]
    assert found.expected_error == pytest.approx((2 * 0.05 + 4 * 0.20) / 6)


def test_a_confidence_of_one_is_in_the_last_bin_and_no_digits_mean_no_error():
    assert measure_reliability(np.ones(3, np.float32), np.ones(3, bool)).digits[-1] == 3
    assert measure_reliability(np.empty(0, np.float32), np.empty(0, bool)).expected_error == 0


def test_accurate_confidences_have_almost_no_calibration_error():
    scores, labels = scores_and_labels(3.0)
    is_right = scores.argmax(axis=1) == labels
    before = measure_reliability(uncalibrated_confidences(scores[None]), is_right)
    after = measure_reliability(uncalibrated_confidences(scores[None] / fitted(scores, labels)), is_right)
    assert before.expected_error > 0.1
    assert after.expected_error < 0.02


def test_the_fitted_none_score_refuses_the_requested_share_of_digits():
    scores, _ = scores_and_labels(1.0)
    none_score = fit_none_score(scores, 0.01)
    share = np.exp(none_score) / (np.exp(none_score) + np.exp(scores.astype(float)).sum(axis=1))
    assert (share > 0.5).mean() == pytest.approx(0.01, abs=0.0002)


def test_the_sigmoid_corrects_overconfidence():
    random = np.random.default_rng(5)
    honest = random.beta(8, 1, COUNT)
    is_right = random.random(COUNT) < honest
    odds = np.log(honest / (1 - honest))
    boastful = (1 / (1 + np.exp(-(2 * odds + 1)))).astype(np.float32)
    found = fit_sigmoid(boastful, is_right)
    assert (found.slope, found.offset) == pytest.approx((0.5, -0.5), abs=0.05)
    assert measure_reliability(boastful, is_right).expected_error > 0.04
    assert measure_reliability(found.apply(boastful), is_right).expected_error < 0.01
    assert measure_reliability(calibrate_unseen(boastful, is_right), is_right).expected_error < 0.01


@pytest.mark.parametrize("outcome", [True, False])
def test_a_sigmoid_of_few_identical_readings_is_finite(outcome):
    confidences = np.array([0.2, 0.9, 1.0], np.float32)
    found = fit_sigmoid(confidences, np.full(3, outcome))
    calibrated = found.apply(confidences)
    assert found.slope >= 0
    assert np.isfinite(calibrated).all()
    assert (calibrated > 0.5).all() if outcome else (calibrated < 0.5).all()


def test_a_sigmoid_keeps_the_order_of_confidences():
    confidences = np.linspace(0, 1, 101, dtype=np.float32)
    is_right = confidences < 0.5  # worse the surer: nothing but a flat line keeps the order
    calibrated = fit_sigmoid(confidences, is_right).apply(confidences)
    assert (np.diff(calibrated) >= 0).all()


def test_unseen_calibration_never_fits_a_reading_on_itself():
    confidences = np.full(10, 0.5, np.float32)
    is_right = np.zeros(10, bool)
    is_right[3] = True
    calibrated = calibrate_unseen(confidences, is_right)
    assert calibrated[3] == calibrated.min()  # its fold alone has seen no right one
