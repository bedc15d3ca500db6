"""Draft a template from a blank form: the rows of cells and the boxes on it, as YAML for a person to edit.

Drafting finds places only. The person adds the names and rules of the fields. On a form with cells, boxes for
several digits become suggestions in comments, because most of them are for something else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lenet_pipeline.forms.page import MM_PER_INCH, Grey
from lenet_pipeline.forms.templates.cell_completion import complete_cells, is_covered
from lenet_pipeline.forms.templates.drafted_tables import write_tables
from lenet_pipeline.forms.templates.model import Cells, Field, Rectangle, WritingBox
from lenet_pipeline.forms.templates.printed_boxes import find_printed_boxes

_NARROWEST_CELL, _LOWEST_CELL, _LARGEST_CELL = 3.0, 4.0, 20.0  # millimetres
_FLATTEST_CELL, _TALLEST_CELL = 1.35, 0.4  # width to height
_LONE_CELL = 5.0  # millimetres: smaller isolated squares are tick boxes
_LOWEST_BOX, _NARROWEST_BOX = 4.5, 7.0
_SIZE_TOLERANCE = 0.5  # millimetres between cells of one row
_PITCH_TOLERANCE = 0.4
_PLACE_TOLERANCE = 0.6  # millimetres between the tops of neighbouring cells; allows for tilted scans
_WIDEST_GAP = 0.6  # between cells of one row, as a fraction of a cell's width
_SAME_LINE = 0.5  # between boxes on one line of the page, as a fraction of a box's height
_FEWEST_EQUAL, _FEWEST_IN_ROW = 2, 3  # cells that make a size usual, and a row likely
_DIGIT_WIDTH = 4.0  # millimetres: the smallest width of a written digit
_LONGEST_NAME = 100  # characters: the limit for the name of a form in a template


@dataclass(frozen=True)
class Draft:
    """A drafted template: its YAML, its fields, and the boxes that its comments suggest."""

    text: str
    fields: tuple[Field, ...]
    suggestions: tuple[Field, ...]


def draft_template(
    blank: Grey,
    dpi: float,
    *,
    form: str,
    reference: str | None = None,
    reference_page: int = 1,
    filled: bool = False,
    built: bool = False,
    notes: Sequence[str] = (),
) -> Draft:
    """Draft a template from the rows of cells and the boxes on a blank form.

    Args:
        blank: uint8 (height, width), 0 black to 255 white, upright; 100 to 600 pixels per inch.
        dpi: the resolution of the blank form in pixels per inch.
        form: the name of the form.
        reference: the file name of the blank form for the template, or None to only scale scans.
        reference_page: the page of that file, counted from 1.
        filled: whether to include boxes with writing in them. Use it if only a filled form is available.
        built: whether the blank form was built from filled copies, so that remnants may hide cells.
        notes: sentences for the reader of the draft, about its page.
    """
    printed = find_printed_boxes(blank, dpi)
    boxes = [box.place for box in printed if filled or not box.has_print]
    if built:
        boxes += _remnant_cells([box.place for box in printed if box.has_print], boxes)
    if filled:
        cells = [box for box in boxes if _is_cell(box)]
        missing = complete_cells(cells, blank, dpi)
        boxes = [box for box in boxes if not is_covered(box, missing)]
        cells = [box for box in boxes if _is_cell(box)] + missing
        boxes = [box for box in boxes if _is_cell(box) or not is_covered(box, cells)] + missing
    rows, lone = _find_rows([box for box in boxes if _is_cell(box)])
    rows += [[cell] for cell in lone if min(cell.width, cell.height) >= _LONE_CELL]
    fields = _name_fields(_reading_order([_fit_row(row) for row in rows]))
    suggestions = _name_fields(_reading_order([_writing_box(box) for box in boxes if _is_box(box)]))
    if not fields:
        fields, suggestions = suggestions, ()
    size = blank.shape[1] / dpi * MM_PER_INCH, blank.shape[0] / dpi * MM_PER_INCH
    header = _write_header(form, size, reference, reference_page, notes)
    tables = write_tables(fields + suggestions, has_reference=reference is not None)
    text = header + _write_fields(fields, suggestions) + "".join(f"{line}\n" for line in tables)
    return Draft(text, fields, suggestions)


def _is_cell(box: Rectangle) -> bool:
    """Return whether a box has the size and shape of a cell for one digit."""
    fits = _NARROWEST_CELL <= box.width <= _LARGEST_CELL and _LOWEST_CELL <= box.height <= _LARGEST_CELL
    return fits and _TALLEST_CELL <= box.width / box.height <= _FLATTEST_CELL


def _remnant_cells(inked: Sequence[Rectangle], clean: Sequence[Rectangle]) -> list[Rectangle]:
    """Return the boxes with ink that are cells with remnants of writing.

    They have the size of several clean cells, or are in a row of equal ones.
    """
    cells = [box for box in clean if _is_cell(box)]
    maybe = [box for box in inked if _is_cell(box)]
    rows, _ = _find_rows([*cells, *maybe])
    in_rows = {cell for row in rows if len(row) >= _FEWEST_IN_ROW for cell in row}
    return [
        box
        for box in maybe
        if box in in_rows or sum(_are_equal(box, cell) for cell in cells) >= _FEWEST_EQUAL
    ]


def _is_box(box: Rectangle) -> bool:
    """Return whether a box has room for several digits in one line."""
    fits = box.width >= _NARROWEST_BOX and _LOWEST_BOX <= box.height <= _LARGEST_CELL
    return fits and box.width / box.height > _FLATTEST_CELL


def _find_rows(cells: Sequence[Rectangle]) -> tuple[list[list[Rectangle]], list[Rectangle]]:
    """Return runs of equal cells at one pitch, and the isolated cells."""
    left = sorted(cells, key=lambda cell: cell.x)
    followers = {cell: _next_cell(cell, left) for cell in left}
    preceded = {following for following in followers.values() if following is not None}
    rows, lone = [], []
    for cell in left:
        if cell in preceded:
            continue
        chain = [cell]
        while (following := followers[chain[-1]]) is not None:
            chain.append(following)
        for run in _split_by_pitch(chain):
            if len(run) > 1:
                rows.append(run)
            else:
                lone += run
    return rows, lone


def _next_cell(cell: Rectangle, cells: Sequence[Rectangle]) -> Rectangle | None:
    """Return the equal cell that starts where this one ends or after a small gap."""
    end = cell.x + cell.width
    for other in cells:
        is_adjacent = -_PLACE_TOLERANCE <= other.x - end <= _WIDEST_GAP * cell.width
        if is_adjacent and abs(other.y - cell.y) <= _PLACE_TOLERANCE and _are_equal(cell, other):
            return other
    return None


def _are_equal(one: Rectangle, other: Rectangle) -> bool:
    return max(abs(one.width - other.width), abs(one.height - other.height)) <= _SIZE_TOLERANCE


def _split_by_pitch(chain: list[Rectangle]) -> list[list[Rectangle]]:
    """Split a chain of cells at each step that is wider than a neighbouring step, as in DD MM YYYY."""
    steps = [after.x - before.x for before, after in pairwise(chain)]
    runs = [[chain[0]]]
    for index, cell in enumerate(chain[1:]):
        nearby = steps[max(0, index - 1) : index + 2]
        if steps[index] > min(nearby) + _PITCH_TOLERANCE:
            runs.append([])
        runs[-1].append(cell)
    return runs


def _fit_row(row: list[Rectangle]) -> Cells:
    """Fit cells of equal pitch to a run of detected cells."""
    numbers = np.arange(len(row), dtype=np.float64)
    lefts = np.array([cell.x for cell in row])
    rights = np.array([cell.x + cell.width for cell in row])
    if len(row) == 1:
        return Cells(row[0], columns=1, pitch=0.0)
    pitch, middle = np.polynomial.Polynomial.fit(numbers, (lefts + rights) / 2, 1).convert().coef[::-1]
    width = float(np.median(rights - lefts))
    top = float(np.median([cell.y for cell in row]))
    height = float(np.median([cell.height for cell in row]))
    first = Rectangle(float(middle) - width / 2, top, width, height)
    return Cells(first, columns=len(row), pitch=float(pitch))


def _writing_box(box: Rectangle) -> WritingBox:
    return WritingBox(box, fewest=1, most=max(2, int(box.width / _DIGIT_WIDTH)))


def _rectangle(place: Cells | WritingBox) -> Rectangle:
    return place.first if isinstance(place, Cells) else place.place


def _reading_order(places: Sequence[Cells | WritingBox]) -> list[Cells | WritingBox]:
    """Sort places into lines from top to bottom, each line from left to right."""
    lines: list[list[Cells | WritingBox]] = []
    for place in sorted(places, key=lambda place: _rectangle(place).y):
        here = _rectangle(place)
        if lines and here.y - _rectangle(lines[-1][0]).y < _SAME_LINE * here.height:
            lines[-1].append(place)
        else:
            lines.append([place])
    return [place for line in lines for place in sorted(line, key=lambda place: _rectangle(place).x)]


def _name_fields(places: Sequence[Cells | WritingBox]) -> tuple[Field, ...]:
    """Name places by kind and number: row_1, cell_1, box_1."""
    counts: dict[str, int] = {}
    fields = []
    for place in places:
        kind = "box" if isinstance(place, WritingBox) else "row" if place.columns > 1 else "cell"
        counts[kind] = counts.get(kind, 0) + 1
        fields.append(Field(f"{kind}_{counts[kind]}", place))
    return tuple(fields)


def _write_header(
    form: str, size: tuple[float, float], reference: str | None, page: int, notes: Sequence[str]
) -> str:
    lines = [
        "# This is a draft. Rename the fields (names become columns), delete fields without digits, and",
        "# check the picture that `lenet forms show` draws. Places are in millimetres from the page's top",
        "# left corner. A cell extends to the middle of its lines. A field may also have:",
        "#   blank: forbidden    # pages that leave the field empty need review",
        '#   unused: "-"         # the mark that writers put into unused cells: "-" or X',
        "#   rules: [{length: [6, 10]}, {checksum: luhn}]",
        *(f"# {note}" for note in notes),
        f"form: {_quote(form[:_LONGEST_NAME] or 'form')}",
        f"page: {{width: {size[0]:.2f}, height: {size[1]:.2f}}}",
    ]
    if reference is None:
        lines.append("register: scale")
    else:
        lines.append(f"reference: {{file: {_quote(reference)}, page: {page}}}")
    return "\n".join(lines) + "\n\n"


def _quote(text: str) -> str:
    """Return a text in YAML's double quotes, with unprintable characters escaped."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in quoted)


def _write_fields(fields: Sequence[Field], suggestions: Sequence[Field]) -> str:
    lines = ["fields:"] if fields else ["# No boxes were found. Add at least one field.", "fields: []"]
    for field in fields:
        lines += [f"  {line}" for line in _write_field(field)]
    if suggestions:
        lines += [
            "",
            "  # Boxes with room for several digits. Uncomment the fields you need and correct their digits.",
        ]
        for field in suggestions:
            lines += [f"  # {line}" for line in _write_field(field)]
    return "\n".join(lines) + "\n"


def _write_field(field: Field) -> list[str]:
    place = field.place
    here = _rectangle(place)
    written = f"x: {here.x:.2f}, y: {here.y:.2f}, width: {here.width:.2f}, height: {here.height:.2f}"
    if isinstance(place, WritingBox):
        return [f"- name: {field.name}", f"  box: {{{written}, digits: [{place.fewest}, {place.most}]}}"]
    if place.columns > 1:
        # Rounding errors in the pitch add up over the row, so write one more decimal.
        written += f", pitch: {place.pitch:.3f}, count: {place.columns}"
    return [f"- name: {field.name}", f"  cells: {{{written}}}"]
