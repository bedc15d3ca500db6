"""Runs of digits in boxes without dividers, where no digits, some digits or all digits touch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.forms.model import Reader, share_pct
from benchmarks.forms.pages import FillJob, ReadPage, read_filled_pages, split_pages
from benchmarks.forms.sheets import runs_form
from lenet_pipeline.forms import Severity
from lenet_pipeline.forms.filling.habits import Habits

PAGES = 60  # per touching rate; each page has one run of each length for both kinds of template
LENGTHS = tuple(range(2, 11))
RATES = (0.0, 0.2, 1.0)
TOLD = {"range": "2 to 10 digits", "known": "exact number"}  # what the template says about a run's length


@dataclass(frozen=True)
class Run:
    """One run of digits.

    Attributes:
        told: what the template says about the length: ``range`` or ``known``.
        truth: the digits written.
        read: the digits read.
        touching: whether each digit touches a neighbour.
        alone: digits whose original image is read correctly.
    """

    told: str
    truth: str
    read: str
    touching: tuple[bool, ...]
    alone: int

    @property
    def right(self) -> int:
        """The number of digits read correctly, which is the length minus the edit distance."""
        return max(len(self.truth) - edit_distance(self.truth, self.read), 0)


@dataclass
class RunCounts:
    """Counts of runs and of how they were read.

    Attributes:
        runs: runs written.
        counted: runs read with the right number of digits.
        whole: runs read without any error.
        digits: digits written.
        right: digits read correctly.
        alone: digits whose original image is read correctly.
        near: touching digits in counted runs.
        near_right: touching digits in counted runs that are read correctly.
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


Figures = dict[tuple[float, str, int], RunCounts]  # by touching rate, what the template says, and length


def edit_distance(one: str, other: str) -> int:
    """Return the Levenshtein distance of two strings."""
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
    """Fill and read boxes of every length; return their figures and the number of rejected pages."""
    figures = {(rate, told, length): RunCounts() for rate in RATES for told in TOLD for length in LENGTHS}
    rejected = 0
    with tempfile.TemporaryDirectory() as scratch:
        job = FillJob((runs_form(Path(scratch), LENGTHS),), reader.digits, seed)
        # Each rate has other page numbers, because the same number writes the same digits.
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
    """Yield the runs of a page; none if the page was not read."""
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
    """Return the sum of several counts."""
    return RunCounts(*(sum(getattr(one, each.name) for one in counts) for each in fields(RunCounts)))


def runs_record(figures: Figures, rejected: int) -> dict[str, Any]:
    """Return the figures for JSON."""
    rows = [
        {"touching_rate": rate, "told": told, "length": length, **asdict(counts)}
        for (rate, told, length), counts in figures.items()
    ]
    return {"rejected_pages": rejected, "runs": rows}


def runs_table(figures: Figures, rejected: int) -> list[str]:
    """Format the figures as lines: for each touching rate one per length, then one for all lengths."""
    lines = [
        f"{rejected} pages rejected; shares in per cent; alone: the original images",
        f"{'the template says':>20}{TOLD['range']:>26}{TOLD['known']:>28}",
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
                f"  {share:.2f} % of {near.near:,} touching digits right, in runs of the right length"
            )
    return lines


def _of_length(figures: Figures, rate: float, told: str, length: int) -> RunCounts:
    """Return the counts of one length, or of all lengths if ``length`` is 0."""
    return sum_runs([figures[rate, told, each] for each in LENGTHS if length in (0, each)])
