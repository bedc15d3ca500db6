"""The flow that scores a dataset."""

from __future__ import annotations

from prefect import flow
from prefect.artifacts import create_link_artifact, create_markdown_artifact

from flows.context import flow_settings
from flows.observer import PrefectObserver
from flows.outcomes import completed
from flows.writer import one_writer
from lenet_pipeline import jobs
from lenet_pipeline.audit import counted
from lenet_pipeline.jobs import ScoringJob, ScoringReport, describe_agreement
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import run_audit


@flow(flow_run_name="score-{job.dataset}-with-{job.model}")
def score(job: ScoringJob) -> ScoringReport:
    """Score every digit of a dataset once with one model version. Earlier predictions are kept.

    Args:
        job: Which dataset to score, and with which model version.
    """
    settings = flow_settings()
    with one_writer(settings):
        report = jobs.score(settings, job, PrefectObserver())
        decisions = _count_decisions(report, settings)
    if report.page and settings.base_url:
        create_link_artifact(
            f"{settings.base_url}/reports/{report.page.name}",
            report.page.name,
            key="score-report",
            description="Report of the run",
        )
    create_markdown_artifact(
        _describe(report, decisions), key="score", description=f"Scoring run of {job.dataset}"
    )
    waiting = decisions.get("review", 0)
    message = f"{counted(report.digits_scored, 'digit')} scored with {report.model}, {waiting:,} for review"
    drift = f"; drift in {', '.join(report.drifted)}" if report.drifted else ""
    differences = "".join(f"; the run {difference}" for difference in report.differences)
    return completed(message + (differences or drift), report)


def _count_decisions(report: ScoringReport, settings: Settings) -> dict[str, int]:
    rows = run_audit(settings.warehouse, "decision_counts", {"run": str(report.scoring_run_id)}).to_pylist()
    return {str(row["decision"]): int(row["digits"]) for row in rows}


def _describe(report: ScoringReport, decisions: dict[str, int]) -> str:
    rows = {
        "scoring run": report.scoring_run_id,
        "dataset": report.dataset,
        "model version": report.model,
        "digits": f"{report.digits:,}",
        "scored now": f"{report.digits_scored:,}",
        **{f"decision: {decision}": f"{digits:,}" for decision, digits in decisions.items()},
        "shards rejected": report.shards_rejected,
        "drifted": ", ".join(report.drifted) or "-",
        "differs from evidence": "; ".join(report.differences) or "-",
        "engine": report.engine,
        "seconds": f"{report.seconds:.1f}",
        "head of the audit chain": report.chain_head,
        "report": f"`lenet report {report.scoring_run_id}`" if report.page else "-",
    }
    if report.agreement:
        rows["agrees with float32"] = describe_agreement(report.agreement)
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])
