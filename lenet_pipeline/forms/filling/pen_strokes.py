"""The pen strokes of marks: commas, points, minus signs, crosses, dashes and lines through digits and fields.

Each function returns strokes for ``render_strokes``: the x and y of their points, float64 (n, 2) each.
"""

from __future__ import annotations

import numpy as np

from lenet_pipeline.forms.filling.boxes import Edges, Points
from lenet_pipeline.forms.templates.model import UnusedMark

_COMMA_LENGTH = (0.15, 0.28)  # in heights of a digit
_POINT_LENGTH = (0.02, 0.08)  # likewise: a point is a short stroke of a thick pen
_MINUS_SLOPE = 0.12  # the largest rise of a minus relative to its length


def comma_strokes(x: float, y: float, height: float, rng: np.random.Generator) -> list[Points]:
    """Return a comma that starts at a point, below the middle of digits of a height."""
    length = rng.uniform(*_COMMA_LENGTH) * height
    return [np.array([[x, y], [x - 0.3 * length, y + length]])]


def point_strokes(x: float, y: float, height: float, rng: np.random.Generator) -> list[Points]:
    """Return a decimal point."""
    length = rng.uniform(*_POINT_LENGTH) * height
    angle = rng.uniform(0, 2 * np.pi)
    return [np.array([[x, y], [x + length * np.cos(angle), y + length * np.sin(angle)]])]


def minus_strokes(right: float, y: float, length: float, rng: np.random.Generator) -> list[Points]:
    """Return a minus that ends at its right end, at the middle of the digits."""
    rise = rng.uniform(-_MINUS_SLOPE, _MINUS_SLOPE) * length
    return [np.array([[right - length, y + rise / 2], [right, y - rise / 2]])]


def mark_strokes(mark: UnusedMark, box: Edges, rng: np.random.Generator) -> list[Points]:
    """Return the mark of an unused cell, or the mark that crosses out the content of a cell."""
    corner, sides = np.array(box[:2]), np.array(box[2:]) - box[:2]
    jitter = rng.uniform(-0.06, 0.06, (4, 2))
    ends = [[0.22, 0.22], [0.78, 0.78], [0.78, 0.22], [0.22, 0.78]]
    if mark == "-":
        ends = [[0.2, 0.5], [0.8, 0.5]]
    points = (np.array(ends) + jitter[: len(ends)]) * sides + corner
    return [points[start : start + 2] for start in range(0, len(ends), 2)]


def digit_strike(box: Edges, rng: np.random.Generator) -> list[Points]:
    """Return a cross, a flat stroke or a diagonal one through a digit."""
    corner, sides = np.array(box[:2]), np.array(box[2:]) - box[:2]
    ways = [
        [[[0.06, 0.1], [0.94, 0.9]], [[0.94, 0.1], [0.06, 0.9]]],
        [[[0.02, 0.55], [0.98, 0.45]]],
        [[[0.06, 0.92], [0.94, 0.08]]],
    ]
    strokes = np.array(ways[int(rng.integers(len(ways)))])
    jitter = rng.uniform(-0.04, 0.04, strokes.shape)
    return list((strokes + jitter) * sides + corner)


def field_strike(box: Edges, rng: np.random.Generator) -> list[Points]:
    """Return a line through a whole field."""
    corner, sides = np.array(box[:2]), np.array(box[2:]) - box[:2]
    low, high = rng.uniform(0.55, 0.75), rng.uniform(0.25, 0.45)
    return [np.array([[0.02, low], [0.5, (low + high) / 2 + 0.04], [0.98, high]]) * sides + corner]
