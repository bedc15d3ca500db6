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
_DARKER = 1.6  # times the usual darkness of a field's lines: darker ones are strokes
_NO_LINE = 12.0  # pixels: the distance that counts for an edge without a line
_SAME_PX = 3.0  # places that are closer are the same line
_LEAST_LINE = 7.0  # grey levels between a line and its surroundings
_LINE_REACH = 10  # pixels on each side of an edge, enough for a thick line or both lines of a double one
_AT_PLACE = 2  # pixels: up to this distance from its edge, a line may have gaps
_LEAST_LEVEL = 6.0  # grey levels: paler columns are paper
_AT_PLACE_SHARE, _AWAY_SHARE = 0.2, 0.5  # of the darkness of a field's lines: the same limit
_SAME_START_PX = 3.0  # neighbouring cells may find the end of the line between them at different places
_NEXT = np.ones((1, 3), np.uint8)
_SAMPLES = 60  # pixels along each line
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
    darkest = peak.max(axis=1, keepdims=True)
    # A pen is darker than most lines, so a much darker one is a stroke.
    usual = float(np.median(darkest))
    is_peak = (peak >= before) & (peak >= after) & (peak <= _DARKER * usual + _EXCESS_LEVELS)
    likely = np.where(is_peak, peak, 0).max(axis=1, keepdims=True)
    is_peak &= peak > np.maximum(_SIMILAR * likely, _LEAST_LINE)
    bend = before - 2 * peak + after
    part = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1), 0)
    steps = np.arange(-_FREE_PX, _FREE_PX + 1)
    places = nearest_columns(across)[:, None] + 0.5 + steps + np.clip(part, -0.5, 0.5)
    distances = np.where(is_peak, np.abs(places - across[:, None]), _NO_LINE)
    chosen = _choose_lines(places, distances, edges.start, across)
    rows = np.arange(len(across))
    is_found = distances[rows, chosen] < _NO_LINE
    return np.where(is_found, places[rows, chosen], across), is_found


def _choose_lines(
    places: NDArray[np.float64],
    distances: NDArray[np.float64],
    starts: NDArray[np.float64],
    across: NDArray[np.float64],
) -> NDArray[np.intp]:
    """Choose a line for each edge: the nearest one, but never the same line for two edges with a gap between.

    Args:
        places: the places at which there may be a line, (m, k).
        distances: their distances from the edge, or ``_NO_LINE`` if there is no line, (m, k).
        starts: where the edges start, (m,).
        across: the expected place of each edge, (m,).
    """
    chosen = np.asarray(distances.argmin(axis=1), dtype=np.intp)
    order = np.argsort(across, kind="stable").tolist()
    for index, one in enumerate(order):
        for other in order[index + 1 :]:
            gap = across[other] - across[one]
            if gap > 2 * _FREE_PX + _SAME_PX:
                break
            if gap <= _SAME_PX or abs(starts[one] - starts[other]) > _SAME_START_PX:
                continue
            mine, theirs = (distances[row, chosen[row]] for row in (one, other))
            between = places[other, chosen[other]] - places[one, chosen[one]]
            if max(mine, theirs) >= _NO_LINE or between > _SAME_PX:
                continue
            left = np.where(places[one] < places[other, chosen[other]] - _SAME_PX, distances[one], _NO_LINE)
            right = np.where(places[other] > places[one, chosen[one]] + _SAME_PX, distances[other], _NO_LINE)
            if theirs + left.min() <= mine + right.min():
                chosen[one] = left.argmin() if left.min() < _NO_LINE else _none(distances[one])
            else:
                chosen[other] = right.argmin() if right.min() < _NO_LINE else _none(distances[other])
    return chosen


def _none(distances: NDArray[np.float64]) -> int:
    """Return the index of a place without a line."""
    return int(distances.argmax())


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
    kept = _without_duplicates(edges, columns, chosen)
    offsets = np.arange(-_LINE_REACH, _LINE_REACH + 1)
    is_at_place = np.abs(offsets) <= _AT_PLACE
    is_near = (np.abs(offsets) <= _FREE_PX) | (
        np.abs(columns[:, None] + offsets - nearest_columns(expected)[:, None]) <= _FREE_PX
    )
    covered = np.where(is_at_place, partial, np.where(is_near, full, 0))[kept]
    levels = _measure_darkest(darkness, edges, columns, kept)
    # Writing along one edge makes it darker than the others. Do not count the excess as line.
    darkest = _EXCESS * float(np.median(levels[:, is_at_place].max(axis=1))) + _EXCESS_LEVELS
    usual = float(np.median(covered.max(axis=1)))
    least = np.where(is_at_place, max(_LEAST_LEVEL, _AT_PLACE_SHARE * usual), _AWAY_SHARE * usual)
    # A darker column away from the line's place is a stroke.
    is_print = (covered > least) & (is_at_place | (levels <= darkest))
    is_print = cv2.dilate(is_print.view(np.uint8), _NEXT) > 0
    profiles = np.where(is_print, np.minimum(np.maximum(levels, 0), darkest), 0).astype(np.float32)
    return [
        Line(
            edges.is_vertical,
            int(columns[index]),
            round(edges.start[index]),
            round(edges.stop[index]),
            profile,
        )
        for index, profile in zip(kept, profiles, strict=True)
    ]


def _measure_darkest(
    darkness: Floats, edges: Edges, columns: NDArray[np.intp], chosen: Sequence[int]
) -> Floats:
    """Return the darkness of the dark parts of each edge's column and the columns around it, (k, 2r + 1)."""
    height, width = darkness.shape
    shares = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    start, stop = edges.start[chosen], edges.stop[chosen]
    rows = np.clip((start[:, None] + (stop - start)[:, None] * shares).astype(np.intp), 0, height - 1)
    near = np.clip(columns[chosen][:, None] + np.arange(-_LINE_REACH, _LINE_REACH + 1), 0, width - 1)
    rank = int(_DARKEST * (_SAMPLES - 1))
    sampled = darkness[rows[:, :, None], near[:, None, :]]
    return np.asarray(np.partition(sampled, rank, axis=1)[:, rank], dtype=np.float32)


def _without_duplicates(edges: Edges, columns: NDArray[np.intp], chosen: NDArray[np.intp]) -> list[int]:
    """Return the chosen edges without repeats, because neighbouring cells may share a line."""
    kept: list[int] = []
    for index in sorted(chosen.tolist(), key=lambda index: int(columns[index])):
        near = [one for one in kept if columns[index] - columns[one] <= 1]
        if all(abs(edges.start[index] - edges.start[one]) > _SAME_START_PX for one in near):
            kept.append(index)
    return kept
