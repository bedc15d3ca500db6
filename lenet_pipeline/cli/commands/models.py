"""``lenet models``: list, show, adopt, promote and roll back model versions."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from lenet_pipeline.audit import counted, plain_text
from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import (
    Format,
    FormatOption,
    OutputOption,
    console,
    print_line,
    print_records,
    print_rows,
    report_snapshot,
)
from lenet_pipeline.errors import RegistryError

if TYPE_CHECKING:
    import pyarrow as pa

    from lenet_pipeline.audit import Adoption, ModelReport
    from lenet_pipeline.settings import Settings
    from lenet_pipeline.warehouse import PolicyRecord, PromotionRecord

models_app = typer.Typer(help="List, show and promote model versions.")

_NO_VERSIONS = (
    "no model versions yet; use the packaged one with `lenet models adopt`, or train one\n"
    "with `lenet train DATASET`"
)
_SHOWN = ["version", "aliases", "architecture", "test_accuracy", "registered_at"]


# Also what `lenet models` does without a verb; see app.py.
@models_app.command("list", epilog="Example: lenet models list --format json")
@command
def list_models(
    settings: Settings,
    context: typer.Context,  # noqa: ARG001 - read by the decorator
    output_format: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """List the model versions, then the promotions in order."""
    # From the warehouse, because MLflow takes seconds to load.
    from lenet_pipeline.warehouse import AsOf, run_audit

    is_table = output_format is Format.TABLE and output is None
    if is_table and not settings.warehouse.path.exists():
        print_line(_NO_VERSIONS)
        return
    as_of = AsOf()
    versions = run_audit(settings.warehouse, "model_versions", {}, as_of)
    if not is_table:
        print_rows(versions, output_format, output)
        return
    if not len(versions):
        print_line(_NO_VERSIONS)
        return
    print_rows(versions.select(_SHOWN), output_format)
    console.print()
    promotions = run_audit(settings.warehouse, "promotions", {}, as_of)
    report_snapshot(as_of)
    _print_promotions(promotions)


def _print_promotions(promotions: pa.Table) -> None:
    """Print one line per event, in order."""
    print_line("", lead="Promotions")
    for row in promotions.to_pylist():
        version = f"{row['model_name']}/{row['model_version']}"
        when, reason = plain_text(row["recorded_at"]), f"{row['actor']}: {row['reason']}"
        print_line(f"{when}  {row['action']:8}  {version:10}  {reason}")


@models_app.command("show", epilog="Example: lenet models show champion")
@command
def show_command(
    settings: Settings,
    version: Annotated[str, typer.Argument(help="Model version: champion, challenger, or a number")],
    output_format: FormatOption = Format.TABLE,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder for the figures (default: plots/NAME-VERSION in the home)"
        ),
    ] = None,
) -> None:
    """Show the results of a version and write its figures."""
    from lenet_pipeline.audit import copy_figures, report_version, version_record

    report = report_version(settings, version)
    folder = output or settings.plots / report.version.reference.replace("/", "-")
    copied = copy_figures(report, folder)
    if output_format is Format.TABLE:
        print_version(report, copied)
    else:
        print_records([version_record(report, copied)], output_format)


@models_app.command("adopt", epilog="Example: lenet models adopt")
@command
def adopt_command(settings: Settings, output_format: FormatOption = Format.TABLE) -> None:
    """Register the packaged model as a version.

    It becomes champion if the home has none. `lenet score` does the same in a home without any version. The
    packaged model is registered once; later releases may ship another one.
    """
    from lenet_pipeline.audit import adopt_packaged_model, publish_chain_head
    from lenet_pipeline.warehouse import refresh_snapshot

    adoption = adopt_packaged_model(settings)
    if output_format is Format.TABLE:
        print_adoption(adoption)
    else:
        print_records([_adoption_record(adoption)], output_format)
    publish_chain_head(settings)
    refresh_snapshot(settings.warehouse)


def print_adoption(adoption: Adoption) -> None:
    """Print which version the packaged model is now, and which one is champion."""
    version, champion = adoption.version, adoption.champion
    if adoption.is_new:
        print_line(f": the packaged model, {version.architecture}, is registered", lead=version.reference)
    else:
        print_line(": the packaged model was adopted before", lead=version.reference)
    if adoption.record is not None:
        _print_move(adoption.record)
        _print_policies(adoption.policies, adoption.missed_targets)
    elif champion is None:
        print_line(f"  no champion; choose one, for example with `lenet models promote {version.version}`")
    elif champion.version != version.version:
        print_line(f"  the champion stays {champion.reference}")


def _adoption_record(adoption: Adoption) -> dict[str, object]:
    return {
        "model_version": adoption.version.reference,
        "is_new": adoption.is_new,
        "is_promoted": adoption.record is not None,
        "champion": adoption.champion.reference if adoption.champion else None,
    }


@models_app.command("promote", epilog='Example: lenet models promote 3 --reason "checked by hand"')
@command
def promote_command(
    settings: Settings,
    version: Annotated[str, typer.Argument(help="Version to promote: digits/3 or 3")],
    reason: Annotated[str, typer.Option("--reason", help="Reason, for the audit trail")],
    is_confirmed: Annotated[
        bool, typer.Option("--yes", help="Do not ask before promoting a version that the gate refused")
    ] = False,
) -> None:
    """Make a version the champion.

    It gets policies with the target of the retraining schedule, or else with those of the former champion.
    """
    from lenet_pipeline.audit import find_refusal, promote_by_hand, publish_chain_head
    from lenet_pipeline.warehouse import refresh_snapshot

    refusal = find_refusal(settings, version)
    if refusal is not None and not is_confirmed:
        _confirm_refused(refusal)
    promotion = promote_by_hand(settings, version, reason)
    _print_move(promotion.record)
    _print_policies(promotion.policies, promotion.missed_targets)
    publish_chain_head(settings)
    refresh_snapshot(settings.warehouse)


def _confirm_refused(refusal: PromotionRecord) -> None:
    """Ask before a version that the gate refused becomes champion.

    Raises:
        RegistryError: standard input is not a terminal.
    """
    reference = f"{refusal.model_name}/{refusal.model_version}"
    found = f"the gate refused {reference}: {refusal.reason}"
    if not sys.stdin.isatty():
        raise RegistryError(f"{found}. Nothing was changed; use --yes to promote it anyway")
    print_line(found, style="yellow", is_wrapped=True)
    typer.confirm(f"Promote {reference} anyway?", abort=True)


@models_app.command("rollback", epilog="Example: lenet models rollback")
@command
def rollback_command(
    settings: Settings,
    reason: Annotated[
        str, typer.Option("--reason", help="Reason, for the audit trail")
    ] = "rolled back by hand",
) -> None:
    """Make the previous champion the champion again, with the policies that it had."""
    from lenet_pipeline.audit import open_ledger, publish_chain_head, roll_back
    from lenet_pipeline.warehouse import list_policies_of, refresh_snapshot

    record = roll_back(open_ledger(settings), settings.registry, reason).record
    _print_move(record)
    policies = list_policies_of(settings.warehouse, record.model_name, record.model_version)
    _print_policies(policies)
    if not policies:
        print_line("  no policy, so every digit needs review; set one with `lenet policy set`")
    publish_chain_head(settings)
    refresh_snapshot(settings.warehouse)


def print_version(report: ModelReport, figures: Sequence[Path]) -> None:
    """Print a version's origin, test results, training and promotions, in 80 columns."""
    version = report.version
    print_line(f"  {', '.join(version.aliases)}", lead=version.reference)
    _print_facts(
        {
            "architecture": version.architecture,
            "recipe": f"{version.recipe}, effort {version.effort}",
            "source": "packaged with the release" if version.is_packaged else "trained here",
            "trained on": version.trained_on,
            "registered": f"{plain_text(version.registered_at)} UTC by {version.actor}",
            "MLflow run": version.training_run_id,
            "code": version.code_revision,
            "training set": version.training_fingerprint,
            "weights": report.weights_sha256,
            "temperature": plain_text(report.temperature),
        }
    )
    print_line("", lead="\nTest sets")
    print_records(report.tests, Format.TABLE)
    print_line("", lead="\nTraining")
    _print_facts(report.parameters)
    console.print()
    _print_promotions(report.promotions)
    console.print()
    if figures:
        text = f"{counted(len(figures), 'figure')} written to {figures[0].parent}"
    else:
        text = "no figures: the training run has none, or was deleted from MLflow"
    print_line(text)


def _print_facts(facts: Mapping[str, str]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, escape(value or "-"))
    console.print(table)


def _print_policies(policies: Sequence[PolicyRecord], missed_targets: Sequence[str] = ()) -> None:
    from lenet_pipeline.audit import describe_policy

    for policy in policies:
        print_line(f"  policy for {describe_policy(policy)}", is_wrapped=True)
    for problem in missed_targets:
        print_line(f"  {problem}", style="yellow", is_wrapped=True)


def _print_move(record: PromotionRecord) -> None:
    former = f" (was {record.model_name}/{record.former_version})" if record.former_version else ""
    print_line(f"champion is now {record.model_name}/{record.model_version}{former}: {record.reason}")
