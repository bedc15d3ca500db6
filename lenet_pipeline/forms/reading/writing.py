"""Find the strokes of a field, and assign them to cells.

All places are in pixels of the given part of the aligned page. Darkness is in grey levels of 255.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH
from lenet_pipeline.forms.reading.cells import Places
from lenet_pipeline.forms.reading.ink import Labels, Paper, measure_paper, quantile, smooth
from lenet_pipeline.schema import Floats, Mask

_MM_PER_PX = MM_PER_INCH / ALIGNED_DPI
_PALE_SPREADS, _LEAST_PALE = 4.0, 9.0  # the palest edge of a stroke, in deviations of the paper and in levels
_STRONG_SPREADS, _LEAST_STRONG = 7.0, 20.0  # the darkness that a stroke must reach somewhere, likewise
_PALE_SHARE, _STRONG_SHARE = 0.18, 0.28  # the same two limits relative to the darkness of a page's writing
_PATTERN_SHARE = 0.95  # the quantile of the paper around the cells that gives its pattern's darkness
_PATTERN_MARGIN = 1.2  # the darkness to expect in the cells, relative to the paper around them
_MOST_PATTERN = 50.0  # grey levels: darker pixels are print or writing
_PALE_PATTERN, _STRONG_PATTERN = 0.9, 1.25  # the two limits relative to this darkness
_MOST_PALE, _MOST_STRONG = 0.4, 0.7  # of the writing's darkness: the largest such limits
_MOST_SPREAD = 0.08  # of the writing's darkness: more grain in one cell than in others is ink
_FEWEST_STRONG = 3  # pixels in a part of a stroke
_WATERMARK_SHARE = 0.5  # of the darkest writing: paler pixels may be of a watermark
_FEWEST_WRITTEN = 30  # pixels of a field's writing, to measure its darkness
_SMALLEST_PART = 0.03  # relative to a cell's largest part: smaller ones are specks
_SMALL_PART, _NEAR_MM = 0.15, 0.8  # a smaller part counts only within this distance of the largest part
_SHORTEST_MM = 1.1  # a cell whose longest part is shorter contains specks instead of writing
_SHORTEST_SHARE = 0.25  # the same limit relative to a cell's shorter side
_REMNANT_PX = 4  # a part this thin and this close to an edge is a remnant of a line
_LINE_PX, _LINE_AWAY_PX = 6, 14  # a straight part this thin and near to an edge, and as long as it, is a line
_REMNANT_END_PX = 6  # the ends of such a part are within this distance of the cell's edges
_REACH_SHARE, _MOST_REACH_MM = 0.35, 3.0  # how far strokes may leave a cell, relative to its side and in mm
_LEAST_INSIDE = 0.35  # the share of a part's ink that must be inside its cell
_SPLIT_SHARE = 0.3  # of a part's ink in a second cell: two digits touch, and the border separates them
_MAIN_SHARE = 0.6  # of a part's ink in its first cell: if it has less, half of _SPLIT_SHARE is enough
_NEVER_INK = np.full(1, np.inf, np.float32)  # an unreachable limit, for pixels outside all cells


@dataclass(frozen=True)
class ClearedField:
    """A field without the form's print.

    Attributes:
        printed: the darkness with the form's print, grain smoothed away, float32 (height, width).
        darkness: the darkness without it, relative to each cell's own paper, float32 (height, width).
        soft: the same with the grain smoothed away.
        places: left, top, right and bottom of the cells, (n, 4).
        paper: the paper of each cell.
        owners: 1 + the index of the cell that a pixel is in or near, 0 for none, int32 (height, width).
        inner: 1 + the index of the cell that a pixel is in, 0 for none, int32 (height, width).
        usual: the darkness of the field's writing, or None if it has too little.
        pattern: the darkness of watermarks and stains on the paper around the cells, or 0 without any.
    """

    printed: Floats
    darkness: Floats
    soft: Floats
    places: Places
    paper: Paper
    owners: Labels
    inner: Labels
    usual: float | None
    pattern: float


@dataclass(frozen=True)
class Parts:
    """The connected parts of the ink in a field, including parts that belong to no digit.

    Attributes:
        labels: 1 + the index of the part that a pixel belongs to, 0 for paper, int32 (height, width).
        stats: left, top, width, height and area of each part, int32 (n, 5).
        is_strong: whether a part has enough pixels with the darkness of a pen, bool (n,).
        is_kept: whether the cell that a part belongs to kept it, bool (n,).
    """

    labels: Labels
    stats: NDArray[np.int32]
    is_strong: Mask
    is_kept: Mask


@dataclass(frozen=True)
class Strokes:
    """The writing in a field.

    Attributes:
        cells: 1 + the index of the cell that a pixel's stroke belongs to, 0 for paper, int32 (height, width).
        darkness: the darkness relative to each cell's own paper, float32 (height, width).
        soft: the same with the grain smoothed away.
        palest: the darkness from which on a cell's pixels count as strokes, float32 (n,).
        parts: the connected parts of the ink.
        usual: the darkness of the page's writing, or 0 if unknown.
        printed: the darkness with the form's print, grain smoothed away, float32 (height, width).
    """

    cells: Labels
    darkness: Floats
    soft: Floats
    palest: Floats
    parts: Parts
    usual: float
    printed: Floats


def measure_cleared_field(printed: Floats, darkness: Floats, places: Places) -> ClearedField:
    """Measure the paper and the ink of a field.

    Args:
        printed: the darkness with the form's own print, (height, width).
        darkness: the darkness without the form's own print, (height, width).
        places: left, top, right and bottom of the cells, (n, 4).
    """
    soft = smooth(darkness)
    paper = measure_paper(soft, places)
    owners, inner = _assign_pixels(darkness.shape, places)
    ground = np.concatenate([np.zeros(1, np.float32), paper.level])[owners]
    above, soft = darkness - ground, soft - ground
    strong = np.maximum(_LEAST_STRONG, _STRONG_SPREADS * paper.spread)
    written = soft[soft > np.concatenate([_NEVER_INK, strong])[inner]]
    usual = _measure_writing(written) if written.size >= _FEWEST_WRITTEN else None
    outside = soft[(inner == 0) & (soft < _MOST_PATTERN)]
    pattern = _PATTERN_MARGIN * quantile(outside, _PATTERN_SHARE) if outside.size else 0.0
    return ClearedField(smooth(printed), above, soft, places, paper, owners, inner, usual, pattern)


def _measure_writing(inked: Floats) -> float:
    """Return the usual darkness of writing among pixels that may also be of a watermark, which is paler."""
    return quantile(inked[inked > _WATERMARK_SHARE * quantile(inked, 0.98)], 0.8)


def find_strokes(cleared: ClearedField, usual: float, caution: float = 1.0) -> Strokes:
    """Find the strokes of a field, and assign each to the cell that contains most of it.

    Args:
        cleared: the field without the form's print.
        usual: the darkness of the page's writing, or 0 if unknown. Watermarks, stains and print that shines
            through from the back are paler.
        caution: a factor of the darkness that strokes must have. It trades pale strokes for blank cells.
    """
    soft, spread, owners = cleared.soft, cleared.paper.spread, cleared.owners
    usual = max(usual, cleared.usual or 0.0)
    if usual > 0:
        # A bold digit that fills its cell looks like grain.
        spread = np.minimum(spread, max(_MOST_SPREAD * usual, float(np.median(spread))))
    palest = np.maximum(np.maximum(_LEAST_PALE, _PALE_SPREADS * spread), _PALE_SHARE * usual)
    strong = np.maximum(np.maximum(_LEAST_STRONG, _STRONG_SPREADS * spread), _STRONG_SHARE * usual)
    # The ink around the cells is the paper's pattern: in the cells, only darker ink is writing.
    most = usual if usual > 0 else np.inf
    palest = caution * np.maximum(palest, min(_PALE_PATTERN * cleared.pattern, _MOST_PALE * most))
    strong = caution * np.maximum(strong, min(_STRONG_PATTERN * cleared.pattern, _MOST_STRONG * most))
    inked = soft > np.concatenate([_NEVER_INK, palest])[owners]
    count, labelled, measured, _ = cv2.connectedComponentsWithStats(inked.view(np.uint8), connectivity=8)
    parts, stats = np.asarray(labelled, dtype=np.int32), np.asarray(measured, dtype=np.int32)
    cells = np.zeros(soft.shape, np.int32)
    is_part = is_kept = np.zeros(count - 1, dtype=np.bool_)
    if count > 1:
        ink = _InkPixels(parts[inked] - 1, owners[inked], cleared.inner[inked], soft[inked])
        is_strong = ink.darkness > strong[ink.owner - 1]
        is_part = np.bincount(ink.part[is_strong], minlength=count - 1) >= _FEWEST_STRONG
        owned = _assign_parts(ink, is_part, stats[1:], cleared.places)
        cells[inked] = owned
        is_kept = np.bincount(ink.part[owned > 0], minlength=count - 1) > 0
    found = Parts(parts, stats[1:], is_part, is_kept)
    return Strokes(cells, cleared.darkness, soft, palest, found, usual, cleared.printed)


@dataclass(frozen=True)
class _InkPixels:
    """Pixels that are darker than paper, each (m,).

    Attributes:
        part: the index of the connected part.
        owner: 1 + the index of the cell that the pixel is in or near.
        inner: 1 + the index of the cell that the pixel is in, 0 for none.
        darkness: in grey levels.
    """

    part: NDArray[np.int32]
    owner: NDArray[np.int32]
    inner: NDArray[np.int32]
    darkness: Floats


def _assign_pixels(shape: tuple[int, ...], places: Places) -> tuple[Labels, Labels]:
    """Return ``owners`` and ``inner`` of a ``ClearedField``."""
    sides = places[:, 2:] - places[:, :2]
    reach = np.minimum(_REACH_SHARE * sides, _MOST_REACH_MM / _MM_PER_PX)
    reach = np.minimum(reach, _half_gaps(places))
    outer = np.hstack([places[:, :2] - reach, places[:, 2:] + reach])
    inner = np.zeros(shape, np.int32)
    _paint(inner, places)
    owners = np.zeros(shape, np.int32)
    _paint(owners, outer)
    _paint(owners, places)
    return owners, inner


def _paint(labels: Labels, places: Places) -> None:
    boxes = np.maximum(np.rint(places), 0).astype(int)
    for index, (left, top, right, bottom) in enumerate(boxes.tolist(), start=1):
        labels[top:bottom, left:right] = index


def _half_gaps(places: Places) -> NDArray[np.float64]:
    """Return half of each cell's narrowest gap to another, across and down, (n, 2), or inf without any."""
    gaps = np.full((len(places), 2), np.inf)
    for axis in (0, 1):
        start, stop = places[:, axis], places[:, axis + 2]
        other_start, other_stop = places[:, 1 - axis], places[:, 3 - axis]
        shared = np.minimum(other_stop[:, None], other_stop) - np.maximum(other_start[:, None], other_start)
        # Require a clear overlap. Neighbours in a row may overlap by a pixel without being stacked.
        beside = shared > 0.25 * (other_stop - other_start)
        np.fill_diagonal(beside, val=False)
        gap = np.maximum(np.maximum(start - stop[:, None], start[:, None] - stop), 0)
        gaps[:, axis] = np.where(beside, gap, np.inf).min(axis=1) / 2
    return gaps


def _assign_parts(
    ink: _InkPixels, is_part: Mask, stats: NDArray[np.int32], places: Places
) -> NDArray[np.int32]:
    """Return 1 + the index of the cell that each pixel belongs to, (m,), or 0 for specks and remnants."""
    count, cells = len(stats), len(places) + 1
    masses = _sum_table(ink, ink.owner, (count, cells))
    total = masses.sum(axis=1)
    shares = _sum_table(ink, ink.inner, (count, cells))[:, 1:] / total[:, None]
    chosen = shares.argmax(axis=1) + 1
    ordered = np.sort(np.pad(shares, ((0, 0), (1, 0))), axis=1)
    is_split = ordered[:, -2] >= np.where(ordered[:, -1] < _MAIN_SHARE, _SPLIT_SHARE / 2, _SPLIT_SHARE)
    # Assign each part to one cell as a whole, or split it at the border.
    whole = np.zeros_like(masses)
    whole[np.arange(count), chosen] = total
    masses = np.where(is_split[:, None], masses, whole)
    is_kept = is_part & (shares.max(axis=1) >= _LEAST_INSIDE * (1 - 0.5 * is_split))
    is_kept &= ~_is_line_remnant(stats, places[chosen - 1])
    masses[~is_kept] = 0
    kept = (masses > 0) & (masses >= _SMALLEST_PART * masses.max(axis=0))
    largest = masses.argmax(axis=0)
    is_small = total < _SMALL_PART * masses[largest[chosen], chosen]
    kept &= ~(is_small & (_gaps(stats, stats[largest[chosen]]) > _NEAR_MM / _MM_PER_PX))[:, None]
    longest = np.where(kept, stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)[:, None], 0)
    shortest = np.minimum(places[:, 2] - places[:, 0], places[:, 3] - places[:, 1]) * _SHORTEST_SHARE
    kept[:, 1:] &= longest.max(axis=0)[1:] >= np.maximum(shortest, _SHORTEST_MM / _MM_PER_PX)
    cell = np.where(is_split[ink.part], ink.owner, chosen[ink.part])
    return np.asarray(np.where(kept[ink.part, cell], cell, 0), dtype=np.int32)


def _sum_table(ink: _InkPixels, cells: NDArray[np.int32], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the total darkness by part and cell."""
    index = ink.part.astype(np.intp) * shape[1] + cells
    sums = np.bincount(index, weights=ink.darkness, minlength=shape[0] * shape[1])
    return np.asarray(sums.reshape(shape), dtype=np.float64)


def _gaps(stats: NDArray[np.int32], others: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the gaps between the bounding boxes of parts and others, the larger of across and down."""
    sides = [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]
    start, other_start = (each[:, [cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP]] for each in (stats, others))
    stop, other_stop = start + stats[:, sides], other_start + others[:, sides]
    return np.asarray(np.maximum(start - other_stop, other_start - stop).max(axis=1), dtype=np.int32)


def _is_line_remnant(stats: NDArray[np.int32], places: Places) -> Mask:
    """Return which parts are remnants of printed lines.

    They are thin and along an edge of their cell, or straight, parallel to an edge that is not far, and as
    long as it, which strokes are not.
    """
    is_remnant = np.zeros(len(stats), dtype=np.bool_)
    sides = ((cv2.CC_STAT_LEFT, cv2.CC_STAT_WIDTH), (cv2.CC_STAT_TOP, cv2.CC_STAT_HEIGHT))
    for axis, (start, side) in enumerate(sides):
        along, length = sides[1 - axis]
        middle = stats[:, start] + stats[:, side] / 2
        distance = np.abs(middle[:, None] - places[:, [axis, axis + 2]]).min(axis=1)
        is_remnant |= (stats[:, side] <= _REMNANT_PX) & (distance <= _REMNANT_PX)
        is_long = stats[:, along] <= places[:, 1 - axis] + _REMNANT_END_PX
        is_long &= stats[:, along] + stats[:, length] >= places[:, 3 - axis] - _REMNANT_END_PX
        is_remnant |= is_long & (stats[:, side] <= _LINE_PX) & (distance <= _LINE_AWAY_PX)
    return is_remnant
