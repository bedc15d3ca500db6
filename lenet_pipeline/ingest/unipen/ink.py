"""Lay ink on paper along the strokes of a digit, as a pen does.

The tip of the pen, a disc or the rectangle of a broad edge, is pressed onto a fine canvas at short distances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lenet_pipeline.ingest.scanning import FINER, MARGIN
from lenet_pipeline.ingest.unipen.pens import Pen
from lenet_pipeline.ingest.unipen.trajectories import Stroke
from lenet_pipeline.schema import Floats

_WIDTHS = (1 / 25, 1 / 5.5)  # of a line, in heights of a digit: people write larger with a thicker pen
_NARROW = 0.5  # a digit that is wider than 1 / _NARROW of its height is drawn smaller
_SLOPE_DEG, _SLANT, _STRETCH = 4.0, 0.12, 0.08  # largest values, in both directions
_NIB_ANGLE = (np.pi / 6, np.pi / 3)  # of a broad edge against the line of writing

_LEAST_RENDERED = 150  # height of a digit in pixels of the canvas, so that discs have smooth edges
_STEP = 0.2  # between two marks of the pen, in widths of its line
_SMOOTHED = (0.012, 0.05)  # range of the smoothing's standard deviation, in heights of a digit
_PIECES = 4  # of a spline, between two points of a stroke
_CATMULL_ROM = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
_BORDER = 0.5  # pixels by which OpenCV fills beyond the edge of a shape
_SUBPIXELS = 4  # OpenCV's fractional bits of coordinates and radii

Points = NDArray[np.float64]  # (n, 2), x and y in pixels of the canvas


@dataclass(frozen=True)
class _Line:
    """The line of one drawing: lengths in pixels of the canvas, and the shares of ``Pen``.

    ``smoothing`` is the standard deviation of the smoothing along a stroke.
    """

    width: float
    digit_height: float
    smoothing: float
    pressure: float
    taper: float
    flow: float
    gaps: float

    @property
    def step(self) -> float:
        return max(1.0, _STEP * self.width)


def draw_ink(
    strokes: Sequence[Stroke], height: float, px_per_mm: float, pen: Pen, rng: np.random.Generator
) -> Floats:
    """Draw strokes with a pen.

    Args:
        strokes: the strokes in any unit.
        height: the height of the digit in the scan, in pixels.
        px_per_mm: the resolution of the scan.
        pen: the pen.
        rng: the source of all random values.

    Returns:
        float32 (height, width), 0 for paper to 1 for full ink, on the finer grid of ``scan_ink``.
    """
    finer = max(1, round(_LEAST_RENDERED / (height * FINER)))  # pixels of the canvas to one of the finer grid
    scale = FINER * finer
    digit_height = height * scale
    placed = _place(strokes, digit_height, rng)
    width = float(np.clip(rng.uniform(*pen.width) * px_per_mm / height, *_WIDTHS)) * digit_height
    margin = round(rng.uniform(*MARGIN) * digit_height + width)
    points = np.concatenate(placed)
    corner = points.min(axis=0) - margin - rng.uniform(0, scale, 2)
    columns, rows = (-(-int(side) // scale) * scale for side in np.ceil(points.max(axis=0) - corner + margin))
    canvas = np.zeros((rows, columns), np.uint8)
    nib = None if pen.nib is None else (rng.uniform(*pen.nib), rng.uniform(*_NIB_ANGLE))
    flow, taper = rng.uniform(*pen.flow), rng.uniform(*pen.taper)
    smoothing = float(np.clip(_tablet_unit(strokes), *_SMOOTHED)) * digit_height
    line = _Line(width, digit_height, smoothing, pen.pressure, taper, flow, pen.gaps / len(placed))
    marks = [_trace(stroke - corner, line, rng) for stroke in placed]
    _stamp(canvas, np.concatenate(marks), nib)
    ink = cv2.resize(canvas, (columns // finer, rows // finer), interpolation=cv2.INTER_AREA)
    inked = ink.astype(np.float32) / np.float32(255)
    texture = rng.uniform(*pen.texture)
    if texture:
        inked *= np.float32(1) - np.float32(texture) * rng.random(inked.shape, np.float32)
    return inked


def _tablet_unit(strokes: Sequence[Stroke]) -> float:
    """Return the smallest step of a tablet as a share of the digit's size, 0 if the pen never moved."""
    steps = np.abs(np.concatenate([np.diff(stroke, axis=0) for stroke in strokes]))
    size = float(np.ptp(np.concatenate(strokes), axis=0).max())
    return float(steps[steps > 0].min()) / size if steps.any() else 0.0


def _place(strokes: Sequence[Stroke], height: float, rng: np.random.Generator) -> list[Points]:
    """Turn, slant and stretch strokes a little, and scale them to a height in pixels of the canvas."""
    points = np.concatenate(strokes)
    width, tall = np.ptp(points, axis=0)
    scale = height / max(tall, _NARROW * width, 1e-9)
    angle, slant = np.deg2rad(rng.uniform(-_SLOPE_DEG, _SLOPE_DEG)), rng.uniform(-_SLANT, _SLANT)
    stretch = 1 + rng.uniform(-_STRETCH, _STRETCH)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    matrix = scale * np.array([[stretch, 0], [slant, 1]]) @ turn
    return [stroke @ matrix for stroke in strokes]


def _trace(stroke: Points, line: _Line, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the marks of a pen along a stroke: x, y, radius and ink (0 to 1), float64 (n, 4)."""
    path, pace = _smooth_path(stroke, line)
    count = len(path)
    # A pen that moves slowly presses harder; a hand is never quite even.
    wander = ndimage.gaussian_filter1d(rng.standard_normal(count), 0.12 * count + 1, mode="nearest")
    wander /= max(float(np.abs(wander).max()), 1e-9)
    radius = line.width / 2 * (1 + line.pressure * (0.6 * np.clip(1 - pace, -1, 1) + 0.4 * wander))
    along = np.arange(count) * line.step
    end = np.minimum(along, 2 * (along[-1] - along))  # the beginning of a stroke tapers less than its end
    radius *= 1 - line.taper * np.exp(-end / line.width)
    ink = 1 - line.flow * np.abs(np.roll(wander, count // 3))
    for _ in range(rng.poisson(line.gaps)):
        middle, length = rng.uniform(0, along[-1]), rng.uniform(0.03, 0.12) * line.digit_height
        ink[np.abs(along - middle) < length / 2] *= rng.uniform(0, 0.5)
    return np.column_stack([path, radius, ink])


def _smooth_path(stroke: Points, line: _Line) -> tuple[Points, NDArray[np.float64]]:
    """Return a smooth path through the points of a stroke, and its pace relative to the average.

    Tablets store whole units, and some digits are only ten units high: smoothing removes the steps.

    Returns:
        The points of the path, ``line.step`` apart, float64 (m, 2), and the pace at each, float64 (m,).
    """
    moved = np.concatenate([[True], (np.diff(stroke, axis=0) != 0).any(axis=1)])
    stroke = stroke[moved]
    if len(stroke) < 2:
        return stroke, np.ones(1)
    curve = _spline(stroke)
    lengths = np.hypot(*np.diff(curve, axis=0).T)
    along = np.concatenate([[0], np.cumsum(lengths)])
    count = max(2, round(along[-1] / line.step) + 1)
    sampled = np.linspace(0, along[-1], count)
    path = np.column_stack([np.interp(sampled, along, curve[:, axis]) for axis in (0, 1)])
    gaps = np.hypot(*np.diff(stroke, axis=0).T)
    pace = np.interp(sampled, np.cumsum(gaps) - gaps / 2, gaps / gaps.mean())
    sigma = line.smoothing / line.step
    # Reflecting the path in its ends keeps the ends where they are.
    reach = min(count - 1, int(4 * sigma) + 1)
    before = 2 * path[0] - path[reach:0:-1]
    after = 2 * path[-1] - path[-2 : -reach - 2 : -1]
    smooth = ndimage.gaussian_filter1d(np.concatenate([before, path, after]), sigma, axis=0)
    return smooth[reach : reach + count], ndimage.gaussian_filter1d(pace, 2 * sigma, mode="nearest")


def _spline(points: Points) -> Points:
    """Return points on the Catmull-Rom spline through some points."""
    ends = np.concatenate([points[:1], points, points[-1:]])
    controls = np.stack([ends[:-3], ends[1:-2], ends[2:-1], ends[3:]], axis=1)
    powers = (np.arange(_PIECES)[:, None] / _PIECES) ** np.arange(4)
    curve = np.einsum("pk,nkd->npd", powers @ _CATMULL_ROM, controls).reshape(-1, 2)
    return np.concatenate([curve, points[-1:]])


def _stamp(canvas: NDArray[np.uint8], marks: NDArray[np.float64], nib: tuple[float, float] | None) -> None:
    """Press the tip of a pen onto the canvas at every mark, in place. The darkest ink comes last."""
    ordered = marks[np.argsort(marks[:, 3], kind="stable")]
    ordered[:, 2] = np.maximum(ordered[:, 2] - _BORDER, _BORDER)
    fixed = np.rint(ordered[:, :3] * (1 << _SUBPIXELS)).astype(int).tolist()
    inks = np.rint(ordered[:, 3] * 255).astype(int).tolist()
    if nib is None:
        for (x, y, radius), ink in zip(fixed, inks, strict=True):
            cv2.circle(canvas, (x, y), radius, ink, cv2.FILLED, cv2.LINE_8, _SUBPIXELS)
        return
    thickness, angle = nib
    edge = np.array([np.cos(angle), -np.sin(angle)])
    across = np.array([-edge[1], edge[0]]) * thickness
    tip = np.stack([edge + across, edge - across, -edge - across, across - edge])
    corners = ordered[:, None, :2] + ordered[:, 2, None, None] * tip
    for polygon, ink in zip(np.rint(corners * (1 << _SUBPIXELS)).astype(np.int32), inks, strict=True):
        cv2.fillConvexPoly(canvas, polygon, ink, cv2.LINE_8, _SUBPIXELS)
