"""Store the pages of forms in batches: digits in the lake, pages in the warehouse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from lenet_pipeline.forms import (
    Document,
    FormJob,
    PagePart,
    PageRows,
    ReadPart,
    duplicate_page,
    locate_sheet,
)
from lenet_pipeline.ingest import Reject
from lenet_pipeline.jobs.appending import append_to_dataset
from lenet_pipeline.jobs.ingest_journal import IngestJournal
from lenet_pipeline.jobs.provenance import provenance
from lenet_pipeline.jobs.rejects import record_rejects
from lenet_pipeline.schema import DIGITS, PAGES, identifier_bytes
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Observer
from lenet_pipeline.warehouse import PageTables, list_pages, load_pages

_PAGES_PER_PART = 4  # few enough to lose little in a kill, and enough to outweigh the cost of sending them
_PAGES_PER_COMMIT = 512  # a killed command has to read these again, which takes a minute or two
_BYTES_PER_COMMIT = 64 * 2**20  # pending pages are held in memory, and twice while they are stored


@dataclass(frozen=True)
class IngestedForms:
    """The result of ingesting forms.

    Attributes:
        dataset: the dataset.
        digits: number of digits in the dataset now.
        documents: number of documents that could be opened.
        pages: number of pages in them.
        read: pages that were read with a template.
        unmatched: pages that fit no template.
        blank: pages without ink.
        duplicates: pages with the same picture as an earlier page.
        rejected: pages and documents that could not be read.
        known: pages that were read before and were skipped.
        added: number of digits that were added.
        unrecognised: number of files that are not documents.
        first_unrecognised: the name of the first of them, or None if there is none.
        replaced: number of documents that replace an earlier scan of the same name.
        further_sheets: number of sheets beyond the first on their scan. They are pages of their own, which
            ``pages`` does not count.
    """

    dataset: str
    digits: int
    documents: int
    pages: int = 0
    read: int = 0
    unmatched: int = 0
    blank: int = 0
    duplicates: int = 0
    rejected: int = 0
    known: int = 0
    added: int = 0
    unrecognised: int = 0
    first_unrecognised: str | None = None
    replaced: int = 0
    further_sheets: int = 0


@dataclass(frozen=True)
class _Original:
    """A page that was read. Later pages with the same picture are its duplicates."""

    page_id: bytes
    source: str
    source_sha256: str

    @classmethod
    def of(cls, page: Mapping[str, Any]) -> _Original:
        return cls(identifier_bytes(page["page_id"]), page["source"], page["source_sha256"])

    def is_replaced_by(self, page: Mapping[str, Any]) -> bool:
        """Tell whether a page belongs to a later scan of the same document, which must be complete."""
        return bool(self.source == page["source"] and self.source_sha256 != page["source_sha256"])


@dataclass
class PageStore:
    """Collects the pages that were read, stores them in batches, and remembers the known pages."""

    job: FormJob
    settings: Settings
    observer: Observer
    journal: IngestJournal
    current: set[str]  # sha256 of the documents that no later scan replaced
    outcome: IngestedForms
    pending: list[PageRows] = field(default_factory=list)
    pending_bytes: int = 0
    rejects: list[Reject] = field(default_factory=list)
    known: set[tuple[str, int]] = field(default_factory=set)
    unread: dict[str, set[int]] = field(default_factory=dict)  # page numbers by sha256
    sheets: dict[str, dict[int, bytes]] = field(default_factory=dict)  # ids of read pages, likewise
    pictures: dict[str, _Original] = field(default_factory=dict)  # by page_fingerprint

    def missing_parts(self, documents: Iterable[Document]) -> Iterator[PagePart]:
        """Yield, a few at a time, the pages that were not yet tried with this set of templates."""
        self._learn_known_pages()
        seen = set[str]()
        for document in documents:
            if document.sha256 in seen:  # the same file under another name
                self._count(duplicates=document.pages, pages=document.pages)
                continue
            seen.add(document.sha256)
            missing = self._missing_pages(document)
            self._count(known=document.pages - len(missing), pages=document.pages)
            for run in _runs(missing):
                for start in range(run.start, run.stop, _PAGES_PER_PART):
                    yield PagePart(document, range(start, min(start + _PAGES_PER_PART, run.stop)))

    def _missing_pages(self, document: Document) -> list[int]:
        """Return the pages that these templates have not tried, and those with a sheet that was not read."""
        sha256, pages = document.sha256, document.pages
        unread = (number for number in self.unread.get(sha256, ()) if (sha256, number) not in self.known)
        in_part = {locate_sheet(number, pages)[0] for number in unread}
        numbers = range(1, pages + 1)
        return [number for number in numbers if (sha256, number) not in self.known or number in in_part]

    def add(self, part: ReadPart) -> None:
        """Add the pages of a part, and store all pending pages if there are enough."""
        part = self._without_stored_sheets(part)
        self.rejects += part.rejects
        self._count(further_sheets=max(len(part.pages) - len(part.part.numbers), 0))
        for rows in part.pages:
            if rows.page["status"] == "read":
                original = self.pictures.get(rows.page["page_fingerprint"])
                if original is not None and not original.is_replaced_by(rows.page):
                    rows = duplicate_page(rows, original.page_id)
                else:
                    self.pictures[rows.page["page_fingerprint"]] = _Original.of(rows.page)
            status = rows.page["status"]
            self._count(**{"duplicates" if status == "duplicate" else status: 1})
            self.pending.append(rows)
            self.pending_bytes += rows.size_bytes
        digits = sum(len(rows.digits) for rows in self.pending)
        is_full = self.pending_bytes >= _BYTES_PER_COMMIT or digits >= self.settings.shard_rows
        if is_full or len(self.pending) >= _PAGES_PER_COMMIT:
            self._store()

    def _without_stored_sheets(self, part: ReadPart) -> ReadPart:
        """Leave out sheets that are stored, and scans on which other sheets would now have their numbers."""
        document = part.part.document
        stored = self.sheets.get(document.sha256)
        if stored is None:
            return part
        found = {rows.page["page"]: rows.page["page_id"] for rows in part.pages}
        recounted = {
            scanned
            for number, page_id in stored.items()
            if (scanned := locate_sheet(number, document.pages)[0]) in part.part.numbers
            and found.get(number) != page_id
        }
        for scanned in sorted(recounted):
            self.observer.log(
                f"page {scanned} of {document.source}: with these templates, its forms have other numbers "
                "than before, so it was not read again; cut the scan into one picture per form"
            )

        def is_new(number: int) -> bool:
            return number not in stored and locate_sheet(number, document.pages)[0] not in recounted

        pages = tuple(rows for rows in part.pages if is_new(rows.page["page"]))
        rejects = tuple(reject for reject in part.rejects if is_new(reject.page or 1))
        return replace(part, pages=pages, rejects=rejects)

    def finish(self) -> IngestedForms:
        """Store the remaining pages, and return the result."""
        self._store()
        return self.outcome

    def _learn_known_pages(self) -> None:
        fingerprints = {template.fingerprint for template in self.job.templates}
        pages = list_pages(self.settings.warehouse, self.job.dataset)
        for row in pages.to_pylist():
            is_read = row["status"] == "read" and row["template"] in fingerprints
            # A page without a picture is read again, because the cause may be gone: a limit that was raised
            # since, or a lack of memory.
            has_picture = row["page_fingerprint"] is not None
            if is_read or (has_picture and row["templates"] == self.job.templates_fingerprint):
                self.known.add((row["source_sha256"], row["page"]))
            if row["status"] in ("unmatched", "rejected"):
                self.unread.setdefault(row["source_sha256"], set()).add(row["page"])
            if is_read:
                read = self.sheets.setdefault(row["source_sha256"], {})
                read[row["page"]] = identifier_bytes(row["page_id"])
            if is_read and has_picture and row["source_sha256"] in self.current:
                self.pictures[row["page_fingerprint"]] = _Original.of(row)

    def _count(self, **changes: int) -> None:
        self.outcome = replace(
            self.outcome, **{name: getattr(self.outcome, name) + count for name, count in changes.items()}
        )

    def _store(self) -> None:
        """Append digits to the lake, then load the pages.

        If the process is killed in between, the pages are read again and give the same digits.
        """
        settings = self.settings
        digits = pa.concat_tables([rows.digits for rows in self.pending] or [DIGITS.empty_table()])
        appended = append_to_dataset(
            settings, self.job.dataset, [digits], self.observer, self.journal, may_be_empty=True
        )
        self.outcome = replace(self.outcome, digits=appended.rows, added=self.outcome.added + appended.added)
        record_rejects(self.job.dataset, self.rejects, settings, self.observer)
        if self.rejects:
            self.journal.add(self.job.dataset, rejected=len(self.rejects))
        if self.pending:
            load_pages(settings.warehouse, _tables(self.pending, settings, self.observer))
        self.pending, self.pending_bytes, self.rejects = [], 0, []


def _tables(pages: Sequence[PageRows], settings: Settings, observer: Observer) -> PageTables:
    common = provenance(settings, observer, "read_at")
    return PageTables(
        pages=pa.Table.from_pylist([rows.page | common for rows in pages], schema=PAGES),
        fields=pa.concat_tables([rows.fields for rows in pages]),
        cells=pa.concat_tables([rows.cells for rows in pages]),
        choices=pa.concat_tables([rows.choices for rows in pages]),
        options=pa.concat_tables([rows.options for rows in pages]),
    )


def _runs(numbers: Sequence[int]) -> Iterator[range]:
    """Yield maximal runs of consecutive numbers."""
    start = 0
    for place in range(1, len(numbers) + 1):
        if place == len(numbers) or numbers[place] != numbers[place - 1] + 1:
            yield range(numbers[start], numbers[place - 1] + 1)
            start = place
