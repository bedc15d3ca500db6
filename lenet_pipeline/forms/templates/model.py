"""A template: what a form looks like, and where on it which digits are written.

Places are millimetres from the top left corner of the page, x to the right and y down. The registered page
is the scan as the template sees it: upright, ``REGISTERED_DPI`` pixels an inch, its first pixel at the
page's top left corner.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lenet_pipeline.forms.page import MM_PER_INCH, REGISTERED_DPI
from lenet_pipeline.forms.rules.field_rules import AcrossRule, Rule

RegistrationMethod = Literal["features", "markers", "scale"]
UnusedMark = Literal["X", "-"]


@dataclass(frozen=True)
class Rectangle:
    """A rectangle on the page: its left and top edge, its width and its height, in millimetres."""

    x: float
    y: float
    width: float
    height: float

    def pixels(self, dpi: float = REGISTERED_DPI) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom in pixels of a page of so many pixels an inch."""
        scale = dpi / MM_PER_INCH
        right, bottom = self.x + self.width, self.y + self.height
        return self.x * scale, self.y * scale, right * scale, bottom * scale


@dataclass(frozen=True)
class Cells:
    """A row or grid of boxes for one digit each, in millimetres; ``pitch`` is between left edges."""

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
        """Return the one place that is written in, as ``Cells.rectangles`` returns its many."""
        return (self.place,)


@dataclass(frozen=True)
class Field:
    """A named run of digits that make one value.

    ``unused_mark`` is what writers put into cells that they leave out. A field all of whose cells are
    blank is a fault unless ``may_be_blank``.
    """

    name: str
    place: Cells | WritingBox
    rules: tuple[Rule, ...] = ()
    unused_mark: UnusedMark | None = None
    may_be_blank: bool = True

    @property
    def outline(self) -> Rectangle:
        """Return the smallest rectangle around all of it."""
        first, last = self.place.rectangles()[0], self.place.rectangles()[-1]
        return Rectangle(first.x, first.y, last.x + last.width - first.x, last.y + last.height - first.y)


@dataclass(frozen=True)
class Reference:
    """A blank form to register scans with: a page (from 1) of a PDF or TIFF, or an image."""

    path: Path
    page: int = 1


@dataclass(frozen=True)
class Template:
    """One side of one form. Sizes in millimetres, the residual limit in pixels of the registered page.

    ``fingerprint`` is the sha256 over all that decides a reading: the template's content (not its layout
    or comments as YAML) and the bytes of its reference. ``text`` is the YAML it was read from.
    """

    form: str
    width: float
    height: float
    fields: tuple[Field, ...]
    registration: RegistrationMethod
    max_residual_px: float
    fingerprint: str
    text: str
    reference: Reference | None = None
    rules: tuple[AcrossRule, ...] = ()

    @property
    def registered_size(self) -> tuple[int, int]:
        """Return height and width of the registered page in pixels."""
        scale = REGISTERED_DPI / MM_PER_INCH
        return round(self.height * scale), round(self.width * scale)
