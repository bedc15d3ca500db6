"""``lenet review``: export digits for review, import the verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.audit import counted
from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import print_line
from lenet_pipeline.errors import ReviewError

if TYPE_CHECKING:
    from lenet_pipeline.settings import Settings

review_app = typer.Typer(help="Export digits for review and import the verdicts.", no_args_is_help=True)


@review_app.command("export", epilog="Example: lenet review export ./to-review")
@command
def export_command(
    settings: Settings,
    folder: Annotated[Path, typer.Argument(help="Folder for reviews.csv and the pictures")],
    run: Annotated[
        str, typer.Option(help="latest, or the id of a scoring run or its first characters")
    ] = "latest",
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of digits, least confident first")] = 500,
) -> None:
    """Export the digits of a run that need review.

    Writes contact-sheet.html, which shows each digit in its field and on its page, and reviews.csv with a
    column for the verdicts.
    """
    from lenet_pipeline.audit import VERDICTS, export_reviews

    done = export_reviews(settings, folder, run, limit)
    version = f"{done.run.model_name}/{done.run.model_version}"
    source = f"run {done.run.scoring_run_id}: {done.run.dataset}, read by {version}"
    if not done.digits:
        print_line("no digit needs review")
        print_line(f"  {source}")
        return
    print_line(f"{counted(done.digits, 'digit')} to review: {done.table}")
    print_line(f"  {source}")
    print_line(f"  pictures with fields and pages: {done.sheet}")
    if done.digits == limit:
        print_line("  stopped at --limit; there may be more")
    words = ", ".join(verdict for verdict in VERDICTS if not verdict.isdigit())
    print_line(f"  fill in the verdict column (0 to 9, {words}),")
    print_line(f"  then run `lenet review import {folder} --actor NAME`")


@review_app.command("import", epilog="Example: lenet review import ./to-review --actor ada")
@command
def import_command(
    settings: Settings,
    folder: Annotated[Path, typer.Argument(help="Exported folder with the verdicts filled in")],
) -> None:
    """Record the verdicts in a folder.

    Verdicts on digits of forms change the final values of fields. The digits become the dataset reviewed/all,
    with the verdicts as labels. Reads CSV files with commas, semicolons or tabs. If lines are refused, the
    exit code is 1; all other lines are recorded.
    """
    from lenet_pipeline.audit import REVIEWED, import_reviews

    done = import_reviews(settings, folder)
    for problem in done.problems:
        typer.echo(problem, err=True)
    amended = done.amendment
    changes = [f"{counted(amended.added, 'digit')} added to {REVIEWED}"]
    if amended.relabelled:
        changes.append(f"{amended.relabelled:,} relabelled")
    if amended.removed:
        changes.append(f"{amended.removed:,} removed")
    if done.fields_changed:
        changes.append(f"{counted(done.fields_changed, 'field')} changed")
    already = f" ({done.known:,} already recorded)" if done.known else ""
    print_line(
        f"{counted(done.recorded, 'review')} recorded by {settings.actor}{already}; "
        f"{counted(done.open, 'line')} still open, {done.refused:,} refused; {', '.join(changes)}",
        is_wrapped=True,
    )
    if done.refused:
        raise ReviewError(
            f"{counted(done.refused, 'line')} refused, see above; all other verdicts are recorded. "
            "Correct the lines and import the folder again"
        )
