"""Evaluation: how accurate a model is, and whether one model is significantly better than another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lenet_pipeline.schema import Labels


@dataclass(frozen=True)
class Evaluation:
    """A model's results on labelled digits; ``log_loss`` is in nats.

    ``confusion`` is int64 (10, 10), true class by predicted class.
    """

    digits: int
    correct: int
    log_loss: float
    confusion: npt.NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        return self.correct / self.digits


@dataclass(frozen=True)
class Comparison:
    """Two models compared on the same digits by McNemar's exact test.

    ``smallest_difference`` is the smallest net gain, in digits, that would have been significant, given the
    number of digits on which exactly one model is right. If no gain could be significant with so few, it is
    the number of such digits that would be enough if all favoured one model.
    """

    digits: int
    champion_right: int
    challenger_right: int
    champion_only_right: int
    challenger_only_right: int
    p_value: float
    smallest_difference: int
    is_better: bool


def evaluate(probabilities: npt.NDArray[np.float32], labels: Labels) -> Evaluation:
    """Evaluate probabilities, float32 (n, 10), against the true classes, uint8 (n,)."""
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((10, 10), np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    return Evaluation(
        digits=len(labels),
        correct=int((predicted == labels).sum()),
        log_loss=mean_log_loss(probabilities, labels),
        confusion=confusion,
    )


def mean_log_loss(probabilities: npt.NDArray[np.float32], labels: Labels) -> float:
    """Return the mean negative log-likelihood, in nats, of labels uint8 (n,) given float32 (n, 10)."""
    right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(right, np.finfo(np.float32).tiny)).mean())


def compare(champion: Labels, challenger: Labels, truth: Labels, alpha: float) -> Comparison:
    """Compare two models on the same digits by McNemar's exact test.

    Under the null hypothesis, a digit that exactly one model reads correctly is equally likely to favour
    either. The p-value is therefore that of a two-sided binomial test with probability one half. Source:
    McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12, 1947.

    Args:
        champion: The champion's predicted classes, uint8 (n,).
        challenger: The challenger's predicted classes, uint8 (n,).
        truth: The true classes, uint8 (n,).
        alpha: The significance level, 0 to 1.
    """
    champion_right, challenger_right = champion == truth, challenger == truth
    champion_only = int((champion_right & ~challenger_right).sum())
    challenger_only = int((challenger_right & ~champion_right).sum())
    p_value = exact_mcnemar(champion_only, challenger_only)
    return Comparison(
        digits=len(truth),
        champion_right=int(champion_right.sum()),
        challenger_right=int(challenger_right.sum()),
        champion_only_right=champion_only,
        challenger_only_right=challenger_only,
        p_value=p_value,
        smallest_difference=smallest_difference(champion_only + challenger_only, alpha),
        is_better=challenger_only > champion_only and p_value < alpha,
    )


def exact_mcnemar(one_only: int, other_only: int) -> float:
    """Return the two-sided exact p-value, given how many digits only the one or the other model got right."""
    disagreements = one_only + other_only
    from scipy.stats import binomtest  # takes half a second to load

    return float(binomtest(one_only, disagreements, 0.5).pvalue) if disagreements else 1.0


def smallest_difference(disagreements: int, alpha: float) -> int:
    """Return the smallest net gain, in digits, that is significant at ``alpha``, given the disagreements.

    If no gain is significant with so few, return the smallest number of disagreements that is significant
    when all of them favour one model.
    """
    for losses in range(disagreements // 2, -1, -1):
        if exact_mcnemar(losses, disagreements - losses) < alpha:
            return disagreements - 2 * losses
    fewest = disagreements + 1
    while exact_mcnemar(0, fewest) >= alpha:
        fewest += 1
    return fewest
