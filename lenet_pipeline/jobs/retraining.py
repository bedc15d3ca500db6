"""Retrain: train a model, evaluate it, register it as challenger, and promote it through the gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass as validated

from lenet_pipeline.audit import (
    FIELD,
    REVIEWED,
    GateVerdict,
    Refit,
    carry_out_verdict,
    describe_policy,
    judge_challenger,
    open_ledger,
    plot_policies,
    publish_chain_head,
    record_challenger,
    record_version,
    refit_policies,
    sync_reviewed,
)
from lenet_pipeline.errors import TrainingError
from lenet_pipeline.jobs.challenger_training import Trained, TrainingPlan, train_challenger
from lenet_pipeline.jobs.held_out_tests import TestResult
from lenet_pipeline.jobs.run_form import DEVICE, RUN_FORM, choices
from lenet_pipeline.jobs.scoring_runs import ScoringJob, score
from lenet_pipeline.lake import find_manifest, list_datasets, read_manifest
from lenet_pipeline.network import ARCHITECTURES, find_architecture
from lenet_pipeline.registry import ModelVersion, find_champion, read_version
from lenet_pipeline.scoring import choose_device
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Event, Observer
from lenet_pipeline.training import EFFORTS, RECIPES, find_recipe, read_gates
from lenet_pipeline.warehouse import PromotionRecord, find_schedule, list_policies_of, refresh_snapshot


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
        policies: the policies of a new champion, each in one line.
        missed_targets: policy targets that the new version cannot meet.
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
    policies: tuple[str, ...] = ()
    missed_targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class GateDecision:
    """The outcome of a challenger.

    Attributes:
        record: the recorded event, ``promote`` or ``refuse``.
        policies: the policies that took effect with a promotion, each in one line.
        missed_targets: policy targets that the version cannot meet.
    """

    record: PromotionRecord
    policies: tuple[str, ...] = ()
    missed_targets: tuple[str, ...] = ()


@validated(frozen=True, config=RUN_FORM)
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
    trained = observer.step(f"train-{plan.architecture}", train_and_record, plan, settings, observer)
    for test in trained.tests:
        observer.log(
            f"{test.dataset}: {test.correct:,} of {test.digits:,} digits correct, {test.accuracy:.2%}"
        )
    verdict = observer.step("gate", judge_version, trained.version, settings, plan.device)
    decision = observer.step("policy", promote_or_refuse, verdict, settings, observer)
    return _report(plan, trained, decision)


def train_and_record(plan: TrainingPlan, settings: Settings, observer: Observer) -> Trained:
    """Train a challenger, and record the version and its alias.

    Raises:
        TrainingError: the datasets hold too few labelled digits.
    """
    trained = train_challenger(plan, settings, observer)
    record_version(settings, read_version(settings.registry, trained.version), observer.flow_run_id)
    record_challenger(open_ledger(settings, observer.flow_run_id), settings.registry, trained.version)
    return trained


def judge_version(version: ModelVersion, settings: Settings, device: str = "auto") -> GateVerdict:
    """Compare a version with the champion on the gate digits of all that either of them learned from."""
    champion = find_champion(settings.registry)
    names = dict.fromkeys([*version.datasets, *(champion.datasets if champion else ())])
    found = [find_manifest(settings.lake, name) for name in names]
    gates = read_gates(settings.lake, [manifest for manifest in found if manifest])
    return judge_challenger(settings.registry, version, gates, settings.promotion_alpha, device)


def promote_or_refuse(
    verdict: GateVerdict, settings: Settings, observer: Observer, *, may_wait: bool = False
) -> GateDecision:
    """Carry out the verdict of the gate, with policies for a new champion, and announce the outcome.

    With ``may_wait``, a version is refused if its policies cannot meet a target that the champion meets.
    """
    registry, ledger = settings.registry, open_ledger(settings, observer.flow_run_id)
    refit, evidence = Refit((), (), ()), list[ScoringJob]()
    # A person may have promoted another version, or rolled back, since the verdict.
    if _number(verdict.champion) != _number(find_champion(registry)):
        verdict = judge_version(verdict.challenger, settings)
    if verdict.is_passed:
        evidence = _score_field_evidence(verdict, settings, observer)
        refit = refit_policies(settings, verdict.challenger, verdict.champion)
    if refit.losses and may_wait:
        reason = f"{verdict.reason}, but {refit.losses[0]}: promote by hand"
        verdict = replace(verdict, is_passed=False, reason=reason)
    promotion = carry_out_verdict(ledger, registry, verdict, refit.records)
    if not verdict.is_passed and verdict.champion is not None:
        for job in evidence:  # so that the champion's readings of the evidence count again
            score(settings, replace(job, model=verdict.champion.reference), observer)
    plot_policies(settings, promotion.policy_numbers, refit.proposed, observer)
    publish_chain_head(settings)
    refresh_snapshot(settings.warehouse)
    policies = tuple(map(describe_policy, refit.records)) if promotion.policy_numbers else ()
    decision = GateDecision(promotion.record, policies, refit.problems)
    _announce(decision, observer)
    return decision


def _number(version: ModelVersion | None) -> int | None:
    return version.version if version else None


def _score_field_evidence(verdict: GateVerdict, settings: Settings, observer: Observer) -> list[ScoringJob]:
    """Score the forms that the champion's field policies rest on, because new policies need their values."""
    champion, challenger = verdict.champion, verdict.challenger
    jobs = list[ScoringJob]()
    if champion is None:
        return jobs
    schedule = find_schedule(settings.warehouse)
    for policy in list_policies_of(settings.warehouse, champion.name, champion.version):
        named = schedule.field_evidence if schedule else None
        if policy.subject == FIELD and (named or policy.evidence_datasets):
            dataset = named or (policy.evidence_datasets or [""])[0]
            if find_manifest(settings.lake, dataset) is not None:  # otherwise the new policy is a problem
                jobs.append(ScoringJob(dataset, challenger.reference, precision=policy.precision))
    for job in jobs:
        score(settings, job, observer)
    return jobs


def _announce(decision: GateDecision, observer: Observer) -> None:
    record = decision.record
    reference = f"{record.model_name}/{record.model_version}"
    outcome = "promoted" if record.action == "promote" else "not promoted"
    observer.log(f"{reference}: {outcome}: {record.reason}")
    for line in decision.policies:
        observer.log(f"{reference}: policy for {line}")
    for problem in decision.missed_targets:
        observer.warn(f"{reference}: {problem}")
    resource = {
        "prefect.resource.id": f"lenet.model.{record.model_name}.{record.model_version}",
        "prefect.resource.name": reference,
    }
    event = Event.PROMOTED if record.action == "promote" else Event.GATE_REFUSED
    observer.announce(event, resource, {"reason": record.reason, "policies": list(decision.policies)})
    if decision.missed_targets:
        observer.announce(Event.TARGET_MISSED, resource, {"targets": list(decision.missed_targets)})


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


def _report(plan: TrainingPlan, trained: Trained, decision: GateDecision) -> RetrainingReport:
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
        decision=decision.record,
        policies=decision.policies,
        missed_targets=decision.missed_targets,
    )
