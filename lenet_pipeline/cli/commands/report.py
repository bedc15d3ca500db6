"""``lenet report``: a report about a scoring run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import print_line, report_snapshot

if TYPE_CHECKING:
    from lenet_pipeline.settings import Settings


@command
def report_command(
    settings: Settings,
    run: Annotated[
        str, typer.Argument(help="latest, or the id of a scoring run or its first characters")
    ] = "latest",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="HTML file to write (default: plots/report-RUN.html in the home)"
        ),
    ] = None,
) -> None:
    """Write an HTML report about a scoring run.

    The page is self-contained.
    """
    from lenet_pipeline.audit import write_report
    from lenet_pipeline.warehouse import AsOf

    as_of = AsOf()
    path = write_report(settings, run, output, as_of=as_of)
    report_snapshot(as_of)
    print_line(f"report written to {path}")
