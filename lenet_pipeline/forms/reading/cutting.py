"""Cut a run of digits without dividers into single digits, from left to right.

Connected parts are digits, with two exceptions: the parts of a broken digit, which are rejoined by their
places, and touching digits, which are cut along seams that cross little ink. The cuts of the whole run are
chosen together, to minimise the cost with a number of digits that the template allows. Costs have no unit.
Lengths are relative to the usual height of a digit in the run, unless given in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lenet_pipeline.forms.reading.ink import Labels
from lenet_pipeline.forms.reading.ink_groups import (
    Group,
    find_core,
    full_ink,
    group_parts,
    spread_labels,
    stroke_thickness,
)
from lenet_pipeline.forms.reading.seams import Seam, find_seams
from lenet_pipeline.schema import Floats, Mask

_LOWEST = 0.75  # measured on 20,000 digits of MNIST: almost none is lower
_WIDTHS = ((1.0, 0.8, 0.17), (0.12, 0.35, 0.15))  # share, middle and spread for most digits, and for a 1
_WIDEST_TRIED = 1.5  # the widest piece to try when cutting
_HEIGHT_COST = 12.0  # for a piece that is lower than _LOWEST, times the difference
_TOUCH_COST = 2.0  # of splitting a connected part at all, because most parts are one digit
_CUT_COST, _CROSSING_COST = 0.0, 0.5  # of a cut, and of each stroke's thickness that it crosses
_DROP_COST = 15.0  # of leaving out a group with the height of a digit
_SEAM_DISTANCE = 0.12  # between the middles of seams
_NARROWEST = 0.2  # the smallest distance between the middles of two digits
_CRUMB = 0.25  # of a cut digit's ink: a smaller loose part belongs to its neighbour


@dataclass(frozen=True)
class _Segmentation:
    """One way to divide a group into digits, from left to right, with its cost."""

    pieces: tuple[Mask, ...]
    cost: float


def cut_run(mask: Mask, soft: Floats, fewest: int, most: int) -> tuple[Labels, int]:
    """Find the digits of a run.

    Args:
        mask: where there is ink, bool (height, width).
        soft: the smoothed darkness in grey levels, of the same shape.
        fewest: the smallest number of digits that the template allows.
        most: the largest number of digits that it allows. If no cut gives an allowed number, the cheapest
            number is used.

    Returns:
        Labels, int32 (height, width), with 1 for the leftmost digit and 0 for paper, and the number of
        digits. It is 0 if there is no ink.
    """
    labels = np.zeros(mask.shape, np.int32)
    if not mask.any():
        return labels, 0
    core = find_core(mask, soft)
    groups, usual = group_parts(core)
    choices = [_segment_group(group, soft, usual, most) for group in groups]
    digits: list[tuple[float, Group, Mask]] = []
    for group, choice in zip(groups, _choose_segmentations(choices, fewest, most), strict=True):
        for piece in choice.pieces:
            columns = np.nonzero(piece)[1]
            digits.append((group.left + float(columns.mean()), group, piece))
    digits.sort(key=lambda digit: digit[0])
    for number, (_, group, piece) in enumerate(digits, start=1):
        place = labels[group.top : group.top + group.height, group.left : group.left + group.width]
        place[piece] = number
    return spread_labels(labels, mask & ~core), len(digits)


def _segment_group(group: Group, soft: Floats, usual: float, most: int) -> dict[int, _Segmentation]:
    """Return the cheapest way to take a group as 0, 1 or more digits, by the number of digits."""
    choices = {
        0: _Segmentation((), _DROP_COST * group.height / usual),
        1: _Segmentation((group.mask,), _piece_cost(group.mask, usual)),
    }
    fitting = min(most, int(group.width / (_NARROWEST * usual)))
    if fitting < 2:
        return choices
    inside = soft[group.top : group.top + group.height, group.left : group.left + group.width]
    ink = np.where(group.mask, np.minimum(inside / max(1.0, full_ink(inside[group.mask])), 1), 0)
    seams = find_seams(ink.astype(np.float32), max(2, round(_SEAM_DISTANCE * usual)))
    choices.update(_cut_group(group.mask, seams, usual, fitting))
    return choices


def _piece_cost(piece: Mask, usual: float) -> float:
    """Return the cost of a piece, from how unusual its size is for a digit."""
    rows, columns = np.flatnonzero(piece.any(axis=1)), np.flatnonzero(piece.any(axis=0))
    if not len(rows):
        return float("inf")
    height, width = (rows[-1] - rows[0] + 1) / usual, (columns[-1] - columns[0] + 1) / usual
    likeness = sum(
        share * np.exp(-0.5 * ((width - middle) / spread) ** 2) for share, middle, spread in _WIDTHS
    )
    return float(-np.log(likeness + 1e-30) + _HEIGHT_COST * max(0.0, _LOWEST - height))


def _cut_group(mask: Mask, seams: list[Seam], usual: float, most: int) -> dict[int, _Segmentation]:
    """Return the cheapest way to cut a group into each number of digits, from 2 on.

    This is dynamic programming over the seams from left to right.
    """
    thickness = stroke_thickness(mask)
    width = mask.shape[1]
    columns = np.arange(width)
    borders = [np.zeros(len(mask)), *(seam.columns for seam in seams), np.full(len(mask), width)]
    prices = [0.0, *(_CUT_COST + _CROSSING_COST * seam.ink / thickness for seam in seams), 0.0]
    # best[i][k]: the cost of k digits left of border i, and the left border of the last of them.
    best: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}]
    pieces: dict[tuple[int, int], Mask] = {}
    for stop in range(1, len(borders)):
        ways: dict[int, tuple[float, int]] = {}
        for start in range(stop):
            if not best[start] or np.mean(borders[stop] - borders[start]) > _WIDEST_TRIED * usual:
                continue
            piece = mask & (columns >= borders[start][:, None]) & (columns < borders[stop][:, None])
            pieces[start, stop] = piece
            cost = _piece_cost(piece, usual) + prices[stop]
            for number, (before, _) in best[start].items():
                if number < most and before + cost < ways.get(number + 1, (np.inf, 0))[0]:
                    ways[number + 1] = (before + cost, start)
        best.append(ways)
    choices = {}
    for number in range(2, most + 1):
        if number not in best[-1]:
            continue
        found, stop, count = [], len(borders) - 1, number
        while count:
            start = best[stop][count][1]
            found.append(pieces[start, stop])
            stop, count = start, count - 1
        choices[number] = _Segmentation(_return_crumbs(found[::-1]), _TOUCH_COST + best[-1][number][0])
    return choices


def _return_crumbs(pieces: list[Mask]) -> tuple[Mask, ...]:
    """Return small loose parts, which a seam gave to the wrong digit, to the neighbour that they touch."""
    cleaned = [piece.copy() for piece in pieces]
    for index, piece in enumerate(pieces):
        count, labels, stats, _ = cv2.connectedComponentsWithStats(piece.astype(np.uint8), connectivity=8)
        for part in range(1, count):
            if stats[part, cv2.CC_STAT_AREA] >= _CRUMB * piece.sum():
                continue
            crumb = labels == part
            around = cv2.dilate(crumb.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
            for other in (index - 1, index + 1):
                if 0 <= other < len(pieces) and (around & pieces[other]).any():
                    cleaned[index] &= ~crumb
                    cleaned[other] |= crumb
                    break
    return tuple(cleaned)


def _choose_segmentations(
    choices: list[dict[int, _Segmentation]], fewest: int, most: int
) -> list[_Segmentation]:
    """Choose the cheapest division of all groups with an allowed number of digits, or else of any number."""
    ways: dict[int, tuple[float, list[_Segmentation]]] = {0: (0.0, [])}
    for group in choices:
        following: dict[int, tuple[float, list[_Segmentation]]] = {}
        for count, (cost, chosen) in ways.items():
            for number, choice in group.items():
                total = cost + choice.cost
                if total < following.get(count + number, (np.inf, []))[0]:
                    following[count + number] = (total, [*chosen, choice])
        ways = following
    allowed = {count: way for count, way in ways.items() if fewest <= count <= most}
    return min((allowed or ways).values(), key=lambda way: way[0])[1]
