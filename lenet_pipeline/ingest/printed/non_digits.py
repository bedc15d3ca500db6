"""Images of cells that contain something other than a digit, as a scanner would see them.

``draw_rubbish`` draws the images that a network learns to refuse. ``draw_intruders`` draws the images that
measure it. The two use different rules, different font families for letters, and different digits.
"""

from __future__ import annotations

import string
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from lenet_pipeline.errors import UnknownNameError
from lenet_pipeline.ingest.normalisation import place_ink
from lenet_pipeline.ingest.printed.fonts import draw_letters
from lenet_pipeline.ingest.printed.miscuts import draw_framed, draw_pair, draw_part
from lenet_pipeline.schema import IMAGE_SIDE, Floats, Images

RUBBISH_IMAGES = 8_000  # for one training: they take two seconds to draw, and each epoch distorts them

Drawer = Callable[[np.random.Generator, Images], Images]

_SIDE = 112  # of the canvas in pixels, four per pixel of the image
_STROKE = (8.0, 16.0)  # width in pixels of the canvas; MNIST's strokes are two to four pixels wide
_LIKE_DIGITS = "BCDGIOQSTUYZabcgiloqsuyz"  # some people write digits like these: never trained on
_CLEAR_LETTERS = "".join(letter for letter in string.ascii_letters if letter not in _LIKE_DIGITS)
_PAPER_GRAIN = 12.0  # maximum standard deviation in grey levels


def draw_intruders(kind: str, count: int, digits: Images, seed: int = 0) -> Images:
    """Draw ``count`` images of one kind that are not digits, to measure a model.

    Args:
        kind: a key of ``INTRUDERS``.
        count: the number of images.
        digits: uint8 (n, 28, 28), real digits, from which wrong cuts are made.
        seed: the seed of all random values.

    Returns:
        uint8 (count, 28, 28), bright ink on a dark background.

    Raises:
        UnknownNameError: the kind is unknown.
    """
    if kind not in INTRUDERS:
        raise UnknownNameError("kind of intruder", kind, INTRUDERS)
    rng = np.random.default_rng([seed, sorted(INTRUDERS).index(kind)])
    return np.stack([INTRUDERS[kind](rng, digits) for _ in range(count)])


def draw_rubbish(count: int, digits: Images, seed: int = 0) -> Images:
    """Draw images that are not digits, for training.

    Args:
        count: the number of images.
        digits: uint8 (n, 28, 28), the training digits, which are cut and joined wrongly.
        seed: the seed of all random values.

    Returns:
        uint8 (count, 28, 28), bright ink on a dark background.
    """
    rng = np.random.default_rng([seed, len(INTRUDERS)])
    drawers, shares = zip(*_RUBBISH, strict=True)
    return np.stack([drawers[kind](rng, digits) for kind in rng.choice(len(drawers), count, p=shares)])


def _blank_paper(rng: np.random.Generator, _: Images) -> Images:
    """Draw paper of random brightness, shade and grain."""
    across = np.linspace(-1, 1, IMAGE_SIDE)
    shade = rng.uniform(0, 40) + rng.normal(0, 8) * across[:, None] + rng.normal(0, 8) * across
    return _grey(shade * rng.integers(2) + rng.normal(0, rng.uniform(0, 25), (IMAGE_SIDE, IMAGE_SIDE)))


def _scribble(rng: np.random.Generator, _: Images) -> Images:
    """Draw one to four straight or bent strokes. A single one is nearly level: upright it would be a 1."""
    canvas = Image.new("L", (_SIDE, _SIDE))
    pen, width = ImageDraw.Draw(canvas), round(rng.uniform(6, 20))
    count = rng.choice([1, 2, 2, 3, 4])
    first = rng.uniform(-40, 40) if count == 1 else rng.uniform(0, 180)
    for number in range(count):
        angle = np.radians(first + number * rng.uniform(50, 130))
        middle = _SIDE / 2 + rng.normal(0, 3 + 5 * (count - 1) * rng.integers(2), 2)
        way = rng.uniform(20, 50) * np.array([np.cos(angle), np.sin(angle)])
        bend = middle + rng.normal(0, 4, 2)
        pen.line([tuple(middle - way), tuple(bend), tuple(middle + way)], fill=255, width=width)
    return _placed(ndimage.gaussian_filter(np.asarray(canvas, np.float32) / 255, rng.uniform(0.5, 4)))


def _print(rng: np.random.Generator, _: Images) -> Images:
    """Draw one to four level and upright lines across the whole image. A single line is level."""
    image = np.zeros((IMAGE_SIDE, IMAGE_SIDE))
    count = rng.integers(1, 5)
    for number in range(count):
        at, width = rng.integers(0, IMAGE_SIDE - 1), rng.integers(1, 4)
        line = np.s_[at : at + width] if number == 0 and count < 3 else np.s_[:, at : at + width]
        image[line if rng.random() < 0.7 else np.s_[at : at + width]] = rng.uniform(100, 255)
    return _grey(ndimage.gaussian_filter(image, rng.uniform(0, 0.8)))


def _dust(rng: np.random.Generator, _: Images) -> Images:
    """Draw a random number of small dots."""
    dots = (rng.random((IMAGE_SIDE, IMAGE_SIDE)) < 10 ** rng.uniform(-2.8, -0.8)) * rng.uniform(100, 400)
    return _grey(ndimage.gaussian_filter(dots, rng.uniform(0, 1)))


def _blot(rng: np.random.Generator, _: Images) -> Images:
    """Draw shapeless patches of ink."""
    noise = ndimage.gaussian_filter(rng.normal(0, 1, (IMAGE_SIDE, IMAGE_SIDE)), rng.uniform(0.8, 2.5))
    return _grey((noise / noise.std() - rng.uniform(-0.5, 1.5)) * rng.uniform(60, 250))


def _lettering(rng: np.random.Generator, digits: Images) -> Images:
    """Draw a letter that resembles no digit, slanted, turned, stretched, and thinner or bolder."""
    letters = draw_letters(_CLEAR_LETTERS, "train")
    glyph = np.pad(letters[rng.integers(len(letters))].astype(np.float32) / 255, 24)
    turn, slant, stretch = rng.normal(0, 0.12), rng.normal(0, 0.25), np.exp(rng.normal(0, 0.2))
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    way = turned @ np.array([[1, 0], [slant, stretch]])
    middle = np.array(glyph.shape) / 2
    moved = ndimage.affine_transform(glyph, way, middle - way @ middle, order=1)
    soft = ndimage.gaussian_filter(moved, rng.uniform(2, 6))
    ink = np.clip((soft - rng.uniform(0.1, 0.4)) * rng.uniform(3, 12), 0, 1).astype(np.float32)
    return _placed(ink) if (ink > 0.05).any() else _lettering(rng, digits)


_RUBBISH: tuple[tuple[Drawer, float], ...] = (
    (_blank_paper, 0.08),
    (_scribble, 0.27),
    (_print, 0.08),
    (_dust, 0.08),
    (_blot, 0.04),
    (_lettering, 0.22),
    (draw_part, 0.08),
    (draw_pair, 0.1),
    (draw_framed, 0.05),
)


def _blank(rng: np.random.Generator, _: Images) -> Images:
    """Draw empty paper with up to ``_PAPER_GRAIN`` of grain."""
    grain = rng.normal(0, rng.uniform(0, _PAPER_GRAIN), (IMAGE_SIDE, IMAGE_SIDE))
    return _grey(grain)


def _cross(rng: np.random.Generator, _: Images) -> Images:
    """Draw an X, or sometimes a plus, of two strokes that cross near their middles."""
    turn = rng.uniform(35, 55) if rng.random() < 0.8 else rng.uniform(-8, 8)
    opening = rng.uniform(70, 110)
    return _strokes(rng, [turn, turn + opening])


def _dash(rng: np.random.Generator, _: Images) -> Images:
    """Draw one nearly level stroke."""
    return _strokes(rng, [rng.uniform(-15, 15)])


def _letter(rng: np.random.Generator, _: Images) -> Images:
    """Draw a letter in an included font of a test family."""
    return _printed(rng, string.ascii_letters)


def _clear_letter(rng: np.random.Generator, _: Images) -> Images:
    """Draw a letter that resembles no digit, in an included font of a test family."""
    return _printed(rng, _CLEAR_LETTERS)


def _printed(rng: np.random.Generator, letters: str) -> Images:
    glyphs = draw_letters(letters, "test")
    return place_ink(glyphs[rng.integers(len(glyphs))].astype(np.float32) / np.float32(255))


def _form_line(rng: np.random.Generator, _: Images) -> Images:
    """Draw remains of a form's print: a level line, a corner, or both sides of a cell."""
    kind, canvas = rng.integers(3), Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(canvas)
    near, far = rng.uniform(2, 24), _SIDE - rng.uniform(2, 24)
    width = int(rng.uniform(3, 9))
    if kind == 0:
        at = rng.uniform(8, _SIDE - 8)
        pen.line([(0, at), (_SIDE, at + rng.uniform(-4, 4))], fill=255, width=width)
    elif kind == 1:
        level, upright = (near if rng.random() < 0.5 else far for _ in range(2))
        pen.line([(0, level), (_SIDE, level)], fill=255, width=width)
        pen.line([(upright, 0), (upright, _SIDE)], fill=255, width=width)
    else:
        for at in (near, far):
            pen.line([(at, 0), (at, _SIDE)], fill=255, width=width)
    ink = np.asarray(canvas.reduce(_SIDE // IMAGE_SIDE), np.float32)
    return _grey(ink * rng.uniform(0.5, 1.0))


def _speckle(rng: np.random.Generator, _: Images) -> Images:
    """Draw three to forty specks of dust."""
    dots = np.zeros((IMAGE_SIDE, IMAGE_SIDE))
    count = rng.integers(3, 41)
    dots[tuple(rng.integers(0, IMAGE_SIDE, (2, count)))] = rng.uniform(0.5, 1, count)
    blurred = ndimage.gaussian_filter(dots, rng.uniform(0.4, 0.9))
    return _grey(blurred * (rng.uniform(120, 255) / blurred.max()))


def _half_digit(rng: np.random.Generator, digits: Images) -> Images:
    """Draw half a digit, as in a cell that is cut in the wrong place."""
    ink = digits[rng.integers(len(digits))].astype(np.float32) / 255
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if rng.random() < 0.5:
        middle = len(ink) // 2
        ink = ink[:middle] if rng.random() < 0.5 else ink[middle:]
    else:
        middle = ink.shape[1] // 2
        ink = ink[:, :middle] if rng.random() < 0.5 else ink[:, middle:]
    return place_ink(ink) if ink.any() else _half_digit(rng, digits)


INTRUDERS: dict[str, Drawer] = {
    "blank": _blank,
    "cross": _cross,
    "dash": _dash,
    "letter": _letter,
    "clear-letter": _clear_letter,
    "form-line": _form_line,
    "speckle": _speckle,
    "half-digit": _half_digit,
    "two-digits": draw_pair,
    "framed-digit": draw_framed,
}


def _strokes(rng: np.random.Generator, angles: list[float]) -> Images:
    """Draw normalised strokes near the middle at angles in degrees."""
    canvas = Image.new("L", (_SIDE, _SIDE))
    pen, width = ImageDraw.Draw(canvas), rng.uniform(*_STROKE)
    for angle in angles:
        middle = _SIDE / 2 + rng.normal(0, 3, 2)
        half = rng.uniform(30, 44)
        way = half * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
        bend = middle + rng.normal(0, 2.5, 2)
        points = [tuple(middle - way), tuple(bend), tuple(middle + way)]
        pen.line(points, fill=255, width=round(width), joint="curve")
    return _placed(ndimage.gaussian_filter(np.asarray(canvas, np.float32) / 255, 1.5))


def _placed(ink: Floats) -> Images:
    """Normalise a drawing like a digit."""
    rows, columns = np.flatnonzero((ink > 0.05).any(axis=1)), np.flatnonzero((ink > 0.05).any(axis=0))
    return place_ink(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _grey(values: NDArray[np.floating]) -> Images:
    grey: Images = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return grey
