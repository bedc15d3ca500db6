"""``lenet reproduce``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.commands.train import LARGEST_SEED
from lenet_pipeline.cli.output import Format, FormatOption, console, print_records
from lenet_pipeline.cli.running import run_job

if TYPE_CHECKING:
    from lenet_pipeline.jobs import ReproductionReport
    from lenet_pipeline.settings import Settings


@command
def reproduce_command(
    settings: Settings,
    rows: Annotated[
        list[str] | None,
        typer.Argument(metavar="ROW", help="Only these, as lenet5+paper (default: all)"),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A fifth of the epochs: minutes")] = False,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_SEED, help="Of initial weights, order and distortions")
    ] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    again: Annotated[
        bool, typer.Option("--again", help="Train anew what was trained before, as after a fix")
    ] = False,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Train what the literature reports, and show and save published beside ours."""
    from lenet_pipeline import jobs

    job = jobs.ReproductionJob(tuple(rows or ()), quick, seed, device, again)
    report = run_job(jobs.reproduce, settings, job)
    if output_format is Format.TABLE:
        print_report(report)
    else:
        print_records([row.record() for row in report.rows], output_format)


def print_report(report: ReproductionReport) -> None:
    """Print published beside ours, the reason of each difference, and where all of it was saved."""
    from lenet_pipeline.training import UNITS, reason_text

    if report.is_quick:
        console.print("--quick: a fifth of the published epochs, so lower accuracies")
    console.print(_table(report))
    console.print(UNITS, style="dim")
    console.print()
    for row in report.rows:
        console.print(f"{row.trained.row}: {reason_text(row)}", highlight=False)
    _print_where(report)


def _table(report: ReproductionReport) -> Table:
    from lenet_pipeline.training import difference_text, epochs_text, published_text, reproduced_text

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("row", no_wrap=True)
    for name in ("published", "ours", "points", "epochs", "min"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("reproduced", no_wrap=True)
    for row in report.rows:
        table.add_row(
            row.trained.row,
            published_text(row),
            f"{row.trained.accuracy_pct:.2f}",
            difference_text(row),
            epochs_text(row),
            f"{row.trained.seconds / 60:.1f}",
            reproduced_text(row),
        )
    return table


def _print_where(report: ReproductionReport) -> None:
    from lenet_pipeline.training import describe_other_code

    other_code = describe_other_code(report.rows, report.code_revision)
    for note in other_code:
        console.print(note, style="yellow", highlight=False)
    if other_code:
        console.print("`--again` trains them anew", style="dim")
    kept = len(report.rows) - len(report.trained_now)
    if kept:
        console.print(f"{kept} of {len(report.rows)} rows were trained before and are kept", style="dim")
    console.print(
        f"report: {report.folder / 'reproduction.md'}", soft_wrap=True, highlight=False, markup=False
    )
