"""Measure the ink on an aligned page, and remove the form's own print.

Darkness is in grey levels below the surrounding paper: 0 for paper, 255 for black on white, and negative for
a pixel that is lighter than its surroundings. All places are in pixels of the given array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.page import Grey
from lenet_pipeline.schema import Floats

Labels = NDArray[np.int32]

_STROKE = 9  # pixels of the halved page, 2.3 mm: lines and pen strokes are narrower, tinted cells are wider
_BOLD_INK = 21  # pixels of the halved page, 5.3 mm: bold digits with merged strokes are narrower
_BOLD_DARKNESS = 45  # grey levels: darker than any tint or watermark
_EVEN_GROUND = 25.0  # grey levels: the largest difference between a cell's own paper and its surroundings
_INSET = 0.1  # of a cell's sides: the border to exclude when measuring its paper, because it had lines
_PAPER_SHARES = (0.08, 0.3)  # two quantiles of a cell's pixels, from the lightest, to measure paper by
_PAPER_SCORES = (-1.0, -0.524)  # standard deviations of these quantiles from the paper's mean
_MOST_UNLIKE = 3.0  # spreads between the quantiles: from here on, the second one is ink
_MEDIAN_STEP = 0.954  # standard deviations: the median difference of two pixels of normal grain
_LEAST_LINE = 6.0  # grey levels: fainter lines stay
_SWELL = 1.1  # the variation of a line's darkness along its length
_STREAK_MEAN = 15  # pixels of a streak to average
_LEAST_STREAK = 6.0  # grey levels: paler streaks stay
_PLAIN_RULE = 30.0  # grey levels: paler long lines stay, because they connect to nothing
_CORNER = 6  # pixels that a line extends beyond the corners of its cell: the thickness of other lines
_REFERENCE_SWELL = 1.25  # the variation between the print of the page and of the reference
_REFERENCE_MARGIN = 8.0  # grey levels
_FAINTEST_STROKE = 15.0  # grey levels: paler strokes are not mended
_SOFT_EDGE = 0.25  # of a line's full darkness
_MEND_ANGLES = (-50, -25, 0, 25, 50)  # degrees from perpendicular at which strokes may cross a line
_MOST_MENDED = 10  # pixels: strokes on both sides of a wider gap may belong to two digits


@dataclass(frozen=True)
class Line:
    """A printed line, vertical at column ``across`` or horizontal at that row, from ``start`` to ``stop``.

    ``profile`` is its darkness from r pixels before to r pixels after ``across``, float32 (2r + 1,).
    """

    is_vertical: bool
    across: int
    start: int
    stop: int
    profile: Floats


@dataclass(frozen=True)
class Paper:
    """The paper of each cell: its darkness, and the standard deviation of its grain, (n,) each."""

    level: Floats
    spread: Floats


def measure_darkness(grey: Grey) -> Floats:
    """Return how much darker each pixel is than the surrounding paper, float32 (height, width).

    A morphological closing gives the paper: it removes strokes and lines, but keeps shadows, tinted cells
    and broad watermarks, which are all wider than strokes. Bold digits are as wide but darker, so they are
    removed first. The closing works on the page at half size, which takes a quarter of the time.
    """
    height, width = grey.shape
    halved = cv2.resize(grey, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    soft = np.asarray(cv2.GaussianBlur(halved, (5, 5), 1.0), dtype=np.uint8)
    paper = _close(soft, _BOLD_INK)
    soft = np.where(cv2.subtract(paper, soft) > _BOLD_DARKNESS, paper, soft)
    whole = cv2.resize(_close(soft, _STROKE), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.subtract(whole, grey, dtype=np.float32))


def _close(picture: Grey, side: int) -> Grey:
    """Remove everything dark that is narrower than ``side`` pixels."""
    kernel = np.ones((side, side), np.uint8)
    closed = cv2.morphologyEx(picture, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(closed, dtype=np.uint8)


def smooth(darkness: Floats) -> Floats:
    """Smooth away grain that is finer than any stroke."""
    return np.asarray(cv2.GaussianBlur(darkness, (3, 3), 0.8), dtype=np.float32)


def measure_paper(soft: Floats, places: NDArray[np.float64]) -> Paper:
    """Measure the paper inside each cell.

    The spread comes from the median difference of neighbouring pixels. They differ by grain alone, except at
    the edges of strokes, so this works for any amount of ink and for overexposed paper. The level comes from
    the lighter pixels.

    Args:
        soft: the smoothed darkness without print, (height, width).
        places: left, top, right and bottom of cells of about the same size, (n, 4).
    """
    sides = places[:, 2:] - places[:, :2]
    width, height = (max(4, int(side * (1 - 2 * _INSET))) for side in np.median(sides, axis=0))
    corners = np.rint(places[:, :2] + sides * _INSET).astype(np.intp)
    rows = np.clip(corners[:, 1, None] + np.arange(0, height, 2), 0, soft.shape[0] - 1)
    columns = np.clip(corners[:, 0, None] + np.arange(0, width, 2), 0, soft.shape[1] - 1)
    inside = soft[rows[:, :, None], columns[:, None, :]]
    steps = np.abs(inside[:, :, 1:] - inside[:, :, :-1]).reshape(len(places), -1)
    middle = steps.shape[1] // 2
    spread = np.maximum(np.partition(steps, middle, axis=1)[:, middle] / _MEDIAN_STEP, 1.0)
    pixels = inside.reshape(len(places), -1)
    ranks = [int(share * pixels.shape[1]) for share in _PAPER_SHARES]
    lightest, light = np.partition(pixels, ranks, axis=1)[:, ranks].T
    # In a cell full of ink, the second quantile is ink, so use the lightest pixels.
    is_full = light - lightest > _MOST_UNLIKE * spread
    level = np.where(is_full, lightest - _PAPER_SCORES[0] * spread, light - _PAPER_SCORES[1] * spread)
    return Paper(np.clip(level, -_EVEN_GROUND, _EVEN_GROUND).astype(np.float32), spread.astype(np.float32))


def remove_print(
    darkness: Floats, lines: Sequence[Line], reference: Floats | None, longest_stroke: int
) -> Floats:
    """Remove the form's own lines and print from a part of a page, and mend strokes that cross its lines.

    Args:
        darkness: the darkness of the page, (height, width).
        lines: the printed lines on the page.
        reference: the darkness of the blank form at the same places, of the same shape, or None.
        longest_stroke: in pixels. Without a blank form, longer straight lines count as print.
    """
    expected = _find_streaks(darkness)
    if reference is None:
        np.maximum(expected, _long_lines(darkness, longest_stroke), out=expected)
    for line in lines:
        _expect_line(expected, line)
    expected *= _SWELL
    if reference is not None:
        # Widen it by a pixel on each side for the errors of alignment and printer.
        printed = cv2.dilate(reference, np.ones((3, 3), np.uint8))
        np.maximum(
            expected,
            printed * _REFERENCE_SWELL + _REFERENCE_MARGIN,
            out=expected,
            where=printed > _LEAST_LINE,
        )
    expected[expected < _LEAST_LINE] = 0
    left = np.where(expected > 0, np.maximum(darkness - expected, 0), darkness)
    left = np.asarray(left, dtype=np.float32)
    _mend_strokes(left, expected, lines)
    return left


def _long_lines(darkness: Floats, length: int) -> Floats:
    """Return the darkness of vertical and horizontal lines above a length, widened by a pixel per side."""
    found = np.zeros_like(darkness)
    for along, across in (((length, 1), (1, 3)), ((1, length), (3, 1))):
        # Widen first, because a slightly slanted line leaves its row.
        wide = cv2.dilate(darkness, np.ones(across, np.uint8))
        lines = cv2.morphologyEx(
            wide, cv2.MORPH_OPEN, np.ones(along, np.uint8), borderType=cv2.BORDER_REPLICATE
        )
        np.maximum(found, lines, out=found)
    return np.where(found >= _PLAIN_RULE, found, np.float32(0))


def _find_streaks(darkness: Floats) -> Floats:
    """Return the darkness of straight streaks from edge to edge, which dust in a scanner leaves.

    Writing stays in its field, and leaves a margin. Streaks are paler than the paper's grain in single
    pixels, so average along them.
    """
    upright = _streak_columns(darkness)[None, :]
    level = _streak_columns(darkness.T)[:, None]
    return np.maximum(np.broadcast_to(upright, darkness.shape), level)


def _streak_columns(darkness: Floats) -> Floats:
    """Return the darkness of each column, which is that of its lightest section, or 0 without a streak."""
    sections = max(1, len(darkness) // _STREAK_MEAN)
    whole = darkness[: sections * _STREAK_MEAN].reshape(sections, _STREAK_MEAN, -1)
    columns = np.asarray(whole.mean(axis=1).min(axis=0), dtype=np.float32)
    return np.where(columns >= _LEAST_STREAK, columns, np.float32(0))


def _line_zone(line: Line, shape: tuple[int, ...], beyond: int = 0) -> tuple[slice, slice, slice]:
    """Return a line's slices of the page, along and across it, and the matching slice of its profile.

    ``beyond`` is the number of pixels to add at both ends.
    """
    along, across = shape if line.is_vertical else shape[::-1]
    reach = len(line.profile) // 2
    first, last = max(0, line.across - reach), min(across, line.across + reach + 1)
    skipped = first - (line.across - reach)
    return (
        slice(max(0, line.start - beyond), max(0, min(along, line.stop + beyond))),
        slice(first, last),
        slice(skipped, skipped + max(0, last - first)),
    )


def _expect_line(expected: Floats, line: Line) -> None:
    """Add one line to the expected darkness, in place, widened by a pixel on each side."""
    along, across, part = _line_zone(line, expected.shape, _CORNER)
    profile = line.profile
    wide = profile.copy()
    np.maximum(wide[1:], profile[:-1], out=wide[1:])
    np.maximum(wide[:-1], profile[1:], out=wide[:-1])
    zone = expected[along, across] if line.is_vertical else expected.T[along, across]
    np.maximum(zone, wide[part], out=zone)


def _mend_strokes(left: Floats, expected: Floats, lines: Sequence[Line]) -> None:
    """Fill removed pixels, in place, that have ink on both sides of the removed line."""
    faintest = max(_FAINTEST_STROKE, 0.2 * float(left.max(initial=0)))
    for line in lines:
        along, across, _ = _line_zone(line, left.shape)
        # Include some space on both sides of the line, for strokes that cross it at an angle.
        room = slice(max(0, across.start - 4), across.stop + 4)
        strip = (left if line.is_vertical else left.T)[along, room]
        if not strip.size or strip.max() < faintest:
            continue
        print_there = (expected if line.is_vertical else expected.T)[along, room]
        # Enough remains of the line's soft edges to see whether strokes continue there.
        removed = print_there > _SOFT_EDGE * print_there.max()
        columns = np.flatnonzero(removed.mean(axis=0) > 0.5)
        if not columns.size or columns[-1] - columns[0] >= _MOST_MENDED:
            continue
        first, last = int(columns[0]), int(columns[-1])
        before, after = strip[:, max(0, first - 2) : first], strip[:, last + 1 : last + 3]
        if not before.size or not after.size:
            continue
        least = max(_FAINTEST_STROKE, 0.3 * float(max(before.max(), after.max())))
        if before.max() < least or after.max() < least:
            continue
        mended = _bridge(np.ascontiguousarray(strip), last - first + 3)
        strip[removed] = np.maximum(strip, mended)[removed]


def _bridge(strip: Floats, gap: int) -> Floats:
    """Close gaps across a strip's columns, in the directions in which strokes cross."""
    margin = gap + 4  # of paper, because OpenCV treats the outside as ink when it closes
    padded = cv2.copyMakeBorder(strip, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
    closed = [cv2.morphologyEx(padded, cv2.MORPH_CLOSE, _across(gap, angle)) for angle in _MEND_ANGLES]
    return np.asarray(np.maximum.reduce(closed), dtype=np.float32)[margin:-margin, margin:-margin]


_KERNELS: dict[tuple[int, int], NDArray[np.uint8]] = {}


def _across(length: int, angle: int) -> NDArray[np.uint8]:
    """Return a thin straight kernel that spans ``length`` columns at an angle in degrees."""
    if (length, angle) not in _KERNELS:
        half = length // 2
        rise = round(half * math.tan(math.radians(angle)))
        kernel = np.zeros((2 * abs(rise) + 1, 2 * half + 1), np.uint8)
        cv2.line(kernel, (0, abs(rise) - rise), (2 * half, abs(rise) + rise), 1, 1)
        _KERNELS[length, angle] = kernel
    return _KERNELS[length, angle]


def quantile(values: Floats, share: float) -> float:
    """Return a quantile as one of the values. On small arrays, this is ten times as fast as numpy's."""
    index = int(share * (values.size - 1))
    return float(np.partition(values, index)[index])
