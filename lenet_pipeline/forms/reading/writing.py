"""Writing: the strokes of a field, given to the cells that they were written in, and normalised.

All places are pixels of the piece of the aligned page that is given, all darkness grey levels of 255.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH
from lenet_pipeline.forms.reading.cells import Places
from lenet_pipeline.forms.reading.ink import Floats, Labels, Paper, measure_paper, smooth
from lenet_pipeline.ingest import place_ink

Mask = NDArray[np.bool_]

_MM_PER_PX = MM_PER_INCH / ALIGNED_DPI
_PALE_SPREADS, _LEAST_PALE = 4.0, 9.0  # standard deviations of the paper, levels: the palest edge of a stroke
_STRONG_SPREADS, _LEAST_STRONG = 7.0, 20.0  # what a stroke must reach somewhere
_PALE_SHARE, _STRONG_SHARE = 0.18, 0.28  # of the darkness of a page's writing, likewise
_FEWEST_STRONG = 3  # pixels, of a part of a stroke
_FEWEST_WRITTEN = 30  # pixels, of a field's writing, to tell how dark it is
_SMALLEST_PART = 0.03  # of a cell's largest part: what is smaller is a speck
_SMALL_PART, _NEAR_MM = 0.15, 0.8  # a part smaller than that is a digit's only so near to its largest
_SHORTEST_MM = 1.1  # a cell whose longest part is shorter holds specks and no writing
_SHORTEST_SHARE = 0.25  # of a cell's shorter side, likewise
_REST_PX = 4  # a part no wider than that, and no farther from an edge, is the rest of a line
_REACH_SHARE, _MOST_REACH_MM = 0.35, 3.0  # of a cell's side: how far strokes may stick out of it
_LEAST_INSIDE = 0.35  # of a part's ink, for it to be a cell's
_SPLIT_SHARE = 0.3  # of a part's ink in a second cell: then two digits touch, and the border cuts them
_MAIN_SHARE = 0.6  # of a part's ink in its first cell: with less, half as much in a second is enough
_FULL_SHARE = 0.8  # of a digit's pixels are no darker than what counts as full ink
_EDGE_SHARE = 0.3  # of full ink, where a digit ends: lower down, blur makes its box larger
_NOWHERE = np.full(1, np.inf, np.float32)  # no ink is so dark: for pixels that belong to no cell
_NEIGHBOURS = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Sheet:
    """The paper of a field, its print removed.

    ``darkness`` and ``soft``, both float32 (height, width), are above each cell's own paper, as found and
    with the grain averaged out. ``owners`` and ``inner``, both int32 (height, width): 1 + the cell that a
    pixel is in or near to, and 1 + the cell that it is in; 0 for none. ``usual`` is the darkness of the
    field's writing, None where it seems to have none.
    """

    darkness: Floats
    soft: Floats
    places: Places
    paper: Paper
    owners: Labels
    inner: Labels
    usual: float | None


@dataclass(frozen=True)
class Strokes:
    """All that is written in a field.

    ``cells`` int32 (height, width): 1 + the cell that a pixel's stroke was written in, 0 for paper.
    ``darkness`` and ``soft``, both float32 (height, width): above each cell's own paper, as found and with
    its grain averaged out. ``palest`` float32 (n,): the darkness from which a cell's pixels are strokes.
    """

    cells: Labels
    darkness: Floats
    soft: Floats
    palest: Floats


@dataclass(frozen=True)
class Digit:
    """One digit, or whatever is written in its place.

    ``image`` is uint8 (28, 28), normalised as in training. ``mask`` bool (height, width) is where its ink
    is, cropped; ``left`` and ``top`` say where from. ``ink`` is its amount, in square millimetres of full
    ink.
    """

    image: NDArray[np.uint8]
    mask: Mask
    left: int
    top: int
    ink: float


def measure_sheet(darkness: Floats, places: Places) -> Sheet:
    """Measure the paper and the ink of a field.

    Args:
        darkness: (height, width), the form's own print removed.
        places: (n, 4), left, top, right and bottom of the cells.
    """
    soft = smooth(darkness)
    paper = measure_paper(soft, places)
    owners, inner = _own_pixels(darkness.shape, places)
    ground = np.concatenate([np.zeros(1, np.float32), paper.level])[owners]
    above, soft = darkness - ground, soft - ground
    strong = np.maximum(_LEAST_STRONG, _STRONG_SPREADS * paper.spread)
    written = soft[soft > np.concatenate([_NOWHERE, strong])[inner]]
    usual = _quantile(written, 0.9) if written.size >= _FEWEST_WRITTEN else None
    return Sheet(above, soft, places, paper, owners, inner, usual)


def find_strokes(sheet: Sheet, usual: float) -> Strokes:
    """Find the strokes of a field and give each to the cell that holds most of it.

    Args:
        sheet: the field.
        usual: darkness of the page's writing, 0 where it has none. Watermarks, stains and print that shines
            through are paler.
    """
    soft, spread, owners = sheet.soft, sheet.paper.spread, sheet.owners
    usual = max(usual, sheet.usual or 0.0)
    palest = np.maximum(np.maximum(_LEAST_PALE, _PALE_SPREADS * spread), _PALE_SHARE * usual)
    strong = np.maximum(np.maximum(_LEAST_STRONG, _STRONG_SPREADS * spread), _STRONG_SHARE * usual)
    inked = soft > np.concatenate([_NOWHERE, palest])[owners]
    count, found, measured, _ = cv2.connectedComponentsWithStats(inked.view(np.uint8), connectivity=8)
    parts, stats = np.asarray(found, dtype=np.int32), np.asarray(measured, dtype=np.int32)
    cells = np.zeros(soft.shape, np.int32)
    if count > 1:
        ink = _InkPixels(parts[inked] - 1, owners[inked], sheet.inner[inked], soft[inked])
        is_strong = ink.darkness > strong[ink.owner - 1]
        is_part = np.bincount(ink.part[is_strong], minlength=count - 1) >= _FEWEST_STRONG
        cells[inked] = _assign_parts(ink, is_part, stats[1:], sheet.places)
    return Strokes(cells, sheet.darkness, soft, palest)


@dataclass(frozen=True)
class _InkPixels:
    """Pixels that are darker than paper, each (m,): their connected part, 1 + the cell that they are in or
    nearest to, 1 + the cell that they are in (or 0), and their darkness."""

    part: NDArray[np.int32]
    owner: NDArray[np.int32]
    inner: NDArray[np.int32]
    darkness: Floats


def _own_pixels(shape: tuple[int, ...], places: Places) -> tuple[Labels, Labels]:
    """Return 1 + the cell that each pixel is in or near to, and 1 + the cell it is in; 0 where none is."""
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
    """Return half the narrowest gap from each cell to another, across and down, (n, 2); inf for none."""
    gaps = np.full((len(places), 2), np.inf)
    for axis in (0, 1):
        start, stop = places[:, axis], places[:, axis + 2]
        other_start, other_stop = places[:, 1 - axis], places[:, 3 - axis]
        shared = np.minimum(other_stop[:, None], other_stop) - np.maximum(other_start[:, None], other_start)
        # Neighbours in a row may seem to overlap by a pixel: they do not lie one above another.
        beside = shared > 0.25 * (other_stop - other_start)
        np.fill_diagonal(beside, val=False)
        gap = np.maximum(np.maximum(start - stop[:, None], start[:, None] - stop), 0)
        gaps[:, axis] = np.where(beside, gap, np.inf).min(axis=1) / 2
    return gaps


def _assign_parts(
    ink: _InkPixels, is_part: Mask, stats: NDArray[np.int32], places: Places
) -> NDArray[np.int32]:
    """Return 1 + the cell that each pixel of ink belongs to, (m,); 0 for specks and the rests of lines."""
    count, cells = len(stats), len(places) + 1
    masses = _sum_table(ink, ink.owner, (count, cells))
    total = masses.sum(axis=1)
    shares = _sum_table(ink, ink.inner, (count, cells))[:, 1:] / total[:, None]
    chosen = shares.argmax(axis=1) + 1
    ordered = np.sort(np.pad(shares, ((0, 0), (1, 0))), axis=1)
    is_split = ordered[:, -2] >= np.where(ordered[:, -1] < _MAIN_SHARE, _SPLIT_SHARE / 2, _SPLIT_SHARE)
    # What each cell gets of each part: all of it, or what lies on its own side of the border.
    whole = np.zeros_like(masses)
    whole[np.arange(count), chosen] = total
    masses = np.where(is_split[:, None], masses, whole)
    is_kept = is_part & (shares.max(axis=1) >= _LEAST_INSIDE * (1 - 0.5 * is_split))
    is_kept &= ~_is_rest_of_line(stats, places[chosen - 1])
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
    """Sum the darkness of pixels by part and cell."""
    index = ink.part.astype(np.intp) * shape[1] + cells
    sums = np.bincount(index, weights=ink.darkness, minlength=shape[0] * shape[1])
    return np.asarray(sums.reshape(shape), dtype=np.float64)


def _gaps(stats: NDArray[np.int32], others: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return how far the boxes of parts lie from those of others, the larger of across and down."""
    sides = [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]
    start, other_start = (each[:, [cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP]] for each in (stats, others))
    stop, other_stop = start + stats[:, sides], other_start + others[:, sides]
    return np.asarray(np.maximum(start - other_stop, other_start - stop).max(axis=1), dtype=np.int32)


def _is_rest_of_line(stats: NDArray[np.int32], places: Places) -> Mask:
    """Tell which parts lie thinly along an edge of their cell: what a printed line left behind."""
    is_rest = np.zeros(len(stats), dtype=np.bool_)
    for axis, (start, side) in enumerate(
        [(cv2.CC_STAT_LEFT, cv2.CC_STAT_WIDTH), (cv2.CC_STAT_TOP, cv2.CC_STAT_HEIGHT)]
    ):
        middle = stats[:, start] + stats[:, side] / 2
        distance = np.abs(middle[:, None] - places[:, [axis, axis + 2]]).min(axis=1)
        is_rest |= (stats[:, side] <= _REST_PX) & (distance <= _REST_PX)
    return is_rest


def cut_digits(strokes: Strokes, labels: Labels, palest: Floats) -> list[Digit | None]:
    """Normalise what each label marks, as training's digits were; None where a label marks nothing.

    Args:
        strokes: of the field.
        labels: (height, width), 1 + the digit that a pixel of ink belongs to, 0 for paper.
        palest: (n,), the darkness from which pixels are strokes, by digit.
    """
    found = ndimage.find_objects(labels, max_label=len(palest))
    return [
        None if place is None else _cut_digit(strokes, labels, place, index + 1, float(palest[index]))
        for index, place in enumerate(found)
    ]


def _cut_digit(
    strokes: Strokes, labels: Labels, place: tuple[slice, slice], label: int, palest: float
) -> Digit | None:
    near = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in place)
    own = labels[near] == label
    soft = strokes.soft[near]
    full = _full_level(soft[own])
    mask = own & (soft > max(palest, _EDGE_SHARE * full))
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    # Beside a stroke its palest edge is kept too, which the bound above took for paper.
    edged = cv2.dilate(mask.view(np.uint8), _NEIGHBOURS)[inside] > 0
    others = (labels[near] != label) & (labels[near] != 0)
    edged &= ~others[inside]
    levels = np.where(edged, np.clip(strokes.darkness[near][inside] / full, 0, 1), np.float32(0))
    return Digit(
        image=place_ink(levels),
        mask=mask[inside],
        left=near[1].start + int(columns[0]),
        top=near[0].start + int(rows[0]),
        ink=float(levels.sum()) * _MM_PER_PX**2,
    )


def _full_level(values: Floats) -> float:
    """Return the darkness of a digit's full ink: pens and scans vary, MNIST's strokes do not."""
    return max(1.0, _quantile(values, _FULL_SHARE))


def _quantile(values: Floats, share: float) -> float:
    """Return a quantile as one of the values: ten times faster than numpy's on so few."""
    index = int(share * (values.size - 1))
    return float(np.partition(values, index)[index])
