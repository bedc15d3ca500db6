"""The people, the scans and the home of a simulated year."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import cv2
import numpy as np

from benchmarks.year_forms import DIGITS_PER_PAGE, Place, scan_files, write_form, write_tile
from lenet_pipeline.forms import read_template
from lenet_pipeline.ingest import WrittenDigit, read_trajectories
from lenet_pipeline.jobs import (
    IngestJob,
    RetrainingSchedule,
    TrainingJob,
    declare_schedule,
    ingest,
    retrain,
)
from lenet_pipeline.settings import Settings

FIRST_HANDS = ("aga", "apa", "apb", "app", "imp", "syn")
LATER_HANDS = ("art", "ced", "gmd", "uqb", "val")  # crossed sevens, ones with long flags, slashed zeros
_MAX_BYTES = 10_000_000  # of a file of UNIPEN
INBOX = "cards"
INITIAL, EVIDENCE = "initial/train", "evidence/all"

# The year is in the future, because a schedule is never due before the time at which it was declared.
_FIRST_MONDAY = date(2030, 1, 7)
_POLL_AT, _NIGHT_AT = time(8, tzinfo=UTC), time(4, tzinfo=UTC)


@dataclass(frozen=True)
class YearPlan:
    """The size of a simulation.

    Attributes:
        weeks: number of weeks.
        change: the first week with other hands.
        pages: number of cards in a week.
        initial: number of digits by the first hands that the first champion learns from.
        evidence: number of labelled digits by the first hands that policies rest on, in addition to the gate.
        epochs: number of epochs of each training.
        max_error: target for the error rate of accepted digits.
        certainty: probability of the target.
        review_rate: share of the accepted digits that people review.
        min_new_labels: number of new labels that starts a training.
        on_drift: whether a drift alarm starts a training.
        seed: of the order of the writers, the digits and the scans.
    """

    weeks: int = 52
    change: int = 20
    pages: int = 6
    initial: int = 4200
    evidence: int = 2500
    epochs: int = 12
    max_error: float = 0.02
    certainty: float = 0.95
    review_rate: float = 0.02
    min_new_labels: int = 250
    on_drift: bool = True
    seed: int = 0

    @property
    def digits(self) -> int:
        """The number of digits in a week."""
        return self.pages * DIGITS_PER_PAGE

    def dataset(self, week: int) -> str:
        """Return the dataset of a week, numbered from 1."""
        return f"{INBOX}/{self._monday(week):%Y-%m-%d}"

    def poll_time(self, week: int) -> datetime:
        """Return the time of a week's poll, on Monday."""
        return datetime.combine(self._monday(week), _POLL_AT)

    def night_time(self, week: int) -> datetime:
        """Return the time of a week's night, on Sunday."""
        return datetime.combine(self._monday(week) + timedelta(days=6), _NIGHT_AT)

    def _monday(self, week: int) -> date:
        return _FIRST_MONDAY + timedelta(weeks=week - 1)


@dataclass(frozen=True)
class Hands:
    """The digits of the initial training, of the evidence, and of the weeks."""

    initial: Sequence[WrittenDigit]
    evidence: Sequence[WrittenDigit]
    first: Sequence[WrittenDigit]
    later: Sequence[WrittenDigit]


def share_out(unipen: Path, plan: YearPlan) -> Hands:
    """Share out the writers: those of the initial digits, the evidence and the weeks are different people."""
    by_writer: dict[str, list[WrittenDigit]] = {}
    digits, _ = read_trajectories(unipen, max_bytes=_MAX_BYTES)
    for digit in digits:
        if digit.contributor not in FIRST_HANDS:
            continue
        by_writer.setdefault(digit.writer, []).append(digit)
    parts: list[list[WrittenDigit]] = [[], [], []]
    for writer in np.random.default_rng(plan.seed).permutation(sorted(by_writer)):
        part = 0 if len(parts[0]) < plan.initial else 1 if len(parts[1]) < plan.evidence else 2
        parts[part] += by_writer[writer]
    later = [digit for digit in digits if digit.contributor in LATER_HANDS]
    return Hands(parts[0], parts[1], _shuffle(parts[2], plan.seed), _shuffle(later, plan.seed))


def _shuffle(digits: Sequence[WrittenDigit], seed: int) -> list[WrittenDigit]:
    """Return digits in a random order that depends only on the seed."""
    return [digits[index] for index in np.random.default_rng(seed).permutation(len(digits))]


class Scanner:
    """Writes the scans of each week into the inbox, and remembers what is written in every cell."""

    def __init__(self, hands: Hands, plan: YearPlan, folder: Path) -> None:
        self._hands, self._plan = hands, plan
        self.inbox, self.template = folder / "inbox", write_form(folder / "form")
        self.inbox.mkdir(exist_ok=True)
        self._form = read_template(self.template)
        self.truth: dict[Place, int] = {}

    def drop(self, week: int) -> int:
        """Write the scans of a week into the inbox, and return the number of files."""
        files = list(
            scan_files(self._form, self._digits_of(week), f"week-{week:02}", [self._plan.seed, week])
        )
        for file in files:
            self.truth |= file.truth
            (self.inbox / file.name).write_bytes(file.content)
        return len(files)

    def _digits_of(self, week: int) -> list[WrittenDigit]:
        """Return a week's digits. When all digits of its hands were written, they are written again."""
        plan = self._plan
        is_later = week >= plan.change
        digits = self._hands.later if is_later else self._hands.first
        start = (week - (plan.change if is_later else 1)) * plan.digits
        return [digits[number % len(digits)] for number in range(start, start + plan.digits)]


def build_home(settings: Settings, hands: Hands, plan: YearPlan, folder: Path) -> None:
    """Declare the schedule, train the first champion, and set its policy."""
    for dataset, digits in ((INITIAL, hands.initial), (EVIDENCE, hands.evidence)):
        table = _write_tiles(digits, folder / dataset.replace("/", "-"), plan.seed)
        ingest(settings, IngestJob("images", table, dataset))
    declare_schedule(
        settings,
        RetrainingSchedule(
            (INITIAL, "reviewed/all"),
            epochs=plan.epochs,
            cron="0 3 * * 0",
            min_new_labels=plan.min_new_labels,
            on_drift=plan.on_drift,
            if_drift="hold",
            max_error=plan.max_error,
            certainty=plan.certainty,
            review_rate=plan.review_rate,
            evidence=(EVIDENCE,),
        ),
    )
    retrain(settings, TrainingJob((INITIAL,), epochs=plan.epochs))


def _write_tiles(digits: Sequence[WrittenDigit], folder: Path, seed: int) -> Path:
    """Write each digit as a scanned cell, and return the CSV file with their labels."""
    folder.mkdir()
    rng = np.random.default_rng([seed, len(digits)])
    with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("path", "label"))
        for number, digit in enumerate(digits):
            name = f"{number:05}-{digit.writer.replace('/', '-')}.png"
            cv2.imwrite(str(folder / name), write_tile(digit, rng))
            table.writerow((name, digit.label))
    return folder / "labels.csv"
