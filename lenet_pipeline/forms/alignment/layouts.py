"""Layouts: all ink of a page at once, where no single part of it can be told from another.

Rows of equal boxes have no key points of their own. Such a page is turned until its lines are straight,
and the whole of its ink laid over that of the form: in four turns, a little larger and smaller, and shifted
in any way. Where rows repeat, several shifts are nearly as good, and every one of them is a guess.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.features import Guess
from lenet_pipeline.forms.alignment.homographies import Homography, scaling, shifting
from lenet_pipeline.forms.page import Grey

LAYOUT_DPI = 50  # of the ink that layouts are made of

_REDUCED_DPI = 25
_STEEPEST_DEGREES = 7.0
_STEPS_DEGREES = (0.5, 0.1)
_MOST_INK = 40_000  # pixels that tell the skew
# Scales of a page against its size on file: printers and copiers leave 0.95 to 1.05, cropped margins more.
_GROWTHS = tuple(round(0.94 + 0.0125 * step, 4) for step in range(12))
_BROAD_PX = 6.0  # at _REDUCED_DPI: ink denser here than there says nothing
_FURTHEST = 0.15  # of the longer side, that a page may be shifted
_LEAST_SHOWN = 0.75  # of the form's width and height, that the scan has room for
_PEAKS = 4  # of one turn and growth
_APART_PX = 2  # at _REDUCED_DPI: half a cell off, where digits lie on its lines, may be the higher peak
_MOST_GUESSES = 5
_LEAST_SIDE = 5  # pixels of a page that has a layout
_LEAST_HEIGHT = 0.13  # 0.2 to 0.5 on pages of the form, 0.06 to 0.12 on others
_RIVAL_HEIGHT = 0.8  # of the highest peak: a row off, up to 0.97 where much is written

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Layout:
    """All ink of a picture: uint8 (height, width) at ``LAYOUT_DPI``, and by how many degrees clockwise its
    lines are from upright and level, -7 to 7.
    """

    ink: Grey
    skew: float


@dataclass(frozen=True)
class _Peak:
    """A way to lie: how high the correlation is, the quarter turn, the growth and the shift."""

    height: float
    turn: int
    growth: float
    x: int
    y: int

    def is_near(self, other: _Peak) -> bool:
        """Tell whether two are one way to lie."""
        return self.turn == other.turn and max(abs(self.x - other.x), abs(self.y - other.y)) <= _APART_PX


def find_layout(ink: Grey) -> Layout:
    """Measure how far a picture's lines are from straight.

    Where they are straight, rows and columns of pixels are either full of ink or empty: their sums have the
    greatest squares (Postl's projection profiles).

    Args:
        ink: uint8 (height, width) at ``LAYOUT_DPI``, 0 for paper.
    """
    y, x = np.nonzero(ink)
    thinned = slice(None, None, len(x) // _MOST_INK + 1)
    y, x = y[thinned], x[thinned]
    skew, reach = 0.0, _STEEPEST_DEGREES
    for step in _STEPS_DEGREES if len(x) else ():
        angles = skew + np.arange(-reach, reach + step / 2, step)
        skew = float(angles[np.argmax([_straightness(x, y, angle) for angle in angles])])
        reach = step
    return Layout(ink, skew)


def _straightness(x: NDArray[np.int64], y: NDArray[np.int64], angle: float) -> float:
    slope = np.tan(np.radians(angle))
    total = 0.0
    for along, across in ((x, y - slope * x), (y, x + slope * y)):
        lowest = across.min()
        sums = np.bincount((across - lowest).astype(np.int64)).astype(np.float64)
        total += float((sums**2).sum()) / max(int(along.max()), 1)
    return total


def guess_from_layouts(
    form: Layout, page: Layout, from_page: Homography, *, size: tuple[int, int]
) -> list[Guess]:
    """Return guesses at how a page lies, the likeliest first.

    Args:
        form: of the blank form.
        page: of the scan.
        from_page: from pixels of the page's layout to those of the scan.
        size: height and width of the aligned page.
    """
    if min(page.ink.shape) < _LEAST_SIDE or not page.ink.any() or not form.ink.any():
        return []
    longest = max(*form.ink.shape, *page.ink.shape) * _REDUCED_DPI / LAYOUT_DPI
    side = cv2.getOptimalDFTSize(round(longest * (1 + 2 * _FURTHEST)))
    turns = [turn for turn in range(4) if _has_room(form, page, turn)]
    forms = [(turn, _transform(form, 1.0, turn, side)) for turn in turns]
    peaks = [
        peak
        for growth in _GROWTHS
        for theirs in (_transform(page, 1 / growth, 0, side),)
        for turn, ours in forms
        for peak in _find_peaks(theirs, ours, turn, growth)
    ]
    return [_to_guess(peak, form, page, from_page, size, side) for peak in _choose(peaks)]


def _has_room(form: Layout, page: Layout, turn: int) -> bool:
    """Tell whether a page is wide and high enough for a form so turned."""
    height, width = form.ink.shape[::-1] if turn % 2 else form.ink.shape
    room_down, room_across = page.ink.shape[0] / height, page.ink.shape[1] / width
    return bool(min(room_down, room_across) >= _LEAST_SHOWN)


def _straighten(layout: Layout, factor: float, turn: int, side: int) -> Homography:
    """Return the homography from a layout to a square picture, its middle there in the middle.

    Args:
        layout: which is turned until its lines are straight.
        factor: by which it grows, beside the change of resolution.
        turn: quarters, clockwise, after that.
        side: of the square.
    """
    height, width = layout.ink.shape
    angle = np.radians(90 * turn - layout.skew)
    rotation = np.array(
        [[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]]
    )
    scale = scaling(factor * _REDUCED_DPI / LAYOUT_DPI)
    return np.asarray(shifting(side / 2, side / 2) @ scale @ rotation @ shifting(-width / 2, -height / 2))


def _transform(layout: Layout, factor: float, turn: int, side: int) -> Floats:
    """Return the Fourier transform of a straightened layout, of length 1, (side, side, 2)."""
    # Blurred before it is reduced, or thin lines would come and go.
    ink = cv2.GaussianBlur(layout.ink.astype(np.float32), (0, 0), LAYOUT_DPI / _REDUCED_DPI / 2)
    centres = shifting(-0.5, -0.5) @ _straighten(layout, factor, turn, side) @ shifting(0.5, 0.5)
    reduced = cv2.warpAffine(ink, centres[:2], (side, side))
    detail = reduced - cv2.GaussianBlur(reduced, (0, 0), _BROAD_PX)
    length = float(np.linalg.norm(detail))
    return np.asarray(cv2.dft(detail / max(length, 1e-6)), dtype=np.float32)


def _find_peaks(page: Floats, form: Floats, turn: int, growth: float) -> Iterable[_Peak]:
    """Yield the highest peaks of the correlation of a page with a form so turned."""
    side = page.shape[0]
    product = cv2.mulSpectrums(page, form, 0, conjB=True)
    correlation = np.fft.fftshift(cv2.idft(product, flags=cv2.DFT_SCALE))
    middle, reach = side // 2, round(side * _FURTHEST / (1 + 2 * _FURTHEST))
    around = np.ascontiguousarray(
        correlation[middle - reach : middle + reach + 1, middle - reach : middle + reach + 1]
    )
    for _ in range(_PEAKS):
        _, height, _, (x, y) = cv2.minMaxLoc(around)
        yield _Peak(height, turn, growth, x - reach, y - reach)
        cv2.rectangle(around, (x - _APART_PX, y - _APART_PX), (x + _APART_PX, y + _APART_PX), -1.0, -1)


def _choose(peaks: Iterable[_Peak]) -> list[_Peak]:
    """Return the highest peaks, each way to lie once."""
    peaks = list(peaks)
    least = max(_LEAST_HEIGHT, _RIVAL_HEIGHT * max(peak.height for peak in peaks)) if peaks else 0.0
    chosen: list[_Peak] = []
    for peak in sorted(peaks, key=lambda peak: -peak.height):
        if len(chosen) == _MOST_GUESSES or peak.height < least:
            break
        if not any(peak.is_near(other) for other in chosen):
            chosen.append(peak)
    return chosen


def _to_guess(
    peak: _Peak, form: Layout, page: Layout, from_page: Homography, size: tuple[int, int], side: int
) -> Guess:
    from_aligned = scaling(form.ink.shape[1] / size[1], form.ink.shape[0] / size[0])
    to_square = shifting(peak.x, peak.y) @ _straighten(form, 1.0, peak.turn, side) @ from_aligned
    to_page = np.linalg.inv(_straighten(page, 1 / peak.growth, 0, side)) @ to_square
    return Guess(np.asarray(from_page @ to_page), round(1000 * peak.height))
