"""Hands that mark unused cells: crosses, dashes, slashes, curls and circles as pen strokes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Stroke = NDArray[np.float64]  # (n, 2), x and y within a cell, 0 to 1 from its left and top edges

KINDS = ("X", "-", "/", "curl", "circle")

_POINTS = 24  # of a straight stroke
_TREMOR_WAVES = 6  # along a stroke


@dataclass(frozen=True)
class Hand:
    """How one person marks unused cells. Lengths are shares of a cell, pairs are ranges.

    Attributes:
        size: the height and the width of a mark.
        pen_mm: the thickness of the pen in millimetres.
        slant: the horizontal shear of a mark: the shift of its top relative to its bottom, per height.
        bend: the largest sag of a straight stroke, in lengths of the stroke.
        looped: the share of crosses written in one stroke, with a loop between the diagonals.
        hook: the length of the hooks at the ends of strokes, in lengths of the stroke.
        tremor: the standard deviation of the wobble along a stroke.
        uneven: how much the two strokes of a cross differ in length, and how far they cross off the middle.
    """

    size: tuple[float, float] = (0.5, 0.75)
    pen_mm: tuple[float, float] = (0.35, 0.5)
    slant: float = 0.0
    bend: float = 0.04
    looped: float = 0.0
    hook: float = 0.0
    tremor: float = 0.0
    uneven: float = 0.08


HANDS: Mapping[str, Hand] = {
    "plain": Hand(),
    "small": Hand(size=(0.32, 0.45), pen_mm=(0.3, 0.4)),
    "large": Hand(size=(0.78, 0.92), pen_mm=(0.4, 0.55), bend=0.06),
    "felt-tip": Hand(size=(0.55, 0.8), pen_mm=(0.7, 0.95)),
    "slanted": Hand(slant=0.35, bend=0.07, uneven=0.12),
    "looped": Hand(size=(0.55, 0.8), looped=0.8, bend=0.08),
    "hooked": Hand(size=(0.55, 0.8), hook=0.18, bend=0.1),
    "shaky": Hand(tremor=0.018, bend=0.06, uneven=0.12),
    "hasty": Hand(size=(0.45, 0.9), bend=0.12, hook=0.08, looped=0.25, uneven=0.25, slant=0.15),
}


def draw_mark(hand: Hand, kind: str, rng: np.random.Generator) -> list[Stroke]:
    """Draw a mark of a kind in ``KINDS`` by a hand, as strokes within a cell."""
    drawn = {"X": _draw_cross, "-": _draw_dash, "/": _draw_slash, "curl": _draw_curl, "circle": _draw_circle}
    height, width = rng.uniform(*hand.size, size=2)
    # The unit square becomes the mark, around the middle of the cell or near it.
    middle = 0.5 + rng.uniform(-0.25, 0.25, 2) * (1 - np.array([width, height]))
    strokes = []
    for stroke in drawn[kind](hand, rng):
        placed = (stroke - 0.5) * [width, height]
        placed[:, 0] -= hand.slant * rng.uniform(0.7, 1.3) * placed[:, 1]
        strokes.append(placed + middle + _wobble(len(placed), hand.tremor, rng))
    return strokes


def _wobble(points: int, tremor: float, rng: np.random.Generator) -> Stroke:
    """Return a smooth random displacement along a stroke."""
    along = np.linspace(0, 1, points)[:, None]
    waves = np.arange(1, _TREMOR_WAVES + 1)
    phases = rng.uniform(0, 2 * np.pi, (2, 1, _TREMOR_WAVES))
    sizes = rng.normal(0, 1, (2, 1, _TREMOR_WAVES)) / np.sqrt(_TREMOR_WAVES / 2)
    return tremor * (sizes * np.sin(2 * np.pi * along * waves + phases)).sum(axis=2).T


def _line(
    start: tuple[float, float], stop: tuple[float, float], hand: Hand, rng: np.random.Generator
) -> Stroke:
    """Draw a nearly straight stroke with a sag, and hooks at its ends."""
    first, last = np.array(start), np.array(stop)
    along = np.linspace(0, 1, _POINTS)[:, None]
    across = np.array([last[1] - first[1], first[0] - last[0]])
    sag = hand.bend * rng.uniform(-1, 1)
    points = first + along * (last - first) + 4 * along * (1 - along) * sag * across
    if hand.hook:
        points = np.concatenate([_hook(first, last, hand, rng)[::-1], points, _hook(last, first, hand, rng)])
    return points


def _hook(
    end: NDArray[np.float64], other: NDArray[np.float64], hand: Hand, rng: np.random.Generator
) -> Stroke:
    """Draw the hook that leaves the end of a stroke to one side."""
    if rng.random() < 0.4:
        return np.empty((0, 2))
    ahead = end - other
    turn = rng.choice([-1, 1]) * np.linspace(0.3, 2.2, 6)
    steps = np.column_stack([np.cos(turn), np.sin(turn)]) * hand.hook * rng.uniform(0.3, 1) / 6
    turned = np.column_stack(
        [steps[:, 0] * ahead[0] - steps[:, 1] * ahead[1], steps[:, 0] * ahead[1] + steps[:, 1] * ahead[0]]
    )
    return np.asarray(end + np.cumsum(turned, axis=0), dtype=np.float64)


def _draw_cross(hand: Hand, rng: np.random.Generator) -> list[Stroke]:
    near = np.abs(rng.normal(0, hand.uneven, (4, 2)))
    near = np.minimum(near, 0.4)
    corners = np.array([[0, 0], [1, 1], [1, 0], [0, 1]])
    ends = corners + near * (1 - 2 * corners)
    down = _line(tuple(ends[0]), tuple(ends[1]), hand, rng)
    up = _line(tuple(ends[3]), tuple(ends[2]), hand, rng)
    if rng.random() >= hand.looped:
        return [down, up[::-1] if rng.random() < 0.5 else up]
    # From the foot of the first diagonal, the pen continues in a loop to the start of the second one.
    if rng.random() < 0.5:
        bulge = ends[1] + [rng.uniform(0.02, 0.22), rng.uniform(-0.55, -0.3)]
        return [np.concatenate([down, _curve(ends[1], bulge, ends[2]), up[::-1]])]
    bulge = (ends[1] + ends[3]) / 2 + [0, rng.uniform(0.0, 0.2)]
    return [np.concatenate([down, _curve(ends[1], bulge, ends[3]), up])]


def _curve(start: Stroke, middle: Stroke, stop: Stroke) -> Stroke:
    along = np.linspace(0, 1, 10)[1:-1, None]
    return np.asarray(
        (1 - along) ** 2 * start
        + 2 * along * (1 - along) * (2 * middle - (start + stop) / 2)
        + along**2 * stop
    )


def _draw_dash(hand: Hand, rng: np.random.Generator) -> list[Stroke]:
    tilt = rng.normal(-0.06, 0.08)
    return [_line((0.0, 0.5 - tilt / 2), (1.0, 0.5 + tilt / 2), hand, rng)]


def _draw_slash(hand: Hand, rng: np.random.Generator) -> list[Stroke]:
    inset = rng.uniform(0, 0.12, 2)
    return [_line((inset[0], 1.0), (1 - inset[1], 0.0), hand, rng)]


def _draw_curl(_: Hand, rng: np.random.Generator) -> list[Stroke]:
    """Draw a wave or a row of loops across the cell."""
    along = np.linspace(0, 1, 60)
    turns = rng.uniform(1.0, 2.5)
    phase = rng.uniform(0, 2 * np.pi)
    height = rng.uniform(0.12, 0.3)
    back = rng.choice([0.0, rng.uniform(0.12, 0.22)])  # how far the pen goes back in each loop
    x = along + back * np.cos(2 * np.pi * turns * along + phase)
    y = 0.5 + height * np.sin(2 * np.pi * turns * along + phase)
    return [np.column_stack([x, y])]


def _draw_circle(_: Hand, rng: np.random.Generator) -> list[Stroke]:
    """Draw a circle that may not quite close, or overlaps its start."""
    start = rng.uniform(0, 2 * np.pi)
    angles = start + rng.choice([-1, 1]) * np.linspace(0, 2 * np.pi * rng.uniform(0.95, 1.08), 50)
    drift = 1 - rng.uniform(0, 0.1) * np.linspace(0, 1, 50)
    return [0.5 + 0.5 * drift[:, None] * np.column_stack([np.cos(angles), np.sin(angles)])]
