"""Evaluation: what a model gets right, and whether one model is better than another beyond noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lenet_pipeline.schema import Labels


@dataclass(frozen=True)
class Evaluation:
    """What a model got right on labelled digits; ``confusion`` int64 (10, 10), truth by prediction."""

    digits: int
    correct: int
    log_loss: float
    confusion: npt.NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        return self.correct / self.digits


@dataclass(frozen=True)
class Comparison:
    """Two models on the same digits, by McNemar's exact test.

    ``smallest_difference`` is the smallest net gain, in digits, that could have passed at the level
    asked for, given on how many digits exactly one of the two was right; where those are too few for
    any gain to pass, it is the fewest that all would have had to go one way.
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
    """Evaluate probabilities float32 (n, 10) against true classes uint8 (n,)."""
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
    """Return the mean negative log likelihood, in nats, of uint8 (n,) labels under float32 (n, 10)."""
    right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.maximum(right, np.finfo(np.float32).tiny)).mean())


def compare(champion: Labels, challenger: Labels, truth: Labels, alpha: float) -> Comparison:
    """Compare two models' labels, each uint8 (n,), on the same digits by McNemar's exact test.

    Under the null hypothesis each digit that exactly one of the two reads is as likely to be either's:
    the p-value is two-sided binomial with probability one half. Source: McNemar, "Note on the sampling
    error of the difference between correlated proportions or percentages", Psychometrika 12, 1947.
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
    """Return the two-sided exact p-value for two counts of digits that only one model read rightly."""
    disagreements = one_only + other_only
    from scipy.stats import binomtest  # takes half a second to load

    return float(binomtest(one_only, disagreements, 0.5).pvalue) if disagreements else 1.0


def smallest_difference(disagreements: int, alpha: float) -> int:
    """Return the smallest net gain, in digits, that passes at ``alpha`` with so many disagreements.

    Where no gain can pass with so few, return the fewest disagreements that pass when all go one way.
    """
    for losses in range(disagreements // 2, -1, -1):
        if exact_mcnemar(losses, disagreements - losses) < alpha:
            return disagreements - 2 * losses
    fewest = disagreements + 1
    while exact_mcnemar(0, fewest) >= alpha:
        fewest += 1
    return fewest
