"""``lenet forms``: templates drafted and shown, scans with known truth made, readings evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.audit import counted
from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import Format, FormatOption, OutputOption, console, print_rows
from lenet_pipeline.cli.progress import TerminalObserver
from lenet_pipeline.errors import IngestError

if TYPE_CHECKING:
    from lenet_pipeline.forms import Template
    from lenet_pipeline.jobs import FormEvaluation
    from lenet_pipeline.settings import Settings

forms_app = typer.Typer(no_args_is_help=True, help="Templates of forms: draft, show, fill, evaluate.")

TemplateArgument = Annotated[Path, typer.Argument(help="YAML file of the form")]
ReferencesOption = Annotated[
    Path | None, typer.Option("--references", help="Folder of the blank forms, if not beside the template")
]
PageOption = Annotated[int, typer.Option("--page", min=1, help="Page of the document")]


@forms_app.command("draft", epilog="Example: lenet forms draft blank.pdf --output invoice.yaml")
@command
def draft_command(
    settings: Settings,
    blank: Annotated[Path, typer.Argument(help="Blank form: a PDF, TIFF, PNG or JPEG")],
    page: PageOption = 1,
    form: Annotated[str | None, typer.Option(help="Name of the form; the file's if not given")] = None,
    dpi: Annotated[
        float | None, typer.Option(min=50, help="Pixels an inch, if the file does not say")
    ] = None,
    filled: Annotated[
        bool, typer.Option("--filled", help="Something is written in the boxes: there is no blank form")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; the terminal if not given")
    ] = None,
) -> None:
    """Find boxes and rows of cells on a blank form, and write a template to edit.

    Put it beside the blank form, name the fields, delete what is none, and look at it with
    `lenet forms show`.
    """
    from lenet_pipeline.jobs import DraftingJob, draft_form

    if output is not None and output.exists():
        raise IngestError(f"{output} is there already and may be edited; name another file")
    draft = draft_form(settings, DraftingJob(blank, form or blank.stem, page, dpi, filled))
    if output is None:
        typer.echo(draft.text, nl=False)
        return
    from lenet_pipeline.system import written_whole

    with written_whole(output) as temporary:
        temporary.write_text(draft.text, encoding="utf-8")
    console.print(
        f"{output}: {counted(len(draft.fields), 'field')} found, "
        f"{counted(len(draft.suggestions), 'box', 'boxes')} suggested in comments",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )


@forms_app.command("show", epilog="Example: lenet forms show invoice.yaml scan.pdf --page 2")
@command
def show_command(
    settings: Settings,
    template: TemplateArgument,
    scan: Annotated[Path | None, typer.Argument(help="Scan to read; the blank form if not given")] = None,
    page: PageOption = 1,
    references: ReferencesOption = None,
    model: Annotated[str, typer.Option(help="Model version that reads")] = "digits@champion",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="PNG to write; in plots/ of the home if not given"),
    ] = None,
) -> None:
    """Draw every field, cell and reading on the registered page: how a person checks a template."""
    from lenet_pipeline.forms import read_template
    from lenet_pipeline.jobs import DrawingJob, draw_form, save_picture

    read = read_template(template, references)
    name = f"{scan.stem}-{page}" if scan else f"{template.stem}-template"
    path = output or settings.plots / f"{name}.png"
    if path.exists() and any(path.samefile(read_from) for read_from in _files_of(read, scan)):
        raise IngestError(f"{path} is what the picture is drawn from; name another file with --output")
    save_picture(draw_form(settings, DrawingJob(read, scan, page, model)), path)
    console.print(f"{path}", highlight=False, soft_wrap=True, markup=False)


def _files_of(template: Template, scan: Path | None) -> list[Path]:
    """Return the files that a picture is drawn from."""
    reference = [template.reference.path] if template.reference else []
    return [*reference, *([scan] if scan else [])]


@forms_app.command("schema", epilog="Example: lenet forms schema > template.schema.json")
@command
def schema_command(settings: Settings) -> None:  # noqa: ARG001 - every command takes them
    """Print the JSON Schema of templates, which editors complete and check YAML by."""
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
    digits: Annotated[str, typer.Option("--digits", metavar="DATASET", help="Labelled digits to write with")],
    pages: Annotated[int, typer.Option(min=1, help="How many")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other pages")] = 0,
    severity: Annotated[
        str, typer.Option(help="How bad the scans are: none, light, medium or heavy")
    ] = "medium",
    references: ReferencesOption = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the scans")] = Path("filled"),
) -> None:
    """Make scans with known truth: digits drawn into the cells, then skew, blur, noise and the like.

    The folder gets a truth.csv beside the scans, for `lenet forms evaluate`.
    """
    from lenet_pipeline.errors import UnknownNameError
    from lenet_pipeline.forms import SEVERITIES, read_template
    from lenet_pipeline.jobs import FillingJob, fill_forms

    if severity not in SEVERITIES:
        raise UnknownNameError("severity", severity, SEVERITIES)
    read = read_template(template, references)
    job = FillingJob(read, digits, pages, seed, SEVERITIES[severity], output)
    truth = fill_forms(settings, job, TerminalObserver())
    console.print(f"{counted(pages, 'page')} of {read.form} in {output}", highlight=False, soft_wrap=True)
    console.print(f"  what is written on them: {truth}", highlight=False, soft_wrap=True)


@forms_app.command("evaluate", epilog="Example: lenet forms evaluate inbox/all --truth filled/truth.csv")
@command
def evaluate_command(
    settings: Settings,
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Dataset of forms, scored")],
    truth: Annotated[Path, typer.Option("--truth", help="CSV of source, page, field and value")],
    at_least: Annotated[
        float, typer.Option(min=0, max=1, help="Confidence from which a field goes straight through")
    ] = 0.9,
    output_format: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Compare the latest run over a dataset with known values, overall and by field."""
    from lenet_pipeline.jobs import evaluate_forms

    outcome = evaluate_forms(settings, dataset, truth, at_least)
    if output_format is Format.TABLE and output is None:
        print_evaluation(outcome)
    else:
        print_rows(outcome.accuracy, output_format, output)


def print_evaluation(outcome: FormEvaluation) -> None:
    """Print how rightly fields were read, in all and by field."""
    overall, *by_field = outcome.accuracy.to_pylist()
    right, fields = overall["fields_right"], overall["fields"]
    console.print(
        f"fields {overall['field_accuracy_pct']:.2f} % ({right:,} of {fields:,}), "
        f"digits {overall['digit_accuracy_pct'] or 0:.2f} % "
        f"({overall['digits_right']:,} of {overall['digits']:,})",
        highlight=False,
    )
    console.print(
        f"straight through {overall['straight_through_pct']:.2f} % of fields, "
        f"{overall['straight_through_wrong']:,} of them wrong; "
        f"{counted(overall['wrong_corrections'], 'wrong correction')}",
        highlight=False,
    )
    if by_field:
        print_rows(outcome.accuracy.slice(1).select(_SHOWN), Format.TABLE)
    if outcome.unknown:
        first = outcome.unknown[0]
        console.print(
            f"{len(outcome.unknown):,} truths are of no field that was read, such as {first.field} on page "
            f"{first.page} of {first.source}",
            highlight=False,
        )
    if outcome.picture:
        console.print(
            f"{outcome.mistakes:,} mistakes drawn in {outcome.picture}",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )


_SHOWN = ["field", "fields", "field_accuracy_pct", "digit_accuracy_pct", "straight_through_pct"]
