"""``lenet schedule``: declare and show when the pipeline retrains."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lenet_pipeline.audit import plain_text
from lenet_pipeline.cli.command import command
from lenet_pipeline.cli.commands.train import LARGEST_SEED
from lenet_pipeline.cli.output import Format, FormatOption, print_line, print_records

if TYPE_CHECKING:
    from lenet_pipeline.settings import Settings
    from lenet_pipeline.warehouse import ScheduleRecord

schedule_app = typer.Typer(help="Declare and show when the pipeline retrains.")

_NO_SCHEDULE = "no retraining schedule; declare one with `lenet schedule retrain DATASET`"


# Also what `lenet schedule` does without a verb; see app.py.
@schedule_app.command("show", epilog="Example: lenet schedule show --format json")
@command
def show_schedule(
    settings: Settings,
    context: typer.Context,  # noqa: ARG001 - read by the decorator
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Show the retraining schedule and its last decisions."""
    from lenet_pipeline.warehouse import find_schedule, run_audit

    schedule = find_schedule(settings.warehouse)
    if output_format is not Format.TABLE:
        print_records([] if schedule is None else [vars(schedule)], output_format)
        return
    if schedule is None:
        print_line(_NO_SCHEDULE)
        return
    print_schedule(schedule)
    decisions = run_audit(settings.warehouse, "schedule_decisions", {"limit": "5"}).to_pylist()
    if decisions:
        print_line("", lead="Last decisions")
    for row in decisions:
        version = f" {row['model_version']}" if row["model_version"] else ""
        outcome = f", {row['outcome']}" if row["outcome"] else ""
        when = plain_text(row["considered_at"])
        print_line(f"{when}  {row['decision']}{version}: {row['reason']}{outcome}", is_wrapped=True)


@schedule_app.command(
    "retrain",
    epilog="Example: lenet schedule retrain mnist/train --test mnist/test --cron '0 3 * * 0' "
    "--min-new-labels 200 --max-error 0.01",
)
@command
def retrain_command(
    settings: Settings,
    datasets: Annotated[
        list[str] | None,
        typer.Argument(metavar="DATASET...", help="Datasets to learn from, as NAME/SPLIT"),
    ] = None,
    more_datasets: Annotated[
        list[str] | None,
        typer.Option("--datasets", metavar="DATASET", help="Dataset to learn from; repeatable"),
    ] = None,
    tests: Annotated[
        list[str] | None,
        typer.Option(
            "--test", "--tests", metavar="DATASET", help="Dataset to report on after training; repeatable"
        ),
    ] = None,
    architecture: Annotated[
        str, typer.Option(help="Architecture, as listed by `lenet architectures`")
    ] = "lenet5",
    recipe: Annotated[
        str, typer.Option(help="modern, modern-views, paper, paper-distorted, keras-adam or keras-sgd")
    ] = "modern",
    effort: Annotated[str, typer.Option(help="quick, or best: more accurate, but takes minutes")] = "quick",
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Number of passes over the digits (default: the recipe's)")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of weights, order and distortions")
    ] = 0,
    with_reviewed: Annotated[
        bool,
        typer.Option(
            "--reviewed/--no-reviewed", help="Also learn from reviewed/all, the digits that people reviewed"
        ),
    ] = True,
    cron: Annotated[
        str | None,
        typer.Option(help="When training is considered, as a cron line in UTC (default: every night)"),
    ] = None,
    min_new_labels: Annotated[
        int | None, typer.Option(min=1, help="Number of newly labelled digits that starts a training")
    ] = None,
    on_drift: Annotated[bool, typer.Option("--on-drift", help="Train if a run drifted")] = False,
    if_drift: Annotated[
        Literal["hold", "accept"],
        typer.Option(help="If a run drifts: hold its readings for review, or accept them by the policy"),
    ] = "hold",
    max_error: Annotated[
        float | None,
        typer.Option(
            min=0.000001,
            max=0.999999,
            help="Target for the error rate of accepted digits (default: that of the policy in force)",
        ),
    ] = None,
    certainty: Annotated[
        float, typer.Option(min=0.5, max=0.999999, help="Probability that the target holds, 0 to 1")
    ] = 0.95,
    review_rate: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of accepted readings sampled for review, 0 to 1")
    ] = 0.01,
    evidence: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DATASET",
            help="Labelled digits that policies rest on, in addition to the gate digits; repeatable",
        ),
    ] = None,
    field_evidence: Annotated[
        str | None,
        typer.Option(metavar="DATASET", help="Forms with known truth that policies for fields rest on"),
    ] = None,
    if_target_missed: Annotated[
        Literal["wait", "promote"],
        typer.Option(help="What to do with a better version whose policy misses its target"),
    ] = "wait",
    afterwards: Annotated[
        Literal["keep", "decide", "score"],
        typer.Option(
            help="After a promotion: keep earlier documents as they are, decide on them again, or score "
            "them again"
        ),
    ] = "keep",
    score_since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="With --afterwards score: documents since this day"),
    ] = None,
) -> None:
    """Declare what to learn from, when, and what follows a promotion.

    By default, training starts at every scheduled time. With --min-new-labels or --on-drift, it starts only
    if one of them holds. Training is skipped if the data, the recipe and the code are unchanged.
    """
    from lenet_pipeline.audit import REVIEWED
    from lenet_pipeline.jobs import RetrainingSchedule, declare_schedule

    named = dict.fromkeys([*(more_datasets or ()), *(datasets or ()), *([REVIEWED] if with_reviewed else ())])
    if not named.keys() - {REVIEWED}:
        raise typer.BadParameter("name at least one dataset to learn from, such as mnist/train")
    if score_since is not None and afterwards != "score":
        raise typer.BadParameter("--score-since needs --afterwards score")
    schedule = RetrainingSchedule(
        tuple(named),
        tuple(tests or ()),
        architecture,
        recipe,
        effort,
        epochs,
        seed,
        cron,
        min_new_labels,
        on_drift,
        if_drift,
        max_error,
        certainty,
        review_rate,
        tuple(evidence or ()),
        field_evidence,
        if_target_missed,
        afterwards,
        score_since.date() if score_since else None,
    )
    print_schedule(declare_schedule(settings, schedule))


@schedule_app.command("remove", epilog="Example: lenet schedule remove")
@command
def remove_command(settings: Settings) -> None:
    """Remove the retraining schedule. Its past decisions stay stored."""
    from lenet_pipeline.jobs import remove_schedule

    print_line("retraining schedule removed" if remove_schedule(settings) else _NO_SCHEDULE)


def print_schedule(schedule: ScheduleRecord) -> None:
    """Print a retraining schedule, one property per line."""
    from lenet_pipeline.jobs import next_time

    when = "every night" if schedule.cron is None else f"cron {schedule.cron} (UTC)"
    if schedule.cron is not None:
        when += f", next {next_time(schedule.cron, datetime.now(UTC)):%Y-%m-%d %H:%M}"
    triggers = [
        f"{schedule.min_new_labels:,} new labels" if schedule.min_new_labels else "",
        "drift" if schedule.on_drift else "",
    ]
    target = "that of the policies in force"
    if schedule.max_error is not None:
        target = f"at most {100 * schedule.max_error:.4g}% wrong, certainty {100 * schedule.certainty:.4g}%"
    since = f" since {schedule.score_since}" if schedule.score_since else ""
    rows = {
        "learns from": ", ".join(schedule.datasets),
        "reports on": ", ".join(schedule.tests) or "no test set",
        "model": f"{schedule.architecture}, recipe {schedule.recipe}, {schedule.effort} effort, "
        f"seed {schedule.seed}",
        "considered": when,
        "trains when": " or ".join(filter(None, triggers)) or "every scheduled time",
        "skipped if": "data, recipe and code are unchanged",
        "policy target": target,
        "if a run drifts": "its readings wait for a person"
        if schedule.if_drift == "hold"
        else "the policy still decides",
        "evidence": ", ".join(["gate digits", *schedule.evidence]),
        "target missed": {"wait": "keep the champion", "promote": "promote anyway"}[
            schedule.if_target_missed
        ],
        "then": {
            "keep": "earlier documents stay as they are",
            "decide": "decide on earlier documents again",
            "score": f"score earlier documents{since} again",
        }[schedule.afterwards],
    }
    print_line("", lead="Retraining schedule")
    for name, value in rows.items():
        print_line(f"  {name:15} {value}", is_wrapped=True)
