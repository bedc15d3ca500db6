"""Simulate the print and scan of a glyph, from clean to badly degraded.

The steps follow the path of a page: the size and slope of the type on the scanner's glass, ink that spreads
or fails to cover the paper, the blur of the lens, uneven light and pale ink, grain and specks, and the
compression of the file. The approach is that of Baird, "Document image defect models" (1990). The
parameters are our own, set by eye. Up to ``medium``, an average office scan, a person reads every digit
without doubt; with ``heavy``, most digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from lenet_pipeline.ingest.printed.glyphs import GLYPH_HEIGHT, Glyph
from lenet_pipeline.schema import Floats

Range = tuple[float, float]

_FINER = 2  # the ink grid has this many times the resolution of the scanner
_ROUGH_STEP = 2 * _FINER  # pixels of the finer grid between random values of uneven ink
_LEAST_INK, _MOST_INK = 0.12, 0.8  # range of the ink threshold, so that neither paper nor strokes vanish
_EDGE = 0.18  # range of blurred ink over which an edge goes from paper to ink
_MARGIN = (0.25, 0.6)  # width of the paper around the digit, in heights of a 0
_DARKEST_PAPER = 160  # grey level, as of recycled paper or a copy of a copy
_SPECK = 0.04  # standard deviation of a speck, in heights of a 0


@dataclass(frozen=True)
class Degradation:
    """The parameters of a scan. Each digit draws uniformly from every range.

    Attributes:
        number: part of the digit ids; never reused for another level.
        height_px: height of a 0 in the scan in pixels, about 29 for 10 points at 300 dpi.
        slope_deg: maximum rotation in degrees, in both directions.
        stretch: maximum relative change of width, in both directions.
        spread_px: distance of the ink's edge outside the outline in pixels, negative inside it.
        unevenness: standard deviation of that distance across the glyph, in pixels.
        blur_px: standard deviation of the lens's blur, in pixels.
        contrast: difference between paper and full ink, in grey levels of 255.
        shade: maximum falloff of the light across the picture, in grey levels.
        grain: standard deviation of the noise, in grey levels.
        specks: mean number of specks.
        jpeg_quality: range of the JPEG quality, None for a lossless file.
    """

    number: int
    height_px: Range
    slope_deg: float = 0.0
    stretch: float = 0.0
    spread_px: Range = (0.0, 0.0)
    unevenness: float = 0.0
    blur_px: Range = (0.0, 0.0)
    contrast: Range = (255.0, 255.0)
    shade: float = 0.0
    grain: Range = (0.0, 0.0)
    specks: float = 0.0
    jpeg_quality: tuple[int, int] | None = None


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
    ink = _spread_ink(ink, level, rng)
    seen = np.asarray(Image.fromarray(ink).reduce(_FINER), dtype=np.float32)
    seen = ndimage.gaussian_filter(seen, rng.uniform(*level.blur_px), truncate=3)
    return _photograph(seen, height, level, rng)


def _lay_type(glyph: Glyph, height: float, level: Degradation, rng: np.random.Generator) -> Floats:
    """Place a glyph on paper at a random size, slope and subpixel position.

    Returns:
        float32 (height, width) on the finer grid, 0 for paper to 1 for ink. Both sides are even.
    """
    scale = height * _FINER / GLYPH_HEIGHT
    margin = _FINER * max(4, round(height * rng.uniform(*_MARGIN)))
    slope = np.deg2rad(rng.uniform(-level.slope_deg, level.slope_deg))
    scale_x = scale * (1 + rng.uniform(-level.stretch, level.stretch))
    rows, columns = glyph.shape
    # Average down to the finer grid first, or thin strokes would fall between its pixels.
    width, depth = max(1, round(columns * scale_x)), max(1, round(rows * scale))
    small = Image.fromarray(glyph).resize((width, depth), Image.Resampling.BOX)
    room = 2 * (margin + _FINER)
    sheet_width, sheet_depth = (-(-(side + room) // _FINER) * _FINER for side in (width, depth))
    cosine, sine = np.cos(slope), np.sin(slope)
    x, y = (np.array([sheet_width, sheet_depth]) - 1) / 2 + rng.uniform(-0.5, 0.5, 2) * _FINER
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


def _spread_ink(ink: Floats, level: Degradation, rng: np.random.Generator) -> Floats:
    """Move the edge of the ink outwards or inwards by an uneven distance."""
    spread = rng.uniform(*level.spread_px) * _FINER
    if level.unevenness == 0 and spread == 0:
        return ink
    # At distance d outside an edge that is blurred by sigma, the level is 0.5 - d / (sigma sqrt(2 pi)).
    sigma = 0.6 * _FINER
    soft = ndimage.gaussian_filter(ink, sigma, truncate=3)
    moved = (spread + _rough_surface(ink.shape, level.unevenness * _FINER, rng)) / (
        sigma * math.sqrt(2 * math.pi)
    )
    threshold = np.clip(0.5 - moved, _LEAST_INK, _MOST_INK)
    inked: Floats = np.clip((soft - threshold) / np.float32(_EDGE) + np.float32(0.5), 0, 1)
    return inked


def _rough_surface(shape: tuple[int, ...], deviation: float, rng: np.random.Generator) -> Floats:
    """Return smooth random values, float32 (height, width), that vary over a few pixels of the scan."""
    rows, columns = (side // _ROUGH_STEP + 2 for side in shape)
    heights = rng.standard_normal((rows, columns), np.float32) * np.float32(deviation)
    return np.asarray(Image.fromarray(heights).resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def _photograph(
    ink: Floats, height: float, level: Degradation, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return the grey levels of ink on paper under uneven light, with grain, specks and compression."""
    rows, columns = ink.shape
    ink = ink + _specks(ink.shape, height, level, rng)
    contrast = rng.uniform(*level.contrast)
    paper = rng.uniform(max(contrast, _DARKEST_PAPER), 255)
    across, down = np.linspace(-0.5, 0.5, columns), np.linspace(-0.5, 0.5, rows)[:, None]
    angle, shade = rng.uniform(0, 2 * np.pi), rng.uniform(0, level.shade)
    light = shade * (np.cos(angle) * across + np.sin(angle) * down - 0.5)
    grain = rng.standard_normal(ink.shape, np.float32) * rng.uniform(*level.grain)
    grey = paper + light - contrast * np.clip(ink, 0, 1) + grain
    scan = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return scan if level.jpeg_quality is None else _compress(scan, int(rng.integers(*level.jpeg_quality)))


def _specks(shape: tuple[int, ...], height: float, level: Degradation, rng: np.random.Generator) -> Floats:
    """Return dust and toner dots of different sizes as ink, float32 (height, width)."""
    specks = np.zeros(shape, np.float32)
    for _ in range(rng.poisson(level.specks)):
        y, x = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        size = height * _SPECK * rng.uniform(0.5, 1)
        down, across = np.arange(shape[0])[:, None] - y, np.arange(shape[1]) - x
        depth = rng.uniform(0.3, 1)
        specks += (depth * np.exp(-(down**2 + across**2) / (2 * size**2))).astype(np.float32)
    return specks


def _compress(scan: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return a picture after JPEG compression."""
    file = BytesIO()
    Image.fromarray(scan).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file, formats=["JPEG"]))
