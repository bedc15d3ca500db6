"""``lenet ingest`` and ``lenet datasets``: digits into the lake, and what is there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.audit import counted
from lenet_pipeline.cli.command import command, say
from lenet_pipeline.cli.output import Format, FormatOption, OutputOption, console, print_records
from lenet_pipeline.cli.running import run_job
from lenet_pipeline.errors import LakeError

if TYPE_CHECKING:
    from lenet_pipeline.jobs import Ingested, IngestedForms, Source
    from lenet_pipeline.lake import Manifest
    from lenet_pipeline.settings import Settings

ingest_app = typer.Typer(
    no_args_is_help=True, help="Put digits into the lake; what is there already is skipped."
)

NameOption = Annotated[
    str | None, typer.Option("--name", metavar="NAME/SPLIT", help="Dataset that takes all the digits")
]


@ingest_app.command("optdigits", epilog="Example: lenet ingest optdigits")
@command
def ingest_optdigits(
    settings: Settings, name: NameOption = None, output_format: FormatOption = Format.TABLE
) -> None:
    """The 1,797 UCI handwritten digits that ship inside scikit-learn: no network needed."""
    _run(settings, "optdigits", None, name, output_format)


@ingest_app.command("mnist", epilog="Example: lenet ingest mnist --root ~/data/mnist")
@command
def ingest_mnist(
    settings: Settings,
    root: Annotated[
        Path | None, typer.Option("--root", help="Folder that has the four IDX files, gzipped or not")
    ] = None,
    name: NameOption = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """The 70,000 handwritten digits of MNIST, downloaded with their checksums or read from a folder."""
    _run(settings, "mnist", root, name, output_format)


@ingest_app.command("images", epilog="Example: lenet ingest images scans/ --name inbox/2026-11")
@command
def ingest_images(
    settings: Settings,
    path: Annotated[Path, typer.Argument(help="Folder tree, CSV of path,label, or one image")],
    name: NameOption = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Images of one digit each: PNG, JPEG, TIFF or BMP, ink darker or brighter than the paper.

    A parent folder named 0 to 9 is the label. An image that cannot be read is recorded as a reject
    and the rest goes on.
    """
    _run(settings, "images", path, name, output_format)


@ingest_app.command("printed", epilog="Example: lenet ingest printed --degradation heavy --seed 1")
@command
def ingest_printed(
    settings: Settings,
    fonts: Annotated[
        Path | None, typer.Option("--fonts", help="Folder of .ttf and .otf files, instead of those installed")
    ] = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Datasets NAME/train and NAME/test")
    ] = "printed",
    degradation: Annotated[
        str, typer.Option("--degradation", help="How bad the scan is: none, light, medium or heavy")
    ] = "medium",
    per_font: Annotated[int, typer.Option("--per-font", min=1, help="Digits of each font")] = 2000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed gives other digits")] = 0,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Machine-printed digits: the fonts that matplotlib and Pillow ship, or a folder's, as if scanned.

    No family of fonts is in both NAME/train and NAME/test. A font that cannot be read is recorded
    as a reject and the rest goes on.
    """
    from lenet_pipeline import jobs

    job = jobs.PrintingJob(fonts, name, degradation, per_font, seed)
    _print(run_job(jobs.ingest_printed, settings, job), output_format)


@ingest_app.command(
    "forms", epilog="Example: lenet ingest forms scans/ --template invoice.yaml --name inbox/2026-11"
)
@command
def ingest_forms(
    settings: Settings,
    path: Annotated[Path, typer.Argument(help="PDF, TIFF, PNG or JPEG, a folder tree, or a list of paths")],
    templates: Annotated[
        list[Path], typer.Option("--template", help="YAML file of a form; again for each form expected")
    ],
    name: NameOption = None,
    references: Annotated[
        Path | None,
        typer.Option("--references", help="Folder of the blank forms, if not beside the templates"),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes that read pages; one a core if not given")
    ] = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Scanned forms: every page is read with the template it fits, cell by cell, once.

    Pages may be turned, shuffled and of several forms. One that cannot be read is recorded with its
    reason and the rest goes on; cut off, the same command goes on where it stopped.
    """
    from lenet_pipeline import jobs

    job = jobs.FormIngestJob(path, tuple(templates), name, references, processes)
    outcome = run_job(jobs.ingest_forms, settings, job)
    if output_format is Format.TABLE:
        print_ingested_forms(outcome)
    else:
        print_records([vars(outcome)], output_format)


@command
def list_datasets_command(
    settings: Settings, output_format: FormatOption = Format.TABLE, output: OutputOption = None
) -> None:
    """List the datasets of the lake."""
    from lenet_pipeline.lake import list_datasets, read_manifest

    records = []
    for dataset in list_datasets(settings.lake):
        try:
            records.append(_describe(read_manifest(settings.lake, dataset)))
        except LakeError as exc:
            say(str(exc))
    if not records and output_format is Format.TABLE:
        console.print("no dataset yet; make one with `lenet ingest optdigits`")
        return
    print_records(records, output_format, output)


def _describe(manifest: Manifest) -> dict[str, object]:
    return {
        "dataset": manifest.dataset,
        "digits": manifest.rows,
        "shards": len(manifest.shards),
        "megabytes": round(sum(shard.size_bytes for shard in manifest.shards) / 1e6, 1),
        "fingerprint": manifest.fingerprint[:12],
        "created_at": datetime.fromisoformat(manifest.created_at),
        "actor": manifest.actor,
    }


def print_ingested(outcome: Sequence[Ingested]) -> None:
    """Print what an ingest did to each dataset."""
    for item in outcome:
        parts = [f"{counted(item.added, 'digit')} added"]
        if item.skipped:
            parts.append(f"{item.skipped:,} {'was' if item.skipped == 1 else 'were'} there already")
        if item.rejects:
            parts.append(f"{item.rejects:,} rejected (`lenet audit rejects`)")
        if item.unrecognised:
            parts.append(_others(item.unrecognised, "image"))
        console.print(f"[bold]{item.dataset}[/]: {', '.join(parts)}; {item.rows:,} in all", highlight=False)


def _others(count: int, what: str) -> str:
    return f"1 other file is no {what}" if count == 1 else f"{count:,} other files are no {what}s"


def print_ingested_forms(outcome: IngestedForms) -> None:
    """Print what became of every page."""
    counts = [
        (outcome.read, "read"),
        (outcome.known, "read before"),
        (outcome.unmatched, "of no form"),
        (outcome.blank, "blank"),
        (outcome.duplicates, "twice the same"),
        (outcome.rejected, "rejected"),
    ]
    pages = ", ".join(f"{count:,} {what}" for count, what in counts if count) or "none"
    console.print(
        f"[bold]{outcome.dataset}[/]: {counted(outcome.documents, 'document')}, "
        f"{counted(outcome.pages, 'page')}: {pages}",
        highlight=False,
    )
    console.print(f"  {counted(outcome.added, 'digit')} added; {outcome.digits:,} in all", highlight=False)
    if outcome.unrecognised:
        console.print(f"  {_others(outcome.unrecognised, 'document')}", highlight=False)
    if outcome.unmatched or outcome.blank or outcome.duplicates:
        console.print("  pages that were not read: `lenet audit pages_not_read`", highlight=False)
    if outcome.rejected:
        console.print("  what was rejected, and why: `lenet audit rejects`", highlight=False)


def _run(
    settings: Settings, source: Source, path: Path | None, name: str | None, output_format: Format
) -> None:
    from lenet_pipeline import jobs

    job = jobs.IngestJob(source, path, name)
    _print(run_job(jobs.ingest, settings, job), output_format)


def _print(outcome: Sequence[Ingested], output_format: Format) -> None:
    if output_format is Format.TABLE:
        print_ingested(outcome)
    else:
        print_records([vars(item) for item in outcome], output_format)
