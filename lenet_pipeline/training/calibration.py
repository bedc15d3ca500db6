"""Calibration: make a confidence mean what it says.

Of digits with one temperature, fitted on the validation split; of whole fields with a sigmoid, fitted on
fields of known truth: their confidence is a product over digits, which knows nothing of what happens between.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_expit, log_softmax, logit, logsumexp, softmax

_BINS = 15  # of equal width, as Guo et al. have it
_FOLDS = 5
_NEAREST = 1e-9  # a confidence is taken to be that far from 0 and 1, where its log-odds would have no end


@dataclass(frozen=True)
class Reliability:
    """How often readings are right at each confidence: of equal bins from 0 to 1, each (bins,).

    ``digits`` int64 in each bin; their mean ``confidence`` and the share read rightly, ``accuracy``, both
    0 to 1, and 0 where a bin is empty.
    """

    digits: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]

    @property
    def expected_error(self) -> float:
        """The expected calibration error: the mean distance of accuracy and confidence, over the digits.

        Source: Naeini, Cooper, Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian
        Binning", AAAI 2015; Guo et al. 2017, equation 3.
        """
        distances = np.abs(self.accuracy - self.confidence)
        return float((self.digits * distances).sum() / max(1, self.digits.sum()))


def measure_reliability(
    confidences: npt.NDArray[np.float32], is_right: npt.NDArray[np.bool_], bins: int = _BINS
) -> Reliability:
    """Compare confidences float32 (n,), 0 to 1, with whether each reading was right, bool (n,)."""
    chosen = np.minimum((confidences * bins).astype(np.int64), bins - 1)  # 1 belongs to the last bin
    digits = np.bincount(chosen, minlength=bins)
    most = np.maximum(digits, 1)
    return Reliability(
        digits,
        np.bincount(chosen, confidences.astype(np.float64), minlength=bins) / most,
        np.bincount(chosen, is_right.astype(np.float64), minlength=bins) / most,
    )


def uncalibrated_confidences(scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return what the confidences float32 (n,) would be at temperature 1, of log scores float32 (n, 10)."""
    confidences: npt.NDArray[np.float32] = softmax(scores, axis=1).max(axis=1)
    return confidences


def fit_temperature(scores: npt.NDArray[np.float32], labels: npt.NDArray[np.uint8]) -> float:
    """Fit the temperature T that minimises the mean of -log softmax(scores / T)[label].

    Source: Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks", 2017, section 4.2.

    Args:
        scores: a network's log scores, float32 (n, 10).
        labels: the true classes, uint8 (n,).

    Returns:
        T between 0.1 and 10; 1 where no digit is misread, since then ever lower temperatures fit ever
        better and the optimum says nothing.
    """
    if (scores.argmax(axis=1) == labels).all():
        return 1.0
    exact, rows = scores.astype(np.float64), np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(exact / np.exp(log_temperature), axis=1)[rows, labels].mean())

    found = minimize_scalar(loss, bounds=(np.log(0.1), np.log(10)), method="bounded")
    return float(np.exp(found.x))


@dataclass(frozen=True)
class Sigmoid:
    """A confidence c becomes 1 / (1 + exp(-(slope ln(c / (1 - c)) + offset))).

    Source: Platt, "Probabilistic Outputs for Support Vector Machines", 1999, equation 2, of the log-odds.
    SQL's macro ``recalibrate`` makes the same of what is stored.
    """

    slope: float
    offset: float

    def apply(self, confidences: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the calibrated confidences float32 (n,) of confidences float32 (n,), 0 to 1."""
        calibrated: npt.NDArray[np.float64] = expit(self.slope * _log_odds(confidences) + self.offset)
        return calibrated.astype(np.float32)


def fit_sigmoid(confidences: npt.NDArray[np.float32], is_right: npt.NDArray[np.bool_]) -> Sigmoid:
    """Fit the sigmoid that makes confidences float32 (n,) as often right as they say, bool (n,).

    A larger confidence stays the larger one. The truth is taken for a little less than sure, as Platt 1999
    has it (section 2.2): with nothing wrong the fit would else have no end.
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
    """Return each confidence float32 (n,) as a sigmoid has it that was fitted on other folds than its own."""
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
    """Choose the log score of 'none of the ten' at which such a share of digits is rather no digit.

    Its share of all eleven is then over one half where the logarithm of the ten classes' sum is below it:
    the energy score of Liu, Wang, Owens, Li, "Energy-based Out-of-distribution Detection", NeurIPS 2020.

    Args:
        scores: log scores of digits, float32 (n, 10), at temperature 1.
        refused: the share of these digits that may be refused, 0 to 1.
    """
    return float(np.quantile(logsumexp(scores.astype(np.float64), axis=1), refused))
