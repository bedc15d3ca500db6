"""Connections to the database file: one at a time, waited for, closed whatever happens.

While one process has the file open for writing, no other can open it at all. So every connection is
short, and whoever finds the file held waits.
"""

from __future__ import annotations

import errno
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from lenet_pipeline.errors import DatabaseBusyError, WarehouseError
from lenet_pipeline.system import describe_os_error

# Files of this version open in DuckDB 1.2 (2025) and newer; unpinned, only in the release that wrote them.
STORAGE_VERSION = "v1.2.0"

_Config = dict[str, str | bool | int | float | list[str]]

_NOTHING_FROM_OUTSIDE: _Config = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",  # a name in a query is a table, never a Python variable
}
_WRITER: _Config = {"storage_compatibility_version": STORAGE_VERSION, **_NOTHING_FROM_OUTSIDE}
_READER: _Config = {"enable_external_access": "false", **_NOTHING_FROM_OUTSIDE}

# Of each file: within a process DuckDB refuses a reader beside a writer, with another error than between
# processes.
_one_at_a_time: dict[Path, threading.Lock] = {}

_HOLDER = re.compile(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")
_BUSY = ("Could not set lock on file", "different configuration than existing connections")
_DAMAGED = ("not a valid DuckDB database", "Corrupt database file", "Could not read enough bytes")
_HINTS = ("Candidate bindings: ", "Did you mean ", "LINE ")
_OS_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR)
_INTERRUPTED = "Query interrupted"
_FIRST_PAUSE_S = 0.01
_LONGEST_PAUSE_S = 0.5


@dataclass(frozen=True)
class Warehouse:
    """A database file, and how many seconds to wait for it while another process holds it."""

    path: Path
    wait_s: float = 60.0

    @property
    def snapshot(self) -> Warehouse:
        """Return the copy that answers questions while a run is writing, next to the database."""
        return Warehouse(self.path.with_name(f"{self.path.stem}-snapshot{self.path.suffix}"), self.wait_s)


@contextmanager
def opened(warehouse: Warehouse, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database, waiting while another process or thread holds it, and close it in any case.

    A reader can change nothing, and can reach no file but the database.

    Raises:
        DatabaseBusyError: it was still held after ``warehouse.wait_s`` seconds.
        WarehouseError: it cannot be opened, or DuckDB refused something in the ``with`` block.
    """
    database, wait_s = warehouse.path, warehouse.wait_s
    deadline = time.monotonic() + wait_s
    lock = _one_at_a_time.setdefault(database.absolute(), threading.Lock())
    if not lock.acquire(timeout=min(max(wait_s, 0), threading.TIMEOUT_MAX)):
        raise DatabaseBusyError(_busy(database, "another part of this process", wait_s))
    try:
        connection = _connect(database, deadline, wait_s, read_only=read_only)
        try:
            connection.execute("set TimeZone = 'UTC'")
            if read_only:
                connection.execute("set lock_configuration = true")
            yield connection
        except duckdb.Error as exc:
            raise WarehouseError(describe(database, exc)) from exc
        except RuntimeError as exc:
            if str(exc) == _INTERRUPTED:  # what DuckDB makes of Ctrl-C during a query
                raise KeyboardInterrupt from exc
            raise
        finally:
            connection.close()
    finally:
        lock.release()


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what the ``with`` block did, or, on any exception, nothing of it."""
    connection.begin()
    try:
        yield
        connection.commit()
    except BaseException:
        with suppress(duckdb.Error):  # DuckDB may have rolled back already; the first error is the news
            connection.rollback()
        raise


def describe(database: Path, error: duckdb.Error) -> str:
    """Say in one line what DuckDB refused and what to do."""
    message = str(error)
    for code in _OS_ERRORS:
        if os.strerror(code) in message:
            return f"cannot use the database {database}: {describe_os_error(OSError(code, ''))}"
    if any(text in message for text in _DAMAGED):
        return (
            f"{database} is damaged or not a DuckDB database ({first_line(message)}); "
            "restore it from a backup, or choose another folder with --home"
        )
    return f"the database {database} refused: {first_line(message)}"


def first_line(message: str) -> str:
    """Return the first line of a DuckDB message, with its hints where they are short."""
    first, *others = message.splitlines() or [""]
    hints = [line for line in others if line.startswith(_HINTS) and len(line) <= 100]
    return f"{first} ({'; '.join(hints)})" if hints else first


def _connect(database: Path, deadline: float, wait_s: float, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            return duckdb.connect(
                str(database), read_only=read_only, config=_READER if read_only else _WRITER
            )
        except duckdb.Error as exc:
            message = str(exc)
            if not any(text in message for text in _BUSY):
                raise WarehouseError(describe(database, exc)) from exc
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise DatabaseBusyError(_busy(database, _holder(message), wait_s)) from exc
        time.sleep(min(pause_s, left_s))
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)


def _holder(message: str) -> str:
    found = _HOLDER.search(message)
    if found is None:
        return "another part of this process" if _BUSY[1] in message else "another process"
    return f"process {found['pid']} ({Path(found['program']).name})"


def _busy(database: Path, holder: str, wait_s: float) -> str:
    return (
        f"{database} is held by {holder}; waited {wait_s:g} s; "
        "let it finish, or end it, and run the same command again"
    )
