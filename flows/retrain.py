"""The flow that trains a challenger and promotes it through the gate."""

from __future__ import annotations

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.context import flow_settings
from flows.observer import PrefectObserver
from flows.outcomes import completed, describe_promotion
from flows.writer import one_writer
from lenet_pipeline import jobs
from lenet_pipeline.jobs import RetrainingReport, TrainingJob


@flow(flow_run_name="retrain-{job.architecture}-{job.recipe}")
def retrain(job: TrainingJob) -> RetrainingReport:
    """Train a model, register it as challenger, and promote it if it passes the gate.

    Args:
        job: The model to train.
    """
    with one_writer(flow_settings()):
        report = jobs.retrain(flow_settings(), job, PrefectObserver())
    create_markdown_artifact(_describe(report), key="retrain", description="Training and gate")
    return completed(describe_promotion(report.decision), report)


def _describe(report: RetrainingReport) -> str:
    lines = []
    if report.validation_accuracy is not None:
        lines.append(f"| validation split | | {report.validation_accuracy:.2%} |")
    lines += [
        f"| {test.dataset} | {test.correct:,} of {test.digits:,} | {test.accuracy:.2%} |"
        for test in report.tests
    ]
    gate = report.decision
    return "\n".join(
        [
            f"**{gate.model_name}/{report.version}**, {report.architecture} with recipe {report.recipe}: "
            f"{gate.action}, {gate.reason}.",
            "",
            "| digits | correct | accuracy |",
            "|---|---|---|",
            *lines,
        ]
    )
