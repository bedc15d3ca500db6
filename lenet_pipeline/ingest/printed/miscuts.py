"""Images of digits that were cut out wrongly: parts of a digit, two digits, and a digit with its frame.

They are made from images of digits, uint8 (n, 28, 28), bright ink on a dark background, and normalised again
as a cell would be.
"""

from __future__ import annotations

import numpy as np

from lenet_pipeline.ingest.normalisation import place_ink
from lenet_pipeline.schema import Floats, Images

_KEPT = (0.3, 0.7)  # of the width or height of a digit that is cut through
_LEVEL_CUTS = 0.25  # share of parts that are cut from left to right; cells stand side by side
_APART = (-2, 4)  # pixels between two digits
_SECOND_CUT = 0.3  # share of pairs whose second digit is cut through
_BOX = 40  # side of a frame in pixels
_FRAMED_HEIGHT = (0.4, 0.7)  # of a digit, in sides of its frame
_LINE = (1, 3)  # width of a frame's line in pixels


def draw_part(rng: np.random.Generator, digits: Images) -> Images:
    """Draw a part of a digit, as in a cell that is cut in the wrong place."""
    return place_ink(_cut(_draw_digit(rng, digits), rng))


def draw_pair(rng: np.random.Generator, digits: Images) -> Images:
    """Draw two digits side by side, as in a cell that holds both; the second may be cut through."""
    first, second = _draw_digit(rng, digits), _draw_digit(rng, digits)
    if rng.random() < _SECOND_CUT:
        second = second[:, : max(1, round(second.shape[1] * rng.uniform(*_KEPT)))]
    gap = int(rng.integers(*_APART))
    left = first.shape[1] + gap
    pair = np.zeros((max(len(first), len(second)), max(first.shape[1], left + second.shape[1])), np.float32)
    pair[: len(first), : first.shape[1]] = first
    area = pair[: len(second), left : left + second.shape[1]]
    np.maximum(area, second, out=area)
    return place_ink(pair)


def draw_framed(rng: np.random.Generator, digits: Images) -> Images:
    """Draw a digit with two to four sides of its frame, which shrink and displace it."""
    canvas = np.zeros((_BOX, _BOX), np.float32)
    digit = _draw_digit(rng, digits)
    scale = rng.uniform(*_FRAMED_HEIGHT) * _BOX / len(digit)
    rows = np.minimum((np.arange(round(len(digit) * scale)) / scale).astype(int), len(digit) - 1)
    columns = (np.arange(min(round(digit.shape[1] * scale), _BOX - 8)) / scale).astype(int)
    larger = digit[np.ix_(rows, np.minimum(columns, digit.shape[1] - 1))]
    top, left = (int(rng.integers(4, _BOX - side - 3)) for side in larger.shape)
    canvas[top : top + len(larger), left : left + larger.shape[1]] = larger
    width = int(rng.integers(*_LINE))
    sides = (np.s_[:width], np.s_[-width:], np.s_[:, :width], np.s_[:, -width:])
    for side in rng.permutation(4)[: rng.integers(2, 5)]:
        canvas[sides[side]] = rng.uniform(0.5, 1)
    return place_ink(canvas)


def _cut(digit: Floats, rng: np.random.Generator) -> Floats:
    """Keep a part of a digit at one of its sides."""
    turned = digit.T if rng.random() >= _LEVEL_CUTS else digit
    kept = max(1, round(len(turned) * rng.uniform(*_KEPT)))
    part = turned[:kept] if rng.random() < 0.5 else turned[-kept:]
    part = part.T if turned is not digit else part
    return part if part.any() else digit


def _draw_digit(rng: np.random.Generator, digits: Images) -> Floats:
    """Draw a digit, and cut it out along its ink; values are 0 to 1."""
    ink = digits[rng.integers(len(digits))].astype(np.float32) / np.float32(255)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    digit: Floats = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return digit
