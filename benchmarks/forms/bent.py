"""Bent, folded and photographed pages: share read and digits right, with and without flattening.

The forms include three editions of one form, which differ only in the number of rows and in the title.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.forms.model import Counts, Reader, share_pct
from benchmarks.forms.pages import FillJob, ReadPage, read_filled_pages, split_pages
from benchmarks.forms.sheets import cells_form
from lenet_pipeline.forms import SEVERITIES, Severity, Template

PAGES = 20  # per form and kind of paper
EDITIONS = (40, 80, 160)  # cells

PAPERS: dict[str, Severity] = {
    "flat": SEVERITIES["light"],
    **{f"bent by {mm:g} mm": replace(SEVERITIES["light"], bend_mm=mm) for mm in (0.5, 1, 2, 3, 4)},
    "folded": SEVERITIES["folded"],
    "phone": SEVERITIES["phone"],
}


@dataclass
class Figures:
    """How the pages of one kind of paper were read.

    Attributes:
        pages: pages filled.
        read: pages read.
        flattened: pages that were flattened.
        misread: pages taken for another form, or with a misplaced cell.
        misread_flattened: those among them that were flattened.
        faults: pages not read, by reason.
        counts: the cells and digits of all pages read.
    """

    pages: int = 0
    read: int = 0
    flattened: int = 0
    misread: list[str] = field(default_factory=list)
    misread_flattened: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)

    def add(self, page: ReadPage, form: str, reader: Reader, sure: float) -> None:
        """Count one page of a form."""
        self.pages += 1
        if page.fault:
            kind = page.fault.partition(":")[0]
            self.faults[kind] = self.faults.get(kind, 0) + 1
            return
        self.read += 1
        self.flattened += page.is_flattened
        self.counts.add(page, reader, sure)
        if page.is_misread:
            self.misread.append(f"{form} page {page.number}")
            self.misread_flattened += page.is_flattened


@dataclass
class Paper:
    """One kind of paper, read with the plain homography and with flattening."""

    name: str
    plain: Figures = field(default_factory=Figures)
    whole: Figures = field(default_factory=Figures)


def measure_bent(
    templates: tuple[Template, ...], reader: Reader, pages: int, seed: int, processes: int, sure: float
) -> list[Paper]:
    """Fill and read pages of every form and kind of paper, without telling which form each page is."""
    papers = [Paper(name) for name in PAPERS]
    with tempfile.TemporaryDirectory() as scratch:
        forms = (*templates, *(cells_form(Path(scratch), cells) for cells in EDITIONS))
        parts = [
            (paper, part)
            for paper in papers
            for number in range(len(forms))
            for part in split_pages(number, PAPERS[paper.name], pages)
        ]
        for flattens in (False, True):
            job = FillJob(forms, reader.digits, seed, flattens)
            done = read_filled_pages(job, [part for _, part in parts], processes)
            for (paper, part), (_, read) in zip(parts, done, strict=True):
                figures = paper.whole if flattens else paper.plain
                for page in read:
                    figures.add(page, forms[part.template].form, reader, sure)
    return papers


def bent_record(papers: list[Paper]) -> list[dict[str, Any]]:
    """Return the figures for JSON."""
    return [asdict(paper) for paper in papers]


def bent_table(papers: list[Paper]) -> list[str]:
    """Format the figures as lines; digits count only on pages that were read."""
    head = f"{'read':>10}{'digits':>11}{'alone':>10}{'misread':>9}"
    lines = [
        f"{'':<16}{'':>6}{'plain homography':>40}{'with flattening':>40}",
        f"{'':<16}{'pages':>6}{head}{head}",
    ]
    for paper in papers:
        line = f"{paper.name:<16}{paper.plain.pages:>6}"
        for one in (paper.plain, paper.whole):
            line += f"{share_pct(one.read, one.pages):>8.1f} %{one.counts.accuracy_pct:>9.2f} %"
            line += f"{one.counts.accuracy_alone_pct:>8.2f} %{len(one.misread):>9}"
        lines.append(line)
    return lines
