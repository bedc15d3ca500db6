"""Find documents, count their pages, and read the pages one at a time."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.documents.image_pages import ImagePages
from lenet_pipeline.forms.documents.pdf import PDF_HEAD_BYTES, PdfPages, is_pdf, open_pdf
from lenet_pipeline.forms.documents.pdf_end import check_pdf_end
from lenet_pipeline.forms.page import Grey, Page
from lenet_pipeline.ingest import (
    NotAnImageError,
    Reject,
    UnreadableImageError,
    absolute_path,
    csv_rows,
    is_image_content,
    is_named_as_image,
    open_content,
    path_text,
    walk_files,
)

_LIST_SUFFIXES = (".txt", ".csv")
_READ = "PDF, TIFF, PNG or JPEG"


@dataclass(frozen=True)
class PageLimits:
    """The largest inputs to accept: bytes per file, pixels per page and pages per document."""

    max_bytes: int
    max_pixels: int
    max_pages: int


@dataclass(frozen=True)
class Document:
    """A readable file with its number of pages.

    ``source`` is the path as text. ``sha256`` is the hash of the file's bytes.
    """

    path: Path
    source: str
    sha256: str
    pages: int
    size_bytes: int


@dataclass(frozen=True)
class FoundDocuments:
    """The files to read, and the other files in the same folder tree, both in order."""

    paths: tuple[Path, ...]
    unrecognised: tuple[Path, ...] = ()


def list_documents(path: Path) -> list[Path]:
    """List the documents that ``find_documents`` finds."""
    return list(find_documents(path).paths)


def find_documents(path: Path) -> FoundDocuments:
    """Find the documents in a folder tree or a list of paths. A path to any other file is one document.

    A list is a ``.txt`` file with one path per line, or a ``.csv`` file with a column ``path``. Its paths are
    relative to the list. A search of a folder skips hidden files, and only counts files that are not
    documents by name or content. Paths that a user or a list names are always returned, and so are folders
    that cannot be listed: ``inspect_document`` reports their problems.

    Raises:
        IngestError: the path is missing or unreadable, or contains no documents.
    """
    path = absolute_path(path.expanduser())
    try:
        path.stat()
        if path.is_dir():
            return _search_folder(path)
        if path.suffix.lower() in _LIST_SUFFIXES:
            return _read_list(path)
    except OSError as exc:
        raise IngestError(
            f"cannot read {path_text(path)}: {exc.strerror}; check the path and its permissions"
        ) from exc
    return FoundDocuments((path,))


def inspect_document(path: Path, limits: PageLimits) -> Document | Reject:
    """Open a document and count its pages. Return a reject with the reason if it is unreadable."""
    source = path_text(path)
    sha256 = None
    try:
        with _open_document(path, limits) as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.tell()
            pages = _count_pages(stream, path, limits)
    except UnreadableImageError as exc:
        return Reject(source, exc.kind, str(exc), source_sha256=sha256)
    return Document(path, source, sha256, pages, size)


def read_pages(
    document: Document, limits: PageLimits, numbers: range | None = None
) -> Iterator[Page | Reject]:
    """Yield the pages of a document in order, one at a time. An unreadable page becomes a reject.

    Args:
        document: the result of ``inspect_document``.
        limits: the limits that ``inspect_document`` used.
        numbers: the pages to read, from 1. The default is all pages. Numbers beyond the last page are
            ignored.
    """
    every = range(1, document.pages + 1)
    wanted = every if numbers is None else [number for number in numbers if number in every]
    done = 0
    try:
        with _open_pages(document, limits) as read:
            for number in wanted:
                page = _read_page(document, number, read)
                done += 1
                yield page
    except UnreadableImageError as exc:  # the document changed or disappeared after its inspection
        for number in wanted[done:]:
            yield _reject_page(document, number, exc)


def _read_page(
    document: Document, number: int, read: Callable[[int], tuple[Grey, float | None]]
) -> Page | Reject:
    try:
        image, dpi = read(number)
    except UnreadableImageError as exc:
        return _reject_page(document, number, exc)
    height, width = image.shape
    fingerprint = hashlib.sha256(b"%d x %d\n" % (width, height))
    fingerprint.update(image.data)
    return Page(number, image, dpi, fingerprint.hexdigest())


def _reject_page(document: Document, number: int, error: UnreadableImageError) -> Reject:
    return Reject(document.source, error.kind, str(error), source_sha256=document.sha256, page=number)


@contextmanager
def _open_pages(
    document: Document, limits: PageLimits
) -> Iterator[Callable[[int], tuple[Grey, float | None]]]:
    """Open a document for the duration of a block, and yield a function that reads one of its pages.

    Raises:
        UnreadableImageError: the document changed or became unreadable after its inspection.
    """
    with _open_document(document.path, limits) as stream:
        if os.fstat(stream.fileno()).st_size != document.size_bytes:
            raise UnreadableImageError(
                "changed_file", "the file changed during reading; wait until it is complete, then rerun"
            )
        if is_pdf(stream.read(PDF_HEAD_BYTES)):
            with PdfPages(document.path, max_pixels=limits.max_pixels) as pdf:
                yield pdf.read
        else:
            yield ImagePages(stream, document.path, max_pixels=limits.max_pixels).read


@contextmanager
def _open_document(path: Path, limits: PageLimits) -> Iterator[BufferedReader]:
    """Open a file for the duration of a block, with messages that name the formats of documents."""
    try:
        with open_content(path, max_bytes=limits.max_bytes, noun="document") as stream:
            yield stream
    except NotAnImageError:
        raise UnreadableImageError("not_a_document", f"it is not a {_READ}; check the file") from None
    except UnreadableImageError as exc:
        if exc.kind != "not_a_file" or not path.is_dir():
            raise
        raise UnreadableImageError(
            "unreadable_folder",
            "it is a folder that cannot be listed, or a folder in a list of documents; correct its "
            "permissions, or list its files instead",
        ) from None


def _count_pages(stream: BinaryIO, path: Path, limits: PageLimits) -> int:
    """Return the number of pages in an open document, or raise if it exceeds the limit."""
    stream.seek(0)
    head = stream.read(PDF_HEAD_BYTES)
    if is_pdf(head) or (path.suffix.lower() == ".pdf" and not is_image_content(head)):
        if is_pdf(head):
            check_pdf_end(stream)
        with open_pdf(path) as pdf:
            pages = len(pdf)
    else:
        pages = ImagePages(stream, path, max_pixels=limits.max_pixels).count()
    if pages > limits.max_pages:
        raise UnreadableImageError(
            "too_many_pages",
            f"the document has {pages:,} pages, and the limit is {limits.max_pages:,}; split it, or raise "
            "LENET_FORM_MAX_PAGES",
        )
    return pages


def _search_folder(folder: Path) -> FoundDocuments:
    """Return the files of a folder tree that may be documents, sorted by path."""
    listed = sorted(walk_files(folder), key=lambda item: item.path)
    paths = tuple(item.path for item in listed if item.problem is not None or may_be_document(item.path))
    if not paths:
        files = "1 file" if len(listed) == 1 else f"{len(listed):,} files"
        raise IngestError(
            f"found no documents among {files} in {path_text(folder)}; "
            f"expected {_READ} files there or in subfolders"
        )
    read = frozenset(paths)
    return FoundDocuments(paths, tuple(item.path for item in listed if item.path not in read))


def may_be_document(path: Path) -> bool:
    """Return whether a file looks like a document by its name, or else by its first bytes."""
    if is_named_as_image(path):
        return True
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            head = stream.read(PDF_HEAD_BYTES)
    except OSError:
        return False
    return is_pdf(head) or is_image_content(head)


def _read_list(path: Path) -> FoundDocuments:
    """Return the paths in a list, in order and without duplicates."""
    names = _csv_names(path) if path.suffix.lower() == ".csv" else _text_names(path)
    paths = tuple(dict.fromkeys(absolute_path(path.parent / name) for name in names))
    if not paths:
        raise IngestError(f"the list {path_text(path)} contains no paths; expected one path per line")
    return FoundDocuments(paths)


def _text_names(path: Path) -> list[str]:
    """Return the lines of a list, decoded like file names, which need not be valid UTF-8."""
    lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines()
    return [os.fsdecode(line.strip()) for line in lines if line.strip()]


def _csv_names(path: Path) -> list[str]:
    """Return the values in the column ``path`` of a CSV file."""
    rows = csv_rows(path)
    _, header = next(rows, (0, []))
    names = [name.lower() for name in header]
    if "path" not in names:
        raise IngestError(
            f"{path_text(path)} is not a list of documents: expected a header row with a column path, "
            f"found {', '.join(header) or 'an empty file'}"
        )
    column = names.index("path")
    return [cells[column] for _, cells in rows if len(cells) > column and cells[column]]


def read_page(path: Path, number: int, limits: PageLimits) -> Page:
    """Read one page of a document.

    Raises:
        IngestError: the document or the page is unreadable, or the document has fewer pages.
    """
    document = inspect_document(path, limits)
    if isinstance(document, Reject):
        raise IngestError(f"{document.source}: {document.reason}")
    if not 1 <= number <= document.pages:
        counted = "1 page" if document.pages == 1 else f"{document.pages} pages"
        raise IngestError(f"{path} has {counted}, so there is no page {number}; correct the page number")
    (page,) = read_pages(document, limits, range(number, number + 1))
    if isinstance(page, Reject):
        raise IngestError(f"page {number} of {page.source}: {page.reason}")
    return page


def states_resolution(path: Path, number: int, limits: PageLimits) -> bool:
    """Return whether a document states the resolution or the size of a page. Otherwise it is a guess.

    Raises:
        IngestError: the document or the page is unreadable.
    """
    try:
        with _open_document(path, limits) as stream:
            if is_pdf(stream.read(PDF_HEAD_BYTES)):
                return True
            return ImagePages(stream, path, max_pixels=limits.max_pixels).states_resolution(number)
    except UnreadableImageError as exc:
        raise IngestError(f"page {number} of {path_text(path)}: {exc}") from exc
