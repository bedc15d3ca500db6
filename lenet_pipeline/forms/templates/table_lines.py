"""Find the printed lines of a table on the blank form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey
from lenet_pipeline.forms.templates.references import render_page
from lenet_pipeline.forms.templates.sheet import Sheet
from lenet_pipeline.forms.templates.yaml_text import Fault, FaultyFile, Located
from lenet_pipeline.ingest import UnreadableImageError

_MARGIN_MM = 3.0  # a person places the area of a table this exactly
_DARKER = 25  # grey levels below the paper: fainter print is no line
_GAP_MM = 2.0  # the widest gap in a dotted or broken line
_SHARE = 0.75  # of a table's side: shorter lines are text or other print
_NARROWEST_CELL_MM = 2.5  # people never write into narrower ones: the lines are not the column's
_DECIMALS = 1  # tenths of a millimetre, so that a fingerprint does not depend on single pixels

Edges = tuple[float, ...]


def find_table_lines(table: Located, rows: int, cells: Sequence[int], *, sheet: Sheet) -> tuple[Edges, Edges]:
    """Return the edges of a table's columns and rows, in the units of the file.

    Args:
        table: the table, with ``x``, ``y``, ``width`` and ``height`` of its area.
        rows: the number of rows.
        cells: the number of cells in each column. Lines may divide them or not.
        sheet: the page and its blank form.

    Raises:
        FaultyFile: there is no blank form, its outermost lines are not at the edges of the area, or it has
            another number of lines there.
    """
    if sheet.reference is None:
        reason = "lines: printed takes places from the blank form; add a reference, or widths and heights"
        raise FaultyFile(Fault(table["lines"].line, reason))
    pixels_per_mm = ALIGNED_DPI / MM_PER_INCH
    size = round(sheet.width * pixels_per_mm), round(sheet.height * pixels_per_mm)
    try:
        page = render_page(sheet.reference, width=size[0], height=size[1])
    except UnreadableImageError as exc:
        raise FaultyFile(Fault(table.line, f"cannot read the reference: {exc}")) from exc
    area = sheet.rectangle(table).pixels()
    faults, found = [], []
    for axis, picture, sides, counts in (
        (_ACROSS, page, area, {len(cells) + 1, sum(cells) + 1}),
        (_DOWN, page.T, (area[1], area[0], area[3], area[2]), {rows + 1}),
    ):
        lines = _find_lines(picture, sides[::2], sides[1::2])
        everywhere = sorted({*lines, *_find_lines(picture, (0, picture.shape[1]), sides[1::2])})
        edges = sides[0] / pixels_per_mm, sides[2] / pixels_per_mm
        faults += _axis_faults(table, axis, _Lines(lines, everywhere, edges), counts)
        found.append(lines)
    across, down = found
    if not faults:
        if len(across) != len(cells) + 1:  # lines divide the cells too
            across = [across[number] for number in accumulate(cells, initial=0)]
        faults += _narrow_faults(table, across, cells)
    if faults:
        raise FaultyFile(*faults)
    return tuple(edge / sheet.across for edge in across), tuple(edge / sheet.down for edge in down)


@dataclass(frozen=True)
class _Axis:
    """The words for one direction of a table in messages."""

    kind: str
    noun: str
    keys: tuple[str, str]
    edges: tuple[str, str]


_ACROSS = _Axis("vertical", "column", ("x", "width"), ("left", "right"))
_DOWN = _Axis("horizontal", "row", ("y", "height"), ("top", "bottom"))


@dataclass(frozen=True)
class _Lines:
    """The lines in a table's area and on the whole page, and the stated edges, in millimetres."""

    inside: Sequence[float]
    everywhere: Sequence[float]
    edges: tuple[float, float]


def _axis_faults(table: Located, axis: _Axis, lines: _Lines, counts: set[int]) -> list[Fault]:
    """Return the faults of a table's edges, or else of the number of its lines, in one direction."""
    start, size = axis.keys
    if 2 * len(lines.everywhere) < min(counts):
        reason = (
            f"the blank form has {len(lines.everywhere)} {axis.kind} lines as long as the table; expected "
            f"{' or '.join(map(str, sorted(counts)))}; the blank form must be level and empty, and x, y, "
            "width and height must be those of the table"
        )
        return [Fault(table["lines"].line, reason)]
    faults = []
    for edge, name, key, keys in zip(
        lines.edges, axis.edges, axis.keys, (start, f"{start} + {size}"), strict=True
    ):
        nearest = min(lines.everywhere, key=lambda place: abs(place - edge))
        if abs(nearest - edge) > _MARGIN_MM + 0.5 * 10**-_DECIMALS:
            reason = (
                f"the {name} edge of the table is at {edge:.1f} mm ({keys}), and the nearest printed line at "
                f"{nearest:g} mm; expected at most {_MARGIN_MM:g} mm between them; correct {start} or "
                f"{size}"
            )
            faults.append(Fault(table[key].line, reason))
    if not faults and len(lines.inside) not in counts:
        faults.append(Fault(table["lines"].line, _count_reason(axis, lines.inside, counts)))
    return faults


def _count_reason(axis: _Axis, found: Sequence[float], counts: set[int]) -> str:
    listed, *divided = (count - 1 for count in sorted(counts))
    cells = f" ({divided[0]} where lines divide their cells)" if divided else ""
    places = ", ".join(f"{place:g}" for place in found)
    return (
        f"the table lists {listed} {axis.noun}{'' if listed == 1 else 's'}{cells}, and the printed lines "
        f"make {len(found) - 1}: they are at {places} mm; correct the {axis.noun}s"
        f"{' or their cells' if axis is _ACROSS else ''}, or {' and '.join(axis.keys)}"
    )


def _narrow_faults(table: Located, edges: Sequence[float], cells: Sequence[int]) -> list[Fault]:
    """Return a fault for each column whose printed lines leave no room to write in its cells."""
    faults = []
    for column, (left, right), count in zip(table["columns"].items(), pairwise(edges), cells, strict=True):
        if count > 1 and (right - left) / count < _NARROWEST_CELL_MM:
            reason = (
                f"the column {column['name'].value!r} is between the printed lines at {left:g} and {right:g}"
                f" mm, which makes its {count} cells {(right - left) / count:.1f} mm wide; expected at least "
                f"{_NARROWEST_CELL_MM:g} mm; correct the columns or the width of the table"
            )
            faults.append(Fault(column.line, reason))
    return faults


def _find_lines(page: Grey, across: tuple[float, float], along: tuple[float, float]) -> list[float]:
    """Return the places of the vertical lines in an area, in millimetres from the page's left edge.

    Args:
        page: uint8 (height, width) at ``ALIGNED_DPI``; transposed to find horizontal lines.
        across: the left and right edge of the area in pixels.
        along: its top and bottom edge in pixels.
    """
    pixels_per_mm = ALIGNED_DPI / MM_PER_INCH
    margin = _MARGIN_MM * pixels_per_mm
    first = max(0, round(across[0] - margin))
    # Stay inside the area along the lines, because they may end at its edge.
    inset = min(margin, 0.2 * (along[1] - along[0]))
    part = page[
        max(0, round(along[0] + inset)) : round(along[1] - inset), first : round(across[1] + margin) + 1
    ]
    if not part.size:
        return []
    is_dark = (part.astype(np.int16) < np.median(part) - _DARKER).astype(np.uint8)
    # Widen first, because a slightly slanted line leaves its column.
    wide = cv2.dilate(is_dark, np.ones((1, 3), np.uint8))
    gap = round(_GAP_MM * pixels_per_mm)
    closed = cv2.morphologyEx(
        wide, cv2.MORPH_CLOSE, np.ones((gap, 1), np.uint8), borderType=cv2.BORDER_REPLICATE
    )
    is_line = np.asarray(closed, np.float64).mean(axis=0) >= _SHARE
    return [
        round((first + start + (end - start) / 2) / pixels_per_mm, _DECIMALS) for start, end in _runs(is_line)
    ]


def _runs(is_line: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the start and end of each run of True values."""
    padded = np.concatenate([[False], is_line, [False]]).astype(np.int8)
    steps = np.diff(padded)
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))
