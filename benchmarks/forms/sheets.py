"""Blank forms drawn for the form benchmarks, each with its template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from lenet_pipeline.forms import Template, read_template
from lenet_pipeline.forms.drawing.lettering import load_lettering
from lenet_pipeline.forms.page import MM_PER_INCH

PAGE_MM = (210.0, 297.0)

_DPI = 300
_LINE_MM, _LINE_GREY, _TEXT_GREY = 0.25, 120, 40
_TOP, _LABEL_MM = 18.0, 3.0
_WORDS = ("Name", "of", "the", "month", "in", "which", "all", "this", "was", "measured", "and", "by", "whom")


@dataclass(frozen=True)
class BlankField:
    """A field to draw.

    Attributes:
        name: the field's name.
        place: the place as YAML.
        boxes: left, top, width and height of each box in millimetres.
        settings: more YAML lines of the field.
    """

    name: str
    place: str
    boxes: tuple[tuple[float, float, float, float], ...]
    settings: tuple[str, ...] = ()


def cell_field(
    name: str,
    x: float,
    y: float,
    count: int,
    *,
    size: tuple[float, float] = (7, 9),
    settings: tuple[str, ...] = (),
) -> BlankField:
    """Return a field with a row of adjacent cells; lengths are in millimetres."""
    width, height = size
    place = f"x: {x:g}, y: {y:g}, width: {width:g}, height: {height:g}, pitch: {width:g}, count: {count}"
    boxes = tuple((x + number * width, y, width, height) for number in range(count))
    return BlankField(name, f"cells: {{{place}}}", boxes, settings)


def box_field(
    name: str,
    place: tuple[float, float, float, float],
    fewest: int,
    most: int,
    settings: tuple[str, ...] = (),
) -> BlankField:
    """Return a field with one box for a run of digits; ``place`` is left, top, width and height in mm."""
    x, y, width, height = place
    written = f"box: {{x: {x:g}, y: {y:g}, width: {width:g}, height: {height:g}, digits: [{fewest}, {most}]}}"
    return BlankField(name, written, (place,), settings)


def make_form(folder: Path, form: str, fields: Sequence[BlankField], rules: Sequence[str] = ()) -> Template:
    """Draw a blank A4 form and write its template into a folder; return the template as read.

    ``rules`` are the YAML lines of the rules across fields.
    """
    _draw(form, fields).save(folder / f"{form}.png", dpi=(_DPI, _DPI))
    lines = [f"form: {form}", "page: A4", f"reference: {form}.png", "fields:"]
    for field in fields:
        lines += [f"  - name: {field.name}", f"    {field.place}"]
        lines += [f"    {setting}" for setting in field.settings]
    lines += ["rules:", *(f"  - {rule}" for rule in rules)] if rules else []
    path = folder / f"{form}.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_template(path)


def _draw(form: str, fields: Sequence[BlankField]) -> Image.Image:
    """Draw a page with a heading, and each field's boxes with a label above them."""
    scale = _DPI / MM_PER_INCH
    image = Image.new("L", (round(PAGE_MM[0] * scale), round(PAGE_MM[1] * scale)), 255)
    pen = ImageDraw.Draw(image)
    pen.text((14 * scale, 6 * scale), form, fill=_TEXT_GREY, font=load_lettering("Sans-Bold", 6 * scale))
    pen.rectangle((14 * scale, 15 * scale, 196 * scale, 15.6 * scale), fill=_TEXT_GREY)
    font = load_lettering("Sans", 2.4 * scale)
    for number, field in enumerate(fields):
        left, top = field.boxes[0][:2]
        words = " ".join(_WORDS[(number * 3 + word) % len(_WORDS)] for word in range(3))
        label = f"{number + 1}. {words}"
        pen.text((left * scale, (top - _LABEL_MM) * scale), label, fill=_TEXT_GREY, font=font)
        for x, y, width, height in field.boxes:
            edges = (
                round(x * scale),
                round(y * scale),
                round((x + width) * scale),
                round((y + height) * scale),
            )
            pen.rectangle(edges, outline=_LINE_GREY, width=round(_LINE_MM * scale))
    return image


def runs_form(folder: Path, lengths: Sequence[int]) -> Template:
    """Return a form with two boxes per length: the left one allows a range, the right one that length."""
    fields = []
    longest = max(lengths)
    for row, length in enumerate(lengths):
        y, rules = _TOP + 6 + 28 * row, (f"rules: [{{length: [{length}, {length}]}}]",)
        fields.append(box_field(f"range_{length}", (14, y, 88, 11), min(lengths), longest, rules))
        fields.append(box_field(f"known_{length}", (108, y, 88, 11), length, length, rules))
    return make_form(folder, "runs-of-digits", fields)


def checksum_form(folder: Path, checksum: str = "luhn", digits: int = 9, rows: int = 16) -> Template:
    """Return a form of numbers with check digits, two per row."""
    settings = (f"rules: [{{checksum: {checksum}}}, {{length: [{digits}, {digits}]}}]",)
    fields = [
        cell_field(
            f"number_{2 * row + column + 1}", 14 + 94 * column, _TOP + 8 + 16 * row, digits, settings=settings
        )
        for row in range(rows)
        for column in (0, 1)
    ]
    return make_form(folder, f"{checksum}-numbers", fields)


def boxed_numbers_form(folder: Path, checksum: str, digits: int = 9, rows: int = 16) -> Template:
    """Return a form of numbers with check digits in boxes without dividers, two per row."""
    settings = (f"rules: [{{checksum: {checksum}}}]",)
    fields = [
        box_field(
            f"number_{2 * row + column + 1}",
            (14 + 94 * column, _TOP + 8 + 16 * row, 88, 11),
            digits,
            digits,
            settings,
        )
        for row in range(rows)
        for column in (0, 1)
    ]
    return make_form(folder, f"{checksum}-in-boxes", fields)


def sums_form(folder: Path, rows: int = 16) -> Template:
    """Return a form with two numbers and their sum in each row, in boxes without dividers."""
    names = ("first", "second", "sum")
    fields = [
        box_field(f"{name}_{row + 1}", (14 + 62 * column, _TOP + 8 + 16 * row, 58, 11), 2, 6)
        for row in range(rows)
        for column, name in enumerate(names)
    ]
    rules = [f"sum: {{of: [first_{row}, second_{row}], equals: sum_{row}}}" for row in range(1, rows + 1)]
    return make_form(folder, "sums-in-boxes", fields, rules)


def cells_form(folder: Path, cells: int) -> Template:
    """Return a form with a number of cells, eight per field."""
    fields = []
    for number in range(0, cells, 8):
        row, column = divmod(number // 8, 2)
        fields.append(cell_field(f"field_{number // 8 + 1}", 20 + 90 * column, _TOP + 8 + 16 * row, 8))
    return make_form(folder, f"cells-{cells}", fields)
