"""``lenet ingest`` and ``lenet datasets``: add digits to the lake, and list its datasets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.audit import counted
from lenet_pipeline.cli.command import command, print_error
from lenet_pipeline.cli.output import Format, FormatOption, OutputOption, print_line, print_records
from lenet_pipeline.cli.running import run_job
from lenet_pipeline.errors import LakeError

if TYPE_CHECKING:
    from lenet_pipeline.jobs import Ingested, IngestedForms, Source
    from lenet_pipeline.lake import Manifest
    from lenet_pipeline.settings import Settings

ingest_app = typer.Typer(no_args_is_help=True, help="Add digits to the lake, skipping known ones.")

NameOption = Annotated[
    str | None,
    typer.Option(
        "--name", metavar="NAME/SPLIT", help="Dataset for all digits (default: named after the source)"
    ),
]


@ingest_app.command("optdigits", epilog="Example: lenet ingest optdigits")
@command
def ingest_optdigits(
    settings: Settings, name: NameOption = None, output_format: FormatOption = Format.TABLE
) -> None:
    """Ingest the 1,797 handwritten digits bundled with scikit-learn."""
    _run(settings, "optdigits", None, name, output_format)


@ingest_app.command("mnist", epilog="Example: lenet ingest mnist --root ~/data/mnist")
@command
def ingest_mnist(
    settings: Settings,
    root: Annotated[
        Path | None,
        typer.Option("--root", help="Folder with the four IDX files, gzipped or not (default: download)"),
    ] = None,
    name: NameOption = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Ingest MNIST, downloaded or from a folder.

    The content of the four files is verified by its checksums, so other sets with the same file names are
    refused. See lenet ingest idx for those.
    """
    _run(settings, "mnist", root, name, output_format)


@ingest_app.command(
    "idx",
    epilog="Example: lenet ingest idx emnist/images-idx3-ubyte.gz --labels emnist/labels-idx1-ubyte.gz "
    "--name emnist/train",
)
@command
def ingest_idx(
    settings: Settings,
    images: Annotated[Path, typer.Argument(help="IDX file of 28x28 images, gzipped or not")],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME/SPLIT", help="Dataset, whose name is not mnist")
    ],
    labels: Annotated[
        Path | None, typer.Option("--labels", help="IDX file of their labels (default: no labels)")
    ] = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Ingest digits from IDX files of a set other than MNIST.

    The images are taken as they are: upright, bright ink on a dark background. The files have no known
    checksums.
    """
    from lenet_pipeline import jobs

    job = jobs.IngestJob("idx", images, name, labels)
    _print(run_job(jobs.ingest, settings, job), output_format)


@ingest_app.command("images", epilog="Example: lenet ingest images scans/ --name inbox/2026-11")
@command
def ingest_images(
    settings: Settings,
    path: Annotated[
        Path, typer.Argument(help="Image, folder tree, or CSV file with the columns path,label[,writer]")
    ],
    name: NameOption = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Ingest images of one digit each.

    Reads PNG, JPEG, TIFF and BMP, with dark ink on bright paper or the reverse. A parent folder named
    0 to 9 is the label, and the output says so. Unreadable images are recorded as rejects. Known images
    get the label that they come with now.
    """
    _run(settings, "images", path, name, output_format)


@ingest_app.command("printed", epilog="Example: lenet ingest printed --degradation heavy --seed 1")
@command
def ingest_printed(
    settings: Settings,
    fonts: Annotated[
        Path | None,
        typer.Option("--fonts", help="Folder of TTF, OTF, WOFF and WOFF2 fonts (default: the bundled fonts)"),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Name of the datasets NAME/train and NAME/test")
    ] = "printed",
    degradation: Annotated[
        str, typer.Option("--degradation", help="Scan quality loss: none, light, medium or heavy")
    ] = "medium",
    per_font: Annotated[int, typer.Option("--per-font", min=1, help="Number of digits per font")] = 2000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the drawing and the degradation")] = 0,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Draw machine-printed digits, degraded like scans.

    The default fonts are bundled with matplotlib and Pillow. NAME/train and NAME/test share no font
    family. Unreadable fonts are recorded as rejects.
    """
    from lenet_pipeline import jobs

    job = jobs.PrintingJob(fonts, name, degradation, per_font, seed)
    _print(run_job(jobs.ingest_printed, settings, job), output_format)


@ingest_app.command("unipen", epilog="Example: lenet ingest unipen --root ~/data/unipen")
@command
def ingest_unipen(
    settings: Settings,
    root: Annotated[
        Path, typer.Option("--root", help="Folder of UNIPEN's public release, with data and include")
    ],
    name: Annotated[
        str, typer.Option("--name", metavar="NAME", help="Name of the datasets NAME/train and NAME/test")
    ] = "unipen",
    drawings: Annotated[
        int, typer.Option("--drawings", min=1, max=20, help="Number of drawings of each training digit")
    ] = 4,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the pens, sizes and scans")] = 0,
    varied: Annotated[
        bool,
        typer.Option(
            "--varied/--as-written", help="Vary the shapes of half of the training drawings, or of none"
        ),
    ] = True,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Draw handwritten digits from recorded pen movements.

    Reads the isolated digits of UNIPEN and draws each with several pens, as a scanner sees them. NAME/train
    and NAME/test share no writer. Half of the training drawings vary the shape, as other hands would. Test
    digits are drawn once, as they were written. Unreadable files and digits whose strokes are incomplete
    are recorded as rejects.
    """
    from lenet_pipeline import jobs

    job = jobs.UnipenJob(root, name, drawings, seed, varied)
    _print(run_job(jobs.ingest_unipen, settings, job), output_format)


@ingest_app.command(
    "forms", epilog="Example: lenet ingest forms scans/ --template invoice.yaml --name inbox/2026-11"
)
@command
def ingest_forms(
    settings: Settings,
    path: Annotated[Path, typer.Argument(help="PDF, TIFF, PNG or JPEG file, folder tree, or list of paths")],
    templates: Annotated[
        list[Path], typer.Option("--template", help="YAML file of a form; repeat it for each expected form")
    ],
    name: NameOption = None,
    references: Annotated[
        Path | None,
        typer.Option("--references", help="Folder with the blank forms (default: next to the templates)"),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Number of processes that read pages (default: one per core)")
    ] = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Ingest scanned forms, cell by cell.

    Each page is matched to a template. Pages may be rotated, shuffled and mixed. Unreadable pages
    are recorded with a reason. Pages are never read twice; rerun the command to resume. A file with new
    content replaces the earlier scan of the same name.
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
    """List the datasets in the lake."""
    from lenet_pipeline.lake import list_datasets, read_manifest

    records = []
    for dataset in list_datasets(settings.lake):
        try:
            records.append(_describe(read_manifest(settings.lake, dataset)))
        except LakeError as exc:
            print_error(str(exc))
    if not records and output_format is Format.TABLE:
        print_line("no datasets yet; create one with `lenet ingest optdigits`")
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
    """Print what was added to each dataset."""
    for item in outcome:
        labelled = f" ({item.labelled:,} labelled)" if item.added else ""
        parts = [f"{counted(item.added, 'digit')} added{labelled}"]
        if item.relabelled:
            parts.append(f"{counted(item.relabelled, 'label')} updated")
        if item.skipped:
            parts.append(f"{item.skipped:,} already there")
        if item.rejects:
            parts.append(f"{item.rejects:,} rejected (see `lenet audit rejects`)")
        if item.unrecognised:
            parts.append(_describe_ignored(item.unrecognised, "images"))
        print_line(f": {', '.join(parts)}; {item.rows:,} in total", lead=item.dataset)
        if item.label_origin:
            print_line(f"  {item.label_origin}")


def _describe_ignored(count: int, expected: str) -> str:
    return f"{counted(count, 'file')} ignored (only {expected} are read)"


def print_ingested_forms(outcome: IngestedForms) -> None:
    """Print how many pages were read, and how many were not and why."""
    counts = [
        (outcome.read, "read"),
        (outcome.known, "already read"),
        (outcome.unmatched, "without a matching template"),
        (outcome.blank, "blank"),
        (outcome.duplicates, "duplicate"),
        (outcome.rejected, "rejected"),
    ]
    pages = ", ".join(f"{count:,} {what}" for count, what in counts if count) or "none"
    found = f"{counted(outcome.documents, 'document')}, {counted(outcome.pages, 'page')}"
    print_line(f": {found}: {pages}", lead=outcome.dataset)
    print_line(f"  {counted(outcome.added, 'digit')} added; {outcome.digits:,} in total")
    if outcome.further_sheets:
        noun = "form shares its scan" if outcome.further_sheets == 1 else "forms share their scan"
        print_line(f"  {outcome.further_sheets:,} further {noun} with another; each is a page of its own")
    if outcome.replaced:
        verb = "replaces an earlier scan" if outcome.replaced == 1 else "replace earlier scans"
        print_line(f"  {counted(outcome.replaced, 'document')} {verb} of the same name")
    if outcome.unrecognised:
        such_as = ":" if outcome.unrecognised == 1 else ", such as"
        ignored = _describe_ignored(outcome.unrecognised, "documents")
        print_line(f"  {ignored}{such_as} {outcome.first_unrecognised}")
    if outcome.unmatched or outcome.blank or outcome.duplicates:
        print_line("  see `lenet audit pages_not_read` for the pages that were not read")
    if outcome.rejected:
        print_line("  see `lenet audit rejects` for the rejected pages and the reasons")


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
