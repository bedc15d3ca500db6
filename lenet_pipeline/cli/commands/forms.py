"""``lenet forms``: draft and show templates, fill forms with known values, evaluate readings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.audit import counted
from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.commands.form_accuracy import print_evaluation
from lenet_pipeline.cli.output import Format, FormatOption, OutputOption, print_line, print_rows
from lenet_pipeline.cli.progress import TerminalObserver
from lenet_pipeline.errors import IngestError

if TYPE_CHECKING:
    from lenet_pipeline.forms import Template
    from lenet_pipeline.jobs import BlankReport
    from lenet_pipeline.settings import Settings

forms_app = typer.Typer(no_args_is_help=True, help="Draft, show, fill and evaluate forms.")

TemplateArgument = Annotated[Path, typer.Argument(help="YAML file of the form")]
ReferencesOption = Annotated[
    Path | None,
    typer.Option("--references", help="Folder with the blank forms (default: next to the template)"),
]
PageOption = Annotated[int, typer.Option("--page", min=1, help="Page number in the document")]
DpiOption = Annotated[
    float | None, typer.Option("--dpi", min=50, help="Pixels per inch (default: read from the file)")
]
PaperOption = Annotated[
    str | None,
    typer.Option(
        "--paper", help="Paper size: A4, letter, 'A5 landscape', 210x297 (default: read from the file)"
    ),
]
_MOST_PLACES = 20  # of writing on a blank form


@forms_app.command("draft", epilog="Example: lenet forms draft blank.pdf --output invoice.yaml")
@command
def draft_command(
    settings: Settings,
    blank: Annotated[
        list[Path],
        typer.Argument(
            metavar="BLANK...", help="Blank form (PDF, TIFF, PNG or JPEG), or several filled copies of it"
        ),
    ],
    page: Annotated[
        str, typer.Option("--page", help="Page number in the document, or the paper size, like --paper")
    ] = "1",
    form: Annotated[str | None, typer.Option(help="Name of the form (default: the file name)")] = None,
    dpi: DpiOption = None,
    paper: PaperOption = None,
    filled: Annotated[
        bool, typer.Option("--filled", help="Draft from a filled-in form, if there is no blank one")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write instead of the terminal")
    ] = None,
) -> None:
    """Draft a template from the boxes on a blank form.

    Save it next to the blank form, name the fields, delete the false ones, and check it with
    `lenet forms show`. From several filled copies, the blank form is built first and saved next to the
    template.
    """
    from lenet_pipeline.jobs import BlankJob, DraftingJob, build_blank_form, draft_form

    number = int(page) if page.isascii() and page.isdigit() else 1
    paper = paper if page.isdigit() else page  # a template has page: A4, so --page A4 is to be expected
    if output is not None and output.exists():
        raise IngestError(f"{output} already exists and may contain edits; choose another file")
    if len(blank) == 1 and not blank[0].is_dir():
        job = DraftingJob(blank[0], form or blank[0].stem, max(number, 1), dpi, filled, paper)
    elif output is None:
        raise IngestError("several scans need --output: the blank form built from them is saved next to it")
    else:
        path = output.with_name(f"{output.stem}-blank.png")
        only = number if number > 1 else None
        print_blank(
            build_blank_form(settings, BlankJob(tuple(blank), path, only, dpi, paper), TerminalObserver())
        )
        job = DraftingJob(path, form or output.stem, built=True)
    drafted = draft_form(settings, job)
    for warning in drafted.warnings:
        TerminalObserver().warn(warning)
    if output is None:
        typer.echo(drafted.draft.text, nl=False)
        return
    from lenet_pipeline.system import written_whole

    with written_whole(output) as temporary:
        temporary.write_text(drafted.draft.text, encoding="utf-8")
    draft = drafted.draft
    print_line(
        f"{counted(len(draft.fields), 'field')} written to {output}, with "
        f"{counted(len(draft.suggestions), 'more box', 'more boxes')} in comments"
    )
    print_line(f"  the page is {drafted.paper.describe()}")
    if drafted.paper.source == "guess":
        print_line("  if that is wrong, delete the draft and draft again with --paper A4 or --dpi 300")


@forms_app.command("blank", epilog="Example: lenet forms blank scans/ --output blank.png")
@command
def blank_command(
    settings: Settings,
    scans: Annotated[
        list[Path], typer.Argument(help="Filled copies of one form: files or folders", metavar="SCANS...")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="PNG file to write")],
    page: Annotated[
        int | None, typer.Option("--page", min=1, help="Page number in each document (default: all pages)")
    ] = None,
    dpi: DpiOption = None,
    paper: PaperOption = None,
) -> None:
    """Build the blank form from filled copies of it.

    Registers the scans with each other and keeps what they have in common: print stays, writing goes.
    Five copies suffice if people wrote different values. Pages of other forms are left out.
    """
    from lenet_pipeline.jobs import BlankJob, build_blank_form

    job = BlankJob(tuple(scans), output, page, dpi, paper)
    print_blank(build_blank_form(settings, job, TerminalObserver()))


def print_blank(report: BlankReport) -> None:
    """Print what a blank form was built from, and where writing may remain."""
    scans = counted(len(report.used), "scan")
    total = len(report.used) + len(report.left_out)
    print_line(f"{report.path} built from {scans} of {total}; its page is {report.paper.describe()}")
    if report.paper.source == "guess":
        print_line("  if that is wrong, delete it and build it again with --paper A4 or --dpi 300")
    if report.remnants:
        places = ", ".join(f"{x:.0f}/{y:.0f}" for x, y in report.remnants[:_MOST_PLACES])
        more = len(report.remnants) - _MOST_PLACES
        places += f" and {more} more" if more > 0 else ""
        print_line(
            f"  writing may remain at {places} mm from the left/from the top, where too many scans have ink "
            "at the same place; add scans with other values, or erase it in the picture"
        )


@forms_app.command("show", epilog="Example: lenet forms show invoice.yaml scan.pdf --page 2")
@command
def show_command(
    settings: Settings,
    template: TemplateArgument,
    scan: Annotated[
        Path | None, typer.Argument(help="Scan to read (default: the blank form, unread)")
    ] = None,
    page: PageOption = 1,
    references: ReferencesOption = None,
    model: Annotated[str, typer.Option(help="Model version that reads the scan")] = "champion",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="PNG file to write (default: in plots/ in the home)"),
    ] = None,
) -> None:
    """Draw the fields, cells and readings on a page.

    On a rejected page, draws arrows from where the form's print should be to where it is.
    """
    from lenet_pipeline.forms import read_template
    from lenet_pipeline.jobs import DrawingJob, RejectedPageError, draw_form, save_picture

    read = read_template(template, references)
    name = f"{scan.stem}-{page}" if scan else f"{template.stem}-template"
    path = output or settings.plots / f"{name}.png"
    if path.exists() and any(path.samefile(file) for file in _input_files(read, scan)):
        raise IngestError(f"{path} is an input of the picture; choose another file with --output")
    try:
        picture = draw_form(settings, DrawingJob(read, scan, page, model))
    except RejectedPageError as exc:
        save_picture(exc.picture, path)
        raise IngestError(f"{exc}; {path} shows where its print is") from exc
    save_picture(picture, path)
    print_line(str(path))


def _input_files(template: Template, scan: Path | None) -> list[Path]:
    """Return the input files of a picture."""
    reference = [template.reference.path] if template.reference else []
    return [*reference, *([scan] if scan else [])]


@forms_app.command("schema", epilog="Example: lenet forms schema > template.schema.json")
@command
def schema_command(settings: Settings) -> None:  # noqa: ARG001 - every command takes settings
    """Print the JSON Schema of templates, for editors."""
    import json

    from lenet_pipeline.forms import template_schema

    typer.echo(json.dumps(template_schema(), indent=2))


@forms_app.command(
    "fill", epilog="Example: lenet forms fill invoice.yaml --digits mnist/test --pages 500 --output filled/"
)
@command
def fill_command(
    settings: Settings,
    template: TemplateArgument,
    digits: Annotated[
        str, typer.Option("--digits", metavar="DATASET", help="Labelled dataset whose digits fill the cells")
    ],
    pages: Annotated[int, typer.Option(min=1, help="Number of pages")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Seed of values, digits and distortions")] = 0,
    severity: Annotated[
        str, typer.Option(help="Scan quality: none, light, medium, heavy, phone or folded")
    ] = "medium",
    commas: Annotated[
        float, typer.Option(min=0, max=1, help="Share of values with an unexpected decimal comma, 0 to 1")
    ] = 0,
    minuses: Annotated[
        float, typer.Option(min=0, max=1, help="Share of boxes with an unexpected minus, 0 to 1")
    ] = 0,
    strikes: Annotated[
        float, typer.Option(min=0, max=1, help="Share of values with a digit struck through, 0 to 1")
    ] = 0,
    dashes: Annotated[
        float, typer.Option(min=0, max=1, help="Share of unused cells with an unexpected dash, 0 to 1")
    ] = 0,
    references: ReferencesOption = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the scans and truth.csv")] = Path(
        "filled"
    ),
) -> None:
    """Fill a form with known values and scan it.

    Draws digits into the cells and marks boxes and bubbles, then adds skew, blur and noise.
    Writes truth.csv for `lenet forms evaluate`. Unexpected ink is never part of the true
    value; the separators and signs that the template declares are.
    """
    from lenet_pipeline.errors import UnknownNameError
    from lenet_pipeline.forms import SEVERITIES, Habits, read_template
    from lenet_pipeline.jobs import FillingJob, fill_forms

    if severity not in SEVERITIES:
        raise UnknownNameError("severity", severity, SEVERITIES)
    read = read_template(template, references)
    habits = Habits(comma_rate=commas, minus_rate=minuses, strike_rate=strikes, dash_rate=dashes)
    job = FillingJob(read, digits, pages, seed, SEVERITIES[severity], output, habits)
    truth = fill_forms(settings, job, TerminalObserver())
    print_line(f"{counted(pages, 'page')} of {read.form} written to {output}")
    print_line(f"  true values: {truth}")


@forms_app.command("evaluate", epilog="Example: lenet forms evaluate inbox/all --truth filled/truth.csv")
@command
def evaluate_command(
    settings: Settings,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Scored dataset of forms")],
    truth: Annotated[
        Path, typer.Option("--truth", help="CSV file with the columns source, page, field and value")
    ],
    at_least: Annotated[
        float, typer.Option(min=0, max=1, help="Lowest confidence of a field that needs no review, 0 to 1")
    ] = 0.9,
    output_format: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Compare the latest run of a dataset with the true values."""
    from lenet_pipeline.jobs import evaluate_forms

    outcome = evaluate_forms(settings, dataset, truth, at_least)
    if output_format is Format.TABLE and output is None:
        print_evaluation(outcome)
    else:
        print_rows(outcome.accuracy, output_format, output)
