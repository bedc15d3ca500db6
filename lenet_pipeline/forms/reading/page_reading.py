"""Reading: a aligned page's cells as digits, marks and blanks, each with its picture and its place."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey
from lenet_pipeline.forms.reading.cells import (
    SEARCHED_PX,
    ExpectedEdges,
    Places,
    expect_edges,
    refine_cells,
    template_places,
)
from lenet_pipeline.forms.reading.cutting import cut_run
from lenet_pipeline.forms.reading.ink import Floats, measure_darkness, remove_print
from lenet_pipeline.forms.reading.marks import is_mark
from lenet_pipeline.forms.reading.writing import (
    Digit,
    Sheet,
    Strokes,
    cut_digits,
    find_strokes,
    measure_sheet,
)
from lenet_pipeline.forms.templates.model import Field, Template, WritingBox
from lenet_pipeline.ingest import Box
from lenet_pipeline.schema import DARK_ON_BRIGHT

State = Literal["blank", "digit", "mark"]

_MARGIN_PX = SEARCHED_PX + 12  # around a field: all the search sees, and strokes that stick out
_LONGEST_STROKE = 1.5  # sides of a cell; heights of a box without dividers
_PICTURE_MARGIN_MM = 2.0
_PICTURE_QUALITY = 80
_MOST_PICTURE_PX = 1200  # a field's picture is no larger: enough to read by


@dataclass(frozen=True)
class CellReading:
    """One cell of one page, or one digit of a box without dividers.

    ``image`` is uint8 (28, 28), ink bright on dark, normalised as in training; None where ``state`` is
    ``blank``. ``ink`` is its amount in square millimetres of full ink. ``box`` is the cell where the
    aligned page has it, or the digit within a box, ``source_box`` the same in the original scan.
    """

    field: str
    position: int
    state: State
    image: NDArray[np.uint8] | None
    ink: float
    box: Box
    source_box: Box
    polarity: str = DARK_ON_BRIGHT


@dataclass(frozen=True)
class _PreparedField:
    """A field and what all pages of its form share.

    ``rows`` and ``columns`` are those of the aligned page around the field, ``corner`` their start as
    (x, y, x, y); the others are in pixels of that piece: ``blank`` the darkness of the blank form,
    ``expected`` its edges, and ``places`` where those put the cells.
    """

    field: Field
    rows: slice
    columns: slice
    corner: NDArray[np.float64]
    blank: Floats | None
    expected: tuple[ExpectedEdges, ExpectedEdges]
    places: Places


_PREPARED: deque[tuple[Grey | None, Template, tuple[_PreparedField, ...]]] = deque(maxlen=8)


def read_cells(
    registered: Grey, reference: Grey | None, template: Template, to_scan: NDArray[np.float64]
) -> list[CellReading]:
    """Read every cell of every field of a aligned page, in order.

    A box without dividers gives one reading for each digit found in it, and none where it is blank.

    Args:
        registered: (height, width), at ``ALIGNED_DPI``.
        reference: the blank form at the same size, or None.
        template: the form's.
        to_scan: homography from the aligned page's pixels to the original scan's.
    """
    fields = _prepare_fields(reference, template)
    sheets = [_clear_field(registered, field) for field in fields]
    written = [sheet.usual for sheet in sheets if sheet.usual is not None]
    usual = float(np.median(written)) if written else 0.0
    return [
        reading
        for field, sheet in zip(fields, sheets, strict=True)
        for reading in _read_field(field, find_strokes(sheet, usual), sheet.places, to_scan)
    ]


def field_picture(registered: Grey, field: Field, template: Template) -> bytes:
    """Return a field with a little margin around it as a small JPEG."""
    margin = _PICTURE_MARGIN_MM * ALIGNED_DPI / MM_PER_INCH
    height, width = template.aligned_size
    page = registered[:height, :width]
    rows, columns = _around(template_places(field), margin, page.shape)
    picture = page[rows, columns]
    largest = max(picture.shape)
    if largest > _MOST_PICTURE_PX:
        scale = _MOST_PICTURE_PX / largest
        smaller = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        picture = np.asarray(smaller, dtype=np.uint8)
    # For people to look at: a PNG of a scan's grain would be six times as large, most of a page's rows.
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _PICTURE_QUALITY])
    return encoded.tobytes()


def _prepare_fields(reference: Grey | None, template: Template) -> tuple[_PreparedField, ...]:
    """Find what all pages of a template share; kept for its next pages, at half of a page's time."""
    for known, form, fields in _PREPARED:
        if known is reference and form is template:
            return fields
    fields = tuple(_prepare_field(reference, field, template.aligned_size) for field in template.fields)
    _PREPARED.append((reference, template, fields))
    return fields


def _prepare_field(reference: Grey | None, field: Field, shape: tuple[int, int]) -> _PreparedField:
    places = template_places(field)
    rows, columns = _around(places, _MARGIN_PX, shape)
    corner = np.array([columns.start, rows.start] * 2, dtype=np.float64)
    blank = None if reference is None else measure_darkness(reference[rows, columns])
    expected = expect_edges(blank, places - corner)
    own = np.column_stack([side for edges in expected for side in np.split(edges.across, 2)])[:, [0, 2, 1, 3]]
    return _PreparedField(field, rows, columns, corner, blank, expected, own)


def _clear_field(registered: Grey, prepared: _PreparedField) -> Sheet:
    """Find a field's cells on the page and remove the form's own print from it."""
    darkness = measure_darkness(registered[prepared.rows, prepared.columns])
    refined = refine_cells(darkness, prepared.expected)
    blank = prepared.blank
    if blank is not None:
        blank = _align(blank, prepared.places, refined.places)
    sides = np.median(refined.places[:, 2:] - refined.places[:, :2], axis=0)
    is_box = isinstance(prepared.field.place, WritingBox)
    longest = round(_LONGEST_STROKE * float(sides[1] if is_box else sides.max()))
    return measure_sheet(remove_print(darkness, refined.lines, blank, longest), refined.places)


def _read_field(
    prepared: _PreparedField, strokes: Strokes, places: Places, to_scan: NDArray[np.float64]
) -> list[CellReading]:
    field, corner = prepared.field, prepared.corner
    if isinstance(field.place, WritingBox):
        return _read_box(strokes, field, field.place, corner, to_scan)
    digits = cut_digits(strokes, strokes.cells, strokes.palest)
    boxes = _whole_boxes(places + corner)
    scanned = locate_in_scan(boxes, to_scan)
    return [
        _reading(field, position, digit, box, source_box)
        for position, (digit, box, source_box) in enumerate(zip(digits, boxes, scanned, strict=True))
    ]


def _read_box(
    strokes: Strokes, field: Field, box: WritingBox, corner: NDArray[np.float64], to_scan: NDArray[np.float64]
) -> list[CellReading]:
    labels, count = cut_run(strokes.cells > 0, strokes.soft, box.fewest, box.most)
    found = cut_digits(strokes, labels, np.repeat(strokes.palest, count))
    digits = [digit for digit in found if digit is not None]
    places = [
        (digit.left, digit.top, digit.left + digit.mask.shape[1], digit.top + digit.mask.shape[0])
        for digit in digits
    ]
    boxes = _whole_boxes(np.array(places, dtype=np.float64).reshape(-1, 4) + corner)
    scanned = locate_in_scan(boxes, to_scan)
    return [
        _reading(field, position, digit, box, source_box)
        for position, (digit, box, source_box) in enumerate(zip(digits, boxes, scanned, strict=True))
    ]


def _reading(field: Field, position: int, digit: Digit | None, box: Box, source_box: Box) -> CellReading:
    if digit is None:
        return CellReading(field.name, position, "blank", None, 0.0, box, source_box)
    marked = field.unused_mark is not None and is_mark(digit.mask, field.unused_mark)
    state: State = "mark" if marked else "digit"
    return CellReading(field.name, position, state, digit.image, digit.ink, box, source_box)


def _around(places: Places, margin: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the rows and columns of a page that hold some places and a margin around them."""
    left, top = np.floor(places[:, :2].min(axis=0) - margin).astype(int)
    right, bottom = np.ceil(places[:, 2:].max(axis=0) + margin).astype(int)
    return (
        slice(max(0, int(top)), min(shape[0], int(bottom))),
        slice(max(0, int(left)), min(shape[1], int(right))),
    )


def _align(reference: Floats, expected: Places, found: Places) -> Floats:
    """Move the blank form's darkness to where the page has its cells: a shift and a scale on each axis."""
    matrix = np.zeros((2, 3))
    for axis in (0, 1):
        before = expected[:, [axis, axis + 2]].ravel()
        behind = found[:, [axis, axis + 2]].ravel()
        middle = before.mean()
        spread = ((before - middle) ** 2).sum()
        scale = 1 + ((before - middle) * (behind - before)).sum() / spread
        matrix[axis, axis] = scale
        matrix[axis, 2] = behind.mean() - scale * middle
    height, width = reference.shape
    moved = cv2.warpAffine(reference, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.float32)


def _whole_boxes(places: Places) -> list[Box]:
    corners = np.rint(places).astype(int).tolist()
    return [Box(left, top, right - left, bottom - top) for left, top, right, bottom in corners]


def locate_in_scan(boxes: list[Box], to_scan: NDArray[np.float64]) -> list[Box]:
    """Return the upright rectangles in the original scan that hold boxes of the aligned page."""
    if not boxes:
        return []
    corners = np.array(
        [
            [
                (box.x + right * box.width, box.y + bottom * box.height)
                for right in (0, 1)
                for bottom in (0, 1)
            ]
            for box in boxes
        ],
        dtype=np.float64,
    )
    mapped = cv2.perspectiveTransform(corners, np.asarray(to_scan, dtype=np.float64))
    low, high = np.floor(mapped.min(axis=1)), np.ceil(mapped.max(axis=1))
    places = np.hstack([low, high]).astype(int).tolist()
    return [Box(left, top, right - left, bottom - top) for left, top, right, bottom in places]
