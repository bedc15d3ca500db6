"""``lenet reproduce``: train published results again and compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.commands.train import LARGEST_SEED
from lenet_pipeline.cli.output import Format, FormatOption, console, print_line, print_records
from lenet_pipeline.cli.running import run_job

if TYPE_CHECKING:
    from lenet_pipeline.jobs import ReproductionReport
    from lenet_pipeline.settings import Settings


@command
def reproduce_command(
    settings: Settings,
    rows: Annotated[
        list[str] | None,
        typer.Argument(metavar="ROW", help="Results to reproduce, such as lenet5+paper (default: all)"),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Train for a fifth of the epochs; takes minutes")
    ] = False,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of weights, order and distortions")
    ] = 0,
    device: Annotated[str, typer.Option(help="Device to run on: auto, cpu or cuda")] = "auto",
    again: Annotated[bool, typer.Option("--again", help="Train again even if a result is stored")] = False,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Reproduce published results and compare the accuracies."""
    from lenet_pipeline import jobs

    job = jobs.ReproductionJob(tuple(rows or ()), quick, seed, device, again)
    report = run_job(jobs.reproduce, settings, job)
    if output_format is Format.TABLE:
        print_report(report)
    else:
        print_records([row.record() for row in report.rows], output_format)


def print_report(report: ReproductionReport) -> None:
    """Print published and own accuracies, the reason for each difference, and the report's path."""
    from lenet_pipeline.training import UNITS, reason_text

    if report.is_quick:
        print_line("--quick trains for a fifth of the published epochs, so accuracies are lower")
    console.print(_table(report))
    console.print(UNITS, style="dim")
    console.print()
    for row in report.rows:
        print_line(f": {reason_text(row)}", lead=row.trained.row, is_wrapped=True)
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
        print_line(note, style="yellow", is_wrapped=True)
    if other_code:
        print_line("use --again to retrain them", style="dim")
    kept = len(report.rows) - len(report.trained_now)
    if kept:
        print_line(f"{kept} of {len(report.rows)} results come from earlier runs", style="dim")
    print_line(f"report written to {report.folder / 'reproduction.md'}")
