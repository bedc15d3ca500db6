"""Connections to the database file: short, exclusive, and always closed.

While one process has the file open for writing, no other process can open it. So every connection is short,
and a process that finds the file in use waits.
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

# DuckDB 1.2 (2025) and newer open files of this version. Unpinned files may need the release that wrote them.
STORAGE_VERSION = "v1.2.0"

_Config = dict[str, str | bool | int | float | list[str]]

_ISOLATED: _Config = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",  # names in a query are tables, never Python variables
}
_WRITER: _Config = {"storage_compatibility_version": STORAGE_VERSION, **_ISOLATED}
_READER: _Config = {"enable_external_access": "false", **_ISOLATED}

# One lock per file. Within a process, DuckDB refuses a reader while a writer is open, with a different error
# than between processes.
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
    """A database file, and how many seconds to wait while another process uses it."""

    path: Path
    wait_s: float = 60.0

    @property
    def snapshot(self) -> Warehouse:
        """The copy next to the database, which answers queries while a run is writing."""
        return Warehouse(self.path.with_name(f"{self.path.stem}-snapshot{self.path.suffix}"), self.wait_s)


@contextmanager
def opened(warehouse: Warehouse, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database, after waiting while another process or thread uses it, and close it in any case.

    A reader cannot change anything or access any other file.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
        WarehouseError: The database cannot be opened, or DuckDB raised an error in the ``with`` block.
    """
    database, wait_s = warehouse.path, warehouse.wait_s
    deadline = time.monotonic() + wait_s
    lock = _one_at_a_time.setdefault(database.absolute(), threading.Lock())
    if not lock.acquire(timeout=min(max(wait_s, 0), threading.TIMEOUT_MAX)):
        raise DatabaseBusyError(_busy(warehouse, "another part of this process"))
    try:
        connection = _connect(warehouse, deadline, read_only=read_only)
        try:
            connection.execute("set TimeZone = 'UTC'")
            if read_only:
                connection.execute("set lock_configuration = true")
            yield connection
        except duckdb.Error as exc:
            raise WarehouseError(describe(database, exc)) from exc
        except RuntimeError as exc:
            if str(exc) == _INTERRUPTED:  # DuckDB's error for Ctrl-C during a query
                raise KeyboardInterrupt from exc
            raise
        finally:
            connection.close()
    finally:
        lock.release()


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit the changes of the ``with`` block, or roll them back on any exception."""
    connection.begin()
    try:
        yield
        connection.commit()
    except BaseException:
        with suppress(duckdb.Error):  # DuckDB may have rolled back already; report the first error
            connection.rollback()
        raise


def describe(database: Path, error: duckdb.Error) -> str:
    """Describe a DuckDB error and its remedy in one line."""
    message = str(error)
    for code in _OS_ERRORS:
        if os.strerror(code) in message:
            return f"cannot use the database {database}: {describe_os_error(OSError(code, ''))}"
    if any(text in message for text in _DAMAGED):
        return (
            f"{database} is damaged or not a DuckDB database ({first_line(message)}); "
            "restore it from a backup, or choose another folder with --home"
        )
    return f"the database {database} raised an error: {first_line(message)}"


def first_line(message: str) -> str:
    """Return the first line of a DuckDB message, with its hints if they are short."""
    first, *others = message.splitlines() or [""]
    hints = [line for line in others if line.startswith(_HINTS) and len(line) <= 100]
    return f"{first} ({'; '.join(hints)})" if hints else first


def _connect(warehouse: Warehouse, deadline: float, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    database = warehouse.path
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
                raise DatabaseBusyError(_busy(warehouse, _holder(message))) from exc
        time.sleep(min(pause_s, left_s))
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)


def _holder(message: str) -> str:
    found = _HOLDER.search(message)
    if found is None:
        return "another part of this process" if _BUSY[1] in message else "another process"
    return f"process {found['pid']} ({Path(found['program']).name})"


def _busy(warehouse: Warehouse, holder: str) -> str:
    return (
        f"{warehouse.path} is in use by {holder}, even after a wait of {warehouse.wait_s:g} s; "
        "let it finish, or stop it, then run the same command again. A program that keeps the database open "
        f"should open {warehouse.snapshot.path.name} instead, the copy that `lenet snapshot` makes"
    )
