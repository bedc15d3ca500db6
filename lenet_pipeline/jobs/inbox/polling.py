"""Poll inboxes: ingest new documents, score them with the champion, and count the decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pydantic.dataclasses import dataclass as validated

from lenet_pipeline.audit import counted
from lenet_pipeline.errors import PipelineError
from lenet_pipeline.jobs.inbox.ingestion import inbox_lock, ingest_locked, report_busy
from lenet_pipeline.jobs.inbox.look import find_inbox
from lenet_pipeline.jobs.inbox.records import InboxIngest
from lenet_pipeline.jobs.run_form import RUN_FORM
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Event, Observer
from lenet_pipeline.warehouse import (
    InboxRecord,
    count_document_decisions,
    count_doubtful_choices,
    count_waiting_fields,
    list_unscored_datasets,
    read_inboxes,
)


@validated(frozen=True, config=RUN_FORM)
class PollJob:
    """Which inboxes to poll.

    Attributes:
        inbox: the name of an inbox; all inboxes if None.
        as_of: the time whose day (UTC) names the datasets of new documents; now if None.
    """

    inbox: str | None = None
    as_of: datetime | None = None


@dataclass(frozen=True)
class PollReport:
    """The result of polling one inbox.

    Attributes:
        ingest: what was ingested.
        model: the model version that read the digits, such as ``digits/3``; None if nothing was scored.
        scored: number of digits that were scored.
        decisions: number of digits of the new documents by decision.
        fields_waiting: number of fields of the new documents that wait for a person.
        choices_in_doubt: number of choices of the new documents that a person should look at.
        has_champion: whether there is a champion to score with. If a home has versions but no champion, a
            later poll scores the digits.
    """

    ingest: InboxIngest
    model: str | None = None
    scored: int = 0
    decisions: Mapping[str, int] = field(default_factory=dict)
    fields_waiting: int = 0
    choices_in_doubt: int = 0
    has_champion: bool = True


def poll(settings: Settings, job: PollJob, observer: Observer = SILENT) -> tuple[PollReport, ...]:
    """Ingest the new documents of inboxes, score them with the champion, and count the decisions.

    A failing inbox does not stop the others. Rerun the job to resume.

    Raises:
        UnknownNameError: there is no such inbox.
        PipelineError: some inboxes failed; all others were polled.
    """
    inboxes = [find_inbox(settings, job.inbox)] if job.inbox else read_inboxes(settings.warehouse)
    reports, failures = list[PollReport](), list[str]()
    for inbox in inboxes:
        try:
            reports.append(_poll_one(settings, inbox, job.as_of, observer))
        except PipelineError as exc:
            message = str(exc)
            failures.append(message if inbox.name in message else f"inbox {inbox.name}: {message}")
    if failures:
        raise PipelineError("; ".join(failures))
    return tuple(reports)


def _poll_one(
    settings: Settings, inbox: InboxRecord, as_of: datetime | None, observer: Observer
) -> PollReport:
    with inbox_lock(settings, inbox.name) as is_held:
        if not is_held:
            return PollReport(report_busy(inbox.name, observer))
        ingested = ingest_locked(settings, inbox, as_of, observer)
        return _score(settings, ingested, observer)


def _score(settings: Settings, ingested: InboxIngest, observer: Observer) -> PollReport:
    """Score the datasets of an inbox that have no finished run, and count the decisions.

    These are the datasets that received documents, and those of an earlier poll that was interrupted.
    """
    datasets = list_unscored_datasets(settings.warehouse, ingested.inbox)
    if not datasets:
        return PollReport(ingested)
    # Only now, because loading MLflow and the network takes seconds.
    from lenet_pipeline.audit import find_or_adopt_champion
    from lenet_pipeline.jobs.scoring_runs import ScoringJob, score

    if find_or_adopt_champion(settings, observer) is None:
        observer.log(f"{ingested.inbox}: there is no champion yet, so the digits are scored later")
        return PollReport(ingested, has_champion=False)
    runs, failures = [], list[str]()
    for dataset in datasets:
        try:
            runs.append(score(settings, ScoringJob(dataset), observer))
        except PipelineError as exc:  # a damaged dataset must not keep newer ones from being scored
            failures.append(str(exc))
    if failures:
        raise PipelineError("; ".join(failures))
    identifiers = [run.scoring_run_id for run in runs]
    decisions = count_document_decisions(settings.warehouse, identifiers, ingested.digests)
    waiting = count_waiting_fields(settings.warehouse, identifiers, ingested.digests)
    doubtful = count_doubtful_choices(settings.warehouse, identifiers, ingested.digests)
    report = PollReport(
        ingest=ingested,
        model=runs[-1].model,
        scored=sum(run.digits_scored for run in runs),
        decisions=decisions,
        fields_waiting=waiting,
        choices_in_doubt=doubtful,
    )
    counts = ", ".join(f"{decision} {digits:,}" for decision, digits in decisions.items()) or "none"
    observer.log(
        f"{ingested.inbox}: {counted(report.scored, 'digit')} scored with {report.model}; "
        f"decisions: {counts}; {counted(waiting, 'field')} waiting for review"
        + (f", {counted(doubtful, 'choice')} in doubt" if doubtful else "")
    )
    if waiting:
        observer.announce(
            Event.REVIEW_WAITING,
            {"prefect.resource.id": f"lenet.inbox.{ingested.inbox}"},
            {"inbox": ingested.inbox, "fields": waiting},
        )
    return report
