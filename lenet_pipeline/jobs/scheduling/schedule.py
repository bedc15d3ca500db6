"""The retraining schedule: declare it, and decide whether to train now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Annotated, Literal

from cronsim import CronSim, CronSimError
from pydantic import Field, PositiveInt
from pydantic.dataclasses import dataclass as validated

from lenet_pipeline.audit import REVIEWED, counted, find_verdict, open_ledger, sync_reviewed
from lenet_pipeline.errors import TrainingError
from lenet_pipeline.jobs.challenger_training import TrainingPlan
from lenet_pipeline.jobs.retraining import TrainingJob, plan_training
from lenet_pipeline.lake import Manifest, list_datasets, read_manifest, read_manifests
from lenet_pipeline.registry import ModelVersion, list_versions
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import (
    ScheduleFacts,
    ScheduleRecord,
    find_schedule,
    find_schedule_decision,
    read_schedule_facts,
    record_schedule,
)

TRAIN, SKIP = "train", "skip"

Share = Annotated[float, Field(gt=0, lt=1)]


@validated(frozen=True)
class RetrainingSchedule:
    """What to learn from, when, and what follows a promotion.

    Attributes:
        datasets: the datasets to learn from; ``reviewed/all`` has the digits that people reviewed.
        tests: the datasets to report on after training.
        architecture: a name that `lenet architectures` lists.
        recipe: ``modern``, ``modern-views``, ``paper``, ``paper-distorted``, ``keras-adam`` or ``keras-sgd``.
        effort: ``quick`` or ``best``, for recipes that have both.
        epochs: number of epochs; that of the recipe if None.
        seed: of initial weights, order and distortions.
        cron: times at which training is considered, in UTC; every night if None.
        min_new_labels: number of new labels that starts a training.
        on_drift: whether a drift alarm starts a training. Without this and ``min_new_labels``, every
            considered time starts one.
        if_drift: ``hold``: readings of a run that drifted wait for a person, because policies hold only for
            digits like their evidence; or ``accept``, as the policy says.
        max_error: target for the error rate of accepted digits; the terms of the policies in force if None.
        certainty: statistical certainty of the target.
        review_rate: share of accepted readings in the review sample.
        evidence: labelled datasets that policies rest on, in addition to the gate digits.
        field_evidence: dataset of forms with known truth that field policies rest on.
        if_target_missed: ``wait`` or ``promote``: what to do with a better version whose policy cannot meet
            a target that the champion meets.
        afterwards: ``keep``, ``decide`` or ``score``: what happens to earlier documents after a promotion.
        score_since: for ``score``, the day since when documents are scored again; all if None.
    """

    datasets: tuple[str, ...]
    tests: tuple[str, ...] = ()
    architecture: str = "lenet5"
    recipe: str = "modern"
    effort: str = "quick"
    epochs: PositiveInt | None = None
    seed: int = 0
    cron: str | None = None
    min_new_labels: PositiveInt | None = None
    on_drift: bool = False
    if_drift: Literal["hold", "accept"] = "hold"
    max_error: Share | None = None
    certainty: Share = 0.95
    review_rate: Annotated[float, Field(ge=0, le=1)] = 0.01
    evidence: tuple[str, ...] = ()
    field_evidence: str | None = None
    if_target_missed: Literal["wait", "promote"] = "wait"
    afterwards: Literal["keep", "decide", "score"] = "keep"
    score_since: date | None = None


@dataclass(frozen=True)
class Consideration:
    """Whether the schedule trains, and on what.

    Attributes:
        decision: ``train`` or ``skip``.
        reason: why.
        is_due: whether the cron line was due.
        schedule: the schedule; None if none is declared.
        facts: the facts that the decision rests on.
        plan: what to train; None for ``skip``.
        manifests: the datasets to learn from.
        version: the version that an earlier, interrupted attempt trained from the same data; or the version
            of an earlier decision.
    """

    decision: str
    reason: str
    is_due: bool = False
    schedule: ScheduleRecord | None = None
    facts: ScheduleFacts | None = None
    plan: TrainingPlan | None = None
    manifests: tuple[Manifest, ...] = ()
    version: ModelVersion | None = None


def declare_schedule(settings: Settings, schedule: RetrainingSchedule) -> ScheduleRecord:
    """Declare the retraining schedule, which replaces the former one.

    Raises:
        UnknownNameError: there is no such dataset, architecture or recipe.
        TrainingError: the cron line is invalid.
    """
    if schedule.cron is not None:
        next_time(schedule.cron, datetime.now(UTC))
    known = [
        name for name in schedule.datasets if name != REVIEWED or REVIEWED in list_datasets(settings.lake)
    ]
    plan_training(settings, _training_job(schedule, known))
    named = (*schedule.evidence, *filter(None, [schedule.field_evidence]))
    for name in named:
        read_manifest(settings.lake, name)
    record = ScheduleRecord(**vars(schedule), declared_at=datetime.now(UTC), actor=settings.actor)
    record_schedule(settings.warehouse, record)
    return record


def remove_schedule(settings: Settings) -> bool:
    """Remove the retraining schedule, and return whether there was one."""
    present = find_schedule(settings.warehouse)
    if present is None:
        return False
    now = datetime.now(UTC)
    record_schedule(
        settings.warehouse, replace(present, is_removed=True, declared_at=now, actor=settings.actor)
    )
    return True


def next_time(cron: str, after: datetime) -> datetime:
    """Return the next time of a cron line after a time, both in UTC.

    Raises:
        TrainingError: the cron line is invalid.
    """
    try:
        return next(CronSim(cron, after))
    except (CronSimError, StopIteration) as exc:
        raise TrainingError(
            f"{cron!r} is not a cron line ({exc}); write five fields, such as '0 3 * * 0' for Sundays at 3:00"
        ) from exc


def consider_retraining(settings: Settings, as_of: datetime, until: datetime | None = None) -> Consideration:
    """Decide whether the schedule trains at a time. Nothing is trained or recorded.

    If people reviewed digits and the schedule learns from ``reviewed/all``, that dataset is first brought in
    line with their verdicts.

    Args:
        settings: of the home.
        as_of: the time to decide for.
        until: decide from what was known at this time, and change nothing, not even ``reviewed/all``.

    Raises:
        UnknownNameError: a dataset of the schedule is gone.
        LakeError: the lake cannot be read or written.
        WarehouseError: the database cannot be read.
    """
    schedule = find_schedule(settings.warehouse, until)
    if schedule is None and until is not None:
        return Consideration(SKIP, f"no retraining schedule was declared at {until:%Y-%m-%d %H:%M} UTC")
    if schedule is None:
        return Consideration(SKIP, "there is no retraining schedule; `lenet schedule retrain` declares one")
    facts = read_schedule_facts(settings.warehouse, settings.registry.model_name, until)
    decided = _find_decision(settings, schedule, facts, as_of) if until is None else None
    if decided is not None:
        return decided
    unjudged = _find_unjudged(settings, facts, until)
    if unjudged is not None:
        reason = f"{unjudged.reference} is trained but not judged yet"
        return Consideration(TRAIN, reason, schedule=schedule, version=unjudged)
    due_at = _due_at(schedule, facts)
    if due_at is not None and due_at > as_of:
        return Consideration(SKIP, f"not due before {due_at:%Y-%m-%d %H:%M} UTC", False, schedule, facts)
    trigger, is_triggered = _describe_trigger(schedule, facts)
    if not is_triggered:
        return Consideration(SKIP, trigger, True, schedule, facts)
    if REVIEWED in schedule.datasets and until is None:
        sync_reviewed(settings)
    manifests = _manifests(settings, schedule, until)
    plan = plan_training(settings, _training_job(schedule, [each.dataset for each in manifests]))
    fingerprint = plan.fingerprint(manifests)
    versions = [each for each in _versions(settings, until) if each.plan_fingerprint == fingerprint]
    if versions and _is_judged(settings, versions[-1], until):
        reason = f"training data, recipe and code are unchanged since {versions[-1].reference}"
        return Consideration(SKIP, reason, True, schedule, facts)
    version = versions[-1] if versions else None
    return Consideration(TRAIN, trigger, True, schedule, facts, plan, tuple(manifests), version)


def _find_decision(
    settings: Settings, schedule: ScheduleRecord, facts: ScheduleFacts, as_of: datetime
) -> Consideration | None:
    """Return the decision that was recorded for a time, with the version that was trained."""
    assert schedule.schedule_number is not None  # noqa: S101 - a schedule that was read has a number
    found = find_schedule_decision(settings.warehouse, schedule.schedule_number, as_of)
    if found is None:
        return None
    decision, reason, number = found
    version = next((each for each in _versions(settings, None) if each.version == number), None)
    if decision == TRAIN and version is None:
        return Consideration(SKIP, f"version {number} was deleted", True, schedule, facts)
    return Consideration(decision, reason, True, schedule, facts, version=version)


def _find_unjudged(settings: Settings, facts: ScheduleFacts, until: datetime | None) -> ModelVersion | None:
    """Return the version that the schedule trained last, if an interruption kept the gate from judging it."""
    if facts.trained_version is None:
        return None
    for version in _versions(settings, until):
        if version.version == facts.trained_version and not _is_judged(settings, version, until):
            return version
    return None


def _versions(settings: Settings, until: datetime | None) -> list[ModelVersion]:
    versions = list_versions(settings.registry)
    return [each for each in versions if until is None or each.registered_at <= until]


def _is_judged(settings: Settings, version: ModelVersion, until: datetime | None) -> bool:
    verdict = find_verdict(open_ledger(settings), version)
    return verdict is not None and (until is None or verdict.recorded_at <= until)


def _due_at(schedule: ScheduleRecord, facts: ScheduleFacts) -> datetime | None:
    """Return when training is due next; None if every night."""
    if schedule.cron is None:
        return None
    return next_time(schedule.cron, (facts.due_at or schedule.declared_at).astimezone(UTC))


def _describe_trigger(schedule: ScheduleRecord, facts: ScheduleFacts) -> tuple[str, bool]:
    """Describe what starts a training, or what is missing, and whether it starts."""
    if schedule.min_new_labels is None and not schedule.on_drift:
        return "due on schedule", True
    if facts.drift_alarms and schedule.on_drift:
        return f"{counted(facts.drift_alarms, 'run')} drifted since the last training", True
    labels = counted(facts.new_labels, "new label")
    if schedule.min_new_labels is None:
        return "no run drifted since the last training", False
    if facts.new_labels >= schedule.min_new_labels:
        return f"{labels}, at least {schedule.min_new_labels:,} needed", True
    drift = ", and no run drifted" if schedule.on_drift else ""
    return f"{labels}, {schedule.min_new_labels:,} needed{drift}", False


def _manifests(settings: Settings, schedule: ScheduleRecord, until: datetime | None) -> list[Manifest]:
    """Return the datasets to learn from, as they are or were; ``reviewed/all`` only once it exists."""
    known = set(list_datasets(settings.lake))
    names = [name for name in schedule.datasets if name != REVIEWED or name in known]
    if until is None:
        return [read_manifest(settings.lake, name) for name in names]
    found = [find_manifest_at(settings, name, until) for name in names]
    return [manifest for manifest in found if manifest]


def find_manifest_at(settings: Settings, dataset: str, until: datetime) -> Manifest | None:
    """Return the newest version of a dataset at a time; None if it had none yet."""
    for manifest in read_manifests(settings.lake, dataset):  # newest first
        if datetime.fromisoformat(manifest.created_at) <= until:
            return manifest
    return None


def _training_job(schedule: RetrainingSchedule | ScheduleRecord, datasets: Sequence[str]) -> TrainingJob:
    return TrainingJob(
        tuple(datasets),
        schedule.tests,
        schedule.architecture,
        schedule.recipe,
        schedule.effort,
        epochs=schedule.epochs,
        seed=schedule.seed,
    )
