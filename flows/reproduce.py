"""The flow that trains published results again and compares them with ours."""

from __future__ import annotations

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.context import flow_settings
from flows.observer import PrefectObserver
from flows.outcomes import completed
from flows.writer import one_writer
from lenet_pipeline import jobs
from lenet_pipeline.audit import counted
from lenet_pipeline.jobs import ReproductionJob, ReproductionReport


@flow(flow_run_name="reproduce-seed-{job.seed}")
def reproduce(job: ReproductionJob) -> ReproductionReport:
    """Train published results again and save a report that compares them with ours.

    Args:
        job: Which results to train again.
    """
    with one_writer(flow_settings()):
        report = jobs.reproduce(flow_settings(), job, PrefectObserver())
    markdown = report.markdown.read_text(encoding="utf-8")
    create_markdown_artifact(markdown, key="reproduce", description="Published results, trained again")
    return completed(f"{counted(len(report.trained_now), 'result')} trained again", report)
