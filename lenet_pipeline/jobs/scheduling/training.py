"""Scheduled training: train if the schedule says so, judge the version, and promote it with its policies."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lenet_pipeline.audit import (
    GateVerdict,
    find_verdict,
    finish_promotion,
    open_ledger,
    publish_chain_head,
    record_challenger,
    record_version,
)
from lenet_pipeline.jobs.retraining import (
    GateDecision,
    judge_version,
    promote_or_refuse,
    train_and_record,
)
from lenet_pipeline.jobs.scheduling.schedule import SKIP, TRAIN, Consideration, consider_retraining
from lenet_pipeline.registry import ModelVersion, read_version
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Observer
from lenet_pipeline.warehouse import (
    PromotionRecord,
    ScheduleDecision,
    ScheduleRecord,
    record_schedule_decision,
)


@dataclass(frozen=True)
class Retraining:
    """The decision of the schedule, and the version that it trained.

    Attributes:
        decision: ``train`` or ``skip``.
        reason: why.
        schedule: the schedule; None if none is declared.
        version: the version; None for ``skip``.
    """

    decision: str
    reason: str
    schedule: ScheduleRecord | None = None
    version: ModelVersion | None = None


def retrain_if_due(observer: Observer, settings: Settings, as_of: datetime) -> Retraining:
    """Train a version if the schedule says so, and record the decision.

    A version that an interrupted night trained from the same data is not trained again.

    Raises:
        UnknownNameError: a dataset of the schedule is gone.
        TrainingError: the datasets hold too few labelled digits.
    """
    considered = consider_retraining(settings, as_of)
    if considered.decision == SKIP:
        observer.log(f"not trained: {considered.reason}")
        _record(considered, None, as_of, settings, observer)
        return Retraining(SKIP, considered.reason, considered.schedule)
    version = considered.version
    if version is None and considered.plan is not None:
        observer.log(f"training on {', '.join(considered.plan.datasets)}: {considered.reason}")
        version = train_and_record(considered.plan, settings, observer).version
    elif version is not None:
        record_version(settings, read_version(settings.registry, version), observer.flow_run_id)
        record_challenger(open_ledger(settings, observer.flow_run_id), settings.registry, version)
    _record(considered, version, as_of, settings, observer)
    return Retraining(TRAIN, considered.reason, considered.schedule, version)


def _record(
    considered: Consideration,
    version: ModelVersion | None,
    as_of: datetime,
    settings: Settings,
    observer: Observer,
) -> None:
    schedule, facts = considered.schedule, considered.facts
    if schedule is None or facts is None or schedule.schedule_number is None:
        return
    decision = ScheduleDecision(
        schedule_number=schedule.schedule_number,
        considered_at=as_of,
        decision=considered.decision,
        reason=considered.reason,
        is_due=considered.is_due,
        model_name=settings.registry.model_name,
        model_version=version.version if version else None,
        new_labels=facts.new_labels,
        drift_alarms=facts.drift_alarms,
        review_number=facts.review_number,
        decided_at=facts.read_at,
        actor=settings.actor,
        flow_run_id=observer.flow_run_id,
    )
    record_schedule_decision(settings.warehouse, decision)


def judge_trained(
    observer: Observer, settings: Settings, retraining: Retraining
) -> GateVerdict | PromotionRecord | None:
    """Compare a trained version with the champion; return the recorded verdict if it was judged before."""
    version = retraining.version
    if version is None:
        return None
    recorded = find_verdict(open_ledger(settings), version)
    if recorded is not None:
        return recorded
    verdict = judge_version(version, settings)
    outcome = "better" if verdict.is_passed else "not better"
    observer.log(f"{version.reference} is {outcome} than the champion: {verdict.reason}")
    return verdict


def promote_trained(
    observer: Observer, settings: Settings, retraining: Retraining, verdict: GateVerdict | PromotionRecord
) -> GateDecision | None:
    """Carry out a verdict, with the policies of the new champion; a recorded verdict is only returned."""
    if isinstance(verdict, GateVerdict):
        schedule = retraining.schedule
        may_wait = schedule is not None and schedule.if_target_missed == "wait"
        return promote_or_refuse(verdict, settings, observer, may_wait=may_wait)
    return GateDecision(verdict)


def finish_interrupted_promotion(observer: Observer, settings: Settings) -> None:
    """Move MLflow's alias to the recorded champion, if a killed job recorded it without doing so."""
    if not settings.warehouse.path.exists() or settings.registry.is_new:
        return
    if finish_promotion(open_ledger(settings), settings.registry):
        observer.log("finished a promotion that was interrupted")
        publish_chain_head(settings)
