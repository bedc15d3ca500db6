"""``lenet score`` and ``lenet serve``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.audit import counted
from lenet_pipeline.cli.command import command, service
from lenet_pipeline.cli.output import Format, FormatOption, console, print_records
from lenet_pipeline.cli.running import run_job

if TYPE_CHECKING:
    from lenet_pipeline.jobs import ScoringReport
    from lenet_pipeline.settings import Settings


@command
def score_command(
    settings: Settings,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Dataset to score, NAME/SPLIT")],
    model: Annotated[
        str, typer.Option(help="digits@champion, or a version such as digits/3")
    ] = "digits@champion",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    precision: Annotated[
        str, typer.Option(help="float32 (the same bits always), or fast; each is a run of its own")
    ] = "float32",
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Images at a time (default: by device)")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Shards at a time (default: one a core)")] = None,
    runner: Annotated[str, typer.Option(help="local, or dask://HOST:PORT, a Dask cluster")] = "local",
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Score every digit of a dataset once; a run that was cut off goes on where it stopped."""
    from lenet_pipeline import jobs
    from lenet_pipeline.audit import find_policy_in_force

    job = jobs.ScoringJob(dataset, model, device, precision, batch_size, threads, runner)
    report = run_job(jobs.score, settings, job)
    if output_format is Format.TABLE:
        print_report(report)
        if find_policy_in_force(settings, report.model, report.precision) is None:
            console.print(
                f"  no policy for {report.model}: everything goes to review; set one with `lenet policy set`",
                highlight=False,
            )
    else:
        texts = {
            "scoring_run_id": str(report.scoring_run_id),
            "drifted": list(report.drifted),
            "status": "done",  # a partial run is an error
            "page": str(report.page),
            "agreement": vars(report.agreement) if report.agreement else None,
        }
        print_records([{**vars(report), **texts}], output_format)


def print_report(report: ScoringReport) -> None:
    """Print what a scoring run did."""
    if not report.digits_scored:
        rest = "" if report.form_pages else ", nothing to do"
        console.print(
            f"{report.dataset} is scored already with {report.model}: {counted(report.digits, 'digit')}{rest}"
        )
    else:
        kept = report.digits - report.digits_scored
        console.print(
            f"{report.dataset} scored with {report.model}: {counted(report.digits_scored, 'digit')}"
            + (f" at {report.images_per_second:,.0f} a second" if report.images_per_second else "")
            + (f"; {kept:,} were scored before" if kept else "")
        )
        where = f"on {counted(report.threads, 'thread')}" if report.threads else f"on {report.runner}"
        console.print(f"  {report.engine}, {where}")
    if report.agreement:
        from lenet_pipeline.jobs import describe_agreement

        console.print(f"  reads as float32 does: {describe_agreement(report.agreement)}")
    if report.form_pages:
        console.print(f"  values made of the fields of {counted(report.form_pages, 'page')}")
    console.print(f"  scoring run {report.scoring_run_id}")
    if report.drifted:
        names = ", ".join(report.drifted)
        console.print(f"  [bold]drifted:[/] {names}; `lenet audit drift` tells how far", highlight=False)
    number, _, sha256 = report.chain_head.partition(":")
    console.print(f"  head of the audit chain: link {number}", highlight=False)
    console.print(f"    {sha256}", highlight=False)
    if report.page:
        console.print(f"  its report: {report.page}", soft_wrap=True, highlight=False, markup=False)


@service
def serve_command(settings: Settings) -> None:
    """Serve the scheduled jobs to the Prefect server that PREFECT_API_URL names, until Ctrl-C."""
    from flows.deployments import serve_deployments

    serve_deployments(settings)
