"""Speed of reading A4 scans at 300 dpi with one and two processes, time per step, and memory."""

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

from benchmarks.forms.memory import Memory, measure_memory
from benchmarks.forms.pages import read_test_digits
from benchmarks.forms.sheets import cells_form
from lenet_pipeline.forms import (
    SEVERITIES,
    Document,
    FormJob,
    LabelledImages,
    PageLimits,
    PagePart,
    Template,
    align_page,
    fill_pages,
    inspect_document,
    prepare_template,
    read_cells,
    read_part,
)
from lenet_pipeline.forms.alignment.aligned_pages import AlignedPage
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate
from lenet_pipeline.forms.documents.reader import read_pages
from lenet_pipeline.ingest import Reject
from lenet_pipeline.system import work_in_processes

CELLS = (8, 40, 80, 160)
PAGES = 48  # pages to time for each number of processes
DIFFERENT = 6  # different pages per form; the others repeat them
MEMORY_PAGES = 1_000
DPI = 300
LIMITS = PageLimits(100_000_000, 50_000_000, 5_000)

_JPEG_QUALITY = 75  # for the scans in a PDF


@dataclass(frozen=True)
class Pace:
    """Pages of one kind read by a number of processes.

    Attributes:
        file: ``PNG`` or ``PDF``.
        cells: cells per page.
        processes: processes that read.
        pages: pages tried.
        unread: pages tried but not read.
        seconds: wall time of all pages.
        processor_seconds: processor time of all pages.
    """

    file: str
    cells: int
    processes: int
    pages: int
    unread: int
    seconds: float
    processor_seconds: float

    @property
    def pages_per_second(self) -> float:
        return self.pages / self.seconds


@dataclass(frozen=True)
class Stages:
    """Mean processor time per page in milliseconds: reading the file, registering, cutting, and the rest."""

    file: str
    cells: int
    read_ms: float
    align_ms: float
    cut_ms: float
    rest_ms: float


@dataclass(frozen=True)
class Speed:
    """All figures of the part."""

    paces: list[Pace]
    stages: list[Stages]
    memory: list[Memory]


@dataclass(frozen=True)
class Turn:
    """One page: whether it was read, when by the monotonic clock, and its processor time."""

    is_read: bool
    started: float
    ended: float
    processor_seconds: float


def measure_speed(home: Path, digits: str, share: float, seed: int) -> Speed:
    """Time pages of every kind of file and template, then measure the memory of an ingest."""
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
    """Write medium scans as PNG files and as the pages of one PDF; return one part per page."""
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
    """Read the pages of a part into rows, as an ingest does."""
    cv2.setNumThreads(1)
    started, processor = time.monotonic(), time.process_time()
    done = read_part(part, job)
    is_read = all(page.page["status"] == "read" for page in done.pages)
    return Turn(is_read, started, time.monotonic(), time.process_time() - processor)


def _time_pages(
    file: str, cells: int, template: Template, parts: Sequence[PagePart], pages: int, processes: int
) -> Pace:
    """Read pages in processes, without counting the first two pages per process."""
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
    """Time each step of reading in this process, in processor time. The first page is a warm-up."""
    prepared, job = [prepare_template(template)], FormJob("timed/all", (template,), "", LIMITS)
    read_part(parts[0], job)
    rows = [row for part in [parts[0], *parts] if (row := _time_page(part, job, prepared))][1:]
    read, align, cut, rest = np.mean(rows or [[math.nan] * 4], axis=0).tolist()
    return Stages(file, cells, read, align, cut, rest)


def _time_page(part: PagePart, job: FormJob, prepared: list[PreparedTemplate]) -> list[float] | None:
    """Return the milliseconds to read, align and cut a page, and the rest; None if it was not read."""
    times = [time.process_time()]
    (page,) = read_pages(part.document, LIMITS, part.numbers)
    times.append(time.process_time())
    if isinstance(page, Reject):
        return None
    found = align_page(page, prepared)
    times.append(time.process_time())
    if not isinstance(found, AlignedPage):
        return None
    read_cells(found.image, prepared[0].reference, prepared[0].template, found.to_scan, found.warp)
    times.append(time.process_time())
    read_part(part, job)
    read, align, cut, whole = (1000 * np.diff([*times, time.process_time()])).tolist()
    return [read, align, cut, whole - read - align - cut]


def speed_record(speed: Speed) -> dict[str, Any]:
    """Return the figures for JSON."""
    return asdict(speed)


def speed_table(speed: Speed) -> list[str]:
    """Format the figures as lines."""
    paces = {(pace.file, pace.cells, pace.processes): pace for pace in speed.paces}
    lines = [
        "A4, grey, 300 dpi, one thread per process; ms: processor time per page",
        f"{'':<5}{'cells':>5}{'1 process':>13}{'2 processes':>13}{'ratio':>7}"
        f"{'read':>6}{'align':>10}{'cut':>5}{'rest':>6}{'unread':>8}",
    ]
    for stages in speed.stages:
        one, two = (paces[stages.file, stages.cells, many] for many in (1, 2))
        lines.append(
            f"{stages.file:<5}{stages.cells:>5}{one.pages_per_second:>11.2f}/s{two.pages_per_second:>11.2f}/s"
            f"{two.pages_per_second / one.pages_per_second:>7.2f}"
            f"{stages.read_ms:>6.0f}{stages.align_ms:>10.0f}{stages.cut_ms:>5.0f}{stages.rest_ms:>6.0f}"
            f"{one.unread:>8}"
        )
    lines.append("peak memory of an ingest, MiB")
    lines += [
        f"  after {one.pages:>5} pages: command {one.parent_mib:.0f}, largest worker {one.worker_mib:.0f}"
        for one in speed.memory
    ]
    return lines
