"""The flows that ingest digits and scanned forms."""

from __future__ import annotations

from collections.abc import Sequence

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.context import flow_settings
from flows.observer import PrefectObserver
from flows.outcomes import completed
from flows.writer import one_writer
from lenet_pipeline import jobs
from lenet_pipeline.audit import counted
from lenet_pipeline.jobs import (
    FormIngestJob,
    Ingested,
    IngestedForms,
    IngestJob,
    PrintingJob,
    UnipenJob,
)


@flow(flow_run_name="ingest-{job.source}")
def ingest(job: IngestJob) -> list[Ingested]:
    """Add digits from MNIST, scikit-learn or image files that the lake does not have yet.

    Args:
        job: Which digits to add.
    """
    with one_writer(flow_settings()):
        outcome = jobs.ingest(flow_settings(), job, PrefectObserver())
    create_table_artifact([vars(part) for part in outcome], key="ingest", description="Digits ingested")
    return completed(_describe(outcome), outcome)


@flow(flow_run_name="ingest-{job.name}")
def ingest_printed(job: PrintingJob) -> list[Ingested]:
    """Print digits in fonts, scan them with the given degradation, and add the new ones to the lake.

    Args:
        job: Which digits to print.
    """
    with one_writer(flow_settings()):
        outcome = jobs.ingest_printed(flow_settings(), job, PrefectObserver())
    create_table_artifact([vars(part) for part in outcome], key="ingest", description="Digits ingested")
    return completed(_describe(outcome), outcome)


@flow(flow_run_name="ingest-{job.name}")
def ingest_unipen(job: UnipenJob) -> list[Ingested]:
    """Draw the digits of UNIPEN with different pens, scan them, and add the new ones to the lake.

    Args:
        job: Which trajectories to draw.
    """
    with one_writer(flow_settings()):
        outcome = jobs.ingest_unipen(flow_settings(), job, PrefectObserver())
    create_table_artifact([vars(part) for part in outcome], key="ingest", description="Digits ingested")
    return completed(_describe(outcome), outcome)


@flow(flow_run_name="ingest-forms-{job.path}")
def ingest_forms(job: FormIngestJob) -> IngestedForms:
    """Read every page of scanned documents with the template that fits it; never read a page twice.

    Args:
        job: Which scans to read.
    """
    with one_writer(flow_settings()):
        outcome = jobs.ingest_forms(flow_settings(), job, PrefectObserver())
    create_table_artifact([vars(outcome)], key="ingest", description="Pages of forms ingested")
    message = (
        f"{counted(outcome.read, 'page')} read into {outcome.dataset}, {outcome.unmatched:,} unmatched, "
        f"{outcome.rejected:,} rejected; {counted(outcome.added, 'digit')} added"
    )
    return completed(message, outcome)


def _describe(outcome: Sequence[Ingested]) -> str:
    return "; ".join(
        f"{counted(part.added, 'digit')} ({part.labelled:,} labelled) added to {part.dataset}, "
        f"{counted(part.rejects, 'reject')}"
        for part in outcome
    )
