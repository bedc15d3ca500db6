"""``lenet train``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.audit import counted
from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import Format, FormatOption, console, print_records
from lenet_pipeline.cli.running import run_job

LARGEST_SEED = 2**63 - 1  # torch's generators take no larger one

if TYPE_CHECKING:
    from lenet_pipeline.jobs import RetrainingReport
    from lenet_pipeline.settings import Settings
    from lenet_pipeline.warehouse import PromotionRecord


@command
def train_command(
    settings: Settings,
    datasets: Annotated[list[str], typer.Argument(metavar="DATASET...", help="Datasets to learn from")],
    tests: Annotated[
        list[str] | None, typer.Option("--test", metavar="DATASET", help="Report on it, once, at the end")
    ] = None,
    architecture: Annotated[str, typer.Option(help="See `lenet architectures`")] = "lenet5",
    recipe: Annotated[
        str, typer.Option(help="modern, paper, paper-distorted, keras-adam or keras-sgd")
    ] = "modern",
    effort: Annotated[str, typer.Option(help="quick, or best: the highest accuracy, in minutes")] = "quick",
    all_digits: Annotated[
        bool, typer.Option("--all-digits", help="Learn from validation and gate digits too")
    ] = False,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the digits (default: the recipe's)")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_SEED, help="Of initial weights, order and distortions")
    ] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Train a model, register it as challenger, and promote it if it is better beyond noise."""
    from lenet_pipeline import jobs

    job = jobs.TrainingJob(
        tuple(datasets), tuple(tests or ()), architecture, recipe, effort, all_digits, epochs, seed, device
    )
    report = run_job(jobs.retrain, settings, job)
    if output_format is Format.TABLE:
        print_report(report)
    else:
        print_records([training_record(report)], output_format)


def training_record(report: RetrainingReport) -> dict[str, object]:
    """Flatten a report to one row of plain values."""
    gate = report.decision.gate
    return {
        "model_version": report.version,
        "architecture": report.architecture,
        "recipe": report.recipe,
        "effort": report.effort,
        "trained_on": report.trained_on,
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
        f"[bold]{decision.model_name}/{report.version}[/]: {report.architecture}, recipe {report.recipe}"
        f"{' (best effort)' if report.effort == 'best' else ''}, "
        f"MLflow run {report.training_run_id[:8]}"
    )
    console.print(
        f"  trained on {report.training_digits:,} digits at {report.images_per_second:,.0f} a second; "
        f"epoch {report.best_epoch} of {report.epochs} was {'best' if report.validation_digits else 'kept'}"
    )
    if report.validation_accuracy is not None:
        console.print(f"  validation {report.validation_accuracy:.2%} of {report.validation_digits:,} digits")
    else:
        console.print("  learned from every digit: none validates it, its temperature is 1")
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
        f"  gate: of {gate.gate_digits:,} digits champion (version {decision.former_version}) reads "
        f"{gate.champion_right:,}, challenger {gate.challenger_right:,}"
    )
    console.print(
        f"  only the champion is right on {gate.champion_only_right}, only the challenger on "
        f"{gate.challenger_only_right}: p = {gate.p_value:.3g}"
    )
    console.print(
        f"  the smallest difference this could have shown: {counted(gate.smallest_difference, 'digit')} "
        f"({gate.smallest_difference / gate.gate_digits:.2%})"
    )
