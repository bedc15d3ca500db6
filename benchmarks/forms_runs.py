"""Boxes without dividers: runs of digits with none touching, some touching, and all touching."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.forms_model import Reader, share_pct
from benchmarks.forms_pages import FillJob, ReadPage, read_filled_pages, split_pages
from benchmarks.forms_sheets import runs_form
from lenet_pipeline.forms.filling.habits import Habits
from lenet_pipeline.forms.filling.scanning import Severity

PAGES = 60  # for each rate of touching: as many runs of each length, by both templates
LENGTHS = tuple(range(2, 11))
RATES = (0.0, 0.2, 1.0)
TOLD = {"range": "2 to 10", "known": "its number"}


@dataclass(frozen=True)
class Run:
    """One run: ``touching`` tells of each digit whether it is; ``alone`` counts those read rightly alone."""

    told: str
    truth: str
    read: str
    touching: tuple[bool, ...]
    alone: int

    @property
    def right(self) -> int:
        """Count the digits that need not be changed, added or left out."""
        return max(len(self.truth) - edit_distance(self.truth, self.read), 0)


@dataclass
class RunCounts:
    """Runs of digits and how they were read.

    ``counted`` runs have the right number of digits and ``whole`` ones are right from end to end. ``near``
    digits touch a neighbour; they, and those of them that are right, are counted where the number is right.
    """

    runs: int = 0
    counted: int = 0
    whole: int = 0
    digits: int = 0
    right: int = 0
    alone: int = 0
    near: int = 0
    near_right: int = 0

    def add(self, run: Run) -> None:
        """Count one run."""
        is_counted = len(run.truth) == len(run.read)
        self.runs += 1
        self.counted += is_counted
        self.whole += run.truth == run.read
        self.digits += len(run.truth)
        self.right += run.right
        self.alone += run.alone
        if is_counted:
            self.near += sum(run.touching)
            self.near_right += sum(
                near and true == read
                for near, true, read in zip(run.touching, run.truth, run.read, strict=True)
            )


Figures = dict[tuple[float, str, int], RunCounts]  # by rate of touching, what is told, and length


def edit_distance(one: str, other: str) -> int:
    """Count the digits to change, add and leave out that make one string the other."""
    costs = list(range(len(other) + 1))
    for row, mine in enumerate(one, start=1):
        above, costs[0] = costs[0], row
        for column, theirs in enumerate(other, start=1):
            cost = min(costs[column] + 1, costs[column - 1] + 1, above + (mine != theirs))
            above, costs[column] = costs[column], cost
    return costs[-1]


def measure_runs(
    reader: Reader, pages: int, seed: int, processes: int, severity: Severity
) -> tuple[Figures, int]:
    """Fill and read boxes of every length; return their figures and how many pages were not read."""
    figures = {(rate, told, length): RunCounts() for rate in RATES for told in TOLD for length in LENGTHS}
    rejected = 0
    with tempfile.TemporaryDirectory() as scratch:
        job = FillJob((runs_form(Path(scratch), LENGTHS),), reader.digits, seed)
        # Pages of their own for every rate: the same numbers would write the same digits again.
        parts = [
            (rate, part)
            for number, rate in enumerate(RATES)
            for part in split_pages(0, severity, pages, _habits(rate), start=number * pages)
        ]
        done = read_filled_pages(job, [part for _, part in parts], processes)
        for (rate, _), (_, read) in zip(parts, done, strict=True):
            for page in read:
                rejected += bool(page.fault)
                for run in read_runs(page, reader):
                    figures[rate, run.told, len(run.truth)].add(run)
    return figures, rejected


def _habits(rate: float) -> Habits:
    return Habits(blank_rate=0.0, touching_rate=rate)


def read_runs(page: ReadPage, reader: Reader) -> Iterator[Run]:
    """Yield the runs of a page, if it was read."""
    if page.fault:
        return
    values = dict.fromkeys(page.truth, "")
    for reading, chances in zip(page.readings, reader.read(page.readings), strict=True):
        if reading.state == "digit":
            values[reading.field] += str(int(np.argmax(chances)))
    for name, truth in page.truth.items():
        cells = [cell for cell in page.written if cell.field == name and cell.image is not None]
        alone = sum(bool(reader.is_right[cell.image]) for cell in cells)
        touching = tuple(cell.touches for cell in cells)
        yield Run(name.partition("_")[0], truth, values[name], touching, alone)


def sum_runs(counts: Sequence[RunCounts]) -> RunCounts:
    """Return several counts together."""
    return RunCounts(*(sum(getattr(one, each.name) for one in counts) for each in fields(RunCounts)))


def runs_record(figures: Figures, rejected: int) -> dict[str, Any]:
    """Return figures as plain values."""
    rows = [
        {"touching_rate": rate, "told": told, "length": length, **asdict(counts)}
        for (rate, told, length), counts in figures.items()
    ]
    return {"rejected_pages": rejected, "runs": rows}


def runs_table(figures: Figures, rejected: int) -> list[str]:
    """Return the figures as lines: per rate of touching and length, then all lengths together."""
    lines = [
        f"{rejected} pages rejected; shares in per cent, 'alone' of the same images as they are",
        f"{'the template says':>20}{TOLD['range'] + ' digits':>26}{TOLD['known'] + ' of digits':>28}",
        f"{'length':>8}{'runs':>7}{'digits':>10}{'alone':>8}{'count':>8}{'whole':>8}"
        f"{'digits':>12}{'alone':>8}{'whole':>8}",
    ]
    for rate in RATES:
        lines.append(f"{rate:.0%} of gaps touch")
        for length in (*LENGTHS, 0):
            told, known = (_of_length(figures, rate, which, length) for which in TOLD)
            lines.append(
                f"{length or 'all':>8}{told.runs:>7}"
                f"{share_pct(told.right, told.digits):>10.2f}{share_pct(told.alone, told.digits):>8.2f}"
                f"{share_pct(told.counted, told.runs):>8.2f}{share_pct(told.whole, told.runs):>8.2f}"
                f"{share_pct(known.right, known.digits):>12.2f}{share_pct(known.alone, known.digits):>8.2f}"
                f"{share_pct(known.whole, known.runs):>8.2f}"
            )
        near = sum_runs([_of_length(figures, rate, which, 0) for which in TOLD])
        if near.near:
            share = share_pct(near.near_right, near.near)
            lines.append(
                f"  of {near.near:,} touching digits in runs of the right number, {share:.2f} % right"
            )
    return lines


def _of_length(figures: Figures, rate: float, told: str, length: int) -> RunCounts:
    """Return the counts of one length; those of all for 0."""
    return sum_runs([figures[rate, told, each] for each in LENGTHS if length in (0, each)])
