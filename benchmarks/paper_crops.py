"""Draw pictures of single digits on the kinds of paper that `lenet ingest images` meets.

Each kind places the ink of a digit on a sheet with a printed ground. The sheet is then scanned, with blur and
grain, and cut out. All sizes depend on the height of the digit, so the crops are alike at any resolution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from lenet_pipeline.schema import Floats, Images

_FINER = 4  # each digit is first enlarged to this many times its height, then reduced to smooth strokes
_TINTS = ((255, 214, 214), (214, 240, 255), (214, 250, 214), (255, 244, 190), (240, 220, 255))
_PRINTS = ((200, 120, 140), (110, 160, 200), (120, 180, 130), (190, 160, 110), (150, 150, 150))
_PENS = ((25, 25, 25), (30, 40, 130), (20, 60, 150))


@dataclass(frozen=True)
class Sheet:
    """A digit on paper before the scan.

    Attributes:
        ink: float32 (height, width), 0 for paper to 1 for full ink.
        ground: float32 (height, width, 3), the share of light that the paper and its print reflect.
        window: rows and columns that are cut out after the scan.
        blur_px: standard deviation of the scanner's blur.
        pen: the colour of full ink, 0 to 255.
    """

    ink: Floats
    ground: Floats
    window: tuple[slice, slice] = (slice(None), slice(None))
    blur_px: float = 0.5
    pen: tuple[int, int, int] = _PENS[0]


Kind = Callable[[Floats, np.random.Generator], Sheet]


def enlarge(image: Images, height_px: int) -> Floats:
    """Enlarge the ink of an MNIST digit to smooth strokes.

    Args:
        image: uint8 (28, 28), bright ink on a dark background.
        height_px: the height of the result.

    Returns:
        float32 (height, width), cropped to the ink, 0 for paper to 1 for full ink.
    """
    rows, columns = np.flatnonzero(image.max(axis=1) > 40), np.flatnonzero(image.max(axis=0) > 40)
    cropped = Image.fromarray(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    fine = height_px * _FINER
    width = max(_FINER, round(cropped.width / cropped.height * fine))
    smooth = np.asarray(cropped.resize((width, fine), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    sharp = np.clip((smooth - 0.3) / 0.4, 0, 1)
    small = Image.fromarray(sharp).resize((max(1, width // _FINER), height_px), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32)


def scan(sheet: Sheet, rng: np.random.Generator, grain: float | None = None) -> NDArray[np.uint8]:
    """Scan a sheet; return uint8 (height, width, 3)."""
    light = rng.uniform(205, 250)
    full = rng.uniform(0.65, 1.0)  # how well the ink covers the paper
    ink = sheet.ink[..., None] * full
    colours = light * sheet.ground * (1 - ink) + np.array(sheet.pen, np.float32) * ink
    blurred = ndimage.gaussian_filter(colours, (sheet.blur_px, sheet.blur_px, 0), mode="nearest")
    noise = rng.normal(0, rng.uniform(1, 4) if grain is None else grain, blurred.shape[:2])
    seen = np.clip(np.rint(blurred + noise[..., None]), 0, 255).astype(np.uint8)
    return seen[sheet.window]


def _on_paper(ink: Floats, rng: np.random.Generator, least: float = 0.2, most: float = 0.6) -> Sheet:
    """Place ink on white paper, with margins between two shares of its height."""
    margins = [max(2, round(len(ink) * rng.uniform(least, most))) for _ in range(4)]
    placed = np.pad(ink, (margins[:2], margins[2:]))
    return Sheet(placed, np.ones((*placed.shape, 3), np.float32))


def _clean(ink: Floats, rng: np.random.Generator) -> Sheet:
    return _on_paper(ink, rng)


def _thicken(ink: Floats, share: float) -> Floats:
    """Thicken strokes by a share of the digit's height on both sides."""
    room = max(1, round(share * len(ink)))
    padded = np.pad(ink, room)
    y, x = np.mgrid[-room : room + 1, -room : room + 1]
    return np.asarray(ndimage.grey_dilation(padded, footprint=x * x + y * y <= (share * len(ink)) ** 2))


def _thin(ink: Floats, rng: np.random.Generator) -> Sheet:
    """Thin the strokes to a line of about 4 % of the digit's height."""
    from skimage.morphology import skeletonize

    line = skeletonize(ink > 0.5)
    width = max(0.6, 0.02 * len(ink))
    drawn = np.clip(width + 0.5 - ndimage.distance_transform_edt(~line), 0, 1).astype(np.float32)
    return _on_paper(drawn, rng)


def _thick(ink: Floats, rng: np.random.Generator) -> Sheet:
    return _on_paper(_thicken(ink, rng.uniform(0.03, 0.06)), rng)


def _tight(ink: Floats, rng: np.random.Generator) -> Sheet:
    """Cut a digit out along its ink, up to a pixel too wide or too narrow."""
    sheet = _on_paper(ink, rng)
    seen = ndimage.gaussian_filter(sheet.ink, sheet.blur_px) > rng.uniform(0.1, 0.6)
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    window = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return replace(sheet, window=window)


def _tight_bold(ink: Floats, rng: np.random.Generator) -> Sheet:
    return _tight(_thicken(ink, rng.uniform(0.02, 0.06)), rng)


def _tight_blurred(ink: Floats, rng: np.random.Generator) -> Sheet:
    blur = len(ink) * rng.uniform(0.03, 0.06)
    sheet = replace(_on_paper(ink, rng), blur_px=blur)
    seen = ndimage.gaussian_filter(sheet.ink, blur)
    rows, columns = (np.flatnonzero((seen > 0.3 * seen.max()).any(axis=axis)) for axis in (1, 0))
    return replace(sheet, window=(slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)))


def _blurred(ink: Floats, rng: np.random.Generator) -> Sheet:
    return replace(_on_paper(ink, rng), blur_px=len(ink) * rng.uniform(0.03, 0.06))


def _tiny(ink: Floats, rng: np.random.Generator) -> Sheet:
    small = Image.fromarray(ink).resize(
        (max(1, round(12 * ink.shape[1] / len(ink))), 12), Image.Resampling.BOX
    )
    return _on_paper(np.asarray(small), rng)


def _tint(ink: Floats, rng: np.random.Generator) -> Sheet:
    sheet = _on_paper(ink, rng)
    tint = np.array(_TINTS[rng.integers(len(_TINTS))], np.float32) / 255
    return replace(sheet, ground=sheet.ground * tint, pen=_PENS[rng.integers(len(_PENS))])


def _print(sheet: Sheet, pattern: Floats, rng: np.random.Generator) -> Sheet:
    """Print a pattern, 0 to 1, on the paper of a sheet in a pale colour."""
    strength = rng.uniform(0.4, 0.9) * pattern[..., None]
    colour = np.array(_PRINTS[rng.integers(len(_PRINTS))], np.float32) / 255
    return replace(
        sheet, ground=sheet.ground * (1 - strength * (1 - colour)), pen=_PENS[rng.integers(len(_PENS))]
    )


def _guilloche(ink: Floats, rng: np.random.Generator) -> Sheet:
    """Print two families of waves across the paper."""
    sheet, side = _on_paper(ink, rng), len(ink)
    y, x = np.mgrid[: sheet.ink.shape[0], : sheet.ink.shape[1]] / side
    pitch, pattern = rng.uniform(0.12, 0.25), np.zeros(sheet.ink.shape, np.float32)
    for sign in (-1, 1):
        swing, periods, start = rng.uniform(0.1, 0.3), rng.uniform(0.8, 1.6), rng.uniform()
        wave = y + sign * swing * np.sin(2 * np.pi * (x * periods + start))
        distance = np.abs((wave / pitch) % 1 - 0.5) * pitch * side
        pattern = np.maximum(pattern, np.clip(max(0.8, 0.02 * side) + 0.5 - distance, 0, 1))
    return _print(sheet, pattern, rng)


def _security(ink: Floats, rng: np.random.Generator) -> Sheet:
    """Print a raster of dots."""
    sheet, side = _on_paper(ink, rng), len(ink)
    y, x = np.mgrid[: sheet.ink.shape[0], : sheet.ink.shape[1]] / side
    pitch = rng.uniform(0.06, 0.12)
    dots = np.cos(2 * np.pi * (x + y) / pitch) * np.cos(2 * np.pi * (x - y) / pitch)
    return _print(sheet, np.clip(dots * 2, 0, 1).astype(np.float32), rng)


def _rules(sheet: Sheet, side: int, rng: np.random.Generator, axis: int) -> Floats:
    """Return parallel lines along an axis, tilted by up to a degree, as a pattern."""
    y, x = np.mgrid[: sheet.ink.shape[0], : sheet.ink.shape[1]]
    along, across = (x, y) if axis else (y, x)
    pitch = side * rng.uniform(0.35, 0.7)
    place = across + rng.uniform(-0.017, 0.017) * along + rng.uniform(0, pitch)
    distance = np.abs(place % pitch - pitch / 2)
    return np.clip(max(0.6, 0.012 * side) + 0.5 - distance, 0, 1).astype(np.float32)


def _squared(ink: Floats, rng: np.random.Generator) -> Sheet:
    sheet = _on_paper(ink, rng)
    lines = [_rules(sheet, len(ink), rng, axis) for axis in (0, 1)]
    return _print(sheet, np.maximum(*lines), rng)


def _ruled(ink: Floats, rng: np.random.Generator) -> Sheet:
    sheet = _on_paper(ink, rng)
    return _print(sheet, _rules(sheet, len(ink), rng, 1), rng)


def _frame(
    ink: Floats,
    rng: np.random.Generator,
    sides: int,
    *,
    slope: float = 0.01,
    gap: tuple[float, float] = (0.06, 0.35),
) -> Sheet:
    """Draw dark lines on the first of four shuffled sides, around the digit.

    Args:
        ink: the digit.
        rng: the source of all random values.
        sides: the number of lines.
        slope: the maximum slope of each line.
        gap: the distance between the digit and its frame, as shares of the digit's height.
    """
    side = len(ink)
    drawn = set(rng.permutation(4)[:sides].tolist())
    gaps = [round(side * rng.uniform(*gap)) for _ in range(4)]
    width = max(1.0, side * rng.uniform(0.03, 0.07))
    beyond = [
        round(width + side * rng.uniform(0, 0.08) if edge in drawn else side * rng.uniform(0.1, 0.3))
        for edge in range(4)
    ]
    top, bottom, left, right = (max(0, gaps[edge]) + beyond[edge] for edge in range(4))
    placed = np.pad(ink, ((top, bottom), (left, right)))
    y, x = np.mgrid[: placed.shape[0], : placed.shape[1]]
    places = (
        top - gaps[0] - width / 2,
        top + side + gaps[1] + width / 2,
        left - gaps[2] - width / 2,
        left + ink.shape[1] + gaps[3] + width / 2,
    )
    lines = np.zeros(placed.shape, np.float32)
    for edge in sorted(drawn):
        along, across = (x, y) if edge < 2 else (y, x)
        lean = rng.uniform(-slope, slope)
        distance = np.abs(across - places[edge] - lean * (along - along.mean()))
        lines = np.maximum(lines, np.clip(width / 2 + 0.5 - distance, 0, 1))
    dark = rng.uniform(0.5, 1.0) * lines[..., None]
    return Sheet(placed, (1 - dark * np.ones(3)).astype(np.float32))


def _frame_one(ink: Floats, rng: np.random.Generator) -> Sheet:
    return _frame(ink, rng, 1)


def _frame_two(ink: Floats, rng: np.random.Generator) -> Sheet:
    return _frame(ink, rng, 2)


def _frame_four(ink: Floats, rng: np.random.Generator) -> Sheet:
    return _frame(ink, rng, 4)


def _frame_tilted(ink: Floats, rng: np.random.Generator) -> Sheet:
    return _frame(ink, rng, int(rng.integers(1, 5)), slope=0.06)


def _frame_touched(ink: Floats, rng: np.random.Generator) -> Sheet:
    return _frame(ink, rng, int(rng.integers(1, 5)), gap=(-0.05, 0.02))


def _neighbour(ink: Floats, rng: np.random.Generator) -> Sheet:
    """Leave a part of a neighbour, the digit itself, at the left or right edge of the crop."""
    side, gap = len(ink), round(len(ink) * rng.uniform(0.12, 0.3))
    shown = max(2, round(ink.shape[1] * rng.uniform(0.1, 0.4)))
    sheet = _on_paper(ink, rng, gap / side, gap / side)
    other = np.zeros((len(sheet.ink), shown), np.float32)
    top = gap + round(side * rng.uniform(-0.1, 0.1))
    fits = other[max(0, top) : top + side]
    if rng.uniform() < 0.5:
        fits[:] = ink[: len(fits), -shown:]
        return _widened(sheet, np.hstack([other, sheet.ink]))
    fits[:] = ink[: len(fits), :shown]
    return _widened(sheet, np.hstack([sheet.ink, other]))


def _widened(sheet: Sheet, ink: Floats) -> Sheet:
    return replace(sheet, ink=ink, ground=np.ones((*ink.shape, 3), np.float32))


def _comma(ink: Floats, rng: np.random.Generator) -> Sheet:
    """Draw a comma at the bottom, left or right of the digit, cut by the edge of the crop."""
    side = len(ink)
    gap = max(3, round(side * rng.uniform(0.15, 0.3)))
    sheet = _on_paper(ink, rng, gap / side, gap / side)
    y, x = np.mgrid[: sheet.ink.shape[0], : sheet.ink.shape[1]]
    height, width = side * rng.uniform(0.15, 0.25), max(0.8, side * 0.04)
    bottom = sheet.ink.shape[0] - 1
    left = rng.uniform() < 0.5
    centre = (width if left else sheet.ink.shape[1] - 1 - width) - (y - bottom) * (0.15 if left else 0.0)
    stroke = np.clip(width + 0.5 - np.abs(x - centre), 0, 1) * (y > bottom - height)
    return replace(sheet, ink=np.maximum(sheet.ink, stroke).astype(np.float32))


KINDS: dict[str, Kind] = {
    "clean paper": _clean,
    "thin pen": _thin,
    "thick pen": _thick,
    "tight crop": _tight,
    "tight crop, bold": _tight_bold,
    "tight crop, blurred": _tight_blurred,
    "blurred": _blurred,
    "12 pixels high": _tiny,
    "coloured tint": _tint,
    "guilloche": _guilloche,
    "security print": _security,
    "squared paper": _squared,
    "ruled paper": _ruled,
    "frame, 1 side": _frame_one,
    "frame, 2 sides": _frame_two,
    "frame, 4 sides": _frame_four,
    "frame, tilted": _frame_tilted,
    "frame, touched": _frame_touched,
    "neighbour": _neighbour,
    "comma": _comma,
}
PLAIN_KINDS = tuple(KINDS)[: tuple(KINDS).index("12 pixels high") + 1]  # no print, so negatives exist
