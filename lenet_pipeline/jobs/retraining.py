"""Retrain: train a model, evaluate it, register it as challenger, and promote it through the gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass as validated

from lenet_pipeline.audit import (
    REVIEWED,
    judge_challenger,
    open_ledger,
    publish_chain_head,
    record_challenger,
    record_version,
    sync_reviewed,
)
from lenet_pipeline.errors import TrainingError
from lenet_pipeline.jobs.challenger_training import Trained, TrainingPlan, train_challenger
from lenet_pipeline.jobs.held_out_tests import TestResult
from lenet_pipeline.jobs.job_form import DEVICE, FORM, choices
from lenet_pipeline.lake import Manifest, find_manifest, list_datasets, read_manifest
from lenet_pipeline.network import ARCHITECTURES, find_architecture
from lenet_pipeline.registry import Registry, find_champion, read_version
from lenet_pipeline.scoring import choose_device
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer
from lenet_pipeline.training import EFFORTS, RECIPES, find_recipe, read_gates
from lenet_pipeline.warehouse import PromotionRecord, refresh_snapshot


@dataclass(frozen=True)
class RetrainingReport:
    """The result of a retraining.

    Attributes:
        version: number of the new model version.
        architecture: its architecture.
        recipe: its recipe.
        effort: ``quick`` or ``best``, for recipes that have both.
        trained_on: ``train split`` or ``all digits``.
        training_run_id: of the MLflow run.
        training_digits: number of digits it learned from.
        validation_digits: number of digits that chose the epoch and the temperature.
        gate_digits: number of digits in the gate splits of its datasets.
        best_epoch: number of the epoch whose weights were kept, from 1.
        epochs: number of epochs.
        images_per_second: median speed of an epoch.
        validation_accuracy: at the best epoch, 0 to 1; None without validation.
        tests: one result per test set.
        decision: what the gate decided, and why.
    """

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


@validated(frozen=True, config=FORM)
class TrainingJob:
    """The model to train, and the datasets to train it on.

    Attributes:
        datasets: the datasets to learn from; each is split by hash into train, validation and gate. If
            empty, all datasets named ``*/train``.
        tests: the datasets to report on, used only once, after training.
        architecture: the network; `lenet architectures` describes them.
        recipe: how to train: the optimizer, the distortions and the number of epochs.
        effort: how long to train; only some recipes have ``best``.
        all_digits: also learn from the validation and gate digits. Then no validation chooses the epoch or
            the temperature, and the version can only be promoted by hand. Recipes without validation, such as
            the paper's, always use all digits.
        epochs: number of epochs; the recipe decides if None.
        seed: seed of the initial weights, the order of the digits and the distortions.
        device: where to train; ``auto`` takes a GPU if there is one.
    """

    datasets: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    architecture: Annotated[str, choices(ARCHITECTURES)] = "lenet5"
    recipe: Annotated[str, choices(RECIPES)] = "modern"
    effort: Annotated[str, choices(EFFORTS)] = "quick"
    all_digits: bool = False
    epochs: PositiveInt | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    device: Annotated[str, DEVICE] = "auto"


def retrain(settings: Settings, job: TrainingJob, observer: Observer = SILENT) -> RetrainingReport:
    """Train a model, register it as challenger, and promote it if it passes the gate.

    If the job names ``reviewed/all``, this dataset is first brought in line with people's verdicts.

    Raises:
        UnknownNameError: there is no such dataset, architecture or recipe.
        TrainingError: the datasets hold too few labelled digits.
    """
    if REVIEWED in (*job.datasets, *job.tests):
        sync_reviewed(settings)
    plan = plan_training(settings, job)
    observer.log(f"training {plan.architecture} with recipe {plan.recipe.name} on {', '.join(plan.datasets)}")
    trained = observer.step(f"train-{plan.architecture}", train_challenger, plan, settings, observer)
    report = observer.step("gate", _judge, plan, trained, settings, observer)
    for test in report.tests:
        observer.log(
            f"{test.dataset}: {test.correct:,} of {test.digits:,} digits correct, {test.accuracy:.2%}"
        )
    decision = report.decision
    observer.log(f"{decision.model_name}/{report.version}: {decision.action}: {decision.reason}")
    return report


def plan_training(settings: Settings, job: TrainingJob) -> TrainingPlan:
    """Look up every name in a job, so that a mistyped name fails before training starts.

    Raises:
        UnknownNameError: there is no such dataset, architecture or recipe.
        TrainingError: there is nothing to learn from, or a test set is also learned from.
        ScoringError: there is no such device.
    """
    find_architecture(job.architecture)
    recipe = find_recipe(job.recipe, job.effort)
    choose_device(job.device)
    names = job.datasets or tuple(name for name in list_datasets(settings.lake) if name.endswith("/train"))
    if not names:
        raise TrainingError("no dataset to train on; ingest one, for example with `lenet ingest optdigits`")
    for dataset in (*names, *job.tests):
        read_manifest(settings.lake, dataset)
    learned_from = [dataset for dataset in job.tests if dataset in names]
    if learned_from:
        raise TrainingError(
            f"cannot test on {learned_from[0]}: the model learns from it; name another --test"
        )
    return TrainingPlan(
        datasets=tuple(names),
        tests=job.tests,
        architecture=job.architecture,
        recipe=recipe,
        all_digits=job.all_digits or not recipe.validates,
        epochs=job.epochs,
        seed=job.seed,
        device=job.device,
    )


def _judge(plan: TrainingPlan, trained: Trained, settings: Settings, observer: Observer) -> RetrainingReport:
    """Record the challenger and let the gate decide."""
    registry, ledger = settings.registry, open_ledger(settings, observer.flow_run_id)
    record_version(settings, read_version(registry, trained.version), observer.flow_run_id)
    record_challenger(ledger, registry, trained.version)
    gates = read_gates(settings.lake, _gate_manifests(plan, registry, settings))
    decision = judge_challenger(
        ledger, registry, trained.version, gates, settings.promotion_alpha, plan.device
    )
    publish_chain_head(settings)
    refresh_snapshot(settings.warehouse)
    best = trained.history[trained.best_epoch - 1]
    return RetrainingReport(
        version=trained.version.version,
        architecture=plan.architecture,
        recipe=plan.recipe.name,
        effort=plan.recipe.effort,
        trained_on=plan.trained_on,
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


def _gate_manifests(plan: TrainingPlan, registry: Registry, settings: Settings) -> list[Manifest]:
    """Return the manifests of all datasets that the challenger or the champion learned from."""
    champion = find_champion(registry)
    names = dict.fromkeys([*plan.datasets, *(champion.datasets if champion else ())])
    found = [find_manifest(settings.lake, name) for name in names]
    return [manifest for manifest in found if manifest]
