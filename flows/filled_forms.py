"""Filled forms: scans with known truth, in a folder with a truth.csv beside them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flows.progress import progress_bar
from lenet_pipeline.errors import IngestError
from lenet_pipeline.files import describe_os_error, written_whole
from lenet_pipeline.forms.filling.filling import fill_pages
from lenet_pipeline.forms.filling.handwriting import LabelledImages
from lenet_pipeline.forms.filling.scanning import Severity
from lenet_pipeline.forms.templates.template import Template
from lenet_pipeline.lake import read_manifest
from lenet_pipeline.processes import usable_cores, work_in_processes
from lenet_pipeline.settings import Settings
from lenet_pipeline.training_sets import read_labelled

TRUTH_COLUMNS = ("source", "page", "field", "value")
TRUTH_FILE = "truth.csv"

_PAGES_A_PART = 8
_PAGES_ALONE = 16  # fewer are filled before another process has started


@dataclass(frozen=True)
class FillJob:
    """What every process that fills pages has to know."""

    template: Template
    digits: LabelledImages
    seed: int
    severity: Severity
    folder: Path


@dataclass(frozen=True)
class FilledFile:
    """A page as a file, and what is written in its fields."""

    name: str
    truth: dict[str, str]


def fill_forms(
    template: Template,
    dataset: str,
    pages: int,
    seed: int,
    severity: Severity,
    folder: Path,
    settings: Settings,
) -> Path:
    """Fill pages of a form with the digits of a dataset; write them and what is true of them into a folder.

    Returns:
        The path of the table of truths.

    Raises:
        IngestError: no values pass the template's rules, or the disk refused.
        UnknownNameError: there is no such dataset.
    """
    labelled = read_labelled(settings.lake, [read_manifest(settings.lake, dataset)])
    job = FillJob(template, LabelledImages(labelled.images, labelled.labels), seed, severity, folder)
    parts = [range(start, min(start + _PAGES_A_PART, pages)) for start in range(0, pages, _PAGES_A_PART)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            progress_bar("Filling pages", pages) as advance,
            written_whole(folder / TRUTH_FILE) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            table = csv.writer(file)
            table.writerow(TRUTH_COLUMNS)
            for filled in _fill_parts(job, parts, usable_cores() if pages > _PAGES_ALONE else 0):
                table.writerows(
                    (page.name, 1, field, value) for page in filled for field, value in page.truth.items()
                )
                advance(len(filled))
    except OSError as exc:
        raise IngestError(f"cannot write filled forms into {folder}: {describe_os_error(exc)}") from exc
    return folder / TRUTH_FILE


def _fill_parts(job: FillJob, parts: Sequence[range], processes: int) -> Iterator[list[FilledFile]]:
    fill = partial(_fill_part, job=job)
    with closing(work_in_processes(fill, iter(parts), processes)) as done_parts:
        for done in done_parts:
            yield done.get()


def _fill_part(numbers: range, job: FillJob) -> list[FilledFile]:
    files = []
    pages = fill_pages(job.template, job.digits, numbers=numbers, seed=job.seed, severity=job.severity)
    for number, page in zip(numbers, pages, strict=True):
        name = f"{job.template.form}-{number:05}{page.suffix}"
        with written_whole(job.folder / name) as temporary:
            temporary.write_bytes(page.content)
        files.append(FilledFile(name, page.truth))
    return files
