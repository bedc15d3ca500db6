"""Lookups of the files of a large inbox, which compare sets and not every pair."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from lenet_pipeline.schema import DOCUMENTS, INBOX_DOCUMENTS
from lenet_pipeline.warehouse import (
    AskedDocument,
    Warehouse,
    list_inbox_originals,
    list_stored_files,
    record_documents,
    record_inbox_documents,
)
from lenet_pipeline.warehouse.migrations import migrate

FILES = 50_000
MOST_S = 3.0  # processor time; comparing every pair takes minutes


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """A database that knows many files of one inbox: look at it, never write."""
    warehouse = Warehouse(tmp_path_factory.mktemp("large") / "audit.duckdb")
    migrate(warehouse)
    now = datetime.now(UTC)
    values: dict[str, Sequence[object]] = {
        "inbox": ["slips"] * FILES,
        "path": [f"{number}.png" for number in range(FILES)],
        "size_bytes": range(FILES),
        "modified_ns": range(FILES),
        "source_sha256": [f"{number:064x}" for number in range(FILES)],
        "status": ["taken"] * FILES,
        "dataset": ["slips/2026-05-04"] * FILES,
        "source": [f"/scans/{number}.png" for number in range(FILES)],
        "taken_at": [now] * FILES,
        "recorded_at": [now] * FILES,
        "pages": [1] * FILES,
        "actor": ["tester"] * FILES,
    }
    tables = [
        pa.Table.from_arrays(
            [pa.array(values.get(field.name, [None] * FILES), field.type) for field in schema], schema=schema
        )
        for schema in (INBOX_DOCUMENTS, DOCUMENTS)
    ]
    record_inbox_documents(warehouse, tables[0])
    record_documents(warehouse, tables[1])
    return warehouse


def test_all_files_of_a_large_inbox_are_looked_up_at_once(warehouse: Warehouse) -> None:
    started = time.process_time()
    found = list_stored_files(warehouse, "slips", [f"{number}.png" for number in range(1, FILES + 1)])
    assert time.process_time() - started < MOST_S
    assert len(found) == FILES - 1
    assert found["7.png"] == (7, 7)
    assert list_stored_files(warehouse, "other", ["7.png"]) == {}


def test_all_documents_of_a_large_inbox_are_looked_up_at_once(warehouse: Warehouse) -> None:
    asked = [
        AskedDocument(f"new-{number}.png", f"/scans/new-{number}.png", f"{number:064x}")
        for number in range(FILES)
    ]
    started = time.process_time()
    taken, stored = list_inbox_originals(warehouse, "slips", asked)
    assert time.process_time() - started < MOST_S
    assert (len(taken), len(stored)) == (FILES, FILES)
