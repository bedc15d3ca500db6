"""Check that fields and choices are on the page, do not overlap, and are large enough to write in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.templates.model import Cells, Choice, Field
from lenet_pipeline.forms.templates.yaml_text import Fault

_MOST_PLACES = 4_000  # cells and boxes on one page: 40 by 100 of 5 mm on A4
_OFF_PAGE_MM = 0.1  # allows for rounding
_OVERLAP_MM = 0.3  # half a thick line: a place ends in the middle of its lines
_LEAST_SIDE_MM = 1.0

Places = NDArray[np.float64]  # (n, 4): left, top, right, bottom in millimetres
Placed = Field | Choice


def find_place_faults(fields: Sequence[tuple[int, Placed]], *, width: float, height: float) -> list[Fault]:
    """Return the faults in the places of a page's fields and choices.

    Args:
        fields: each field or choice with its line in the template.
        width: the width of the page in millimetres.
        height: the height of the page in millimetres.
    """
    total = sum(count_places(field) for _, field in fields)
    if total > _MOST_PLACES:
        reason = (
            f"the fields have {total:,} cells, and a page has room for {_MOST_PLACES:,}; check the counts"
        )
        return [Fault(fields[0][0], reason)]
    faults = []
    for line, field in fields:
        faults += _one_field_faults(line, field, width, height)
    return faults + _overlap_faults(fields)


def count_places(field: Placed) -> int:
    """Return the number of cells or bubbles; a box for digits counts as one."""
    return len(field.rectangles())


def _corners(field: Placed) -> Places:
    return np.array([(r.x, r.y, r.x + r.width, r.y + r.height) for r in field.rectangles()])


def _one_field_faults(line: int, field: Placed, width: float, height: float) -> list[Fault]:
    smallest = min(field.rectangles(), key=lambda place: min(place.width, place.height))
    if min(smallest.width, smallest.height) < _LEAST_SIDE_MM:
        purpose = "write a digit in" if isinstance(field, Field) else "mark"
        reason = (
            f"{field.name} is {smallest.width:.2f} x {smallest.height:.2f} mm, too small to {purpose}; "
            "check its size and the units"
        )
        return [Fault(line, reason)]
    right, bottom = _corners(field)[:, 2:].max(axis=0)
    if right > width + _OFF_PAGE_MM or bottom > height + _OFF_PAGE_MM:
        reason = (
            f"{field.name} extends to {right:.1f} mm across and {bottom:.1f} mm down, beyond the page of "
            f"{width:.1f} x {height:.1f} mm; correct its position, pitch or count, or the units"
        )
        return [Fault(line, reason)]
    if isinstance(field, Choice):
        return _own_overlaps(line, field)
    if isinstance(field.place, Cells):
        return _pitch_faults(line, field.name, field.place)
    return []


def _own_overlaps(line: int, choice: Choice) -> list[Fault]:
    """Return a fault for the first two options of a choice that overlap each other."""
    corners = _corners(choice)
    for number, place in enumerate(corners):
        shared = np.minimum(corners[:number, 2:], place[2:]) - np.maximum(corners[:number, :2], place[:2])
        hit = np.flatnonzero(shared.min(axis=1) > _OVERLAP_MM)
        if hit.size:
            one, other = choice.options[hit[0]], choice.options[number]
            reason = (
                f"the options {one.name!r} and {other.name!r} of {choice.name} overlap; correct their "
                "places, or the pitch"
            )
            return [Fault(line, reason)]
    return []


def _pitch_faults(line: int, name: str, cells: Cells) -> list[Fault]:
    """Return a fault if the cells of one field overlap each other."""
    for count, pitch, side, words in (
        (cells.columns, cells.pitch, cells.first.width, ("pitch", "wide")),
        (cells.rows, cells.row_pitch, cells.first.height, ("row_pitch", "high")),
    ):
        if count > 1 and side - pitch > _OVERLAP_MM:
            reason = (
                f"the cells of {name} overlap: they are {side:.2f} mm {words[1]} and the {words[0]} is "
                f"{pitch:.2f} mm; expected a {words[0]} of at least {side:.2f} mm"
            )
            return [Fault(line, reason)]
    return []


def _overlap_faults(fields: Sequence[tuple[int, Placed]]) -> list[Fault]:
    """Return a fault for each field or choice that overlaps an earlier one."""
    if not fields:
        return []
    corners = np.concatenate([_corners(field) for _, field in fields])
    owners = np.repeat(np.arange(len(fields)), [count_places(field) for _, field in fields])
    faults, reported = [], set()
    for place, owner in zip(corners, owners, strict=True):
        earlier = owners < owner
        shared = np.minimum(corners[:, 2:], place[2:]) - np.maximum(corners[:, :2], place[:2])
        hit = np.flatnonzero(earlier & (shared.min(axis=1) > _OVERLAP_MM))
        if hit.size and owner not in reported:
            reported.add(owner)
            first_line, first = fields[int(owners[hit[0]])]
            line, second = fields[int(owner)]
            mm = " x ".join(f"{side:.1f}" for side in shared[hit[0]])
            reason = f"{second.name} overlaps {first.name} in line {first_line} by {mm} mm; move one of them"
            faults.append(Fault(line, reason))
    return faults
