"""Type designs: vary a font's digits as other designers might draw them.

The libraries include a few font families, but thousands are in use. A model that learns only a few designs
misreads others, so each training digit is varied. It is bent, slanted and made wider or narrower, as the
paper distorts its images (LeCun et al. 1998, section III.C). Some get hairlines and ball terminals as in
Didone types, which the included fonts lack.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
from skimage.morphology import skeletonize

from lenet_pipeline.ingest.printed.glyphs import Glyph
from lenet_pipeline.schema import Floats

# Lengths are shares of the glyph's height; frequencies are shares of all designs.
_BEND = 0.04  # standard deviation of the shift of a node
_NODES = 4  # per side, so that bends span a quarter of the glyph, like bowls and spurs
_SLANT = (-0.06, 0.25)  # shear; about 0.2 for an italic
_WIDTH = (0.75, 1.15)  # condensed to extended
_HAIRLINES, _THINNED = 0.25, (0.006, 0.035)  # frequency, and the loss of horizontal strokes on each side
_LEAST_LEFT = 0.6  # share of the ink that thinning must leave
_BALLS, _BALL_RADIUS = 0.6, (0.06, 0.11)  # frequency, and radius
_BALL_SHARE = 0.7  # share of stroke ends that get a ball
_MARGIN = 1 / 3  # around the glyph, for parts that move outwards
_INK = 80  # grey level from which a pixel counts as the glyph's edge
_NEIGHBOURS = np.ones((3, 3), np.uint8)


def vary_design(glyph: Glyph, rng: np.random.Generator) -> Glyph:
    """Vary a glyph to another design of the same digit.

    Args:
        glyph: uint8 (height, width), cropped, 255 for ink.
        rng: the source of all random values.

    Returns:
        uint8 (height, width), cropped, 255 for ink, of a slightly different size.
    """
    height, margin = len(glyph), round(len(glyph) * _MARGIN)
    sheet = np.pad(glyph, margin)
    if rng.random() < _HAIRLINES:
        sheet = _thin_horizontals(sheet, rng.uniform(*_THINNED) * height)
    if rng.random() < _BALLS:
        for y, x in _stroke_ends(glyph.tobytes(), glyph.shape):
            if rng.random() < _BALL_SHARE:
                radius = round(rng.uniform(*_BALL_RADIUS) * height)
                cv2.circle(sheet, (x + margin, y + margin), radius, (255,), cv2.FILLED, cv2.LINE_AA)
    varied = cv2.remap(sheet, *_source_coordinates(sheet.shape, height, rng), cv2.INTER_LINEAR)
    rows, columns = (np.flatnonzero(varied.max(axis=axis) > _INK) for axis in (1, 0))
    return np.ascontiguousarray(varied[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], np.uint8)


def _thin_horizontals(sheet: Glyph, depth: float) -> Glyph:
    """Remove ``depth`` pixels from the top and bottom of all strokes, unless parts break off or vanish."""
    element = cv2.getStructuringElement(cv2.MORPH_RECT, (1, 2 * max(1, round(depth)) + 1))
    thinned = np.asarray(cv2.erode(sheet, element), np.uint8)
    is_whole = cv2.connectedComponents(thinned)[0] == cv2.connectedComponents(sheet)[0]
    has_ink = thinned.sum(dtype=np.int64) > _LEAST_LEFT * sheet.sum(dtype=np.int64)
    return thinned if is_whole and has_ink else sheet


@functools.lru_cache(maxsize=4096)  # the same digits recur
def _stroke_ends(content: bytes, shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the coordinates (y, x) of the ends of a glyph's strokes."""
    glyph = np.frombuffer(content, np.uint8).reshape(shape) > 127
    lines = skeletonize(glyph)  # type: ignore[no-untyped-call]
    neighbours = cv2.filter2D(lines.astype(np.uint8), -1, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT)
    return [(int(y), int(x)) for y, x in np.argwhere(lines & (neighbours == 2))]


def _source_coordinates(
    shape: tuple[int, ...], height: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return the source coordinates x and y of every pixel, each float32 (height, width)."""
    rows, columns = shape
    down = np.arange(rows, dtype=np.float32)[:, None]
    across = np.arange(columns, dtype=np.float32)[None]
    middle_row, middle_column = (rows - 1) / 2, (columns - 1) / 2
    slant, width = rng.uniform(*_SLANT), rng.uniform(*_WIDTH)
    nodes = rng.standard_normal((_NODES, _NODES, 2), np.float32) * np.float32(_BEND * height)
    bend = cv2.resize(nodes, (columns, rows), interpolation=cv2.INTER_CUBIC)
    x = (across - middle_column) / width + slant * (down - middle_row) + middle_column + bend[..., 0]
    y = down + bend[..., 1]
    return x.astype(np.float32), y.astype(np.float32)
