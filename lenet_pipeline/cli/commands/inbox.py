"""``lenet inbox``: declare folders and prefixes to watch, and take the new documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lenet_pipeline.audit import counted
from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import (
    Format,
    FormatOption,
    OutputOption,
    print_line,
    print_records,
    print_rows,
)
from lenet_pipeline.cli.running import run_job
from lenet_pipeline.jobs import SETTLE_S

if TYPE_CHECKING:
    from lenet_pipeline.jobs import InboxIngest, PollReport
    from lenet_pipeline.settings import Settings

inbox_app = typer.Typer(help="Watch folders and take new documents.")

_NO_INBOXES = "no inboxes yet; declare one with `lenet inbox add FOLDER --template FORM.yaml --name NAME`"
_SHOWN = ["name", "place", "documents", "duplicates", "rejected", "last_taken_at"]

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the inbox")]


# Also what `lenet inbox` does without a verb; see app.py.
@inbox_app.command("list", epilog="Example: lenet inbox list --format json")
@command
def list_inboxes_command(
    settings: Settings,
    context: typer.Context,  # noqa: ARG001 - read by the decorator
    output_format: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """List the inboxes, with counts of their documents."""
    from lenet_pipeline.warehouse import list_inboxes

    is_table = output_format is Format.TABLE and output is None
    if is_table and not settings.warehouse.path.exists():
        print_line(_NO_INBOXES)
        return
    inboxes = list_inboxes(settings.warehouse)
    if is_table and not len(inboxes):
        print_line(_NO_INBOXES)
        return
    print_rows(inboxes.select(_SHOWN) if is_table else inboxes, output_format, output)


@inbox_app.command("add", epilog="Example: lenet inbox add scans/ --template invoice.yaml --name invoices")
@command
def add_command(
    settings: Settings,
    place: Annotated[str, typer.Argument(metavar="PLACE", help="Folder, or a URL such as s3://bucket/scans")],
    templates: Annotated[
        list[Path], typer.Option("--template", help="YAML file of a form; repeat it for each expected form")
    ],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Name, which begins the names of its datasets")
    ],
    references: Annotated[
        Path | None,
        typer.Option("--references", help="Folder with the blank forms (default: next to the templates)"),
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(
            "--archive",
            metavar="DIR",
            help="Folder to move documents to after they were read (default: never move a file)",
        ),
    ] = None,
    settle_s: Annotated[
        float,
        typer.Option(
            "--settle",
            metavar="SECONDS",
            min=0,
            help="Time for which a file must not change before it is taken",
        ),
    ] = SETTLE_S,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Declare an inbox, or replace its declaration.

    Polls take each new document once it is complete, into the dataset NAME/YYYY-MM-DD. Files are never
    deleted, and moved only with --archive. The templates are read at each poll.
    """
    from lenet_pipeline.jobs import declare_inbox

    done = declare_inbox(settings, name, place, tuple(templates), references, archive, settle_s)
    inbox = done.inbox
    if output_format is not Format.TABLE:
        record = {**vars(inbox), "templates": list(inbox.templates), "is_replaced": done.former is not None}
        print_records([record], output_format)
        return
    replaced = "; this replaces its former declaration" if done.former else ""
    print_line(f": {inbox.place}{replaced}", lead=inbox.name)
    print_line(f"  {counted(len(inbox.templates), 'template')}: {', '.join(inbox.templates)}")
    if inbox.archive:
        print_line(f"  documents are moved to {inbox.archive} after they were read")
    print_line(f"  take its documents with `lenet inbox poll {inbox.name}`")


@inbox_app.command("poll", epilog="Example: lenet inbox poll invoices")
@command
def poll_command(
    settings: Settings,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Inbox (default: all)")] = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Take the new documents of the inboxes, and score them.

    Reads each complete new document, scores its digits with the champion, and counts the decisions.
    Documents are never read twice; rerun the command to resume. A file under a known path with new content
    replaces the earlier scan.
    """
    from lenet_pipeline import jobs

    reports = run_job(jobs.poll, settings, jobs.PollJob(name))
    if output_format is not Format.TABLE:
        print_records([poll_record(report) for report in reports], output_format)
        return
    if not reports:
        print_line(_NO_INBOXES)
    for report in reports:
        print_poll(report)


@inbox_app.command("remove", epilog="Example: lenet inbox remove invoices")
@command
def remove_command(settings: Settings, name: NameArgument) -> None:
    """Stop polling an inbox. Its documents and their values stay."""
    from lenet_pipeline.jobs import remove_inbox

    inbox = remove_inbox(settings, name)
    print_line(f": removed; its documents stay stored, and {inbox.place} is unchanged", lead=name)


def poll_record(report: PollReport) -> Mapping[str, Any]:
    """Return the report on one inbox as a record of plain values."""
    ingest = {name: value for name, value in vars(report.ingest).items() if name != "digests"}
    return {
        **ingest,
        "datasets": list(report.ingest.datasets),
        "model": report.model,
        "scored": report.scored,
        "decisions": [{"decision": name, "digits": count} for name, count in report.decisions.items()],
        "fields_waiting": report.fields_waiting,
        "choices_in_doubt": report.choices_in_doubt,
        "has_champion": report.has_champion,
    }


def print_poll(report: PollReport) -> None:
    """Print what a poll took, read, decided and left."""
    taken = report.ingest
    if taken.is_busy:
        print_line(f": another poll of {taken.inbox} is running", lead=taken.inbox)
        return
    datasets = f" into {', '.join(taken.datasets)}" if taken.documents else ""
    print_line(f": {counted(taken.documents, 'new document')}{datasets}", lead=taken.inbox)
    for line in (*_describe_pages(taken), *_describe_files(taken)):
        print_line(f"  {line}", is_wrapped=True)
    if not report.has_champion:
        print_line("  no champion: the digits are scored once there is one (see `lenet models promote`)")
    if report.model:
        print_line(f"  {counted(report.scored, 'digit')} scored with {report.model}")
        decisions = ", ".join(f"{name} {count:,}" for name, count in report.decisions.items())
        print_line(f"  decisions: {decisions or 'none'}")
    if report.fields_waiting:
        verb = "waits" if report.fields_waiting == 1 else "wait"
        print_line(f"  {counted(report.fields_waiting, 'field')} {verb} for review; see `lenet review serve`")
    if report.choices_in_doubt:
        verb = "is" if report.choices_in_doubt == 1 else "are"
        choices = counted(report.choices_in_doubt, "choice")
        print_line(f"  {choices} {verb} in doubt; see `lenet audit choices_in_doubt`")


def _describe_pages(taken: InboxIngest) -> list[str]:
    counts = [
        (taken.read, "read"),
        (taken.unmatched, "without a matching template"),
        (taken.blank, "blank"),
        (taken.rejected, "rejected"),
    ]
    pages = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    lines = (
        [f"{counted(taken.pages, 'page')}: {pages}; {counted(taken.digits, 'digit')} added"] if pages else []
    )
    if taken.unmatched:
        lines.append("see `lenet audit pages_not_read` for the pages without a matching template")
    if taken.rejected:
        lines.append("see `lenet audit rejects` for what was rejected and why")
    return lines


def _describe_files(taken: InboxIngest) -> Sequence[str]:
    lines = [
        (taken.replaced, "earlier scan", "replaced by new content under the same path"),
        (taken.duplicates, "file", "with the same content as another one, not read again"),
        (taken.not_documents, "file", "ignored, because only PDF, TIFF, PNG and JPEG are read"),
        (taken.waiting, "file", "not complete yet; the next poll looks again"),
        (taken.unreadable, "file or folder", "unreadable; the next poll tries again"),
        (taken.archived, "file", "moved into the archive"),
    ]
    plurals = {"file or folder": "files or folders"}
    return [f"{counted(count, noun, plurals.get(noun, ''))} {rest}" for count, noun, rest in lines if count]
