"""``lenet train``, ``lenet architectures`` and ``lenet models``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.command import command
from flows.output import Format, FormatOption, OutputOption, console, print_records, print_rows
from lenet_pipeline.settings import Settings

if TYPE_CHECKING:
    from flows.retrain import RetrainingReport
    from lenet_pipeline.warehouse import PromotionRecord

models_app = typer.Typer(help="Model versions, aliases and promotions.")


@command
def train_command(
    settings: Settings,
    datasets: Annotated[list[str], typer.Argument(metavar="DATASET...", help="Datasets to learn from")],
    tests: Annotated[
        list[str] | None, typer.Option("--test", metavar="DATASET", help="Report on it, once, at the end")
    ] = None,
    architecture: Annotated[str, typer.Option(help="See `lenet architectures`")] = "lenet5",
    recipe: Annotated[str, typer.Option(help="modern, keras-adam or keras-sgd")] = "modern",
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the digits (default: the recipe's)")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of initial weights, order and distortions")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Train a model, register it as challenger, and promote it if it is better beyond noise."""
    from lenet_pipeline.lake import read_manifest

    for dataset in [*datasets, *(tests or [])]:
        read_manifest(settings.lake, dataset)  # a mistyped name is told before anything is started

    from flows.prefect_server import start_prefect_server
    from flows.retrain import retrain

    start_prefect_server(settings.home)
    report = retrain(
        datasets, tests, architecture, recipe, epochs, seed, device, settings.home, settings.actor
    )
    if output_format is Format.TABLE:
        print_report(report)
    else:
        print_records([training_record(report)], output_format)


@command
def list_architectures(settings: Settings, output_format: FormatOption = Format.TABLE) -> None:  # noqa: ARG001
    """List the architectures and their trainable parameters."""
    from lenet_pipeline.lenet5 import ARCHITECTURES, count_parameters

    records = [
        {"architecture": item.name, "parameters": count_parameters(item.build()), "what": item.summary}
        for item in ARCHITECTURES.values()
    ]
    print_records(records, output_format)


@command
def list_models(
    settings: Settings,
    context: typer.Context,
    output_format: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """List the versions, their aliases and test accuracy, then the promotions in order."""
    if context.invoked_subcommand:
        _refuse_options_before_the_verb(context)
        return
    from flows.models import open_registry
    from lenet_pipeline.registry import list_versions
    from lenet_pipeline.warehouse import run_audit

    versions = list_versions(open_registry(settings))
    if not versions and output_format is Format.TABLE:
        console.print("no model version yet; make one with `lenet train DATASET`")
        return
    records = [
        {
            "version": version.reference,
            "aliases": ", ".join(version.aliases),
            "architecture": version.architecture,
            "recipe": version.recipe,
            "test_accuracy": version.metrics.get("test_accuracy"),
            "registered_at": version.registered_at,
        }
        for version in versions
    ]
    print_records(records, output_format, output)
    if output_format is Format.TABLE and output is None:
        console.print()
        promotions = run_audit(settings.database, settings.database_wait_s, "promotions", {})
        shown = ["recorded_at", "action", "model_version", "champion_after", "actor", "reason"]
        print_rows(promotions.select(shown), output_format)


@models_app.command("promote", epilog='Example: lenet models promote 3 --reason "checked by hand"')
@command
def promote_command(
    settings: Settings,
    version: Annotated[int, typer.Argument(min=1, help="The version to make champion")],
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit trail")],
) -> None:
    """Make a version champion by hand."""
    from flows.models import promote_by_hand

    _print_move(promote_by_hand(settings, version, reason))


@models_app.command("rollback", epilog="Example: lenet models rollback")
@command
def rollback_command(
    settings: Settings,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the audit trail")] = "rolled back by hand",
) -> None:
    """Make the champion before the present one champion again."""
    from flows.models import open_ledger, open_registry
    from lenet_pipeline.promotion import roll_back

    _print_move(roll_back(open_ledger(settings), open_registry(settings), reason))


def _refuse_options_before_the_verb(context: typer.Context) -> None:
    """Refuse ``lenet models --home X promote``: the verb would act on another home than X."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(f"write --{name} after {context.invoked_subcommand}, not before it")


def training_record(report: RetrainingReport) -> dict[str, object]:
    """Flatten a report to one row of plain values."""
    gate = report.decision.gate
    return {
        "model_version": report.version,
        "architecture": report.architecture,
        "recipe": report.recipe,
        "training_run_id": report.training_run_id,
        "training_digits": report.training_digits,
        "validation_digits": report.validation_digits,
        "gate_digits": report.gate_digits,
        "epochs": report.epochs,
        "best_epoch": report.best_epoch,
        "images_per_second": report.images_per_second,
        "validation_accuracy": report.validation_accuracy,
        "tests": [
            {
                "dataset": test.dataset,
                "digits": test.digits,
                "correct": test.correct,
                "accuracy": test.accuracy,
            }
            for test in report.tests
        ],
        "decision": report.decision.action,
        "reason": report.decision.reason,
        "champion_only_right": gate.champion_only_right if gate else None,
        "challenger_only_right": gate.challenger_only_right if gate else None,
        "p_value": gate.p_value if gate else None,
        "smallest_difference": gate.smallest_difference if gate else None,
    }


def print_report(report: RetrainingReport) -> None:
    """Print what a training made and what the gate decided."""
    decision = report.decision
    console.print(
        f"[bold]{decision.model_name}/{report.version}[/]: {report.architecture}, recipe {report.recipe}, "
        f"MLflow run {report.training_run_id[:8]}"
    )
    console.print(
        f"  trained on {report.training_digits:,} digits at {report.images_per_second:,.0f} a second; "
        f"epoch {report.best_epoch} of {report.epochs} was best"
    )
    console.print(f"  validation {report.validation_accuracy:.2%} of {report.validation_digits:,} digits")
    for test in report.tests:
        console.print(f"  {test.dataset} {test.accuracy:.2%}: {test.correct:,} of {test.digits:,} digits")
    _print_gate(decision)
    outcome = "[green]promoted[/]" if decision.action == "promote" else "[yellow]not promoted[/]"
    console.print(f"  {outcome}: {decision.reason}")


def _print_gate(decision: PromotionRecord) -> None:
    gate = decision.gate
    if gate is None:
        return
    console.print(
        f"  gate: of {gate.gate_digits:,} digits the champion (version {decision.former_version}) reads "
        f"{gate.champion_right:,} and the challenger {gate.challenger_right:,}"
    )
    console.print(
        f"  only the champion is right on {gate.champion_only_right}, only the challenger on "
        f"{gate.challenger_only_right}: p = {gate.p_value:.3g}"
    )
    console.print(
        f"  the smallest difference this could have shown: {gate.smallest_difference} digits "
        f"({gate.smallest_difference / gate.gate_digits:.2%})"
    )


def _print_move(record: PromotionRecord) -> None:
    former = f", was version {record.former_version}" if record.former_version else ""
    console.print(
        f"champion is now {record.model_name}/{record.model_version}{former}: {record.reason}", markup=False
    )
