"""The result of an ingest from an inbox, and the record of its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from lenet_pipeline.ingest import path_text
from lenet_pipeline.jobs.inbox.look import PlannedFile
from lenet_pipeline.jobs.provenance import provenance
from lenet_pipeline.schema import INBOX_DOCUMENTS
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Observer
from lenet_pipeline.warehouse import InboxRecord, record_inbox_documents


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


@dataclass(frozen=True)
class InboxRecorder:
    """Records what became of the files of an inbox."""

    inbox: InboxRecord
    settings: Settings
    observer: Observer

    def record(self, files: Sequence[PlannedFile]) -> list[PlannedFile]:
        """Record the files that did not change since they were read, and return them.

        The next poll looks again at a file that did change or is gone.
        """
        stable = [each for each in files if each.item.is_unchanged()]
        if not stable:
            return []
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
        return stable
