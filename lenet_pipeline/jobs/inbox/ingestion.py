"""Ingest the new documents of an inbox, each once."""

from __future__ import annotations

from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import datetime

from lenet_pipeline.audit import counted
from lenet_pipeline.jobs.inbox.archive import archive_documents
from lenet_pipeline.jobs.inbox.look import Look, PlannedFile, find_inbox, look_and_copy
from lenet_pipeline.jobs.inbox.records import InboxIngest, InboxRecorder
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Event, Observer, try_lock
from lenet_pipeline.warehouse import InboxRecord


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
    folder = settings.home / "inboxes"
    with suppress(OSError):  # the lock reports it
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it also holds copies of documents
    return try_lock(folder / f"{name}.lock")


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
    result = InboxIngest(inbox.name, waiting=seen.waiting, unreadable=len(seen.problems))
    recorder = InboxRecorder(inbox, settings, observer)
    taken: frozenset[str] = frozenset()
    if seen.documents:
        from lenet_pipeline.jobs.inbox.storing import store_new_documents  # loads OpenCV

        step = f"store-documents-of-{inbox.name}"
        result, taken = observer.step(step, store_new_documents, seen, result, recorder)
    recorder.record(seen.with_status("unchanged"))
    result = replace(
        result,
        duplicates=len(recorder.record(_duplicates(seen, taken))),
        not_documents=len(recorder.record(seen.with_status("not_a_document"))),
    )
    if inbox.archive:
        files = [*seen.kept, *(each.item for each in seen.files)]
        archived = observer.step(f"archive-{inbox.name}", archive_documents, settings, inbox, files, observer)
        result = replace(result, archived=archived)
    _report(result, observer)
    return result


def _duplicates(seen: Look, taken: frozenset[str]) -> list[PlannedFile]:
    """Return the duplicates of documents that are stored. If the other document is gone, they are needed."""
    missing = {each.item.path for each in seen.documents} - taken
    return [each for each in seen.with_status("duplicate") if each.original_path not in missing]


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
