"""Expand the tables of a template file to ordinary fields and rules.

A field of a table is named ``row.column``. Expansion happens on the file's values, before fields are read,
so that everything after it sees only fields.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from lenet_pipeline.forms.templates.fields import read_field
from lenet_pipeline.forms.templates.places import find_place_faults
from lenet_pipeline.forms.templates.sheet import Sheet
from lenet_pipeline.forms.templates.table_rules import expand_rules
from lenet_pipeline.forms.templates.table_sizes import find_size_fault
from lenet_pipeline.forms.templates.yaml_text import Fault, FaultyFile, Located

_COPIED = ("blank", "unused", "decimals", "sign", "rules")  # the keys that a column hands to its fields
_OFF_PAGE_MM = 0.1  # allows for rounding

Edges = tuple[float, ...]
FindLines = Callable[[Located, int, Sequence[int]], tuple[Edges, Edges]]


@dataclass(frozen=True)
class _Line:
    """A row or column: its name, or None if it is not read, its first and last edge, and its source."""

    name: str | None
    start: float
    end: float
    item: Located

    @property
    def size(self) -> float:
        return self.end - self.start


def expand_tables(written: Located, sheet: Sheet | None, find_lines: FindLines | None = None) -> Located:
    """Return a template file with the fields and rules of its tables among its own.

    Args:
        written: a template file that has passed the schema.
        sheet: the page, to check places against; None to check only what the file itself shows.
        find_lines: returns the edges of columns and rows between the printed lines in a table's area, from
            the table, its number of rows and the number of cells in each column. None divides the area
            evenly, which suffices for a template whose places do not matter.

    Raises:
        FaultyFile: a row or column is named twice or lacks a key, it is off the page, or a rule names an
            unknown row or column.
    """
    tables = written.get("tables")
    if tables is None:
        return written
    own = written["fields"].items() if "fields" in written else []
    rules = written["rules"].items() if "rules" in written else []
    names = [field["name"].value for field in own]
    fields: list[Located] = []
    faults: list[Fault] = []
    for table in tables.items():
        try:
            found, found_rules = _expand(table, sheet, find_lines or _divide_evenly, names)
        except FaultyFile as exc:
            faults += exc.faults
        else:
            fields += found
            rules = [*rules, *found_rules]
    if faults:
        raise FaultyFile(*faults)
    lists = {"fields": Located([*own, *fields], tables.line), "rules": Located(rules, tables.line)}
    return replace(written, value=written.value | lists)


def _expand(
    table: Located, sheet: Sheet | None, find_lines: FindLines, form_fields: Sequence[str]
) -> tuple[list[Located], list[Located]]:
    columns, rows = _place_lines(table, sheet, find_lines)
    named_columns = [column for column in columns if column.name is not None]
    named_rows = [row for row in rows if row.name is not None]
    faults = [*_repeats(named_rows, "row"), *_repeats(named_columns, "column")]
    for lines, noun in ((named_rows, "row"), (named_columns, "column")):
        if not lines:
            faults.append(Fault(table.line, f"the table has no {noun} with a name; name the {noun}s to read"))
    if not faults and sheet is not None:
        faults += _off_page(named_rows, named_columns, sheet)
    if not faults:
        faults += _first_faults(named_rows, named_columns, sheet)
    if faults:
        raise FaultyFile(*faults)
    fields = [_field(row, column) for row in named_rows for column in named_columns]
    row_names = [row.name for row in named_rows if row.name is not None]
    column_names = [column.name for column in named_columns if column.name is not None]
    return fields, expand_rules(table, row_names, column_names, form_fields)


def _place_lines(
    table: Located, sheet: Sheet | None, find_lines: FindLines
) -> tuple[list[_Line], list[_Line]]:
    """Return the columns and rows of a table with their edges, in the units of the file."""
    columns, rows = table["columns"].items(), _row_items(table["rows"])
    names = [_named(column) for column in columns]
    faults = [
        Fault(column.line, f"the column {name!r} needs digits or cells; expected one of them")
        for column, name in zip(columns, names, strict=True)
        if name is not None and ("digits" in column) == ("cells" in column)
    ]
    if faults:
        raise FaultyFile(*faults)
    default = table.get("row_height")
    if "lines" in table:
        counts = [int(column["cells"].value) if "cells" in column else 1 for column in columns]
        across, down = find_lines(table, len(rows), counts)
        if sheet is not None:
            differing = [
                find_size_fault(columns, across, "width", default=None, mm=sheet.across),
                find_size_fault(rows, down, "height", default=default, mm=sheet.down),
            ]
            if found := [fault for fault in differing if fault is not None]:
                raise FaultyFile(*found)
    else:
        across = _edges(table["x"], [_size(column, "width", None, "column") for column in columns])
        down = _edges(table["y"], [_size(row, "height", default, "row") for row in rows])
    return _lines(columns, across), _lines(rows, down)


def _row_items(rows: Located) -> list[Located]:
    if isinstance(rows.value, list):
        return rows.items()
    return [_located(f"row{number}", rows.line) for number in range(1, int(rows.value) + 1)]


def _named(item: Located) -> str | None:
    """Return the name of a row or column, or None if it is not read."""
    if isinstance(item.value, str):
        return item.value
    name = item.get("name")
    return None if name is None else str(name.value)


def _size(item: Located, key: str, default: Located | None, noun: str) -> float:
    found = item.get(key) if isinstance(item.value, dict) else None
    found = found or default
    if found is None:
        name = _named(item)
        which = f"a {noun} without a name" if name is None else f"the {noun} {name!r}"
        more = " or a row_height of the table" if noun == "row" else ""
        raise FaultyFile(Fault(item.line, f"{which} has no {key}; expected its {key}{more}"))
    return float(found.value)


def _edges(start: Located, sizes: Sequence[float]) -> Edges:
    return tuple(accumulate(sizes, initial=float(start.value)))


def _lines(items: Sequence[Located], edges: Edges) -> list[_Line]:
    return [
        _Line(_named(item), start, end, item)
        for item, start, end in zip(items, edges[:-1], edges[1:], strict=True)
    ]


def _divide_evenly(table: Located, rows: int, cells: Sequence[int]) -> tuple[Edges, Edges]:
    width, height = float(table["width"].value), float(table["height"].value)
    return (
        _edges(table["x"], [width / len(cells)] * len(cells)),
        _edges(table["y"], [height / rows] * rows),
    )


def _repeats(lines: Sequence[_Line], noun: str) -> list[Fault]:
    """Return a fault for each name that an earlier row or column has, ignoring case as column names do."""
    seen: dict[str, int] = {}
    faults = []
    for line in lines:
        key = (line.name or "").lower()
        if key in seen:
            reason = f"the {noun} {line.name!r} is already named in line {seen[key]}; rename one of them"
            faults.append(Fault(line.item.line, reason))
        seen.setdefault(key, line.item.line)
    return faults


def _off_page(rows: Sequence[_Line], columns: Sequence[_Line], sheet: Sheet) -> list[Fault]:
    """Return a fault for the first column and the first row that extend beyond the page."""
    faults = []
    for lines, noun, unit, side, hint in (
        (columns, "column", sheet.across, sheet.width, "correct x, the widths of the columns or the units"),
        (rows, "row", sheet.down, sheet.height, "correct y, the heights of the rows or the units"),
    ):
        for line in lines:
            if line.end * unit > side + _OFF_PAGE_MM:
                reason = (
                    f"the {noun} {line.name!r} extends to {line.end * unit:.1f} mm, beyond the page of "
                    f"{side:.1f} mm; {hint}"
                )
                faults.append(Fault(line.item.line, reason))
                break
    return faults


def _first_faults(rows: Sequence[_Line], columns: Sequence[_Line], sheet: Sheet | None) -> list[Fault]:
    """Return the faults of each column in its first field, so that the message does not come once per row."""
    faults: list[Fault] = []
    known = sheet or Sheet(0, 0, 1, 1, None, None)
    for column in columns:
        item = _field(rows[0], column)
        try:
            field = read_field(item, known)
        except FaultyFile as exc:
            faults += [Fault(each.line, f"column {column.name!r}: {each.reason}") for each in exc.faults]
        else:
            if sheet is not None:
                faults += find_place_faults([(item.line, field)], width=sheet.width, height=sheet.height)
    return faults


def _field(row: _Line, column: _Line) -> Located:
    """Return a field of a table as the file would have it."""
    line = column.item.line
    place: dict[str, Any] = {"x": column.start, "y": row.start, "width": column.size, "height": row.size}
    if "digits" in column.item:
        kind = "box"
        place["digits"] = column.item["digits"]
    else:
        kind, count = "cells", int(column.item["cells"].value)
        width = column.size / count
        place |= {"width": width, "pitch": width, "count": count}
    copied = {key: column.item[key] for key in _COPIED if key in column.item}
    return _located({"name": f"{row.name}.{column.name}", kind: place, **copied}, line)


def _located(value: Any, line: int) -> Located:
    """Return plain values with the line that they come from. Parts that have a line keep it."""
    if isinstance(value, Located):
        return value
    if isinstance(value, dict):
        return Located({key: _located(held, line) for key, held in value.items()}, line)
    return Located(value, line, str(value))
