"""Forms with moved, thick, dotted, broken, double and stretched lines: digits and blank cells read correctly.

Each page is read with a blank form that has the usual lines, with one that has the page's own lines, while
the template has the usual places, and without a blank form.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.forms.lined_sheets import KINDS, LineKind, change_lines, fill_lined_form, usual_fields
from benchmarks.forms.lined_sheets import write_lined_form as write_form
from benchmarks.forms.model import Counts, Reader, share_pct
from benchmarks.forms.pages import ReadPage
from lenet_pipeline.forms import Severity, Unaligned, align_page, prepare_template, read_cells
from lenet_pipeline.forms.page import Page

PAGES = (
    4  # per kind of line, with the usual blank form, and as many with a blank form of the page's own lines
)

REFERENCES = ("usual lines", "its own lines", "none")


@dataclass
class LineCounts:
    """How the pages with one kind of line were read.

    Attributes:
        kind: the name of the kind.
        reference: the lines of the blank form.
        pages: pages filled.
        rejected: pages that were not read.
        counts: the cells and digits of the pages read.
        silent: blank cells read as a digit with a high confidence.
    """

    kind: str
    reference: str
    pages: int
    rejected: int
    counts: Counts
    silent: int = 0

    def add(self, page: ReadPage, reader: Reader, sure: float) -> None:
        """Count a page; ``sure`` is the confidence from which errors are silent."""
        self.pages += 1
        if page.fault:
            self.rejected += 1
            return
        self.counts.add(page, reader, sure)
        blank = {(cell.field, cell.position) for cell in page.written if cell.state == "blank"}
        for reading, chances in zip(page.readings, reader.read(page.readings), strict=True):
            is_digit = reading.state == "digit" and (reading.field, reading.position) in blank
            self.silent += is_digit and float(chances.max()) >= sure


def measure_lines(reader: Reader, pages: int, seed: int, severity: Severity, sure: float) -> list[LineCounts]:
    """Fill and read pages of every kind."""
    figures = []
    with tempfile.TemporaryDirectory() as scratch:
        for number, kind in enumerate(KINDS):
            by_reference = {name: LineCounts(kind.name, name, 0, 0, Counts()) for name in REFERENCES}
            for name, page in _read_kind(Path(scratch), kind, number, reader, pages, seed, severity):
                by_reference[name].add(page, reader, sure)
            figures += by_reference.values()
    return figures


def _read_kind(
    folder: Path, kind: LineKind, number: int, reader: Reader, pages: int, seed: int, severity: Severity
) -> Iterator[tuple[str, ReadPage]]:
    """Yield the pages of a kind, as read with each blank form."""
    usual = usual_fields()
    form = write_form(folder, "usual-lines", usual)
    prepared = prepare_template(form)
    for is_own in (False, True):
        for page in range(pages):
            rng = np.random.default_rng([seed, number, is_own, page])
            lines = change_lines(usual, kind, rng)
            known = prepare_template(write_form(folder, "own-lines", lines)) if is_own else prepared
            filled = fill_lined_form(known.template, lines, reader.digits, severity, rng)
            found = align_page(Page(1, filled.image, float(filled.dpi), ""), [known])
            empty = ReadPage(page, "", False, filled.truth, filled.cells, (), {}, 0.0)
            for name in REFERENCES[1:2] if is_own else REFERENCES[::2]:
                if isinstance(found, Unaligned):
                    yield name, replace(empty, fault=f"{found.kind}: {found.reason}")
                    continue
                reference = None if name == "none" else known.reference
                readings = read_cells(found.image, reference, known.template, found.to_scan)
                yield name, replace(empty, readings=tuple(readings))


def lines_record(figures: list[LineCounts]) -> list[dict[str, Any]]:
    """Return the figures for JSON."""
    return [asdict(one) for one in figures]


def lines_table(figures: list[LineCounts]) -> list[str]:
    """Format the figures as lines: one per kind and blank form, then one for all."""
    lines = [
        "shares in per cent; alone: the original images; silent: a sure digit in a blank cell",
        f"{'lines':<32}{'blank form':<15}{'pages':>6}{'rejected':>9}{'digits':>8}{'right':>8}{'alone':>8}"
        f"{'blanks':>8}{'right':>8}{'silent':>7}",
    ]
    lines += [_row(one.kind, one.reference, [one]) for one in figures]
    return [*lines, _row("all", "", figures)]


def _row(kind: str, reference: str, figures: list[LineCounts]) -> str:
    def total(name: str) -> int:
        return sum(int(getattr(one.counts, name)) for one in figures)

    digits, blanks = total("digits"), total("blanks")
    return (
        f"{kind:<32}{reference:<15}{sum(one.pages for one in figures):>6}"
        f"{sum(one.rejected for one in figures):>9}{digits:>8}{share_pct(total('right'), digits):>8.2f}"
        f"{share_pct(total('right_alone'), digits):>8.2f}{blanks:>8}"
        f"{share_pct(blanks - total('blanks_as_ink'), blanks):>8.2f}{sum(one.silent for one in figures):>7}"
    )
