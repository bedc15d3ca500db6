"""``lenet review``: verification pages and their people; export digits for review, import the verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.audit import counted
from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import Format, FormatOption, OutputOption, print_line, print_rows
from lenet_pipeline.errors import ReviewError

if TYPE_CHECKING:
    from lenet_pipeline.settings import Settings

review_app = typer.Typer(
    help="Verify digits in the browser, or export them and import the verdicts.", no_args_is_help=True
)


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


@review_app.command("invite", epilog="Example: lenet review invite 'Ada Lovelace'")
@command
def invite_command(
    settings: Settings,
    name: Annotated[str, typer.Argument(help="Name of the person, recorded with each verdict")],
) -> None:
    """Let a person sign in on the verification pages.

    Prints a token, which is stored nowhere. Run the command again for a new one.
    """
    from lenet_pipeline.review import invite

    invitation = invite(settings, name)
    print_line(f"name   {invitation.name}")
    print_line(f"token  {invitation.token}")
    print_line("The token is shown only now. Pass it on over a safe channel.", is_wrapped=True)
    print_line("To sign in, open the pages of `lenet up` or `lenet review serve` for this home.")


@review_app.command("revoke", epilog="Example: lenet review revoke 'Ada Lovelace'")
@command
def revoke_command(
    settings: Settings, name: Annotated[str, typer.Argument(help="Name of the invited person")]
) -> None:
    """Revoke all tokens of a person. The verdicts stay."""
    from lenet_pipeline.review import revoke

    revoked = revoke(settings, name)
    print_line(f"{counted(revoked, 'token')} of {name} revoked; open pages stop working within 10 s")


@review_app.command("people", epilog="Example: lenet review people --format json")
@command
def people_command(
    settings: Settings, output_format: FormatOption = Format.TABLE, output: OutputOption = None
) -> None:
    """List the people who were invited, one row per token."""
    from lenet_pipeline.review import list_people

    people = list_people(settings)
    if not len(people) and output_format is Format.TABLE and output is None:
        print_line("no person invited yet; run `lenet review invite NAME`")
        return
    print_rows(people.select(["name", "invited_at", "invited_by", "is_revoked"]), output_format, output)


@review_app.command("serve", epilog="Example: lenet review serve --open")
@command
def serve_command(
    settings: Settings,
    host: Annotated[str, typer.Option(help="Address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes any free one")] = 8765,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Accept a host that other machines can reach")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", help="Host name that browsers may use; repeat for several"),
    ] = None,
    https: Annotated[
        bool, typer.Option("--https", help="A proxy in front adds TLS, so cookies require HTTPS")
    ] = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Start even if no person is invited yet")
    ] = False,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the pages in a browser")] = False,
) -> None:
    """Serve the verification pages until Ctrl-C.

    People sign in with a name and a token from `lenet review invite NAME`.
    """
    from lenet_pipeline.review import ServerOptions, serve

    options = ServerOptions(host, port, allow_remote, tuple(allow_host or ()), https)

    def report_address(url: str) -> None:
        print_line(f"verification pages: {url}")
        print_line("Ctrl-C stops the server", style="dim")

    def warn(message: str) -> None:
        typer.echo(message, err=True)

    serve(
        settings,
        options,
        report_address,
        warn,
        is_browser_opened=open_browser,
        needs_people=not allow_empty,
    )


@review_app.command("sample", epilog="Example: lenet review sample --run latest --size 200 --actor ada")
@command
def sample_command(
    settings: Settings,
    run: Annotated[
        str | None,
        typer.Option(help="latest, or the id of a scoring run or its first characters [default: latest]"),
    ] = None,
    queue: Annotated[
        bool, typer.Option("--queue", help="Draw from what waits for a person, not from all readings")
    ] = False,
    form: Annotated[str | None, typer.Option(help="Only fields of this form")] = None,
    field: Annotated[str | None, typer.Option(help="Only fields with this name")] = None,
    reason: Annotated[
        str | None, typer.Option(help="With --queue: first word of a reason, such as unsure")
    ] = None,
    size: Annotated[int, typer.Option(min=1, help="Maximum number of fields and digits")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws others")] = 0,
    name: Annotated[str, typer.Option(help="Name of the sample")] = "",
) -> None:
    """Draw a sample for blind second readings.

    Two people read each item without the model's reading; a third settles disagreements. With --queue and
    no --run, the queue of all runs is used. The same command always draws the same items.
    """
    from lenet_pipeline.warehouse import BlindDraw, draw_blind_sample

    if reason and not queue:
        raise typer.BadParameter("only the queue has reasons; add --queue", param_hint="--reason")
    draw = BlindDraw(queue, run, form, field, reason, size, seed, name)
    drawn = draw_blind_sample(settings.warehouse, draw, settings.actor)
    verb = "drawn" if drawn.is_new else "drawn before"
    print_line(f"{counted(drawn.items, 'item')} {verb}: {drawn.name}")
    print_line(f"  run `lenet review serve` and open /blind/{drawn.sample_id}")


@review_app.command("progress", epilog="Example: lenet review progress --format json")
@command
def progress_command(
    settings: Settings, output_format: FormatOption = Format.TABLE, output: OutputOption = None
) -> None:
    """Show how much each person reviewed, how fast, and how accurately.

    `lenet audit agreement` shows how often people agree with each other and with the model.
    """
    from lenet_pipeline.warehouse import AsOf, run_audit

    people = run_audit(settings.warehouse, "review_progress", {}, AsOf())
    if output_format is Format.TABLE and output is None:
        if not len(people):
            print_line("no verdict yet; run `lenet review serve`")
            return
        counts = ["verdicts", "fields", "digits", "blind", "changed"]
        people = people.select(["person", *counts, "median_seconds", "accuracy_pct"])
    print_rows(people, output_format, output)
