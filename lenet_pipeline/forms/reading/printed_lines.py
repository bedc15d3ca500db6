"""Find the printed lines along the edges of cells: their place, their thickness and their style.

A printed line is straight, as long as its edge, and near its expected place. The farther it is from there,
the more of the edge it must cover, so that strokes such as a 1 do not count as lines. All places are in
pixels of the given part of the aligned page.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.reading.edge_profiles import (
    REACH,
    Edges,
    Sums,
    find_ridges,
    measure_full_profiles,
    nearest_columns,
)
from lenet_pipeline.forms.reading.ink import Line
from lenet_pipeline.schema import Floats

_FREE_PX = 8  # 1 mm: the largest distance of a line from the smooth model of its field
_SIMILAR = 0.5  # of the darkest line near an edge: the nearest line that is as dark as this is the edge's
_LEAST_LINE = 7.0  # grey levels between a line and its surroundings
_LINE_REACH = 10  # pixels on each side of an edge, enough for a thick line or both lines of a double one
_AT_PLACE = 2  # pixels: up to this distance from its edge, a line may have gaps
_LEAST_LEVEL = 6.0  # grey levels: paler columns are paper
_AT_PLACE_SHARE, _AWAY_SHARE = 0.2, 0.5  # of the darkness of a field's lines: the same limit
_SAME_START_PX = 3.0  # neighbouring cells may find the end of the line between them at different places
_NEXT = np.ones((1, 3), np.uint8)
_DARKEST = 0.85  # the quantile along a line that gives its darkness, which ignores the gaps of dotted lines
_EXCESS, _EXCESS_LEVELS = 1.25, 10.0  # a line may be this much darker than the others of its field


def find_line_places(
    sums: Sums, edges: Edges, across: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the place of the line that is nearest to each edge, and whether there is one, (m,) each.

    Args:
        sums: the result of ``sum_darkness``, transposed if necessary, so that the edges run along columns.
        edges: the edges, with ends at the lines that they meet.
        across: the expected place of each edge, (m,).
    """
    full, _ = measure_full_profiles(sums, edges, across)
    ridges = find_ridges(full)[:, REACH - _FREE_PX - 1 : REACH + _FREE_PX + 2]
    before, peak, after = ridges[:, :-2], ridges[:, 1:-1], ridges[:, 2:]
    limit = np.maximum(_SIMILAR * peak.max(axis=1, keepdims=True), _LEAST_LINE)
    is_peak = (peak >= before) & (peak >= after) & (peak > limit)
    distance = np.where(is_peak, np.abs(np.arange(-_FREE_PX, _FREE_PX + 1)), np.inf)
    rows, best = np.arange(len(across)), distance.argmin(axis=1)
    before, peak, after = (side[rows, best] for side in (before, peak, after))
    bend = before - 2 * peak + after
    part = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1), 0)
    is_found = np.isfinite(distance.min(axis=1))
    found = nearest_columns(across) + 0.5 + best - _FREE_PX + np.clip(part, -0.5, 0.5)
    return np.where(is_found, found, across), is_found


def cut_lines(
    darkness: Floats,
    sums: Sums,
    edges: Edges,
    expected: NDArray[np.float64],
    across: NDArray[np.float64],
    is_line: NDArray[np.bool_],
) -> Sequence[Line]:
    """Return the printed lines along the edges, with the darkness of each.

    Args:
        darkness: the darkness of the page, transposed like ``sums``.
        sums: the result of ``sum_darkness``.
        edges: the edges.
        expected: the place of each edge by the smooth model of its field, (m,).
        across: the place of each edge on the page, (m,).
        is_line: whether the edge is a printed line, (m,).
    """
    chosen = np.flatnonzero(is_line)
    if not len(chosen):
        return ()
    full, partial = (
        one[:, REACH - _LINE_REACH : REACH + _LINE_REACH + 1]
        for one in measure_full_profiles(sums, edges, across)
    )
    columns = nearest_columns(across)
    offsets = np.arange(-_LINE_REACH, _LINE_REACH + 1)
    is_at_place = np.abs(offsets) <= _AT_PLACE
    is_near = (np.abs(offsets) <= _FREE_PX) | (
        np.abs(columns[:, None] + offsets - nearest_columns(expected)[:, None]) <= _FREE_PX
    )
    covered = np.where(is_at_place, partial, np.where(is_near, full, 0))
    levels = {index: _darkest(darkness, edges, int(columns[index]), index) for index in chosen.tolist()}
    # Writing along one edge makes it darker than the others. Do not count the excess as line.
    darkest = _EXCESS * float(np.median([level[is_at_place].max() for level in levels.values()]))
    darkest += _EXCESS_LEVELS
    usual = float(np.median(covered[chosen].max(axis=1)))
    is_core = covered > np.where(is_at_place, max(_LEAST_LEVEL, _AT_PLACE_SHARE * usual), _AWAY_SHARE * usual)
    lines = []
    for index in _without_duplicates(edges, columns, chosen):
        level = levels[index]
        # A darker column away from the line's place is a stroke.
        is_print = is_core[index] & (is_at_place | (level <= darkest))
        is_print = cv2.dilate(is_print.view(np.uint8)[None], _NEXT)[0] > 0
        profile = np.where(is_print, np.clip(level, 0, darkest), np.float32(0))
        lines.append(
            Line(
                edges.is_vertical,
                int(columns[index]),
                round(edges.start[index]),
                round(edges.stop[index]),
                profile,
            )
        )
    return lines


def _darkest(darkness: Floats, edges: Edges, column: int, index: int) -> Floats:
    """Return the darkness of the dark parts of an edge's column and the columns around it."""
    height, width = darkness.shape
    rows = darkness[max(0, round(edges.start[index])) : max(1, min(height, round(edges.stop[index])))]
    columns = np.clip(column + np.arange(-_LINE_REACH, _LINE_REACH + 1), 0, width - 1)
    near = rows[:, columns]
    rank = int(_DARKEST * (len(near) - 1))
    return np.asarray(np.partition(near, rank, axis=0)[rank], dtype=np.float32)


def _without_duplicates(edges: Edges, columns: NDArray[np.intp], chosen: NDArray[np.intp]) -> list[int]:
    """Return the chosen edges without repeats, because neighbouring cells may share a line."""
    kept: list[int] = []
    for index in sorted(chosen.tolist(), key=lambda index: int(columns[index])):
        near = [one for one in kept if columns[index] - columns[one] <= 1]
        if all(abs(edges.start[index] - edges.start[one]) > _SAME_START_PX for one in near):
            kept.append(index)
    return kept
