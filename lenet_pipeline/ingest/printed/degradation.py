"""Simulate the print and scan of a glyph, from clean to badly degraded.

The steps follow the path of a page: the size and slope of the type on the scanner's glass, then the scan. The
parameters are our own, set by eye. Up to ``medium``, an average office scan, a person reads every digit
without doubt; with ``heavy``, most digits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lenet_pipeline.ingest.printed.glyphs import GLYPH_HEIGHT, Glyph
from lenet_pipeline.ingest.scanning import FINER, MARGIN, Range, Scan, scan_ink
from lenet_pipeline.schema import Floats


@dataclass(frozen=True, kw_only=True)
class Degradation(Scan):
    """The parameters of a print and its scan. Each digit draws uniformly from every range.

    Attributes:
        number: part of the digit ids; never reused for another level.
        height_px: height of a 0 in the scan in pixels, about 29 for 10 points at 300 dpi.
        slope_deg: maximum rotation in degrees, in both directions.
        stretch: maximum relative change of width, in both directions.
    """

    number: int
    height_px: Range
    slope_deg: float = 0.0
    stretch: float = 0.0


LEVELS = {
    "none": Degradation(number=0, height_px=(36, 48)),
    "light": Degradation(
        number=1,
        height_px=(28, 48),
        slope_deg=1.5,
        stretch=0.03,
        spread_px=(-0.15, 0.3),
        unevenness=0.08,
        blur_px=(0.4, 0.8),
        contrast=(150, 230),
        shade=6,
        grain=(1, 4),
        specks=0.1,
        jpeg_quality=(75, 95),
    ),
    "medium": Degradation(
        number=2,
        height_px=(24, 44),
        slope_deg=4.0,
        stretch=0.08,
        spread_px=(-0.2, 0.6),
        unevenness=0.15,
        blur_px=(0.6, 1.1),
        contrast=(100, 210),
        shade=15,
        grain=(2, 8),
        specks=0.4,
        jpeg_quality=(50, 85),
    ),
    "heavy": Degradation(
        number=3,
        height_px=(20, 36),
        slope_deg=7.0,
        stretch=0.12,
        spread_px=(-0.25, 0.8),
        unevenness=0.26,
        blur_px=(0.8, 1.4),
        contrast=(75, 160),
        shade=30,
        grain=(5, 12),
        specks=1.0,
        jpeg_quality=(30, 60),
    ),
}


def degrade_glyph(glyph: Glyph, level: Degradation, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Simulate printing a glyph on white paper and scanning it.

    Args:
        glyph: uint8 (height, width), cropped, 255 for ink, of a font whose 0 is ``GLYPH_HEIGHT`` high.
        level: the parameters of the scan.
        rng: the source of all random values.

    Returns:
        uint8 (height, width), grey levels, dark ink on bright paper, with a margin around the digit.
    """
    height = rng.uniform(*level.height_px)
    ink = _lay_type(glyph, height, level, rng)
    return scan_ink(ink, height, level, rng)


def _lay_type(glyph: Glyph, height: float, level: Degradation, rng: np.random.Generator) -> Floats:
    """Place a glyph on paper at a random size, slope and subpixel position.

    Returns:
        float32 (height, width) on the finer grid, 0 for paper to 1 for ink. Both sides are even.
    """
    scale = height * FINER / GLYPH_HEIGHT
    margin = FINER * max(4, round(height * rng.uniform(*MARGIN)))
    slope = np.deg2rad(rng.uniform(-level.slope_deg, level.slope_deg))
    scale_x = scale * (1 + rng.uniform(-level.stretch, level.stretch))
    rows, columns = glyph.shape
    # Average down to the finer grid first, or thin strokes would fall between its pixels.
    width, depth = max(1, round(columns * scale_x)), max(1, round(rows * scale))
    small = Image.fromarray(glyph).resize((width, depth), Image.Resampling.BOX)
    room = 2 * (margin + FINER)
    sheet_width, sheet_depth = (-(-(side + room) // FINER) * FINER for side in (width, depth))
    cosine, sine = np.cos(slope), np.sin(slope)
    x, y = (np.array([sheet_width, sheet_depth]) - 1) / 2 + rng.uniform(-0.5, 0.5, 2) * FINER
    placed = small.transform(
        (sheet_width, sheet_depth),
        Image.Transform.AFFINE,
        (
            cosine,
            sine,
            (width - 1) / 2 - cosine * x - sine * y,
            -sine,
            cosine,
            (depth - 1) / 2 + sine * x - cosine * y,
        ),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(placed, dtype=np.float32) / np.float32(255)
