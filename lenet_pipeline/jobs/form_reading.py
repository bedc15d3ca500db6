"""Documents opened and their pages read, in processes: what fails is a reject, and the rest goes on."""

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
    """Return the documents that can be opened, and a reject for each of the others."""
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
    """Yield what each part gave, in order; read here where there are no processes to share the work."""
    read = partial(read_part, job=job)
    with closing(work_in_processes(read, iter(parts), processes)) as done_parts:
        for done in done_parts:
            yield done.result if isinstance(done.result, ReadPart) else _read_one_by_one(job, done, observer)


def _read_one_by_one(job: FormJob, done: Done[PagePart, ReadPart], observer: Observer) -> ReadPart:
    """Read the pages of a part that failed apart: the one at fault is a reject, the others are read."""
    read, document = partial(read_part, job=job), done.part.document
    alone = (PagePart(document, range(number, number + 1)) for number in done.part.numbers)
    pages, rejects = list[PageRows](), list[Reject]()
    with closing(work_in_processes(read, alone, 1)) as done_pages:
        for page in done_pages:
            if isinstance(page.result, ReadPart):
                pages += page.result.pages
                rejects += page.result.rejects
                continue
            reject = _failed(document, page.part.numbers.start, page.result, observer)
            rejects.append(reject)
            pages.append(rejected_page(job, document, reject))
    return ReadPart(tuple(pages), tuple(rejects))


def _failed(document: Document, number: int, error: Exception, observer: Observer) -> Reject:
    if isinstance(error, ProcessLostError):
        kind, said = "crashed_reader", "reading it ended the process, as a crash or a lack of memory does"
    else:
        kind, said = "failed_reader", f"reading it failed ({type(error).__name__}: {error})"
    observer.log(f"page {number} of {document.source}: {said}")
    return Reject(document.source, kind, f"{said}; scan it again", document.sha256, number)
