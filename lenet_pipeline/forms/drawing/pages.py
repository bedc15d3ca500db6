"""Drawing: a aligned page with every field, cell and reading on it.

The colours are Okabe and Ito's, which people with any kind of colour vision tell apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from lenet_pipeline.forms.drawing.lettering import FontStyle, fit_text, load_lettering
from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.templates.model import Cells, Template
from lenet_pipeline.ingest import Box

DrawnState = Literal["digit", "blank", "mark", "not_a_digit"]
Colour = tuple[int, int, int]
_Piece = tuple[str, FontStyle, int]  # text, and the height of its em in pixels
_Area = tuple[float, float, float, float]  # left, top, right, bottom

_BLACK: Colour = (0, 0, 0)
_WHITE: Colour = (255, 255, 255)
_FIELD: Colour = (70, 70, 70)
_BROKEN: Colour = (204, 121, 167)
_COLOURS: dict[DrawnState, Colour] = {
    "digit": (0, 114, 178),
    "blank": (86, 180, 233),
    "mark": (230, 159, 0),
    "not_a_digit": (213, 94, 0),
}
_STATE_NAMES: dict[DrawnState, str] = {
    "digit": "digit",
    "blank": "blank",
    "mark": "mark of an unused cell",
    "not_a_digit": "not a digit",
}
_PALER = 0.3  # of the way from the scan to white, so that what is drawn on it stands out
_DIGIT_PX, _CONFIDENCE_PX, _NAME_PX = 21, 14, 18
_CAPTION_PX, _LEGEND_PX = 28, 19
_HEAD_PX = 96  # above the page, for the caption and the legend
_FIELD_MARGIN_PX = 3  # between a field's cells and its outline
_THICK_PX = 5  # of the outline of a field whose value breaks a rule


@dataclass(frozen=True)
class DrawnCell:
    """One cell, or one digit of a box without dividers.

    ``box`` is in pixels of the aligned page. ``text`` is its reading, such as ``7``; ``""`` for none.
    """

    field: str
    position: int
    box: Box
    state: DrawnState
    text: str = ""
    confidence: float | None = None


@dataclass(frozen=True)
class DrawnField:
    """One field: its outline in pixels of the aligned page, its value, and the rules that this breaks.

    ``value`` is None where there is none to show, ``""`` for a blank field.
    """

    name: str
    box: Box
    value: str | None = None
    confidence: float | None = None
    broken_rules: tuple[str, ...] = ()


def outline_template(template: Template) -> tuple[list[DrawnCell], list[DrawnField]]:
    """Return a template's cells and fields as they are drawn on a page that was not read.

    A box without dividers has no cells, only its outline.
    """
    cells, fields = [], []
    for field in template.fields:
        boxes = [rectangle.pixel_box() for rectangle in field.place.rectangles()]
        fields.append(DrawnField(field.name, _around(boxes)))
        if isinstance(field.place, Cells):
            cells += [DrawnCell(field.name, n, box, "blank") for n, box in enumerate(boxes)]
    return cells, fields


def draw_page(
    registered: Grey, cells: Sequence[DrawnCell], caption: str, *, fields: Sequence[DrawnField] = ()
) -> Image.Image:
    """Draw fields, cells and readings on a aligned page.

    Args:
        registered: uint8 (height, width), 0 black to 255 white.
        cells: what is in them.
        caption: a line for the top.
        fields: their outlines and values; a field that is missing is outlined around its cells.

    Returns:
        An RGB image as wide as the page, and higher by the caption and the legend.
    """
    known = {field.name for field in fields}
    names = dict.fromkeys(cell.field for cell in cells if cell.field not in known)
    outlined = [*fields, *(DrawnField(name, _around(_boxes_of(name, cells))) for name in names)]
    paler = registered + (255 - registered.astype(np.float32)) * np.float32(_PALER)
    drawing = _Drawing(Image.fromarray(paler.astype(np.uint8)).convert("RGB"))
    for field in outlined:
        drawing.outline_field(field)
    for cell in cells:
        drawing.outline_cell(cell)
    areas = {field.name: _area(field.box) for field in outlined}
    drawing.keep_free([*areas.values(), *(_area(cell.box) for cell in cells)])
    for cell in cells:
        drawing.write_reading(cell, areas[cell.field])
    # Where rows are close a reading may hide a piece of the next outline, rather than ink; a name need not.
    drawing.keep_free(_grow(area, _FIELD_MARGIN_PX) for area in areas.values())
    for field in outlined:
        drawing.write_field(field)
    return _add_head(drawing.image, caption, has_broken=any(field.broken_rules for field in outlined))


class _Drawing:
    """A page that is drawn on, and where on it there is something already."""

    def __init__(self, image: Image.Image) -> None:
        self.image = image
        self._draw = ImageDraw.Draw(image)
        self._taken: list[_Area] = []

    def keep_free(self, areas: Iterable[_Area]) -> None:
        """Write no text over these areas where there is another place for it."""
        self._taken += areas

    def outline_field(self, field: DrawnField) -> None:
        """Draw the outline of a field, thick where its value breaks a rule."""
        left, top, right, bottom = _grow(_area(field.box), _FIELD_MARGIN_PX)
        colour, width = (_BROKEN, _THICK_PX) if field.broken_rules else (_FIELD, 2)
        grown = (left - width, top - width, right + width - 1, bottom + width - 1)
        self._draw.rectangle(grown, outline=colour, width=width)

    def outline_cell(self, cell: DrawnCell) -> None:
        """Draw the outline of a cell in the colour of its state."""
        left, top, right, bottom = _area(cell.box)
        self._draw.rectangle((left, top, right - 1, bottom - 1), outline=_COLOURS[cell.state], width=2)

    def write_reading(self, cell: DrawnCell, field: _Area) -> None:
        """Write what was read, and how sure that is in percent, below a cell or where there is room."""
        if not cell.text:
            return
        percent = "" if cell.confidence is None else _percent(cell.confidence)
        pieces: list[_Piece] = [(cell.text, "Sans-Bold", _DIGIT_PX), (percent, "Sans", _CONFIDENCE_PX)]
        left, _, right, _ = _area(cell.box)
        for written in (pieces, pieces[:1]):  # rather the reading alone than over something else
            width, height = self._measure(written)
            x = (left + right - width) / 2
            places = [(x, y) for y in _reading_heights(_area(cell.box), field, height)]
            if place := self._find_room(places, width, height, within=field):
                self._write(place, written, _WHITE, _COLOURS[cell.state])
                return
        # Over the cell itself then, in the corner that digits leave free most often.
        corner = cell.box.x + cell.box.width - width - 2, cell.box.y + cell.box.height - height - 2
        self._write(corner, pieces[:1], _WHITE, _COLOURS[cell.state])

    def write_field(self, field: DrawnField) -> None:
        """Write a field's name and value beside it."""
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
        left, top, right, bottom = _grow(_area(field.box), _FIELD_MARGIN_PX + 4)
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
        background, ink = (_BROKEN, _BLACK) if field.broken_rules else (_FIELD, _WHITE)
        self._write(place, pieces, background, ink)

    def _measure(self, pieces: Sequence[_Piece]) -> tuple[float, float]:
        """Return the width and height of pieces of text side by side, with a margin."""
        widths = [load_lettering(style, size).getlength(text) for text, style, size in pieces if text]
        gaps = 5 * (len(widths) - 1)
        return sum(widths) + gaps + 6, max(size for _, _, size in pieces) + 3

    def _find_room(
        self,
        places: Sequence[tuple[float, float]],
        width: float,
        height: float,
        within: _Area | None = None,
    ) -> tuple[float, float] | None:
        """Return the first place on the page where nothing is, or nothing but the area given."""
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
        """Write pieces of text side by side on a patch of one colour."""
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


def _add_head(page: Image.Image, caption: str, *, has_broken: bool) -> Image.Image:
    """Return a page with a caption and the meaning of the colours above it."""
    image = Image.new("RGB", (page.width, page.height + _HEAD_PX), _WHITE)
    image.paste(page, (0, _HEAD_PX))
    draw = ImageDraw.Draw(image)
    draw.line((0, _HEAD_PX - 1, page.width, _HEAD_PX - 1), fill=_FIELD, width=2)
    text = fit_text(caption, "Sans-Bold", _CAPTION_PX, page.width - 32)
    draw.text((16, 38), text, fill=_BLACK, font=load_lettering("Sans-Bold", _CAPTION_PX), anchor="ls")
    entries = [(_COLOURS[state], name) for state, name in _STATE_NAMES.items()]
    if has_broken:
        entries.append((_BROKEN, "value breaks a rule"))
    font = load_lettering("Sans", _LEGEND_PX)
    x = 16.0
    for colour, name in entries:
        draw.rectangle((x, 58, x + 22, 78), outline=colour, width=4)
        draw.text((x + 30, 75), name, fill=_BLACK, font=font, anchor="ls")
        x += 30 + font.getlength(name) + 28
    draw.text((x, 75), "small figures: confidence in %", fill=_FIELD, font=font, anchor="ls")
    return image


def _reading_heights(cell: _Area, field: _Area, height: float) -> list[float]:
    """Return the top edges that a cell's reading may have, the best one first.

    A digit in a box has its reading outside the box; a cell within a grid has it at the cell.
    """
    clear, side = _FIELD_MARGIN_PX + _THICK_PX + 1, cell[3] - cell[1]
    heights = []
    if field[3] - cell[3] < side:
        heights += [field[3] + clear, field[3] + clear + height, field[3] + 1]
    if cell[1] - field[1] < side:
        heights += [field[1] - clear - height, field[1] - height - 1]
    return [*heights, cell[3] + 2, cell[1] - height - 2]


def _percent(share: float) -> str:
    """Return a share in percent, never rounded up: 100 is certain."""
    return f"{int(min(max(share, 0.0), 1.0) * 100 + 1e-9)}"


def _boxes_of(field: str, cells: Iterable[DrawnCell]) -> list[Box]:
    return [cell.box for cell in cells if cell.field == field]


def _around(boxes: Sequence[Box]) -> Box:
    """Return the smallest box around others."""
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.x + box.width for box in boxes), max(box.y + box.height for box in boxes)
    return Box(left, top, right - left, bottom - top)


def _area(box: Box) -> _Area:
    return box.x, box.y, box.x + box.width, box.y + box.height


def _grow(area: _Area, margin: float) -> _Area:
    return area[0] - margin, area[1] - margin, area[2] + margin, area[3] + margin


def _overlap(one: _Area, other: _Area) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
