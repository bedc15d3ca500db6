"""Ingests and the versions of datasets are recorded once, however often they are reported."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest

from lenet_pipeline.lake import Manifest, Shard
from lenet_pipeline.schema import DOCUMENTS, LABEL_CHANGES, derive_digit_id
from lenet_pipeline.warehouse import (
    IngestRecord,
    Warehouse,
    list_current_documents,
    migrate,
    record_dataset,
    record_documents,
    record_ingest,
    run_select,
)
from lenet_pipeline.warehouse.connection import opened
from lenet_pipeline.warehouse.statements import read_statement, sql_directory

NOW = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
NAME = "scans/march"


@pytest.fixture
def database(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "audit.duckdb", 5.0)


def manifest(version: int, *shards: str, minutes: int = 0) -> Manifest:
    return Manifest(
        dataset=NAME,
        version=version,
        fingerprint="+".join(shards),
        rows=10 * len(shards),
        created_at=(NOW + timedelta(minutes=minutes)).isoformat(),
        actor="ada",
        shards=tuple(Shard(f"{name}.parquet", name, 10, 99) for name in shards),
    )


def ingest_record() -> IngestRecord:
    return IngestRecord(uuid4(), NAME, "images", "in/march", NOW, "ada", None)


def changes(*labels: tuple[int | None, int]) -> pa.Table:
    rows = [
        {"digit_id": derive_digit_id("scan", 1, None, place).bytes, "former_label": former, "label": label}
        for place, (former, label) in enumerate(labels)
    ]
    return pa.Table.from_pylist(rows, schema=LABEL_CHANGES)


def ask(database: Warehouse, statement: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in run_select(database, statement).to_pylist()]


def test_a_version_is_recorded_once_with_its_shards(database: Warehouse) -> None:
    for _ in range(2):
        record_dataset(database, manifest(1, "ark", "bay"))
    assert ask(database, "select manifest_version, digits, shards, actor, ingest_id from datasets") == [
        (1, 20, 2, "ada", None)
    ]
    rows = ask(
        database, "select manifest_version, shard_fingerprint, digits from dataset_shards order by all"
    )
    assert rows == [(1, "ark", 10), (1, "bay", 10)]


def test_a_version_that_another_job_recorded_first_gets_its_ingest(database: Warehouse) -> None:
    record, version = ingest_record(), manifest(1, "ark")
    record_dataset(database, version)
    record_ingest(database, record, version)
    record_dataset(database, version)
    record_ingest(database, replace(record, ingest_id=uuid4()), version)
    assert ask(database, "select ingest_id::varchar from datasets") == [(str(record.ingest_id),)]
    assert ask(database, "select count(*) from dataset_shards") == [(1,)]


def test_counts_of_an_ingest_and_its_end_are_updated(database: Warehouse) -> None:
    record = ingest_record()
    record_ingest(database, record)
    record_ingest(database, replace(record, digits_added=7, rejected=2))
    assert ask(database, "select digits_added, rejected, finished_at from ingests") == [(7, 2, None)]
    end = NOW + timedelta(minutes=3)
    record_ingest(database, replace(record, digits_added=9, rejected=2, finished_at=end))
    assert ask(database, "select digits_added, finished_at, documents from ingests") == [(9, end, None)]


def test_label_changes_are_recorded_once(database: Warehouse) -> None:
    record = ingest_record()
    for _ in range(2):
        record_ingest(database, record, manifest(2, "ark"), changes((None, 3), (8, 0)))
    rows = ask(database, "select former_label, label, manifest_version, changed_at, actor from label_changes")
    assert sorted(rows, key=str) == [(8, 0, 2, NOW, "ada"), (None, 3, 2, NOW, "ada")]
    assert ask(database, "select count(distinct ingest_id) from label_changes") == [(1,)]


def test_the_newest_version_of_a_dataset_is_current_although_it_was_deleted_and_began_again(
    database: Warehouse,
) -> None:
    record_dataset(database, manifest(1, "ark"))
    record_dataset(database, manifest(2, "ark", "bay", minutes=1))
    newest = "select manifest_version, digits from current_datasets"
    assert ask(database, newest) == [(2, 20)]
    record_dataset(database, manifest(1, "cay", minutes=2))
    assert ask(database, newest) == [(1, 10)]
    shards = (
        "select shard_fingerprint from current_datasets "
        "inner join dataset_shards using (dataset, manifest_version, manifest_fingerprint)"
    )
    assert ask(database, shards) == [("cay",)]


def documents(minutes: int, **scans: str) -> pa.Table:
    rows = [
        {
            "dataset": NAME,
            "source_sha256": content,
            "source": f"in/{name}.pdf",
            "pages": 1,
            "size_bytes": 9,
            "recorded_at": NOW + timedelta(minutes=minutes),
            "actor": "ada",
        }
        for name, content in scans.items()
    ]
    return pa.Table.from_pylist(rows, schema=DOCUMENTS)


def read_page(database: Warehouse, content: str, status: str = "read") -> None:
    with opened(database, read_only=False) as connection:
        connection.execute(
            "insert into pages (page_id, dataset, source, source_sha256, page, status, template, templates, "
            "read_at, actor) values (uuid(), ?, 'in', ?, 1, ?, if(? = 'read', 't', null), 't', now(), 'ada')",
            [NAME, content, status, status],
        )


def replaces(database: Warehouse) -> list[tuple[Any, ...]]:
    return ask(database, "select source, source_sha256, replaces from current_documents order by source")


def test_a_newer_scan_is_current_once_a_page_of_it_was_read(database: Warehouse) -> None:
    record_documents(database, documents(0, a="first"))
    assert replaces(database) == [("in/a.pdf", "first", 0)]
    read_page(database, "first")
    record_documents(database, documents(1, a="second"))
    assert replaces(database) == [("in/a.pdf", "first", 0)]
    read_page(database, "second", "rejected")
    assert replaces(database) == [("in/a.pdf", "first", 0)]
    read_page(database, "second")
    assert replaces(database) == [("in/a.pdf", "second", 1)]
    record_documents(database, documents(2, a="second"))
    assert replaces(database) == [("in/a.pdf", "second", 1)]
    assert ask(database, "select count(*) from documents") == [(2,)]


def test_a_renamed_or_restored_document_is_current_under_its_path(database: Warehouse) -> None:
    record_documents(database, documents(0, a="first"))
    record_documents(database, documents(1, a="second", b="first"))
    for content in ("first", "second"):
        read_page(database, content)
    assert list_current_documents(database, NAME) == {"in/a.pdf": "second", "in/b.pdf": "first"}
    record_documents(database, documents(2, a="first"))
    assert replaces(database) == [("in/a.pdf", "first", 2), ("in/b.pdf", "first", 0)]
    assert list_current_documents(database, "other/all") == {}


def test_documents_of_an_older_database_have_their_names(database: Warehouse) -> None:
    released = [path for path in sorted((sql_directory() / "schema").glob("*.sql")) if path.name < "010"]
    with opened(database, read_only=False) as connection:
        for path in released:
            connection.execute(path.read_text())
            values = {"version": int(path.name[:3]), "name": path.name}
            connection.execute(read_statement("load/insert_migration.sql"), values)
        connection.execute(
            "insert into documents values ('scans/march', 'first', 'in/a.pdf', 1, 9, now(), 'ada', null)"
        )
    migrate(database)
    assert replaces(database) == [("in/a.pdf", "first", 0)]
