"""The flows that score one dataset or all of them."""

from __future__ import annotations

from prefect import flow
from prefect.artifacts import create_link_artifact, create_markdown_artifact

from flows.context import flow_settings
from flows.observer import PrefectObserver
from lenet_pipeline import jobs
from lenet_pipeline.jobs import ScoringJob, ScoringReport, describe_agreement


@flow(flow_run_name="score-{job.dataset}-with-{job.model}")
def score(job: ScoringJob) -> ScoringReport:
    """Score every digit of a dataset once with one model version. Earlier predictions are kept."""
    report = jobs.score(flow_settings(), job, PrefectObserver())
    if report.page:
        create_link_artifact(
            report.page.as_uri(),
            report.page.name,
            key="score-report",
            description="Report of the run",
        )
    create_markdown_artifact(_describe(report), key="score", description=f"Scoring run of {job.dataset}")
    return report


@flow(flow_run_name="score-all-with-{model}")
def score_all(model: str = "champion") -> list[ScoringReport]:
    """Score every dataset of the lake. Datasets that are already scored take almost no time."""
    return jobs.score_all(flow_settings(), score, model)


def _describe(report: ScoringReport) -> str:
    rows = {
        "scoring run": report.scoring_run_id,
        "dataset": report.dataset,
        "model version": report.model,
        "digits": f"{report.digits:,}",
        "scored now": f"{report.digits_scored:,}",
        "shards rejected": report.shards_rejected,
        "engine": report.engine,
        "seconds": f"{report.seconds:.1f}",
        "report": report.page or "-",
        "head of the audit chain": report.chain_head,
        "drifted": ", ".join(report.drifted) or "-",
    }
    if report.agreement:
        rows["agrees with float32"] = describe_agreement(report.agreement)
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])
