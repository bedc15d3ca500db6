"""Find straight strokes through a digit, which strike it out.

Such a stroke crosses the whole ink from edge to edge, and its ends extend beyond the digit. The ink is
stretched to a square first, so that a fixed set of lines covers all strokes.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.schema import Floats, Mask

_SIDE = 24  # pixels of the square
_RISE = 8  # pixels of the square: the largest rise of a flat stroke
_FROM_CORNER = 6  # pixels of the square: the range of a diagonal stroke's ends
_LEAST_FLAT = 1.05  # of a digit's usual height: the shortest flat stroke
_LEAST_DIAGONAL = 1.4  # the same for diagonal strokes
_NARROWEST = 0.5  # of the longer side: narrower ink is a 1, which would be all stroke after stretching
_CROSS_INKED = 0.9  # of the length of each of the two strokes of a cross
_LEAST_INKED = {"flat": 0.92, "down": 0.96, "up": 0.98}  # of the length of a single stroke
_BAND = 2.6  # pixels of the square: half the width of a stroke
_BEYOND = 0.1  # of a stroke's length: how far each end extends beyond the digit
_LEAST_REST = 0.35  # of the ink: what is left without the stroke must be a digit
_LEAST_SIDE = 0.2  # of what is left, on each side of the stroke
_MOST_TRIED = 6  # of the strokes that fit best


@dataclass(frozen=True)
class _Lines:
    """The lines across the square.

    Attributes:
        kinds: ``flat``, ``down`` or ``up`` for each line, (n,).
        ends: x and y of the start, then of the end, (n, 4).
        weights: the share of a line that is in each pixel of the square, (``_SIDE`` ** 2, n).
    """

    kinds: NDArray[np.str_]
    ends: NDArray[np.float64]
    weights: Floats


def has_strike(mask: Mask, usual: float) -> bool:
    """Return whether a straight stroke or a cross strikes a digit through.

    Args:
        mask: where the ink is, cropped to the ink, bool (height, width).
        usual: the usual height of a digit in the field, in pixels.
    """
    height, width = mask.shape
    is_wide = width >= _LEAST_FLAT * usual
    is_long = bool(np.hypot(height, width) >= _LEAST_DIAGONAL * usual)
    if not (is_wide or is_long) or min(height, width) < _NARROWEST * max(height, width):
        return False
    resized = cv2.resize(mask.view(np.uint8) * 255, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    square = resized > 127
    lines = _lines()
    inked = square.ravel().astype(np.float32) @ lines.weights
    best = {kind: float(inked[lines.kinds == kind].max()) for kind in _LEAST_INKED}
    if is_long and min(best["up"], best["down"]) >= _CROSS_INKED:
        return True
    return any(
        _has_single(square, lines, inked, kind)
        for kind, allowed in (("flat", is_wide), ("up", is_long), ("down", is_long))
        if allowed and best[kind] >= _LEAST_INKED[kind]
    )


def _has_single(square: Mask, lines: _Lines, inked: Floats, kind: str) -> bool:
    """Return whether a single stroke of a kind crosses the rest of the ink, and extends beyond it."""
    rows, columns = np.nonzero(square)
    fitting = np.flatnonzero((lines.kinds == kind) & (inked >= _LEAST_INKED[kind]))
    for index in fitting[np.argsort(-inked[fitting], kind="stable")][:_MOST_TRIED].tolist():
        x, y, last_x, last_y = lines.ends[index]
        length = np.hypot(last_x - x, last_y - y)
        across = ((rows - y) * (last_x - x) - (columns - x) * (last_y - y)) / length
        along = ((columns - x) * (last_x - x) + (rows - y) * (last_y - y)) / length**2
        rest = np.abs(across) > _BAND
        if rest.sum() < _LEAST_REST * len(rows):
            continue
        first, last = np.quantile(along[rest], [0.01, 0.99])
        above = float((across[rest] > 0).mean())
        if first >= _BEYOND and last <= 1 - _BEYOND and _LEAST_SIDE <= above <= 1 - _LEAST_SIDE:
            return True
    return False


@functools.lru_cache(maxsize=1)
def _lines() -> _Lines:
    last = _SIDE - 1
    found = [
        ("flat", (0, start, last, stop))
        for start in range(2, last - 1)
        for stop in range(max(2, start - _RISE), min(last - 1, start + _RISE + 1))
    ]
    near = [(0, step) for step in range(_FROM_CORNER)] + [(step, 0) for step in range(1, _FROM_CORNER)]
    for x, y in near:
        for other_x, other_y in near:
            found.append(("down", (x, y, last - other_x, last - other_y)))
            found.append(("up", (x, last - y, last - other_x, other_y)))
    ends = np.array([place for _, place in found], dtype=np.float64)
    steps = np.arange(_SIDE) / last
    columns = np.rint(ends[:, :1] + (ends[:, 2:3] - ends[:, :1]) * steps).astype(np.intp)
    rows = np.rint(ends[:, 1:2] + (ends[:, 3:4] - ends[:, 1:2]) * steps).astype(np.intp)
    weights = np.zeros((_SIDE**2, len(found)), np.float32)
    for index in range(len(found)):
        np.add.at(weights[:, index], rows[index] * _SIDE + columns[index], 1 / _SIDE)
    return _Lines(np.array([kind for kind, _ in found]), ends, weights)
