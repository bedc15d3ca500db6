"""Ingest forms: scans and templates in, digits into the lake, pages and fields into the database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass as validated

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

_PAGES_A_PART = 4  # a process's turn: short beside a kill, long beside sending it
_PAGES_A_COMMIT = 512  # a minute or two: what a killed command has to read again
_BYTES_A_COMMIT = 64 * 2**20  # what waits to be stored is held in memory, and once more while it is
_PAGES_ALONE = 4  # fewer are read before another process has started


@dataclass(frozen=True)
class IngestedForms:
    """What one ingest of forms did, in pages; ``known`` ones were read before and are not read again.

    ``digits`` is how many the dataset has now. ``unmatched`` pages fit no template, ``blank`` ones show
    nothing, ``duplicates`` are the same picture as a page read before.
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
        path: one PDF, TIFF, PNG or JPEG, a folder tree of them, or a list of paths.
        templates: the YAML files of the forms to expect.
        name: the dataset ``name/split`` that receives the digits; named after the path if None.
        references: the folder of the templates' blank forms; next to each template if None.
        processes: how many processes read pages; one per core if None.
    """

    path: Path
    templates: tuple[Path, ...]
    name: str | None = None
    references: Path | None = None
    processes: PositiveInt | None = None


def ingest_forms(settings: Settings, job: FormIngestJob, observer: Observer = SILENT) -> IngestedForms:
    """Read every page of scanned documents with the template that fits it; never read a page twice.

    Raises:
        IngestError: a template is not valid, there is no document, or too many pages were rejected.
        LakeError: the lake could not be read or written.
    """
    dataset = job.name or default_dataset(job.path)
    validate_dataset(dataset)
    templates = tuple(read_template(template, job.references) for template in job.templates)
    processes = job.processes or usable_cores()
    outcome = observer.step(
        f"store-forms-{dataset}", _store_forms, job.path, dataset, templates, processes, settings, observer
    )
    observer.log(
        f"{dataset}: {outcome.read:,} pages read, {outcome.known:,} known, {outcome.unmatched:,} of no form, "
        f"{outcome.rejected:,} rejected; {outcome.added:,} digits added, {outcome.digits:,} in all"
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
    """Read documents page by page and store what is found, some hundred pages at a time."""
    _require_different(templates)
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
        for part in read_parts(job, parts, processes if total > _PAGES_ALONE else 0, observer):
            store.add(part)
            advance(len(part.pages))
    outcome = store.finish()
    tried = outcome.pages + len(rejects)
    refuse_too_many_rejects(
        outcome.rejected + len(rejects),
        tried,
        f"pages in {path}",
        f"the other {outcome.read} are read",
        settings,
    )
    return replace(outcome, rejected=outcome.rejected + len(rejects))


@dataclass
class _Store:
    """What was read and is not stored yet, and what is known of the dataset's pages."""

    job: FormJob
    settings: Settings
    observer: Observer
    outcome: IngestedForms
    pending: list[PageRows] = field(default_factory=list)
    pending_bytes: int = 0
    rejects: list[Reject] = field(default_factory=list)
    known: set[tuple[str, int]] = field(default_factory=set)
    pictures: dict[str, bytes] = field(default_factory=dict)  # fingerprints of pages read, and their ids

    def missing_parts(self, documents: Iterable[Document]) -> Iterator[PagePart]:
        """Yield the pages that this set of templates has not been tried on, a few at a time."""
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
                for start in range(run.start, run.stop, _PAGES_A_PART):
                    yield PagePart(document, range(start, min(start + _PAGES_A_PART, run.stop)))

    def add(self, part: ReadPart) -> None:
        """Take in what a part gave; store all that is pending when there is enough."""
        self.rejects += part.rejects
        for rows in part.pages:
            original = self.pictures.get(rows.page.get("page_fingerprint") or "")
            if rows.page["status"] == "read":
                if original is not None:
                    rows = duplicate_page(rows, original)
                else:
                    self.pictures[rows.page["page_fingerprint"]] = rows.page["page_id"]
            self._count(**{_COUNTED[rows.page["status"]]: 1})
            self.pending.append(rows)
            self.pending_bytes += rows.size_bytes
        digits = sum(len(rows.digits) for rows in self.pending)
        is_much = self.pending_bytes >= _BYTES_A_COMMIT or digits >= self.settings.shard_rows
        if is_much or len(self.pending) >= _PAGES_A_COMMIT:
            self._store()

    def finish(self) -> IngestedForms:
        """Store what is left and say what was done."""
        self._store()
        return self.outcome

    def _learn_known_pages(self) -> None:
        fingerprints = {template.fingerprint for template in self.job.templates}
        pages = list_pages(self.settings.warehouse, self.job.dataset)
        for row in pages.to_pylist():
            is_read = row["status"] == "read" and row["template"] in fingerprints
            # Without a picture, what stood in the way may be gone: a limit is raised, memory is free again.
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
        """Append digits to the lake, then load the pages: killed between, pages are read again, and match."""
        settings = self.settings
        digits = pa.concat_tables([rows.digits for rows in self.pending] or [DIGITS.empty_table()])
        appended = append_to_dataset(settings, self.job.dataset, [digits], self.observer, may_be_empty=True)
        self.outcome = replace(self.outcome, digits=appended.rows, added=self.outcome.added + appended.added)
        record_rejects(self.job.dataset, self.rejects, settings, self.observer)
        if self.pending:
            load_pages(settings.warehouse, _tables(self.pending, settings, self.observer))
        self.pending, self.pending_bytes, self.rejects = [], 0, []


_COUNTED = {
    "read": "read",
    "unmatched": "unmatched",
    "blank": "blank",
    "duplicate": "duplicates",
    "rejected": "rejected",
}


def _require_different(templates: Sequence[Template]) -> None:
    if len({template.fingerprint for template in templates}) < len(templates):
        raise IngestError("the same template is given twice; give each form once")


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
    common = {"dataset": dataset, **_when_and_who(settings, observer, "recorded_at")}
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
    common = _when_and_who(settings, observer, "read_at")
    return PageTables(
        pages=pa.Table.from_pylist([rows.page | common for rows in pages], schema=PAGES),
        fields=pa.concat_tables([rows.fields for rows in pages]),
        cells=pa.concat_tables([rows.cells for rows in pages]),
    )


def _when_and_who(settings: Settings, observer: Observer, when: str) -> dict[str, Any]:
    return {when: datetime.now(UTC), "actor": settings.actor, "flow_run_id": observer.flow_run_id}


def _runs(numbers: Sequence[int]) -> Iterator[range]:
    """Yield the runs of numbers without a gap."""
    start = 0
    for place in range(1, len(numbers) + 1):
        if place == len(numbers) or numbers[place] != numbers[place - 1] + 1:
            yield range(numbers[start], numbers[place - 1] + 1)
            start = place
