"""Ingest forms: digits of scanned pages go into the lake, pages and fields into the warehouse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass as validated

from lenet_pipeline.audit import counted
from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms import (
    Document,
    FormJob,
    PagePart,
    PageRows,
    ReadPart,
    Template,
    UniqueRule,
    duplicate_page,
    find_documents,
    read_template,
)
from lenet_pipeline.ingest import Reject
from lenet_pipeline.jobs.form_reading import inspect_documents, read_parts
from lenet_pipeline.jobs.ingestion import append_to_dataset, default_dataset, refuse_too_many_rejects
from lenet_pipeline.jobs.rejects import record_rejects
from lenet_pipeline.lake import fingerprint_parts, validate_dataset
from lenet_pipeline.schema import DIGITS, DOCUMENTS, PAGES, identifier_bytes
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer, usable_cores
from lenet_pipeline.warehouse import (
    PageTables,
    TemplateRecord,
    list_pages,
    load_pages,
    record_documents,
    record_templates,
)

_PAGES_PER_PART = 4  # few enough to lose little in a kill, and enough to outweigh the cost of sending them
_PAGES_PER_COMMIT = 512  # a killed command has to read these again, which takes a minute or two
_BYTES_PER_COMMIT = 64 * 2**20  # pending pages are held in memory, and twice while they are stored
_PAGES_WITHOUT_PROCESSES = 4  # reading this many takes less time than starting processes


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


@validated(frozen=True)
class FormIngestJob:
    """Which scans to read, with which templates.

    Attributes:
        path: a PDF, TIFF, PNG or JPEG, a folder tree of them, or a text file that lists paths.
        templates: the YAML files of the forms to expect.
        name: the dataset ``name/split`` that receives the digits; named after the path if None.
        references: the folder of the blank forms; the folder of each template if None.
        processes: number of processes that read pages; one per core if None.
    """

    path: Path
    templates: tuple[Path, ...]
    name: str | None = None
    references: Path | None = None
    processes: PositiveInt | None = None


def ingest_forms(settings: Settings, job: FormIngestJob, observer: Observer = SILENT) -> IngestedForms:
    """Read every page of scanned documents with the template that fits it; never read a page twice.

    Raises:
        IngestError: a template is invalid, there is no document, or too many pages were rejected.
        LakeError: the lake cannot be read or written.
        WarehouseError: the database cannot be read or written.
    """
    dataset = job.name or default_dataset(job.path)
    validate_dataset(dataset)
    templates = tuple(read_template(template, job.references) for template in job.templates)
    processes = job.processes or usable_cores()
    outcome = observer.step(
        f"store-forms-{dataset}", _store_forms, job.path, dataset, templates, processes, settings, observer
    )
    observer.log(
        f"{dataset}: {counted(outcome.read, 'page')} read, {outcome.known:,} read before, "
        f"{outcome.unmatched:,} unmatched, {outcome.rejected:,} rejected; "
        f"{counted(outcome.added, 'digit')} added, {outcome.digits:,} in total"
    )
    return outcome


def _store_forms(
    path: Path,
    dataset: str,
    templates: Sequence[Template],
    processes: int,
    settings: Settings,
    observer: Observer,
) -> IngestedForms:
    """Read documents page by page, and store the results every few hundred pages."""
    if len({template.fingerprint for template in templates}) < len(templates):
        raise IngestError("the same template is given twice; give each template once")
    record_templates(settings.warehouse, [_record(t, settings) for t in templates])
    limits = settings.page_limits
    job = FormJob(
        dataset, tuple(templates), fingerprint_parts(sorted(t.fingerprint for t in templates)), limits
    )
    listed = find_documents(path)
    documents, rejects = inspect_documents(listed.paths, limits, observer)
    record_rejects(dataset, rejects, settings, observer)
    _record_documents(documents, dataset, settings, observer)
    outcome = IngestedForms(dataset, 0, len(documents), unrecognised=listed.unrecognised)
    store = _Store(job, settings, observer, outcome)
    parts = list(store.missing_parts(documents))
    total = sum(len(part.numbers) for part in parts)
    with observer.progress("Reading pages", total) as advance:
        for part in read_parts(job, parts, processes if total > _PAGES_WITHOUT_PROCESSES else 0, observer):
            store.add(part)
            advance(len(part.pages))
    outcome = store.finish()
    tried = outcome.pages + len(rejects)
    refuse_too_many_rejects(
        outcome.rejected + len(rejects),
        tried,
        f"pages in {path}",
        f"the other {outcome.read} were read",
        settings,
    )
    return replace(outcome, rejected=outcome.rejected + len(rejects))


@dataclass
class _Store:
    """Collects the pages that were read, stores them in batches, and remembers the known pages."""

    job: FormJob
    settings: Settings
    observer: Observer
    outcome: IngestedForms
    pending: list[PageRows] = field(default_factory=list)
    pending_bytes: int = 0
    rejects: list[Reject] = field(default_factory=list)
    known: set[tuple[str, int]] = field(default_factory=set)
    pictures: dict[str, bytes] = field(default_factory=dict)  # page_fingerprint to page_id

    def missing_parts(self, documents: Iterable[Document]) -> Iterator[PagePart]:
        """Yield, a few at a time, the pages that were not yet tried with this set of templates."""
        self._learn_known_pages()
        seen = set[str]()
        for document in documents:
            if document.sha256 in seen:  # the same file under another name
                self._count(duplicates=document.pages, pages=document.pages)
                continue
            seen.add(document.sha256)
            missing = [n for n in range(1, document.pages + 1) if (document.sha256, n) not in self.known]
            self._count(known=document.pages - len(missing), pages=document.pages)
            for run in _runs(missing):
                for start in range(run.start, run.stop, _PAGES_PER_PART):
                    yield PagePart(document, range(start, min(start + _PAGES_PER_PART, run.stop)))

    def add(self, part: ReadPart) -> None:
        """Add the pages of a part, and store all pending pages if there are enough."""
        self.rejects += part.rejects
        for rows in part.pages:
            original = self.pictures.get(rows.page.get("page_fingerprint") or "")
            if rows.page["status"] == "read":
                if original is not None:
                    rows = duplicate_page(rows, original)
                else:
                    self.pictures[rows.page["page_fingerprint"]] = rows.page["page_id"]
            status = rows.page["status"]
            self._count(**{"duplicates" if status == "duplicate" else status: 1})
            self.pending.append(rows)
            self.pending_bytes += rows.size_bytes
        digits = sum(len(rows.digits) for rows in self.pending)
        is_full = self.pending_bytes >= _BYTES_PER_COMMIT or digits >= self.settings.shard_rows
        if is_full or len(self.pending) >= _PAGES_PER_COMMIT:
            self._store()

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
            if is_read and row["page_fingerprint"]:
                self.pictures.setdefault(row["page_fingerprint"], identifier_bytes(row["page_id"]))

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
        appended = append_to_dataset(settings, self.job.dataset, [digits], self.observer, may_be_empty=True)
        self.outcome = replace(self.outcome, digits=appended.rows, added=self.outcome.added + appended.added)
        record_rejects(self.job.dataset, self.rejects, settings, self.observer)
        if self.pending:
            load_pages(settings.warehouse, _tables(self.pending, settings, self.observer))
        self.pending, self.pending_bytes, self.rejects = [], 0, []


def _record(template: Template, settings: Settings) -> TemplateRecord:
    return TemplateRecord(
        template=template.fingerprint,
        form=template.form,
        text=template.text,
        fields=tuple(each.name for each in template.fields),
        unique_fields=frozenset(rule.field for rule in template.rules if isinstance(rule, UniqueRule)),
        recorded_at=datetime.now(UTC),
        actor=settings.actor,
    )


def _record_documents(
    documents: Sequence[Document], dataset: str, settings: Settings, observer: Observer
) -> None:
    common = {"dataset": dataset, **_provenance(settings, observer, "recorded_at")}
    rows = [
        {
            "source_sha256": document.sha256,
            "source": document.source,
            "pages": document.pages,
            "size_bytes": document.size_bytes,
            **common,
        }
        for document in documents
    ]
    record_documents(settings.warehouse, pa.Table.from_pylist(rows, schema=DOCUMENTS))


def _tables(pages: Sequence[PageRows], settings: Settings, observer: Observer) -> PageTables:
    common = _provenance(settings, observer, "read_at")
    return PageTables(
        pages=pa.Table.from_pylist([rows.page | common for rows in pages], schema=PAGES),
        fields=pa.concat_tables([rows.fields for rows in pages]),
        cells=pa.concat_tables([rows.cells for rows in pages]),
    )


def _provenance(settings: Settings, observer: Observer, time_column: str) -> dict[str, Any]:
    return {time_column: datetime.now(UTC), "actor": settings.actor, "flow_run_id": observer.flow_run_id}


def _runs(numbers: Sequence[int]) -> Iterator[range]:
    """Yield maximal runs of consecutive numbers."""
    start = 0
    for place in range(1, len(numbers) + 1):
        if place == len(numbers) or numbers[place] != numbers[place - 1] + 1:
            yield range(numbers[start], numbers[place - 1] + 1)
            start = place
