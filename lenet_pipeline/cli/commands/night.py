"""``lenet night``: one night's work, or a preview of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.audit import counted
from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import Format, FormatOption, print_line, print_records
from lenet_pipeline.cli.running import run_job

if TYPE_CHECKING:
    from lenet_pipeline.jobs import NightPlan, NightReport
    from lenet_pipeline.settings import Settings

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]


@command
def night_command(
    settings: Settings,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=_TIMES, help="Time that the night is for, in UTC (default: now)"),
    ] = None,
    is_dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the night would do, and on what data")
    ] = False,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Do a night's work: take new scans, score, retrain if the schedule says so, and promote.

    Repeating it does nothing twice. Schedule it with cron, or run `lenet up`.
    """
    from lenet_pipeline import jobs

    moment = as_of.replace(tzinfo=UTC) if as_of else None
    if moment and moment > datetime.now(UTC) and not is_dry_run:
        raise typer.BadParameter("a time in the future needs --dry-run")
    if is_dry_run:
        plan = jobs.plan_night(settings, moment or datetime.now(UTC))
        if output_format is Format.TABLE:
            print_plan(plan)
        else:
            print_records([plan_record(plan)], output_format)
        return
    report = run_job(jobs.night, settings, jobs.NightJob(moment))
    if output_format is Format.TABLE:
        print_night(report)
    else:
        print_records([night_record(report)], output_format)


def print_night(report: NightReport) -> None:
    """Print the result of a night, a few lines per stage."""
    for inbox in report.inboxes:
        unknown = f", {counted(inbox.unmatched, 'unknown form')}" if inbox.unmatched else ""
        rejected = f", {inbox.rejected:,} rejected" if inbox.rejected else ""
        waiting = f", {inbox.waiting:,} not complete yet" if inbox.waiting else ""
        print_line(
            f": {counted(inbox.documents, 'document')} taken, {counted(inbox.read, 'page')} read"
            f"{unknown}{rejected}{waiting}",
            lead=inbox.inbox,
        )
    for scored in report.scored:
        print_line(
            f": {counted(scored.digits_scored, 'digit')} scored with {scored.model}", lead=scored.dataset
        )
    if not report.scored:
        print_line("no new digits to score")
    print_line(
        f"waiting for review: {counted(report.fields_waiting, 'field')}, "
        f"{counted(report.digits_waiting, 'single digit')}"
    )
    retraining, decision = report.retraining, report.decision
    if retraining is not None and retraining.version is None:
        print_line(f": {retraining.reason}", lead="not trained", is_wrapped=True)
    elif retraining is not None and retraining.version is not None:
        print_line(f": {retraining.reason}", lead=f"trained {retraining.version.reference}", is_wrapped=True)
    if decision is not None:
        is_promoted = decision.record.action == "promote"
        lead, style = ("promoted", "green") if is_promoted else ("not promoted", "yellow")
        print_line(f": {decision.record.reason}", lead=lead, lead_style=style, is_wrapped=True)
        for policy in decision.policies:
            print_line(f"  policy for {policy}", is_wrapped=True)
        for problem in decision.missed_targets:
            print_line(f"  policy target missed: {problem}", style="yellow", is_wrapped=True)
    if report.earlier.datasets:
        print_line(
            f": {counted(report.earlier.fields, 'field')} changed in "
            f"{counted(report.earlier.documents, 'document')}",
            lead="earlier documents",
        )
        if report.earlier.changes:
            print_line(f"  {report.earlier.changes}")


def night_record(report: NightReport) -> dict[str, object]:
    """Return the result of a night as one record of plain values."""
    retraining, decision, earlier = report.retraining, report.decision, report.earlier
    version = retraining.version if retraining else None
    return {
        "as_of": report.as_of,
        "documents": sum(inbox.documents for inbox in report.inboxes),
        "pages_read": sum(inbox.read for inbox in report.inboxes),
        "unknown_forms": sum(inbox.unmatched for inbox in report.inboxes),
        "rejected": sum(inbox.rejected for inbox in report.inboxes),
        "digits_scored": sum(scored.digits_scored for scored in report.scored),
        "fields_waiting": report.fields_waiting,
        "digits_waiting": report.digits_waiting,
        "training": retraining.decision if retraining else None,
        "training_reason": retraining.reason if retraining else None,
        "model_version": version.reference if version else None,
        "gate": decision.record.action if decision else None,
        "gate_reason": decision.record.reason if decision else None,
        "policies": list(decision.policies) if decision else [],
        "missed_targets": list(decision.missed_targets) if decision else [],
        "earlier_documents_changed": earlier.documents,
        "earlier_fields_changed": earlier.fields,
        "changes": str(earlier.changes) if earlier.changes else None,
    }


def print_plan(plan: NightPlan) -> None:
    """Print what a night would do."""
    print_line(f" for {plan.as_of:%Y-%m-%d %H:%M} UTC: nothing was changed", lead="dry run")
    for seen in plan.inboxes:
        into = f" into {', '.join(seen.datasets)}" if seen.datasets else ""
        print_line(
            f": {counted(len(seen.documents), 'document')} to take{into}", lead=f"  ingest {seen.inbox}"
        )
    for problem in plan.problems:
        print_line(f"  ingest {problem}", style="yellow", is_wrapped=True)
    for dataset, digits in plan.to_score:
        print_line(f" {dataset}: {counted(digits, 'digit')}", lead="  score")
    if not plan.to_score:
        print_line("  score: only the new documents above, if any")
    considered = plan.retraining
    print_line(f": {considered.decision}, because {considered.reason}", lead="  retrain", is_wrapped=True)
    for manifest in plan.trains_on:
        print_line(
            f"    {manifest.dataset} version {manifest.version}: {counted(manifest.rows, 'digit')}, "
            f"fingerprint {manifest.fingerprint[:12]}"
        )
    if plan.earlier:
        verb = "score again" if plan.afterwards == "score" else "decide again on"
        print_line(f"  {verb}: {', '.join(plan.earlier)}", is_wrapped=True)


def plan_record(plan: NightPlan) -> dict[str, object]:
    """Return what a night would do as one record of plain values."""
    considered = plan.retraining
    return {
        "as_of": plan.as_of,
        "documents": {seen.inbox: len(seen.documents) for seen in plan.inboxes},
        "problems": list(plan.problems),
        "to_score": dict(plan.to_score),
        "training": considered.decision,
        "training_reason": considered.reason,
        "trains_on": {
            manifest.dataset: {
                "version": manifest.version,
                "digits": manifest.rows,
                "fingerprint": manifest.fingerprint,
            }
            for manifest in plan.trains_on
        },
        "afterwards": plan.afterwards,
        "earlier": list(plan.earlier),
    }
