"""The results of reading a page: fields, their cells, and the ink between their digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.reading.possible_marks import ShapeVerdict
from lenet_pipeline.forms.reading.small_marks import InkKind
from lenet_pipeline.forms.templates.model import UnusedMark
from lenet_pipeline.ingest import Box
from lenet_pipeline.schema import DARK_ON_BRIGHT

State = Literal["blank", "digit", "mark"]


@dataclass(frozen=True)
class CellReading:
    """One cell of one page, or one digit of a box without dividers.

    Attributes:
        field: the name of its field.
        position: its position in the field, from 0.
        state: whether it is blank, a digit or a mark, which is a clear dash or cross.
        mark: the mark, None unless the state is ``mark``.
        possible_mark: the mark that a digit resembles, or None if it has the shape of no mark.
        image: uint8 (28, 28), ink bright on dark, normalised as in training. None for a blank cell.
        ink: the amount of ink, in square millimetres of full ink.
        box: the cell, or the digit within a box, in pixels of the aligned page.
        source_box: the same in pixels of the original scan.
        polarity: the polarity of the scan.
    """

    field: str
    position: int
    state: State
    image: NDArray[np.uint8] | None
    ink: float
    box: Box
    source_box: Box
    polarity: str = DARK_ON_BRIGHT
    mark: UnusedMark | None = None
    possible_mark: ShapeVerdict | None = None


@dataclass(frozen=True)
class InkReading:
    """A separator or a minus.

    Attributes:
        kind: ``comma``, ``point`` or ``minus``.
        position: the position of the digit before a separator, or after a minus.
        box: its place in pixels of the aligned page.
        is_read: whether the template declares it, so that it is part of the value.
    """

    kind: InkKind
    position: int
    box: Box
    is_read: bool


@dataclass(frozen=True)
class FieldReading:
    """One field of one page.

    Attributes:
        field: its name.
        cells: its cells in order. A blank box without dividers has none.
        extra_ink: a short description of the ink outside the value, or None without any.
        loose_ink: the separators between the digits, and a minus before them.
        cut_probability: the probability that touching digits of a box are cut rightly, or None if a network
            has not chosen the cuts.
        cut_doubt: another likely reading of touching digits, in a few words, or None without any.
    """

    field: str
    cells: tuple[CellReading, ...]
    extra_ink: str | None
    loose_ink: tuple[InkReading, ...] = ()
    cut_probability: float | None = None
    cut_doubt: str | None = None
