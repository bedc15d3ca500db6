"""Evaluate a trained model on test sets, and log metrics and figures to its MLflow run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lenet_pipeline.lake import read_manifest
from lenet_pipeline.registry import TrainingRun
from lenet_pipeline.scoring import Engine
from lenet_pipeline.settings import Settings
from lenet_pipeline.training import (
    Evaluation,
    Reliability,
    TrainingResult,
    draw_confusion,
    draw_reliability,
    draw_worst_mistakes,
    evaluate,
    measure_reliability,
    read_labelled,
    uncalibrated_confidences,
)


@dataclass(frozen=True)
class TestResult:
    """The result on one test set: its number of digits, and how many were read correctly."""

    dataset: str
    digits: int
    correct: int

    @property
    def accuracy(self) -> float:
        """The share of digits that were read correctly, 0 to 1."""
        return self.correct / self.digits


def evaluate_on_test_sets(
    datasets: Sequence[str], device: str, result: TrainingResult, settings: Settings, run: TrainingRun
) -> tuple[TestResult, ...]:
    """Evaluate a model on each test set, and log metrics and figures per set."""
    engine, tests = Engine(result.model, device), []
    for dataset in datasets:
        manifest = read_manifest(settings.lake, dataset)
        digits = read_labelled(settings.lake, [manifest])
        scores = engine.score(digits.images)
        outcome = evaluate(scores.probabilities, digits.labels)
        run.log_dataset(dataset, manifest.fingerprint, "test")
        is_right = scores.labels == digits.labels
        before = measure_reliability(uncalibrated_confidences(engine.raw_scores(digits.images)), is_right)
        after = measure_reliability(scores.confidences, is_right)
        run.log_metrics(_test_metrics(dataset, outcome, before, after))
        name = dataset.replace("/", "-")
        run.log_figure(draw_confusion(outcome.confusion, dataset), f"confusion-{name}")
        worst = draw_worst_mistakes(digits.images, digits.labels, scores, dataset)
        run.log_figure(worst, f"worst-mistakes-{name}")
        run.log_figure(draw_reliability(before, after, dataset), f"reliability-{name}")
        tests.append(TestResult(dataset, outcome.digits, outcome.correct))
    if tests:
        correct, total = sum(test.correct for test in tests), sum(test.digits for test in tests)
        run.log_metrics({"test_accuracy": correct / total, "test_correct": correct, "test_digits": total})
    return tuple(tests)


def _test_metrics(
    dataset: str, outcome: Evaluation, before: Reliability, after: Reliability
) -> dict[str, float]:
    return {
        f"{dataset}/accuracy": outcome.accuracy,
        f"{dataset}/correct": outcome.correct,
        f"{dataset}/digits": outcome.digits,
        f"{dataset}/log_loss": outcome.log_loss,
        f"{dataset}/ece_before": before.expected_error,
        f"{dataset}/ece": after.expected_error,
    }
