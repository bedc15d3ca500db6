"""Snapshots: a copy of the database, so that nobody who asks waits for a writer, nor holds one up.

While one process writes, no other can read, and while one reads, none can write. A scoring run leaves a copy
before it loads; who finds the database held for longer than a second is answered from that.
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

_SHORTLY_S = 1.0  # a load of eight shards holds the database for about that long


@dataclass
class AsOf:
    """Shared by all questions of one page, so that one source answers them: whichever answered the first.

    ``changed_at`` is None where that is the database itself, else the time of the last change in the copy.
    """

    changed_at: datetime | None = None
    is_answered: bool = False


def take_snapshot(warehouse: Warehouse, keep_s: float = 0.0) -> Warehouse:
    """Copy the database as it is between two writes, and return the copy.

    Nothing is copied where the database has not changed since, or the copy holds changes that are younger
    than ``keep_s`` seconds. Others can read the database meanwhile.

    Raises:
        DatabaseBusyError: it was still held after ``warehouse.wait_s`` seconds.
        WarehouseError: there is no database yet, it cannot be read, or its copy not be written.
    """
    database, snapshot = warehouse.path, warehouse.snapshot.path
    try:
        kept_ns = _changed_ns(snapshot)
        if kept_ns and time.time() - kept_ns / 1e9 < keep_s:
            return warehouse.snapshot
        if database.with_name(f"{database.name}.wal").exists():
            migrate(warehouse)  # what a writer that was killed left beside the file goes into it
        if kept_ns and kept_ns == _changed_ns(database):
            return warehouse.snapshot
        # The database is closed before the copy is flushed: writers wait for the first only.
        with written_whole(snapshot) as temporary, reading(warehouse):
            changed_ns = _changed_ns(database)
            # With the copy's end the lock is gone, which is the process's and not the connection's (POSIX):
            # nothing is asked of the database after it.
            shutil.copyfile(database, temporary)
            os.utime(temporary, ns=(changed_ns, changed_ns))
    except OSError as exc:
        raise WarehouseError(f"cannot copy {database} to {snapshot}: {describe_os_error(exc)}") from exc
    return warehouse.snapshot


@contextmanager
def asking(warehouse: Warehouse, as_of: AsOf | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database to be asked; where it is held for more than a second, its snapshot.

    Args:
        warehouse: the database file, and how long to wait for it.
        as_of: is told from when answers are; without it, only the database will do.

    Raises:
        DatabaseBusyError: it was still held after ``warehouse.wait_s`` seconds.
        WarehouseError: there is none yet, it cannot be read, or it has another schema than this release.
    """
    with ExitStack() as stack:
        yield _open(stack, warehouse, as_of)


def _open(stack: ExitStack, warehouse: Warehouse, as_of: AsOf | None) -> duckdb.DuckDBPyConnection:
    if as_of is None or (as_of.is_answered and as_of.changed_at is None):
        return stack.enter_context(reading(warehouse))
    if as_of.is_answered:
        return stack.enter_context(reading_as_is(warehouse.snapshot))
    as_of.is_answered = True
    shortly = replace(warehouse, wait_s=min(_SHORTLY_S, warehouse.wait_s))
    with suppress(DatabaseBusyError):
        return stack.enter_context(reading(shortly))
    changed_ns = _changed_ns(warehouse.snapshot.path)
    if changed_ns:
        with suppress(WarehouseError):  # it is damaged, or of an older release
            connection = stack.enter_context(reading_as_is(warehouse.snapshot))
            as_of.changed_at = datetime.fromtimestamp(changed_ns / 1e9, UTC)
            return connection
    return stack.enter_context(reading(warehouse))


def _changed_ns(path: Path) -> int:
    """Return when a file was last changed, nanoseconds since 1970; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
