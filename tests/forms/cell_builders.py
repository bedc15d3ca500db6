"""Draw small forms for the tests of cells, ink, cutting and reading."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH
from lenet_pipeline.forms.templates.model import Cells, Field, Rectangle, Template, UnusedMark, WritingBox

Grey = NDArray[np.uint8]
Points = Sequence[tuple[float, float]]

PX_PER_MM = ALIGNED_DPI / MM_PER_INCH
WIDTH, HEIGHT = 640, 240  # pixels of an aligned page
LEFT, TOP, SIDE, TALL, COLUMNS = 60, 80, 56, 72, 8  # of its row of cells

# Strokes of digits on a unit square, as lines from point to point (x, y).
STROKES: dict[int, list[Points]] = {
    0: [[(0.5, 0), (0.2, 0.2), (0.15, 0.6), (0.4, 1), (0.7, 0.9), (0.85, 0.4), (0.5, 0)]],
    1: [[(0.6, 0), (0.4, 1)]],
    2: [[(0.2, 0.2), (0.5, 0), (0.8, 0.25), (0.2, 1), (0.85, 0.95)]],
    4: [[(0.3, 0), (0.1, 0.6), (0.9, 0.55)], [(0.75, 0.1), (0.7, 1)]],
    5: [[(0.3, 0.05), (0.25, 0.45), (0.7, 0.5), (0.75, 0.85), (0.2, 1)], [(0.3, 0.05), (0.85, 0)]],
    7: [[(0.1, 0.05), (0.9, 0), (0.45, 1)]],
    8: [[(0.5, 0), (0.25, 0.2), (0.75, 0.75), (0.5, 1), (0.25, 0.75), (0.75, 0.2), (0.5, 0)]],
}
CROSS: list[Points] = [[(0, 0), (1, 1)], [(0.05, 1), (0.95, 0)]]
DASH: list[Points] = [[(0, 0.5), (1, 0.45)]]


def row_of_cells(name: str = "number", mark: UnusedMark | None = None) -> Field:
    """Return a field of eight cells in a row."""
    first = Rectangle(*(side / PX_PER_MM for side in (LEFT, TOP, SIDE, TALL)))
    return Field(name, Cells(first, COLUMNS, SIDE / PX_PER_MM), unused_mark=mark)


def one_box(fewest: int = 1, most: int = 8) -> Field:
    """Return a field of one box as large as the row of cells."""
    place = Rectangle(*(side / PX_PER_MM for side in (LEFT, TOP, SIDE * COLUMNS, TALL)))
    return Field("amount", WritingBox(place, fewest, most))


def template_of(*fields: Field) -> Template:
    """Return a template of one small page."""
    return Template(
        form="drawn",
        width=WIDTH / PX_PER_MM,
        height=HEIGHT / PX_PER_MM,
        fields=fields,
        alignment="scale",
        max_residual_px=3.0,
        fingerprint="0" * 64,
        text="",
    )


def blank_form(
    *, line: int = 110, thickness: int = 2, shift: tuple[int, int] = (0, 0), dividers: bool = True
) -> Grey:
    """Draw the row of cells, or its outline alone, on white paper."""
    page = np.full((HEIGHT, WIDTH), 255, np.uint8)
    x, y = LEFT + shift[0], TOP + shift[1]
    for column in range(COLUMNS if dividers else 1):
        right = x + (column + 1) * SIDE if dividers else x + COLUMNS * SIDE
        start = x + column * SIDE
        cv2.rectangle(page, (start, y), (right, y + TALL), (line,), thickness)
    return page


def write(
    page: Grey,
    strokes: Iterable[Points],
    place: tuple[float, float, float, float],
    *,
    pen: int = 30,
    thickness: int = 4,
) -> None:
    """Draw strokes into a rectangle (left, top, right, bottom) of a page, in place."""
    left, top, right, bottom = place
    for stroke in strokes:
        points = [[round(left + x * (right - left)), round(top + y * (bottom - top))] for x, y in stroke]
        cv2.polylines(page, [np.array(points, np.int32)], False, (pen,), thickness, cv2.LINE_AA)


def in_cell(column: int, *, x: float = 0.0, y: float = 0.0) -> tuple[float, float, float, float]:
    """Return where a digit goes in a cell, moved by so many pixels."""
    left, top = LEFT + column * SIDE + 14 + x, TOP + 14 + y
    return left, top, left + SIDE - 28, top + TALL - 28


def scanned(page: Grey, *, noise: float = 8.0, seed: int = 0) -> Grey:
    """Return a page as a scanner sees it: blurred and grainy."""
    blurred = cv2.GaussianBlur(page, (0, 0), 0.7).astype(np.float64) * (242 / 255)
    grain = np.random.default_rng(seed).normal(0, noise, page.shape)
    return np.clip(np.rint(blurred + grain), 0, 255).astype(np.uint8)
