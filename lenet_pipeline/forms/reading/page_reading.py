"""Read the cells of an aligned page as digits, marks and blanks, with their images and places."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.warps import Warp
from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.reading.cells import (
    ExpectedEdges,
    Places,
    expect_edges,
    refine_cells,
    template_places,
)
from lenet_pipeline.forms.reading.cutting import cut_run
from lenet_pipeline.forms.reading.digit_images import Digit, cut_digits
from lenet_pipeline.forms.reading.edge_profiles import SEARCHED_PX
from lenet_pipeline.forms.reading.extra_ink import ExtraInk, find_extra_ink
from lenet_pipeline.forms.reading.ink import measure_darkness, remove_print
from lenet_pipeline.forms.reading.loose_ink import erase_ink
from lenet_pipeline.forms.reading.marks import find_mark, is_mark
from lenet_pipeline.forms.reading.piece_lattice import Cuts, ReadPieces, cut_with_network
from lenet_pipeline.forms.reading.possible_marks import find_possible_mark
from lenet_pipeline.forms.reading.readings import CellReading, FieldReading, InkReading
from lenet_pipeline.forms.reading.small_marks import LooseInk
from lenet_pipeline.forms.reading.writing import ClearedField, Strokes, find_strokes, measure_cleared_field
from lenet_pipeline.forms.templates.model import Field, Template, UnusedMark, WritingBox
from lenet_pipeline.ingest import Box
from lenet_pipeline.schema import Floats

Edges = tuple[float, float, float, float]  # left, top, right, bottom

_MARGIN_PX = SEARCHED_PX + 12  # around a field, for the search and for strokes that leave their cells
_SAME_EDGE_PX = 3.0  # edges of neighbouring cells that are closer share a line
_LONGEST_STROKE = 1.5  # relative to the longer side of a cell, or the height of a box


@dataclass(frozen=True)
class PreparedField:
    """A field with the values that all pages of its form share.

    Attributes:
        field: the field.
        rows: the rows of the aligned page around the field.
        columns: the columns of the aligned page around the field.
        corner: the top left corner of this area as (x, y, x, y).
        blank: the darkness of the blank form in this area, or None without a blank form.
        expected: the vertical and horizontal edges of the cells, in pixels of this area.
        places: the cells within these edges, in pixels of this area.
    """

    field: Field
    rows: slice
    columns: slice
    corner: NDArray[np.float64]
    blank: Floats | None
    expected: tuple[ExpectedEdges, ExpectedEdges]
    places: Places


_PREPARED: deque[tuple[Grey | None, Template, tuple[PreparedField, ...]]] = deque(maxlen=8)


def read_cells(
    page: Grey,
    reference: Grey | None,
    template: Template,
    to_scan: NDArray[np.float64],
    warp: Warp | None = None,
    read_pieces: ReadPieces | None = None,
) -> list[CellReading]:
    """Read every cell of every field of an aligned page, in order, with the arguments of ``read_fields``.

    A box without dividers gives one reading for each digit in it, and none if it is blank.
    """
    fields = read_fields(page, reference, template, to_scan, warp, read_pieces)
    return [cell for field in fields for cell in field.cells]


def read_fields(
    page: Grey,
    reference: Grey | None,
    template: Template,
    to_scan: NDArray[np.float64],
    warp: Warp | None = None,
    read_pieces: ReadPieces | None = None,
) -> list[FieldReading]:
    """Read every field of an aligned page, in order.

    Args:
        page: uint8 (height, width), at ``ALIGNED_DPI``.
        reference: the blank form at the same size, or None.
        template: the template of the form.
        to_scan: the homography from pixels of the aligned page to pixels of the original scan.
        warp: the displacement of the aligned page before the homography, if the paper was bent.
        read_pieces: scores the pieces of touching digits. Without it, their shapes alone decide.
    """
    fields = _prepare_fields(reference, template)
    cleared = [clear_field(page, field) for field in fields]
    written = [one.usual for one in cleared if one.usual is not None]
    usual = float(np.median(written)) if written else 0.0
    return [
        _read_field(field, find_strokes(one, usual), one.places, to_scan, warp, read_pieces)
        for field, one in zip(fields, cleared, strict=True)
    ]


def _prepare_fields(reference: Grey | None, template: Template) -> tuple[PreparedField, ...]:
    """Return the prepared fields of a template, cached because preparing takes half as long as a page."""
    for known, form, fields in _PREPARED:
        if known is reference and form is template:
            return fields
    fields = tuple(prepare_field(reference, field, template.aligned_size) for field in template.fields)
    _PREPARED.append((reference, template, fields))
    return fields


def prepare_field(reference: Grey | None, field: Field, shape: tuple[int, int]) -> PreparedField:
    places = template_places(field)
    rows, columns = _around(places, _MARGIN_PX, shape)
    corner = np.array([columns.start, rows.start] * 2, dtype=np.float64)
    blank = None if reference is None else measure_darkness(reference[rows, columns])
    expected = expect_edges(blank, places - corner)
    own = np.column_stack([side for edges in expected for side in np.split(edges.across, 2)])[:, [0, 2, 1, 3]]
    return PreparedField(field, rows, columns, corner, blank, expected, own)


def clear_field(page: Grey, prepared: PreparedField) -> ClearedField:
    """Find a field's cells on the page and remove the form's own print from it."""
    darkness = measure_darkness(page[prepared.rows, prepared.columns])
    refined = refine_cells(darkness, prepared.expected)
    blank = prepared.blank
    if blank is not None:
        blank = _fit_blank(blank, prepared.places, refined.places)
    sides = np.median(refined.places[:, 2:] - refined.places[:, :2], axis=0)
    is_box = isinstance(prepared.field.place, WritingBox)
    longest = round(_LONGEST_STROKE * float(sides[1] if is_box else sides.max()))
    cleared = remove_print(darkness, refined.lines, blank, longest)
    return measure_cleared_field(darkness, cleared, refined.places)


def _read_field(
    prepared: PreparedField,
    strokes: Strokes,
    places: Places,
    to_scan: NDArray[np.float64],
    warp: Warp | None,
    read_pieces: ReadPieces | None,
) -> FieldReading:
    field, corner = prepared.field, prepared.corner
    written = _read_ink(field, strokes, places, read_pieces)
    if written.extra.read:
        # Cut again without the separator and the minus, which may be part of a digit or taken for one.
        written = _read_ink(field, erase_ink(strokes, written.extra.read), places, read_pieces)
    boxes = _whole_boxes(written.places + corner)
    scanned = locate_in_scan(boxes, to_scan, warp)
    cells = tuple(
        _reading(field, position, digit, mark, box, source_box)
        for position, (digit, mark, box, source_box) in enumerate(
            zip(written.digits, written.marks, boxes, scanned, strict=True)
        )
    )
    extra = written.extra
    loose = [_locate_ink(one, corner, is_read=True) for one in extra.read]
    loose += [_locate_ink(one, corner, is_read=False) for one in extra.unexpected]
    read = FieldReading(field.name, cells, extra.doubt, tuple(loose))
    if written.cuts is None:
        return read
    return replace(read, cut_probability=written.cuts.probability, cut_doubt=written.cuts.doubt)


@dataclass(frozen=True)
class _Written:
    """The ink of a field.

    Attributes:
        digits: the digits or other writing by position, None without ink.
        places: left, top, right and bottom of the cells, or of the digits in a box, (n, 4).
        marks: the mark that each of them clearly is, None for a digit.
        extra: the ink that belongs to no digit.
        cuts: the cuts between touching digits, or None if their shapes alone decided.
    """

    digits: list[Digit | None]
    places: Places
    marks: list[UnusedMark | None]
    extra: ExtraInk
    cuts: Cuts | None


def _read_ink(field: Field, strokes: Strokes, places: Places, read_pieces: ReadPieces | None) -> _Written:
    digits: list[Digit | None]
    cuts: Cuts | None = None
    if isinstance(field.place, WritingBox):
        if read_pieces is not None:
            cuts = cut_with_network(strokes, field.place.fewest, field.place.most, field.rules, read_pieces)
        digits, inside = cut_box(strokes, field.place, cuts)
    else:
        digits, inside = cut_digits(strokes, strokes.cells, strokes.palest), places
    marks = [None if digit is None else _find_cell_mark(field, digit) for digit in digits]
    is_digit = [digit is not None and mark is None for digit, mark in zip(digits, marks, strict=True)]
    extra = find_extra_ink(strokes, places, digits, is_digit, field.numbers)
    return _Written(digits, inside, marks, extra, cuts)


def _find_cell_mark(field: Field, digit: Digit) -> UnusedMark | None:
    asked = field.unused_mark
    return asked if asked is not None and is_mark(digit.mask, asked) else find_mark(digit.mask)


def _locate_ink(found: LooseInk, corner: NDArray[np.float64], *, is_read: bool) -> InkReading:
    place = np.array([[found.left, found.top, found.right, found.bottom]], dtype=np.float64)
    (box,) = _whole_boxes(place + corner)
    return InkReading(found.kind, found.position, box, is_read)


def cut_box(strokes: Strokes, box: WritingBox, cuts: Cuts | None = None) -> tuple[list[Digit | None], Places]:
    """Return the digits of a box without dividers, and their places. Without cuts, shapes decide."""
    if cuts is None:
        labels, count = cut_run(strokes.cells > 0, strokes.soft, box.fewest, box.most)
    else:
        labels, count = cuts.labels, cuts.count
    found = cut_digits(strokes, labels, np.repeat(strokes.palest, count))
    digits = [digit for digit in found if digit is not None]
    places = [
        (digit.left, digit.top, digit.left + digit.mask.shape[1], digit.top + digit.mask.shape[0])
        for digit in digits
    ]
    return [*digits], np.array(places, dtype=np.float64).reshape(-1, 4)


def _reading(
    field: Field, position: int, digit: Digit | None, mark: UnusedMark | None, box: Box, source_box: Box
) -> CellReading:
    if digit is None:
        return CellReading(field.name, position, "blank", None, 0.0, box, source_box)
    if mark is not None:
        return CellReading(field.name, position, "mark", digit.image, digit.ink, box, source_box, mark=mark)
    possible = find_possible_mark(digit.mask, (box.height, box.width))
    return CellReading(
        field.name, position, "digit", digit.image, digit.ink, box, source_box, possible_mark=possible
    )


def _around(places: Places, margin: float, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Return the rows and columns of a page that contain some places with a margin."""
    left, top = np.floor(places[:, :2].min(axis=0) - margin).astype(int)
    right, bottom = np.ceil(places[:, 2:].max(axis=0) + margin).astype(int)
    return (
        slice(max(0, int(top)), min(shape[0], int(bottom))),
        slice(max(0, int(left)), min(shape[1], int(right))),
    )


def _fit_blank(reference: Floats, expected: Places, found: Places) -> Floats:
    """Move the blank form's darkness, so that the edges of its cells are at their places on the page."""
    height, width = reference.shape
    columns, rows = (
        _places_on_blank(expected[:, [axis, axis + 2]].ravel(), found[:, [axis, axis + 2]].ravel(), length)
        for axis, length in ((0, width), (1, height))
    )
    across, down = np.meshgrid(columns, rows)
    moved = cv2.remap(reference, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, dtype=np.float32)


def _places_on_blank(expected: NDArray[np.float64], found: NDArray[np.float64], length: int) -> Floats:
    """Return the coordinate on the blank form of each pixel's middle along one axis, (length,).

    Args:
        expected: the edges on the blank form, (n,).
        found: the same edges on the page, (n,).
        length: the number of pixels.
    """
    order = np.argsort(expected, kind="stable")
    expected, found = expected[order], found[order]
    # Neighbouring cells share an edge.
    starts = np.flatnonzero(np.diff(expected, prepend=-np.inf) > _SAME_EDGE_PX)
    counts = np.diff([*starts, len(expected)])
    edges = np.add.reduceat(expected, starts) / counts
    places = np.maximum.accumulate(np.add.reduceat(found, starts) / counts)
    middles = np.arange(length) + 0.5
    shift = np.interp(middles, places, edges - places)
    return np.asarray(middles + shift - 0.5, dtype=np.float32)


def _whole_boxes(places: Places) -> list[Box]:
    corners = np.rint(places).astype(int).tolist()
    return [Box(left, top, right - left, bottom - top) for left, top, right, bottom in corners]


def locate_in_scan(boxes: list[Box], to_scan: NDArray[np.float64], warp: Warp | None = None) -> list[Box]:
    """Return the bounding boxes, in the original scan, of boxes of the aligned page."""
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
    if warp is not None:
        corners = warp.move(corners.reshape(-1, 2)).reshape(corners.shape)
    mapped = cv2.perspectiveTransform(corners, np.asarray(to_scan, dtype=np.float64))
    low, high = np.floor(mapped.min(axis=1)), np.ceil(mapped.max(axis=1))
    places = np.hstack([low, high]).astype(int).tolist()
    return [Box(left, top, right - left, bottom - top) for left, top, right, bottom in places]
