"""Find seams: paths from top to bottom through touching digits that cross little ink."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.schema import Floats

# The cost of a diagonal step, in pixels of ink. With the lower one, a seam avoids ink on a long way round;
# with the higher one, it takes the straight way through the ink where two digits merge.
_SLANT_COST, _STRAIGHT_COST = 0.03, 0.2
_MIDDLES = (1 / 3, 1 / 2, 2 / 3)  # the rows that proposed seams start from, relative to the height
_ROUGH_COST = 0.05  # of each step aside, so that the straighter of two proposed seams is kept

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
    paths = _paths_through(ink, height // 2, _SLANT_COST)
    crossed = ink[np.arange(height)[:, None], paths].sum(axis=0)
    places = paths.mean(axis=0)
    chosen: list[int] = []
    for column in np.argsort(crossed, kind="stable").tolist():
        is_inside = distance <= places[column] <= width - distance
        if is_inside and all(abs(places[column] - places[other]) >= distance for other in chosen):
            chosen.append(column)
    chosen.sort(key=lambda column: float(places[column]))
    return [Seam(paths[:, column], float(crossed[column])) for column in chosen]


def propose_seams(ink: Floats, distance: int) -> list[Seam]:
    """Return more seams than the ink needs, from left to right, for a network to choose from.

    Two seams may have the same mean column if they take different ways, such as around and through a loop.

    Args:
        ink: float32 (height, width), 0 for paper to 1 for full ink.
        distance: the smallest mean distance between two seams, and from the sides.
    """
    height, width = ink.shape
    if width <= 2 * distance or height < 3:
        return []
    middles = {min(max(1, int(height * share)), height - 2) for share in _MIDDLES}
    found = [
        _paths_through(ink, middle, slant) for slant in (_SLANT_COST, _STRAIGHT_COST) for middle in middles
    ]
    paths = np.unique(np.concatenate(found, axis=1), axis=1)
    crossed = ink[np.arange(height)[:, None], paths].sum(axis=0)
    places = paths.mean(axis=0)
    costs = crossed + _ROUGH_COST * np.abs(np.diff(paths, axis=0)).sum(axis=0)
    left = np.argsort(costs, kind="stable")
    left = left[(places[left] >= distance) & (places[left] <= width - distance)]
    chosen: list[int] = []
    while len(left):
        best = int(left[0])
        chosen.append(best)
        left = left[np.abs(paths[:, left] - paths[:, [best]]).mean(axis=0) >= distance]
    chosen.sort(key=lambda column: float(places[column]))
    return [Seam(paths[:, column], float(crossed[column])) for column in chosen]


def _paths_through(ink: Floats, middle: int, slant_cost: float) -> Columns:
    """Return the best path through each pixel of a row: its column in each row, in the shape of ``ink``."""
    upper = _best_paths(ink[: middle + 1], slant_cost)
    lower = _best_paths(ink[middle:][::-1], slant_cost)[::-1]
    return np.concatenate([upper, lower[1:]])


def _best_paths(ink: Floats, slant_cost: float) -> Columns:
    """Return the best path from the top to each pixel of the last row, as its column in each row.

    The result has the shape of ``ink``: one path per column.
    """
    height, width = ink.shape
    costs = ink[0]
    origins = np.zeros((height, width), dtype=np.intp)
    columns = np.arange(width)
    steps = np.array([0, -1, 1])
    # Arrays are reused: making new ones for every row takes half of the time.
    above, ways = np.full(width + 2, np.inf, np.float32), np.empty((3, width), np.float32)
    for row in range(1, height):
        above[1:-1] = costs
        ways[0] = costs
        np.add(above[:-2], slant_cost, out=ways[1])
        np.add(above[2:], slant_cost, out=ways[2])
        best = ways.argmin(axis=0)
        origins[row] = columns + steps[best]
        costs = ink[row] + ways[best, columns]
    paths = np.empty((height, width), dtype=np.intp)
    paths[-1] = columns
    for row in range(height - 1, 0, -1):
        paths[row - 1] = origins[row, paths[row]]
    return paths
