"""Ingest the new documents of an inbox, each once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from lenet_pipeline.audit import counted
from lenet_pipeline.forms import Template, read_template
from lenet_pipeline.ingest import path_text
from lenet_pipeline.jobs.form_ingestion import (
    StoredDocuments,
    record_template_texts,
    refuse_repeated_templates,
    store_documents,
)
from lenet_pipeline.jobs.inbox_archive import archive_documents
from lenet_pipeline.jobs.inbox_look import Look, PlannedFile, find_inbox, look_and_copy
from lenet_pipeline.jobs.ingest_journal import IngestJournal
from lenet_pipeline.jobs.page_store import provenance
from lenet_pipeline.schema import INBOX_DOCUMENTS
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Event, Observer, try_lock, usable_cores
from lenet_pipeline.warehouse import InboxRecord, record_inbox_documents

_FEW_DOCUMENTS = 24  # reading the pages of so few takes less time than starting processes


@dataclass(frozen=True)
class InboxIngest:
    """The result of ingesting from an inbox.

    Attributes:
        inbox: the name of the inbox.
        datasets: the datasets that received documents, sorted.
        documents: number of documents that were taken.
        pages: number of pages in them.
        read: pages that were read with a template.
        unmatched: pages that fit no template.
        blank: pages without ink.
        rejected: documents and pages that could not be read.
        duplicates: documents with the same content as another one of the inbox, which were not read.
        replaced: documents that replace an earlier scan under the same path.
        not_documents: files that are not documents.
        waiting: files that were not complete yet; the next poll looks at them again.
        unreadable: files and folders that could not be opened; the next poll tries them again.
        archived: documents that were moved into the archive.
        digits: number of digits that were added.
        is_busy: another poll of the inbox was running, so this one did nothing.
        digests: the sha256 of the documents that were taken.
    """

    inbox: str
    datasets: tuple[str, ...] = ()
    documents: int = 0
    pages: int = 0
    read: int = 0
    unmatched: int = 0
    blank: int = 0
    rejected: int = 0
    duplicates: int = 0
    replaced: int = 0
    not_documents: int = 0
    waiting: int = 0
    unreadable: int = 0
    archived: int = 0
    digits: int = 0
    is_busy: bool = False
    digests: tuple[str, ...] = field(default=(), repr=False)

    @property
    def has_trouble(self) -> bool:
        """Whether a person should look at what could not be read."""
        return bool(self.unmatched or self.rejected or self.unreadable)


def ingest_inbox(
    settings: Settings, name: str, as_of: datetime | None = None, observer: Observer = SILENT
) -> InboxIngest:
    """Ingest the complete new documents of an inbox into the dataset of the day, ``NAME/YYYY-MM-DD``.

    A new version of a document goes into the dataset of its first version and replaces it. Rejected documents
    are tried again only once they change. An interrupted call leaves nothing half done that the next one
    does not finish. If another process polls the inbox, nothing happens.

    Args:
        settings: of the home.
        name: the inbox.
        as_of: the time whose day (UTC) names the dataset; None is now.
        observer: of the job.

    Raises:
        UnknownNameError: there is no such inbox.
        IngestError: a template or the folder cannot be read.
        StorageError: the store cannot be reached, or the archive cannot be written.
        LakeError: the lake cannot be read or written.
        WarehouseError: the database cannot be read or written.
    """
    inbox = find_inbox(settings, name)
    with inbox_lock(settings, name) as is_held:
        if not is_held:
            return report_busy(name, observer)
        return ingest_locked(settings, inbox, as_of, observer)


def inbox_lock(settings: Settings, name: str) -> AbstractContextManager[bool]:
    """Yield whether this process alone polls the inbox. The system frees the lock of a killed process.

    Raises:
        PipelineError: the home cannot be written.
    """
    return try_lock(settings.home / "inboxes" / f"{name}.lock")


def report_busy(name: str, observer: Observer) -> InboxIngest:
    """Log that another process polls the inbox, and return an empty result."""
    observer.log(f"{name}: another poll of {name} is running")
    return InboxIngest(name, is_busy=True)


def ingest_locked(
    settings: Settings, inbox: InboxRecord, as_of: datetime | None, observer: Observer
) -> InboxIngest:
    """Do what ``ingest_inbox`` does, for a caller that holds the lock of the inbox."""
    seen = observer.step(f"look-into-{inbox.name}", look_and_copy, settings, inbox, as_of)
    for problem in seen.problems:
        observer.warn(f"{inbox.name}: {problem}")
    result = InboxIngest(
        inbox.name, datasets=seen.datasets, waiting=seen.waiting, unreadable=len(seen.problems)
    )
    recorder = _Recorder(inbox, settings, observer)
    if seen.documents:
        references = Path(inbox.references) if inbox.references else None
        templates = [read_template(Path(path), references) for path in inbox.templates]
        result = observer.step(f"store-documents-of-{inbox.name}", _store, seen, templates, result, recorder)
    recorder.record(seen.with_status("unchanged"))
    result = replace(
        result,
        duplicates=recorder.record(_duplicates(seen, recorder)),
        not_documents=recorder.record(seen.with_status("not_a_document")),
    )
    if inbox.archive:
        files = [*seen.kept, *(each.item for each in seen.files)]
        archived = observer.step(f"archive-{inbox.name}", archive_documents, settings, inbox, files, observer)
        result = replace(result, archived=archived)
    _report(result, observer)
    return result


@dataclass(frozen=True)
class _Recorder:
    """Records what became of the files of an inbox."""

    inbox: InboxRecord
    settings: Settings
    observer: Observer
    taken: set[str] = field(default_factory=set)  # paths of the documents that are stored

    def record(self, files: Sequence[PlannedFile]) -> int:
        """Record files that did not change since they were read, and return their number.

        The next poll looks again at a file that did change or is gone.
        """
        stable = [each for each in files if each.item.is_unchanged()]
        if not stable:
            return 0
        self.taken.update(each.item.path for each in stable if each.status == "taken")
        common = {"inbox": self.inbox.name, **provenance(self.settings, self.observer, "taken_at")}
        rows = [
            {
                "path": each.item.path,
                "size_bytes": each.item.size_bytes,
                "modified_ns": each.item.modified_ns,
                "source_sha256": each.source_sha256,
                "status": each.status,
                "dataset": each.dataset,
                "source": path_text(each.item.file),
                "original_path": each.original_path,
                **common,
            }
            for each in stable
        ]
        record_inbox_documents(self.settings.warehouse, pa.Table.from_pylist(rows, schema=INBOX_DOCUMENTS))
        return len(stable)


def _store(
    seen: Look, templates: Sequence[Template], result: InboxIngest, recorder: _Recorder
) -> InboxIngest:
    """Ingest the new documents, one dataset at a time, and record each as taken or rejected."""
    inbox, settings, observer = recorder.inbox, recorder.settings, recorder.observer
    refuse_repeated_templates(templates)
    record_template_texts(templates, settings)
    by_dataset = defaultdict[str, list[PlannedFile]](list)
    for each in seen.documents:
        by_dataset[each.dataset or ""].append(each)
    journal = IngestJournal("forms", inbox.place, settings, observer)
    digests = list[str]()
    for dataset, files in sorted(by_dataset.items()):
        stored = store_documents(
            [each.item.file for each in files],
            dataset,
            templates,
            0 if len(files) <= _FEW_DOCUMENTS else usable_cores(),
            journal,
            settings,
            observer,
            may_be_missing=True,
        )
        opened = _with_outcome(files, stored)
        recorder.record(opened)
        digests += [each.source_sha256 or "" for each in opened if each.status == "taken"]
        result = _add(result, stored, sum(each.status == "taken" for each in opened))
    journal.finish()
    return replace(result, digests=tuple(digests))


def _duplicates(seen: Look, recorder: _Recorder) -> list[PlannedFile]:
    """Return the duplicates of documents that are stored. If the other document is gone, they are needed."""
    missing = {each.item.path for each in seen.documents} - recorder.taken
    return [each for each in seen.with_status("duplicate") if each.original_path not in missing]


def _with_outcome(files: Sequence[PlannedFile], stored: StoredDocuments) -> list[PlannedFile]:
    """Return the files that were opened or rejected, with the status and content that were found."""
    opened = {document.source: document.sha256 for document in stored.documents}
    rejected = {reject.source: reject.source_sha256 for reject in stored.rejects}
    outcome = []
    for each in files:
        source = path_text(each.item.file)
        if source in opened:
            outcome.append(replace(each, source_sha256=opened[source]))
        elif source in rejected:
            digest = rejected[source] or each.source_sha256
            outcome.append(replace(each, status="rejected", source_sha256=digest))
    return outcome


def _add(result: InboxIngest, stored: StoredDocuments, documents: int) -> InboxIngest:
    outcome = stored.outcome
    return replace(
        result,
        documents=result.documents + documents,
        pages=result.pages + outcome.pages,
        read=result.read + outcome.read,
        unmatched=result.unmatched + outcome.unmatched,
        blank=result.blank + outcome.blank,
        rejected=result.rejected + outcome.rejected,
        replaced=result.replaced + outcome.replaced,
        digits=result.digits + outcome.added,
    )


def _report(result: InboxIngest, observer: Observer) -> None:
    """Log the counts that an operator needs, and announce an event if something could not be read."""
    counts = [
        (result.replaced, "replaced"),
        (result.duplicates, "duplicate"),
        (result.not_documents, "not documents"),
        (result.waiting, "not complete yet"),
        (result.unreadable, "unreadable"),
        (result.archived, "archived"),
    ]
    rest = "".join(f", {count:,} {what}" for count, what in counts if count)
    observer.log(
        f"{result.inbox}: {counted(result.documents, 'document')} taken{rest}; "
        f"{counted(result.read, 'page')} read, {result.unmatched:,} unmatched, {result.rejected:,} rejected; "
        f"{counted(result.digits, 'digit')} added"
    )
    if result.has_trouble:
        observer.announce(
            Event.INBOX_TROUBLE,
            {"prefect.resource.id": f"lenet.inbox.{result.inbox}"},
            {
                "inbox": result.inbox,
                "unmatched": result.unmatched,
                "rejected": result.rejected,
                "unreadable": result.unreadable,
            },
        )
