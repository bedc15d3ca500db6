"""Fill pages with known values and read them again; the form benchmarks compare the two.

Processes of one thread each fill, scan, align and cut the pages. The model reads the digits in the
parent process.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms import (
    ALIGNED_DPI,
    CellReading,
    LabelledImages,
    Severity,
    Template,
    Unaligned,
    align_page,
    fill_pages,
    prepare_template,
    read_cells,
)
from lenet_pipeline.forms.alignment import flattening
from lenet_pipeline.forms.alignment.aligned_pages import AlignedPage
from lenet_pipeline.forms.alignment.homographies import map_points
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate
from lenet_pipeline.forms.filling.filled_fields import WrittenCell
from lenet_pipeline.forms.filling.filled_pages import FilledPage
from lenet_pipeline.forms.filling.habits import Habits
from lenet_pipeline.forms.page import MM_PER_INCH, Page
from lenet_pipeline.forms.templates.model import Cells
from lenet_pipeline.system import work_in_processes

MISREAD_MM = 1.0  # a page with a cell farther from its true place was aligned wrongly

_MM_PER_PX = MM_PER_INCH / ALIGNED_DPI
_PAGES_A_PART = 5
_INVERSION_ROUNDS = 12


@dataclass(frozen=True)
class FillPart:
    """Pages to fill and read: the index of their template, the scan's severity, and the writer's habits."""

    template: int
    severity: Severity
    numbers: range
    habits: Habits | None = None


@dataclass(frozen=True)
class FillJob:
    """The input of every process: the possible forms, the digits to fill in, and the seed.

    ``flattens`` is whether bent pages are flattened, as in the product.
    """

    templates: tuple[Template, ...]
    digits: LabelledImages
    seed: int
    flattens: bool = True


@dataclass(frozen=True)
class ReadPage:
    """One filled page and what was read from it.

    Attributes:
        number: the page's number.
        fault: why the page was not read; empty if it was.
        is_other_form: whether the page was taken for another form.
        truth: the true value of each field.
        written: the cells as filled in.
        readings: the cells as read.
        distances_mm: by field and position, the distance of a cell's farthest corner from its true place on
            the paper. Boxes without dividers have none.
        aligned_mm: the largest distance before cells are refined.
        is_flattened: whether bent paper was flattened.
    """

    number: int
    fault: str
    is_other_form: bool
    truth: dict[str, str]
    written: tuple[WrittenCell, ...]
    readings: tuple[CellReading, ...]
    distances_mm: dict[tuple[str, int], float]
    aligned_mm: float
    is_flattened: bool = False

    @property
    def is_misread(self) -> bool:
        """Whether the page was taken for another form, or a cell is misplaced."""
        return self.is_other_form or max(self.distances_mm.values(), default=0.0) > MISREAD_MM


def limit_threads() -> None:
    """Limit OpenCV to one thread in this process, and all libraries in its child processes."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    cv2.setNumThreads(1)


def split_pages(
    template: int, severity: Severity, pages: int, habits: Habits | None = None, start: int = 0
) -> Iterator[FillPart]:
    """Yield parts that add up to ``pages`` pages."""
    for first in range(start, start + pages, _PAGES_A_PART):
        numbers = range(first, min(first + _PAGES_A_PART, start + pages))
        yield FillPart(template, severity, numbers, habits)


def read_filled_pages(
    job: FillJob, parts: Sequence[FillPart], processes: int
) -> Iterator[tuple[FillPart, list[ReadPage]]]:
    """Fill and read pages; yield each part with its pages, in order. With 0 processes, use this process."""
    work = functools.partial(read_part, job=job)
    if not processes:
        yield from ((part, read_part(part, job)) for part in parts)
        return
    with closing(work_in_processes(work, iter(parts), processes)) as done_parts:
        for done in done_parts:
            yield done.part, done.get()


def read_part(part: FillPart, job: FillJob) -> list[ReadPage]:
    """Fill the pages of a part and read each one, without telling which form it is."""
    cv2.setNumThreads(1)
    template, prepared = job.templates[part.template], _prepare(job.templates)
    filled = fill_pages(
        template, job.digits, numbers=part.numbers, seed=job.seed, severity=part.severity, habits=part.habits
    )
    with nullcontext() if job.flattens else patch.object(flattening, "flatten_page", return_value=None):
        return [
            read_page(number, page, template, prepared)
            for number, page in zip(part.numbers, filled, strict=True)
        ]


@functools.lru_cache(maxsize=1)
def _prepare(templates: tuple[Template, ...]) -> list[PreparedTemplate]:
    return [prepare_template(template) for template in templates]


def read_page(
    number: int, filled: FilledPage, template: Template, prepared: Sequence[PreparedTemplate]
) -> ReadPage:
    """Read a filled page of a template, without telling which of the prepared templates it is."""
    found = align_page(Page(1, filled.image, float(filled.dpi), ""), prepared)
    if isinstance(found, Unaligned):
        fault = f"{found.kind}: {found.reason}"
        return ReadPage(number, fault, False, filled.truth, filled.cells, (), {}, 0.0)
    form = found.prepared.template
    readings = read_cells(found.image, found.prepared.reference, form, found.to_scan, found.warp)
    distances, aligned = dict[tuple[str, int], float](), 0.0
    is_other = form.fingerprint != template.fingerprint
    if not is_other:
        true = {place: _on_page(found, corners) for place, corners in _cell_corners(filled, form)}
        for reading in readings:
            place = reading.field, reading.position
            if place in true:
                distances[place] = _distance_mm(_corners_of(reading), true[place])
        aligned = max(
            (_distance_mm(corners, true[place]) for place, corners in _template_corners(form)), default=0.0
        )
    return ReadPage(
        number,
        "",
        is_other,
        filled.truth,
        filled.cells,
        tuple(readings),
        distances,
        aligned,
        found.warp is not None,
    )


def _on_page(found: AlignedPage, corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where points of the scan are on the aligned page."""
    displaced = map_points(np.asarray(np.linalg.inv(found.to_scan), dtype=np.float64), corners)
    if found.warp is None:
        return displaced
    points = displaced
    for _ in range(_INVERSION_ROUNDS):
        points = points + displaced - found.warp.move(points)
    return points


def _cell_corners(
    filled: FilledPage, template: Template
) -> Iterator[tuple[tuple[str, int], NDArray[np.float64]]]:
    names = {field.name for field in template.fields if isinstance(field.place, Cells)}
    for cell in filled.cells:
        if cell.field in names:
            yield (cell.field, cell.position), cell.corners


def _template_corners(template: Template) -> Iterator[tuple[tuple[str, int], NDArray[np.float64]]]:
    for field in template.fields:
        if isinstance(field.place, Cells):
            for position, rectangle in enumerate(field.place.rectangles()):
                yield (field.name, position), _corners(*rectangle.pixels())


def _corners_of(reading: CellReading) -> NDArray[np.float64]:
    box = reading.box
    return _corners(box.x, box.y, box.x + box.width, box.y + box.height)


def _corners(left: float, top: float, right: float, bottom: float) -> NDArray[np.float64]:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float64)


def _distance_mm(found: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """Return the largest distance between two lists of corners, float64 (4, 2) in aligned pixels."""
    return float(np.hypot(*(found - true).T).max()) * _MM_PER_PX


def read_test_digits(home: Path, dataset: str) -> LabelledImages:
    """Read the labelled digits of a dataset."""
    from lenet_pipeline.lake import read_manifest
    from lenet_pipeline.settings import read_settings
    from lenet_pipeline.training import read_labelled

    lake = read_settings(home).lake
    labelled = read_labelled(lake, [read_manifest(lake, dataset)])
    return LabelledImages(labelled.images, labelled.labels)
