"""``lenet review``: what people should look at, out and back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.audit import counted
from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import console

if TYPE_CHECKING:
    from lenet_pipeline.settings import Settings

review_app = typer.Typer(
    help="What people should look at: out as a folder, back as verdicts.", no_args_is_help=True
)


@review_app.command("export", epilog="Example: lenet review export ./to-review")
@command
def export_command(
    settings: Settings,
    folder: Annotated[Path, typer.Argument(help="Folder to write: pictures and reviews.csv")],
    run: Annotated[str, typer.Option(help="latest, a scoring run's id, or its beginning")] = "latest",
    limit: Annotated[int, typer.Option(min=1, help="Most digits, the least sure first")] = 500,
) -> None:
    """Write the digits of a run that are for review; people fill in the column verdict."""
    from lenet_pipeline.audit import VERDICTS, export_reviews

    done = export_reviews(settings, folder, run, limit)
    if not done.digits:
        console.print("nothing is for review")
        return
    console.print(f"{counted(done.digits, 'digit')} to review: {done.table}", soft_wrap=True, highlight=False)
    if done.digits == limit:
        console.print("  there may be more: --limit", highlight=False)
    console.print(f"  fill in verdict ({', '.join(VERDICTS)})", highlight=False)
    console.print(f"  then: lenet review import {folder} --actor NAME", soft_wrap=True, highlight=False)


@review_app.command("import", epilog="Example: lenet review import ./to-review --actor ada")
@command
def import_command(
    settings: Settings,
    folder: Annotated[Path, typer.Argument(help="Folder that was exported and worked through")],
) -> None:
    """Record the verdicts of a folder, and make labelled digits of them: the dataset reviewed/all."""
    from lenet_pipeline.audit import REVIEWED, import_reviews

    done = import_reviews(settings, folder)
    for problem in done.problems:
        typer.echo(problem, err=True)
    amended = done.amendment
    changes = [f"{counted(amended.added, 'digit')} added to {REVIEWED}"]
    if amended.relabelled:
        changes.append(f"{amended.relabelled:,} got another label")
    if amended.removed:
        changes.append(f"{amended.removed:,} taken out")
    console.print(
        f"{counted(done.recorded, 'review')} recorded by {settings.actor}"
        + (f", {done.known:,} before; " if done.known else "; ")
        + f"{counted(done.open, 'line')} left open, {done.refused:,} refused; "
        f"{', '.join(changes)}",
        highlight=False,
    )
