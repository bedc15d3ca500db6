"""The edges and corners of boxes on a sheet, in pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.page import MM_PER_INCH

Points = NDArray[np.float64]  # (n, 2), x and y
Edges = tuple[float, float, float, float]  # left, top, right, bottom

_MARGIN_MM, _MARGIN_SHARE = 0.6, 0.1  # between a box's edge and ink, whichever is smaller


def box_inside(box: Edges, dpi: float) -> Edges:
    """Return the area of a box within a margin from its lines."""
    left, top, right, bottom = box
    margin = min(_MARGIN_MM * dpi / MM_PER_INCH, _MARGIN_SHARE * min(right - left, bottom - top))
    return left + margin, top + margin, right - margin, bottom - margin


def box_around(boxes: list[Edges]) -> Edges:
    """Return the bounding box of several boxes."""
    edges = np.array(boxes)
    left, top = edges[:, :2].min(axis=0)
    right, bottom = edges[:, 2:].max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def box_corners(box: Edges) -> Points:
    left, top, right, bottom = box
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float64)
