"""Calibration: make confidences agree with accuracy.

Digits are calibrated with one temperature, fitted on the validation split. Whole fields are calibrated with a
sigmoid, fitted on fields with a known truth: a field's confidence is a product over its digits, which ignores
any dependence between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_expit, log_softmax, logit, logsumexp, softmax

_BINS = 15  # of equal width, as in Guo et al. 2017
_FOLDS = 5
_NEAREST = 1e-9  # confidences are clipped this far from 0 and 1, where log-odds are infinite


@dataclass(frozen=True)
class Reliability:
    """Accuracy by confidence, in bins of equal width from 0 to 1; each array has shape (bins,).

    ``digits`` counts the digits in each bin. ``confidence`` is their mean confidence, and ``accuracy`` is the
    share that is correct. Both range from 0 to 1 and are 0 in an empty bin.
    """

    digits: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]

    @property
    def expected_error(self) -> float:
        """The expected calibration error: the mean distance between accuracy and confidence, over the digits.

        Source: Naeini, Cooper, Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian
        Binning", AAAI 2015; Guo et al. 2017, equation 3.
        """
        distances = np.abs(self.accuracy - self.confidence)
        return float((self.digits * distances).sum() / max(1, self.digits.sum()))


def measure_reliability(
    confidences: npt.NDArray[np.float32], is_right: npt.NDArray[np.bool_], bins: int = _BINS
) -> Reliability:
    """Measure accuracy by confidence.

    Args:
        confidences: The confidence of each reading, float32 (n,), 0 to 1.
        is_right: Whether each reading is correct, bool (n,).
        bins: The number of bins.
    """
    chosen = np.minimum((confidences * bins).astype(np.int64), bins - 1)  # 1 belongs to the last bin
    digits = np.bincount(chosen, minlength=bins)
    most = np.maximum(digits, 1)
    return Reliability(
        digits,
        np.bincount(chosen, confidences.astype(np.float64), minlength=bins) / most,
        np.bincount(chosen, is_right.astype(np.float64), minlength=bins) / most,
    )


def uncalibrated_confidences(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the confidences at temperature 1, float32 (n,), of log scores float32 (views, n, 10)."""
    confidences: npt.NDArray[np.float32] = softmax(scores, axis=2).mean(axis=0).max(axis=1)
    return confidences


def fit_temperature(scores: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8]) -> float:
    """Fit the temperature T that minimises the mean of -log p[label], where p is softmax(scores / T).

    If there are several views of each image, p is the mean over them.

    Source: Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", 2017, section 4.2.

    Args:
        scores: A network's log scores for each view, float32 (views, n, 10).
        labels: The true classes, uint8 (n,).

    Returns:
        T between 0.1 and 100. T is 1 if every digit is classified correctly, because then the loss keeps
        falling with the temperature and has no meaningful optimum.
    """
    if (softmax(scores, axis=2).mean(axis=0).argmax(axis=1) == labels).all():
        return 1.0
    exact, rows = scores.astype(np.float64), np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        of_label = log_softmax(exact / np.exp(log_temperature), axis=2)[:, rows, labels]
        return float(np.log(len(exact)) - logsumexp(of_label, axis=0).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.1), np.log(100)), method="bounded")
    return float(np.exp(found.x))


@dataclass(frozen=True)
class Sigmoid:
    """A sigmoid that maps a confidence c to 1 / (1 + exp(-(slope ln(c / (1 - c)) + offset))).

    Source: Platt, "Probabilistic Outputs for Support Vector Machines", 1999, equation 2, applied to log-odds.
    The SQL macro ``recalibrate`` computes the same from stored values.
    """

    slope: float
    offset: float

    def apply(self, confidences: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Calibrate confidences, float32 (n,), 0 to 1."""
        calibrated: npt.NDArray[np.float64] = expit(self.slope * _log_odds(confidences) + self.offset)
        return calibrated.astype(np.float32)


def fit_sigmoid(confidences: npt.NDArray[np.float32], is_right: npt.NDArray[np.bool_]) -> Sigmoid:
    """Fit the sigmoid that makes confidences agree with accuracy.

    The sigmoid never changes the order of two confidences. The targets are slightly less than certain, as in
    Platt 1999 (section 2.2). Otherwise the fit would diverge if every reading is correct.

    Args:
        confidences: The confidence of each reading, float32 (n,), 0 to 1.
        is_right: Whether each reading is correct, bool (n,).
    """
    right = int(is_right.sum())
    wrong = len(is_right) - right
    target = np.where(is_right, (right + 1) / (right + 2), 1 / (wrong + 2))
    log_odds = _log_odds(confidences)

    def loss(parameters: npt.NDArray[np.float64]) -> float:
        scores = parameters[0] * log_odds + parameters[1]
        return -float((target * log_expit(scores) + (1 - target) * log_expit(-scores)).mean())

    found = minimize(loss, x0=(1.0, 0.0), bounds=((0.0, None), (None, None)), method="L-BFGS-B")
    return Sigmoid(float(found.x[0]), float(found.x[1]))


def calibrate_unseen(
    confidences: npt.NDArray[np.float32], is_right: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """Calibrate each confidence with a sigmoid that was fitted on the other folds.

    Args:
        confidences: The confidence of each reading, float32 (n,), 0 to 1.
        is_right: Whether each reading is correct, bool (n,).

    Returns:
        The calibrated confidences, float32 (n,).
    """
    folds = np.random.default_rng(0).permutation(len(confidences)) % _FOLDS
    calibrated = confidences.copy()
    for fold in range(_FOLDS):
        own = folds == fold
        if own.any() and not own.all():
            calibrated[own] = fit_sigmoid(confidences[~own], is_right[~own]).apply(confidences[own])
    return calibrated


def _log_odds(confidences: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    odds: npt.NDArray[np.float64] = logit(np.clip(confidences.astype(np.float64), _NEAREST, 1 - _NEAREST))
    return odds


def fit_none_score(scores: npt.NDArray[np.float32], refused: float) -> float:
    """Choose the log score of 'not a digit' so that a given share of true digits is refused.

    An image is refused if the probability of 'not a digit' exceeds one half: if its log score exceeds the
    log-sum-exp of the ten classes. That is the energy score of Liu, Wang, Owens, Li, "Energy-based
    Out-of-distribution Detection", NeurIPS 2020.

    Args:
        scores: The log scores of digits, float32 (n, 10), at temperature 1, for the first view.
        refused: The share of these digits to refuse, 0 to 1.
    """
    return float(np.quantile(logsumexp(scores.astype(np.float64), axis=1), refused))
