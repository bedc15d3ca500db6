"""Build the blank form from filled copies of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms import (
    ALIGNED_DPI,
    MOST_COPIES,
    Page,
    Paper,
    build_blank,
    count_blank_steps,
    find_documents,
    inspect_document,
    judge_paper,
    read_pages,
    read_paper_size,
    reduce_copy,
    states_resolution,
)
from lenet_pipeline.ingest import Reject
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer, describe_os_error, written_whole


@dataclass(frozen=True)
class BlankJob:
    """Which scans to build a blank form from.

    Attributes:
        scans: files and folders of filled copies.
        output: the PNG file to write.
        page: the page of every document, from 1; all pages if None.
        dpi: resolution of the scans in pixels per inch; read from the first file if None.
        paper: the size of the paper, such as ``A4``; read from the first file if None.
    """

    scans: tuple[Path, ...]
    output: Path
    page: int | None = None
    dpi: float | None = None
    paper: str | None = None


@dataclass(frozen=True)
class BlankReport:
    """The scans that a blank form was built from, and what remains to check.

    Attributes:
        path: the file of the blank form.
        used: the names of the pages in it.
        left_out: the names of the other pages, each with the reason.
        remnants: places in millimetres (x, y) where writing may remain.
        paper: the size of the blank form.
    """

    path: Path
    used: tuple[str, ...]
    left_out: dict[str, str]
    remnants: tuple[tuple[float, float], ...]
    paper: Paper


def build_blank_form(settings: Settings, job: BlankJob, observer: Observer = SILENT) -> BlankReport:
    """Write the blank form that filled copies have in common. Warn of each page that is left out.

    Raises:
        IngestError: fewer than three scans show the same form, or the file exists or cannot be written.
    """
    if job.output.exists():
        raise IngestError(f"{job.output} already exists; choose another file")
    given = None if job.paper is None else read_paper_size(job.paper)
    left_out: dict[str, str] = {}
    names: list[str] = []
    copies: list[Page] = []
    paper = None
    seen: dict[str, str] = {}
    for path, page in _read_copies(settings, job, left_out):
        name = _name(path) if page.number == 1 else f"{_name(path)}, page {page.number}"
        if page.fingerprint in seen:
            left_out[name] = f"it is the same picture as {seen[page.fingerprint]}"
            continue
        if len(copies) == MOST_COPIES:
            left_out[name] = f"{MOST_COPIES} scans are enough"
            continue
        seen[page.fingerprint] = name
        if paper is None:
            stated = page.dpi if states_resolution(path, page.number, settings.page_limits) else None
            height, width = page.image.shape
            paper = judge_paper((width, height), stated_dpi=stated, given_dpi=job.dpi, given_size=given)
        names.append(name)
        copies.append(reduce_copy(page))
    _warn(observer, left_out)
    if paper is None:
        raise IngestError("none of the scans can be read; give PDF, TIFF, PNG or JPEG files of filled copies")
    with observer.progress("Registering scans", count_blank_steps(len(copies))) as advance:
        built = build_blank(copies, paper.size, advance)
    misfits = {names[index]: reason for index, reason in built.rejected.items()}
    _warn(observer, misfits)
    left_out |= misfits
    _save(Image.fromarray(built.image), job.output)
    height, width = built.image.shape
    size = judge_paper((width, height), stated_dpi=ALIGNED_DPI)
    shown = Paper(*size.size, paper.dpi, size.name, paper.source)
    return BlankReport(
        job.output, tuple(names[index] for index in built.used), left_out, built.remnants, shown
    )


def _read_copies(settings: Settings, job: BlankJob, left_out: dict[str, str]) -> Iterator[tuple[Path, Page]]:
    """Yield the pages of all scans with their files, and note the unreadable ones."""
    limits = settings.page_limits
    for path in dict.fromkeys(file for given in job.scans for file in find_documents(given).paths):
        document = inspect_document(path, limits)
        if isinstance(document, Reject):
            left_out[_name(path)] = document.reason
            continue
        numbers = None if job.page is None else range(job.page, job.page + 1)
        if job.page is not None and job.page > document.pages:
            left_out[_name(path)] = f"it has no page {job.page}"
        for page in read_pages(document, limits, numbers):
            if isinstance(page, Reject):
                left_out[f"{_name(path)}, page {page.page}"] = page.reason
            else:
                yield path, page


def _name(path: Path) -> str:
    """Return a file's name with its folder's, because scans of several folders often have equal names."""
    return f"{path.parent.name}/{path.name}"


def _warn(observer: Observer, left_out: dict[str, str]) -> None:
    for name, reason in left_out.items():
        observer.warn(f"{name} is left out: {reason}")


def _save(picture: Image.Image, path: Path) -> None:
    try:
        with written_whole(path) as temporary:
            picture.save(temporary, "PNG", dpi=(ALIGNED_DPI, ALIGNED_DPI))
    except OSError as exc:
        raise IngestError(f"cannot write the blank form {path}: {describe_os_error(exc)}") from exc
