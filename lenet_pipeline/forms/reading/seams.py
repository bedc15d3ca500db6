"""Seams: ways from the top to the bottom of touching digits that cross little ink."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.schema import Floats

_SLANT_COST = 0.03  # of a step aslant, in pixels of ink: of two seams the straighter

Columns = NDArray[np.intp]


@dataclass(frozen=True)
class Seam:
    """A way from top to bottom: its column in each row, (height,), and the ink on it, in full pixels."""

    columns: Columns
    ink: float


def find_seams(ink: Floats, distance: int) -> list[Seam]:
    """Return seams that cross little ink, from left to right, so many columns apart on average.

    Args:
        ink: (height, width), 0 for paper to 1 for full ink.
        distance: least distance in columns of the middles of seams from each other and from the sides.
    """
    height, width = ink.shape
    if width <= 2 * distance or height < 3:
        return []
    # Through every column of the middle row, the best way up from there and the best way down.
    middle = height // 2
    upper, lower = _best_ways(ink[: middle + 1]), _best_ways(ink[middle:][::-1])[::-1]
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


def _best_ways(ink: Floats) -> Columns:
    """Return the best way from the top to each pixel of the last row: its column in each row, as ink."""
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
