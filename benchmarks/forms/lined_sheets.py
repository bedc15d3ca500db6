"""Forms whose printed lines differ from the template or from the blank form.

Each field has lines at the places of the template, and lines that are moved, drawn in another style, or
stretched. The digits are written into the cells that are on the paper, as people do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lenet_pipeline.forms import LabelledImages, Severity, Template, read_template
from lenet_pipeline.forms.drawing.lettering import load_lettering
from lenet_pipeline.forms.filling.filled_fields import Sheet, Writer, WrittenCell
from lenet_pipeline.forms.filling.filled_pages import FilledPage
from lenet_pipeline.forms.filling.habits import Habits
from lenet_pipeline.forms.filling.scanning import move_points, scan_sheet
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey
from lenet_pipeline.forms.templates.model import Cells, Field, Rectangle

Style = Literal["solid", "dotted", "dashed", "broken", "double"]

PAGE_MM = (210.0, 297.0)
REFERENCE_DPI = 400.0
_TEXT_GREY = 40
_ROWS, _TOP_MM, _ROW_MM, _LEFTS_MM = 14, 26.0, 18.5, (16.0, 112.0)
_SIZES = (  # count, width, height and gap of a field's cells in millimetres
    (8, 7.0, 9.0, 0.0),
    (12, 5.0, 7.0, 0.0),
    (6, 8.0, 10.0, 2.5),
    (10, 6.0, 8.0, 0.0),
    (9, 6.5, 8.0, 1.5),
)
_PRINTS = ((0.25, 120), (0.15, 30), (0.4, 70), (0.3, 160), (0.2, 90))  # thickness in mm, grey level
_WORDS = ("Name", "of", "the", "month", "in", "which", "all", "this", "was", "measured", "and", "by", "whom")


@dataclass(frozen=True)
class LineKind:
    """How the lines of a form differ from the expected ones.

    Attributes:
        name: the name in the table.
        styles: the styles of lines, drawn at random for each field.
        thickness: the range of the thickness relative to the blank form's.
        moved_mm: the largest distance of each line from its place, in either direction.
        stretch: the relative difference of every column's width, with a random sign for each field.
        share: the share of fields that differ.
    """

    name: str
    styles: tuple[Style, ...] = ("solid",)
    thickness: tuple[float, float] = (1.0, 1.0)
    moved_mm: float = 0.0
    stretch: float = 0.0
    share: float = 1.0


KINDS = (
    LineKind("as expected"),
    LineKind("moved up to 0.3 mm", moved_mm=0.3),
    LineKind("moved up to 0.6 mm", moved_mm=0.6),
    LineKind("two to three times as thick", thickness=(2.0, 3.0), moved_mm=0.2),
    LineKind("dotted or dashed", ("dotted", "dashed"), moved_mm=0.2),
    LineKind("broken", ("broken",), moved_mm=0.2),
    LineKind("double", ("double",), moved_mm=0.2),
    LineKind("columns 4 % wider or narrower", stretch=0.04, share=0.35),
)


@dataclass(frozen=True)
class LinedField:
    """The lines of a field: left, top, right and bottom of its cells in mm, (n, 4), and their look."""

    cells: NDArray[np.float64]
    thickness: float
    grey: int
    style: Style = "solid"


def write_lined_form(folder: Path, name: str, fields: Sequence[LinedField]) -> Template:
    """Draw the blank form with some lines, and write the template of the usual places next to it."""
    sheet = draw_form(fields)
    Image.fromarray(sheet).save(folder / f"{name}.png", dpi=(REFERENCE_DPI, REFERENCE_DPI))
    lines = [f"form: {name}", "page: A4", f"reference: {name}.png", "fields:"]
    for number, (left, top, size) in enumerate(_places(), start=1):
        count, width, height, gap = size
        lines += [
            f"  - name: field_{number}",
            f"    cells: {{x: {left:g}, y: {top:g}, width: {width:g}, height: {height:g}, "
            f"pitch: {width + gap:g}, count: {count}}}",
        ]
    path = folder / f"{name}.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_template(path)


def usual_fields() -> list[LinedField]:
    """Return the lines that the template expects."""
    fields = []
    for number, (left, top, (count, width, height, gap)) in enumerate(_places()):
        lefts = left + np.arange(count) * (width + gap)
        cells = np.column_stack([lefts, np.full(count, top), lefts + width, np.full(count, top + height)])
        fields.append(LinedField(cells, *_PRINTS[number // 2 % len(_PRINTS)]))
    return fields


def change_lines(fields: Sequence[LinedField], kind: LineKind, rng: np.random.Generator) -> list[LinedField]:
    """Return fields whose lines differ as a kind says."""
    changed = []
    for field in fields:
        if rng.random() >= kind.share:
            changed.append(field)
            continue
        cells = field.cells.copy()
        middle = (cells[0, 0] + cells[-1, 2]) / 2
        scale = 1 + kind.stretch * (1 if rng.random() < 0.5 else -1)
        cells[:, [0, 2]] = middle + (cells[:, [0, 2]] - middle) * scale
        edges = np.concatenate([cells[:, 0], cells[:, 2]])
        # Neighbours share a line, which moves as a whole.
        _, shared = np.unique(np.round(edges, 3), return_inverse=True)
        edges = edges + rng.uniform(-kind.moved_mm, kind.moved_mm, shared.max() + 1)[shared]
        cells[:, 0], cells[:, 2] = np.split(edges, 2)
        cells[:, 1] += rng.uniform(-kind.moved_mm, kind.moved_mm)
        cells[:, 3] += rng.uniform(-kind.moved_mm, kind.moved_mm)
        style = kind.styles[int(rng.integers(len(kind.styles)))]
        thickness = field.thickness * rng.uniform(*kind.thickness)
        changed.append(LinedField(cells, thickness, field.grey, style))
    return changed


def fill_lined_form(
    template: Template,
    fields: Sequence[LinedField],
    digits: LabelledImages,
    severity: Severity,
    rng: np.random.Generator,
    habits: Habits | None = None,
    paper: Grey | None = None,
) -> FilledPage:
    """Write digits into half of the cells that are on the paper, and scan the page.

    ``paper`` is the paper that the form is printed on, of the shape of ``draw_form``; white by default.
    """
    habits = habits or Habits()
    drawn = draw_form(fields, rng)
    if paper is not None:
        drawn = np.asarray(cv2.multiply(drawn, paper, scale=1 / 255), dtype=np.uint8)
    sheet = Sheet(drawn, REFERENCE_DPI)
    writer = Writer(sheet, digits, habits, rng)
    truth, written = {}, list[WrittenCell]()
    for field, lines in zip(template.fields, fields, strict=True):
        value = "".join(rng.choice(list("0123456789"), int(rng.integers(0, len(lines.cells) + 1))))
        truth[field.name] = value
        start = int(rng.integers(0, len(lines.cells) - len(value) + 1))
        cells = range(start, start + len(value))
        for position, (left, top, right, bottom) in enumerate(lines.cells.tolist()):
            place = Cells(Rectangle(left, top, right - left, bottom - top), 1, right - left)
            digit = value[position - start] if position in cells else ""
            (cell,) = writer.write_field(Field(field.name, place), digit)
            written.append(
                WrittenCell(field.name, position, cell.state, cell.label, cell.image, cell.corners)
            )
    scan = scan_sheet(sheet.image, sheet.dpi, severity, rng, size_mm=PAGE_MM)
    to_scan = scan.homography @ np.diag([ALIGNED_DPI / sheet.dpi, ALIGNED_DPI / sheet.dpi, 1.0])
    moved = tuple(
        WrittenCell(
            one.field, one.position, one.state, one.label, one.image, move_points(to_scan, one.corners)
        )
        for one in written
    )
    return FilledPage(
        scan.image,
        severity.dpi,
        truth,
        moved,
        scan.homography,
        scan.rotation,
        scan.content or b"",
        choices={},
        options=(),
    )


def draw_form(fields: Sequence[LinedField], rng: np.random.Generator | None = None) -> Grey:
    """Draw the form with some lines, uint8 (height, width). ``rng`` draws the gaps of broken lines."""
    rng = rng or np.random.default_rng(0)
    sheet = _draw_words()
    for field in fields:
        for is_vertical, across, start, stop in _field_lines(field.cells):
            _draw_line(sheet, field, rng, is_vertical=is_vertical, across=across, ends=(start, stop))
    return sheet


def _field_lines(cells: NDArray[np.float64]) -> list[tuple[bool, float, float, float]]:
    lines = set()
    for left, top, right, bottom in np.round(cells, 4).tolist():
        lines |= {(True, left, top, bottom), (True, right, top, bottom)}
        lines |= {(False, top, left, right), (False, bottom, left, right)}
    return sorted(lines)


def _draw_line(
    sheet: Grey,
    field: LinedField,
    rng: np.random.Generator,
    *,
    is_vertical: bool,
    across: float,
    ends: tuple[float, float],
) -> None:
    """Draw a line in a field's style; lengths are in millimetres."""
    half = field.thickness / 2
    start, stop = ends[0] - half, ends[1] + half
    pieces = [(start, stop)]
    offsets = [0.0]
    if field.style in ("dotted", "dashed"):
        inked, pitch = (0.3, 0.65) if field.style == "dotted" else (1.0, 1.6)
        pieces = [(at, at + inked) for at in np.arange(start, stop, pitch)]
    elif field.style == "broken":
        gaps = np.sort(rng.uniform(start, stop, 3))
        bounds = [start, *(edge for gap in gaps for edge in (gap, gap + rng.uniform(0.3, 1.2))), stop]
        pieces = list(zip(bounds[::2], bounds[1::2], strict=True))
    elif field.style == "double":
        offset = float(rng.uniform(0.12, 0.25)) + half
        offsets = [-offset, offset]
    picture = sheet if is_vertical else sheet.T
    for offset in offsets:
        first, last = _pixels(across + offset - half, across + offset + half)
        for begin, end in pieces:
            above, below = _pixels(begin, min(end, stop))
            zone = picture[above:below, first:last]
            np.minimum(zone, field.grey, out=zone)


def _pixels(*places: float) -> list[int]:
    return [max(0, round(place * REFERENCE_DPI / MM_PER_INCH)) for place in places]


def _places() -> list[tuple[float, float, tuple[int, float, float, float]]]:
    """Return the left and top edge of each field, and the size of its cells."""
    return [
        (left, _TOP_MM + _ROW_MM * row, _SIZES[(row * 2 + column) % len(_SIZES)])
        for row in range(_ROWS)
        for column, left in enumerate(_LEFTS_MM)
    ]


def _draw_words() -> Grey:
    """Draw the heading and the labels of the fields."""
    scale = REFERENCE_DPI / MM_PER_INCH
    image = Image.new("L", (round(PAGE_MM[0] * scale), round(PAGE_MM[1] * scale)), 255)
    pen = ImageDraw.Draw(image)
    heading = load_lettering("Sans-Bold", 6 * scale)
    pen.text((14 * scale, 6 * scale), "Lines of all kinds", fill=_TEXT_GREY, font=heading)
    pen.rectangle((14 * scale, 15 * scale, 196 * scale, 15.6 * scale), fill=_TEXT_GREY)
    font = load_lettering("Sans", 2.4 * scale)
    for number, (left, top, _) in enumerate(_places()):
        words = " ".join(_WORDS[(number * 3 + word) % len(_WORDS)] for word in range(4))
        label = f"{number + 1}. {words}"
        pen.text((left * scale, (top - 4.2) * scale), label, fill=_TEXT_GREY, font=font)
    return np.array(image)
