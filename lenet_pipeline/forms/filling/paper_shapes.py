"""Bend, curl and fold sheets of paper, and light them.

A shape is where each point of the sheet appears, as a displacement from its place on flat paper, and how much
light falls there. Curled and folded sheets are surfaces in space that a camera above the middle of the sheet
sees: a part that is closer to it looks larger, and a slope looks shorter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # (points, 2): x and y
Levels = NDArray[np.float32]
Rise = Callable[[Points], Points]  # the height at a place across the sheet, in millimetres

_STEP_MM = 2.0  # of the grid of a shape
_INVERSION_ROUNDS = 12  # each adds a decimal place, because displacements change by a tenth per millimetre
CAMERA_MM = 400.0  # above the sheet
_WAVES = 3
_WAVE_MM = (220.0, 450.0)
_CURL_WAVES = (0.7, 1.4)  # of a wave over the sheet
_CREASE_DEGREES = 2.0  # the largest angle between a crease and the sides of the sheet
_CREASE_OFF_MM = 6.0  # the largest distance of a crease from an even division
_CREASE_MM, _CREASE_DARKNESS = 0.35, (0.1, 0.3)
_SLOPE_SHADE = 0.6  # the change of light per unit of slope
_SHADOW_EDGE = (0.02, 0.12)  # of the picture's longer side: how soft the edge of a shadow is


@dataclass(frozen=True, eq=False)
class PaperShape:
    """The shape of a sheet, on a grid with a distance of ``_STEP_MM``.

    Attributes:
        shifts: where each point appears, relative to its place on flat paper, in millimetres, float32
            (rows, columns, 2).
        light: the relative light on each point, float32 (rows, columns).
    """

    shifts: Levels
    light: Levels

    def move(self, points: Points) -> Points:
        """Return where points of the paper appear, in millimetres, (points, 2)."""
        return np.asarray(points + _sample(self.shifts, points), dtype=np.float64)

    def find(self, seen: Points) -> Points:
        """Return the points of the paper that appear at these places, in millimetres, (points, 2)."""
        points = seen
        for _ in range(_INVERSION_ROUNDS):
            points = seen - _sample(self.shifts, points)
        return np.asarray(points, dtype=np.float64)

    def light_at(self, points: Points) -> Levels:
        """Return the relative light on points of the paper, (points,)."""
        return _sample(self.light, points)


def bend_sheet(size_mm: tuple[float, float], largest_mm: float, rng: np.random.Generator) -> PaperShape:
    """Return a smoothly bent sheet, as paper that was moist or that slipped while it was scanned.

    Args:
        size_mm: width and height of the sheet.
        largest_mm: the largest displacement beyond what a stretch and a turn of the sheet explain.
        rng: the source of all random choices.
    """
    points = _grid(size_mm)
    shifts = np.zeros_like(points)
    for _ in range(_WAVES):
        angle, phase, towards = rng.uniform(0, 2 * np.pi, 3)
        along = points @ (np.cos(angle), np.sin(angle)) * 2 * np.pi / rng.uniform(*_WAVE_MM)
        shifts += np.sin(along + phase)[..., None] * (np.cos(towards), np.sin(towards))
    design = np.column_stack([points.reshape(-1, 2), np.ones(points[..., 0].size)])
    flat = shifts.reshape(-1, 2)
    flat = flat - design @ np.linalg.lstsq(design, flat, rcond=None)[0]
    flat *= largest_mm / np.hypot(*flat.T).max()
    return PaperShape(flat.reshape(points.shape).astype(np.float32), np.ones(points.shape[:2], np.float32))


def curl_sheet(size_mm: tuple[float, float], height_mm: float, rng: np.random.Generator) -> PaperShape:
    """Return a sheet that is curled across a random direction up to a height in millimetres."""
    angle = rng.uniform(0, np.pi)
    waves, phase = rng.uniform(*_CURL_WAVES), rng.uniform(0, 2 * np.pi)
    length = float(np.hypot(*size_mm))

    def rise(across: Points) -> Points:
        return np.asarray(height_mm / 2 * (1 + np.sin(2 * np.pi * waves * across / length + phase)))

    return _view(size_mm, angle, rise, rng)


def fold_sheet(
    size_mm: tuple[float, float], creases: int, tilt_degrees: float, rng: np.random.Generator
) -> PaperShape:
    """Return a sheet with parallel creases across its longer or shorter side.

    Args:
        size_mm: width and height of the sheet.
        creases: the number of creases, at least 1.
        tilt_degrees: the largest tilt of a part between creases.
        rng: the source of all random choices.
    """
    is_across = bool(rng.random() < 0.7)  # most letters are folded across
    side = size_mm[1] if is_across else size_mm[0]
    angle = (np.pi / 2 if is_across else 0.0) + np.deg2rad(rng.uniform(-1, 1) * _CREASE_DEGREES)
    even = side * (np.arange(1, creases + 1) / (creases + 1) - 0.5)
    places = even + rng.uniform(-_CREASE_OFF_MM, _CREASE_OFF_MM, creases)
    slopes = np.tan(np.deg2rad(rng.uniform(0.4, 1, creases + 1) * tilt_degrees))
    slopes *= rng.choice((-1, 1)) * (-1.0) ** np.arange(creases + 1)  # the parts form a zigzag
    knots = np.concatenate([[-side], places, [side]])
    heights = np.concatenate([[0.0], np.cumsum(slopes * np.diff(knots))])

    def rise(across: Points) -> Points:
        height = np.interp(across, knots, heights)
        return np.asarray(height - height.min(), dtype=np.float64)

    shape = _view(size_mm, angle, rise, rng)
    across = _across(size_mm, angle)
    for place in places:
        line = np.exp(-(((across - place) / max(_CREASE_MM, _STEP_MM / 2)) ** 2))
        shape.light[...] *= (1 - rng.uniform(*_CREASE_DARKNESS) * line).astype(np.float32)
    return shape


def cast_shadow(shape: tuple[int, int], darkness: float, rng: np.random.Generator) -> Levels:
    """Return the relative light on a picture with a soft shadow, float32 (height, width)."""
    height, width = (max(side // 8, 1) for side in shape)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    angle, edge = rng.uniform(0, 2 * np.pi), rng.uniform(*_SHADOW_EDGE) * max(height, width)
    middle = rng.uniform(0.2, 0.8, 2) * (width, height)
    along = (x - middle[0]) * np.cos(angle) + (y - middle[1]) * np.sin(angle)
    across = (y - middle[1]) * np.cos(angle) - (x - middle[0]) * np.sin(angle)
    border = along + 0.1 * max(height, width) * np.sin(across / max(height, width) * rng.uniform(2, 6))
    shade = 1 - darkness / (1 + np.exp(-border / edge))
    whole = cv2.resize(shade.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole, dtype=np.float32)


def _view(size_mm: tuple[float, float], angle: float, rise: Rise, rng: np.random.Generator) -> PaperShape:
    """Return a sheet whose height depends on one direction, as the camera sees it."""
    points, across = _grid(size_mm), _across(size_mm, angle)
    reach = float(np.hypot(*size_mm)) / 2 + 1
    places = np.arange(-reach, reach, _STEP_MM / 4)
    slopes = np.gradient(rise(places), places)
    # A slope is shorter as seen from above. Integrate from the middle outwards.
    shorter = np.cumsum(np.sqrt(1 - np.minimum(slopes**2, 0.99)) - 1) * (_STEP_MM / 4)
    shorter -= np.interp(0.0, places, shorter)
    heights = rise(across)[..., None]
    middle = np.array(size_mm) / 2
    flat = points + np.interp(across, places, shorter)[..., None] * (np.cos(angle), np.sin(angle))
    seen = middle + (flat - middle) * (CAMERA_MM / (CAMERA_MM - heights))
    light = 1 + rng.choice((-1, 1)) * _SLOPE_SHADE * np.interp(across, places, slopes)
    return PaperShape((seen - points).astype(np.float32), (light / light.max()).astype(np.float32))


def _grid(size_mm: tuple[float, float]) -> Points:
    """Return the points of a sheet's grid in millimetres, (rows, columns, 2)."""
    across, down = (np.arange(np.ceil(side / _STEP_MM) + 1) * _STEP_MM for side in size_mm)
    return np.stack(np.meshgrid(across, down), axis=2)


def _across(size_mm: tuple[float, float], angle: float) -> Points:
    """Return the coordinate of a sheet's grid in one direction, 0 in the middle, in millimetres."""
    return np.asarray((_grid(size_mm) - np.array(size_mm) / 2) @ (np.cos(angle), np.sin(angle)))


def _sample(grid: Levels, points: Points) -> Levels:
    """Return the values of a grid at points in millimetres. Outside, the nearest value counts."""
    x, y = (points.reshape(-1, 2).T / _STEP_MM).astype(np.float32)
    channels = grid.reshape(*grid.shape[:2], -1)
    rows, columns = grid.shape[:2]
    top = np.clip(np.floor(y).astype(int), 0, rows - 2)
    left = np.clip(np.floor(x).astype(int), 0, columns - 2)
    down, right = (np.clip(v - low, 0, 1)[:, None] for v, low in ((y, top), (x, left)))
    above = channels[top, left] * (1 - right) + channels[top, left + 1] * right
    below = channels[top + 1, left] * (1 - right) + channels[top + 1, left + 1] * right
    found = above * (1 - down) + below * down
    return np.asarray(found.reshape(*points.shape[:-1], *grid.shape[2:]), dtype=np.float32)
