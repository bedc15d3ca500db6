"""Draw the outlines of fields and cells on a page, and write readings where they hide as little as possible.

The colours are Okabe and Ito's, which people with any kind of colour vision can distinguish.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from lenet_pipeline.forms.drawing.labels import (
    Area,
    Colour,
    Label,
    Piece,
    draw_label,
    draw_strip,
    measure_text,
    places_around,
)
from lenet_pipeline.ingest import Box

DrawnState = Literal["digit", "blank", "mark", "not_a_digit", "doubtful"]

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
FIELD_COLOUR: Colour = (70, 70, 70)
BROKEN_COLOUR: Colour = (204, 121, 167)
STATE_COLOURS: dict[DrawnState, Colour] = {
    "digit": (0, 114, 178),
    "blank": (86, 180, 233),
    "mark": (230, 159, 0),
    "not_a_digit": (213, 94, 0),
    "doubtful": (213, 94, 0),
}
_DIGIT_PX, _CONFIDENCE_PX, _NAME_PX = 21, 14, 18
FIELD_MARGIN_PX = 3  # between a field's cells and its outline
_MOST_PRINT, _PRINT_CONTRAST = 0.02, 40  # share of an area, and grey levels below the paper
_THICK_PX = 5  # of the outline of a field whose value breaks a rule


@dataclass(frozen=True)
class DrawnCell:
    """One cell, one digit of a box without dividers, or one box or bubble of a choice.

    ``box`` is in pixels of the aligned page. ``text`` is its reading, such as ``7``, or ``""``.
    """

    field: str
    position: int
    box: Box
    state: DrawnState
    text: str = ""
    confidence: float | None = None


@dataclass(frozen=True)
class DrawnField:
    """One field or choice: its outline in pixels of the aligned page, its value, and the rules it breaks.

    ``value`` is ``""`` for a blank field, and None to show no value.
    """

    name: str
    box: Box
    value: str | None = None
    confidence: float | None = None
    broken_rules: tuple[str, ...] = ()


class PageDrawing:
    """A page with annotations, and the areas that are already occupied."""

    def __init__(self, image: Image.Image) -> None:
        self.image = image
        self._draw = ImageDraw.Draw(image)
        self._taken: list[Area] = []
        self._beside: list[tuple[float, Label]] = []
        grey = np.asarray(image.convert("L"))
        self._print = grey < np.median(grey) - _PRINT_CONTRAST

    def keep_free(self, areas: Iterable[Area]) -> None:
        """Keep later text off these areas."""
        self._taken += areas

    def outline_field(self, field: DrawnField) -> None:
        """Draw the outline of a field. It is thick if the value breaks a rule."""
        left, top, right, bottom = grow_area(area_of(field.box), FIELD_MARGIN_PX)
        colour, width = (BROKEN_COLOUR, _THICK_PX) if field.broken_rules else (FIELD_COLOUR, 2)
        grown = (left - width, top - width, right + width - 1, bottom + width - 1)
        self._draw.rectangle(grown, outline=colour, width=width)

    def outline_cell(self, cell: DrawnCell) -> None:
        """Draw the outline of a cell in the colour of its state."""
        left, top, right, bottom = area_of(cell.box)
        self._draw.rectangle((left, top, right - 1, bottom - 1), outline=STATE_COLOURS[cell.state], width=2)

    def write_reading(self, cell: DrawnCell, field: Area) -> bool:
        """Write a cell's reading and its confidence in percent, above or below the cell.

        Returns:
            Whether there is room for it. No reading covers a cell.
        """
        percent = "" if cell.confidence is None else _percent(cell.confidence)
        pieces: list[Piece] = [(cell.text, "Sans-Bold", _DIGIT_PX), (percent, "Sans", _CONFIDENCE_PX)]
        left, _, right, _ = area_of(cell.box)
        for written in (pieces, pieces[:1]):  # drop the confidence if it would cover something
            width, height = measure_text(written)
            x = (left + right - width) / 2
            places = [(x, y) for y in _reading_heights(area_of(cell.box), field, height)]
            if place := self._find_room(places, width, height, within=field):
                self._write(place, Label(written, WHITE, STATE_COLOURS[cell.state]))
                return True
        return False

    def write_row(self, cells: Sequence[DrawnCell]) -> None:
        """Write the readings of cells of one row next to the row, with their lowest confidence in percent."""
        row = (
            min(cell.box.x for cell in cells),
            min(cell.box.y for cell in cells),
            max(cell.box.x + cell.box.width for cell in cells),
            max(cell.box.y + cell.box.height for cell in cells),
        )
        known = [cell.confidence for cell in cells if cell.confidence is not None]
        percent = _percent(min(known)) if known else ""
        text = " ".join(cell.text for cell in sorted(cells, key=lambda cell: cell.position))
        pieces: list[Piece] = [(text, "Sans-Bold", _DIGIT_PX), (percent, "Sans", _CONFIDENCE_PX)]
        self._write_near(row, Label(pieces, WHITE, STATE_COLOURS["digit"]))

    def write_field(self, field: DrawnField) -> None:
        """Write a field's name and value next to it."""
        text = field.name
        if field.value is not None:
            text += f" = {field.value}" if field.value else " is blank"
        percent = "" if field.confidence is None else f"{_percent(field.confidence)} %"
        broken = " ".join(f"✗ {rule}" for rule in field.broken_rules)
        pieces: list[Piece] = [
            (text, "Sans-Bold", _NAME_PX),
            (percent, "Sans", _NAME_PX),
            (broken, "Sans", _NAME_PX),
        ]
        background, ink = (BROKEN_COLOUR, BLACK) if field.broken_rules else (FIELD_COLOUR, WHITE)
        self._write_near(area_of(field.box), Label(pieces, ink, background))

    def _write_near(self, area: Area, label: Label) -> None:
        """Write a label on the nearest free paper, without print if possible, or else next to the page."""
        width, height = measure_text(label.pieces)
        places = places_around(grow_area(area, FIELD_MARGIN_PX + 4), width, height)
        place = self._find_room(places, width, height, bare=True) or self._find_room(places, width, height)
        if place is None:
            self._beside.append(((area[1] + area[3]) / 2, label))
        else:
            self._write(place, label)

    def finish(self) -> Image.Image:
        """Return the picture, with a strip for the labels that have no room on the page, if there are any."""
        if not self._beside:
            return self.image
        strip = draw_strip(self._beside, self.image.height)
        picture = Image.new("RGB", (self.image.width + strip.width, self.image.height), WHITE)
        picture.paste(self.image, (0, 0))
        picture.paste(strip, (self.image.width, 0))
        return picture

    def _find_room(
        self,
        places: Sequence[tuple[float, float]],
        width: float,
        height: float,
        within: Area | None = None,
        *,
        bare: bool = False,
    ) -> tuple[float, float] | None:
        """Return the first place on the page that is free, ignoring the area ``within``, or None.

        If ``bare``, the place must be without print too.
        """
        taken = [area for area in self._taken if area != within]
        for x, y in places:
            here = x, y, x + width, y + height
            on_page = x >= 0 and y >= 0 and here[2] <= self.image.width and here[3] <= self.image.height
            is_free = on_page and not any(_overlap(here, area) for area in taken)
            if is_free and (not bare or self._is_bare(here)):
                return x, y
        return None

    def _is_bare(self, area: Area) -> bool:
        """Return whether there is hardly any print in an area."""
        left, top, right, bottom = (round(edge) for edge in area)
        return float(self._print[top:bottom, left:right].mean()) < _MOST_PRINT

    def _write(self, place: tuple[float, float], label: Label) -> None:
        """Write a label, and keep its place."""
        width, height = measure_text(label.pieces)
        self._taken.append((*place, place[0] + width, place[1] + height))
        draw_label(self._draw, place, label)


def _reading_heights(cell: Area, field: Area, height: float) -> list[float]:
    """Return the possible top edges of a cell's reading, the best one first.

    The reading of a digit in a box goes outside the box. The reading of a cell in a grid goes next to the
    cell.
    """
    clear, side = FIELD_MARGIN_PX + _THICK_PX + 1, cell[3] - cell[1]
    heights = []
    if field[3] - cell[3] < side:
        heights += [field[3] + clear, field[3] + clear + height, field[3] + 1]
    if cell[1] - field[1] < side:
        heights += [field[1] - clear - height, field[1] - height - 1]
    return [*heights, cell[3] + 2, cell[1] - height - 2]


def _percent(share: float) -> str:
    """Return a share in percent, rounded down so that only certainty is 100."""
    return f"{int(min(max(share, 0.0), 1.0) * 100 + 1e-9)}"


def area_of(box: Box) -> Area:
    return box.x, box.y, box.x + box.width, box.y + box.height


def grow_area(area: Area, margin: float) -> Area:
    return area[0] - margin, area[1] - margin, area[2] + margin, area[3] + margin


def _overlap(one: Area, other: Area) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
