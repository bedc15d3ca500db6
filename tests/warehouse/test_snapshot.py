"""While another process writes, queries read the last snapshot and report its time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.errors import DatabaseBusyError, WarehouseError
from lenet_pipeline.warehouse import Warehouse
from lenet_pipeline.warehouse.snapshot import AsOf
from tests.warehouse.test_connection import COMMIT_AND_HANG, HOLD, WAIT_S, other_process

_COUNT = "select count(*) as predictions from predictions"
_A_DAY_S = 86_400.0  # the database is a copy of one as old as the test run, with its time


def changed_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime_ns / 1e9, UTC)


def test_a_query_during_a_write_soon_reads_the_snapshot(scored: Any) -> None:
    snapshot = warehouse.take_snapshot(Warehouse(scored.database, WAIT_S))
    as_of = AsOf()
    with other_process(HOLD, str(scored.database), "writer", "60"):
        begun = time.monotonic()
        rows = warehouse.run_select(Warehouse(scored.database, WAIT_S), _COUNT, as_of)
        assert time.monotonic() - begun < 2
        begun = time.monotonic()
        warehouse.run_audit(Warehouse(scored.database, WAIT_S), "runs", {}, as_of)
        assert time.monotonic() - begun < 0.5  # it is not tried again
    assert rows.to_pylist() == [{"predictions": 6}]
    assert as_of.changed_at == changed_at(snapshot.path)


@pytest.mark.slow
def test_queries_that_began_with_the_database_never_switch_to_the_snapshot(scored: Any) -> None:
    warehouse.take_snapshot(Warehouse(scored.database, WAIT_S))
    as_of = AsOf()
    warehouse.run_audit(Warehouse(scored.database, WAIT_S), "runs", {}, as_of)
    with scored.by_hand() as connection:
        connection.execute("delete from predictions").fetchall()
    with other_process(HOLD, str(scored.database), "writer", "2"):
        rows = warehouse.run_select(Warehouse(scored.database, 20), _COUNT, as_of)
    assert rows.to_pylist() == [{"predictions": 0}]
    assert as_of.changed_at is None


def test_a_query_waits_for_a_short_write(scored: Any) -> None:
    warehouse.take_snapshot(Warehouse(scored.database, WAIT_S))
    as_of = AsOf()
    with other_process(HOLD, str(scored.database), "writer", "0.4"):
        warehouse.run_audit(Warehouse(scored.database, WAIT_S), "runs", {}, as_of)
    assert as_of.changed_at is None


def test_a_query_during_a_read_uses_the_database(scored: Any) -> None:
    warehouse.take_snapshot(Warehouse(scored.database, WAIT_S))
    as_of = AsOf()
    with other_process(HOLD, str(scored.database), "reader", "60"):
        warehouse.run_select(Warehouse(scored.database, WAIT_S), _COUNT, as_of)
    assert as_of.changed_at is None


def test_a_read_before_a_write_never_uses_the_snapshot(scored: Any) -> None:
    warehouse.take_snapshot(Warehouse(scored.database, WAIT_S))
    with (
        other_process(HOLD, str(scored.database), "writer", "60"),
        pytest.raises(DatabaseBusyError),
    ):
        warehouse.read_chain_head(Warehouse(scored.database, 1.2))


@pytest.mark.parametrize("content", [None, b"no database"], ids=["none", "damaged"])
def test_without_a_readable_snapshot_a_query_waits_for_the_writer(scored: Any, content: bytes | None) -> None:
    if content:
        Warehouse(scored.database).snapshot.path.write_bytes(content)
    as_of = AsOf()
    with other_process(HOLD, str(scored.database), "writer", "2"):
        rows = warehouse.run_select(Warehouse(scored.database, 20), _COUNT, as_of)
    assert rows.to_pylist() == [{"predictions": 6}]
    assert as_of.changed_at is None


def test_a_snapshot_is_renewed_only_after_a_change(scored: Any) -> None:
    first = warehouse.take_snapshot(Warehouse(scored.database, WAIT_S)).path.stat().st_ino
    assert warehouse.take_snapshot(Warehouse(scored.database, WAIT_S)).path.stat().st_ino == first
    with scored.by_hand() as connection:
        connection.execute("delete from predictions").fetchall()
    kept = warehouse.take_snapshot(Warehouse(scored.database, WAIT_S), keep_s=_A_DAY_S)
    assert kept.path.stat().st_ino == first
    snapshot = warehouse.take_snapshot(Warehouse(scored.database, WAIT_S))
    assert snapshot.path.stat().st_ino != first
    assert warehouse.run_select(snapshot, _COUNT).to_pylist() == [{"predictions": 0}]


def test_a_snapshot_includes_the_commits_of_a_killed_writer(scored: Any) -> None:
    warehouse.take_snapshot(Warehouse(scored.database, WAIT_S))
    with other_process(COMMIT_AND_HANG, str(scored.database)):
        pass
    assert scored.database.with_name("audit.duckdb.wal").exists()
    snapshot = warehouse.take_snapshot(Warehouse(scored.database, WAIT_S))
    with duckdb.connect(str(snapshot.path), read_only=True) as connection:
        asked = "select count(*) from schema_migrations where name = 'by hand'"
        assert connection.execute(asked).fetchall() == [(1,)]


def test_a_missing_database_has_no_snapshot(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="no database yet"):
        warehouse.take_snapshot(Warehouse(tmp_path / "audit.duckdb", WAIT_S))
    assert list(tmp_path.iterdir()) == []
