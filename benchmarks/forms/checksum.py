"""Numbers with check digits, and sums across fields, read with and without their rules.

In boxes without dividers, a fifth of the gaps between digits touch. Their values are read twice from the same
pages: cut by the shapes of the digits and then repaired by the rules, and by the lattice of pieces, which
considers only the allowed readings. Cells have no cuts, so both ways are the same there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.forms.model import Reader, field_values, share_pct
from benchmarks.forms.pages import FillJob, ReadPage, read_filled_pages, split_pages
from benchmarks.forms.sheets import boxed_numbers_form, checksum_form, sums_form
from lenet_pipeline.forms import SEVERITIES, FieldValue, Template
from lenet_pipeline.forms.filling.habits import Habits
from lenet_pipeline.forms.rules.across_rules import rule_fields
from lenet_pipeline.forms.values.field_values import apply_across_rules

PAGES = 60  # each with 32 numbers of nine digits, or 48 numbers in 16 sums
FORMS: Mapping[tuple[str, str], Callable[[Path], Template]] = {
    ("luhn", "cells"): partial(checksum_form, checksum="luhn"),
    ("mod-97-10", "cells"): partial(checksum_form, checksum="mod-97-10"),
    ("luhn", "boxes"): partial(boxed_numbers_form, checksum="luhn"),
    ("mod-97-10", "boxes"): partial(boxed_numbers_form, checksum="mod-97-10"),
    ("sum", "boxes"): sums_form,
}
LEVELS = ("medium", "heavy")
REPAIR, LATTICE = "repair", "lattice"
WAYS: Mapping[str, Sequence[str]] = {"cells": (LATTICE,), "boxes": (REPAIR, LATTICE)}
TOUCHING = 0.2  # of the gaps in boxes
SURE = 0.9  # the probability from which a correction, or a value without a doubt, counts as sure


@dataclass
class ChecksumFigures:
    """Fields with a rule: ``raw_right`` are correct without it, ``right`` with it.

    Attributes:
        failed: no value passes, or a sum across fields is wrong.
        passed_wrong: the first reading is wrong but passes.
        silent: wrong values without a doubt, with a confidence of 0.9 or more.
    """

    checksum: str
    place: str
    severity: str
    way: str
    pages: int = 0
    rejected: int = 0
    fields: int = 0
    raw_right: int = 0
    right: int = 0
    corrected: int = 0
    wrongly_corrected: int = 0
    surely_corrected: int = 0
    surely_wrong: int = 0
    failed: int = 0
    passed_wrong: int = 0
    silent: int = 0

    def add(self, value: FieldValue, truth: str, *, is_in_broken_sum: bool = False) -> None:
        """Count one field."""
        is_right = (value.value or "") == truth
        is_doubtful = value.is_doubtful or is_in_broken_sum
        self.fields += 1
        self.raw_right += value.raw_value == truth
        self.right += is_right
        self.failed += value.status == "rule_failed" or is_in_broken_sum
        self.passed_wrong += value.status == "read" and not is_right and not is_in_broken_sum
        self.silent += not is_right and not is_doubtful and (value.confidence or 0) >= SURE
        if value.status == "corrected":
            is_sure = (value.posterior or 0) >= SURE
            self.corrected += 1
            self.wrongly_corrected += not is_right
            self.surely_corrected += is_sure
            self.surely_wrong += is_sure and not is_right


def measure_checksums(reader: Reader, pages: int, seed: int, processes: int) -> list[ChecksumFigures]:
    """Fill and read numbers of each kind at every severity."""
    figures = {
        (checksum, place, level, way): ChecksumFigures(checksum, place, level, way)
        for checksum, place in FORMS
        for level in LEVELS
        for way in WAYS[place]
    }
    for (checksum, place), make in FORMS.items():
        with tempfile.TemporaryDirectory() as scratch:
            template = make(Path(scratch))
            job = FillJob((template,), reader.digits, seed, compares=REPAIR in WAYS[place])
            habits = Habits(blank_rate=0.0, touching_rate=TOUCHING)
            levels = [
                (level, part) for level in LEVELS for part in split_pages(0, SEVERITIES[level], pages, habits)
            ]
            done = read_filled_pages(job, [part for _, part in levels], processes)
            for (level, _), (_, read) in zip(levels, done, strict=True):
                for page in read:
                    for way in WAYS[place]:
                        _count_page(figures[checksum, place, level, way], page, template, reader)
    return list(figures.values())


def _count_page(own: ChecksumFigures, page: ReadPage, template: Template, reader: Reader) -> None:
    own.pages += 1
    own.rejected += bool(page.fault)
    if page.fault:
        return
    fields = {field.name: field for field in template.fields}
    values = field_values(page, fields, reader, page.by_shape if own.way == REPAIR else page.fields)
    failed = apply_across_rules(template.rules, values)
    broken = {name for rule in template.rules if rule.name in failed for name in rule_fields(rule)}
    for name, value in values.items():
        own.add(value, page.truth[name], is_in_broken_sum=name in broken)


def checksum_record(figures: list[ChecksumFigures]) -> list[dict[str, Any]]:
    """Return the figures for JSON."""
    return [asdict(one) for one in figures]


def checksum_table(figures: list[ChecksumFigures]) -> list[str]:
    """Format the figures as lines."""
    lines = [
        "right: per cent of fields, without and with the rules",
        f"sure: wrong corrections with a posterior of {SURE:g} or more",
        f"silent: wrong without a doubt, with a confidence of {SURE:g} or more",
        f"{'':<31}{'right':>13}{'corrected':>14}",
        f"{'rule':<10}{'place':<6}{'scan':<7}{'way':<8}{'without':>8}{'with':>7}{'':>5}{'wrong':>6}"
        f"{'sure':>5}{'failed':>7}{'silent':>7}",
    ]
    for one in figures:
        lines.append(
            f"{one.checksum:<10}{one.place:<6}{one.severity:<7}{one.way:<8}"
            f"{share_pct(one.raw_right, one.fields):>8.2f}{share_pct(one.right, one.fields):>7.2f}"
            f"{one.corrected:>5}{one.wrongly_corrected:>6}{one.surely_wrong:>5}"
            f"{one.failed:>7}{one.silent:>7}"
        )
    counted = {(one.pages, one.rejected, one.fields) for one in figures}
    lines += [
        f"{pages} pages, {rejected} rejected, {fields:,} fields"
        for pages, rejected, fields in sorted(counted)
    ]
    return lines
