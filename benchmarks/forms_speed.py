"""Speed: pages a second of 300 dpi A4 scans, one process and two, where the time goes, and memory."""

from __future__ import annotations

import functools
import math
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from benchmarks.forms_memory import Memory, measure_memory
from benchmarks.forms_pages import read_test_digits
from benchmarks.forms_sheets import cells_form
from lenet_pipeline.forms import page_rows
from lenet_pipeline.forms.alignment.page_alignment import AlignedPage, align_page
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate, prepare_template
from lenet_pipeline.forms.documents.reader import Document, PageLimits, inspect_document, read_pages
from lenet_pipeline.forms.filling.filled_pages import fill_pages
from lenet_pipeline.forms.filling.handwriting import LabelledImages
from lenet_pipeline.forms.filling.scanning import SEVERITIES
from lenet_pipeline.forms.page_rows import FormJob, PagePart
from lenet_pipeline.forms.reading.page_reading import read_cells
from lenet_pipeline.forms.templates.model import Template
from lenet_pipeline.ingest.batch import Reject
from lenet_pipeline.system.processes import work_in_processes

CELLS = (8, 40, 80, 160)
PAGES = 48  # to time with a number of processes
DIFFERENT = 6  # pages of each form: others are the same again
MEMORY_PAGES = 1_000
DPI = 300
LIMITS = PageLimits(100_000_000, 50_000_000, 5_000)

_JPEG_QUALITY = 75  # of the scans inside a PDF


@dataclass(frozen=True)
class Pace:
    """Pages of one kind read by a number of processes: seconds, and seconds of processor time, of all.

    ``unread`` of the pages were tried and not read.
    """

    file: str
    cells: int
    processes: int
    pages: int
    unread: int
    seconds: float
    processor_seconds: float

    @property
    def pages_a_second(self) -> float:
        return self.pages / self.seconds


@dataclass(frozen=True)
class Stages:
    """Processor time of one page, in milliseconds: of reading the file, of each step, and of all else."""

    file: str
    cells: int
    read_ms: float
    align_ms: float
    cut_ms: float
    rest_ms: float


@dataclass(frozen=True)
class Speed:
    """All that was measured."""

    paces: list[Pace]
    stages: list[Stages]
    memory: list[Memory]


@dataclass(frozen=True)
class Turn:
    """When one page was read, by the system's clock, and the processor time it took."""

    is_read: bool
    started: float
    ended: float
    processor_seconds: float


def measure_speed(home: Path, digits: str, share: float, seed: int) -> Speed:
    """Time pages of every kind of file and template; then the memory of an ingest."""
    written_with, pages = read_test_digits(home, digits), max(4, round(PAGES * share))
    paces, stages = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for cells in CELLS:
            folder = Path(scratch) / str(cells)
            folder.mkdir()
            template = cells_form(folder, cells)
            documents = write_scans(folder, template, written_with, min(DIFFERENT, pages), seed)
            for file, parts in documents.items():
                stages.append(time_stages(file, cells, template, parts))
                paces += [_time_pages(file, cells, template, parts, pages, many) for many in (1, 2)]
        folder = Path(scratch) / str(CELLS[-1])
        pictures = [np.asarray(Image.open(path)) for path in sorted(folder.glob("page-*.png"))]
        (yaml,) = folder.glob("*.yaml")
        memory = measure_memory(yaml, pictures, DPI, max(20, round(MEMORY_PAGES * share)))
    return Speed(paces, stages, memory)


def write_scans(
    folder: Path, template: Template, digits: LabelledImages, pages: int, seed: int, dpi: int = DPI
) -> dict[str, list[PagePart]]:
    """Write medium scans as PNG files, and as the pages of one PDF; return them a page each."""
    severity = replace(SEVERITIES["medium"], dpi=dpi, jpeg_quality=None)
    filled = fill_pages(template, digits, numbers=range(pages), seed=seed, severity=severity)
    pngs, pictures = [], []
    for number, page in enumerate(filled):
        path = folder / f"page-{number}.png"
        path.write_bytes(page.content)
        pngs.append(path)
        pictures.append(Image.fromarray(page.image))
    pdf = folder / "pages.pdf"
    pictures[0].save(pdf, save_all=True, append_images=pictures[1:], resolution=dpi, quality=_JPEG_QUALITY)
    documents = {"PNG": [inspect(path) for path in pngs], "PDF": [inspect(pdf)]}
    return {
        file: [
            PagePart(document, range(number, number + 1))
            for document in some
            for number in range(1, document.pages + 1)
        ]
        for file, some in documents.items()
    }


def inspect(path: Path) -> Document:
    document = inspect_document(path, LIMITS)
    if isinstance(document, Reject):
        raise SystemExit(f"{document.source}: {document.reason}")
    return document


def read_timed(part: PagePart, job: FormJob) -> Turn:
    """Read the pages of a part to rows, as an ingest does."""
    cv2.setNumThreads(1)
    started, processor = time.monotonic(), time.process_time()
    done = page_rows.read_part(part, job)
    is_read = all(page.page["status"] == "read" for page in done.pages)
    return Turn(is_read, started, time.monotonic(), time.process_time() - processor)


def _time_pages(
    file: str, cells: int, template: Template, parts: Sequence[PagePart], pages: int, processes: int
) -> Pace:
    """Read pages in processes; the first two pages of each, while it starts, are not counted."""
    job = FormJob("timed/all", (template,), "", LIMITS)
    warm = 2 * processes
    wanted = (parts[number % len(parts)] for number in range(warm + pages))
    work = functools.partial(read_timed, job=job)
    with closing(work_in_processes(work, wanted, processes)) as done:
        turns = [one.get() for one in done][warm:]
    seconds = max(turn.ended for turn in turns) - min(turn.started for turn in turns)
    processor_seconds = sum(turn.processor_seconds for turn in turns)
    unread = sum(not turn.is_read for turn in turns)
    return Pace(file, cells, processes, pages, unread, seconds, processor_seconds)


def time_stages(file: str, cells: int, template: Template, parts: Sequence[PagePart]) -> Stages:
    """Time each step of reading some pages, here, in processor time; the first page warms up."""
    prepared, job = [prepare_template(template)], FormJob("timed/all", (template,), "", LIMITS)
    page_rows.read_part(parts[0], job)
    rows = [row for part in [parts[0], *parts] if (row := _time_page(part, job, prepared))][1:]
    read, align, cut, rest = np.mean(rows or [[math.nan] * 4], axis=0).tolist()
    return Stages(file, cells, read, align, cut, rest)


def _time_page(part: PagePart, job: FormJob, prepared: list[PreparedTemplate]) -> list[float] | None:
    """Return the milliseconds of reading, aligning and cutting a page, and of the rest; None if unread."""
    times = [time.process_time()]
    (page,) = read_pages(part.document, LIMITS, part.numbers)
    times.append(time.process_time())
    if isinstance(page, Reject):
        return None
    found = align_page(page, prepared)
    times.append(time.process_time())
    if not isinstance(found, AlignedPage):
        return None
    read_cells(found.image, prepared[0].reference, prepared[0].template, found.to_scan)
    times.append(time.process_time())
    page_rows.read_part(part, job)
    read, align, cut, whole = (1000 * np.diff([*times, time.process_time()])).tolist()
    return [read, align, cut, whole - read - align - cut]


def speed_record(speed: Speed) -> dict[str, Any]:
    """Return all figures as plain values."""
    return asdict(speed)


def speed_table(speed: Speed) -> list[str]:
    """Return the figures as lines."""
    paces = {(pace.file, pace.cells, pace.processes): pace for pace in speed.paces}
    lines = [
        "A4 in grey at 300 dpi, one thread a process; ms of processor time a page",
        f"{'':<5}{'cells':>5}{'1 process':>13}{'2 processes':>13}{'times':>7}"
        f"{'read':>6}{'align':>10}{'cut':>5}{'rest':>6}{'unread':>8}",
    ]
    for stages in speed.stages:
        one, two = (paces[stages.file, stages.cells, many] for many in (1, 2))
        lines.append(
            f"{stages.file:<5}{stages.cells:>5}{one.pages_a_second:>11.2f}/s{two.pages_a_second:>11.2f}/s"
            f"{two.pages_a_second / one.pages_a_second:>7.2f}"
            f"{stages.read_ms:>6.0f}{stages.align_ms:>10.0f}{stages.cut_ms:>5.0f}{stages.rest_ms:>6.0f}"
            f"{one.unread:>8}"
        )
    lines.append("peak memory of an ingest, MiB")
    lines += [
        f"  after {one.pages:>5} pages: command {one.parent_mib:.0f}, a process {one.worker_mib:.0f}"
        for one in speed.memory
    ]
    return lines
