"""The flow of a night. Its stages are subflows."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import flow, runtime
from prefect.artifacts import create_markdown_artifact

from flows.context import flow_settings
from flows.observer import PrefectObserver
from flows.outcomes import completed, describe_night
from flows.writer import one_writer
from lenet_pipeline import jobs
from lenet_pipeline.jobs import NightJob, NightReport, describe_training


def _name() -> str:
    """Return the name of the flow run, such as ``night-2026-11-26``."""
    job = runtime.flow_run.parameters["job"]
    as_of = job.as_of if isinstance(job, NightJob) else None
    return f"night-{(as_of or datetime.now(UTC)).date()}"


@flow(flow_run_name=_name)
def night(job: NightJob) -> NightReport:
    """Take new documents, score, decide, report, retrain if due, judge, promote with policies, score again.

    Args:
        job: The time that the night is for.
    """
    settings = flow_settings()
    with one_writer(settings):
        report = jobs.night(settings, job, PrefectObserver())
    create_markdown_artifact(
        describe_training(report.retraining, report.decision, report.earlier),
        key="night-training",
        description="Retraining, the gate and policies",
    )
    return completed(describe_night(report), report)
