"""Accuracy on filled forms at medium severity: the places of cells, and the labels of digits."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.forms.model import Counts, Reader, share_pct
from benchmarks.forms.pages import FillJob, ReadPage, read_filled_pages, split_pages
from lenet_pipeline.forms import SEVERITIES, Severity, Template

PAGES = 500
NEAR_MM = 0.5


@dataclass
class FormFigures:
    """How the pages of one form were read.

    Attributes:
        form: the form's name.
        pages: pages filled.
        faults: why pages were not read, by page number.
        misread: numbers of the pages with misplaced cells.
        distances_mm: distance of each cell from its true place.
        aligned_mm: largest distance on each page before refinement.
        far: the cells farther than ``NEAR_MM`` from their true place.
        counts: the cells and digits.
    """

    form: str
    pages: int = 0
    faults: dict[str, str] = field(default_factory=dict)
    misread: list[int] = field(default_factory=list)
    distances_mm: list[float] = field(default_factory=list)
    aligned_mm: list[float] = field(default_factory=list)
    far: list[str] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)

    def add(self, page: ReadPage, reader: Reader, sure: float) -> None:
        """Count one page."""
        self.pages += 1
        if page.fault:
            self.faults[str(page.number)] = page.fault
            return
        if page.is_misread:
            self.misread.append(page.number)
        self.distances_mm += page.distances_mm.values()
        self.aligned_mm.append(page.aligned_mm)
        self.far += [
            f"page {page.number}, {name} {position}: {distance:.2f} mm"
            for (name, position), distance in page.distances_mm.items()
            if distance > NEAR_MM
        ]
        self.counts.add(page, reader, sure)


def measure_accuracy(
    templates: tuple[Template, ...],
    reader: Reader,
    pages: int,
    seed: int,
    processes: int,
    sure: float,
    severity: Severity = SEVERITIES["medium"],
) -> list[FormFigures]:
    """Fill and read pages of each form. Reading has to find out which form each page is."""
    job = FillJob(templates, reader.digits, seed)
    figures = [FormFigures(template.form) for template in templates]
    parts = [part for number in range(len(templates)) for part in split_pages(number, severity, pages)]
    for part, read in read_filled_pages(job, parts, processes):
        for page in read:
            figures[part.template].add(page, reader, sure)
    return figures


def accuracy_record(figures: list[FormFigures]) -> list[dict[str, Any]]:
    """Return the figures for JSON; distances as their maximum, 99th percentile and median."""
    rows = []
    for form in figures:
        row = asdict(form)
        for name in ("distances_mm", "aligned_mm"):
            values = row.pop(name) or [float("nan")]
            row[name] = dict(
                zip(("largest", "p99", "median"), np.quantile(values, (1, 0.99, 0.5)).tolist(), strict=True)
            )
        rows.append(row)
    return rows


def accuracy_table(figures: list[FormFigures], reader: Reader) -> list[str]:
    """Format the figures as lines."""
    whole = 100 * float(reader.is_right.mean())
    lines = []
    for form, row in zip(figures, accuracy_record(figures), strict=True):
        counts, cells = form.counts, row["distances_mm"]
        alone = counts.accuracy_alone_pct
        shown = {
            "pages": f"{form.pages}: {form.pages - len(form.faults)} read, {len(form.faults)} rejected, "
            f"{len(form.misread)} misread",
            "cell distance, mm": f"largest {cells['largest']:.2f}, 99 % {cells['p99']:.2f}, median "
            f"{cells['median']:.2f}",
            f"cells beyond {NEAR_MM:g} mm": f"{len(form.far)} of {len(form.distances_mm):,}",
            "before refinement, mm": f"largest {row['aligned_mm']['largest']:.2f}",
            "digits read correctly": f"{counts.accuracy_pct:.2f} % of {counts.digits:,}",
            "same images alone": f"{alone:.2f} %, difference {counts.accuracy_pct - alone:+.2f} points",
            "whole test set": f"{whole:.2f} %, difference {counts.accuracy_pct - whole:+.2f} points",
            "blank cells read as ink": f"{counts.blanks_as_ink} of {counts.blanks:,}",
            "ink read as blank": f"{counts.ink_as_blank} of {counts.digits:,} "
            f"({share_pct(counts.ink_as_blank, counts.digits):.3f} %)",
        }
        lines += [form.form, *(f"  {name:<28} {value}" for name, value in shown.items())]
    return lines


def read_example_templates(folder: Path, references: Path | None) -> tuple[Template, ...]:
    """Read the two example templates whose blank forms are available."""
    from lenet_pipeline.forms import read_template

    names = ("attendance-sheet.yaml", "twelve-questions.yaml")
    return tuple(read_template(folder / name, references) for name in names)
