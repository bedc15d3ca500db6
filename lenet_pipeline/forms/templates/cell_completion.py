"""Find the cells that writing hides, by the size and the places of the cells that were found.

Forms repeat their cells. So a cell is likely next to a found one, and where the row of one found cell crosses
the column of another. It is there if the page has lines on all four sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from lenet_pipeline.forms.page import MM_PER_INCH, Grey
from lenet_pipeline.forms.templates.model import Rectangle
from lenet_pipeline.forms.templates.ruled_boxes import Mask8, find_lines, has_lines

_SAME_MM = 0.6  # between the sides of equal cells
_LEAST_COVERED, _LEAST_SIDE = 0.75, 0.3  # of all four sides by lines, and of each: writing hides some
_LINE_MM = 0.4  # how far a line may be from the side of a cell
_CORNER = 0.12  # of a side: the corners have the lines of the other sides
_MOST_OVERLAP_MM = 1.0
_MOST_CELLS = 600  # of one size: more is a page of text or a pattern
_MOST_COMPARED = 80  # cells: the places that they suggest grow with the square of their number
_SHARED = 0.6  # of the area of a box that cells cover: it is a part of them or several of them together


def complete_cells(cells: Sequence[Rectangle], page: Grey, dpi: float) -> list[Rectangle]:
    """Return the cells that are missing among some found ones.

    Args:
        cells: the cells found on a filled page, in millimetres.
        page: uint8 (height, width), level.
        dpi: pixels per inch.
    """
    scale = dpi / MM_PER_INCH
    lines = find_lines(page, scale)
    added: list[Rectangle] = []
    for group in _groups(cells):
        known = list(group)
        waiting: list[Rectangle] = list(group)
        while waiting and len(known) < _MOST_CELLS:
            # Adjacent cells first, because they share a side with a cell that is certain.
            places = [place for cell in waiting for place in _adjacent(cell)]
            waiting = _accept(places, known, page, lines, scale)
            known += waiting
            if not waiting and len(known) <= _MOST_COMPARED:
                waiting = _accept(_suggested(known), known, page, lines, scale)[:1]
                known += waiting
        added += known[len(group) :]
    return added


def _accept(
    places: Iterable[Rectangle],
    known: Sequence[Rectangle],
    page: Grey,
    lines: tuple[Mask8, Mask8],
    scale: float,
) -> list[Rectangle]:
    """Return the places with lines around them that overlap no known cell and no better place."""
    distinct = {(round(place.x, 1), round(place.y, 1)): place for place in places}
    height, width = page.shape
    free = [
        place
        for place in distinct.values()
        if min(place.x, place.y) >= 0
        and (place.x + place.width) * scale <= width
        and (place.y + place.height) * scale <= height
        and not any(overlap_mm(place, other) > _MOST_OVERLAP_MM for other in known)
    ]
    rated = [(_rate(place, *lines, scale), place) for place in free if has_lines(page, place, scale)]
    accepted: list[Rectangle] = []
    for rate, place in sorted(rated, key=lambda each: -each[0]):
        is_free = not any(overlap_mm(place, other) > _MOST_OVERLAP_MM for other in accepted)
        if rate >= _LEAST_COVERED and is_free:
            accepted.append(place)
    return accepted


def is_covered(box: Rectangle, cells: Sequence[Rectangle]) -> bool:
    """Return whether cells cover most of a box."""
    shared = 0.0
    for cell in cells:
        across = min(box.x + box.width, cell.x + cell.width) - max(box.x, cell.x)
        down = min(box.y + box.height, cell.y + cell.height) - max(box.y, cell.y)
        shared += max(across, 0.0) * max(down, 0.0)
    return shared > _SHARED * box.width * box.height


def overlap_mm(one: Rectangle, other: Rectangle) -> float:
    """Return the smaller side of the rectangle that two rectangles share, or a negative number."""
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return min(across, down)


def _groups(cells: Sequence[Rectangle]) -> list[list[Rectangle]]:
    """Return the cells in groups of equal size, without sizes that only one cell has."""
    groups: list[list[Rectangle]] = []
    for cell in cells:
        for group in groups:
            first = group[0]
            if max(abs(cell.width - first.width), abs(cell.height - first.height)) <= _SAME_MM:
                group.append(cell)
                break
        else:
            groups.append([cell])
    return [group for group in groups if len(group) > 1]


def _adjacent(cell: Rectangle) -> Iterator[Rectangle]:
    width, height = cell.width, cell.height
    for x, y in ((-width, 0.0), (width, 0.0), (0.0, -height), (0.0, height)):
        yield Rectangle(cell.x + x, cell.y + y, width, height)


def _suggested(known: Sequence[Rectangle]) -> Iterator[Rectangle]:
    """Yield the crossings of rows and columns of cells, and places at a distance that repeats."""
    for cell in known:
        for other in known:
            for x, y in (
                (other.x, cell.y),
                (2 * cell.x - other.x, cell.y),
                (cell.x, 2 * cell.y - other.y),
            ):
                yield Rectangle(x, y, cell.width, cell.height)


def _rate(place: Rectangle, across: Mask8, down: Mask8, scale: float) -> float:
    """Return the share of a place's four sides that lines cover, or 0 if one side has hardly any."""
    left, top = place.x * scale, place.y * scale
    right, bottom = (place.x + place.width) * scale, (place.y + place.height) * scale
    reach = max(1, round(_LINE_MM * scale))
    covered = [
        _covered(lines, side, start, end, reach)
        for lines, side, start, end in (
            (across, top, left, right),
            (across, bottom, left, right),
            (down.T, left, top, bottom),
            (down.T, right, top, bottom),
        )
    ]
    return sum(covered) / len(covered) if min(covered) >= _LEAST_SIDE else 0.0


def _covered(lines: Mask8, side: float, start: float, end: float, reach: int) -> float:
    """Return the share of a horizontal side that is on a line."""
    corner = _CORNER * (end - start)
    rows = slice(max(round(side) - reach, 0), round(side) + reach + 1)
    columns = slice(max(round(start + corner), 0), max(round(end - corner), 0))
    part = lines[rows, columns]
    return float(np.any(part, axis=0).mean()) if part.size else 0.0
