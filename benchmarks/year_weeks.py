"""Measure each week of a simulated year, and draw the plot."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.year_forms import Place
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import run_select

WINDOW = 4  # weeks

_READINGS = """
select
    regexp_extract(pages.source, '[^/]+$') as file,
    pages.page,
    fields.field,
    cells.position,
    current_decisions.label,
    current_decisions.model_version,
    current_decisions.threshold,
    held_runs.scoring_run_id is not null as is_held,
    current_decisions.decision = 'accept' or current_decisions.decision = 'review' and not is_held
        and coalesce(current_decisions.confidence >= current_decisions.threshold, false) as is_accepted,
    coalesce(final_values.decision = 'accept', false) as is_silent
from current_decisions
inner join cells using (digit_id)
inner join fields using (field_id)
inner join pages on fields.page_id = pages.page_id
left join final_values using (field_id)
left join held_runs on current_decisions.scoring_run_id = held_runs.scoring_run_id
where current_decisions.dataset = '{dataset}'
order by all
"""
_DRIFT = """
select count(distinct scoring_run_id) as runs
from drift inner join scoring_runs using (scoring_run_id)
where is_drifted and scoring_runs.dataset = '{dataset}'
"""
_RETRAINING = """
select schedule_decisions.decision, schedule_decisions.reason, schedule_decisions.model_version,
    promotions.action, promotions.reason as outcome
from schedule_decisions
left join promotions
    on schedule_decisions.model_version = promotions.model_version
    and promotions.alias = 'champion' and promotions.action in ('promote', 'refuse')
where schedule_decisions.considered_at = timestamptz '{time}'
"""


@dataclass
class Week:
    """What happened in a week.

    Attributes:
        week: its number, from 1.
        digits: digits that were written.
        found: digits that were read.
        right: digits that were read correctly.
        model: number of the model version that read them.
        threshold: lowest confidence that its policy accepts; None if it accepts nothing.
        accepted: digits that the policy accepts, including the random sample for people.
        accepted_wrong: accepted digits that were misread.
        silent: digits whose value was final without a person.
        silent_wrong: such digits that were misread.
        fields: fields that people answered.
        slips: digits that the reviewer misread.
        is_drifted: whether a drift alarm was raised.
        is_held: whether all readings waited for a person because of it.
        retraining: ``train``, ``skip`` or an empty text.
        outcome: ``promote``, ``refuse`` or an empty text.
        reason: why the schedule and the gate decided as they did.
        seconds: duration of the week's simulation.
    """

    week: int
    digits: int
    found: int = 0
    right: int = 0
    model: int = 0
    threshold: float | None = None
    accepted: int = 0
    accepted_wrong: int = 0
    silent: int = 0
    silent_wrong: int = 0
    fields: int = 0
    slips: int = 0
    is_drifted: bool = False
    is_held: bool = False
    retraining: str = ""
    outcome: str = ""
    reason: str = ""
    seconds: float = 0.0

    @property
    def review_share(self) -> float:
        """The share of the digits that people read, 0 to 1."""
        return 1 - self.silent / self.digits

    def describe(self) -> str:
        """Describe the week in one line."""
        retraining = f"{self.retraining} {self.outcome}".strip() or "-"
        return (
            f"week {self.week:2}: {self.right / max(1, self.found):6.1%} right, "
            f"{self.accepted_wrong:2} of {self.accepted:3} accepted wrong, "
            f"{self.silent_wrong:2} of {self.silent:3} silent wrong, {self.review_share:4.0%} to people, "
            f"version {self.model}, {'drift, ' * self.is_drifted}{'held, ' * self.is_held}{retraining}: "
            f"{self.reason} ({self.seconds:.0f} s)"
        )


def measure_readings(settings: Settings, week: Week, dataset: str, truth: Mapping[Place, int]) -> None:
    """Compare the readings of a week with the truth, before people answer."""
    for row in run_select(settings.warehouse, _READINGS.format(dataset=dataset)).to_pylist():
        is_right = truth[row["file"], row["page"], row["field"], row["position"]] == row["label"]
        week.found += 1
        week.is_held = row["is_held"]
        week.right += is_right
        week.model, week.threshold = row["model_version"], row["threshold"]
        week.accepted += row["is_accepted"]
        week.accepted_wrong += row["is_accepted"] and not is_right
        week.silent += row["is_silent"]
        week.silent_wrong += row["is_silent"] and not is_right
    drift = run_select(settings.warehouse, _DRIFT.format(dataset=dataset))
    week.is_drifted = bool(drift["runs"][0].as_py())


def measure_retraining(settings: Settings, week: Week, night: datetime) -> None:
    """Record what the schedule and the gate decided in a week's night."""
    rows = run_select(settings.warehouse, _RETRAINING.format(time=night.isoformat())).to_pylist()
    for row in rows:
        week.retraining, week.outcome = row["decision"], row["action"] or ""
        week.reason = "; ".join(filter(None, [row["reason"], row["outcome"]]))


def write_weeks(weeks: Sequence[Week], folder: Path) -> None:
    """Write the weeks as ``weeks.csv`` and ``weeks.json``."""
    with (folder / "weeks.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, [each.name for each in fields(Week)])
        table.writeheader()
        table.writerows(asdict(week) for week in weeks)
    (folder / "weeks.json").write_text(json.dumps([asdict(week) for week in weeks], indent=1), "utf-8")


def windows(weeks: Sequence[Week]) -> list[Sequence[Week]]:
    """Return every window of four weeks."""
    return [weeks[start : start + WINDOW] for start in range(len(weeks) - WINDOW + 1)]


def draw_year(weeks: Sequence[Week], change: int, max_error: float, path: Path) -> None:
    """Draw accuracy, the share for people and the retrainings of each week."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 8), layout="constrained")
    accuracy, errors, share = figure.subplots(3, 1, sharex=True)
    numbers = [week.week for week in weeks]
    accuracy.plot(numbers, [100 * week.right / max(1, week.found) for week in weeks], label="all digits")
    accuracy.plot(
        numbers,
        [100 * (1 - week.accepted_wrong / week.accepted) if week.accepted else None for week in weeks],
        label="accepted digits",
    )
    accuracy.set_ylabel("read correctly, %")
    accuracy.legend(loc="lower right")
    _draw_errors(errors, weeks, max_error)
    share.plot(numbers, [100 * week.review_share for week in weeks], color="tab:blue")
    held = [week.week for week in weeks if week.is_held]
    share.plot(held, [96] * len(held), "|", color="tab:orange", label="held because of drift")
    share.set_ylabel("sent to people, %")
    share.set_ylim(0, 105)
    for kind, marker, colour, label in (
        ("skip", ".", "tab:grey", "retraining skipped"),
        ("refuse", "x", "tab:red", "retrained, refused"),
        ("promote", "^", "tab:green", "retrained, promoted"),
    ):
        chosen = [week for week in weeks if (week.outcome or week.retraining) == kind]
        share.plot([week.week for week in chosen], [100] * len(chosen), marker, color=colour, label=label)
    share.legend(loc="center left", ncols=2)
    share.set_xlabel("week")
    for axes in (accuracy, errors, share):
        axes.axvline(change - 0.5, color="black", linestyle=":", linewidth=1)
        axes.grid(alpha=0.3)
    accuracy.set_title(f"A year of scans; the hands change in week {change}")
    figure.savefig(path, dpi=110)


def _draw_errors(axes: Any, weeks: Sequence[Week], max_error: float) -> None:
    ends = [window[-1].week for window in windows(weeks)]
    for label, wrong, total in (
        ("accepted by the policy", "accepted_wrong", "accepted"),
        ("final without a person", "silent_wrong", "silent"),
    ):
        rates = [
            100
            * sum(getattr(week, wrong) for week in window)
            / max(1, sum(getattr(week, total) for week in window))
            for window in windows(weeks)
        ]
        axes.plot(ends, rates, label=label)
    axes.axhline(100 * max_error, color="tab:red", linestyle="--", label="limit of the policy")
    axes.set_ylabel("misread in four weeks, %")
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower left")
