"""Type designs: a font's digit bent, slanted and set wider or narrower, as another designer might draw it.

A few families are shipped, and the world prints with thousands. A model that has learned a handful of
designs by heart misreads the next one, so digits to learn from are each drawn a little differently. The
idea is that of the paper's own distortions (LeCun et al. 1998, section III.C), on outlines instead of pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.sources.fonts import Glyph

_BEND = 0.04  # standard deviation of how far a node moves, in heights of the glyph
_NODES = 4  # a side: bends of a quarter of the glyph, as bowls and spurs are
_SLANT = (-0.06, 0.25)  # shear; an italic's is about 0.2
_WIDTH = (0.75, 1.15)  # condensed to extended
_MARGIN = 1 / 3  # of the height around the glyph, for what moves outwards
_INK = 80  # grey level from which a pixel counts as the glyph's edge


def vary_design(glyph: Glyph, rng: np.random.Generator) -> Glyph:
    """Draw a glyph as another design of the same digit.

    Takes and returns uint8 (height, width), cropped, 255 for ink; the sizes differ a little.
    """
    height, margin = len(glyph), round(len(glyph) * _MARGIN)
    sheet = np.pad(glyph, margin)
    varied = cv2.remap(sheet, *_places(sheet.shape, height, rng), cv2.INTER_LINEAR)
    rows, columns = (np.flatnonzero(varied.max(axis=axis) > _INK) for axis in (1, 0))
    return np.ascontiguousarray(varied[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _places(
    shape: tuple[int, ...], height: int, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return from which x and which y every pixel is taken, each float32 of this shape."""
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
