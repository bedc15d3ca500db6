"""Guess a page's alignment from its layout: all of its ink at once.

Rows of equal boxes have no distinctive key points. This module deskews such a page and correlates all of its
ink with the form's, in four rotations, at several scales and with every shift. If rows repeat, several
shifts correlate almost equally well, and each of them becomes a guess.
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
from lenet_pipeline.schema import Floats

LAYOUT_DPI = 50  # the resolution of a layout's ink

_REDUCED_DPI = 25
_STEEPEST_DEGREES = 7.0
_STEPS_DEGREES = (0.5, 0.1)
_MOST_INK = 40_000  # pixels to measure the skew on
# Scales of a page relative to the expected scale: 0.95 to 1.05 from printers and copiers, more if the margins
# are cropped.
_GROWTHS = tuple(round(0.94 + 0.0125 * step, 4) for step in range(12))
_BROAD_PX = 6.0  # at _REDUCED_DPI: variations of density on this scale carry no information
_FURTHEST = 0.15  # of the longer side: the largest shift of a page
_LEAST_SHOWN = 0.75  # of the form's width and height that the scan must have room for
_PEAKS = 4  # for one rotation and scale
_APART_PX = 2  # at _REDUCED_DPI: half a cell off, where digits meet the cell's lines, may be a higher peak
_MOST_GUESSES = 5
_LEAST_SIDE = 5  # pixels
_LEAST_HEIGHT = 0.13  # peaks are 0.2 to 0.5 on pages of the form, and 0.06 to 0.12 on others
_RIVAL_HEIGHT = 0.8  # of the highest peak; one row off reaches 0.97 on pages with much handwriting


@dataclass(frozen=True)
class Layout:
    """All ink of a picture, and its skew.

    Attributes:
        ink: uint8 (height, width) at ``LAYOUT_DPI``, 0 for paper.
        skew: the clockwise rotation of its lines in degrees, -7 to 7.
    """

    ink: Grey
    skew: float


@dataclass(frozen=True)
class _Peak:
    """A possible alignment: the height of its correlation, its quarter turn, scale and shift."""

    height: float
    turn: int
    growth: float
    x: int
    y: int

    def is_near(self, other: _Peak) -> bool:
        """Return whether two peaks are the same alignment."""
        return self.turn == other.turn and max(abs(self.x - other.x), abs(self.y - other.y)) <= _APART_PX


def find_layout(ink: Grey) -> Layout:
    """Measure the skew of a picture's lines.

    Without skew, rows and columns of pixels are either full of ink or empty, so the sum of their squared
    totals is largest (Postl's projection profiles).

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
    """Return guesses at a page's alignment, the most likely first.

    Args:
        form: the layout of the blank form.
        page: the layout of the scan.
        from_page: maps pixels of the page's layout to pixels of the scan.
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
        for page_transform in (_transform(page, 1 / growth, 0, side),)
        for turn, form_transform in forms
        for peak in _find_peaks(page_transform, form_transform, turn, growth)
    ]
    return [_to_guess(peak, form, page, from_page, size, side) for peak in _choose(peaks)]


def _has_room(form: Layout, page: Layout, turn: int) -> bool:
    """Return whether a page is wide and high enough for a form in this quarter turn."""
    height, width = form.ink.shape[::-1] if turn % 2 else form.ink.shape
    room_down, room_across = page.ink.shape[0] / height, page.ink.shape[1] / width
    return bool(min(room_down, room_across) >= _LEAST_SHOWN)


def _straighten(layout: Layout, factor: float, turn: int, side: int) -> Homography:
    """Return the homography that deskews a layout and centres it in a square picture.

    Args:
        layout: the layout to deskew.
        factor: the scale to apply in addition to the change of resolution.
        turn: the number of clockwise quarter turns after deskewing.
        side: the side of the square in pixels.
    """
    height, width = layout.ink.shape
    angle = np.radians(90 * turn - layout.skew)
    rotation = np.array(
        [[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]]
    )
    scale = scaling(factor * _REDUCED_DPI / LAYOUT_DPI)
    return np.asarray(shifting(side / 2, side / 2) @ scale @ rotation @ shifting(-width / 2, -height / 2))


def _transform(layout: Layout, factor: float, turn: int, side: int) -> Floats:
    """Return the Fourier transform of a deskewed layout with unit norm, (side, side, 2)."""
    # Blur before shrinking, or thin lines would appear and vanish with the shift.
    ink = cv2.GaussianBlur(layout.ink.astype(np.float32), (0, 0), LAYOUT_DPI / _REDUCED_DPI / 2)
    centres = shifting(-0.5, -0.5) @ _straighten(layout, factor, turn, side) @ shifting(0.5, 0.5)
    reduced = cv2.warpAffine(ink, centres[:2], (side, side))
    detail = reduced - cv2.GaussianBlur(reduced, (0, 0), _BROAD_PX)
    length = float(np.linalg.norm(detail))
    return np.asarray(cv2.dft(detail / max(length, 1e-6)), dtype=np.float32)


def _find_peaks(page: Floats, form: Floats, turn: int, growth: float) -> Iterable[_Peak]:
    """Yield the highest peaks of the correlation between a page and a form."""
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
    """Return the highest peaks, without repeated alignments."""
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
