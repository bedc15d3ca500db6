"""Mark the boxes and bubbles of choices on a sheet of paper, as different people do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.filling.filled_fields import Sheet
from lenet_pipeline.forms.filling.habits import MarkHabits
from lenet_pipeline.forms.filling.handwriting import apply_ink, render_strokes
from lenet_pipeline.forms.page import MM_PER_INCH
from lenet_pipeline.forms.templates.model import Choice, Option

Points = NDArray[np.float64]
MarkStyle = Literal["fill", "tick", "cross", "slash", "dot"]
MarkEvent = Literal["faint", "erased", "blackened", "stray"]

_BUBBLE_STYLES: tuple[tuple[MarkStyle, float], ...] = (
    ("fill", 0.6),
    ("cross", 0.2),
    ("tick", 0.1),
    ("dot", 0.05),
    ("slash", 0.05),
)
_BOX_STYLES: tuple[tuple[MarkStyle, float], ...] = (
    ("cross", 0.45),
    ("tick", 0.35),
    ("fill", 0.15),
    ("slash", 0.05),
)
_PEN_MM = (0.35, 0.6)
_FAINT_GREY = (185.0, 235.0)  # pale pencil on white paper
_ERASED_GREY = (215.0, 245.0)
_HATCH_MM = 0.45  # the distance between the strokes that fill a bubble
_STRAY_MM = (0.4, 1.5)  # the length of a stray stroke


@dataclass(frozen=True)
class WrittenOption:
    """A box or bubble of a filled page.

    Attributes:
        choice: the name of the choice.
        option: the option.
        is_marked: whether the writer means it as marked.
        event: what makes its ink hard to judge, or None.
    """

    choice: str
    option: Option
    is_marked: bool
    event: MarkEvent | None = None


@dataclass
class Marker:
    """A person who marks boxes and bubbles with one pen, always in the same ways."""

    sheet: Sheet
    habits: MarkHabits
    rng: np.random.Generator
    _styles: dict[bool, MarkStyle] = field(init=False)

    def __post_init__(self) -> None:
        """Draw the person's pen and the styles for bubbles of numbers and for other boxes."""
        self._styles = {
            True: self._draw_style(_BUBBLE_STYLES),
            False: self._draw_style(_BOX_STYLES),
        }
        self._pen = float(self.rng.uniform(15, 110))
        self._thickness = float(self.rng.uniform(*_PEN_MM)) * self.sheet.dpi / MM_PER_INCH

    def mark(self, choice: Choice, value: Sequence[str]) -> list[WrittenOption]:
        """Mark the options of a choice.

        Args:
            choice: the choice.
            value: the marked options. For digits, one digit for each position, ``""`` for none.
        """
        marked = {number for number, option in enumerate(choice.options) if _is_meant(choice, option, value)}
        events: dict[int, MarkEvent] = {}
        style = self._styles[choice.kind == "digits"]
        can_blacken = bool(marked) and style != "fill"  # who fills boxes cannot take a mark back in this way
        for number in sorted(marked):
            if self._happens(self.habits.faint_rate):
                events[number] = "faint"
        spare = [number for number in range(len(choice.options)) if number not in marked]
        wrong: tuple[tuple[MarkEvent, float], ...] = (
            ("erased", self.habits.erased_rate),
            ("blackened", self.habits.blackened_rate if can_blacken and choice.kind != "digits" else 0.0),
            ("stray", self.habits.stray_rate),
        )
        for event, rate in wrong:
            if spare and self._happens(rate):
                events[spare.pop(int(self.rng.integers(len(spare))))] = event
        for number, option in enumerate(choice.options):
            self._write(option, style, number in marked, events.get(number))
        return [
            WrittenOption(choice.name, option, number in marked, events.get(number))
            for number, option in enumerate(choice.options)
        ]

    def _write(self, option: Option, style: MarkStyle, is_marked: bool, event: MarkEvent | None) -> None:
        if event == "stray":
            self._stray(option)
        elif event == "blackened":
            self._draw(option, "tick" if style == "fill" else style, self._pen)
            self._blacken(option)
        elif event == "erased":
            self._draw(option, style, float(self.rng.uniform(*_ERASED_GREY)))
        elif event == "faint":
            self._draw(option, style, float(self.rng.uniform(*_FAINT_GREY)))
        elif is_marked:
            self._draw(option, style, self._pen)

    def _draw(self, option: Option, style: MarkStyle, pen: float) -> None:
        """Draw a mark with a pen of a grey level."""
        drawn = {
            "fill": self._fill,
            "tick": self._tick,
            "cross": self._cross,
            "slash": self._slash,
            "dot": self._dot,
        }
        left, top, right, bottom = option.place.pixels(self.sheet.dpi)
        corner, sides = np.array([left, top]), np.array([right - left, bottom - top])
        strokes = [stroke * sides + corner for stroke in drawn[style](sides)]
        ink, (x, y) = render_strokes(strokes, self._thickness)
        apply_ink(self.sheet.image, ink, x, y, float(np.clip(pen + self.rng.uniform(-8, 8), 0, 250)))

    def _fill(self, sides: Points) -> list[Points]:
        """Fill a bubble with a zigzag, sometimes loose or over its edge."""
        extent = self.rng.uniform(0.36, 0.52)  # half of the filled width, in sides
        step = _HATCH_MM * self.sheet.dpi / MM_PER_INCH / sides[1] * self.rng.uniform(0.8, 1.6)
        down = np.arange(-extent, extent, step)
        reach = np.sqrt(np.maximum(extent**2 - down**2, 0.01))
        points = np.column_stack([reach * np.where(np.arange(len(down)) % 2, 1, -1), down])
        points += self.rng.normal(0, 0.03, points.shape)
        turn = self.rng.uniform(-0.6, 0.6)
        spun = points @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        return [spun + 0.5 + self.rng.normal(0, 0.05, 2)]

    def _tick(self, _: Points) -> list[Points]:
        """Draw a tick that often leaves its box to the top right."""
        reach = self.rng.uniform(0.85, 1.5)
        points = np.array([[0.12, 0.5], [0.38, 0.88], [reach, 1.05 - reach]])
        return [points + self.rng.normal(0, 0.07, points.shape)]

    def _cross(self, _: Points) -> list[Points]:
        size = self.rng.uniform(0.7, 1.3)
        ends = np.array([[-0.5, -0.5], [0.5, 0.5], [0.5, -0.5], [-0.5, 0.5]]) * size
        ends = ends + 0.5 + self.rng.normal(0, 0.06, (4, 2)) + self.rng.normal(0, 0.06, 2)
        return [ends[:2], ends[2:]]

    def _slash(self, _: Points) -> list[Points]:
        size = self.rng.uniform(0.8, 1.3)
        ends = np.array([[-0.5, 0.5], [0.5, -0.5]]) * size + 0.5 + self.rng.normal(0, 0.07, (2, 2))
        return [ends]

    def _dot(self, sides: Points) -> list[Points]:
        """Draw a small scribble in the middle."""
        size = 0.9 * self.sheet.dpi / MM_PER_INCH / sides * self.rng.uniform(0.8, 1.3)
        return [self.rng.uniform(-0.5, 0.5, (9, 2)) * size + 0.5 + self.rng.normal(0, 0.06, 2)]

    def _blacken(self, option: Option) -> None:
        """Fill a whole box, a little beyond its edges."""
        left, top, right, bottom = option.place.pixels(self.sheet.dpi)
        grown = self.rng.uniform(-0.04, 0.1, 4) * (right - left)
        lines = np.linspace(top - grown[1], bottom + grown[3], 40)
        ends = np.where(np.arange(len(lines)) % 2, right + grown[2], left - grown[0])
        ink, (x, y) = render_strokes([np.column_stack([ends, lines])], self._thickness)
        apply_ink(self.sheet.image, ink, x, y, self._pen)

    def _stray(self, option: Option) -> None:
        """Draw a short stroke near the edge of a box, partly inside."""
        left, top, right, bottom = option.place.pixels(self.sheet.dpi)
        corner, sides = np.array([left, top]), np.array([right - left, bottom - top])
        place = self.rng.uniform(0.0, 1.0, 2)
        place[int(self.rng.integers(2))] = float(self.rng.integers(2))
        turn = self.rng.uniform(0, 2 * np.pi)
        length = self.rng.uniform(*_STRAY_MM) * self.sheet.dpi / MM_PER_INCH
        half = length / 2 * np.array([np.cos(turn), np.sin(turn)])
        middle = corner + place * sides
        ink, (x, y) = render_strokes([np.array([middle - half, middle + half])], self._thickness)
        apply_ink(self.sheet.image, ink, x, y, self._pen)

    def _draw_style(self, styles: Sequence[tuple[MarkStyle, float]]) -> MarkStyle:
        names, shares = zip(*styles, strict=True)
        return styles[int(self.rng.choice(len(names), p=shares))][0]

    def _happens(self, rate: float) -> bool:
        return bool(self.rng.random() < rate)


def _is_meant(choice: Choice, option: Option, value: Sequence[str]) -> bool:
    if choice.kind == "digits":
        return option.position < len(value) and value[option.position] == option.name
    return option.name in value


def draw_choice_value(
    choice: Choice, truth: dict[str, str], habits: MarkHabits, rng: np.random.Generator
) -> tuple[str, ...]:
    """Draw the marks of a choice: the marked options, or a digit for each position.

    Args:
        choice: the choice.
        truth: the values of the page's fields. Digits that check a field repeat its value.
        habits: the habits of the writers.
        rng: the source of all random choices.
    """
    if choice.kind == "digits":
        positions = 1 + max(option.position for option in choice.options)
        if choice.checks is None:
            value = "" if rng.random() < habits.blank_rate else _random_digits(positions, rng)
        else:
            value = truth[choice.checks][:positions]
        if value and rng.random() < habits.slip_rate:
            place = int(rng.integers(len(value)))
            other = (int(value[place]) + int(rng.integers(1, 10))) % 10
            value = value[:place] + str(other) + value[place + 1 :]
        return tuple(value)
    names = [option.name for option in choice.options]
    if choice.kind == "many":
        return tuple(name for name in names if rng.random() < habits.many_rate)
    return () if rng.random() < habits.blank_rate else (names[int(rng.integers(len(names)))],)


def _random_digits(count: int, rng: np.random.Generator) -> str:
    return "".join(str(digit) for digit in rng.integers(0, 10, count))


def write_value(choice: Choice, value: Sequence[str]) -> str:
    """Return the marks of a choice as its value in tables: digits, or options separated by a comma."""
    return ("" if choice.kind == "digits" else ", ").join(value)
