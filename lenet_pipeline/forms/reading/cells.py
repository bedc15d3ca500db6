"""Refine cells: move each edge to the printed line on the page.

Alignment leaves errors of a few pixels, and so does a template written by hand. Each edge is searched for
within 1.5 mm of its expected place. All edges of a field share one shift and one slope along each axis, and
each edge has a small correction of its own, so that writing in one cell cannot move its edges far.
All places are in pixels of the aligned page, unless stated otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.reading.edge_profiles import (
    SEARCHED_PX,
    Edges,
    Sums,
    find_ridges,
    has_line,
    match_lines,
    match_profiles,
    measure_profiles,
    nearest_columns,
    sum_darkness,
)
from lenet_pipeline.forms.reading.ink import Line
from lenet_pipeline.forms.reading.printed_lines import cut_lines, find_line_places
from lenet_pipeline.forms.templates.model import Field
from lenet_pipeline.schema import Floats

Places = NDArray[np.float64]  # (n, 4): left, top, right and bottom

_PLAIN_LINE = 20.0  # grey levels: from here on, a line is certain
_PLAIN_MATCH = 0.5  # of 1: from here on, a match with the reference is certain
_FAR_COST = 0.35  # of a perfect match, at the end of the search, so that the nearer of two equal places wins
_SLOPES = np.linspace(-0.05, 0.05, 21)  # pixels per pixel: how much wider columns may be
_STEEP_COST = 0.2  # of a perfect match, for the steepest slope
_NEAR_PX = 3  # the distance from the common shift in which each edge finds its own
_SLOPE_SPREAD = 0.004  # pixels per pixel: the local stretch or shear that alignment may leave
_SHIFT_SPREAD = 4.0  # pixels
_EDGE_SPREAD = 0.6  # pixels: the uncertainty of an edge's measured place
_OWN_SHARE = 0.8  # of an edge's deviation from its field's smooth model, to apply as a correction
_MOST_CORRECTION = 1.2  # pixels: the largest such correction


@dataclass(frozen=True)
class ExpectedEdges:
    """The places at which a page should have edges of one direction.

    Attributes:
        edges: the edges by the template.
        across: their coordinates on the blank form, or by the template without one, float64 (m,).
        pattern: the blank form's darkness around each edge, (m, 2r + 1), or None without a blank form.
        is_printed: whether the blank form has a line there, bool (m,). All True without a blank form.
    """

    edges: Edges
    across: NDArray[np.float64]
    pattern: Floats | None
    is_printed: NDArray[np.bool_]


@dataclass(frozen=True)
class RefinedCells:
    """The cells of a field at their places on the page, and the printed lines along their edges."""

    places: Places
    lines: tuple[Line, ...]


def template_places(field: Field) -> Places:
    """Return the places of a field's cells, or of its one box, by the template."""
    rectangles = field.place.rectangles()
    return np.array([rectangle.pixels() for rectangle in rectangles], dtype=np.float64)


def expect_edges(reference: Floats | None, places: Places) -> tuple[ExpectedEdges, ExpectedEdges]:
    """Return the expected vertical and horizontal edges of a field's cells on pages of a form.

    Args:
        reference: the darkness of the blank form around the field, (height, width), or None.
        places: the cells by the template, in pixels of ``reference``.
    """
    sums = None if reference is None else sum_darkness(reference)
    vertical, horizontal = _edges(places, True), _edges(places, False)
    return _expect(sums, vertical), _expect(None if sums is None else sums.T, horizontal)


def refine_cells(darkness: Floats, expected: tuple[ExpectedEdges, ExpectedEdges]) -> RefinedCells:
    """Find the cells of one field and their lines on the page.

    Args:
        darkness: the darkness of the page around the field, (height, width).
        expected: the result of ``expect_edges`` for the same area.
    """
    sums = sum_darkness(darkness)
    vertical, horizontal = expected
    # Horizontal lines first: they show how long the vertical ones are, and a stroke is not as long.
    top, bottom, level = _find_lines(darkness.T, sums.T, horizontal, horizontal.edges)
    ends = Edges(True, vertical.edges.across, np.tile(top, 2), np.tile(bottom, 2))
    left, right, upright = _find_lines(darkness, sums, vertical, ends)
    return RefinedCells(np.column_stack([left, top, right, bottom]), (*upright, *level))


def _find_lines(
    darkness: Floats, sums: Sums, expected: ExpectedEdges, ends: Edges
) -> tuple[NDArray[np.float64], NDArray[np.float64], Sequence[Line]]:
    """Return the first and the second edge of each cell in one direction, (n,) each, and their lines.

    Args:
        darkness: transposed if necessary, so that the edges run along its columns.
        sums: the result of ``sum_darkness``, transposed likewise.
        expected: the expected edges.
        ends: the same edges with their ends on the page.
    """
    smooth, profiles = _find_edges(sums, expected)
    found, is_found = find_line_places(sums, ends, smooth)
    across = np.where(is_found & expected.is_printed, found, smooth)
    is_line = expected.is_printed & (is_found | has_line(profiles))
    first, second = np.split(across, 2)
    return first, second, cut_lines(darkness, sums, ends, smooth, across, is_line)


def _edges(places: Places, is_vertical: bool) -> Edges:
    """Return the left and then the right edges of cells, or the top and then the bottom edges."""
    first, second, start, stop = (0, 2, 1, 3) if is_vertical else (1, 3, 0, 2)
    return Edges(
        is_vertical,
        np.concatenate([places[:, first], places[:, second]]),
        np.tile(places[:, start], 2),
        np.tile(places[:, stop], 2),
    )


def _expect(sums: Sums | None, edges: Edges) -> ExpectedEdges:
    """Move edges to the lines of the blank form, and record their patterns."""
    if sums is None:
        return ExpectedEdges(edges, edges.across, None, np.ones(len(edges.across), dtype=np.bool_))
    matches = match_lines(find_ridges(measure_profiles(sums, edges, edges.across)))
    rounded = nearest_columns(edges.across) + 0.5 - edges.across
    across = edges.across + _displacements(matches, _PLAIN_LINE, edges, rounded)
    pattern = measure_profiles(sums, edges, across)
    return ExpectedEdges(edges, across, pattern, has_line(pattern))


def _find_edges(sums: Sums, expected: ExpectedEdges) -> tuple[NDArray[np.float64], Floats]:
    """Return the place of each edge on the page by the model of its field, and its profile there.

    ``sums`` is transposed if necessary, so that the edges run along its columns.
    """
    edges, places = expected.edges, expected.across
    profiles = measure_profiles(sums, edges, places)
    if expected.pattern is not None:
        matches = match_profiles(expected.pattern, profiles)
        across = places + _displacements(matches, _PLAIN_MATCH, edges, np.zeros(len(places)))
    else:
        rounded = nearest_columns(places) + 0.5 - places
        across = places + _displacements(match_lines(find_ridges(profiles)), _PLAIN_LINE, edges, rounded)
    return across, measure_profiles(sums, edges, across)


def _displacements(
    matches: Floats, enough: float, edges: Edges, rounded: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return each edge's displacement, (m,): a smooth model of all edges plus a small correction.

    Args:
        matches: how well each displacement of each edge fits, (m, 2 * SEARCHED_PX + 1), from 0.
        enough: the match above which a displacement does not become more likely.
        edges: the expected edges.
        rounded: the value to add to each displacement, because matches are taken at whole pixels, (m,).

    Returns:
        The displacements, or zeros if no edge matches anywhere.
    """
    # Every line has one vote, however dark. Otherwise, a table's black rules would attract grey cells.
    votes = np.minimum(matches, enough) / enough
    if not votes.any():
        return np.zeros(len(matches))
    design = _design(edges)
    start = _search_common(np.asarray(votes, dtype=np.float32), design[:, 1])
    spreads = np.array([_SHIFT_SPREAD, _SLOPE_SPREAD, _SLOPE_SPREAD])
    prior = _EDGE_SPREAD**2 / spreads**2
    model = start
    for _ in range(2):
        predicted = design @ model
        found, weight = _peaks_near(matches, predicted)
        residual = found + rounded - predicted
        robust = weight / (1 + (residual / _EDGE_SPREAD) ** 2)
        moments = (design * robust[:, None]).T @ design + np.diag(prior)
        pull = prior * (model - start)
        model = model + np.linalg.solve(moments, design.T @ (robust * residual) - pull)
    predicted = design @ model
    residual = found + rounded - predicted
    own = np.where(np.abs(residual) <= 2, residual, 0) * weight * _OWN_SHARE
    own = np.minimum(np.maximum(own, -_MOST_CORRECTION), _MOST_CORRECTION)
    return np.asarray(predicted + own, dtype=np.float64)


def _search_common(votes: Floats, across: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the shift, the slope across and the slope along, 0, that most edges vote for.

    Args:
        votes: of each edge for each displacement, (m, 2 * SEARCHED_PX + 1), 0 to 1.
        across: the coordinate of each edge from the field's middle, (m,).
    """
    offsets = np.arange(-SEARCHED_PX, SEARCHED_PX + 1)
    moved = np.rint(_SLOPES[:, None] * across).astype(np.intp)[:, :, None] + offsets + SEARCHED_PX
    padded = np.pad(votes, ((0, 0), (1, 1)))
    found = padded[np.arange(len(across))[:, None], np.clip(moved + 1, 0, padded.shape[1] - 1)]
    cost = _FAR_COST * np.abs(offsets) / SEARCHED_PX + _STEEP_COST * np.abs(_SLOPES[:, None]) / _SLOPES[-1]
    slope, offset = np.unravel_index(int((found.mean(axis=1) - cost).argmax()), cost.shape)
    return np.array([offsets[offset], _SLOPES[slope], 0.0])


def _design(edges: Edges) -> NDArray[np.float64]:
    """Return a row per edge: 1, and its coordinates across and along, both from the field's middle."""
    along = (edges.start + edges.stop) / 2
    return np.column_stack([np.ones(len(along)), edges.across - edges.across.mean(), along - along.mean()])


def _peaks_near(matches: Floats, predicted: NDArray[np.float64]) -> tuple[NDArray[np.float64], Floats]:
    """Return each edge's best subpixel displacement near the predicted one, and its weight."""
    rows = np.arange(len(matches))
    start = np.rint(predicted).astype(np.intp) + SEARCHED_PX
    near = np.clip(start[:, None] + np.arange(-_NEAR_PX, _NEAR_PX + 1), 1, matches.shape[1] - 2)
    best = near[rows, matches[rows[:, None], near].argmax(axis=1)]
    before, peak, after = (matches[rows, best + step] for step in (-1, 0, 1))
    bend = before - 2 * peak + after
    part = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1), 0)
    usual = max(float(np.median(peak)), 1e-3)
    weight = np.clip(peak / usual, 0, 1)
    return best - SEARCHED_PX + np.clip(part, -0.5, 0.5), np.asarray(weight, dtype=np.float32)
