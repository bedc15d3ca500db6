"""Fill forms with known values, and write the scans to a folder together with truth.csv."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms import Habits, LabelledImages, Severity, Template, fill_pages
from lenet_pipeline.lake import read_manifest
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import (
    SILENT,
    Observer,
    describe_os_error,
    usable_cores,
    work_in_processes,
    written_whole,
)
from lenet_pipeline.training import read_labelled

TRUTH_COLUMNS = ("source", "page", "field", "value")
TRUTH_FILE = "truth.csv"

_PAGES_PER_PART = 8
_PAGES_WITHOUT_PROCESSES = 16  # filling this many takes less time than starting processes


@dataclass(frozen=True)
class FillingJob:
    """Which pages to fill.

    Attributes:
        template: the template of the form.
        digits: the labelled dataset whose digits are written.
        pages: number of pages.
        seed: of the values and the handwriting.
        severity: how degraded the scans are.
        folder: where the scans and ``truth.csv`` are written.
        habits: the habits of the writers. The default is ``Habits()``.
    """

    template: Template
    digits: str
    pages: int
    seed: int
    severity: Severity
    folder: Path
    habits: Habits | None = None


@dataclass(frozen=True)
class _Filling:
    """A job with its digits, to be sent to a process."""

    job: FillingJob
    digits: LabelledImages


@dataclass(frozen=True)
class FilledFile:
    """The file of a filled page, and the true value of each field and choice."""

    name: str
    truth: dict[str, str]


def fill_forms(settings: Settings, job: FillingJob, observer: Observer = SILENT) -> Path:
    """Fill pages of a form with the digits of a dataset, and write the scans and a CSV file of their values.

    Returns:
        The path of the CSV file.

    Raises:
        IngestError: no values satisfy the template's rules, or the files cannot be written.
        UnknownNameError: there is no such dataset.
    """
    labelled = read_labelled(settings.lake, [read_manifest(settings.lake, job.digits)])
    filling = _Filling(job, LabelledImages(labelled.images, labelled.labels))
    pages, folder = job.pages, job.folder
    parts = [range(start, min(start + _PAGES_PER_PART, pages)) for start in range(0, pages, _PAGES_PER_PART)]
    processes = usable_cores() if pages > _PAGES_WITHOUT_PROCESSES else 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            observer.progress("Filling pages", pages) as advance,
            written_whole(folder / TRUTH_FILE) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            table = csv.writer(file)
            table.writerow(TRUTH_COLUMNS)
            for filled in _fill_parts(filling, parts, processes):
                table.writerows(
                    (page.name, 1, field, value) for page in filled for field, value in page.truth.items()
                )
                advance(len(filled))
    except OSError as exc:
        raise IngestError(f"cannot write filled forms into {folder}: {describe_os_error(exc)}") from exc
    return folder / TRUTH_FILE


def _fill_parts(filling: _Filling, parts: Sequence[range], processes: int) -> Iterator[list[FilledFile]]:
    fill = partial(_fill_part, filling=filling)
    with closing(work_in_processes(fill, iter(parts), processes)) as done_parts:
        for done in done_parts:
            yield done.get()


def _fill_part(numbers: range, filling: _Filling) -> list[FilledFile]:
    files, job = [], filling.job
    pages = fill_pages(
        job.template,
        filling.digits,
        numbers=numbers,
        seed=job.seed,
        severity=job.severity,
        habits=job.habits,
    )
    for number, page in zip(numbers, pages, strict=True):
        name = f"{job.template.form}-{number:05}{page.suffix}"
        with written_whole(job.folder / name) as temporary:
            temporary.write_bytes(page.content)
        files.append(FilledFile(name, page.truth | page.choices))
    return files
