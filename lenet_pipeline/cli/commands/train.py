"""``lenet train``: train, register and promote a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lenet_pipeline.audit import counted
from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.output import Format, FormatOption, print_line, print_records
from lenet_pipeline.cli.running import run_job

LARGEST_SEED = 2**63 - 1  # the maximum of torch's generators

if TYPE_CHECKING:
    from lenet_pipeline.jobs import RetrainingReport
    from lenet_pipeline.settings import Settings
    from lenet_pipeline.warehouse import PromotionRecord


@command
def train_command(
    settings: Settings,
    datasets: Annotated[
        list[str], typer.Argument(metavar="DATASET...", help="Datasets to train on, as NAME/SPLIT")
    ],
    tests: Annotated[
        list[str] | None,
        typer.Option("--test", metavar="DATASET", help="Dataset to test on at the end; repeatable"),
    ] = None,
    architecture: Annotated[
        str, typer.Option(help="Architecture, as listed by `lenet architectures`")
    ] = "lenet5",
    recipe: Annotated[
        str, typer.Option(help="modern, modern-views, paper, paper-distorted, keras-adam or keras-sgd")
    ] = "modern",
    effort: Annotated[str, typer.Option(help="quick, or best: more accurate, but takes minutes")] = "quick",
    all_digits: Annotated[
        bool, typer.Option("--all-digits", help="Train on the validation and gate digits too")
    ] = False,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Number of passes over the digits (default: the recipe's)")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of weights, order and distortions")
    ] = 0,
    device: Annotated[str, typer.Option(help="Device to run on: auto, cpu or cuda")] = "auto",
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Train a model and promote it if it beats the champion.

    The model is registered as challenger. It becomes champion if it is significantly better on the
    gate digits.
    """
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
    """Return a report as one record of plain values."""
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
    """Print the result of a training and the decision of the gate."""
    decision = report.decision
    effort = " (best effort)" if report.effort == "best" else ""
    print_line(
        f": {report.architecture}, recipe {report.recipe}{effort}, MLflow run {report.training_run_id[:8]}",
        lead=f"{decision.model_name}/{report.version}",
    )
    print_line(
        f"  trained on {report.training_digits:,} digits at {report.images_per_second:,.0f} a second; "
        f"epoch {report.best_epoch} of {report.epochs} was {'best' if report.validation_digits else 'kept'}"
    )
    if report.validation_accuracy is not None:
        print_line(
            f"  {report.validation_accuracy:.2%} of {report.validation_digits:,} validation digits right"
        )
    else:
        print_line("  no validation, because it was trained on every digit; temperature 1")
    for test in report.tests:
        print_line(f"  {test.accuracy:.2%} of {test.dataset} right ({test.correct:,} of {test.digits:,})")
    _print_gate(decision)
    lead, style = ("promoted", "green") if decision.action == "promote" else ("not promoted", "yellow")
    print_line(f": {decision.reason}", lead=f"  {lead}", lead_style=style, is_wrapped=True)


def _print_gate(decision: PromotionRecord) -> None:
    gate = decision.gate
    if gate is None:
        return
    print_line(
        f"  gate: champion (version {decision.former_version}) right on {gate.champion_right:,} "
        f"of {gate.gate_digits:,} digits, challenger on {gate.challenger_right:,}"
    )
    print_line(
        f"  only the champion is right on {gate.champion_only_right}, only the challenger on "
        f"{gate.challenger_only_right}: p = {gate.p_value:.3g}"
    )
    print_line(
        f"  smallest detectable difference: {counted(gate.smallest_difference, 'digit')} "
        f"({gate.smallest_difference / gate.gate_digits:.2%})"
    )
