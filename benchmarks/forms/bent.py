"""Bent, folded and photographed pages: share read and digits right, with and without flattening.

The forms include three editions of one form, which differ only in the number of rows and in the title. A page
that fits the plain homography is read exactly as without flattening, so the figures without it are those of
these pages.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.forms.model import Counts, Reader, share_pct
from benchmarks.forms.pages import FillJob, read_filled_pages, split_pages
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
class Paper:
    """The pages of one kind of paper.

    Attributes:
        name: the kind of paper.
        pages: pages filled.
        plain: pages read by the plain homography.
        read: pages read.
        misread: pages taken for another form, or with a misplaced cell.
        faults: pages not read, by reason.
        plain_counts: the cells and digits of the pages read by the plain homography.
        counts: the cells and digits of all pages read.
    """

    name: str
    pages: int = 0
    plain: int = 0
    read: int = 0
    misread: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    plain_counts: Counts = field(default_factory=Counts)
    counts: Counts = field(default_factory=Counts)


def measure_bent(
    templates: tuple[Template, ...], reader: Reader, pages: int, seed: int, processes: int, sure: float
) -> list[Paper]:
    """Fill and read pages of every form and kind of paper, without telling which form each page is."""
    with tempfile.TemporaryDirectory() as scratch:
        forms = (*templates, *(cells_form(Path(scratch), cells) for cells in EDITIONS))
        papers = [Paper(name) for name in PAPERS]
        parts = [
            (paper, part)
            for paper in papers
            for number in range(len(forms))
            for part in split_pages(number, PAPERS[paper.name], pages)
        ]
        done = read_filled_pages(FillJob(forms, reader.digits, seed), [part for _, part in parts], processes)
        for (paper, part), (_, read) in zip(parts, done, strict=True):
            for page in read:
                paper.pages += 1
                if page.fault:
                    kind = page.fault.partition(":")[0]
                    paper.faults[kind] = paper.faults.get(kind, 0) + 1
                    continue
                paper.read += 1
                paper.counts.add(page, reader, sure)
                if not page.is_flattened:
                    paper.plain += 1
                    paper.plain_counts.add(page, reader, sure)
                if page.is_misread:
                    paper.misread.append(f"{forms[part.template].form} page {page.number}")
    return papers


def bent_record(papers: list[Paper]) -> list[dict[str, Any]]:
    """Return the figures for JSON."""
    return [asdict(paper) for paper in papers]


def bent_table(papers: list[Paper]) -> list[str]:
    """Format the figures as lines; digits count only on pages that were read."""
    lines = [
        f"{'':<16}{'':>6}{'plain homography':>24}{'flattened as well':>24}{'alone':>10}{'':>9}",
        f"{'':<16}{'pages':>6}{'read':>12}{'digits':>12}{'read':>12}{'digits':>12}{'digits':>10}{'misread':>9}",
    ]
    for paper in papers:
        lines.append(
            f"{paper.name:<16}{paper.pages:>6}"
            f"{share_pct(paper.plain, paper.pages):>10.1f} %{paper.plain_counts.accuracy_pct:>10.2f} %"
            f"{share_pct(paper.read, paper.pages):>10.1f} %{paper.counts.accuracy_pct:>10.2f} %"
            f"{paper.counts.accuracy_alone_pct:>8.2f} %{len(paper.misread):>9}"
        )
    return lines
