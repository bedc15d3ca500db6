"""The forms of a simulated year: meter cards of ten fields with four digits each, written and scanned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from time import struct_time

import numpy as np
from PIL import Image, ImageDraw

from lenet_pipeline.forms import Severity, Template
from lenet_pipeline.forms.drawing.lettering import load_lettering
from lenet_pipeline.forms.filling.filled_fields import Sheet
from lenet_pipeline.forms.filling.filled_pages import render_blank_sheet
from lenet_pipeline.forms.filling.handwriting import apply_ink, render_strokes
from lenet_pipeline.forms.filling.scanning import encode_scan, scan_sheet
from lenet_pipeline.forms.page import MM_PER_INCH, Grey
from lenet_pipeline.forms.templates.model import Cells
from lenet_pipeline.ingest import WrittenDigit

FIELDS, CELLS = 10, 4
DIGITS_PER_PAGE = FIELDS * CELLS

_WIDTH, _HEIGHT, _DPI = 148.0, 105.0, 300
_CELL_WIDTH, _CELL_HEIGHT = 8.0, 10.0
_COLUMNS, _ROWS = (20.0, 94.0), tuple(18.0 + 15 * row for row in range(5))
_PEN_PX = (2.0, 4.0)  # the thickness of a pen in pixels at 200 dpi
_PEN_GREY = (20.0, 90.0)
_SIZE = (0.6, 0.85)  # the height of a digit in heights of its cell
# Without grain, which would take most of the time to draw and to compress.
_SCAN = Severity(skew_degrees=0.6, scale=0.004, shift_mm=0.8, blur_px=0.6, shade=6, paper=246)
_EPOCH = struct_time(
    (2026, 1, 1, 0, 0, 0, 3, 1, 0)
)  # in every PDF, so that its bytes do not depend on the clock

Place = tuple[str, int, str, int]  # file name, page from 1, field, position from 0


@dataclass(frozen=True)
class ScannedFile:
    """A scan as a scanner saves it: its name, its bytes, and the digit in every cell."""

    name: str
    content: bytes
    truth: dict[Place, int]


def write_form(folder: Path) -> Path:
    """Draw the blank form into a folder, write its template, and return the template's path."""
    folder.mkdir(parents=True, exist_ok=True)
    _draw_blank().save(folder / "meter-card.png", dpi=(_DPI, _DPI))
    lines = [
        "form: meter-card",
        f"page: {{width: {_WIDTH:g}, height: {_HEIGHT:g}}}",
        "reference: meter-card.png",
        "register: features",
        "fields:",
    ]
    for name, x, y in _places():
        lines += [
            f"  - name: {name}",
            f"    cells: {{x: {x:g}, y: {y:g}, width: {_CELL_WIDTH:g}, height: {_CELL_HEIGHT:g}, "
            f"pitch: {_CELL_WIDTH:g}, count: {CELLS}}}",
            "    blank: forbidden",
        ]
    template = folder / "meter-card.yaml"
    template.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return template


def scan_files(
    template: Template, digits: Sequence[WrittenDigit], name: str, seed: Sequence[int]
) -> Iterator[ScannedFile]:
    """Write digits on cards and scan them. The last two cards are the pages of one PDF, the others PNG files.

    Args:
        template: of the form.
        digits: a multiple of ``DIGITS_PER_PAGE``, in the order of pages, fields and cells.
        name: the beginning of the file names.
        seed: determines the pens, the sizes and the scanner.
    """
    blank = render_blank_sheet(template, _SCAN.dpi)
    cards = [digits[start : start + DIGITS_PER_PAGE] for start in range(0, len(digits), DIGITS_PER_PAGE)]
    single = max(len(cards) - 2, 1)
    for number, written in enumerate(cards[:single], start=1):
        image, truth = _scan_card(template, blank, written, [*seed, number])
        file = f"{name}-{number:02}.png"
        yield ScannedFile(
            file, encode_scan(image, _SCAN.dpi), {(file, 1, *place): d for place, d in truth.items()}
        )
    if len(cards) > single:
        file = f"{name}-rest.pdf"
        scans = [
            _scan_card(template, blank, written, [*seed, number])
            for number, written in enumerate(cards[single:], start=single + 1)
        ]
        placed = {
            (file, page, *place): digit
            for page, (_, digits_written) in enumerate(scans, start=1)
            for place, digit in digits_written.items()
        }
        yield ScannedFile(file, _encode_pdf([image for image, _ in scans]), placed)


def _scan_card(
    template: Template, blank: Sheet, digits: Sequence[WrittenDigit], seed: Sequence[int]
) -> tuple[Grey, dict[tuple[str, int], int]]:
    """Fill one card and scan it. Return the scan, and the digit in each cell by field and position."""
    rng = np.random.default_rng(seed)
    sheet = Sheet(blank.image.copy(), blank.dpi)
    truth = {}
    pending = iter(digits)
    for field in template.fields:
        assert isinstance(field.place, Cells)  # noqa: S101 - narrows: write_form has cells only
        for position, rectangle in enumerate(field.place.rectangles()):
            digit = next(pending)
            _write_digit(sheet, digit, rectangle.pixels(sheet.dpi), rng)
            truth[field.name, position] = digit.label
    scan = scan_sheet(sheet.image, sheet.dpi, _SCAN, rng, size_mm=(template.width, template.height))
    return scan.image, truth


def _write_digit(
    sheet: Sheet, digit: WrittenDigit, box: tuple[float, float, float, float], rng: np.random.Generator
) -> None:
    """Write a digit near the middle of a cell with its own pen."""
    left, top, right, bottom = box
    points = np.concatenate(digit.strokes)
    corner, span = points.min(axis=0), np.ptp(points, axis=0)
    height, widest = rng.uniform(*_SIZE) * (bottom - top), 0.8 * (right - left)
    scale = min(height / max(span[1], 1e-9), widest / max(span[0], 1e-9))
    thickness = rng.uniform(*_PEN_PX) * sheet.dpi / 200
    ink, (x, y) = render_strokes([(stroke - corner) * scale for stroke in digit.strokes], thickness)
    room = np.maximum([right - left, bottom - top] - span * scale, 0)
    offset = room / 2 + rng.uniform(-0.15, 0.15, 2) * room
    place = np.rint([left + offset[0] + x, top + offset[1] + y]).astype(int)
    apply_ink(sheet.image, ink, int(place[0]), int(place[1]), rng.uniform(*_PEN_GREY))


def write_tile(digit: WrittenDigit, rng: np.random.Generator) -> Grey:
    """Write a digit on a piece of paper of the size of a cell, and scan it."""
    dpi = 2 * _SCAN.dpi
    width, height = (round(side * dpi / MM_PER_INCH) for side in (_CELL_WIDTH, _CELL_HEIGHT))
    sheet = Sheet(np.full((height, width), 255, np.uint8), dpi)
    _write_digit(sheet, digit, (0, 0, width, height), rng)
    return scan_sheet(sheet.image, dpi, replace(_SCAN, shift_mm=0.0), rng).image


def _encode_pdf(images: Sequence[Grey]) -> bytes:
    file = BytesIO()
    first, *others = [Image.fromarray(image) for image in images]
    first.save(
        file,
        "PDF",
        save_all=True,
        append_images=others,
        resolution=float(_SCAN.dpi),
        creationDate=_EPOCH,
        modDate=_EPOCH,
    )
    return file.getvalue()


def _places() -> list[tuple[str, float, float]]:
    """Return the name of every field and the corner of its first cell in millimetres."""
    return [
        (f"meter_{number + 1:02}", _COLUMNS[number // len(_ROWS)], _ROWS[number % len(_ROWS)])
        for number in range(FIELDS)
    ]


def _draw_blank() -> Image.Image:
    """Draw the blank card: a title, and for each field a label and its boxes."""
    scale = _DPI / MM_PER_INCH
    image = Image.new("L", (round(_WIDTH * scale), round(_HEIGHT * scale)), 255)
    draw = ImageDraw.Draw(image)
    title, label = load_lettering("Sans-Bold", 5 * scale), load_lettering("Sans", 2.6 * scale)
    draw.text((8 * scale, 11 * scale), "Meter card", fill=25, font=title, anchor="ls")
    draw.text((84 * scale, 11 * scale), "Form 16, one digit per box", fill=60, font=label, anchor="ls")
    draw.rectangle([8 * scale, 13 * scale, 140 * scale, 13.6 * scale], fill=25)
    for name, x, y in _places():
        draw.text(((x - 12) * scale, (y + 6.5) * scale), f"No. {name[-2:]}", fill=60, font=label, anchor="ls")
        for cell in range(CELLS):
            left = x + cell * _CELL_WIDTH
            box = [left * scale, y * scale, (left + _CELL_WIDTH) * scale, (y + _CELL_HEIGHT) * scale]
            draw.rectangle(box, outline=140, width=3)
    draw.rectangle([8 * scale, 96 * scale, 140 * scale, 96.4 * scale], fill=25)
    draw.text((8 * scale, 100 * scale), "Read each meter once a year.", fill=60, font=label, anchor="ls")
    return image
