"""Draw an aligned page with every field, cell and reading on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from lenet_pipeline.forms.drawing.lettering import fit_text, load_lettering
from lenet_pipeline.forms.drawing.page_annotations import (
    BLACK,
    BROKEN_COLOUR,
    FIELD_COLOUR,
    FIELD_MARGIN_PX,
    STATE_COLOURS,
    WHITE,
    DrawnCell,
    DrawnField,
    DrawnState,
    PageDrawing,
    area_of,
    grow_area,
)
from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.templates.model import Cells, Template
from lenet_pipeline.ingest import Box

_PALER = 0.3  # how far to fade the scan towards white, so that annotations stand out
_CAPTION_PX, _LEGEND_PX = 28, 19
_HEAD_PX = 96  # above the page, for the caption and the legend
_ROUNDING_PX = 2
_STATE_NAMES: dict[DrawnState, str] = {
    "digit": "digit",
    "blank": "blank",
    "mark": "mark",
    "not_a_digit": "not a digit, or in doubt",
}


def outline_template(template: Template) -> tuple[list[DrawnCell], list[DrawnField]]:
    """Return the cells and fields of a template, without readings, for ``draw_page``.

    A box without dividers has no cells, only an outline.
    """
    cells, fields = [], []
    for field in template.fields:
        boxes = [rectangle.pixel_box() for rectangle in field.place.rectangles()]
        fields.append(DrawnField(field.name, _around(boxes)))
        if isinstance(field.place, Cells):
            cells += [DrawnCell(field.name, n, box, "blank") for n, box in enumerate(boxes)]
    return cells, fields


def draw_page(
    page: Grey, cells: Sequence[DrawnCell], caption: str, *, fields: Sequence[DrawnField] = ()
) -> Image.Image:
    """Draw fields, cells and readings on an aligned page.

    Args:
        page: uint8 (height, width), 0 black to 255 white.
        cells: the cells with their readings.
        caption: the line above the page.
        fields: the fields with their values. A missing field gets an outline around its cells.

    Returns:
        An RGB image with the caption and a legend above the page. It is wider than the page if some labels
        have no room on the page, because no label covers a cell or text: a list next to the page has them in
        reading order. The fields of tables are all in the list or all on the page, and so are their readings.
    """
    known = {field.name for field in fields}
    names = dict.fromkeys(cell.field for cell in cells if cell.field not in known)
    outlined = [*fields, *(DrawnField(name, _around(_boxes_of(name, cells))) for name in names)]
    paler = page + (255 - page.astype(np.float32)) * np.float32(_PALER)
    drawing = PageDrawing(Image.fromarray(paler.astype(np.uint8)).convert("RGB"))
    for field in outlined:
        drawing.outline_field(field)
    for cell in cells:
        drawing.outline_cell(cell)
    areas = {field.name: area_of(field.box) for field in outlined}
    drawing.keep_free([*areas.values(), *(area_of(cell.box) for cell in cells)])
    in_table = {field.name for field in outlined if "." in field.name}  # row.column
    rows = [row for name in areas for row in _rows_of([c for c in cells if c.field == name and c.text])]
    crowded = [row for row in rows if row[0].field not in in_table and not drawing.write_readings(row, areas)]
    table_rows = [row for row in rows if row[0].field in in_table]
    if not drawing.write_readings([cell for row in table_rows for cell in row], areas):
        crowded += table_rows
    # If rows are close, a reading may cover a part of the next outline to keep off the ink. The name of a
    # field may not.
    drawing.keep_free(grow_area(area, FIELD_MARGIN_PX) for area in areas.values())
    for field in outlined:
        if field.name not in in_table:
            drawing.write_fields([field])
    drawing.write_fields([field for field in outlined if field.name in in_table])
    valued = {field.name for field in outlined if field.value is not None}
    row_counts = Counter(row[0].field for row in rows)
    for row in crowded:
        # The value of a field with one row of cells already shows their readings.
        if row[0].field not in valued or row_counts[row[0].field] > 1:
            drawing.write_row(row)
    return _add_head(drawing.finish(), caption, has_broken=any(field.broken_rules for field in outlined))


def _add_head(page: Image.Image, caption: str, *, has_broken: bool) -> Image.Image:
    """Return a page with a caption and a legend of the colours above it."""
    image = Image.new("RGB", (page.width, page.height + _HEAD_PX), WHITE)
    image.paste(page, (0, _HEAD_PX))
    draw = ImageDraw.Draw(image)
    draw.line((0, _HEAD_PX - 1, page.width, _HEAD_PX - 1), fill=FIELD_COLOUR, width=2)
    text = fit_text(caption, "Sans-Bold", _CAPTION_PX, page.width - 32)
    draw.text((16, 38), text, fill=BLACK, font=load_lettering("Sans-Bold", _CAPTION_PX), anchor="ls")
    entries = [(STATE_COLOURS[state], name) for state, name in _STATE_NAMES.items()]
    if has_broken:
        entries.append((BROKEN_COLOUR, "value breaks a rule"))
    font = load_lettering("Sans", _LEGEND_PX)
    x = 16.0
    for colour, name in entries:
        draw.rectangle((x, 58, x + 22, 78), outline=colour, width=4)
        draw.text((x + 30, 75), name, fill=BLACK, font=font, anchor="ls")
        x += 30 + font.getlength(name) + 28
    draw.text((x, 75), "small figures: confidence in %", fill=FIELD_COLOUR, font=font, anchor="ls")
    return image


def _rows_of(cells: Sequence[DrawnCell]) -> list[list[DrawnCell]]:
    """Return the cells of one field in rows. Digits of a box differ in height, and are one row."""
    rows: list[list[DrawnCell]] = []
    bottom = 0
    for cell in sorted(cells, key=lambda cell: cell.box.y):
        if not rows or cell.box.y >= bottom - _ROUNDING_PX:
            rows.append([])
        rows[-1].append(cell)
        bottom = max(bottom, cell.box.y + cell.box.height)
    return rows


def _boxes_of(field: str, cells: Iterable[DrawnCell]) -> list[Box]:
    return [cell.box for cell in cells if cell.field == field]


def _around(boxes: Sequence[Box]) -> Box:
    """Return the bounding box of several boxes."""
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.x + box.width for box in boxes), max(box.y + box.height for box in boxes)
    return Box(left, top, right - left, bottom - top)
