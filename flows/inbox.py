"""The flow that takes the new documents of the inboxes."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import flow, runtime
from prefect.artifacts import create_markdown_artifact

from flows.context import flow_settings
from flows.observer import PrefectObserver
from flows.outcomes import completed
from flows.writer import HomeBusyError, one_writer
from lenet_pipeline import jobs
from lenet_pipeline.audit import counted
from lenet_pipeline.jobs import PollJob, PollReport

_HEADINGS = (
    "inbox",
    "documents",
    "pages read",
    "unmatched",
    "rejected",
    "digits scored",
    "decisions",
    "fields waiting",
)


def _name() -> str:
    """Return the name of the flow run, such as ``poll-invoices``."""
    job = runtime.flow_run.parameters["job"]
    return f"poll-{(job.inbox if isinstance(job, PollJob) else None) or 'inboxes'}"


@flow(flow_run_name=_name)
def poll(job: PollJob) -> tuple[PollReport, ...]:
    """Take the new documents of the inboxes, score them with the champion, and count the decisions.

    A scheduled poll does not wait for another flow that writes to the home, such as a night, because the
    next poll takes the documents.

    Args:
        job: Which inboxes to poll.
    """
    settings = flow_settings()
    try:
        with one_writer(settings, waits=not runtime.deployment.id):
            reports = jobs.poll(settings, job, PrefectObserver())
    except HomeBusyError as busy:
        return completed(f"not polled: {busy}", ())
    if any(report.ingest.documents or report.scored for report in reports):
        create_markdown_artifact(_describe(reports), key="poll", description="New documents in the inboxes")
    return completed(_summarise(reports), reports)


def _summarise(reports: Sequence[PollReport]) -> str:
    if not reports:
        return "no inboxes; declare one with `lenet inbox add`"
    documents = sum(report.ingest.documents for report in reports)
    digits = sum(report.scored for report in reports)
    if not documents and not digits:
        return "no new documents"
    waiting = sum(report.fields_waiting for report in reports)
    return (
        f"{counted(documents, 'document')} taken, {counted(digits, 'digit')} scored, "
        f"{counted(waiting, 'field')} for review"
    )


def _describe(reports: Sequence[PollReport]) -> str:
    rows = [_HEADINGS, ("---",) * len(_HEADINGS), *map(_row, reports)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(report: PollReport) -> tuple[str, ...]:
    taken = report.ingest
    if taken.is_busy:
        return (taken.inbox, "another poll is running", *["-"] * (len(_HEADINGS) - 2))
    decisions = ", ".join(f"{name} {count:,}" for name, count in report.decisions.items())
    counts = (taken.documents, taken.read, taken.unmatched, taken.rejected, report.scored)
    return (
        taken.inbox,
        *(f"{count:,}" for count in counts),
        decisions or "-",
        f"{report.fields_waiting:,}",
    )
