"""Draw boxes and bubbles, and mark them, for the tests of choices."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey
from lenet_pipeline.forms.reading.choice_reading import ChoiceReading, read_choices
from lenet_pipeline.forms.templates.model import Choice, ChoiceKind, Option, Rectangle, Template

PX_PER_MM = ALIGNED_DPI / MM_PER_INCH
SIDE = 4.0  # millimetres
INK = 50

Points = Sequence[tuple[float, float]]
TICK: list[Points] = [[(0.15, 0.5), (0.4, 0.85), (1.1, 0.0)]]
CROSS: list[Points] = [[(0.0, 0.0), (1.0, 1.0)], [(1.0, 0.0), (0.0, 1.0)]]
SLASH: list[Points] = [[(0.1, 0.9), (0.9, 0.1)]]
FULL: list[Points] = [[(x, 0.0 if n % 2 else 1.0) for n, x in enumerate(np.linspace(0, 1, 25))]]
SPECK: list[Points] = [[(0.3, 0.3), (0.33, 0.3)]]
TOUCH: list[Points] = [[(-0.4, 0.3), (0.3, 0.35)]]


def row(name: str, y: float, count: int = 5, kind: ChoiceKind = "one", x: float = 20.0) -> Choice:
    """Return a choice of boxes in a row, named a, b and so on, 10 mm apart."""
    options = (Option("abcdefghij"[n], Rectangle(x + 10 * n, y, SIDE, SIDE)) for n in range(count))
    return Choice(name, kind, tuple(options))


def grid(name: str, y: float, positions: int, fewest: int | None = None, checks: str | None = None) -> Choice:
    """Return a choice of digits with bubbles 7 mm apart."""
    options = tuple(
        Option(str(digit), Rectangle(20 + 7 * position, y + 7 * digit, SIDE, SIDE), position)
        for position in range(positions)
        for digit in range(10)
    )
    return Choice(name, "digits", options, positions if fewest is None else fewest, checks)


def template_of(*choices: Choice, width: float = 90.0, height: float = 120.0) -> Template:
    """Return a template of one small page of boxes and bubbles."""
    return Template("drawn", width, height, (), "features", 3.0, "0" * 64, "", choices=choices)


def draw_form(template: Template, *, is_round: bool = False) -> Grey:
    """Return the blank form: boxes, or bubbles with the names of their options in them."""
    page = np.full(template.aligned_size, 255, np.uint8)
    for choice in template.choices:
        for option in choice.options:
            left, top, right, bottom = (round(edge) for edge in option.place.pixels())
            if not is_round:
                cv2.rectangle(page, (left, top), (right, bottom), (110,), 2, cv2.LINE_AA)
                continue
            middle = (left + right) // 2, (top + bottom) // 2
            cv2.circle(page, middle, (right - left) // 2, (110,), 2, cv2.LINE_AA)
            corner = middle[0] - 5, middle[1] + 5
            cv2.putText(page, option.name, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (140,), 1, cv2.LINE_AA)
    return page


def mark(page: Grey, option: Option, strokes: Sequence[Points], ink: int = INK, pen_mm: float = 0.45) -> None:
    """Draw strokes on a page, in place. Points are shares of the option's box."""
    left, top, right, bottom = option.place.pixels()
    for stroke in strokes:
        points = np.array(stroke) * [right - left, bottom - top] + [left, top]
        whole = np.rint(points * 16).astype(np.int32)
        thickness = max(1, round(pen_mm * PX_PER_MM))
        cv2.polylines(page, [whole], False, (ink,), thickness, cv2.LINE_AA, shift=4)


def scan(page: Grey, *, noise: float = 4.0, seed: int = 0, shift: tuple[int, int] = (0, 0)) -> Grey:
    """Return a page with the grain of a scan, moved by columns and rows."""
    moved = np.roll(page, shift[::-1], axis=(0, 1)).astype(np.float32) - 8
    grain = np.random.default_rng(seed).normal(0, noise, page.shape)
    soft = cv2.GaussianBlur(moved, (0, 0), 0.6) + grain
    return np.clip(np.rint(soft), 0, 255).astype(np.uint8)


def read(page: NDArray[np.uint8], form: Grey | None, template: Template) -> dict[str, ChoiceReading]:
    """Read the choices of an aligned page, by name."""
    return {each.choice.name: each for each in read_choices(page, form, template, np.eye(3))}
