"""``lenet report``: one page about a scoring run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import console, report_snapshot

if TYPE_CHECKING:
    from lenet_pipeline.settings import Settings


@command
def report_command(
    settings: Settings,
    run: Annotated[str, typer.Argument(help="latest, a scoring run's id, or its beginning")] = "latest",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The page to write (default: plots/report-RUN.html in the home)"),
    ] = None,
) -> None:
    """Write one page about a run that a manager can read: it needs no other file."""
    from lenet_pipeline.audit import write_report
    from lenet_pipeline.warehouse import AsOf

    as_of = AsOf()
    path = write_report(settings, run, output, as_of=as_of)
    report_snapshot(as_of)
    console.print(f"report written to {path}", soft_wrap=True, highlight=False, markup=False)
