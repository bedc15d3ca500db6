"""Open documents and read their pages in processes. A page that fails becomes a reject."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from lenet_pipeline.forms import (
    Document,
    FormJob,
    PageLimits,
    PagePart,
    PageRows,
    ReadPart,
    inspect_document,
    read_part,
    rejected_page,
)
from lenet_pipeline.ingest import Reject
from lenet_pipeline.system import Done, Observer, ProcessLostError, work_in_processes


def inspect_documents(
    paths: Sequence[Path], limits: PageLimits, observer: Observer
) -> tuple[list[Document], list[Reject]]:
    """Open documents, and return them with a reject for each one that cannot be opened."""
    documents, rejects = [], []
    with observer.progress("Opening documents", len(paths)) as advance:
        for path in paths:
            found = inspect_document(path, limits)
            if isinstance(found, Reject):
                rejects.append(found)
            else:
                documents.append(found)
            advance(1)
    return documents, rejects


def read_parts(
    job: FormJob, parts: Sequence[PagePart], processes: int, observer: Observer
) -> Iterator[ReadPart]:
    """Yield the result of each part, in order. With 0 processes, read in this process."""
    read = partial(read_part, job=job)
    with closing(work_in_processes(read, iter(parts), processes)) as done_parts:
        for done in done_parts:
            yield done.result if isinstance(done.result, ReadPart) else _read_one_by_one(job, done, observer)


def _read_one_by_one(job: FormJob, done: Done[PagePart, ReadPart], observer: Observer) -> ReadPart:
    """Read the pages of a failed part one at a time, so that only the page at fault becomes a reject."""
    read, document = partial(read_part, job=job), done.part.document
    single_pages = (PagePart(document, range(number, number + 1)) for number in done.part.numbers)
    pages, rejects = list[PageRows](), list[Reject]()
    with closing(work_in_processes(read, single_pages, 1)) as done_pages:
        for page in done_pages:
            if isinstance(page.result, ReadPart):
                pages += page.result.pages
                rejects += page.result.rejects
                continue
            reject = _failed_page(document, page.part.numbers.start, page.result, observer)
            rejects.append(reject)
            pages.append(rejected_page(job, document, reject))
    return ReadPart(done.part, tuple(pages), tuple(rejects))


def _failed_page(document: Document, number: int, error: Exception, observer: Observer) -> Reject:
    if isinstance(error, ProcessLostError):
        kind, reason = (
            "crashed_reader",
            "reading it ended the process, because of a crash or lack of memory",
        )
    else:
        kind, reason = "failed_reader", f"reading it failed ({type(error).__name__}: {error})"
    observer.log(f"page {number} of {document.source}: {reason}")
    return Reject(document.source, kind, f"{reason}; scan it again", document.sha256, number)
