"""The flow that takes the new documents of the inboxes."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.context import flow_settings
from flows.observer import PrefectObserver
from lenet_pipeline import jobs
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


@flow(flow_run_name="poll-{job.inbox}")
def poll(job: PollJob) -> tuple[PollReport, ...]:
    """Take the new documents of the inboxes, score them with the champion, and count the decisions."""
    reports = jobs.poll(flow_settings(), job, PrefectObserver())
    create_markdown_artifact(_describe(reports), key="poll", description="New documents in the inboxes")
    return reports


def _describe(reports: Sequence[PollReport]) -> str:
    if not reports:
        return "There are no inboxes."
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
