"""Complete rows of cells of which writing hides some: the found ones give the size and the pitch."""

from __future__ import annotations

from collections.abc import Sequence

from lenet_pipeline.forms.templates.model import Rectangle

_SAME_MM = 0.6  # between the sides of cells of one row, and their tops
_PITCH_MM = 0.5  # how far a cell may be from a whole number of cells
_MOST_MISSING = 5  # cells in a row, between two that were found
_COVERED = 0.6  # of the area of a box: one that cells cover is not a box of its own


def complete_rows(boxes: Sequence[Rectangle]) -> list[Rectangle]:
    """Return boxes with the cells that are missing between equal adjacent ones, without those they cover.

    Args:
        boxes: the boxes found on a filled page, in millimetres.
    """
    added: list[Rectangle] = []
    for box in boxes:
        following = _next_equal(box, boxes)
        if following is None:
            continue
        missing = round((following.x - box.x) / box.width) - 1
        pitch = (following.x - box.x) / (missing + 1)
        if 1 <= missing <= _MOST_MISSING and abs(pitch - box.width) * (missing + 1) <= _PITCH_MM:
            added += [
                Rectangle(box.x + number * pitch, box.y, box.width, box.height)
                for number in range(1, missing + 1)
            ]
    kept = [box for box in boxes if not any(_covers(cell, box) or _covers(box, cell) for cell in added)]
    return kept + added


def _next_equal(box: Rectangle, boxes: Sequence[Rectangle]) -> Rectangle | None:
    """Return the nearest equal box to the right on the same line."""
    equal = [
        other
        for other in boxes
        if other.x > box.x + box.width / 2
        and max(abs(other.y - box.y), abs(other.width - box.width), abs(other.height - box.height))
        <= _SAME_MM
    ]
    return min(equal, key=lambda other: other.x, default=None)


def _covers(one: Rectangle, other: Rectangle) -> bool:
    """Return whether one rectangle covers most of the other."""
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return min(across, down) > 0 and across * down > _COVERED * other.width * other.height
