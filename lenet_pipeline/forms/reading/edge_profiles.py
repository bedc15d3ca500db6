"""Measure the darkness around the edges of cells, and match it with lines or with the blank form."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH
from lenet_pipeline.schema import Floats

Sums = NDArray[np.float64]

SEARCHED_PX = round(1.5 * ALIGNED_DPI / MM_PER_INCH)
_AROUND_PX = 16  # around an edge, to compare with the reference; a table's rules near cells help
REACH = SEARCHED_PX + _AROUND_PX
_SECTIONS = 8  # of an edge: writing crosses few of them, but a printed line crosses all
_RANK = 2  # the section, counted from the lightest, that gives the darkness of an edge
_INSET = 0.1  # of an edge's length at both ends, where other lines meet it
_FULL_SECTIONS = 12  # of an edge, to tell lines from strokes, which are shorter
_FULL_RANK, _PARTIAL_RANK = 1, 5  # of these sections, from the lightest
_ENDS_PX = 4  # at both ends of an edge, where other lines meet it
_NARROW = 12  # pixels: lines are narrower
_LEAST_LINE = 7.0  # grey levels between a line and its surroundings


@dataclass(frozen=True)
class Edges:
    """Vertical or horizontal edges: their coordinate across, and their ends along, float64 (m,) each."""

    is_vertical: bool
    across: NDArray[np.float64]
    start: NDArray[np.float64]
    stop: NDArray[np.float64]


def has_line(profiles: Floats) -> NDArray[np.bool_]:
    """Return whether each profile has a line in the middle, (m,)."""
    middle = find_ridges(profiles)[:, REACH - 2 : REACH + 3]
    return np.asarray(middle.max(axis=1) > _LEAST_LINE)


def sum_darkness(darkness: Floats) -> Sums:
    """Return the sum of all pixels above and to the left of each corner, (height + 1, width + 1)."""
    return np.asarray(cv2.integral(darkness, sdepth=cv2.CV_64F), dtype=np.float64)


def measure_profiles(sums: Sums, edges: Edges, across: NDArray[np.float64]) -> Floats:
    """Return the darkness of each edge's column and of the columns around it, (m, 2 * REACH + 1).

    One of the lightest sections of a column gives its darkness, so that writing that crosses or follows a
    part of an edge has no effect.
    """
    length = edges.stop - edges.start
    shares = np.linspace(_INSET, 1 - _INSET, _SECTIONS + 1)
    sections = _measure_sections(sums, edges.start[:, None] + length[:, None] * shares, across)
    sections.partition(_RANK, axis=1)
    return np.asarray(sections[:, _RANK], dtype=np.float32)


def measure_full_profiles(sums: Sums, edges: Edges, across: NDArray[np.float64]) -> tuple[Floats, Floats]:
    """Return two kinds of profiles like ``measure_profiles``, from short sections of the whole edge.

    The first one is dark only where nearly the whole edge is dark, the second one where more than half is.
    """
    first, last = edges.start + _ENDS_PX, edges.stop - _ENDS_PX
    shares = np.linspace(0, 1, _FULL_SECTIONS + 1)
    sections = _measure_sections(sums, first[:, None] + (last - first)[:, None] * shares, across)
    sections.partition((_FULL_RANK, _PARTIAL_RANK), axis=1)
    full, partial = sections[:, _FULL_RANK], sections[:, _PARTIAL_RANK]
    return np.asarray(full, dtype=np.float32), np.asarray(partial, dtype=np.float32)


def _measure_sections(sums: Sums, rows: NDArray[np.float64], across: NDArray[np.float64]) -> Sums:
    """Return the mean darkness of each section of each column near an edge, (m, sections, 2 * REACH + 1).

    ``rows`` holds the bounds of the sections, (m, sections + 1).
    """
    height, width = sums.shape[0] - 1, sums.shape[1] - 1
    bounds_at = np.minimum(np.maximum(np.rint(rows).astype(np.intp), 0), height)
    columns = nearest_columns(across)[:, None] + np.arange(-REACH, REACH + 2)
    columns = np.minimum(np.maximum(columns, 0), width)
    bounds = sums[bounds_at[:, :, None], columns[:, None, :]]
    bounds = bounds[:, 1:] - bounds[:, :-1]
    heights = np.maximum(1, np.diff(bounds_at, axis=1))[:, :, None]
    return np.asarray((bounds[:, :, 1:] - bounds[:, :, :-1]) / heights, dtype=np.float64)


def nearest_columns(across: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the pixel columns with the nearest middles. Places count from the edges of pixels."""
    return np.rint(across - 0.5).astype(np.intp)


def find_ridges(profiles: Floats) -> Floats:
    """Return how much darker each place is than both sides nearby, which is typical of a line."""
    opened = cv2.morphologyEx(
        profiles, cv2.MORPH_OPEN, np.ones((1, _NARROW), np.uint8), borderType=cv2.BORDER_REPLICATE
    )
    soft = cv2.filter2D(profiles - opened, -1, np.array([[0.25, 0.5, 0.25]], np.float32))
    return np.asarray(soft, dtype=np.float32)


def match_lines(ridges: Floats) -> Floats:
    """Score each displacement of each edge by the line there, (m, 2 * SEARCHED_PX + 1), in grey levels."""
    searched = ridges[:, _AROUND_PX:-_AROUND_PX]
    return np.where(searched < _LEAST_LINE, np.float32(0), searched)


def match_profiles(reference: Floats, page: Floats) -> Floats:
    """Score each displacement by the similarity of the page's and the reference's steps, 0 to 1.

    Args:
        reference: the profiles around edges of the blank form, (m, 2 * REACH + 1).
        page: the profiles around the same places of the page.
    """
    # Compare steps instead of levels, because an edge may be that of a tinted area without a line.
    pattern = np.diff(reference[:, SEARCHED_PX:-SEARCHED_PX], axis=1)
    steps = np.diff(page, axis=1)
    windows = np.lib.stride_tricks.sliding_window_view(steps, pattern.shape[1], axis=1)
    products = np.einsum("mdk,mk->md", windows, pattern)
    energy = np.sqrt((pattern**2).sum(axis=1))[:, None]
    own = np.sqrt((windows**2).sum(axis=2))
    # The energy of the faintest line keeps flat paper and grain from matching by chance.
    floor = _LEAST_LINE * np.sqrt(2)
    # Divide by the larger energy, squared, so that a black rule nearby does not match a grey line.
    scores = products / np.maximum(np.maximum(energy, own), floor) ** 2
    return np.asarray(np.maximum(scores, 0), dtype=np.float32)
