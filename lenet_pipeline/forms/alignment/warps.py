"""Warp pages smoothly, for bent and folded paper.

A warp is a displacement of every point of the aligned page, before the homography to the scan. It consists of
cubic B-splines over a coarse grid of knots, so that it is smooth and cannot follow single marks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.homographies import Homography, Points, map_points
from lenet_pipeline.forms.page import Grey

_KNOT_PX = 160.0  # pixels of the aligned page: 20 mm, a bend across which paper stays nearly straight
_MAPPED_PX = 4  # the displacement is computed once for this many pixels, and interpolated
_ROUNDS = 10
_NOISE_PX = 0.3  # the smallest spread of the displacements that the weights assume
_NEIGHBOURS = 8

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Warp:
    """A smooth displacement of an aligned page.

    Attributes:
        shifts: the displacements at the knots of the spline in pixels of the aligned page, x and y, float64
            (rows, columns, 2). The first knot is one distance outside the top left corner of the page.
    """

    shifts: Floats

    def move(self, points: Points) -> Points:
        """Return where points of the aligned page are before the homography, (points, 2)."""
        rows, columns, _ = self.shifts.shape
        across, down = _splines(points[:, 0], columns), _splines(points[:, 1], rows)
        return np.asarray(points + np.einsum("nr,nc,rck->nk", down, across, self.shifts), dtype=np.float64)

    def on_grid(self, across: Floats, down: Floats) -> Floats:
        """Return the displacements at all x in ``across`` and all y in ``down``, (down, across, 2)."""
        rows, columns = _splines(down, self.shifts.shape[0]), _splines(across, self.shifts.shape[1])
        return np.stack([rows @ self.shifts[:, :, axis] @ columns.T for axis in (0, 1)], axis=2)


def map_to_scan(to_scan: Homography, warp: Warp | None, points: Points) -> Points:
    """Return where points of the aligned page are on the scan, (points, 2)."""
    return map_points(to_scan, points if warp is None else warp.move(points))


def warp_bent_picture(
    picture: Grey,
    homography: Homography,
    warp: Warp,
    size: tuple[int, int],
    *,
    page: tuple[int, int],
    paper: int,
    sharp: bool = False,
) -> Grey:
    """Warp a picture through a homography and a warp.

    Args:
        picture: uint8 (height, width).
        homography: maps displaced points of the aligned page to points of this picture.
        warp: the displacement of the aligned page.
        size: height and width of the new picture.
        page: height and width of the aligned page, which the new picture shows at any resolution.
        paper: the grey level to use outside the picture.
        sharp: whether to use cubic interpolation, for enlarging.
    """
    height, width = size
    rows, columns = -(-height // _MAPPED_PX), -(-width // _MAPPED_PX)
    down, across = ((np.arange(n) + 0.5) * side / n for n, side in ((rows, page[0]), (columns, page[1])))
    grid = np.stack(np.meshgrid(across, down), axis=2) + warp.on_grid(across, down)
    places = (map_points(homography, grid.reshape(-1, 2)) - 0.5).reshape(rows, columns, 2)
    maps = _enlarge(places, size)
    method = cv2.INTER_CUBIC if sharp else cv2.INTER_LINEAR
    warped = cv2.remap(
        picture,
        maps[..., 0],
        maps[..., 1],
        method,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(paper,),
    )
    return np.asarray(warped, dtype=np.uint8)


def _enlarge(places: Floats, size: tuple[int, int]) -> NDArray[np.float32]:
    """Interpolate a grid of places at every pixel of a picture, and extrapolate it at the edges."""
    rows, columns, _ = places.shape
    padded = np.pad(places, ((1, 1), (1, 1), (0, 0)), mode="reflect", reflect_type="odd").astype(np.float32)
    scale = np.array([columns / size[1], rows / size[0]])
    # Both grids have their points in the middle of a pixel. The padding adds one to the coarse one.
    matrix = np.array([[scale[0], 0, scale[0] / 2 + 0.5], [0, scale[1], scale[1] / 2 + 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(padded, matrix, (size[1], size[0]), flags=flags), dtype=np.float32)


def flat_warp(size: tuple[int, int]) -> Warp:
    """Return the warp that moves nothing, for a page's height and width."""
    return Warp(np.zeros((*_knots(size), 2)))


def fit_warp(points: Points, moved: Points, weights: Floats, size: tuple[int, int], loose_px: float) -> Warp:
    """Fit the smooth warp that moves points to other points, by least squares with Tukey's weights.

    Args:
        points: points of the aligned page, (points, 2).
        moved: where each of them was found, (points, 2).
        weights: the weight of each, (points,).
        size: height and width of the aligned page.
        loose_px: how much a displacement may change its slope from knot to knot, as a standard deviation in
            pixels. Small values give a stiff warp.
    """
    rows, columns = _knots(size)
    down, across = _splines(points[:, 1], rows), _splines(points[:, 0], columns)
    design = np.einsum("nr,nc->nrc", down, across).reshape(len(points), -1)
    shifts = moved - points
    penalty = (_NOISE_PX / loose_px) ** 2 * _bending(rows, columns)
    # Start with each point's distance from its neighbours, because paper moves them alike.
    errors = np.hypot(*(shifts - usual_nearby(points, shifts, _NEIGHBOURS)).T)
    solution = np.zeros((rows * columns, 2))
    for _ in range(_ROUNDS):
        spread = max(1.4826 * float(np.median(errors)), _NOISE_PX)
        tukey = weights * np.clip(1 - (errors / (4.7 * spread)) ** 2, 0, None) ** 2
        solution = np.linalg.solve((design.T * tukey) @ design + penalty, (design.T * tukey) @ shifts)
        errors = np.hypot(*(design @ solution - shifts).T)
    return Warp(solution.reshape(rows, columns, 2))


def separate_homography(warp: Warp, size: tuple[int, int]) -> tuple[Homography, Warp]:
    """Split a warp into the homography that explains most of it and the warp that remains, to apply first."""
    down, across = (np.linspace(0, side, 2 * knots) for side, knots in zip(size, _knots(size), strict=True))
    points = np.stack(np.meshgrid(across, down), axis=2).reshape(-1, 2)
    moved = warp.move(points)
    fitted, _ = cv2.findHomography(points, moved, 0)
    homography = np.asarray(fitted, dtype=np.float64)
    rest = map_points(np.asarray(np.linalg.inv(homography), dtype=np.float64), moved) - points
    rows, columns = _knots(size)
    design = np.einsum("nr,nc->nrc", _splines(points[:, 1], rows), _splines(points[:, 0], columns)).reshape(
        len(points), -1
    )
    penalty = 1e-6 * _bending(rows, columns)
    solution = np.linalg.solve(design.T @ design + penalty, design.T @ rest)
    return homography, Warp(solution.reshape(rows, columns, 2))


def _knots(size: tuple[int, int]) -> tuple[int, int]:
    """Return the number of rows and columns of knots for a page's height and width."""
    height, width = size
    return int(np.ceil(height / _KNOT_PX)) + 3, int(np.ceil(width / _KNOT_PX)) + 3


def _splines(values: Floats, knots: int) -> Floats:
    """Return the weight of every knot at some coordinates in pixels, (values, knots)."""
    places = values / _KNOT_PX
    first = np.clip(np.floor(places).astype(np.int64), 0, knots - 4)
    t = places - first
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1
    )
    matrix = np.zeros((len(values), knots))
    matrix[np.arange(len(values))[:, None], first[:, None] + np.arange(4)] = weights / 6
    return matrix


@lru_cache(maxsize=8)
def _bending(rows: int, columns: int) -> Floats:
    """Return the quadratic form of a warp's bending energy, as of a thin plate, (knots, knots)."""
    parts = (
        np.kron(np.diff(np.eye(rows), 2, axis=0), np.eye(columns)),
        np.kron(np.eye(rows), np.diff(np.eye(columns), 2, axis=0)),
        np.sqrt(2) * np.kron(np.diff(np.eye(rows), axis=0), np.diff(np.eye(columns), axis=0)),
    )
    form = sum((part.T @ part for part in parts), np.zeros((rows * columns,) * 2))
    # A hint of stiffness against any displacement, so that a few points on one line still have one solution.
    return np.asarray(form + 1e-6 * np.eye(rows * columns))


def usual_nearby(points: Points, shifts: Points, neighbours: int) -> Points:
    """Return the median displacement of each point's nearest neighbours, (points, 2)."""
    apart = np.hypot(*np.moveaxis(points[:, None] - points[None], 2, 0))
    nearest = np.argsort(apart, axis=1, kind="stable")[:, 1 : neighbours + 1]
    return np.asarray(np.median(shifts[nearest], axis=1), dtype=np.float64)
