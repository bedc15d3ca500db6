"""The retrain flow: train, evaluate, register as challenger, and promote only through the gate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from prefect import flow, runtime, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import Field, PositiveInt

from flows.audit_chain import publish_chain_head
from flows.models import open_ledger, open_registry, record_version
from flows.progress import progress_bar
from flows.test_sets import TestResult, evaluate_on_tests
from lenet_pipeline.engine import choose_device, load_network
from lenet_pipeline.errors import TrainingError
from lenet_pipeline.figures import draw_learning_curves
from lenet_pipeline.fingerprints import fingerprint_parts
from lenet_pipeline.lake import Manifest, find_manifest, list_datasets, read_manifest
from lenet_pipeline.lenet5 import find_architecture
from lenet_pipeline.network_figures import draw_feature_maps, draw_filters
from lenet_pipeline.promotion import judge_challenger, record_challenger
from lenet_pipeline.recipes import Recipe, find_recipe
from lenet_pipeline.registry import (
    ALL_DIGITS,
    TRAIN_SPLIT,
    ModelVersion,
    Registry,
    TrainingRun,
    find_champion,
    read_version,
    training_run,
)
from lenet_pipeline.revision import code_revision
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.sources.intruders import draw_rubbish
from lenet_pipeline.training import Epoch, TrainingResult, train_network
from lenet_pipeline.training_sets import (
    SPLITS,
    LabelledDigits,
    join_digits,
    read_gates,
    read_splits,
)
from lenet_pipeline.warehouse import PromotionRecord

_RUBBISH = 8_000  # images of no digit: drawn in a second, and distorted anew each time


@dataclass(frozen=True)
class RetrainingReport:
    """What a training made: the version, its validation, its tests, and the gate's decision."""

    version: int
    architecture: str
    recipe: str
    effort: str
    trained_on: str
    training_run_id: str
    training_digits: int
    validation_digits: int
    gate_digits: int
    best_epoch: int
    epochs: int
    images_per_second: float
    validation_accuracy: float | None
    tests: tuple[TestResult, ...]
    decision: PromotionRecord


@dataclass(frozen=True)
class TrainingJob:
    """What to train: everything that decides the weights, and who asked."""

    datasets: tuple[str, ...]
    tests: tuple[str, ...]
    architecture: str
    recipe: Recipe
    all_digits: bool
    epochs: int | None
    seed: int
    device: str

    @property
    def trained_on(self) -> str:
        return ALL_DIGITS if self.all_digits else TRAIN_SPLIT


@flow(name="retrain", flow_run_name="retrain-{architecture}-{recipe}", validate_parameters=True)
def retrain(
    datasets: list[str],
    tests: list[str] | None = None,
    architecture: str = "lenet5",
    recipe: str = "modern",
    effort: str = "quick",
    all_digits: bool = False,
    epochs: PositiveInt | None = None,
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0,
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
        effort: ``quick`` or ``best``, for recipes that have both.
        all_digits: learn from the validation and gate digits too: nothing then chooses the epoch or the
            temperature, and such a version is promoted only by hand. A recipe that does not validate,
            as the paper's, always does so.
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
    chosen = find_recipe(recipe, effort)
    choose_device(device)
    names = datasets or [name for name in list_datasets(settings.lake) if name.endswith("/train")]
    if not names:
        raise TrainingError("no dataset to train on; ingest one, for example with `lenet ingest optdigits`")
    for dataset in [*names, *(tests or [])]:
        read_manifest(settings.lake, dataset)
    learned_from = [dataset for dataset in tests or [] if dataset in names]
    if learned_from:
        raise TrainingError(
            f"cannot test on {learned_from[0]}: the model learns from it; name another --test"
        )
    job = TrainingJob(
        tuple(names),
        tuple(tests or ()),
        architecture,
        chosen,
        all_digits or not chosen.validates,
        epochs,
        seed,
        device,
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
    training, validation = _choose_digits(splits, job.all_digits)
    sizes = (len(training), len(validation) if validation else 0, len(splits["gate"]))
    passes = job.epochs or job.recipe.passes(len(training))
    parameters = {**_parameters(job, sizes), "epochs": passes}
    tags = {"actor": settings.actor, "flow_run_id": str(runtime.flow_run.id)}
    with training_run(registry, f"{job.architecture}-{job.recipe.name}", parameters, tags) as run:
        for manifest in manifests:
            for context in ("train",) if job.all_digits else SPLITS:
                run.log_dataset(manifest.dataset, manifest.fingerprint, context)
        result = _train(job, passes, training, validation, run)
        best = result.epochs[result.best_epoch - 1]
        run.log_metrics({"best_epoch": best.number})
        if best.validation_accuracy is not None:
            run.log_metrics({"best_validation_accuracy": best.validation_accuracy})
        run.log_figure(draw_learning_curves(result.epochs), "learning-curves")
        network, example = load_network(result.model), (validation or splits["gate"]).images[0]
        run.log_figure(draw_filters(network), "c1-filters")
        run.log_figure(draw_feature_maps(network, result.model.preprocessing, example), "feature-maps")
        tests = evaluate_on_tests(job.tests, job.device, result, settings, run)
        version = run.register(
            result.model,
            tags={
                "architecture": job.architecture,
                "recipe": job.recipe.name,
                "effort": job.recipe.effort,
                "trained_on": job.trained_on,
                "datasets": ", ".join(job.datasets),
                "actor": settings.actor,
                "training_fingerprint": fingerprint,
                "code_revision": code_revision(),
            },
            examples=training.images[:3],
        )
    return Trained(version, sizes, result.epochs, result.best_epoch, tests)


@task(task_run_name="gate", cache_policy=NO_CACHE)
def judge(job: TrainingJob, trained: Trained, settings: Settings) -> RetrainingReport:
    """Record the challenger and let the gate decide."""
    registry, ledger = open_registry(settings), open_ledger(settings)
    record_version(settings, read_version(registry, trained.version))
    record_challenger(ledger, registry, trained.version)
    gates = read_gates(settings.lake, _gate_manifests(job, registry, settings))
    decision = judge_challenger(
        ledger, registry, trained.version, gates, settings.promotion_alpha, job.device
    )
    publish_chain_head(settings)
    best = trained.history[trained.best_epoch - 1]
    return RetrainingReport(
        version=trained.version.version,
        architecture=job.architecture,
        recipe=job.recipe.name,
        effort=job.recipe.effort,
        trained_on=job.trained_on,
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


def _gate_manifests(job: TrainingJob, registry: Registry, settings: Settings) -> list[Manifest]:
    """Return the datasets that challenger or champion learned from: each must keep what it can read."""
    champion = find_champion(registry)
    names = dict.fromkeys([*job.datasets, *(champion.datasets if champion else ())])
    found = [find_manifest(settings.lake, name) for name in names]
    return [manifest for manifest in found if manifest]


def _choose_digits(
    splits: dict[str, LabelledDigits], all_digits: bool
) -> tuple[LabelledDigits, LabelledDigits | None]:
    """Return what to learn from and what to validate with, if anything is left for that."""
    if not all_digits:
        return splits["train"], splits["validation"]
    return join_digits([splits[split] for split in SPLITS]), None


def _train(
    job: TrainingJob,
    passes: int,
    training: LabelledDigits,
    validation: LabelledDigits | None,
    run: TrainingRun,
) -> TrainingResult:
    def report(epoch: Epoch) -> None:
        figures = {name: value for name, value in vars(epoch).items() if value is not None}
        figures.pop("number")
        run.log_metrics(figures, step=epoch.number)

    per_epoch = len(training) // job.recipe.batch_size * job.recipe.batch_size
    rubbish = draw_rubbish(_RUBBISH, job.seed) if job.recipe.rubbish else None
    with progress_bar(f"Training {job.architecture}", passes * per_epoch) as advance:
        return train_network(
            job.architecture,
            job.recipe,
            training,
            validation,
            seed=job.seed,
            epochs=passes,
            device=job.device,
            rubbish=rubbish,
            advance=advance,
            report=report,
        )


def _parameters(job: TrainingJob, sizes: tuple[int, int, int]) -> dict[str, object]:
    return {
        "datasets": ", ".join(job.datasets),
        "tests": ", ".join(job.tests),
        "architecture": job.architecture,
        "trained_on": job.trained_on,
        "seed": job.seed,
        "device": job.device,
        "training_digits": sizes[0],
        "validation_digits": sizes[1],
        "gate_digits": sizes[2],
        **job.recipe.parameters(),
    }


def _describe(report: RetrainingReport) -> str:
    lines = []
    if report.validation_accuracy is not None:
        lines.append(f"| validation split | | {report.validation_accuracy:.2%} |")
    lines += [
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
            *lines,
        ]
    )
