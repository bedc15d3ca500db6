"""The retrain flow: train, evaluate, register as challenger, and promote only through the gate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from prefect import flow, runtime, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import NonNegativeInt, PositiveInt

from flows.models import open_ledger, open_registry, record_version
from flows.progress import progress_bar
from lenet_pipeline.engine import Engine, choose_device
from lenet_pipeline.errors import TrainingError
from lenet_pipeline.evaluation import Evaluation, evaluate
from lenet_pipeline.figures import draw_confusion, draw_learning_curves, draw_worst_mistakes
from lenet_pipeline.fingerprints import fingerprint_parts
from lenet_pipeline.lake import list_datasets, read_manifest
from lenet_pipeline.lenet5 import find_architecture
from lenet_pipeline.promotion import judge_challenger, record_challenger
from lenet_pipeline.recipes import Recipe, find_recipe
from lenet_pipeline.registry import ModelVersion, TrainingRun, read_version, training_run
from lenet_pipeline.revision import code_revision
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.training import Epoch, TrainingResult, train_network
from lenet_pipeline.training_sets import LabelledDigits, read_labelled, read_splits
from lenet_pipeline.warehouse import PromotionRecord


@dataclass(frozen=True)
class TestResult:
    """How a version did on one test set."""

    dataset: str
    digits: int
    correct: int

    @property
    def accuracy(self) -> float:
        return self.correct / self.digits


@dataclass(frozen=True)
class RetrainingReport:
    """What a training made: the version, its validation, its tests, and the gate's decision."""

    version: int
    architecture: str
    recipe: str
    training_run_id: str
    training_digits: int
    validation_digits: int
    gate_digits: int
    best_epoch: int
    epochs: int
    images_per_second: float
    validation_accuracy: float
    tests: tuple[TestResult, ...]
    decision: PromotionRecord


@dataclass(frozen=True)
class TrainingJob:
    """What to train: everything that decides the weights, and who asked."""

    datasets: tuple[str, ...]
    tests: tuple[str, ...]
    architecture: str
    recipe: Recipe
    epochs: int
    seed: int
    device: str


@flow(name="retrain", flow_run_name="retrain-{architecture}-{recipe}", validate_parameters=True)
def retrain(
    datasets: list[str],
    tests: list[str] | None = None,
    architecture: str = "lenet5",
    recipe: str = "modern",
    epochs: PositiveInt | None = None,
    seed: NonNegativeInt = 0,
    device: str = "auto",
    home: Path | None = None,
    actor: str | None = None,
) -> RetrainingReport:
    """Train a model, register it as challenger, and promote it if the gate lets it.

    Args:
        datasets: the datasets to learn from; each is split by hash into train, validation and gate.
        tests: the datasets to report on, used once, at the end.
        architecture: a name in ``lenet5.ARCHITECTURES``.
        recipe: a name in ``recipes.RECIPES``.
        epochs: passes over the training digits, where not the recipe's own.
        seed: of initial weights, order and distortions.
        device: ``auto``, ``cpu`` or ``cuda``.
        home: the pipeline's home, where not the settings'.
        actor: who does it, where not the settings'.

    Raises:
        UnknownNameError: there is no such dataset, architecture or recipe.
        TrainingError: the datasets hold too few labelled digits.
    """
    settings = read_settings(home, actor)
    find_architecture(architecture)
    chosen = find_recipe(recipe)
    choose_device(device)
    names = datasets or [name for name in list_datasets(settings.lake) if name.endswith("/train")]
    if not names:
        raise TrainingError("no dataset to train on; ingest one, for example with `lenet ingest optdigits`")
    for dataset in [*names, *(tests or [])]:
        read_manifest(settings.lake, dataset)
    job = TrainingJob(
        tuple(names), tuple(tests or ()), architecture, chosen, epochs or chosen.epochs, seed, device
    )
    trained = train_challenger(job, settings)
    report = judge(job, trained, settings)
    create_markdown_artifact(_describe(report), key="retrain", description="Training and gate")
    return report


@dataclass(frozen=True)
class Trained:
    """A registered challenger and the figures of its training."""

    version: ModelVersion
    sizes: tuple[int, int, int]
    history: tuple[Epoch, ...]
    best_epoch: int
    tests: tuple[TestResult, ...]


@task(task_run_name="train-{job.architecture}", cache_policy=NO_CACHE)
def train_challenger(job: TrainingJob, settings: Settings) -> Trained:
    """Train, log everything to MLflow, evaluate on the test sets, and register the challenger."""
    registry = open_registry(settings)
    manifests = [read_manifest(settings.lake, dataset) for dataset in job.datasets]
    fingerprint = fingerprint_parts(manifest.fingerprint for manifest in manifests)
    splits = read_splits(settings.lake, manifests)
    if not len(splits["gate"]):
        raise TrainingError(f"too few labelled digits in {', '.join(job.datasets)}: the gate has none")
    sizes = (len(splits["train"]), len(splits["validation"]), len(splits["gate"]))
    parameters = _parameters(job, sizes)
    tags = {"actor": settings.actor, "flow_run_id": str(runtime.flow_run.id)}
    with training_run(registry, f"{job.architecture}-{job.recipe.name}", parameters, tags) as run:
        for manifest in manifests:
            for context in ("train", "validation", "gate"):
                run.log_dataset(manifest.dataset, manifest.fingerprint, context)
        result = _train(job, splits["train"], splits["validation"], run)
        best = result.epochs[result.best_epoch - 1]
        run.log_metrics({"best_epoch": best.number, "best_validation_accuracy": best.validation_accuracy})
        run.log_figure(draw_learning_curves(result.epochs), "learning-curves")
        tests = _test(job, result, settings, run)
        version = run.register(
            result.model,
            tags={
                "architecture": job.architecture,
                "recipe": job.recipe.name,
                "actor": settings.actor,
                "training_fingerprint": fingerprint,
                "code_revision": code_revision(),
            },
            examples=splits["validation"].images[:3],
        )
    return Trained(version, sizes, result.epochs, result.best_epoch, tests)


@task(task_run_name="gate", cache_policy=NO_CACHE)
def judge(job: TrainingJob, trained: Trained, settings: Settings) -> RetrainingReport:
    """Record the challenger and let the gate decide."""
    registry, ledger = open_registry(settings), open_ledger(settings)
    record_version(settings, read_version(registry, trained.version))
    record_challenger(ledger, registry, trained.version)
    manifests = [read_manifest(settings.lake, dataset) for dataset in job.datasets]
    gate = read_splits(settings.lake, manifests)["gate"]
    decision = judge_challenger(ledger, registry, trained.version, gate, settings.promotion_alpha, job.device)
    best = trained.history[trained.best_epoch - 1]
    return RetrainingReport(
        version=trained.version.version,
        architecture=job.architecture,
        recipe=job.recipe.name,
        training_run_id=trained.version.training_run_id,
        training_digits=trained.sizes[0],
        validation_digits=trained.sizes[1],
        gate_digits=trained.sizes[2],
        best_epoch=trained.best_epoch,
        epochs=len(trained.history),
        images_per_second=float(np.median([epoch.images_per_second for epoch in trained.history])),
        validation_accuracy=best.validation_accuracy,
        tests=trained.tests,
        decision=decision,
    )


def _train(
    job: TrainingJob, training: LabelledDigits, validation: LabelledDigits, run: TrainingRun
) -> TrainingResult:
    def report(epoch: Epoch) -> None:
        run.log_metrics(
            {
                "training_loss": epoch.training_loss,
                "validation_loss": epoch.validation_loss,
                "validation_accuracy": epoch.validation_accuracy,
                "learning_rate": epoch.learning_rate,
                "images_per_second": epoch.images_per_second,
            },
            step=epoch.number,
        )

    per_epoch = len(training) // job.recipe.batch_size * job.recipe.batch_size
    with progress_bar(f"Training {job.architecture}", job.epochs * per_epoch) as advance:
        return train_network(
            job.architecture,
            job.recipe,
            training,
            validation,
            seed=job.seed,
            epochs=job.epochs,
            device=job.device,
            advance=advance,
            report=report,
        )


def _test(
    job: TrainingJob, result: TrainingResult, settings: Settings, run: TrainingRun
) -> tuple[TestResult, ...]:
    """Evaluate on each test set apart, once, and log figures and metrics of each."""
    engine, tests = Engine(result.model, job.device), []
    for dataset in job.tests:
        manifest = read_manifest(settings.lake, dataset)
        digits = read_labelled(settings.lake, [manifest])
        scores = engine.score(digits.images)
        outcome = evaluate(scores.probabilities, digits.labels)
        run.log_dataset(dataset, manifest.fingerprint, "test")
        run.log_metrics(_test_metrics(dataset, outcome))
        name = dataset.replace("/", "-")
        run.log_figure(draw_confusion(outcome.confusion, dataset), f"confusion-{name}")
        worst = draw_worst_mistakes(digits.images, digits.labels, scores, dataset)
        run.log_figure(worst, f"worst-mistakes-{name}")
        tests.append(TestResult(dataset, outcome.digits, outcome.correct))
    if tests:
        correct, total = sum(test.correct for test in tests), sum(test.digits for test in tests)
        run.log_metrics({"test_accuracy": correct / total, "test_correct": correct, "test_digits": total})
    return tuple(tests)


def _test_metrics(dataset: str, outcome: Evaluation) -> dict[str, float]:
    return {
        f"{dataset}/accuracy": outcome.accuracy,
        f"{dataset}/correct": outcome.correct,
        f"{dataset}/log_loss": outcome.log_loss,
    }


def _parameters(job: TrainingJob, sizes: tuple[int, int, int]) -> dict[str, object]:
    recipe = {f"recipe_{name}": value for name, value in vars(job.recipe).items() if name != "summary"}
    return {
        "datasets": ", ".join(job.datasets),
        "tests": ", ".join(job.tests),
        "architecture": job.architecture,
        "epochs": job.epochs,
        "seed": job.seed,
        "device": job.device,
        "training_digits": sizes[0],
        "validation_digits": sizes[1],
        "gate_digits": sizes[2],
        **recipe,
    }


def _describe(report: RetrainingReport) -> str:
    lines = [
        f"| {test.dataset} | {test.correct:,} of {test.digits:,} | {test.accuracy:.2%} |"
        for test in report.tests
    ]
    gate = report.decision
    return "\n".join(
        [
            f"**{gate.model_name}/{report.version}**, {report.architecture} with recipe {report.recipe}: "
            f"{gate.action}, {gate.reason}.",
            "",
            "| digits | right | accuracy |",
            "|---|---|---|",
            f"| validation split | | {report.validation_accuracy:.2%} |",
            *lines,
        ]
    )
