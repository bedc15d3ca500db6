"""Snapshots: copies of the database, so that readers and writers do not wait for each other.

While one process writes, no other process can read, and while one reads, no other can write. A scoring run
copies the database before it loads predictions. If the database stays busy for longer than a second, queries
read the copy. Jobs renew it when they end, for programs that keep a reader open. Such a program keeps the
file that it opened, because a new copy is a new file under the same name.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from lenet_pipeline.errors import DatabaseBusyError, WarehouseError
from lenet_pipeline.system import describe_os_error, written_whole
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.migrations import migrate, reading, reading_as_is

_REFRESH_WAIT_S = 5.0  # another job that holds the database renews the snapshot when it ends
_SHORT_WAIT_S = 1.0  # roughly how long it takes to load eight shards


@dataclass
class AsOf:
    """The source of several queries, shared so that all of them read the same one as the first.

    ``changed_at`` is None if the source is the database. If the source is the snapshot, it is the time of the
    last change in it. The first query sets ``is_answered``.
    """

    changed_at: datetime | None = None
    is_answered: bool = False


def take_snapshot(warehouse: Warehouse, keep_s: float = 0.0) -> Warehouse:
    """Copy the database between two writes, and return the copy.

    The existing copy is kept if the database has not changed since, or if the copy's last change is less than
    ``keep_s`` seconds old. Other processes can read the database meanwhile.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
        WarehouseError: The database does not exist, cannot be read, or cannot be copied.
    """
    database, snapshot = warehouse.path, warehouse.snapshot.path
    try:
        kept_ns = _changed_ns(snapshot)
        if kept_ns and time.time() - kept_ns / 1e9 < keep_s:
            return warehouse.snapshot
        if database.with_name(f"{database.name}.wal").exists():
            migrate(warehouse)  # merges the write-ahead log that a killed writer left
        if kept_ns and kept_ns == _changed_ns(database):
            return warehouse.snapshot
        # The database is closed before the copy is flushed, so writers do not wait for the flush.
        with written_whole(snapshot) as temporary, reading(warehouse):
            changed_ns = _changed_ns(database)
            # Closing the copied file releases DuckDB's lock, because POSIX locks belong to the process. So
            # nothing may read the database after this.
            shutil.copyfile(database, temporary)
            os.utime(temporary, ns=(changed_ns, changed_ns))
    except OSError as exc:
        raise WarehouseError(f"cannot copy {database} to {snapshot}: {describe_os_error(exc)}") from exc
    return warehouse.snapshot


def refresh_snapshot(warehouse: Warehouse, keep_s: float = 0.0) -> None:
    """Do what ``take_snapshot`` does at the end of a job; the job succeeds even if this does not."""
    with suppress(WarehouseError):
        take_snapshot(replace(warehouse, wait_s=min(_REFRESH_WAIT_S, warehouse.wait_s)), keep_s)


@contextmanager
def querying(warehouse: Warehouse, as_of: AsOf | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database read-only, or its snapshot if the database stays busy for more than a second.

    Args:
        warehouse: The database file and how long to wait for it.
        as_of: Records which of the two was opened. Without it, the snapshot is never used.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
        WarehouseError: The database does not exist, cannot be read, or has another schema than this release.
    """
    with ExitStack() as stack:
        yield _open(stack, warehouse, as_of)


def _open(stack: ExitStack, warehouse: Warehouse, as_of: AsOf | None) -> duckdb.DuckDBPyConnection:
    if as_of is None or (as_of.is_answered and as_of.changed_at is None):
        return stack.enter_context(reading(warehouse))
    if as_of.is_answered:
        return stack.enter_context(reading_as_is(warehouse.snapshot))
    as_of.is_answered = True
    impatient = replace(warehouse, wait_s=min(_SHORT_WAIT_S, warehouse.wait_s))
    with suppress(DatabaseBusyError):
        return stack.enter_context(reading(impatient))
    changed_ns = _changed_ns(warehouse.snapshot.path)
    if changed_ns:
        with suppress(WarehouseError):  # the snapshot is damaged or from an older release
            connection = stack.enter_context(reading_as_is(warehouse.snapshot))
            as_of.changed_at = datetime.fromtimestamp(changed_ns / 1e9, UTC)
            return connection
    return stack.enter_context(reading(warehouse))


def _changed_ns(path: Path) -> int:
    """Return when a file was last changed, in nanoseconds since 1970; 0 if it does not exist."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
