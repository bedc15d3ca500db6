"""Find tables among the boxes of a draft, and write each as a block for a person to uncomment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lenet_pipeline.forms.templates.model import Cells, Field, Rectangle

_SAME_MM = 0.8  # between the edges of neighbours: they share a line, which a scan shows a little tilted
_FEWEST_BOXES = 6  # such as two rows of three


@dataclass(frozen=True)
class _Run:
    """Fields next to each other that share their edges, from left to right."""

    fields: tuple[Field, ...]

    @property
    def places(self) -> tuple[Rectangle, ...]:
        return tuple(field.outline for field in self.fields)


def write_tables(fields: Sequence[Field], *, has_reference: bool) -> list[str]:
    """Return the lines of a comment with a block for each table that fields form, in a template file.

    Args:
        fields: the fields of a draft, and those in its comments.
        has_reference: whether the template has a blank form, whose printed lines give the places.
    """
    lines: list[str] = []
    for table in _find_tables(fields):
        first, last = table[0].fields[0].name, table[-1].fields[-1].name
        lines += [
            "",
            f"# {len(table)} x {len(table[0].fields)} of these boxes form a table, from {first} to {last}.",
            "# For fields named row.column, use this block instead of them, and name its rows and columns.",
            *(f"# {line}" for line in _write_table(table, has_reference=has_reference)),
        ]
    return lines


def _find_tables(fields: Sequence[Field]) -> list[list[_Run]]:
    """Return the tables among fields, each as its rows from top to bottom."""
    tables: list[list[_Run]] = []
    for run in sorted(_find_runs(fields), key=lambda run: run.places[0].y):
        above = next((table for table in tables if _continues(table[-1], run)), None)
        if above is None:
            tables.append([run])
        else:
            above.append(run)
    return [
        table
        for table in tables
        if min(len(table), len(table[0].fields)) > 1 and len(table) * len(table[0].fields) >= _FEWEST_BOXES
    ]


def _find_runs(fields: Sequence[Field]) -> list[_Run]:
    runs: list[list[Field]] = []
    for field in sorted(fields, key=lambda field: field.outline.x):
        place = field.outline
        for run in runs:
            before = run[-1].outline
            is_level = _are_close(before.y, place.y) and _are_close(before.height, place.height)
            if is_level and _are_close(before.x + before.width, place.x):
                run.append(field)
                break
        else:
            runs.append([field])
    return [_Run(tuple(run)) for run in runs]


def _continues(above: _Run, below: _Run) -> bool:
    """Return whether a run is the next row of a table."""
    if len(above.fields) != len(below.fields):
        return False
    return all(
        _are_close(one.y + one.height, other.y)
        and _are_close(one.x, other.x)
        and _are_close(one.width, other.width)
        for one, other in zip(above.places, below.places, strict=True)
    )


def _are_close(one: float, other: float) -> bool:
    return abs(one - other) <= _SAME_MM


def _write_table(table: Sequence[_Run], *, has_reference: bool) -> list[str]:
    first, last = table[0].places[0], table[-1].places[-1]
    width, height = last.x + last.width - first.x, last.y + last.height - first.y
    lines = ["tables:", f"  - x: {first.x:.2f}", f"    y: {first.y:.2f}"]
    if has_reference:
        lines += [f"    width: {width:.2f}", f"    height: {height:.2f}", "    lines: printed"]
    else:
        lines.append(f"    row_height: {height / len(table):.3f}")
    lines += [f"    rows: {len(table)}", "    columns:"]
    for number, field in enumerate(table[0].fields, start=1):
        size = "" if has_reference else f"width: {field.outline.width:.2f}, "
        lines.append(f"      - {{name: column{number}, {size}{_write_content(field)}}}")
    return lines


def _write_content(field: Field) -> str:
    place = field.place
    if isinstance(place, Cells):
        return f"cells: {place.columns}"
    return f"digits: [{place.fewest}, {place.most}]"
