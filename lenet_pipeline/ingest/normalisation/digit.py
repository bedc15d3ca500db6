"""Normalisation: convert a grey picture of one digit to 28x28, as MNIST did.

LeCun, Bottou, Bengio and Haffner (1998), section III-A: the digit is scaled to fit a 20x20 box, keeping its
aspect ratio, with anti-aliasing. It is then placed in a 28x28 field by its centre of mass. An MNIST digit
that is saved as a picture, in either polarity, is returned unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from lenet_pipeline.ingest.batch import Box
from lenet_pipeline.schema import BRIGHT_ON_DARK, DARK_ON_BRIGHT, IMAGE_SIDE, Floats, Images, Mask

Pixels = NDArray[np.uint8] | NDArray[np.float32]  # (height, width), grey levels 0 to 255

_DIGIT_SIDE = 20  # the box that the ink is scaled into
_CENTRE = IMAGE_SIDE / 2  # of MNIST's centres of mass in pixels, measured on its 60,000 images
_ANALYSED_SIDE = 512  # larger pictures are reduced first, because finer detail does not survive 20x20
_LEAST_CONTRAST = 6.0  # grey levels of 255 between ink and paper; below it, there is no ink
_ONE_LEVEL = 1e-3  # grey levels; smaller differences are rounding errors
_LEAST_SIGNAL = 5.0  # minimum contrast of ink, in standard deviations of the paper's grain
_LEAST_SKEW = 2.0  # minimum contrast of ink, in depths of the paper's grain
_SMOOTHED_SIDE = 84  # from this size in pixels, a 3x3 average removes grain without affecting the digit
_LEAST_GRAIN = 0.01  # difference between neighbouring pixels, as a share of the picture's contrast
_EVEN_PAPER = 0.06  # share of the ink's level; paper that varies less counts as even
_LEAST_PAPER = 0.1  # share of the picture that a fit of the paper's level needs
_FITTED_PIXELS = 2_000  # enough for six coefficients
_FAINTEST = 0.05  # share of the ink's full level; any value below 0.06 gives the same boxes for MNIST
_SMALLEST_PART = 0.02  # share of the ink of the largest connected part; smaller parts are specks
_FEWEST_PIXELS = 3  # smaller parts are specks
_SHORTEST_INK = 0.05  # share of the picture's longer side; if the largest part is shorter, there is no ink
_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class NormalisedDigit:
    """One digit in the format of MNIST.

    Attributes:
        image: uint8 (28, 28), bright ink on a dark background.
        polarity: ``bright_on_dark`` or ``dark_on_bright``, as in the original picture.
        ink: the box of the ink in pixels of the original picture.
    """

    image: Images
    polarity: str
    ink: Box


def normalise_digit(grey: Pixels) -> NormalisedDigit | None:
    """Find the ink in a picture of one digit and normalise it; return None if there is no ink.

    Args:
        grey: (height, width), 0 to 255, ink of either polarity.
    """
    picture, factor = _average_down(grey)
    if np.ptp(picture) < _LEAST_CONTRAST:
        return None
    dark_on_bright = _background_is_bright(picture)
    darkness = -picture if dark_on_bright else picture
    ink = _isolate_ink(darkness)
    if ink is None:
        return None
    strokes, box = ink
    return NormalisedDigit(
        image=place_ink(strokes),
        polarity=DARK_ON_BRIGHT if dark_on_bright else BRIGHT_ON_DARK,
        ink=_scale_box(box, factor, height=grey.shape[0], width=grey.shape[1]),
    )


def place_ink(ink: Floats) -> Images:
    """Scale a tight crop of ink to 20x20 and place it in 28x28 by its centre of mass.

    Args:
        ink: (height, width), 0 for paper to 1 for full ink.

    Returns:
        uint8 (28, 28), bright ink on a dark background, with a maximum of 255.
    """
    scale = _DIGIT_SIDE / max(ink.shape)
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    levels = Image.fromarray(np.rint(ink * 255).astype(np.uint8))
    scaled = np.asarray(levels.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)
    # Scaling down makes thin strokes pale, but the brightest pixel in MNIST is always 254 or 255.
    scaled = np.rint(scaled * (255 / max(1.0, float(scaled.max()))))
    top, left = _centred_corner(scaled)
    image = np.zeros((IMAGE_SIDE, IMAGE_SIDE), dtype=np.uint8)
    image[top : top + height, left : left + width] = scaled
    return image


def _average_down(grey: Pixels) -> tuple[Floats, int]:
    """Reduce a large picture by an integer factor; return it as float32, with the factor."""
    factor = -(-max(grey.shape) // _ANALYSED_SIDE)
    small = np.asarray(Image.fromarray(grey).reduce(factor)) if factor > 1 else grey
    return small.astype(np.float32), factor


def _background_is_bright(picture: Floats) -> bool:
    """Return whether the paper is the brighter of a picture's two levels.

    Three fractions have equal weight: the bright share of the whole picture, of its border and of its
    corners. Ink covers less than half of each in most pictures, and rarely most of all three, even if a
    stroke touches the border or a bold digit is cropped to its ink.
    """
    bright = picture > _otsu_threshold(picture)
    edge = max(1, min(picture.shape) // IMAGE_SIDE)
    ends = np.concatenate([bright[:edge], bright[-edge:]])
    sides = np.concatenate([bright[:, :edge], bright[:, -edge:]], axis=1)
    corners = np.concatenate([ends[:, :edge], ends[:, -edge:]])
    border = (ends.mean() * ends.size + sides.mean() * sides.size) / (ends.size + sides.size)
    return bool(bright.mean() + border + corners.mean() > 1.5)


def _otsu_threshold(picture: Floats) -> float:
    """Return the grey level that best separates a picture's two levels (Otsu, 1979).

    For a picture with one level, return that level, so that no pixel is above it.
    """
    low, high = float(picture.min()), float(picture.max())
    if high - low < _ONE_LEVEL:
        return high
    step = (high - low) / 255
    counts = np.bincount(((picture - low) / step).astype(np.intp).ravel(), minlength=256).astype(float)
    below, total = np.cumsum(counts), float(picture.size)
    mass = np.cumsum(counts * np.arange(256))
    between = (mass[-1] * below / total - mass) ** 2 / np.maximum(below * (total - below), 1)
    best = np.flatnonzero(between[:-1] == between[:-1].max())
    return low + (float(best.mean()) + 0.5) * step


def _isolate_ink(darkness: Floats) -> tuple[Floats, Box] | None:
    """Crop the ink of a picture, without grain and specks.

    Args:
        darkness: (height, width), higher for ink.

    Returns:
        The cropped ink, 0 for paper to 1 for full ink, and its box; None if there is no ink.
    """
    if min(darkness.shape) >= _SMOOTHED_SIDE and _has_grain(darkness):
        darkness = ndimage.uniform_filter(darkness, 3)
    relief, strong, far = _flatten_paper(darkness)
    if not strong.any():
        return None
    paper = relief[~strong]
    grain = relief[far] if far.any() else paper
    spread = float(grain.std())
    level = max(_quantile(relief[strong], 0.995) - 2 * spread, _quantile(relief[strong], 0.5))
    # Grain extends equally above and below the paper's level, but ink only above.
    depth = -_quantile(paper, 0.01)
    if level < max(_LEAST_CONTRAST, _LEAST_SIGNAL * spread, _LEAST_SKEW * depth):
        return None
    faintest = max(_FAINTEST * level, min(1.5 * _quantile(grain, 0.99), 0.5 * level))
    kept = _without_specks(relief, relief > faintest)
    if kept is None:
        return None
    box = _bounding_box(kept)
    inside = np.s_[box.y : box.y + box.height, box.x : box.x + box.width]
    # Also keep the pale edge of each stroke, which the bound above counted as grain.
    edged = ndimage.binary_dilation(kept, _EIGHT_NEIGHBOURS)[inside]
    return np.where(edged, np.clip(relief[inside] / level, 0, 1), np.float32(0)), box


def _has_grain(darkness: Floats) -> bool:
    """Return whether most neighbouring pixels differ, as on grainy paper but not in a clean drawing."""
    steps = np.abs(np.diff(darkness, axis=1)).ravel()
    return _quantile(steps, 0.5) > _LEAST_GRAIN * float(np.ptp(darkness))


def _flatten_paper(darkness: Floats) -> tuple[Floats, Mask, Mask]:
    """Subtract the paper's level from a picture: one number for even paper, else a fitted surface.

    Returns:
        The difference from the paper, the mask of the darker half of the ink, and the mask of the paper at
        least three pixels away from it, all (height, width).
    """
    relief = darkness
    for degree in (1, 2, 2):  # a plane first: a curve that fits half the paper can diverge on the other half
        strong, far = _split_ink(relief)
        if far.mean() < _LEAST_PAPER or not strong.any():
            break
        low, high = _quantile(relief[far], 0.05), _quantile(relief[far], 0.95)
        if high - low < _EVEN_PAPER * (float(relief[strong].mean()) - low):
            break
        relief = relief - _fit_surface(relief, far, degree)
    else:
        strong, far = _split_ink(relief)
    return relief - np.float32(_quantile(relief[~strong], 0.5)), strong, far


def _split_ink(relief: Floats) -> tuple[Mask, Mask]:
    """Return the mask of the darker half of the ink, and that of the paper at least three pixels away.

    The second mask excludes the blurred edge of the ink.
    """
    strong = relief > _otsu_threshold(relief)
    near = ndimage.binary_dilation(strong, _EIGHT_NEIGHBOURS, iterations=2)
    return strong, ~np.asarray(near, dtype=np.bool_)


def _quantile(values: Floats, fraction: float) -> float:
    """Return a quantile without interpolation, ten times faster than numpy for small arrays."""
    index = int(np.ceil(fraction * (values.size - 1)))
    return float(np.partition(values, index)[index])


def _fit_surface(relief: Floats, paper: Mask, degree: int) -> Floats:
    """Fit a polynomial surface of degree 1 or 2 to the paper; return it as float32 (height, width)."""
    height, width = relief.shape
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    chosen = np.flatnonzero(paper)
    rows, columns = np.divmod(chosen[:: -(-chosen.size // _FITTED_PIXELS)], width)
    design = np.stack([y[rows, 0] ** i * x[0, columns] ** j for i, j in powers])
    # Solve the normal equations, at most six by six; lstsq on all pixels takes ten times as long.
    moments = np.einsum("in,jn->ij", design, design)
    targets = np.einsum("in,n->i", design, relief[rows, columns])
    weights = np.linalg.lstsq(moments, targets, rcond=1e-9)[0]
    surface = sum(weight * y**i * x**j for weight, (i, j) in zip(weights, powers, strict=True))
    return np.asarray(surface, dtype=np.float32)


def _without_specks(relief: Floats, mask: Mask) -> Mask | None:
    """Remove specks from a mask; return None if no ink remains."""
    labels, count = ndimage.label(mask, _EIGHT_NEIGHBOURS)
    if count == 0:
        return None
    masses = np.bincount(labels.ravel(), weights=relief.ravel())
    masses[0] = 0
    kept = (masses >= _SMALLEST_PART * masses.max()) & (np.bincount(labels.ravel()) >= _FEWEST_PIXELS)
    kept[0] = False
    largest = ndimage.find_objects(labels)[int(masses.argmax()) - 1]
    if max(span.stop - span.start for span in largest) < max(3, _SHORTEST_INK * max(mask.shape)):
        return None
    return np.asarray(kept[labels], dtype=np.bool_)


def _bounding_box(mask: Mask) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(
        x=int(columns[0]),
        y=int(rows[0]),
        width=int(columns[-1] - columns[0] + 1),
        height=int(rows[-1] - rows[0] + 1),
    )


def _scale_box(box: Box, factor: int, *, height: int, width: int) -> Box:
    """Convert a box of the reduced picture to pixels of the original one."""
    right, bottom = min(width, (box.x + box.width) * factor), min(height, (box.y + box.height) * factor)
    left, top = box.x * factor, box.y * factor
    return Box(x=left, y=top, width=right - left, height=bottom - top)


def _centred_corner(scaled: Floats) -> tuple[int, int]:
    """Return the (top, left) that centres the ink by its centre of mass and keeps it inside the field."""
    corner = []
    for axis, side in enumerate(scaled.shape):
        along = scaled.sum(axis=1 - axis)
        centre = float((along * np.arange(side)).sum() / along.sum())
        corner.append(min(max(0, round(_CENTRE - centre)), IMAGE_SIDE - side))
    return corner[0], corner[1]
