"""The retrain flow: train, evaluate, register as challenger, and promote only through the gate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from prefect import flow, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import Field, PositiveInt

from flows.audit_chain import publish_chain_head
from flows.models import open_ledger, open_registry, record_version
from flows.test_sets import TestResult
from flows.train_challenger import Trained, TrainingJob, train_challenger
from lenet_pipeline.engine import choose_device
from lenet_pipeline.errors import TrainingError
from lenet_pipeline.lake import Manifest, find_manifest, list_datasets, read_manifest
from lenet_pipeline.lenet5 import find_architecture
from lenet_pipeline.promotion import judge_challenger, record_challenger
from lenet_pipeline.recipes import find_recipe
from lenet_pipeline.registry import Registry, find_champion, read_version
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.training_sets import read_gates
from lenet_pipeline.warehouse import PromotionRecord


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
