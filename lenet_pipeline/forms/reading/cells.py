"""Cells as the paper has them: each edge is moved to where the page's own printed line is.

AlignedPage leaves some pixels of error, and a template written by hand has its own. Every edge of every
cell is searched within 1.5 mm of its place, and all edges of a field together decide: one shift and one
slope along each axis, then a small correction of each edge, so that what is written in one cell moves none.
All places are pixels of the aligned page unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH
from lenet_pipeline.forms.reading.ink import Floats, Line
from lenet_pipeline.forms.templates.model import Field

Places = NDArray[np.float64]  # (n, 4): left, top, right and bottom
Sums = NDArray[np.float64]

SEARCHED_PX = round(1.5 * ALIGNED_DPI / MM_PER_INCH)
_AROUND_PX = 16  # of an edge: what is compared with the reference; a table's rules near cells tell much
_REACH = SEARCHED_PX + _AROUND_PX
_SECTIONS = 8  # of an edge: writing crosses few of them, a printed line all
_RANK = 2  # the section, from the lightest, whose darkness counts as the line's
_INSET = 0.1  # of an edge's length, at both ends: there other lines meet it
_NARROW = 9  # pixels: what is wider is no line
_LEAST_LINE = 7.0  # levels a line stands out by
_PLAIN_LINE = 20.0  # levels by which a line stands out plainly
_PLAIN_MATCH = 0.5  # of 1, at which an edge plainly matches the reference's
_FAR_COST = 0.35  # of a perfect match, at the end of the search: of two equal places the nearer is right
_NEAR_PX = 3  # around the common shift, in which each edge finds its own
_SLOPE_SPREAD = 0.004  # pixels a pixel: how much registration may stretch or shear a page locally
_SHIFT_SPREAD = 4.0  # pixels
_EDGE_SPREAD = 0.6  # pixels by which an edge's measured place is uncertain
_OWN_SHARE = 0.8  # of an edge's difference from its field's smooth model that counts as its own
_MOST_CORRECTION = 1.2  # pixels by which one edge may differ from its field's smooth model
_LINE_REACH = 6  # pixels to each side of a line: all of a thick one


@dataclass(frozen=True)
class Edges:
    """Edges of one direction, each (m,): where each lies across itself, and from where to where it runs."""

    is_vertical: bool
    across: NDArray[np.float64]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]


@dataclass(frozen=True)
class ExpectedEdges:
    """Where a page should have edges of one direction, as far as the template and the blank form say.

    ``across`` float64 (m,). ``pattern`` is the blank form's darkness around each edge, (m, 2r + 1), and
    ``is_printed`` bool (m,) whether it has a line there; without a blank form None, and all True.
    """

    edges: Edges
    across: NDArray[np.float64]
    pattern: Floats | None
    is_printed: NDArray[np.bool_]


@dataclass(frozen=True)
class RefinedCells:
    """The cells of a field where the page has them, and the printed lines found along their edges."""

    places: Places
    lines: tuple[Line, ...]


def template_places(field: Field) -> Places:
    """Return where the template puts a field's cells, or its one box."""
    rectangles = field.place.rectangles()
    return np.array([rectangle.pixels() for rectangle in rectangles], dtype=np.float64)


def expect_edges(reference: Floats | None, places: Places) -> tuple[ExpectedEdges, ExpectedEdges]:
    """Find where pages of a form should have the vertical and the horizontal edges of a field's cells.

    Args:
        reference: darkness of the blank form around the field, (height, width); None where there is none.
        places: of the cells by the template, in pixels of ``reference``.
    """
    sums = None if reference is None else _sum_up(reference)
    vertical, horizontal = _edges(places, True), _edges(places, False)
    return _expect(sums, vertical), _expect(None if sums is None else sums.T, horizontal)


def refine_cells(darkness: Floats, expected: tuple[ExpectedEdges, ExpectedEdges]) -> RefinedCells:
    """Find the cells of one field, and their lines, on the page.

    Args:
        darkness: (height, width), of the page around the field.
        expected: what ``expect_edges`` returns for the same piece of the page.
    """
    sums = _sum_up(darkness)
    sides: list[NDArray[np.float64]] = []
    lines: list[Line] = []
    for one, turned in zip(expected, (sums, sums.T), strict=True):
        across, profiles, is_line = _find_edges(turned, one)
        lines.extend(_cut_lines(one.edges, across, profiles, is_line))
        sides.extend(np.split(across, 2))
    left, right, top, bottom = sides
    return RefinedCells(np.column_stack([left, top, right, bottom]), tuple(lines))


def _edges(places: Places, is_vertical: bool) -> Edges:
    """Return the left then the right edges of cells, or the top then the bottom ones."""
    first, second, start, stop = (0, 2, 1, 3) if is_vertical else (1, 3, 0, 2)
    return Edges(
        is_vertical,
        np.concatenate([places[:, first], places[:, second]]),
        np.tile(places[:, start], 2),
        np.tile(places[:, stop], 2),
    )


def _expect(sums: Sums | None, edges: Edges) -> ExpectedEdges:
    """Move edges to the blank form's own lines and keep what it looks like there."""
    if sums is None:
        return ExpectedEdges(edges, edges.across, None, np.ones(len(edges.across), dtype=np.bool_))
    matches = _line_matches(_ridges(_profiles(sums, edges, edges.across)))
    rounded = _columns(edges.across) + 0.5 - edges.across
    across = edges.across + _displacements(matches, _PLAIN_LINE, edges, rounded)
    pattern = _profiles(sums, edges, across)
    return ExpectedEdges(edges, across, pattern, _has_line(pattern))


def _find_edges(sums: Sums, expected: ExpectedEdges) -> tuple[NDArray[np.float64], Floats, NDArray[np.bool_]]:
    """Return where each edge is on the page, its profile there, and whether it is a printed line.

    ``sums`` is turned so that the edges run down its columns.
    """
    edges, places = expected.edges, expected.across
    profiles = _profiles(sums, edges, places)
    if expected.pattern is not None:
        matches = _profile_matches(expected.pattern, profiles)
        across = places + _displacements(matches, _PLAIN_MATCH, edges, np.zeros(len(places)))
    else:
        rounded = _columns(places) + 0.5 - places
        across = places + _displacements(_line_matches(_ridges(profiles)), _PLAIN_LINE, edges, rounded)
    profiles = _profiles(sums, edges, across)
    return across, profiles, expected.is_printed & _has_line(profiles)


def _has_line(profiles: Floats) -> NDArray[np.bool_]:
    middle = _ridges(profiles)[:, _REACH - 2 : _REACH + 3]
    return np.asarray(middle.max(axis=1) > _LEAST_LINE)


def _sum_up(darkness: Floats) -> Sums:
    """Return the sums of all that is above and left of each pixel, (height + 1, width + 1)."""
    return np.asarray(cv2.integral(darkness, sdepth=cv2.CV_64F), dtype=np.float64)


def _profiles(sums: Sums, edges: Edges, across: NDArray[np.float64]) -> Floats:
    """Return the darkness of an edge's column and of those around it, (m, 2 * _REACH + 1).

    Of the sections of a column one of the lightest counts: writing that crosses or follows a part of an
    edge does not show.
    """
    height, width = sums.shape[0] - 1, sums.shape[1] - 1
    length = edges.stop - edges.start
    shares = np.linspace(_INSET, 1 - _INSET, _SECTIONS + 1)
    rows = np.rint(edges.start[:, None] + length[:, None] * shares).astype(np.intp)
    rows = np.minimum(np.maximum(rows, 0), height)
    columns = _columns(across)[:, None] + np.arange(-_REACH, _REACH + 2)
    columns = np.minimum(np.maximum(columns, 0), width)
    bounds = sums[rows[:, :, None], columns[:, None, :]]
    bounds = bounds[:, 1:] - bounds[:, :-1]
    sections = (bounds[:, :, 1:] - bounds[:, :, :-1]) / np.maximum(1, np.diff(rows, axis=1))[:, :, None]
    sections.partition(_RANK, axis=1)
    return np.asarray(sections[:, _RANK], dtype=np.float32)


def _columns(across: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the pixel columns whose middles are nearest: places count from a pixel's edge."""
    return np.rint(across - 0.5).astype(np.intp)


def _ridges(profiles: Floats) -> Floats:
    """Return how much each place stands out as a line does: dark, and lighter on both sides nearby."""
    opened = cv2.morphologyEx(
        profiles, cv2.MORPH_OPEN, np.ones((1, _NARROW), np.uint8), borderType=cv2.BORDER_REPLICATE
    )
    soft = cv2.filter2D(profiles - opened, -1, np.array([[0.25, 0.5, 0.25]], np.float32))
    return np.asarray(soft, dtype=np.float32)


def _line_matches(ridges: Floats) -> Floats:
    """Score each displacement of each edge by the line there, (m, 2 * SEARCHED_PX + 1), in levels."""
    searched = ridges[:, _AROUND_PX:-_AROUND_PX]
    return np.where(searched < _LEAST_LINE, np.float32(0), searched)


def _profile_matches(reference: Floats, page: Floats) -> Floats:
    """Score each displacement by how much the page's profile steps as the reference's does, 0 to 1.

    Args:
        reference: profiles around the edges of the blank form, (m, 2 * _REACH + 1).
        page: around the same places on the page.
    """
    # By steps, not levels: an edge may be that of a tinted area and no line.
    pattern = np.diff(reference[:, SEARCHED_PX:-SEARCHED_PX], axis=1)
    steps = np.diff(page, axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(steps, pattern.shape[1], axis=1)
    products = np.einsum("mdk,mk->md", windows, pattern)
    energy = np.sqrt((pattern**2).sum(axis=1))[:, None]
    own = np.sqrt((windows**2).sum(axis=2))
    # The least line's two steps on both sides keep flat paper and grain from matching by chance.
    floor = _LEAST_LINE * np.sqrt(2)
    # Not by the product of both energies: a black rule nearby is no match for a grey line.
    scores = products / np.maximum(np.maximum(energy, own), floor) ** 2
    return np.asarray(np.maximum(scores, 0), dtype=np.float32)


def _displacements(
    matches: Floats, enough: float, edges: Edges, rounded: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return each edge's displacement, (m,): a smooth model of them all, and a little of its own.

    Args:
        matches: how well each displacement of each edge fits, (m, 2 * SEARCHED_PX + 1), 0 for not at all.
        enough: a match from which on more makes no displacement likelier.
        edges: where they were expected.
        rounded: what must be added to each displacement, because its matches were taken at whole pixels.

    Returns:
        Zeros where no edge matches anywhere.
    """
    offsets = np.arange(-SEARCHED_PX, SEARCHED_PX + 1)
    # A line is one line, however dark: a table's black rules must not draw grey cells to them.
    votes = np.minimum(matches, enough) / enough
    if not votes.any():
        return np.zeros(len(matches))
    total = votes.mean(axis=0) - _FAR_COST * (np.abs(offsets) / SEARCHED_PX)
    common = float(offsets[int(total.argmax())])
    design = _design(edges)
    spreads = np.array([_SHIFT_SPREAD, _SLOPE_SPREAD, _SLOPE_SPREAD])
    prior = _EDGE_SPREAD**2 / spreads**2
    model = np.array([common, 0.0, 0.0])
    for _ in range(2):
        predicted = design @ model
        found, weight = _peaks_near(matches, predicted)
        residual = found + rounded - predicted
        robust = weight / (1 + (residual / _EDGE_SPREAD) ** 2)
        moments = (design * robust[:, None]).T @ design + np.diag(prior)
        pull = prior * (model - [common, 0, 0])
        model = model + np.linalg.solve(moments, design.T @ (robust * residual) - pull)
    predicted = design @ model
    residual = found + rounded - predicted
    own = np.where(np.abs(residual) <= 2, residual, 0) * weight * _OWN_SHARE
    own = np.minimum(np.maximum(own, -_MOST_CORRECTION), _MOST_CORRECTION)
    return np.asarray(predicted + own, dtype=np.float64)


def _design(edges: Edges) -> NDArray[np.float64]:
    """Return one row an edge: 1, its place across and its middle along, both from the field's middle."""
    along = (edges.start + edges.stop) / 2
    return np.column_stack([np.ones(len(along)), edges.across - edges.across.mean(), along - along.mean()])


def _peaks_near(matches: Floats, predicted: NDArray[np.float64]) -> tuple[NDArray[np.float64], Floats]:
    """Return each edge's best displacement near the predicted one, to a part of a pixel, and its weight."""
    rows = np.arange(len(matches))
    start = np.rint(predicted).astype(np.intp) + SEARCHED_PX
    near = np.clip(start[:, None] + np.arange(-_NEAR_PX, _NEAR_PX + 1), 1, matches.shape[1] - 2)
    best = near[rows, matches[rows[:, None], near].argmax(axis=1)]
    before, peak, behind = (matches[rows, best + step] for step in (-1, 0, 1))
    bend = before - 2 * peak + behind
    part = np.where(bend < 0, 0.5 * (before - behind) / np.where(bend < 0, bend, 1), 0)
    usual = max(float(np.median(peak)), 1e-3)
    weight = np.clip(peak / usual, 0, 1)
    return best - SEARCHED_PX + np.clip(part, -0.5, 0.5), np.asarray(weight, dtype=np.float32)


def _cut_lines(
    edges: Edges, across: NDArray[np.float64], profiles: Floats, is_line: NDArray[np.bool_]
) -> Sequence[Line]:
    """Return the lines along the edges that are printed, each as dark as it and its like are."""
    near = profiles[:, _REACH - _LINE_REACH : _REACH + _LINE_REACH + 1]
    near = np.maximum(near, 0)
    # Writing that follows one edge makes it darker than its fellows; what it adds is writing.
    usual = np.median(near[is_line], axis=0) if is_line.any() else near[:0]
    lines = []
    columns = _columns(across)
    for index in _unlike(edges, columns, np.flatnonzero(is_line)):
        profile = np.minimum(near[index], 1.5 * usual + 10)
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


def _unlike(edges: Edges, columns: NDArray[np.intp], chosen: NDArray[np.intp]) -> list[int]:
    """Leave out edges beside which another one runs: of two cells that share a line, one has it."""
    kept: list[int] = []
    for index in sorted(chosen.tolist(), key=lambda index: (edges.start[index], columns[index])):
        if not kept or edges.start[kept[-1]] != edges.start[index] or columns[index] - columns[kept[-1]] > 1:
            kept.append(index)
    return kept
