"""``lenet models`` and its verbs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from lenet_pipeline.audit import plain_text
from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import (
    Format,
    FormatOption,
    OutputOption,
    console,
    print_records,
    print_rows,
    report_snapshot,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from lenet_pipeline.audit import ModelReport
    from lenet_pipeline.settings import Settings
    from lenet_pipeline.warehouse import PromotionRecord

models_app = typer.Typer(help="Model versions, aliases and promotions.")

_OF_VERSIONS = ["version", "aliases", "architecture", "test_accuracy", "registered_at"]


@command
def list_models(
    settings: Settings,
    context: typer.Context,  # noqa: ARG001 - read by the decorator
    output_format: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """List the versions with their aliases and test accuracy, then the promotions in order."""
    _print_versions(settings, output_format, output)


@models_app.command("list", epilog="Example: lenet models list --format json")
@command
def list_command(
    settings: Settings, output_format: FormatOption = Format.TABLE, output: OutputOption = None
) -> None:
    """List the versions with their aliases and test accuracy, then the promotions in order."""
    _print_versions(settings, output_format, output)


def _print_versions(settings: Settings, output_format: Format, output: Path | None) -> None:
    """Print what the warehouse records; MLflow, which takes seconds to load, is not asked."""
    from lenet_pipeline.warehouse import AsOf, run_audit

    as_of = AsOf()
    versions = run_audit(settings.warehouse, "model_versions", {}, as_of)
    if output_format is not Format.TABLE or output is not None:
        print_rows(versions, output_format, output)
        return
    if not len(versions):
        console.print("no model version yet; make one with `lenet train DATASET`")
        return
    print_rows(versions.select(_OF_VERSIONS), output_format)
    console.print()
    promotions = run_audit(settings.warehouse, "promotions", {}, as_of)
    report_snapshot(as_of)
    _print_promotions(promotions)


def _print_promotions(promotions: pa.Table) -> None:
    """Print a line for each event, in order."""
    console.print("[bold]Promotions[/]")
    for row in promotions.to_pylist():
        version = f"{row['model_name']}/{row['model_version']}"
        when, reason = plain_text(row["recorded_at"]), f"{row['actor']}: {row['reason']}"
        console.print(
            f"{when}  {row['action']:8}  {version:10}  {reason}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


@models_app.command("show", epilog="Example: lenet models show digits@champion")
@command
def show_command(
    settings: Settings,
    version: Annotated[str, typer.Argument(help="digits@champion, digits/3, champion or 3")],
    output_format: FormatOption = Format.TABLE,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for its figures (default: plots/digits-3 in the home)"),
    ] = None,
) -> None:
    """Show what a version is, how it was trained and what it reads, and write its figures."""
    from lenet_pipeline.audit import copy_figures, report_version, version_record

    report = report_version(settings, version)
    folder = output or settings.plots / report.version.reference.replace("/", "-")
    copied = copy_figures(report, folder)
    if output_format is Format.TABLE:
        print_version(report, copied)
    else:
        print_records([version_record(report, copied)], output_format)


@models_app.command("promote", epilog='Example: lenet models promote 3 --reason "checked by hand"')
@command
def promote_command(
    settings: Settings,
    version: Annotated[str, typer.Argument(help="The version to make champion: digits/3 or 3")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit trail")],
) -> None:
    """Make a version champion by hand."""
    from lenet_pipeline.audit import promote_by_hand, publish_chain_head

    _print_move(promote_by_hand(settings, version, reason))
    publish_chain_head(settings)


@models_app.command("rollback", epilog="Example: lenet models rollback")
@command
def rollback_command(
    settings: Settings,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit trail")] = "rolled back by hand",
) -> None:
    """Make the champion before the present one champion again."""
    from lenet_pipeline.audit import open_ledger, publish_chain_head, roll_back

    _print_move(roll_back(open_ledger(settings), settings.registry, reason))
    publish_chain_head(settings)


def print_version(report: ModelReport, figures: Sequence[Path]) -> None:
    """Print what a version is, its test sets, its training and its promotions, in 80 columns."""
    version = report.version
    console.print(f"[bold]{version.reference}[/]  {', '.join(version.aliases)}")
    _print_facts(
        {
            "architecture": version.architecture,
            "recipe": f"{version.recipe}, effort {version.effort}",
            "learned from": version.trained_on,
            "registered": f"{plain_text(version.registered_at)} UTC by {version.actor}",
            "MLflow run": version.training_run_id,
            "code": version.code_revision,
            "training set": version.training_fingerprint,
            "weights": report.weights_sha256,
            "temperature": plain_text(report.temperature),
        }
    )
    console.print("\n[bold]Test sets[/]")
    print_records(report.tests, Format.TABLE)
    console.print("\n[bold]Training[/]")
    _print_facts(report.parameters)
    console.print()
    _print_promotions(report.promotions)
    console.print()
    if figures:
        text = f"{len(figures)} figures written to {figures[0].parent}"
    else:
        text = "no figures: its training run has none, or was deleted from MLflow"
    console.print(text, soft_wrap=True, highlight=False, markup=False)


def _print_facts(facts: Mapping[str, str]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, escape(value or "-"))
    console.print(table)


def _print_move(record: PromotionRecord) -> None:
    former = f", was version {record.former_version}" if record.former_version else ""
    console.print(
        f"champion is now {record.model_name}/{record.model_version}{former}: {record.reason}", markup=False
    )
