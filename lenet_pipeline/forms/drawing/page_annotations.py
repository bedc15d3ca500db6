"""Draw the outlines of fields and cells on a page, and write readings where they hide as little as possible.

The colours are Okabe and Ito's, which people with any kind of colour vision can distinguish.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw

from lenet_pipeline.forms.drawing.lettering import FontStyle, load_lettering
from lenet_pipeline.ingest import Box

DrawnState = Literal["digit", "blank", "mark", "not_a_digit"]
Colour = tuple[int, int, int]
_Piece = tuple[str, FontStyle, int]  # text, and the height of its em in pixels
Area = tuple[float, float, float, float]  # left, top, right, bottom

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
FIELD_COLOUR: Colour = (70, 70, 70)
BROKEN_COLOUR: Colour = (204, 121, 167)
STATE_COLOURS: dict[DrawnState, Colour] = {
    "digit": (0, 114, 178),
    "blank": (86, 180, 233),
    "mark": (230, 159, 0),
    "not_a_digit": (213, 94, 0),
}
_DIGIT_PX, _CONFIDENCE_PX, _NAME_PX = 21, 14, 18
FIELD_MARGIN_PX = 3  # between a field's cells and its outline
_THICK_PX = 5  # of the outline of a field whose value breaks a rule


@dataclass(frozen=True)
class DrawnCell:
    """One cell, or one digit of a box without dividers.

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
    """One field: its outline in pixels of the aligned page, its value, and the rules that the value breaks.

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

    def keep_free(self, areas: Iterable[Area]) -> None:
        """Keep later text off these areas, if possible."""
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

    def write_reading(self, cell: DrawnCell, field: Area) -> None:
        """Write a cell's reading and its confidence in percent, below the cell or wherever there is room."""
        if not cell.text:
            return
        percent = "" if cell.confidence is None else _percent(cell.confidence)
        pieces: list[_Piece] = [(cell.text, "Sans-Bold", _DIGIT_PX), (percent, "Sans", _CONFIDENCE_PX)]
        left, _, right, _ = area_of(cell.box)
        for written in (pieces, pieces[:1]):  # drop the confidence if it would cover something
            width, height = self._measure(written)
            x = (left + right - width) / 2
            places = [(x, y) for y in _reading_heights(area_of(cell.box), field, height)]
            if place := self._find_room(places, width, height, within=field):
                self._write(place, written, WHITE, STATE_COLOURS[cell.state])
                return
        # Cover the cell itself, in the corner that digits use least.
        corner = cell.box.x + cell.box.width - width - 2, cell.box.y + cell.box.height - height - 2
        self._write(corner, pieces[:1], WHITE, STATE_COLOURS[cell.state])

    def write_field(self, field: DrawnField) -> None:
        """Write a field's name and value next to it."""
        text = field.name
        if field.value is not None:
            text += f" = {field.value}" if field.value else " is blank"
        percent = "" if field.confidence is None else f"{_percent(field.confidence)} %"
        broken = " ".join(f"✗ {rule}" for rule in field.broken_rules)
        pieces: list[_Piece] = [
            (text, "Sans-Bold", _NAME_PX),
            (percent, "Sans", _NAME_PX),
            (broken, "Sans", _NAME_PX),
        ]
        width, height = self._measure(pieces)
        left, top, right, bottom = grow_area(area_of(field.box), FIELD_MARGIN_PX + 4)
        middle = (top + bottom - height) / 2
        places = [
            (left, top - height),
            (right, middle),
            (left - width, middle),
            (right - width, top - height),
            (left, bottom),
            (left, bottom + _DIGIT_PX + 8),
        ]
        place = self._find_room(places, width, height) or self._nearest_on_page(places[0], width, height)
        background, ink = (BROKEN_COLOUR, BLACK) if field.broken_rules else (FIELD_COLOUR, WHITE)
        self._write(place, pieces, background, ink)

    def _measure(self, pieces: Sequence[_Piece]) -> tuple[float, float]:
        """Return the width and height of some pieces of text in a row, with a margin."""
        widths = [load_lettering(style, size).getlength(text) for text, style, size in pieces if text]
        gaps = 5 * (len(widths) - 1)
        return sum(widths) + gaps + 6, max(size for _, _, size in pieces) + 3

    def _find_room(
        self,
        places: Sequence[tuple[float, float]],
        width: float,
        height: float,
        within: Area | None = None,
    ) -> tuple[float, float] | None:
        """Return the first place on the page that is free, ignoring the area ``within``, or None."""
        taken = [area for area in self._taken if area != within]
        for x, y in places:
            on_page = x >= 0 and y >= 0 and x + width <= self.image.width and y + height <= self.image.height
            if on_page and not any(_overlap((x, y, x + width, y + height), area) for area in taken):
                return x, y
        return None

    def _nearest_on_page(
        self, place: tuple[float, float], width: float, height: float
    ) -> tuple[float, float]:
        x, y = place
        return (
            max(0, min(x, self.image.width - width)),
            max(0, min(y, self.image.height - height)),
        )

    def _write(
        self,
        place: tuple[float, float],
        pieces: Sequence[_Piece],
        background: Colour,
        ink: Colour,
    ) -> None:
        """Write some pieces of text in a row on a coloured background."""
        x, y = place
        width, height = self._measure(pieces)
        self._taken.append((x, y, x + width, y + height))
        self._draw.rectangle((x, y, x + width, y + height), fill=background)
        base = y + height - 5
        x += 3
        for text, style, size in pieces:
            if text:
                font = load_lettering(style, size)
                self._draw.text((x, base), text, fill=ink, font=font, anchor="ls")
                x += font.getlength(text) + 5


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
