"""Check that fields are on the page, do not overlap, and are large enough to write in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.templates.model import Cells, Field
from lenet_pipeline.forms.templates.yaml_text import Fault

_MOST_PLACES = 4_000  # cells and boxes on one page: 40 by 100 of 5 mm on A4
_OFF_PAGE_MM = 0.1  # allows for rounding
_OVERLAP_MM = 0.3  # half a thick line: a place ends in the middle of its lines
_LEAST_SIDE_MM = 1.0

Places = NDArray[np.float64]  # (n, 4): left, top, right, bottom in millimetres


def find_place_faults(fields: list[tuple[int, Field]], *, width: float, height: float) -> list[Fault]:
    """Return the faults in the places of a page's fields.

    Args:
        fields: each field with its line in the template.
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


def count_places(field: Field) -> int:
    """Return the number of cells in a field; a box counts as one."""
    return field.place.columns * field.place.rows if isinstance(field.place, Cells) else 1


def _corners(field: Field) -> Places:
    return np.array([(r.x, r.y, r.x + r.width, r.y + r.height) for r in field.place.rectangles()])


def _one_field_faults(line: int, field: Field, width: float, height: float) -> list[Fault]:
    first = field.place.rectangles()[0]
    if min(first.width, first.height) < _LEAST_SIDE_MM:
        reason = (
            f"{field.name} is {first.width:.2f} x {first.height:.2f} mm, too small to write a digit in; "
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
    if isinstance(field.place, Cells):
        return _pitch_faults(line, field.name, field.place)
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


def _overlap_faults(fields: list[tuple[int, Field]]) -> list[Fault]:
    """Return a fault for each field that overlaps an earlier one."""
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
            first_line, first = fields[owners[hit[0]]]
            line, second = fields[owner]
            mm = " x ".join(f"{side:.1f}" for side in shared[hit[0]])
            reason = f"{second.name} overlaps {first.name} in line {first_line} by {mm} mm; move one of them"
            faults.append(Fault(line, reason))
    return faults
