"""Checksum decoding: numbers with check digits, read with and without them."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.forms.model import Reader, field_values, share_pct
from benchmarks.forms.pages import FillJob, read_filled_pages, split_pages
from benchmarks.forms.sheets import checksum_form
from lenet_pipeline.forms import SEVERITIES, FieldValue
from lenet_pipeline.forms.filling.habits import Habits

PAGES = 60  # each with 32 numbers of nine digits
CHECKSUMS = ("luhn", "mod-97-10")
LEVELS = ("medium", "heavy")
SURE = 0.9  # posterior probability from which a correction counts as sure


@dataclass
class ChecksumFigures:
    """Fields with check digits: ``raw_right`` are correct without decoding, ``right`` with it."""

    checksum: str
    severity: str
    pages: int = 0
    rejected: int = 0
    fields: int = 0
    raw_right: int = 0
    right: int = 0
    corrected: int = 0
    wrongly_corrected: int = 0
    surely_corrected: int = 0
    surely_wrong: int = 0
    failed: int = 0  # no value passes the check
    passed_wrong: int = 0  # the first reading is wrong but passes the check

    def add(self, value: FieldValue, truth: str) -> None:
        """Count one field."""
        is_right = (value.value or "") == truth
        self.fields += 1
        self.raw_right += value.raw_value == truth
        self.right += is_right
        self.failed += value.status == "rule_failed"
        self.passed_wrong += value.status == "read" and not is_right
        if value.status == "corrected":
            is_sure = (value.posterior or 0) >= SURE
            self.corrected += 1
            self.wrongly_corrected += not is_right
            self.surely_corrected += is_sure
            self.surely_wrong += is_sure and not is_right


def measure_checksums(reader: Reader, pages: int, seed: int, processes: int) -> list[ChecksumFigures]:
    """Fill and read numbers with each kind of check digits at every severity."""
    figures = {
        (checksum, level): ChecksumFigures(checksum, level) for checksum in CHECKSUMS for level in LEVELS
    }
    for checksum in CHECKSUMS:
        with tempfile.TemporaryDirectory() as scratch:
            template = checksum_form(Path(scratch), checksum)
            fields = {field.name: field for field in template.fields}
            job, habits = FillJob((template,), reader.digits, seed), Habits(blank_rate=0.0)
            levels = [
                (level, part) for level in LEVELS for part in split_pages(0, SEVERITIES[level], pages, habits)
            ]
            done = read_filled_pages(job, [part for _, part in levels], processes)
            for (level, _), (_, read) in zip(levels, done, strict=True):
                own = figures[checksum, level]
                for page in read:
                    own.pages += 1
                    own.rejected += bool(page.fault)
                    values = {} if page.fault else field_values(page, fields, reader)
                    for name, value in values.items():
                        own.add(value, page.truth[name])
    return list(figures.values())


def checksum_record(figures: list[ChecksumFigures]) -> list[dict[str, Any]]:
    """Return the figures for JSON."""
    return [asdict(one) for one in figures]


def checksum_table(figures: list[ChecksumFigures]) -> list[str]:
    """Format the figures as lines."""
    lines = []
    for one in figures:
        before = share_pct(one.raw_right, one.fields)
        shown = {
            "pages": f"{one.pages}, {one.rejected} rejected",
            "right without decoding": f"{before:.2f} % of {one.fields:,} fields",
            "right with decoding": f"{share_pct(one.right, one.fields):.2f} %",
            "corrections": f"{one.corrected}, {one.wrongly_corrected} of them wrong",
            f"with posterior {SURE:g} or more": f"{one.surely_corrected}, {one.surely_wrong} of them wrong",
            "no value passes": f"{one.failed}",
            "wrong but passing": f"{one.passed_wrong}",
        }
        lines += [
            f"{one.checksum}, {one.severity}",
            *(f"  {name:<32} {value}" for name, value in shown.items()),
        ]
    return lines
