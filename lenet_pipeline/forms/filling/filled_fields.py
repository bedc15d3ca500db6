"""Write the values of fields on a sheet of paper, cell by cell or as one run of digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from lenet_pipeline.forms.filling.boxes import Edges, Points, box_around, box_corners, box_inside
from lenet_pipeline.forms.filling.habits import Habits
from lenet_pipeline.forms.filling.handwriting import (
    Ink,
    LabelledImages,
    apply_ink,
    render_digit,
    render_strokes,
    space_run,
)
from lenet_pipeline.forms.filling.pen_strokes import (
    comma_strokes,
    digit_strike,
    field_strike,
    mark_strokes,
    minus_strokes,
    point_strokes,
)
from lenet_pipeline.forms.page import MM_PER_INCH, Grey
from lenet_pipeline.forms.rules.numerals import PLAIN, NumberForm, split_numeral
from lenet_pipeline.forms.templates.model import Cells, Field, UnusedMark, WritingBox

WrittenState = Literal["digit", "blank", "mark", "crossed_out"]
Plan = list[tuple[WrittenState, int | None]]

_PEN_MM = (0.35, 0.6)  # the thickness of marks and lines
_PEN_VARIES = 10.0  # grey levels up or down, from one digit to the next
_AIM = 0.25  # the standard deviation of a digit's place, relative to the free space in its cell
_LEAST_GAP = 0.05  # between digits that do not touch, in heights of a digit
_OVERLAP = (0.02, 0.1)  # of touching digits, in heights of a digit
_LOWEST_PX = 10  # the lowest digit on a sheet
_WOBBLE = 0.05  # the vertical variation along a run, in heights of a digit
_COMMA_GAP = (0.35, 0.5)  # between the digits around a comma, in heights of a digit
_MINUS_LENGTH, _MINUS_GAP = (0.35, 0.6), (0.12, 0.3)  # likewise, and its distance from the first digit


@dataclass(frozen=True)
class Sheet:
    """A sheet of paper: its pixels, which writing changes, and their resolution in pixels per inch."""

    image: Grey
    dpi: float


@dataclass(frozen=True)
class WrittenCell:
    """One cell, or one digit of a box without dividers.

    Attributes:
        field: the name of its field.
        position: the position of the cell in the field, or of the digit in the box, from 0.
        state: its content.
        label: the digit, even if it is crossed out, or None without a digit.
        image: the index of its image among the labelled images.
        corners: the corners of the cell, or of the digit's ink in a box: x and y of top left, top right,
            bottom right and bottom left, float64 (4, 2), in pixels of the sheet or the scan.
        touches: whether the digit touches a neighbour in its box.
    """

    field: str
    position: int
    state: WrittenState
    label: int | None
    image: int | None
    corners: Points
    touches: bool = False


@dataclass(frozen=True)
class _Run:
    """A run of digits: their ink, and the left and top edges relative to the run's corner."""

    inks: list[Ink]
    lefts: list[int]
    tops: list[int]

    @property
    def width(self) -> int:
        return max(left + int(ink.shape[1]) for left, ink in zip(self.lefts, self.inks, strict=True))

    @property
    def height(self) -> int:
        return max(top + int(ink.shape[0]) for top, ink in zip(self.tops, self.inks, strict=True))


class Writer:
    """A person who writes on a sheet of paper with one pen."""

    def __init__(
        self, sheet: Sheet, digits: LabelledImages, habits: Habits, rng: np.random.Generator
    ) -> None:
        self._sheet = sheet
        self._digits = digits
        self._habits = habits
        self._rng = rng
        self._pen = float(rng.uniform(*habits.pen))
        self._thickness = float(rng.uniform(*_PEN_MM)) * sheet.dpi / MM_PER_INCH
        self._size = 0.0

    def write_field(self, field: Field, value: str) -> list[WrittenCell]:
        """Write the value of a field. Return its cells, in pixels of the sheet.

        Args:
            field: the field.
            value: the value in normal form, which must fit into the field. ``""`` leaves it blank.
        """
        self._size = float(self._rng.uniform(*self._habits.size))
        digits, form = split_numeral(value) or ("", PLAIN)
        if isinstance(field.place, WritingBox):
            return self._write_box(field, field.place, digits, form)
        return self._write_cells(field, field.place, digits, form)

    def _write_cells(self, field: Field, place: Cells, value: str, form: NumberForm) -> list[WrittenCell]:
        """Write a value with one digit per cell. A minus takes a cell of its own."""
        name, unused_mark = field.name, field.unused_mark
        boxes = [rectangle.pixels(self._sheet.dpi) for rectangle in place.rectangles()]
        if not value and self._happens(self._habits.void_rate):
            self._stroke(field_strike(box_around(boxes), self._rng))
            return [WrittenCell(name, n, "mark", None, None, box_corners(box)) for n, box in enumerate(boxes)]
        cells = []
        plan = self._plan_cells(value, len(boxes) - form.is_negative, unused_mark)
        minus = -1
        if form.is_negative:
            minus = next(place for place, (state, _) in enumerate(plan) if state == "digit")
            plan.insert(minus, ("mark", None))
        for position, (state, label) in enumerate(plan):
            box = boxes[position]
            image = None if label is None else self._digits.choose(label, self._rng)
            if image is not None:
                self._write_digit(image, box)
            if position == minus:
                self._draw_mark("-", box)
            elif state == "crossed_out":
                self._draw_mark("X" if self._happens(0.5) else "-", box)
            elif state == "mark" and unused_mark is not None:
                self._draw_mark(unused_mark, box)
            elif state == "blank" and value and self._happens_rarely(self._habits.dash_rate):
                self._draw_mark("-", box)
            cells.append(WrittenCell(name, position, state, label, image, box_corners(box)))
        digits = [cell.position for cell in cells if cell.state == "digit"]
        comma = self._place_comma(field, value, form)
        if comma is not None:
            left, top, _, bottom = boxes[digits[comma]]
            self._draw_separator(field, left, top + 0.8 * (bottom - top), 0.7 * (bottom - top))
        if digits and self._happens_rarely(self._habits.strike_rate):
            struck = boxes[digits[int(self._rng.integers(len(digits)))]]
            self._stroke(digit_strike(struck, self._rng))
        return cells

    def _plan_cells(self, value: str, room: int, unused_mark: UnusedMark | None) -> Plan:
        """Return the state and the digit, if any, of every cell of a field."""
        spare = room - len(value)
        plan: Plan = []
        for digit in value:
            if spare and self._happens(self._habits.crossed_out_rate):
                plan.append(("crossed_out", int(self._rng.integers(10))))
                spare -= 1
            plan.append(("digit", int(digit)))
        free: Plan = []
        for _ in range(spare):
            is_marked = value and unused_mark and not self._happens(self._habits.unmarked_rate)
            free.append(("mark" if is_marked else "blank", None))
        return free + plan if self._happens(self._habits.right_aligned_rate) else plan + free

    def _write_box(self, field: Field, place: WritingBox, value: str, form: NumberForm) -> list[WrittenCell]:
        """Write a value as a run of digits into one box."""
        name = field.name
        box = place.place.pixels(self._sheet.dpi)
        if not value:
            if self._happens(self._habits.void_rate):
                self._stroke(field_strike(box, self._rng))
            return []
        has_minus = form.is_negative or self._happens_rarely(self._habits.minus_rate)
        length, gap = 0.0, 0.0
        if has_minus:
            height = self._size * (box[3] - box[1])
            length = self._rng.uniform(*_MINUS_LENGTH) * height
            gap = self._rng.uniform(*_MINUS_GAP) * height
            box = (box[0] + length + gap, *box[1:])
        inner = box_inside(box, self._sheet.dpi)
        images = [self._digits.choose(int(digit), self._rng) for digit in value]
        touching = [self._happens(self._habits.touching_rate) for _ in value[1:]]
        gaps = self._draw_gaps(touching)
        comma = self._place_comma(field, value, form)
        if comma is not None:
            gaps[comma - 1] = self._rng.uniform(*_COMMA_GAP)
        run = self._fit_run(images, gaps, box)
        start = inner[0] + self._rng.uniform(0, 0.6) * (inner[2] - inner[0] - run.width)
        line = inner[1] + self._rng.uniform(0.2, 0.8) * (inner[3] - inner[1] - run.height)
        cells = []
        for position, (ink, left, top) in enumerate(zip(run.inks, run.lefts, run.tops, strict=True)):
            x, y = round(start) + left, round(line) + top
            self._lay(ink, x, y)
            corners = box_corners((x, y, x + ink.shape[1], y + ink.shape[0]))
            near = any(touching[max(0, position - 1) : position + 1])
            label = int(value[position])
            cells.append(WrittenCell(name, position, "digit", label, images[position], corners, near))
        if comma is not None:
            (_, _), (right, _), (_, bottom), _ = cells[comma - 1].corners
            middle = (right + cells[comma].corners[0, 0]) / 2
            self._draw_separator(field, middle, bottom - 0.05 * run.height, run.height)
        if has_minus:
            (left, top), _, (_, bottom), _ = cells[0].corners
            middle = (top + bottom) / 2 + self._rng.uniform(-0.1, 0.1) * run.height
            self._stroke(minus_strokes(left - gap, middle, length, self._rng))
        if self._happens_rarely(self._habits.strike_rate):
            struck = cells[int(self._rng.integers(len(cells)))].corners
            around = 0.15 * run.height
            left, top = struck[0] - around
            right, bottom = struck[2] + around
            self._stroke(digit_strike((left, top, right, bottom), self._rng))
        return cells

    def _place_comma(self, field: Field, value: str, form: NumberForm) -> int | None:
        """Return the index of the digit after the decimal separator, or None without one."""
        if field.numbers.separator is not None:
            return None if form.places is None or not value else len(value) - form.places
        if len(value) < 2 or not self._happens_rarely(self._habits.comma_rate):
            return None
        return max(1, len(value) - int(self._rng.integers(1, 3)))

    def _draw_separator(self, field: Field, x: float, y: float, height: float) -> None:
        """Draw the separator of a field, or a comma that its form does not ask for."""
        kind = field.numbers.separator or "comma"
        if kind == "either":
            kind = "comma" if self._happens(0.5) else "point"
        self._stroke((comma_strokes if kind == "comma" else point_strokes)(x, y, height, self._rng))

    def _draw_mark(self, mark: UnusedMark, box: Edges) -> None:
        self._stroke(mark_strokes(mark, box, self._rng))

    def _draw_gaps(self, touching: list[bool]) -> list[float]:
        """Return the gap before every digit but the first, in heights of a digit."""
        usual = self._rng.uniform(*self._habits.gap)
        return [
            -self._rng.uniform(*_OVERLAP) if touches else max(_LEAST_GAP, usual * self._rng.uniform(0.5, 1.5))
            for touches in touching
        ]

    def _fit_run(self, images: list[int], gaps: list[float], box: Edges) -> _Run:
        """Return a run of digits at the writer's size, shrunk if necessary to fit the box."""
        left, top, right, bottom = box_inside(box, self._sheet.dpi)
        # Draw the random numbers once, so that a run keeps its look while it shrinks to fit.
        heights = self._size * self._rng.uniform(0.92, 1.06, len(images)) * (box[3] - box[1])
        heights = np.minimum(heights, (bottom - top) * (1 - _WOBBLE))
        wobbles = self._rng.uniform(0, _WOBBLE, len(images)) * heights
        while True:
            inks = [render_digit(self._digits.images[i], h) for i, h in zip(images, heights, strict=True)]
            highest = max(ink.shape[0] for ink in inks)
            tops = [highest - ink.shape[0] + round(down) for ink, down in zip(inks, wobbles, strict=True)]
            lefts = space_run(inks, tops, [gap * float(heights.mean()) for gap in gaps])
            run = _Run(inks, lefts, tops)
            # Digits a few pixels high cannot shrink further. If they do not fit, they cross the edge.
            fits = run.width <= right - left and run.height <= bottom - top
            if fits or heights.max() < _LOWEST_PX:
                return run
            shrink = min(0.97, (right - left) / run.width)
            heights, wobbles = heights * shrink, wobbles * shrink

    def _write_digit(self, image: int, box: Edges) -> None:
        """Write one digit near the middle of a cell."""
        inner = box_inside(box, self._sheet.dpi)
        width, height = inner[2] - inner[0], inner[3] - inner[1]
        size = self._size * self._rng.uniform(0.95, 1.05) * (box[3] - box[1])
        ink = render_digit(self._digits.images[image], min(size, height), width)
        room = np.maximum([width - ink.shape[1], height - ink.shape[0]], 0)
        middle = np.array([inner[0] + width / 2 - ink.shape[1] / 2, inner[1] + height / 2 - ink.shape[0] / 2])
        offset = np.clip(self._rng.normal(0, _AIM, 2), -0.5, 0.5) * room
        if self._happens(self._habits.over_line_rate):
            offset = self._over_an_edge(ink, box, middle)
        x, y = np.rint(middle + offset)
        self._lay(ink, int(x), int(y))

    def _over_an_edge(self, ink: Ink, box: Edges, middle: Points) -> Points:
        """Return the offset from the middle that moves a part of a digit over one edge of its cell."""
        axis, over = int(self._rng.integers(2)), self._rng.uniform(0.05, 0.2)
        side = ink.shape[1 - axis]
        offset = np.zeros(2)
        if self._happens(0.5):
            offset[axis] = box[axis] - over * side - middle[axis]
        else:
            offset[axis] = box[axis + 2] - (1 - over) * side - middle[axis]
        return offset

    def _stroke(self, strokes: list[Points]) -> None:
        ink, (left, top) = render_strokes(strokes, self._thickness)
        self._lay(ink, left, top)

    def _lay(self, ink: Ink, left: int, top: int) -> None:
        pen = self._pen + self._rng.uniform(-_PEN_VARIES, _PEN_VARIES)
        apply_ink(self._sheet.image, ink, left, top, float(np.clip(pen, 0, 255)))

    def _happens_rarely(self, rate: float) -> bool:
        """Draw a random number only for a rate above 0. Pages without these faults keep their look."""
        return rate > 0 and self._happens(rate)

    def _happens(self, rate: float) -> bool:
        return bool(self._rng.random() < rate)
