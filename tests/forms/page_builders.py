"""Draw forms for tests, and scan them with known alignments."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.aligned_pages import AlignedPage
from lenet_pipeline.forms.alignment.homographies import map_points
from lenet_pipeline.forms.alignment.warps import map_to_scan
from lenet_pipeline.forms.filling.scanning import Scan, scan_sheet
from lenet_pipeline.forms.filling.severities import Severity
from lenet_pipeline.forms.page import MM_PER_INCH, Grey, Page
from lenet_pipeline.forms.templates.model import (
    AlignmentMethod,
    Cells,
    Field,
    Rectangle,
    Reference,
    Template,
    WritingBox,
)
from lenet_pipeline.forms.templates.references import render_reference

A4 = (210.0, 297.0)
DRAWN_DPI = 300
SHEET_DPI = 300
LETTERS = "abcdefghijklmnopqrstuvwxyz     "

MEDIUM = Severity(
    skew_degrees=2,
    scale=0.02,
    shift_mm=2,
    blur_px=0.7,
    shade=15,
    paper=242,
    noise=8,
    jpeg_quality=60,
    rotations=(0, 90, 180, 270),
)
HEAVY = Severity(
    dpi=100,
    skew_degrees=5,
    scale=0.05,
    shift_mm=4,
    blur_px=0.7,
    shade=45,
    paper=225,
    contrast=0.7,
    noise=20,
    speckle=6,
    jpeg_quality=60,
    rotations=(0, 90, 180, 270),
    dark_bed=0.5,
)


def make_template(
    form: str,
    reference: Path | None,
    fields: Sequence[Field] = (),
    *,
    size: tuple[float, float] = A4,
    method: AlignmentMethod = "features",
    page: int = 1,
) -> Template:
    """Return a template with a blank form; ``size`` is width and height in millimetres."""
    named = Reference(reference, page) if reference else None
    fingerprint = hashlib.sha256(f"{form} {reference}".encode()).hexdigest()
    return Template(form, *size, tuple(fields), method, 3.0, fingerprint, "", named)


def cells_at(name: str, x: float, y: float, count: int, side: float = 7.0, rows: int = 1) -> Field:
    """Return a field of square cells, in millimetres."""
    return Field(name, Cells(Rectangle(x, y, side, side), count, side, rows, side))


def draw_letter(path: Path, *, seed: int, fields: Sequence[Field], marks: str = "") -> Path:
    """Draw a form of A4 with paragraphs of nonsense and boxes, and save it as PNG."""
    rng = np.random.default_rng(seed)
    page = _paper()
    for line in range(16):
        words = "".join(rng.choice(list(LETTERS), 44))
        write_text(page, words, 22, 30 + 8 * line + 60 * (line > 6))
    if marks:
        write_text(page, marks, 150, 20)
    draw_fields(page, fields, level=0)
    return _save(page, path)


def draw_grid(path: Path, fields: Sequence[Field], *, discs: bool = True) -> Path:
    """Draw a form of A4 with nothing but equal pale boxes and discs near its corners, and save it as PNG."""
    page = _paper()
    draw_fields(page, fields, level=170)
    for x, y in ((15, 15), (195, 15), (195, 282), (15, 282)) if discs else ():
        cv2.circle(page, _point(x, y), _length(4), 0, -1, cv2.LINE_AA)
    return _save(page, path)


def draw_rows(path: Path, fields: Sequence[Field], *, labels: bool = True) -> Path:
    """Draw a form of A4 with a title and alike cells, a number above every row, and save it as PNG."""
    page = _paper()
    write_text(page, "Numbers", 20, 20)
    draw_fields(page, fields, level=110)
    for field in fields if labels else ():
        for number, place in enumerate(_places(field)):
            if number % 8 == 0:
                write_text(page, f"{field.name} {number // 8 + 1}", place.x, place.y - 1.5, size=0.7)
    return _save(page, path)


def scribble(sheet: Grey, fields: Sequence[Field], rng: np.random.Generator, *, share: float = 0.8) -> None:
    """Draw strokes like writing into a share of all cells, in place."""
    for field in fields:
        for place in _places(field):
            if rng.random() > share:
                continue
            left, top, right, bottom = place.pixels(SHEET_DPI)
            points = rng.uniform((left, top), (right, bottom), (4, 2)).round().astype(np.int32)
            width = round(rng.uniform(0.3, 0.6) / MM_PER_INCH * SHEET_DPI)
            cv2.polylines(sheet, [points], False, int(rng.integers(0, 90)), width, cv2.LINE_AA)


def lay_sheet(template: Template) -> Grey:
    """Return the blank form as a sharp sheet at ``SHEET_DPI``."""
    sheet = render_reference(template, SHEET_DPI)
    assert sheet is not None
    return sheet


def scan_filled(sheet: Grey, template: Template, severity: Severity, *seed: int) -> Scan:
    """Return a scan of the sheet, written on and badly laid."""
    rng = np.random.default_rng(seed)
    filled = sheet.copy()
    scribble(filled, template.fields, rng)
    return scan_sheet(filled, SHEET_DPI, severity, rng)


def as_page(image: Grey, number: int = 1) -> Page:
    """Return a picture as a page of unknown resolution."""
    return Page(number, image, None, "0" * 64)


def cell_errors(found: AlignedPage, scan: Scan) -> NDArray[np.float64]:
    """Return how far every corner of every cell is from its place, in pixels of the aligned page."""
    edges = np.array([place.pixels() for field in found.prepared.template.fields for place in _places(field)])
    corners = np.concatenate([edges[:, :2], edges[:, 2:], edges[:, [0, 3]], edges[:, [2, 1]]])
    back = np.linalg.inv(scan.homography)
    ours = map_points(back, map_to_scan(found.to_scan, found.warp, corners))
    return np.asarray(np.hypot(*(ours - map_points(back, scan.locate(corners))).T), dtype=np.float64)


def _places(field: Field) -> tuple[Rectangle, ...]:
    if isinstance(field.place, WritingBox):
        return (field.place.place,)
    return field.place.rectangles()


def _paper() -> Grey:
    width, height = (_length(side) for side in A4)
    return np.full((height, width), 255, np.uint8)


def _length(millimetres: float) -> int:
    return round(millimetres / MM_PER_INCH * DRAWN_DPI)


def _point(x: float, y: float) -> tuple[int, int]:
    return _length(x), _length(y)


def write_text(page: Grey, text: str, x: float, y: float, size: float = 1.3) -> None:
    """Write text with its baseline at a place in millimetres, in place."""
    cv2.putText(page, text, _point(x, y), cv2.FONT_HERSHEY_COMPLEX, size, 0, 2, cv2.LINE_AA)


def draw_fields(page: Grey, fields: Sequence[Field], level: int) -> None:
    """Draw the outline of every cell, in place."""
    for field in fields:
        for place in _places(field):
            start, end = _point(place.x, place.y), _point(place.x + place.width, place.y + place.height)
            cv2.rectangle(page, start, end, level, 3, cv2.LINE_AA)


def _save(page: Grey, path: Path) -> Path:
    assert cv2.imwrite(str(path), page)
    return path
