"""Documents: which files there are to read, how many pages each has, and its pages one at a time."""

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
from lenet_pipeline.forms.documents.pdf import PDF_HEAD_BYTES, PdfPages, check_pdf_end, is_pdf, open_pdf
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
    """The largest inputs that are read: bytes of a file, pixels of a page, pages of a document."""

    max_bytes: int
    max_pixels: int
    max_pages: int


@dataclass(frozen=True)
class Document:
    """One file of pages; ``source`` is its path as text, ``sha256`` that of its bytes."""

    path: Path
    source: str
    sha256: str
    pages: int
    size_bytes: int


@dataclass(frozen=True)
class FoundDocuments:
    """The files to read, in order, and how many others lay among them that are no documents."""

    paths: tuple[Path, ...]
    unrecognised: int = 0


def list_documents(path: Path) -> list[Path]:
    """List the documents of a file, a folder tree or a list; see ``find_documents``."""
    return list(find_documents(path).paths)


def find_documents(path: Path) -> FoundDocuments:
    """Find the documents of one file, a folder tree, or a list of paths.

    A list is a ``.txt`` of one path a line or a ``.csv`` with the column ``path``; its paths are relative to
    it. In a folder, hidden files are skipped, and what is no document by its name nor its content is only
    counted. What a user or a list names stays, whatever it is, and so does a folder that cannot be listed:
    ``inspect_document`` says what is wrong with it.

    Raises:
        IngestError: the path is missing or may not be read, or nothing in it may be a document.
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
    """Open a document and count its pages; return why not, where it cannot be read at all."""
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
    """Read pages of a document in order, one in memory at a time; one that cannot be read is a reject.

    Args:
        document: what ``inspect_document`` gave.
        limits: as they were given to it.
        numbers: the pages to read, from 1; all by default, and none that the document does not have.
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
    except UnreadableImageError as exc:  # the document has changed or gone since it was inspected
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
    """Open a document in this block, as a function that reads one page of it.

    Raises:
        UnreadableImageError: it cannot be opened any more, or has changed.
    """
    with _open_document(document.path, limits) as stream:
        if os.fstat(stream.fileno()).st_size != document.size_bytes:
            raise UnreadableImageError(
                "changed_file", "the file has changed while it was read; read it again once it is whole"
            )
        if is_pdf(stream.read(PDF_HEAD_BYTES)):
            with PdfPages(document.path, max_pixels=limits.max_pixels) as pdf:
                yield pdf.read
        else:
            yield ImagePages(stream, document.path, max_pixels=limits.max_pixels).read


@contextmanager
def _open_document(path: Path, limits: PageLimits) -> Iterator[BufferedReader]:
    """Open a file in this block, with messages that say what documents are."""
    try:
        with open_content(path, max_bytes=limits.max_bytes, noun="document") as stream:
            yield stream
    except NotAnImageError:
        raise UnreadableImageError("not_a_document", f"it is no {_READ}; check what it is") from None
    except UnreadableImageError as exc:
        if exc.kind != "not_a_file" or not path.is_dir():
            raise
        raise UnreadableImageError(
            "unreadable_folder",
            "it is a folder, and could not be listed or is named in a list; correct its permissions, or "
            "name its files",
        ) from None


def _count_pages(stream: BinaryIO, path: Path, limits: PageLimits) -> int:
    """Return how many pages an open document has, within the limit."""
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
            f"the document has {pages:,} pages and at most {limits.max_pages:,} are read; split it, or raise "
            "LENET_FORM_MAX_PAGES",
        )
    return pages


def _search_folder(folder: Path) -> FoundDocuments:
    """Find what may be documents in a folder tree, sorted."""
    listed = sorted(walk_files(folder), key=lambda item: item.path)
    paths = tuple(item.path for item in listed if item.problem is not None or _may_be_document(item.path))
    if not paths:
        raise IngestError(
            f"the folder {path_text(folder)} holds no document among its {len(listed):,} files; "
            f"expected {_READ} files in it or below it"
        )
    return FoundDocuments(paths, unrecognised=len(listed) - len(paths))


def _may_be_document(path: Path) -> bool:
    """Tell by a file's name, and else by how it begins, whether to read it."""
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
    """Return the paths that a list names, each once, in its order."""
    names = _csv_names(path) if path.suffix.lower() == ".csv" else _text_names(path)
    paths = tuple(dict.fromkeys(absolute_path(path.parent / name) for name in names))
    if not paths:
        raise IngestError(f"{path_text(path)} names no document; expected one path a line")
    return FoundDocuments(paths)


def _text_names(path: Path) -> list[str]:
    """Return the lines of a list; as names on disk they need be no UTF-8."""
    lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines()
    return [os.fsdecode(line.strip()) for line in lines if line.strip()]


def _csv_names(path: Path) -> list[str]:
    """Return the column ``path`` of a CSV."""
    rows = csv_rows(path)
    _, header = next(rows, (0, []))
    names = [name.lower() for name in header]
    if "path" not in names:
        raise IngestError(
            f"{path_text(path)} is no list of documents: expected a header row with the column path, "
            f"found {', '.join(header) or 'nothing'}"
        )
    column = names.index("path")
    return [cells[column] for _, cells in rows if len(cells) > column and cells[column]]


def read_page(path: Path, number: int, limits: PageLimits) -> Page:
    """Read one page of a document.

    Raises:
        IngestError: it cannot be read, or the document has no such page.
    """
    document = inspect_document(path, limits)
    if isinstance(document, Reject):
        raise IngestError(f"{document.source}: {document.reason}")
    if not 1 <= number <= document.pages:
        raise IngestError(f"{path} has no page {number}; it has {document.pages}")
    (page,) = read_pages(document, limits, range(number, number + 1))
    if isinstance(page, Reject):
        raise IngestError(f"page {number} of {page.source}: {page.reason}")
    return page
