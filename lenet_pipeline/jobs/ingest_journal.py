"""Record what an ingest does to each dataset, while it runs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pyarrow as pa

from lenet_pipeline.errors import LakeError
from lenet_pipeline.lake import Manifest, compare_labels, find_manifest, read_manifest
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Observer
from lenet_pipeline.warehouse import IngestRecord, find_dataset_version, record_dataset, record_ingest


def record_version_found(settings: Settings, manifest: Manifest) -> None:
    """Record the newest version of a dataset, unless the job that committed it did so.

    It did not if it belongs to an older release, or if it was interrupted. In the second case, the labels
    that changed since the newest recorded version are recorded, too, if the lake still has that version.

    Raises:
        WarehouseError: the database cannot be written.
    """
    changes = None
    recorded = find_dataset_version(settings.warehouse, manifest.dataset)
    if recorded is not None and recorded < manifest.version:
        with suppress(LakeError):
            former = read_manifest(settings.lake, manifest.dataset, recorded)
            changes = compare_labels(settings.lake, former, manifest)
    record_dataset(settings.warehouse, manifest, changes)


class IngestJournal:
    """The record of one ingest. Every change is stored at once, so an interrupted ingest leaves its counts.

    Args:
        kind: the kind of source, such as ``images``.
        source: the path or name of the source.
        settings: of the home.
        observer: of the job.
    """

    def __init__(self, kind: str, source: str, settings: Settings, observer: Observer) -> None:
        self._kind, self._source, self._settings = kind, source, settings
        self._ingest_id, self._started_at = uuid4(), datetime.now(UTC)
        self._flow_run_id = observer.flow_run_id
        self._records: dict[str, IngestRecord] = {}
        self._existing: set[str] = set()

    def start(self, dataset: str, *, documents: int | None = None, pages: int | None = None) -> None:
        """Record the start of the ingest into a dataset, and the dataset's version if it is not recorded.

        Raises:
            LakeError: the dataset's manifest cannot be read.
            WarehouseError: the database cannot be written.
        """
        before = find_manifest(self._settings.lake, dataset)
        self._records[dataset] = IngestRecord(
            ingest_id=self._ingest_id,
            dataset=dataset,
            kind=self._kind,
            source=self._source,
            started_at=self._started_at,
            actor=self._settings.actor,
            flow_run_id=self._flow_run_id,
            documents=documents,
            pages=pages,
        )
        record_ingest(self._settings.warehouse, self._records[dataset])
        if before is not None:
            self._existing.add(dataset)
            record_version_found(self._settings, before)

    def add(
        self,
        dataset: str,
        *,
        added: int = 0,
        relabelled: int = 0,
        skipped: int = 0,
        rejected: int = 0,
        manifest: Manifest | None = None,
        label_changes: pa.Table | None = None,
    ) -> None:
        """Add to the counts of a dataset, and record its version and label changes if it changed.

        Raises:
            WarehouseError: the database cannot be written.
        """
        former = self._records[dataset]
        self._records[dataset] = replace(
            former,
            digits_added=former.digits_added + added,
            digits_relabelled=former.digits_relabelled + relabelled,
            digits_skipped=former.digits_skipped + skipped,
            rejected=former.rejected + rejected,
        )
        is_changed = added or relabelled or dataset not in self._existing
        committed = manifest if is_changed else None
        if committed is not None:
            self._existing.add(dataset)
        record_ingest(self._settings.warehouse, self._records[dataset], committed, label_changes)

    def finish(self) -> None:
        """Record the end of the ingest.

        Raises:
            WarehouseError: the database cannot be written.
        """
        now = datetime.now(UTC)
        for record in self._records.values():
            record_ingest(self._settings.warehouse, replace(record, finished_at=now))
