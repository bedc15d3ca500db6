"""Measure how values with commas, points and minus signs are read.

    python -m benchmarks.forms.decimals --home H --output decimals.json

Half of the pages of each severity come from a form that declares ``decimals``
and ``sign``. On the others, the same form declares neither, and every value has
a comma, or every box a minus, or neither of them. The model of the home scores
the digits. A value waits for a person if it is doubtful. An error is silent if
a wrong value does not wait and its confidence is at least 0.9.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.forms.model import Reader, read_model, share_pct
from benchmarks.forms.pages import limit_threads, read_test_digits
from benchmarks.forms.sheets import BlankField, box_field, cell_field, make_form
from lenet_pipeline.forms import (
    SEVERITIES,
    CellState,
    FieldValue,
    Habits,
    Unaligned,
    align_page,
    fill_pages,
    prepare_template,
    read_field_value,
)
from lenet_pipeline.forms import Page as ScannedPage
from lenet_pipeline.forms.filling.filled_pages import FilledPage
from lenet_pipeline.forms.reading.page_reading import read_fields
from lenet_pipeline.forms.values.number_forms import NumberInk
from lenet_pipeline.system import describe_machine

PAGES = 200
SURE = 0.9  # the confidence from which a value goes straight through

_SEVERITIES = ("none", "light", "medium")
_ROWS = 7
_SEPARATORS = ("comma", "point", "either")


@dataclass(frozen=True)
class Kind:
    """Pages of one kind: their name, whether the form declares the ink, and the writers' habits."""

    name: str
    is_declared: bool
    habits: Habits
    share: float


KINDS = (
    Kind("declared", True, Habits(blank_rate=0), 0.5),
    Kind("undeclared comma", False, Habits(blank_rate=0, comma_rate=1), 1 / 6),
    Kind("undeclared minus", False, Habits(blank_rate=0, minus_rate=1), 1 / 6),
    Kind("neither", False, Habits(blank_rate=0), 1 / 6),
)


@dataclass
class Figures:
    """How the values of one kind of page and field were read.

    Attributes:
        severity: the severity of the scans.
        kind: the kind of page.
        place: ``box`` or ``cells``.
        values: values written.
        right: values read correctly.
        right_waiting: correct values that wait for a person.
        wrong_waiting: wrong values that wait for a person.
        silent: wrong values that do not, with a high confidence.
        ink_missed: values whose undeclared ink is no reason to wait.
        form_wrong: values with a wrong or missing separator or sign.
        form_silent: such values that do not wait.
    """

    severity: str
    kind: str
    place: str
    values: int = 0
    right: int = 0
    right_waiting: int = 0
    wrong_waiting: int = 0
    silent: int = 0
    ink_missed: int = 0
    form_wrong: int = 0
    form_silent: int = 0

    def add(self, truth: str, value: FieldValue, has_ink: bool) -> None:
        """Count a value; ``has_ink`` is whether the form did not ask for some of its ink."""
        is_right = value.value == truth
        self.values += 1
        self.right += is_right
        self.right_waiting += is_right and value.is_doubtful
        self.wrong_waiting += not is_right and value.is_doubtful
        is_sure = not value.is_doubtful and (value.confidence or 0.0) >= SURE
        self.silent += is_sure and (has_ink or not is_right)
        self.ink_missed += has_ink and "extra_ink" not in (value.reason or "")
        is_form_wrong = _form(value.raw_value or "") != _form(truth)
        self.form_wrong += is_form_wrong
        self.form_silent += is_form_wrong and not value.is_doubtful


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill, read and score pages, and print a table by severity, kind and place."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, required=True, help="home with a model and mnist/test")
    parser.add_argument("--model", default="packaged", help="a model of the home, or packaged")
    parser.add_argument("--digits", default="mnist/test")
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("decimals.json"))
    options = parser.parse_args(arguments)
    limit_threads()
    reader = read_model(options.home, options.model, read_test_digits(options.home, options.digits))
    figures, rejected = measure_decimals(reader, options.pages, options.seed)
    print("\n".join([*decimals_table(figures), f"{rejected} pages rejected"]))  # noqa: T201 - its figures
    content: dict[str, Any] = {"machine": describe_machine(), "seed": options.seed, "rejected": rejected}
    content["figures"] = [asdict(one) for one in figures]
    options.output.write_text(json.dumps(content, indent=1) + "\n")


def measure_decimals(reader: Reader, pages: int, seed: int) -> tuple[list[Figures], int]:
    """Fill and read pages of every severity and kind. Return the figures and the number of rejected pages."""
    found: dict[tuple[str, str, str], Figures] = {}
    rejected = 0
    for severity in _SEVERITIES:
        for kind in KINDS:
            count = max(1, round(pages * kind.share / len(_SEVERITIES)))
            for page, values in _read_pages(reader, severity, kind, count, seed):
                rejected += values is None
                for name, value in (values or {}).items():
                    place = name.split("_")[0]
                    key = severity, kind.name, place
                    truth = page.truth[name]
                    figures = found.setdefault(key, Figures(*key))
                    figures.add(truth, value, _has_ink(kind, place, truth))
    return list(found.values()), rejected


def amounts_fields(*, is_declared: bool) -> list[BlankField]:
    """Return boxes and rows of cells for amounts; lengths are in millimetres."""
    fields = []
    for row in range(_ROWS):
        y, separator = 26 + 34 * row, _SEPARATORS[row % len(_SEPARATORS)]
        settings = (f"decimals: {{separator: {separator}, places: 2}}", "sign: allowed")
        settings = settings if is_declared else ()
        fields += [
            box_field(f"box_{row}_a", (14, y, 56, 10), 3, 7, settings),
            box_field(f"box_{row}_b", (74, y, 56, 10), 3, 7, settings),
            box_field(f"box_{row}_c", (134, y, 56, 10), 3, 7, settings),
            cell_field(f"cells_{row}_a", 14, y + 16, 8, settings=settings),
            cell_field(f"cells_{row}_b", 104, y + 16, 8, settings=settings),
        ]
    return fields


def _read_pages(
    reader: Reader, severity: str, kind: Kind, count: int, seed: int
) -> Iterator[tuple[FilledPage, dict[str, FieldValue] | None]]:
    """Yield filled pages with their values, or None for a rejected page."""
    with tempfile.TemporaryDirectory() as folder:
        form = make_form(Path(folder), "amounts", amounts_fields(is_declared=kind.is_declared))
        prepared = prepare_template(form)
        filled = fill_pages(
            form,
            reader.digits,
            numbers=range(count),
            seed=seed,
            severity=SEVERITIES[severity],
            habits=kind.habits,
        )
        for page in filled:
            found = align_page(ScannedPage(1, page.image, float(page.dpi), ""), [prepared])
            if isinstance(found, Unaligned):
                yield page, None
                continue
            fields = read_fields(found.image, prepared.reference, form, found.to_scan, found.warp)
            values = {}
            for field, reading in zip(form.fields, fields, strict=True):
                ink = [one for one in reading.loose_ink if one.is_read]
                separators = [one.position for one in ink if one.kind != "minus"]
                chances = reader.read(reading.cells)
                states = [
                    CellState(cell.position, cell.state, None if cell.image is None else own, mark=cell.mark)
                    for cell, own in zip(reading.cells, chances, strict=True)
                ]
                number = NumberInk(separators[0] if separators else None, len(separators) < len(ink))
                values[field.name] = read_field_value(field, states, extra_ink=reading.extra_ink, ink=number)
            yield page, values


def _has_ink(kind: Kind, place: str, truth: str) -> bool:
    if kind.habits.comma_rate:
        return len(truth) > 1
    return place == "box" and bool(kind.habits.minus_rate)


def _form(value: str) -> tuple[bool, int]:
    """Return the sign and the number of decimal places of a value."""
    return value.startswith("-"), len(value.partition(".")[2])


def decimals_table(figures: Sequence[Figures]) -> list[str]:
    """Format the figures as lines, one for each severity, kind and place."""
    lines = [
        f"{'severity':<9}{'page':<18}{'place':<7}{'values':>7}{'right':>7}{'%':>7}{'right, wait':>12}"
        f"{'wrong, wait':>12}{'silent':>7}{'ink missed':>11}{'form wrong':>11}"
        f"{'form silent':>12}"
    ]
    return lines + [
        f"{one.severity:<9}{one.kind:<18}{one.place:<7}{one.values:>7}{one.right:>7}"
        f"{share_pct(one.right, one.values):>7.1f}{one.right_waiting:>12}{one.wrong_waiting:>12}"
        f"{one.silent:>7}{one.ink_missed:>11}{one.form_wrong:>11}{one.form_silent:>12}"
        for one in figures
    ]


if __name__ == "__main__":
    main()
