"""Distinguish the marks in unused cells, a cross or a dash, from digits by their geometry."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.templates.model import UnusedMark
from lenet_pipeline.schema import Mask

Points = NDArray[np.float64]  # (n, 2), x and y in pixels

_ROUNDS = 5  # of fitting two lines to a cross, which converge in four or five
_MOST_POINTS = 600
_FITTED_POINTS = 120  # enough to place the two lines, before they are fitted to all points
_ON_STROKE = 0.6  # of a stroke's thickness: its pixels are within this distance of its middle line
_LEAST_ON_STROKES = 0.95  # of a mark's pixels; almost no digits of MNIST reach it
_LEAST_COVERED = 0.9  # of a stroke's length that has ink, because strokes have no gaps
_FLATTEST, _STEEPEST = 20.0, 75.0  # degrees between a cross's strokes and the horizontal
_CROSSING = (0.25, 0.75)  # the range along a stroke in which the other may cross it
_LEAST_LENGTH = 0.55  # of the shorter stroke, relative to the longer one
_CROSS_LENGTH = 4.0  # the smallest length of a cross's strokes, in thicknesses
_LARGEST_HOLE = 0.3  # of the squared thickness: grain leaves such holes, the loops of an 8 are larger
_DASH_RISE = 25.0  # degrees: the largest slope of a dash
_DASH_SHAPE = 0.75  # height relative to width: no dash with this slope and length is higher
_DASH_LENGTH = 3.0  # the smallest length of a dash, in thicknesses


@dataclass(frozen=True)
class _Stroke:
    """A straight stroke: its middle, its direction as a unit vector, and its two ends along it."""

    middle: NDArray[np.float64]
    direction: NDArray[np.float64]
    start: float
    stop: float

    @property
    def length(self) -> float:
        return self.stop - self.start

    @property
    def rise(self) -> float:
        """Degrees from the horizontal, -90 to 90."""
        x, y = self.direction if self.direction[0] >= 0 else -self.direction
        return float(np.degrees(np.arctan2(y, x)))

    def distances(self, points: Points) -> NDArray[np.float64]:
        """Return the distances of points from the stroke's line."""
        normal = np.array([-self.direction[1], self.direction[0]])
        return np.asarray(np.abs((points - self.middle) @ normal), dtype=np.float64)

    def along(self, points: Points) -> NDArray[np.float64]:
        """Return the coordinates of points along the stroke."""
        return np.asarray((points - self.middle) @ self.direction, dtype=np.float64)


def is_mark(mask: Mask, mark: UnusedMark) -> bool:
    """Return whether ink is the mark of an unused cell. The test is strict, so that no digit passes.

    Args:
        mask: bool (height, width), cropped to the ink.
        mark: the mark that the form asks for.
    """
    rows, columns = np.nonzero(mask)
    if len(rows) < 5:
        return False
    points = np.column_stack([columns, rows]).astype(np.float64)
    return _is_dash(points) if mark == "-" else _is_cross(points, mask)


def find_mark(mask: Mask) -> UnusedMark | None:
    """Return the mark that ink is, ``X`` or ``-``, or None if it may be a digit.

    Args:
        mask: bool (height, width), cropped to the ink.
    """
    # Most ink fails these quick tests. The full test of a cross takes as long as the rest of a cell.
    if mask.shape[0] <= _DASH_SHAPE * mask.shape[1] and is_mark(mask, "-"):
        return "-"
    return "X" if _may_be_cross(mask) and is_mark(mask, "X") else None


def _may_be_cross(mask: Mask) -> bool:
    """Return whether ink is in the middle and not at the middles of the four sides."""
    return has_ink_inside(mask, 0.4) and count_inked_sides(mask) == 0


def has_ink_inside(mask: Mask, margin: float) -> bool:
    """Return whether there is ink farther from every side than a share of the height or width."""
    rows, columns = (slice(int(margin * side), int((1 - margin) * side) + 1) for side in mask.shape)
    return bool(mask[rows, columns].any())


def count_inked_sides(mask: Mask) -> int:
    """Return how many of the four sides have ink at their middle."""
    rows, columns = (slice(int(0.4 * side), int(0.6 * side) + 1) for side in mask.shape)
    down, across = (max(1, int(0.15 * side)) for side in mask.shape)
    sides = (mask[:down, columns], mask[-down:, columns], mask[rows, :across], mask[rows, -across:])
    return sum(bool(side.any()) for side in sides)


@dataclass(frozen=True)
class Dash:
    """The straight stroke that fits ink best.

    Attributes:
        rise: degrees from the horizontal, -90 to 90.
        length: in pixels.
        thickness: the mean thickness of the ink along the stroke, in pixels.
        share: of the ink, on the stroke.
        covered: the share of the stroke's length that has ink.
    """

    rise: float
    length: float
    thickness: float
    share: float
    covered: float

    @property
    def has_even_ink(self) -> bool:
        """Whether the ink is long and without gaps."""
        return self.length >= _DASH_LENGTH * self.thickness and self.covered >= _LEAST_COVERED


@dataclass(frozen=True)
class Cross:
    """The two straight strokes that fit ink best. Pairs are in increasing order.

    Attributes:
        lengths: of the strokes, in pixels.
        rises: degrees from the horizontal, -90 to 90.
        thickness: the mean thickness of the ink along the strokes, in pixels.
        share: of the ink, on the strokes.
        covered: the share of a stroke's length that has ink, of the stroke with less.
        crossings: where along each stroke the other one crosses it, from 0 at one end to 1 at the other.
    """

    lengths: tuple[float, float]
    rises: tuple[float, float]
    thickness: float
    share: float
    covered: float
    crossings: tuple[float, float]


def fit_dash(points: Points) -> Dash:
    """Fit one stroke to ink."""
    stroke = _fit_stroke(points)
    length = stroke.length + 1
    thickness = len(points) / length
    return Dash(
        stroke.rise,
        length,
        thickness,
        _share_on([stroke], points, thickness),
        _covered(stroke, points, thickness),
    )


def fit_cross(points: Points, mask: Mask) -> Cross | None:
    """Fit two strokes to ink, beginning with its diagonals, or return None if one of them gets no ink."""
    share = len(points) / len(points[:: 1 + len(points) // _MOST_POINTS])
    points = points[:: 1 + len(points) // _MOST_POINTS]
    height, width = mask.shape
    middle = np.array([width - 1, height - 1]) / 2
    diagonal = np.array([width, height]) / np.hypot(width, height)
    strokes = [_Stroke(middle, diagonal * [1, sign], 0.0, 0.0) for sign in (1, -1)]
    few = points[:: 1 + len(points) // _FITTED_POINTS]
    for chosen in (*[few] * (_ROUNDS - 1), points):
        is_first = strokes[0].distances(chosen) <= strokes[1].distances(chosen)
        on_first = int(is_first.sum())
        if min(on_first, len(chosen) - on_first) < 5:
            return None
        strokes = [_fit_stroke(chosen[is_first]), _fit_stroke(chosen[~is_first])]
    first, second = strokes
    shorter, longer = sorted(stroke.length + 1 for stroke in strokes)
    falling, rising = sorted(stroke.rise for stroke in strokes)
    thickness = len(points) * share / (shorter + longer)
    return Cross(
        (shorter, longer),
        (falling, rising),
        thickness,
        _share_on(strokes, points, thickness),
        min(_covered(stroke, points, thickness) for stroke in strokes),
        (_crossing(first, second), _crossing(second, first)),
    )


def _is_dash(points: Points) -> bool:
    dash = fit_dash(points)
    return abs(dash.rise) <= _DASH_RISE and dash.has_even_ink and dash.share >= _LEAST_ON_STROKES


def _is_cross(points: Points, mask: Mask) -> bool:
    """Return whether the ink consists of two crossing strokes alone."""
    cross = fit_cross(points, mask)
    return cross is not None and bool(
        cross.lengths[0] >= _LEAST_LENGTH * cross.lengths[1]
        and cross.lengths[0] >= _CROSS_LENGTH * cross.thickness
        and -_STEEPEST <= cross.rises[0] <= -_FLATTEST
        and _FLATTEST <= cross.rises[1] <= _STEEPEST
        and cross.share >= _LEAST_ON_STROKES
        and cross.covered >= _LEAST_COVERED
        and _largest_hole(mask) <= _LARGEST_HOLE * cross.thickness**2
        and all(_CROSSING[0] <= crossing <= _CROSSING[1] for crossing in cross.crossings)
    )


def _fit_stroke(points: Points) -> _Stroke:
    """Fit a straight line to points by total least squares."""
    middle = points.mean(axis=0)
    offsets = points - middle
    (across, mixed), (_, down) = (offsets.T @ offsets).tolist()
    # The direction of the largest spread. A general solver takes ten times as long for two dimensions.
    angle = 0.5 * math.atan2(2 * mixed, across - down)
    direction = np.array([math.cos(angle), math.sin(angle)])
    along = offsets @ direction
    return _Stroke(middle, direction, float(along.min()), float(along.max()))


def _share_on(strokes: list[_Stroke], points: Points, thickness: float) -> float:
    """Return the share of points that are on any of the strokes."""
    distances = np.stack([stroke.distances(points) for stroke in strokes]).min(axis=0)
    return float((distances <= _ON_STROKE * thickness + 0.5).mean())


def _covered(stroke: _Stroke, points: Points, thickness: float) -> float:
    """Return the share of a stroke's length that has ink on its line, in steps of two pixels."""
    near = points[stroke.distances(points) <= 0.5 * thickness + 1]
    steps = max(1, int(stroke.length / 2))
    found = (stroke.along(near) - stroke.start) / max(stroke.length, 1e-6) * steps
    return len(np.unique(np.clip(found.astype(int), 0, steps - 1))) / steps


def _largest_hole(mask: Mask) -> int:
    """Return the pixel count of the largest hole in the ink."""
    paper = np.pad(~mask, 1, constant_values=True).view(np.uint8)
    areas = cv2.connectedComponentsWithStats(paper, connectivity=4)[2][1:, cv2.CC_STAT_AREA]
    return int(np.sort(areas)[-2]) if len(areas) > 1 else 0


def _crossing(stroke: _Stroke, other: _Stroke) -> float:
    """Return where another stroke's line crosses this stroke: 0 at its start, 1 at its end, inf if never."""
    normal = np.array([-other.direction[1], other.direction[0]])
    slant = float(stroke.direction @ normal)
    if abs(slant) < 1e-6 or stroke.length <= 0:
        return float("inf")
    crossing = float((other.middle - stroke.middle) @ normal) / slant
    return (crossing - stroke.start) / stroke.length
