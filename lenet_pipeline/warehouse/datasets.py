"""Ingests, the versions of datasets and the history of labels in the database."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import duckdb
import pyarrow as pa

from lenet_pipeline.lake import Manifest
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.migrations import reading, writing
from lenet_pipeline.warehouse.registration import registered_tables
from lenet_pipeline.warehouse.statements import run_statement


@dataclass(frozen=True)
class IngestRecord:
    """An ingest into one dataset, and what it changed. All datasets of an ingest share its id.

    Attributes:
        ingest_id: The ingest.
        dataset: The dataset, ``name/split``.
        kind: ``mnist``, ``optdigits``, ``images``, ``printed``, ``forms`` or ``reviews``.
        source: The path or name of the source.
        started_at: When the ingest started.
        actor: Who ran it.
        flow_run_id: The Prefect run, if any.
        finished_at: When it finished; None while it runs, and if it fails.
        digits_added: The number of new digits.
        digits_relabelled: The number of known digits that got another label.
        digits_skipped: The number of digits that the dataset already had, unchanged.
        rejected: The number of rejected inputs.
        documents: The number of documents that were opened; None if the source is not forms.
        pages: The number of their pages that the ingest tried to read; None if the source is not forms.
    """

    ingest_id: UUID
    dataset: str
    kind: str
    source: str
    started_at: datetime
    actor: str
    flow_run_id: str | None
    finished_at: datetime | None = None
    digits_added: int = 0
    digits_relabelled: int = 0
    digits_skipped: int = 0
    rejected: int = 0
    documents: int | None = None
    pages: int | None = None


def record_ingest(
    warehouse: Warehouse,
    record: IngestRecord,
    committed: Manifest | None = None,
    label_changes: pa.Table | None = None,
) -> None:
    """Record an ingest or its new counts, and the dataset version that it committed, in one transaction.

    Args:
        warehouse: The database file and how long to wait for it.
        record: The ingest so far. Recording it again replaces its counts and the time of its end.
        committed: The version that the ingest committed; None if it committed none.
        label_changes: The labels that this version changed, a table of schema ``LABEL_CHANGES``.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection:
        run_statement(connection, "upsert_ingest", asdict(record))
        if committed is None:
            return
        _record_version(connection, committed, record.ingest_id, label_changes)


def record_dataset(warehouse: Warehouse, manifest: Manifest, label_changes: pa.Table | None = None) -> None:
    """Record a version of a dataset that no running ingest committed; a recorded version is not changed.

    Args:
        warehouse: The database file and how long to wait for it.
        manifest: The version.
        label_changes: The labels that it changed, a table of schema ``LABEL_CHANGES``.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection:
        _record_version(connection, manifest, None, label_changes)


def find_dataset_version(warehouse: Warehouse, dataset: str) -> int | None:
    """Return the number of the newest recorded version of a dataset, or None if none is recorded.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        rows = run_statement(connection, "find_dataset_version", {"dataset": dataset})
    return rows[0][0] if rows else None


def _record_version(
    connection: duckdb.DuckDBPyConnection,
    manifest: Manifest,
    ingest_id: UUID | None,
    label_changes: pa.Table | None,
) -> None:
    identity = {
        "dataset": manifest.dataset,
        "manifest_version": manifest.version,
        "manifest_fingerprint": manifest.fingerprint,
    }
    values = {
        "digits": manifest.rows,
        "shards": len(manifest.shards),
        "committed_at": datetime.fromisoformat(manifest.created_at),
        "actor": manifest.actor,
        "ingest_id": ingest_id,
    }
    run_statement(connection, "insert_dataset", identity | values)
    shards = pa.table(
        {
            "shard_fingerprint": pa.array([shard.fingerprint for shard in manifest.shards], pa.string()),
            "digits": pa.array([shard.rows for shard in manifest.shards], pa.int64()),
        }
    )
    with registered_tables(connection, new_shards=shards):
        run_statement(connection, "insert_dataset_shards", identity)
    if label_changes is None or not len(label_changes):
        return
    change = {name: values[name] for name in ("committed_at", "actor", "ingest_id")} | {
        "dataset": manifest.dataset,
        "manifest_version": manifest.version,
    }
    with registered_tables(connection, new_label_changes=label_changes):
        run_statement(connection, "insert_label_changes", change)
