"""Draw the outlines of fields and cells on a page, and write readings where they hide as little as possible.

The colours are Okabe and Ito's, which people with any kind of colour vision can distinguish.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    draw_list,
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
_MOST_PRINT_OF_READING = 0.08  # a reading may cover a line of its cell, but no text
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
        self._listed: list[tuple[Area, Label]] = []
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

    def write_readings(self, cells: Sequence[DrawnCell], fields: Mapping[str, Area]) -> bool:
        """Write the readings of some cells and their confidences in percent, above or below each cell.

        Args:
            cells: the cells.
            fields: the area of each field by its name.

        Returns:
            Whether there is room for all of them. If not, none is written, because a part of a value is
            easily taken for the whole. No reading covers a cell or text.
        """
        found: list[tuple[tuple[float, float], Label]] = []
        for cell in cells:
            place = self._find_reading_room(cell, fields[cell.field])
            if place is None:
                del self._taken[len(self._taken) - len(found) :]
                return False
            self._take(*place)
            found.append(place)
        for corner, label in found:
            draw_label(self._draw, corner, label)
        return True

    def _find_reading_room(self, cell: DrawnCell, field: Area) -> tuple[tuple[float, float], Label] | None:
        percent = "" if cell.confidence is None else _percent(cell.confidence)
        pieces: list[Piece] = [(cell.text, "Sans-Bold", _DIGIT_PX), (percent, "Sans", _CONFIDENCE_PX)]
        left, _, right, _ = area_of(cell.box)
        for written in (pieces, pieces[:1]):  # drop the confidence if it would cover something
            width, height = measure_text(written)
            x = (left + right - width) / 2
            places = [(x, y) for y in _reading_heights(area_of(cell.box), field, height)]
            for most_print in (_MOST_PRINT, _MOST_PRINT_OF_READING):
                if place := self._find_room(places, width, height, most_print, within=field):
                    return place, Label(written, WHITE, STATE_COLOURS[cell.state])
        return None

    def write_row(self, cells: Sequence[DrawnCell]) -> None:
        """Write the readings of cells of one row next to the row, with their lowest confidence in percent.

        In the list next to the page, they follow the name of the field.
        """
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
        label = Label(pieces, WHITE, STATE_COLOURS["digit"])
        if place := self._find_room_near(row, label):
            self._take(place, label)
            draw_label(self._draw, place, label)
        else:
            named: list[Piece] = [(f"{cells[0].field}:", "Sans", _NAME_PX), *pieces]
            self._listed.append((row, Label(named, WHITE, STATE_COLOURS["digit"])))

    def write_fields(self, fields: Sequence[DrawnField]) -> None:
        """Write the name and value of fields next to them, or in a list next to the page if there is no room.

        Either all of the fields are written on the page or none.
        """
        labels = [(area_of(field.box), _field_label(field)) for field in fields]
        found: list[tuple[tuple[float, float], Label]] = []
        for area, label in labels:
            place = self._find_room_near(area, label)
            if place is None:
                del self._taken[len(self._taken) - len(found) :]
                self._listed += labels
                return
            self._take(place, label)
            found.append((place, label))
        for place, label in found:
            draw_label(self._draw, place, label)

    def _find_room_near(self, area: Area, label: Label) -> tuple[float, float] | None:
        """Return the nearest place for a label on free paper without print, or None."""
        width, height = measure_text(label.pieces)
        places = places_around(grow_area(area, FIELD_MARGIN_PX + 4), width, height)
        return self._find_room(places, width, height, _MOST_PRINT)

    def finish(self) -> Image.Image:
        """Return the picture, with a list of the labels that have no room on the page, if there are any."""
        if not self._listed:
            return self.image
        added = draw_list(self._listed, self.image.height)
        picture = Image.new("RGB", (self.image.width + added.width, self.image.height), WHITE)
        picture.paste(self.image, (0, 0))
        picture.paste(added, (self.image.width, 0))
        return picture

    def _find_room(
        self,
        places: Sequence[tuple[float, float]],
        width: float,
        height: float,
        most_print: float,
        within: Area | None = None,
    ) -> tuple[float, float] | None:
        """Return the first place on the page that is free, ignoring the area ``within``, or None.

        Print may cover a share of the place up to ``most_print``.
        """
        taken = [area for area in self._taken if area != within]
        for x, y in places:
            here = x, y, x + width, y + height
            on_page = x >= 0 and y >= 0 and here[2] <= self.image.width and here[3] <= self.image.height
            is_free = on_page and not any(_overlap(here, area) for area in taken)
            if is_free and self._print_share(here) < most_print:
                return x, y
        return None

    def _print_share(self, area: Area) -> float:
        left, top, right, bottom = (round(edge) for edge in area)
        return float(self._print[top:bottom, left:right].mean())

    def _take(self, place: tuple[float, float], label: Label) -> None:
        """Keep later text off the place of a label."""
        width, height = measure_text(label.pieces)
        self._taken.append((*place, place[0] + width, place[1] + height))


def _field_label(field: DrawnField) -> Label:
    """Return the name of a field with its value, its confidence and the rules that it breaks."""
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
    return Label(pieces, ink, background)


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
