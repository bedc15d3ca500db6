"""Snapshots: a copy of the database, so that nobody who asks waits for a writer, nor holds one up.

While one process writes, no other can read, and while one reads, none can write. A scoring run leaves a copy
before it loads; who finds the database held for longer than a second is answered from that.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from lenet_pipeline.errors import DatabaseBusyError, WarehouseError
from lenet_pipeline.files import describe_os_error, written_whole
from lenet_pipeline.warehouse.migrations import migrate, reading

OnSnapshot = Callable[[datetime], None]

_SHORTLY_S = 1.0  # a load of eight shards holds the database for about that long


def snapshot_path(database: Path) -> Path:
    """Return where a database's snapshot lies: beside it. Its time is that of the last change it holds."""
    return database.with_name(f"{database.stem}-snapshot{database.suffix}")


def take_snapshot(database: Path, wait_s: float, keep_s: float = 0.0) -> Path:
    """Copy the database as it is between two writes, and return the copy's path.

    Nothing is copied where the database has not changed since, or the copy holds changes that are younger
    than ``keep_s`` seconds. Others can read the database meanwhile.

    Raises:
        DatabaseBusyError: it was still held after ``wait_s`` seconds.
        WarehouseError: there is no database yet, it cannot be read, or its copy not be written.
    """
    snapshot = snapshot_path(database)
    try:
        changed_ns = _changed_ns(snapshot)
        is_kept = changed_ns == _changed_ns(database) or time.time() - changed_ns / 1e9 < keep_s
        if is_kept and changed_ns:
            return snapshot
        if database.with_name(f"{database.name}.wal").exists():
            migrate(database, wait_s)  # what a writer that was killed left beside the file goes into it
        # The database is closed before the copy is flushed: writers wait for the first only.
        with written_whole(snapshot) as temporary, reading(database, wait_s):
            shutil.copy2(database, temporary)
    except OSError as exc:
        raise WarehouseError(f"cannot copy {database} to {snapshot}: {describe_os_error(exc)}") from exc
    return snapshot


@contextmanager
def asking(
    database: Path, wait_s: float, on_snapshot: OnSnapshot | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database to be asked; where it is held for more than a second, its snapshot.

    Args:
        database: the database file.
        wait_s: how long to wait for it where there is no snapshot, seconds.
        on_snapshot: told of the last change that the snapshot holds, where that is asked; without it only the
            database will do.

    Raises:
        DatabaseBusyError: it was still held after ``wait_s`` seconds.
        WarehouseError: there is none yet, it cannot be read, or it has another schema than this release.
    """
    with ExitStack() as stack:
        yield _open(stack, database, wait_s, on_snapshot)


def _open(
    stack: ExitStack, database: Path, wait_s: float, on_snapshot: OnSnapshot | None
) -> duckdb.DuckDBPyConnection:
    if on_snapshot is None or wait_s <= _SHORTLY_S:
        return stack.enter_context(reading(database, wait_s))
    try:
        return stack.enter_context(reading(database, _SHORTLY_S))
    except DatabaseBusyError:
        snapshot = snapshot_path(database)
        changed_ns = _changed_ns(snapshot)
    try:
        connection = stack.enter_context(reading(snapshot, wait_s))
    except WarehouseError:  # there is none, or one of an older release
        return stack.enter_context(reading(database, wait_s - _SHORTLY_S))
    on_snapshot(datetime.fromtimestamp(changed_ns / 1e9, UTC))
    return connection


def _changed_ns(path: Path) -> int:
    """Return when a file was last changed, nanoseconds since 1970; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
