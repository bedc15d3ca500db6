"""The flows that ingest digits and scanned forms."""

from __future__ import annotations

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.context import flow_settings
from flows.observer import PrefectObserver
from lenet_pipeline import jobs
from lenet_pipeline.jobs import (
    FormIngestJob,
    Ingested,
    IngestedForms,
    IngestJob,
    PrintingJob,
)


@flow(flow_run_name="ingest-{job.source}")
def ingest(job: IngestJob) -> list[Ingested]:
    """Add digits from MNIST, scikit-learn or image files that the lake does not have yet."""
    outcome = jobs.ingest(flow_settings(), job, PrefectObserver())
    create_table_artifact([vars(part) for part in outcome], key="ingest", description="Digits ingested")
    return outcome


@flow(flow_run_name="ingest-{job.name}")
def ingest_printed(job: PrintingJob) -> list[Ingested]:
    """Print digits in fonts, scan them with the given degradation, and add the new ones to the lake."""
    outcome = jobs.ingest_printed(flow_settings(), job, PrefectObserver())
    create_table_artifact([vars(part) for part in outcome], key="ingest", description="Digits ingested")
    return outcome


@flow(flow_run_name="ingest-forms-{job.path}")
def ingest_forms(job: FormIngestJob) -> IngestedForms:
    """Read every page of scanned documents with the template that fits it; never read a page twice."""
    outcome = jobs.ingest_forms(flow_settings(), job, PrefectObserver())
    create_table_artifact([vars(outcome)], key="ingest", description="Pages of forms ingested")
    return outcome
