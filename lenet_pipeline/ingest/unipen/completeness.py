"""Find digits whose strokes are too few for their label, because a stroke is missing from the file.

Such a digit is a mistake of the collection: the slash of a zero without the zero, or one loop of an eight.
No person can read it, so it would teach a wrong shape and count as an error in every test.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

_STRAIGHT = 0.15  # width of a line, as a share of its length; below it the line is straight
_FLATTEST = 25.0  # degrees between a written 1 and the horizontal; a flatter line is its foot or flag
_FULL = 0.9  # share of its convex hull that a curve encloses if it turns one way
_ONCE_ROUND = 1.3  # length of a curve in hull perimeters; a longer one goes round more than once
_NEVER_ONE_CURVE = frozenset({4, 8})  # the other digits can be one line that turns one way


def lacks_strokes(strokes: Sequence[NDArray[np.float64]], label: int) -> bool:
    """Return whether a stroke of a digit must be missing, judged by its label.

    Only a 1 is a straight line, and it is upright. Neither a 4 nor an 8 is a single curve that turns one way,
    open or closed.

    Args:
        strokes: each float64 (n, 2), in one unit for x and y, with at least two points in all.
        label: the digit, 0 to 9.
    """
    angle = _angle_of_line(np.concatenate(strokes))
    if angle is not None:
        return label != 1 or angle < _FLATTEST
    return label in _NEVER_ONE_CURVE and len(strokes) == 1 and _turns_one_way(strokes[0])


def _angle_of_line(points: NDArray[np.float64]) -> float | None:
    """Return the angle between a straight line and the horizontal in degrees, None if it is not straight.

    The direction of the line is the first principal component.
    """
    centred = points - points.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    length, width = np.ptp(centred @ directions.T, axis=0)
    if width >= _STRAIGHT * length:
        return None
    across, down = np.abs(directions[0])
    return float(np.degrees(np.arctan2(down, across)))


def _turns_one_way(points: NDArray[np.float64]) -> bool:
    """Return whether a curve runs along its convex hull, once at most."""
    curve = points.astype(np.float32)
    hull = cv2.convexHull(curve)
    fills = cv2.contourArea(curve) >= _FULL * cv2.contourArea(hull)
    return bool(fills and cv2.arcLength(curve, closed=False) < _ONCE_ROUND * cv2.arcLength(hull, closed=True))
