"""Draw the blank form of the demo and the tests: a delivery note on one A4 page.

The drawing and the template share the same places in millimetres, which are defined below.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.drawing.lettering import load_lettering
from lenet_pipeline.forms.page import MM_PER_INCH

FORM = "delivery-note"

_WIDTH, _HEIGHT = 210.0, 297.0
_DPI = 300
_FINER = 2  # the form is drawn at this multiple of its size, then averaged
_BLANK_NAME, _TEMPLATE_NAME = "delivery-note.png", "delivery-note.yaml"
_INK, _SOFT, _LINE, _TINT = 25, 110, 150, 238  # grey levels: text, small text, boxes, bands
_CELL = (7.0, 9.0)  # width and height of a cell
_POINT = MM_PER_INCH / 72  # millimetres


@dataclass(frozen=True)
class _Row:
    """A row of cells or a box, with its label. Places are in millimetres."""

    name: str
    label: str
    hint: str
    x: float
    y: float
    count: int = 0
    box_width: float = 0.0
    settings: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Return the place in the syntax of a template."""
        width, height = _CELL
        if self.count:
            return (
                f"cells: {{x: {self.x:g}, y: {self.y:g}, width: {width:g}, height: {height:g}, "
                f"pitch: {width:g}, count: {self.count}}}"
            )
        return f"box: {{x: {self.x:g}, y: {self.y:g}, width: {self.box_width:g}, height: 11, digits: [1, 6]}}"


_ROWS = (
    _Row(
        "customer",
        "Customer number",
        "nine digits; the last one is a check digit",
        22,
        71,
        count=9,
        settings=("blank: forbidden", "rules: [{checksum: luhn}, {length: [9, 9]}]"),
    ),
    _Row(
        "delivered",
        "Date of delivery",
        "day, month, year",
        118,
        71,
        count=8,
        settings=(
            "blank: forbidden",
            'rules: [{pattern: "(0[1-9]|[12][0-9]|3[01])(0[1-9]|1[0-2])20[0-9][0-9]"}]',
        ),
    ),
    _Row(
        "quantity",
        "Number of parcels",
        "one to six digits, in one box",
        22,
        115,
        box_width=63,
        settings=("rules: [{range: [1, 999999]}]",),
    ),
    _Row(
        "order",
        "Order number",
        "six to eight digits; X in cells that are left",
        118,
        115,
        count=8,
        settings=("unused: X", "rules: [{length: [6, 8]}]"),
    ),
    _Row("goods", "Goods", "whole amount", 146, 156, count=5),
    _Row("freight", "Freight", "whole amount", 146, 172, count=5),
    _Row("deposit", "Deposit", "whole amount", 146, 188, count=5),
    _Row("total", "Total", "goods + freight + deposit", 139, 209.5, count=6),
)


@dataclass(frozen=True)
class DemoForm:
    """The paths of a blank form and its template."""

    blank: Path
    template: Path


def draw_demo_form(folder: Path) -> DemoForm:
    """Draw the blank delivery note into a folder, and write its template next to it.

    Args:
        folder: an existing folder. Files with the same names are replaced.

    Raises:
        IngestError: the folder is not writable.
    """
    form = DemoForm(folder / _BLANK_NAME, folder / _TEMPLATE_NAME)
    try:
        draw_blank().save(form.blank, dpi=(_DPI, _DPI))
        form.template.write_text(demo_template_text(), encoding="utf-8")
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        raise IngestError(
            f"cannot write the demo's form to {folder} ({reason}); choose another folder"
        ) from exc
    return form


def demo_template_text() -> str:
    """Return the template of the delivery note as YAML."""
    lines = [
        f"form: {FORM}",
        "page: A4",
        f"reference: {_BLANK_NAME}",
        "register: features",
        "fields:",
    ]
    for row in _ROWS:
        lines.append(f"  - name: {row.name}")
        lines += [f"    {line}" for line in (row.place, *row.settings)]
    lines += [
        "rules:",
        "  - sum: {of: [goods, freight, deposit], equals: total}",
        "",
    ]
    return "\n".join(lines)


def draw_blank() -> Image.Image:
    """Return the blank delivery note as a grey image of A4 at 300 pixels per inch."""
    pen = _Pen()
    _draw_head(pen)
    _draw_amounts(pen)
    for row in _ROWS:
        _draw_row(pen, row)
    _draw_foot(pen)
    return pen.finish()


class _Pen:
    """Draws on a page in millimetres and points."""

    def __init__(self) -> None:
        self._scale = _DPI * _FINER / MM_PER_INCH
        size = round(_WIDTH * self._scale), round(_HEIGHT * self._scale)
        self._image = Image.new("L", size, 255)
        self._draw = ImageDraw.Draw(self._image)

    def text(
        self, x: float, y: float, text: str, points: float, *, bold: bool = False, grey: int = _INK
    ) -> None:
        """Write a line of text. ``x`` is its left end and ``y`` its baseline."""
        font = load_lettering("Sans-Bold" if bold else "Sans", points * _POINT * self._scale)
        self._draw.text((x * self._scale, y * self._scale), text, fill=grey, font=font, anchor="ls")

    def band(self, x: float, y: float, width: float, height: float, grey: int) -> None:
        """Fill a rectangle."""
        self._draw.rectangle(self._pixels(x, y, x + width, y + height), fill=grey)

    def box(self, x: float, y: float, width: float, height: float, grey: int = _LINE) -> None:
        """Draw the outline of a rectangle, with its lines centred on the rectangle's edges."""
        for left, top, right, bottom in (
            (x, y, x + width, y),
            (x, y + height, x + width, y + height),
            (x, y, x, y + height),
            (x + width, y, x + width, y + height),
        ):
            self.line(left, top, right, bottom, 0.25, grey)

    def line(self, left: float, top: float, right: float, bottom: float, thickness: float, grey: int) -> None:
        """Draw a horizontal or vertical line."""
        half = thickness / 2
        self._draw.rectangle(self._pixels(left - half, top - half, right + half, bottom + half), fill=grey)

    def finish(self) -> Image.Image:
        """Return the page at its final size."""
        size = round(_WIDTH * _DPI / MM_PER_INCH), round(_HEIGHT * _DPI / MM_PER_INCH)
        return self._image.resize(size, Image.Resampling.BOX)

    def _pixels(self, *places: float) -> tuple[float, float, float, float]:
        left, top, right, bottom = (place * self._scale for place in places)
        return left, top, right - 1, bottom - 1  # Pillow includes the last pixel


def _draw_head(pen: _Pen) -> None:
    pen.band(14, 16, 182, 1.6, _INK)
    pen.text(14, 31, "Delivery note", 26, bold=True)
    pen.text(14, 38.5, "Please write digits only, one in each cell, in blue or black ink.", 9, grey=_SOFT)
    pen.text(152, 27, "Form 27", 9, bold=True)
    pen.text(152, 32, "one copy for each delivery", 8, grey=_SOFT)
    _draw_heading(pen, 49, "1", "Who and when")
    _draw_heading(pen, 93, "2", "What was delivered")
    _draw_heading(pen, 139, "3", "What it costs")


def _draw_heading(pen: _Pen, y: float, number: str, title: str) -> None:
    pen.band(14, y, 182, 8, _TINT)
    pen.band(14, y, 8, 8, _INK)
    pen.text(16.7, y + 5.7, number, 11, bold=True, grey=255)
    pen.text(26, y + 5.7, title, 11, bold=True)


def _draw_row(pen: _Pen, row: _Row) -> None:
    width, height = _CELL
    if row.count and row.x > 130:  # the labels of amounts are in a column to the left
        pen.text(26, row.y + 5.2, row.label, 11, bold=row.name == "total")
        pen.text(62, row.y + 5.2, row.hint, 8, grey=_SOFT)
    else:
        pen.text(row.x, row.y - 6, row.label, 10, bold=True)
        pen.text(row.x, row.y - 2, row.hint, 7.5, grey=_SOFT)
    if not row.count:
        pen.box(row.x, row.y, row.box_width, 11)
    for number in range(row.count):
        pen.box(row.x + number * width, row.y, width, height)


def _draw_amounts(pen: _Pen) -> None:
    for y in (168.5, 184.5):
        pen.line(22, y, 188, y, 0.15, 200)
    pen.line(22, 203.5, 188, 203.5, 0.5, _INK)
    pen.line(22, 224.5, 188, 224.5, 0.5, _INK)


def _draw_foot(pen: _Pen) -> None:
    for x, label in ((22, "Delivered by"), (118, "Received by")):
        pen.line(x, 256, x + 70, 256, 0.25, _INK)
        pen.text(x, 261, label, 8, grey=_SOFT)
    pen.band(14, 276, 182, 0.6, _INK)
    pen.text(
        14, 282, "Boxes left empty count as not known. Cross out nothing: take a new form.", 8, grey=_SOFT
    )
    pen.text(177.5, 282, "Page 1 of 1", 8, grey=_SOFT)
