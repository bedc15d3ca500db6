"""Find ink with roughly the shape of a mark in an unused cell: a cross, a dash, a slash, a curl or a circle.

Digits have such shapes too. Therefore these cells are cut and scored like digits, and count as marks only if
the network finds that they are no digits either; see ``values.marked_cells``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from lenet_pipeline.forms.reading.marks import (
    Cross,
    Dash,
    Points,
    count_inked_sides,
    fit_cross,
    fit_dash,
    has_ink_inside,
)
from lenet_pipeline.schema import Mask

PossibleMark = Literal["X", "-", "/", "curl", "circle"]

_CROSS_SHARE, _LIKELY_CROSS_SHARE = 0.66, 0.93  # of the ink, on the two strokes of a cross
_CROSS_COVERED = 0.9  # of the length of each stroke
_CROSS_LENGTHS = 0.5  # of the shorter stroke, relative to the longer one
_CROSS_THICKNESSES = 5.5  # the smallest length of a stroke
_CROSS_RISES = (15.0, 82.0)  # degrees between the strokes and the horizontal
_CROSSING = (0.2, 0.8)  # the range along a stroke in which the other may cross it
_DASH_SHAPE = 0.5  # height relative to width: one digit in a thousand is as flat
_CURL_SHAPE, _LIKELY_CURL_SHAPE = 1.05, 0.55  # the same for curls; one digit in 300 is as flat as the second
_CURL_FILL = 0.55  # of its box: fuller ink is a blot, or a digit in a thick pen
_MOST_SIDE = 1.1  # of a mark, relative to its cell
_ONE_PART = 0.97  # of the ink of a mark, in its largest part
_SLASH_RISE, _LIKELY_SLASH_RISE = 65.0, 50.0  # degrees: ones are steeper than the second, but for one in 600
_SLASH_SHARE, _SLASH_THICKNESSES = 0.9, 3.5  # of the ink on the stroke, and its smallest length
_RING_HOLE = 0.3  # of a ring's box, at least


@dataclass(frozen=True)
class ShapeVerdict:
    """Ink that may be a mark.

    Attributes:
        mark: the mark that it resembles most.
        is_likely: whether the shape alone makes the cell doubtful, even if the network reads a digit.
    """

    mark: PossibleMark
    is_likely: bool


def find_possible_mark(mask: Mask, cell: tuple[int, int]) -> ShapeVerdict | None:
    """Return the mark that ink resembles, or None if it has the shape of no mark.

    Args:
        mask: bool (height, width), cropped to the ink.
        cell: the height and width of the cell. Larger ink is a digit joined to a mark in the next cell.
    """
    if mask.shape[0] > _MOST_SIDE * cell[0] or mask.shape[1] > _MOST_SIDE * cell[1]:
        return None
    shape = mask.shape[0] / mask.shape[1]
    if mask.size < 25 or not _is_one_part(mask):
        return None
    # Fitting strokes takes as long as the rest of a cell, so only ink that passes quick tests is fitted.
    if shape <= _DASH_SHAPE and fit_dash(_points(mask)).has_even_ink:
        return ShapeVerdict("-", is_likely=True)
    if _may_be_cross(mask):
        cross = fit_cross(_points(mask), mask)
        if cross is not None and _is_like_cross(cross):
            return ShapeVerdict("X", cross.share >= _LIKELY_CROSS_SHARE)
    if _may_be_slash(mask):
        dash = fit_dash(_points(mask))
        if _is_slash(dash):
            return ShapeVerdict("/", abs(dash.rise) <= _LIKELY_SLASH_RISE)
    if _is_ring(mask):
        return ShapeVerdict("circle", is_likely=False)
    if shape <= _CURL_SHAPE and mask.mean() <= _CURL_FILL:
        return ShapeVerdict("curl", shape <= _LIKELY_CURL_SHAPE)
    return None


def _points(mask: Mask) -> Points:
    rows, columns = np.nonzero(mask)
    return np.column_stack([columns, rows]).astype(np.float64)


def _may_be_cross(mask: Mask) -> bool:
    """Return whether ink is in the middle, and missing at the middles of at least two sides."""
    return has_ink_inside(mask, 0.3) and count_inked_sides(mask) <= 2


def _may_be_slash(mask: Mask) -> bool:
    """Return whether two opposite corners are without ink, and both others have some."""
    height, width = (max(1, round(0.3 * side)) for side in mask.shape)
    first = (mask[:height, :width], mask[-height:, -width:])
    second = (mask[:height, -width:], mask[-height:, :width])
    has_first, has_second = ([bool(corner.any()) for corner in pair] for pair in (first, second))
    return (all(has_first) and not any(has_second)) or (all(has_second) and not any(has_first))


def _is_like_cross(cross: Cross) -> bool:
    low, high = _CROSS_RISES
    return bool(
        cross.share >= _CROSS_SHARE
        and cross.covered >= _CROSS_COVERED
        and cross.lengths[0] >= _CROSS_LENGTHS * cross.lengths[1]
        and cross.lengths[0] >= _CROSS_THICKNESSES * cross.thickness
        and -high <= cross.rises[0] <= -low
        and low <= cross.rises[1] <= high
        and min(cross.crossings) >= _CROSSING[0]
        and max(cross.crossings) <= _CROSSING[1]
    )


def _is_slash(dash: Dash) -> bool:
    return (
        abs(dash.rise) <= _SLASH_RISE
        and dash.length >= _SLASH_THICKNESSES * dash.thickness
        and dash.share >= _SLASH_SHARE
    )


def _is_one_part(mask: Mask) -> bool:
    """Return whether nearly all ink is connected. A digit next to a stroke from another cell is not."""
    areas = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)[2][1:, cv2.CC_STAT_AREA]
    return bool(areas.max() >= _ONE_PART * areas.sum())


def _is_ring(mask: Mask) -> bool:
    """Return whether ink is one closed ring."""
    contours, tree = cv2.findContours(mask.view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    holes = [contour for contour, links in zip(contours, tree[0], strict=True) if links[3] >= 0]
    if len(contours) - len(holes) != 1 or len(holes) != 1:
        return False
    return bool(cv2.contourArea(holes[0]) >= _RING_HOLE * mask.size)
