"""The model that reads filled pages, and its results on the original images of their digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.forms.pages import ReadPage
from lenet_pipeline.forms import CellReading, CellState, FieldValue, LabelledImages, read_field_value
from lenet_pipeline.forms.reading.page_reading import FieldReading
from lenet_pipeline.forms.templates.model import Field
from lenet_pipeline.forms.values.field_values import Cutting
from lenet_pipeline.scoring import Engine

PACKAGED = "packaged"  # the model that comes with the package


@dataclass(frozen=True)
class Reader:
    """A model, and the digits that pages are filled with."""

    engine: Engine
    digits: LabelledImages

    @cached_property
    def is_right(self) -> NDArray[np.bool_]:
        """Whether the model reads the original image of each digit correctly, bool (n,)."""
        labels = self.engine.score(self.digits.images).labels
        return np.asarray(labels == self.digits.labels)

    def read(self, readings: Sequence[CellReading]) -> NDArray[np.float64]:
        """Return the probabilities of every reading, float64 (n, 10); NaN for readings without an image."""
        probabilities = np.full((len(readings), 10), np.nan)
        inked = [index for index, reading in enumerate(readings) if reading.image is not None]
        if inked:
            images = np.stack([readings[index].image for index in inked])  # type: ignore[misc]
            scores = self.engine.score(images).probabilities.astype(np.float64)
            probabilities[inked] = scores / scores.sum(axis=1, keepdims=True)
        return probabilities


@dataclass
class Counts:
    """Counts of cells and digits on pages, and of how they were read.

    Attributes:
        digits: cells that hold a digit.
        right: digits read correctly.
        right_alone: digits whose original image is read correctly.
        sure_wrong: digits read wrongly with a high confidence.
        blanks: blank cells.
        blanks_as_ink: blank cells read as ink.
        ink_as_blank: digits read as blank.
    """

    digits: int = 0
    right: int = 0
    right_alone: int = 0
    sure_wrong: int = 0
    blanks: int = 0
    blanks_as_ink: int = 0
    ink_as_blank: int = 0

    @property
    def accuracy_pct(self) -> float:
        return share_pct(self.right, self.digits)

    @property
    def accuracy_alone_pct(self) -> float:
        return share_pct(self.right_alone, self.digits)

    def add(self, page: ReadPage, reader: Reader, sure: float) -> None:
        """Count the cells of a page that was read; ``sure`` is the least confidence of ``sure_wrong``."""
        probabilities = reader.read(page.readings)
        read = {
            (one.field, one.position): (one, chances)
            for one, chances in zip(page.readings, probabilities, strict=True)
        }
        for cell in page.written:
            reading, chances = read.get((cell.field, cell.position), (None, None))
            state = "blank" if reading is None else reading.state
            if cell.state == "blank":
                self.blanks += 1
                self.blanks_as_ink += state != "blank"
            if cell.state != "digit" or cell.image is None:
                continue
            self.digits += 1
            self.right_alone += bool(reader.is_right[cell.image])
            self.ink_as_blank += state == "blank"
            if state == "digit" and chances is not None:
                is_right = int(chances.argmax()) == cell.label
                self.right += is_right
                self.sure_wrong += not is_right and float(chances.max()) >= sure


def field_values(
    page: ReadPage,
    fields: Mapping[str, Field],
    reader: Reader,
    read: Sequence[FieldReading] | None = None,
) -> dict[str, FieldValue]:
    """Return the value of each field of a page that was read. ``read`` is ``page.fields`` if None."""
    found = {each.field: each for each in (page.fields if read is None else read)}
    cells: dict[str, list[CellState]] = {name: [] for name in fields}
    readings = [cell for each in found.values() for cell in each.cells]
    for reading, chances in zip(readings, reader.read(readings), strict=True):
        known = chances if reading.state == "digit" else None
        cells[reading.field].append(CellState(reading.position, reading.state, known))
    return {
        name: read_field_value(
            field, cells[name], cutting=Cutting(found[name].cut_probability, found[name].cut_doubt)
        )
        for name, field in fields.items()
    }


def share_pct(part: float, whole: float) -> float:
    """Return a share in per cent; NaN if ``whole`` is zero."""
    return 100 * part / whole if whole else float("nan")


def read_model(home: Path, reference: str, digits: LabelledImages) -> Reader:
    """Load a model of a home, for one thread of the CPU."""

    from lenet_pipeline.registry import read_packaged_model, read_version, resolve_version
    from lenet_pipeline.settings import read_settings

    torch.set_num_threads(1)
    if reference == PACKAGED:
        return Reader(Engine(read_packaged_model().model, "cpu"), digits)
    registry = read_settings(home).registry
    version = resolve_version(registry, reference)
    return Reader(Engine(read_version(registry, version).model, "cpu"), digits)
