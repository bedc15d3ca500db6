"""``lenet score`` and ``lenet serve``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.audit import counted
from lenet_pipeline.cli.command import command, service
from lenet_pipeline.cli.output import Format, FormatOption, print_line, print_records
from lenet_pipeline.cli.running import run_job

if TYPE_CHECKING:
    from lenet_pipeline.jobs import ScoringReport
    from lenet_pipeline.settings import Settings


@command
def score_command(
    settings: Settings,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Dataset to score, as NAME/SPLIT")],
    model: Annotated[str, typer.Option(help="Model version: champion, challenger, or a number")] = "champion",
    device: Annotated[str, typer.Option(help="Device to run on: auto, cpu or cuda")] = "auto",
    precision: Annotated[
        str, typer.Option(help="float32 (reproducible bit for bit) or fast; each is a separate run")
    ] = "float32",
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Number of images per batch (default: depends on the device)")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Number of shards scored in parallel (default: one per core)")
    ] = None,
    runner: Annotated[str, typer.Option(help="local, or a Dask cluster as dask://HOST:PORT")] = "local",
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Score every digit of a dataset once.

    Digits are never scored twice by the same version. Rerun the command to resume an interrupted run.
    """
    from lenet_pipeline import jobs
    from lenet_pipeline.audit import find_policy_in_force

    job = jobs.ScoringJob(dataset, model, device, precision, batch_size, threads, runner)
    report = run_job(jobs.score, settings, job)
    if output_format is Format.TABLE:
        print_report(report)
        if find_policy_in_force(settings, report.model, report.precision) is None:
            print_line(f"  no policy for {report.model}: every digit needs review (see `lenet policy set`)")
    else:
        texts = {
            "scoring_run_id": str(report.scoring_run_id),
            "drifted": list(report.drifted),
            "differences": list(report.differences),
            "status": "done",  # a partial run is an error
            "page": str(report.page),
            "agreement": vars(report.agreement) if report.agreement else None,
        }
        print_records([{**vars(report), **texts}], output_format)


def print_report(report: ScoringReport) -> None:
    """Print the result of a scoring run."""
    if not report.digits_scored:
        rest = "" if report.form_pages else "; nothing to do"
        digits = counted(report.digits, "digit")
        print_line(f": {digits} already scored with {report.model}{rest}", lead=report.dataset)
    else:
        kept = report.digits - report.digits_scored
        rate = f" at {report.images_per_second:,.0f} a second" if report.images_per_second else ""
        rest = f"; {kept:,} already scored" if kept else ""
        digits = counted(report.digits_scored, "digit")
        print_line(f": {digits} scored with {report.model}{rate}{rest}", lead=report.dataset)
        where = f"on {counted(report.threads, 'thread')}" if report.threads else f"on {report.runner}"
        print_line(f"  {report.engine}, {where}")
    if report.agreement:
        from lenet_pipeline.jobs import describe_agreement

        print_line(f"  agreement with float32: {describe_agreement(report.agreement)}")
    if report.form_pages:
        print_line(f"  field values stored for {counted(report.form_pages, 'page')}")
    print_line(f"  scoring run {report.scoring_run_id}")
    for difference in report.differences:
        print_line(f" this run {difference}", lead="  warning:", is_wrapped=True)
    if report.drifted and not report.differences:
        print_line(f" {', '.join(report.drifted)}; see `lenet audit drift`", lead="  drift in:")
    number, _, sha256 = report.chain_head.partition(":")
    print_line(f"  audit chain head: link {number}\n    {sha256}")
    if report.page:
        print_line(f"  report: {report.page}")


@service
def serve_command(settings: Settings) -> None:
    """Run the scheduled jobs until Ctrl-C.

    They are registered with the Prefect server at PREFECT_API_URL.
    """
    from flows.deployments import serve_deployments

    serve_deployments(settings)
