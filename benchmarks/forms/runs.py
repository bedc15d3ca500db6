"""Runs of digits in boxes without dividers, where no digits, some digits or all digits touch.

Each run is read twice: with cuts between digits by their shapes alone, and with the cuts of the lattice.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.forms.model import Reader, field_values, share_pct
from benchmarks.forms.pages import FillJob, ReadPage, read_filled_pages, split_pages, without_rules
from benchmarks.forms.sheets import runs_form
from lenet_pipeline.forms import Severity, Template
from lenet_pipeline.forms.filling.habits import Habits

PAGES = 60  # per touching rate; each page has one run of each length for both kinds of template
LENGTHS = tuple(range(2, 11))
RATES = (0.0, 0.2, 1.0)
SHAPE, LATTICE = "shape", "lattice"  # what decides on the cuts
BINS = (0.0, 0.3, 0.5, 0.7, 0.9, 0.99, 1.0)  # of the confidence in a run
TOLD = {"range": "2 to 10 digits", "known": "exact number"}  # what the template says about a run's length


@dataclass(frozen=True)
class Run:
    """One run of digits.

    Attributes:
        told: what the template says about the length: ``range`` or ``known``.
        cuts: what decides on the cuts: ``shape`` or ``lattice``.
        truth: the digits written.
        read: the digits read.
        touching: whether each digit touches a neighbour.
        alone: digits whose original image is read correctly.
        confidence: of the value.
        is_doubtful: whether the value waits for a person in any case.
    """

    told: str
    cuts: str
    truth: str
    read: str
    touching: tuple[bool, ...]
    alone: int
    confidence: float
    is_doubtful: bool

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


@dataclass
class Bin:
    """Runs with a similar confidence: how many, the sum of their confidences, and how many are right."""

    runs: int = 0
    confidence: float = 0.0
    right: int = 0


@dataclass
class RunFigures:
    """The figures of all runs.

    Attributes:
        counts: by touching rate, what the template says, what decides on the cuts, and length.
        bins: by touching rate and lower end of the confidence; runs that the lattice cut.
        silent: wrong runs without a doubt, with a confidence of 0.9 or more, by touching rate and cuts.
        rejected: pages that were not read.
    """

    counts: dict[tuple[float, str, str, int], RunCounts]
    bins: dict[tuple[float, float], Bin]
    silent: dict[tuple[float, str], int]
    rejected: int = 0

    def add(self, rate: float, run: Run) -> None:
        """Count one run."""
        self.counts[rate, run.told, run.cuts, len(run.truth)].add(run)
        is_right = run.truth == run.read
        if not is_right and not run.is_doubtful and run.confidence >= SURE:
            self.silent[rate, run.cuts] += 1
        if run.cuts == LATTICE and run.read:
            own = self.bins[rate, max(low for low in BINS[:-1] if low <= run.confidence)]
            own.runs += 1
            own.confidence += run.confidence
            own.right += is_right

    def of_length(self, rate: float, told: str, cuts: str, length: int) -> RunCounts:
        """Return the counts of one length, or of all lengths if ``length`` is 0."""
        return sum_runs([self.counts[rate, told, cuts, each] for each in LENGTHS if length in (0, each)])


SURE = 0.9  # the confidence from which a wrong run without a doubt is a silent error


def edit_distance(one: str, other: str) -> int:
    """Return the Levenshtein distance of two strings."""
    costs = list(range(len(other) + 1))
    for row, mine in enumerate(one, start=1):
        above, costs[0] = costs[0], row
        for column, theirs in enumerate(other, start=1):
            cost = min(costs[column] + 1, costs[column - 1] + 1, above + (mine != theirs))
            above, costs[column] = costs[column], cost
    return costs[-1]


def measure_runs(reader: Reader, pages: int, seed: int, processes: int, severity: Severity) -> RunFigures:
    """Fill and read boxes of every length."""
    figures = RunFigures(
        {
            (rate, told, cuts, length): RunCounts()
            for rate in RATES
            for told in TOLD
            for cuts in (SHAPE, LATTICE)
            for length in LENGTHS
        },
        {(rate, low): Bin() for rate in RATES for low in BINS[:-1]},
        {(rate, cuts): 0 for rate in RATES for cuts in (SHAPE, LATTICE)},
    )
    with tempfile.TemporaryDirectory() as scratch:
        template = runs_form(Path(scratch), LENGTHS)
        # The rules of the form are for filling: they state the length of each run.
        job = FillJob((template,), reader.digits, seed, compares=True, knows_rules=False)
        # Each rate has other page numbers, because the same number writes the same digits.
        parts = [
            (rate, part)
            for number, rate in enumerate(RATES)
            for part in split_pages(0, severity, pages, _habits(rate), start=number * pages)
        ]
        done = read_filled_pages(job, [part for _, part in parts], processes)
        for (rate, _), (_, read) in zip(parts, done, strict=True):
            for page in read:
                figures.rejected += bool(page.fault)
                for run in read_runs(page, without_rules(template), reader):
                    figures.add(rate, run)
    return figures


def _habits(rate: float) -> Habits:
    return Habits(blank_rate=0.0, touching_rate=rate)


def read_runs(page: ReadPage, template: Template, reader: Reader) -> Iterator[Run]:
    """Yield the runs of a page, for both ways to cut; none if the page was not read."""
    if page.fault:
        return
    fields = {field.name: field for field in template.fields}
    for cuts, read in ((SHAPE, page.by_shape), (LATTICE, page.fields)):
        for name, value in field_values(page, fields, reader, read).items():
            cells = [cell for cell in page.written if cell.field == name and cell.image is not None]
            yield Run(
                told=name.partition("_")[0],
                cuts=cuts,
                truth=page.truth[name],
                read=value.value or "",
                touching=tuple(cell.touches for cell in cells),
                alone=sum(bool(reader.is_right[cell.image]) for cell in cells),
                confidence=value.confidence or 0.0,
                is_doubtful=value.is_doubtful,
            )


def sum_runs(counts: Sequence[RunCounts]) -> RunCounts:
    """Return the sum of several counts."""
    return RunCounts(*(sum(getattr(one, each.name) for one in counts) for each in fields(RunCounts)))


def runs_record(figures: RunFigures) -> dict[str, Any]:
    """Return the figures for JSON."""
    return {
        "rejected_pages": figures.rejected,
        "runs": [
            {"touching_rate": rate, "told": told, "cuts": cuts, "length": length, **asdict(counts)}
            for (rate, told, cuts, length), counts in figures.counts.items()
        ],
        "bins": [
            {"touching_rate": rate, "from": low, **asdict(own)} for (rate, low), own in figures.bins.items()
        ],
        "silent": [
            {"touching_rate": rate, "cuts": cuts, "runs": runs}
            for (rate, cuts), runs in figures.silent.items()
        ],
    }


def runs_table(figures: RunFigures) -> list[str]:
    """Format the figures as lines: for each touching rate one per length, then one for all lengths."""
    lines = [
        f"{figures.rejected} pages rejected; per cent of digits right, cut by shape or by the lattice;",
        "whole: per cent of runs that the lattice reads without any error",
        f"{'the template says':>15}{TOLD['range']:>27}{TOLD['known']:>28}",
        f"{'length':>8}{'runs':>7}{'shape':>9}{'lattice':>9}{'whole':>8}"
        f"{'shape':>12}{'lattice':>9}{'whole':>8}{'alone':>8}",
    ]
    for rate in RATES:
        lines.append(f"{rate:.0%} of gaps touch")
        for length in (*LENGTHS, 0):
            columns = [f"{length or 'all':>8}"]
            for told in TOLD:
                shape, lattice = (figures.of_length(rate, told, cuts, length) for cuts in (SHAPE, LATTICE))
                columns.append(f"{lattice.runs:>7}" if told == "range" else "   ")
                columns += [f"{share_pct(each.right, each.digits):>9.2f}" for each in (shape, lattice)]
                columns.append(f"{share_pct(lattice.whole, lattice.runs):>8.2f}")
            alone = sum_runs([figures.of_length(rate, told, LATTICE, length) for told in TOLD])
            lines.append("".join(columns) + f"{share_pct(alone.alone, alone.digits):>8.2f}")
        lines.append(
            f"  silent errors: {figures.silent[rate, SHAPE]} by shape, {figures.silent[rate, LATTICE]} by"
            " the lattice"
        )
    lines += [
        "",
        f"{'confidence':>12}" + "".join(f"{f'{rate:.0%} touch: runs':>15}{'right':>7}" for rate in RATES),
    ]
    for low, high in pairwise(BINS):
        columns = [f"{f'{low:g} to {high:g}':>12}"]
        for rate in RATES:
            own = figures.bins[rate, low]
            columns.append(f"{own.runs:>15,}{share_pct(own.right, own.runs):>7.1f}")
        lines.append("".join(columns))
    return lines
