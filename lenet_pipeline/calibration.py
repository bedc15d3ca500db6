"""Calibration: make a confidence mean what it says, with one temperature fitted on the validation split."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


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
