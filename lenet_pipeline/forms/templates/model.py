"""A template: the layout of a form, and the digits expected in each place.

Places are in millimetres from the top left corner of the page, x to the right and y down. The aligned page
is the scan after alignment with the template: upright, ``ALIGNED_DPI`` pixels per inch, with its first pixel
at the page's top left corner.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH
from lenet_pipeline.forms.rules.across_rules import AcrossRule
from lenet_pipeline.forms.rules.field_rules import Rule
from lenet_pipeline.forms.templates.number_formats import WHOLE_NUMBERS, NumberFormat
from lenet_pipeline.ingest import Box

AlignmentMethod = Literal["features", "markers", "scale"]
UnusedMark = Literal["X", "-"]
ChoiceKind = Literal["one", "many", "digits"]


@dataclass(frozen=True)
class Rectangle:
    """A rectangle on the page: its left and top edge, its width and its height, in millimetres."""

    x: float
    y: float
    width: float
    height: float

    def pixels(self, dpi: float = ALIGNED_DPI) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom in pixels of a page with a resolution in pixels per inch."""
        scale = dpi / MM_PER_INCH
        right, bottom = self.x + self.width, self.y + self.height
        return self.x * scale, self.y * scale, right * scale, bottom * scale

    def pixel_box(self) -> Box:
        """Return the rectangle in whole pixels of the aligned page."""
        left, top, right, bottom = (round(edge) for edge in self.pixels())
        return Box(left, top, right - left, bottom - top)


@dataclass(frozen=True)
class Cells:
    """A row or grid of boxes for one digit each, in millimetres.

    Attributes:
        first: the top left cell.
        columns: the number of cells in a row.
        pitch: the distance between the left edges of neighbouring cells.
        rows: the number of rows.
        row_pitch: the distance between the top edges of neighbouring rows.
    """

    first: Rectangle
    columns: int
    pitch: float
    rows: int = 1
    row_pitch: float = 0.0

    def rectangles(self) -> tuple[Rectangle, ...]:
        """Return every cell, row by row."""
        return tuple(
            Rectangle(
                self.first.x + column * self.pitch,
                self.first.y + row * self.row_pitch,
                self.first.width,
                self.first.height,
            )
            for row in range(self.rows)
            for column in range(self.columns)
        )


@dataclass(frozen=True)
class WritingBox:
    """One box without dividers, for ``fewest`` to ``most`` digits."""

    place: Rectangle
    fewest: int
    most: int

    def rectangles(self) -> tuple[Rectangle, ...]:
        """Return the box as a tuple of one, to match ``Cells.rectangles``."""
        return (self.place,)


@dataclass(frozen=True)
class Field:
    """A named run of digits that form one value.

    Attributes:
        name: the name of the field, which becomes a column name.
        place: the cells or the box on the page.
        rules: the rules that the value must pass.
        unused_mark: the mark that writers put into unused cells.
        may_be_blank: whether writers may leave the whole field empty.
        numbers: the decimal separator and the sign that writers may add to the digits.
    """

    name: str
    place: Cells | WritingBox
    rules: tuple[Rule, ...] = ()
    unused_mark: UnusedMark | None = None
    may_be_blank: bool = True
    numbers: NumberFormat = WHOLE_NUMBERS

    @property
    def outline(self) -> Rectangle:
        """Return the smallest rectangle around the whole field."""
        first, last = self.place.rectangles()[0], self.place.rectangles()[-1]
        return Rectangle(first.x, first.y, last.x + last.width - first.x, last.y + last.height - first.y)

    def rectangles(self) -> tuple[Rectangle, ...]:
        """Return every cell, or the one box."""
        return self.place.rectangles()


@dataclass(frozen=True)
class Option:
    """A box or bubble to mark: its name, its place, and its position from 0 in a choice of digits."""

    name: str
    place: Rectangle
    position: int = 0


@dataclass(frozen=True)
class Choice:
    """Boxes or bubbles whose marks form one value.

    Attributes:
        name: the name of the choice, which becomes a column name.
        kind: ``one`` or ``many`` of the options, or ``digits``: one digit for each position.
        options: the boxes or bubbles; for digits, position by position.
        fewest: the smallest number of digits; 0 for other kinds.
        checks: the field whose written digits have to agree with the marks, or None.
    """

    name: str
    kind: ChoiceKind
    options: tuple[Option, ...]
    fewest: int = 0
    checks: str | None = None

    @property
    def outline(self) -> Rectangle:
        """Return the smallest rectangle around all boxes or bubbles."""
        places = self.rectangles()
        left, top = min(place.x for place in places), min(place.y for place in places)
        right = max(place.x + place.width for place in places)
        bottom = max(place.y + place.height for place in places)
        return Rectangle(left, top, right - left, bottom - top)

    def rectangles(self) -> tuple[Rectangle, ...]:
        """Return every box or bubble."""
        return tuple(option.place for option in self.options)


@dataclass(frozen=True)
class Reference:
    """A blank form that scans are aligned with: an image, or a page of a PDF or TIFF, counted from 1.

    ``has_print_in_cells`` states that the large print inside its cells belongs to the blank form.
    """

    path: Path
    page: int = 1
    has_print_in_cells: bool = False


@dataclass(frozen=True)
class Template:
    """One side of a form.

    Attributes:
        form: the name of the form.
        width: the width of the page in millimetres.
        height: the height of the page in millimetres.
        fields: the fields, in the order of the file.
        alignment: the method that aligns scans with the template.
        max_residual_px: the largest residual of an accepted page, in pixels of the aligned page.
        fingerprint: the sha256 over everything that affects reading: the template's content, without its
            layout and comments as YAML, and the bytes of its reference.
        text: the YAML that the template was read from.
        reference: the blank form, if there is one.
        rules: the rules across fields.
        choices: the boxes and bubbles to mark, in the order of the file.
    """

    form: str
    width: float
    height: float
    fields: tuple[Field, ...]
    alignment: AlignmentMethod
    max_residual_px: float
    fingerprint: str
    text: str
    reference: Reference | None = None
    rules: tuple[AcrossRule, ...] = ()
    choices: tuple[Choice, ...] = ()

    @property
    def placed(self) -> tuple[Field | Choice, ...]:
        """Return everything that has a place on the page: fields and choices."""
        return (*self.fields, *self.choices)

    @property
    def aligned_size(self) -> tuple[int, int]:
        """Return the height and width of the aligned page in pixels."""
        scale = ALIGNED_DPI / MM_PER_INCH
        return round(self.height * scale), round(self.width * scale)
