"""A night: ingest, score, decide, report, retrain, gate, policy and score again, in this order.

Each stage finishes what an interrupted night left, so a night that is repeated does nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Concatenate, ParamSpec, TypeVar

from pydantic.dataclasses import dataclass as validated

from lenet_pipeline.audit import REVIEWED, counted, find_or_adopt_champion
from lenet_pipeline.errors import PipelineError
from lenet_pipeline.jobs.inbox.ingestion import ingest_inbox
from lenet_pipeline.jobs.inbox.records import InboxIngest
from lenet_pipeline.jobs.retraining import GateDecision
from lenet_pipeline.jobs.run_form import RUN_FORM
from lenet_pipeline.jobs.scheduling.earlier_documents import EarlierDocuments, decide_again, score_again
from lenet_pipeline.jobs.scheduling.report import describe_documents
from lenet_pipeline.jobs.scheduling.schedule import find_manifest_at
from lenet_pipeline.jobs.scheduling.training import (
    Retraining,
    finish_interrupted_promotion,
    judge_trained,
    promote_trained,
    retrain_if_due,
)
from lenet_pipeline.jobs.scoring_runs import ScoringJob, ScoringReport, score
from lenet_pipeline.lake import Manifest, list_datasets, read_manifest
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Event, Observer, only_process
from lenet_pipeline.warehouse import (
    count_work_waiting,
    find_schedule,
    list_finished_manifests,
    list_learned_datasets,
    read_inboxes,
)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@validated(frozen=True, config=RUN_FORM)
class NightJob:
    """A night's work.

    Attributes:
        as_of: the time that the night is for, in UTC unless it has a zone; now if None. It names the day of
            new documents, and decides what is due.
    """

    as_of: datetime | None = None


@dataclass(frozen=True)
class NightReport:
    """The result of a night.

    Attributes:
        as_of: the time that the night was for.
        inboxes: one result per inbox.
        scored: one report per dataset that was scored.
        fields_waiting: number of fields that wait for a person.
        digits_waiting: number of single digits that wait for a person.
        retraining: what the schedule decided; None if the stage failed.
        decision: what became of a new version; None if there is none.
        earlier: what became of earlier documents.
    """

    as_of: datetime
    inboxes: tuple[InboxIngest, ...] = ()
    scored: tuple[ScoringReport, ...] = ()
    fields_waiting: int = 0
    digits_waiting: int = 0
    retraining: Retraining | None = None
    decision: GateDecision | None = None
    earlier: EarlierDocuments = field(default_factory=EarlierDocuments)


def night(settings: Settings, job: NightJob, observer: Observer = SILENT) -> NightReport:
    """Do a night's work. A failed stage stops only the stages that need its result.

    Raises:
        PipelineError: some stages failed, or another night runs on this home.
    """
    as_of = job.as_of or datetime.now(UTC)
    as_of = as_of.astimezone(UTC) if as_of.tzinfo else as_of.replace(tzinfo=UTC)
    with only_process(settings.home / "night.lock", "lenet night", "wait until it ends"):
        return _Night(settings, as_of, observer).run()


class _Night:
    """Runs the stages in order, and collects their failures."""

    def __init__(self, settings: Settings, as_of: datetime, observer: Observer) -> None:
        self._settings, self._as_of, self._observer = settings, as_of, observer
        self._failures: list[str] = []

    def run(self) -> NightReport:
        settings, as_of = self._settings, self._as_of
        finish_interrupted_promotion(self._observer, settings)
        inboxes = self._stage("ingest", ingest_inboxes, settings, as_of) or ()
        scored = self._stage("score", score_new_digits, settings) or ()
        fields, digits = self._stage("decide", announce_waiting_work, settings) or (0, 0)
        self._stage("report", publish_documents, inboxes, scored, fields, digits)
        retraining = self._stage("retrain", retrain_if_due, settings, as_of)
        decision = None
        if retraining is not None and retraining.version is not None:
            verdict = self._stage("gate", judge_trained, settings, retraining)
            if verdict is not None:
                decision = self._stage("policy", promote_trained, settings, retraining, verdict)
        earlier = self._stage("score-again", revisit_earlier_documents, settings, as_of)
        if self._failures:
            raise PipelineError("; ".join(self._failures))
        return NightReport(
            as_of, inboxes, scored, fields, digits, retraining, decision, earlier or EarlierDocuments()
        )

    def _stage(
        self,
        name: str,
        work: Callable[Concatenate[Observer, Parameters], Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result | None:
        try:
            return self._observer.stage(name, work, *args, **kwargs)
        except PipelineError as exc:
            self._failures.append(f"{name}: {exc}")
            return None


def ingest_inboxes(observer: Observer, settings: Settings, as_of: datetime) -> tuple[InboxIngest, ...]:
    """Ingest the new documents of every inbox.

    Raises:
        PipelineError: some inboxes could not be read; all others were.
    """
    results, failures = [], []
    for inbox in read_inboxes(settings.warehouse):
        try:
            results.append(ingest_inbox(settings, inbox.name, as_of, observer))
        except PipelineError as exc:
            failures.append(f"{inbox.name}: {exc}")
    if failures:
        raise PipelineError("; ".join(failures))
    return tuple(results)


def score_new_digits(observer: Observer, settings: Settings) -> tuple[ScoringReport, ...]:
    """Score every dataset that has digits that no run covers, with the champion.

    Datasets to learn from or to test on are left out. In a home without any model version, the packaged
    model becomes champion.

    Raises:
        PipelineError: some datasets could not be scored; all others are scored.
    """
    if not list_unscored(settings, list_training_datasets(settings)):
        return ()
    champion = find_or_adopt_champion(settings, observer)
    if champion is None:
        observer.log("no champion, so nothing is scored; choose one with `lenet models promote VERSION`")
        return ()
    reports, failures = [], []
    # The packaged model, if it was adopted just now, may have learned from some of these.
    for manifest in list_unscored(settings, list_training_datasets(settings)):
        try:
            reports.append(score(settings, ScoringJob(manifest.dataset, champion.reference), observer))
        except PipelineError as exc:
            failures.append(str(exc))
    if failures:
        raise PipelineError("; ".join(failures))
    return tuple(reports)


def list_unscored(settings: Settings, training: set[str], until: datetime | None = None) -> list[Manifest]:
    """Return the newest version of each dataset, now or at a time, that no run had scored by then.

    Datasets in ``training`` are left out.
    """
    finished = set[tuple[str, str]]()
    if settings.warehouse.path.exists():
        finished = list_finished_manifests(settings.warehouse, until)
    unscored = []
    for dataset in list_datasets(settings.lake):
        if dataset in training:
            continue
        newest = (
            find_manifest_at(settings, dataset, until) if until else read_manifest(settings.lake, dataset)
        )
        if newest is not None and (dataset, newest.fingerprint) not in finished:
            unscored.append(newest)
    return unscored


def list_training_datasets(settings: Settings, until: datetime | None = None) -> set[str]:
    """Return the datasets that a version learned from or that the schedule names, now or at a time."""
    if not settings.warehouse.path.exists():
        return {REVIEWED}
    schedule = find_schedule(settings.warehouse, until)
    named = (*schedule.datasets, *schedule.tests, *schedule.evidence) if schedule else ()
    forms = (schedule.field_evidence,) if schedule and schedule.field_evidence else ()
    return {REVIEWED, *named, *forms, *list_learned_datasets(settings.warehouse, until)}


def announce_waiting_work(observer: Observer, settings: Settings) -> tuple[int, int]:
    """Count the fields and digits that wait for a person, and announce them if there are any."""
    if not settings.warehouse.path.exists():
        return 0, 0
    fields, digits = count_work_waiting(settings.warehouse)
    observer.log(f"{counted(fields, 'field')} and {counted(digits, 'digit')} wait for review")
    if fields or digits:
        resource = {"prefect.resource.id": f"lenet.home.{settings.home.name}"}
        observer.announce(Event.REVIEW_WAITING, resource, {"fields": fields, "digits": digits})
    return fields, digits


def publish_documents(
    observer: Observer,
    inboxes: tuple[InboxIngest, ...],
    scored: tuple[ScoringReport, ...],
    fields_waiting: int,
    digits_waiting: int,
) -> None:
    """Publish a report on the documents of the night."""
    observer.publish("night-documents", describe_documents(inboxes, scored, fields_waiting, digits_waiting))


def revisit_earlier_documents(observer: Observer, settings: Settings, as_of: datetime) -> EarlierDocuments:
    """Decide on earlier documents again, or score them again, as the schedule says."""
    schedule = find_schedule(settings.warehouse)
    if schedule is None or schedule.afterwards == "keep":
        return EarlierDocuments()
    training = list_training_datasets(settings)
    if schedule.afterwards == "decide":
        return decide_again(settings, training, as_of, observer)
    return score_again(settings, training, schedule.score_since, as_of, observer)
