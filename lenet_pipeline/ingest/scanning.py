"""Simulate a scan: ink on paper, as a scanner sees it and a file stores it.

The steps follow the path of a page: ink that spreads or fails to cover the paper, the blur of the lens,
uneven light and pale ink, grain and specks, and the compression of the file. The approach is that of Baird,
"Document image defect models" (1990).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from lenet_pipeline.schema import Floats

Range = tuple[float, float]

FINER = 2  # the ink grid has this many times the resolution of the scanner
MARGIN = (0.25, 0.6)  # width of the paper around a digit, in heights of the digit

_ROUGH_STEP = 2 * FINER  # pixels of the finer grid between random values of uneven ink
_LEAST_INK, _MOST_INK = 0.12, 0.8  # range of the ink threshold, so that neither paper nor strokes vanish
_EDGE = 0.18  # range of blurred ink over which an edge goes from paper to ink
_DARKEST_PAPER = 160  # grey level, as of recycled paper or a copy of a copy
_SPECK = 0.04  # standard deviation of a speck, in heights of the digit


@dataclass(frozen=True, kw_only=True)
class Scan:
    """The parameters of a scan. Each digit draws uniformly from every range.

    Attributes:
        spread_px: distance of the ink's edge outside the outline in pixels, negative inside it.
        unevenness: standard deviation of that distance across the digit, in pixels.
        blur_px: standard deviation of the lens's blur, in pixels.
        contrast: difference between paper and full ink, in grey levels of 255.
        shade: maximum falloff of the light across the picture, in grey levels.
        grain: standard deviation of the noise, in grey levels.
        specks: mean number of specks.
        jpeg_quality: range of the JPEG quality, None for a lossless file.
    """

    spread_px: Range = (0.0, 0.0)
    unevenness: float = 0.0
    blur_px: Range = (0.0, 0.0)
    contrast: Range = (255.0, 255.0)
    shade: float = 0.0
    grain: Range = (0.0, 0.0)
    specks: float = 0.0
    jpeg_quality: tuple[int, int] | None = None


def scan_ink(ink: Floats, height: float, scan: Scan, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Simulate the scan of ink on white paper.

    Args:
        ink: float32 (height, width), 0 for paper to 1 for full ink, on a grid of ``FINER`` times the
            scanner's resolution. Both sides are multiples of ``FINER``.
        height: the height of the digit in the scan, in pixels.
        scan: the parameters of the scan.
        rng: the source of all random values.

    Returns:
        uint8 (height, width), grey levels, dark ink on bright paper.
    """
    spread = _spread_ink(ink, scan, rng)
    seen = np.asarray(Image.fromarray(spread).reduce(FINER), dtype=np.float32)
    seen = ndimage.gaussian_filter(seen, rng.uniform(*scan.blur_px), truncate=3)
    return _photograph(seen, height, scan, rng)


def _spread_ink(ink: Floats, scan: Scan, rng: np.random.Generator) -> Floats:
    """Move the edge of the ink outwards or inwards by an uneven distance."""
    spread = rng.uniform(*scan.spread_px) * FINER
    if scan.unevenness == 0 and spread == 0:
        return ink
    # At distance d outside an edge that is blurred by sigma, the level is 0.5 - d / (sigma sqrt(2 pi)).
    sigma = 0.6 * FINER
    soft = ndimage.gaussian_filter(ink, sigma, truncate=3)
    moved = (spread + _rough_surface(ink.shape, scan.unevenness * FINER, rng)) / (
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


def _photograph(ink: Floats, height: float, scan: Scan, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the grey levels of ink on paper under uneven light, with grain, specks and compression."""
    rows, columns = ink.shape
    ink = ink + _specks(ink.shape, height, scan, rng)
    contrast = rng.uniform(*scan.contrast)
    paper = rng.uniform(max(contrast, _DARKEST_PAPER), 255)
    across, down = np.linspace(-0.5, 0.5, columns), np.linspace(-0.5, 0.5, rows)[:, None]
    angle, shade = rng.uniform(0, 2 * np.pi), rng.uniform(0, scan.shade)
    light = shade * (np.cos(angle) * across + np.sin(angle) * down - 0.5)
    grain = rng.standard_normal(ink.shape, np.float32) * rng.uniform(*scan.grain)
    grey = paper + light - contrast * np.clip(ink, 0, 1) + grain
    picture: NDArray[np.uint8] = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    if scan.jpeg_quality is None:
        return picture
    return _compress(picture, int(rng.integers(*scan.jpeg_quality)))


def _specks(shape: tuple[int, ...], height: float, scan: Scan, rng: np.random.Generator) -> Floats:
    """Return dust and toner dots of different sizes as ink, float32 (height, width)."""
    specks = np.zeros(shape, np.float32)
    for _ in range(rng.poisson(scan.specks)):
        y, x = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        size = height * _SPECK * rng.uniform(0.5, 1)
        down, across = np.arange(shape[0])[:, None] - y, np.arange(shape[1]) - x
        depth = rng.uniform(0.3, 1)
        specks += (depth * np.exp(-(down**2 + across**2) / (2 * size**2))).astype(np.float32)
    return specks


def _compress(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return a picture after JPEG compression."""
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file, formats=["JPEG"]))
