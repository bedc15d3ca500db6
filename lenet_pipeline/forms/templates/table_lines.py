"""Find the printed lines of a table on the blank form."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

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
        FaultyFile: there is no blank form, or it has another number of lines in the area.
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
    area = sheet.rectangle(table)
    left, top, right, bottom = area.pixels()
    across = _find_lines(page, (left, right), (top, bottom))
    down = _find_lines(page.T, (top, bottom), (left, right))
    counts = {len(cells) + 1, sum(cells) + 1}
    faults = _count_faults(table, "vertical", across, counts) + _count_faults(
        table, "horizontal", down, {rows + 1}
    )
    if faults:
        raise FaultyFile(*faults)
    if len(across) != len(cells) + 1:  # lines divide the cells too
        across = [across[number] for number in accumulate(cells, initial=0)]
    return tuple(edge / sheet.across for edge in across), tuple(edge / sheet.down for edge in down)


def _count_faults(table: Located, kind: str, found: Sequence[float], expected: set[int]) -> list[Fault]:
    if len(found) in expected:
        return []
    places = f" at {', '.join(f'{place:g}' for place in found)} mm" if found else ""
    noun, axis = ("columns", "x and width") if kind == "vertical" else ("rows", "y and height")
    reason = (
        f"the blank form has {len(found)} {kind} lines in the area of the table{places}; expected "
        f"{' or '.join(map(str, sorted(expected)))} for its {noun}; correct {axis} or the {noun}, or give "
        "sizes instead of lines: printed"
    )
    return [Fault(table["lines"].line, reason)]


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
