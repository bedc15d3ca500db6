"""Vary the shapes of digits as other hands and other schools write them.

The writers of a collection know only some of the shapes in use. A variant adds what its digit lacks: the
slash of a zero, the flag and the foot of a one, the crossbar of a seven, the gap in a loop that the pen did
not close.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from lenet_pipeline.ingest.unipen.trajectories import Stroke

_NARROW, _WIDE = 0.65, 1.3  # of a hand, against the one that wrote the digit
_SLANT = 0.35  # sideways per upwards, in both directions
_OPEN_ZEROS = 0.3  # share of zeros with a gap instead of a slash
_CHANGED = 0.6  # share of variants whose shape changes, beyond width and slant

_SLASH_DEG, _SLASH_LENGTH = (40.0, 95.0), (0.9, 2.0)  # to the horizontal; in heights of the digit
_SLASH_SHIFT = 0.2  # of its middle, along the slash, in both directions; in heights of the digit
_FLAG_DEG, _FLAG_LENGTH = (20.0, 70.0), (0.2, 0.6)  # to the stem; in heights of the digit
_FOOT_LENGTH = (0.25, 0.7)
_CROSSBAR_LENGTH, _CROSSBAR_HEIGHT = (0.25, 0.6), (0.4, 0.6)
_GAP, _GAP_OF_EIGHT = 0.14, 0.3  # the largest, as a share of the length of its stroke
_STEM_WIDTH = 0.35  # widest plain 1, as a share of its height
_POINTS = 8  # of a line that is added

_Shape = Callable[[list[Stroke], np.random.Generator], list[Stroke]]


def vary_shape(strokes: Sequence[Stroke], label: int, rng: np.random.Generator) -> list[Stroke]:
    """Return a digit as another hand might write it: narrower or wider, tilted, and often with another shape.

    Args:
        strokes: the strokes in the order of writing, each float64 (n, 2), with y downwards.
        label: the digit, 0 to 9.
        rng: the source of all random values.
    """
    varied = list(strokes)
    if label in _SHAPES and rng.random() < _CHANGED:
        varied = _SHAPES[label](varied, rng)
    width, slant = rng.uniform(_NARROW, _WIDE), rng.uniform(-_SLANT, _SLANT)
    hand = np.array([[width, 0.0], [-slant, 1.0]])
    return [stroke @ hand for stroke in varied]


def _slash_or_gap(strokes: list[Stroke], rng: np.random.Generator) -> list[Stroke]:
    """Put a slash through a zero of one stroke, or leave a gap in its ring."""
    if len(strokes) > 1 or rng.random() < _OPEN_ZEROS:
        return _leave_gaps(strokes, rng)
    left, top, right, bottom = _box(strokes)
    angle = np.deg2rad(rng.uniform(*_SLASH_DEG))
    height = (bottom - top) * np.array([np.cos(angle), -np.sin(angle)])
    middle = np.array([left + right, top + bottom]) / 2 + rng.uniform(-_SLASH_SHIFT, _SLASH_SHIFT) * height
    half = rng.uniform(*_SLASH_LENGTH) / 2 * height
    return [*strokes, _line(middle + half, middle - half)]


def _flag_and_foot(strokes: list[Stroke], rng: np.random.Generator) -> list[Stroke]:
    """Give a plain one a flag, a foot or both."""
    left, top, right, bottom = _box(strokes)
    height = bottom - top
    if len(strokes) > 1 or right - left > _STEM_WIDTH * height:
        return strokes
    points = strokes[0]
    head, base = points[points[:, 1].argmin()], points[points[:, 1].argmax()]
    angle = np.deg2rad(rng.uniform(*_FLAG_DEG))
    reach = rng.uniform(*_FLAG_LENGTH) * height * np.array([-np.sin(angle), np.cos(angle)])
    half = np.array([rng.uniform(*_FOOT_LENGTH) * height / 2, 0.0])
    flag, foot = _line(head + reach, head), _line(base - half, base + half)
    return [*strokes, *([flag], [flag], [flag, foot])[rng.integers(3)]]


def _crossbar(strokes: list[Stroke], rng: np.random.Generator) -> list[Stroke]:
    """Cross a seven of one stroke."""
    if len(strokes) > 1:
        return strokes
    left, top, right, bottom = _box(strokes)
    level = top + rng.uniform(*_CROSSBAR_HEIGHT) * (bottom - top)
    stem = strokes[0][np.abs(strokes[0][:, 1] - level).argmin()]
    half = np.array([rng.uniform(*_CROSSBAR_LENGTH) * max(right - left, (bottom - top) / 2) / 2, 0.0])
    return [*strokes, _line(stem - half, stem + half)]


def _leave_gaps(strokes: list[Stroke], rng: np.random.Generator, largest: float = _GAP) -> list[Stroke]:
    """Shorten every stroke at its ends, so that its loop stays open."""
    gaps = [rng.uniform(0, largest) * np.array([share, 1 - share]) for share in rng.random(len(strokes))]
    return [_shorten(stroke, *gap) for stroke, gap in zip(strokes, gaps, strict=True)]


def _open_eight(strokes: list[Stroke], rng: np.random.Generator) -> list[Stroke]:
    """Leave a gap in an eight; one of a single stroke may lose its whole top arc, as in hasty hands."""
    return _leave_gaps(strokes, rng, _GAP_OF_EIGHT if len(strokes) == 1 else _GAP)


def _shorten(stroke: Stroke, first: float, last: float) -> Stroke:
    """Cut shares of its length from both ends of a stroke."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(stroke, axis=0).T))])
    low, high = first * along[-1], (1 - last) * along[-1]
    kept = np.concatenate([[low], along[(along > low) & (along < high)], [high]])
    return np.column_stack([np.interp(kept, along, stroke[:, axis]) for axis in (0, 1)])


def _line(start: Stroke, end: Stroke) -> Stroke:
    return np.linspace(start, end, _POINTS)


def _box(strokes: Sequence[Stroke]) -> tuple[float, float, float, float]:
    """Return the left, top, right and bottom of all strokes."""
    points = np.concatenate(strokes)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


_SHAPES: Mapping[int, _Shape] = {
    0: _slash_or_gap,
    1: _flag_and_foot,
    6: _leave_gaps,
    7: _crossbar,
    8: _open_eight,
    9: _leave_gaps,
}
