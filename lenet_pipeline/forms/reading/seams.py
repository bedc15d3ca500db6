"""Find seams: paths from top to bottom through touching digits that cross little ink."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.schema import Floats

_SLANT_COST = 0.03  # of a diagonal step, in pixels of ink, so that the straighter of two seams wins

Columns = NDArray[np.intp]


@dataclass(frozen=True)
class Seam:
    """A path from top to bottom: its column in each row, (height,), and its ink in pixels of full ink."""

    columns: Columns
    ink: float


def find_seams(ink: Floats, distance: int) -> list[Seam]:
    """Return seams that cross little ink, from left to right.

    Args:
        ink: float32 (height, width), 0 for paper to 1 for full ink.
        distance: the smallest distance between the mean columns of two seams, and to the sides.
    """
    height, width = ink.shape
    if width <= 2 * distance or height < 3:
        return []
    # For every column of the middle row, join the best path up and the best path down.
    middle = height // 2
    upper, lower = _best_paths(ink[: middle + 1]), _best_paths(ink[middle:][::-1])[::-1]
    paths = np.concatenate([upper, lower[1:]])
    crossed = ink[np.arange(height)[:, None], paths].sum(axis=0)
    places = paths.mean(axis=0)
    chosen: list[int] = []
    for column in np.argsort(crossed, kind="stable").tolist():
        is_inside = distance <= places[column] <= width - distance
        if is_inside and all(abs(places[column] - places[other]) >= distance for other in chosen):
            chosen.append(column)
    chosen.sort(key=lambda column: float(places[column]))
    return [Seam(paths[:, column], float(crossed[column])) for column in chosen]


def _best_paths(ink: Floats) -> Columns:
    """Return the best path from the top to each pixel of the last row, as its column in each row.

    The result has the shape of ``ink``: one path per column.
    """
    height, width = ink.shape
    costs = ink[0]
    origins = np.zeros((height, width), dtype=np.intp)
    columns = np.arange(width)
    for row in range(1, height):
        above = np.pad(costs, 1, constant_values=np.float32(np.inf))
        ways = np.stack([above[1:-1], above[:-2] + _SLANT_COST, above[2:] + _SLANT_COST])
        best = ways.argmin(axis=0)
        origins[row] = columns + np.array([0, -1, 1])[best]
        costs = ink[row] + ways[best, columns]
    paths = np.empty((height, width), dtype=np.intp)
    paths[-1] = columns
    for row in range(height - 1, 0, -1):
        paths[row - 1] = origins[row, paths[row]]
    return paths
