"""The schema of the database: numbered, append-only migrations, each applied once in one transaction."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import duckdb

from lenet_pipeline.errors import WarehouseError
from lenet_pipeline.system import describe_os_error
from lenet_pipeline.warehouse.connection import Warehouse, opened, transaction
from lenet_pipeline.warehouse.statements import read_statement, sql_directory

_WAIT_S = 60.0  # for another thread of this process that uses the temporary database
_UPGRADE = "upgrade lenet-pipeline, or choose another folder with --home"


def migrate(warehouse: Warehouse) -> None:
    """Create the database or upgrade it to the newest schema, if necessary.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
        WarehouseError: The database cannot be written, is newer than this release, or is not a warehouse.
    """
    with migrated(warehouse):
        pass


@contextmanager
def writing(warehouse: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database, upgrade it to the newest schema, and run the block in one transaction.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
        WarehouseError: The database cannot be written; the transaction is rolled back.
    """
    with migrated(warehouse) as connection, transaction(connection):
        yield connection


@contextmanager
def reading(warehouse: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database read-only, without access to any other file.

    A database of an older release is first brought to the newest schema, so that every command works after
    an upgrade.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
        WarehouseError: The database does not exist, cannot be read, or is newer than this release.
    """
    _require(warehouse)
    with opened(warehouse, read_only=True) as connection:
        is_current = _schema_version(connection, warehouse.path) == _newest_version()
        if is_current:
            yield connection
    if not is_current:
        migrate(warehouse)
        with opened(warehouse, read_only=True) as connection:
            yield connection


@contextmanager
def reading_as_is(warehouse: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    """Do what ``reading`` does, but refuse a database of an older release instead of changing it.

    Raises:
        WarehouseError: also if the schema is older than this release.
    """
    _require(warehouse)
    with opened(warehouse, read_only=True) as connection:
        found = _schema_version(connection, warehouse.path)
        if found < _newest_version():
            raise WarehouseError(
                f"{warehouse.path} has schema version {found}; this release reads {_newest_version()}"
            )
        yield connection


def _require(warehouse: Warehouse) -> None:
    try:
        exists = warehouse.path.exists()
    except OSError as exc:
        raise WarehouseError(f"cannot read the database {warehouse.path}: {describe_os_error(exc)}") from exc
    if not exists:
        raise WarehouseError(
            f"no database yet at {warehouse.path}; if yours is elsewhere, name its home with --home. "
            "Otherwise, begin with `lenet demo`, or with `lenet ingest`, then `lenet train`, then "
            "`lenet score`"
        )


def _newest_version() -> int:
    return list_migrations()[-1][0]


@contextmanager
def migrated(warehouse: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database and upgrade it to the newest schema; the block handles its own transactions.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
        WarehouseError: The database cannot be written, is newer than this release, or is not a warehouse.
    """
    try:
        warehouse.path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise WarehouseError(f"cannot create {warehouse.path.parent}: {describe_os_error(exc)}") from exc
    with opened(warehouse, read_only=False) as connection:
        reached = _schema_version(connection, warehouse.path)
        for version, name in list_migrations():
            if version > reached:
                with transaction(connection):
                    connection.execute(read_statement(f"schema/{name}")).fetchall()
                    connection.execute(
                        read_statement("load/insert_migration.sql"), {"version": version, "name": name}
                    ).fetchall()
        yield connection


@cache
def shipped_definitions() -> list[dict[str, str]]:
    """Return the views and macros of this release's migrations: kind, name, parameters and text.

    They are read from a reopened file, because DuckDB normalises the text of definitions when it saves them.
    """
    with tempfile.TemporaryDirectory(prefix="lenet-") as folder:
        shipped = Warehouse(Path(folder) / "shipped.duckdb", _WAIT_S)
        migrate(shipped)
        with opened(shipped, read_only=True) as connection:
            rows = connection.execute(read_statement("load/list_definitions.sql")).fetchall()
    return [dict(zip(("kind", "name", "parameters", "text"), row, strict=True)) for row in rows]


def list_migrations() -> list[tuple[int, str]]:
    """Return the number and file name of each migration, in order."""
    names = sorted(path.name for path in (sql_directory() / "schema").glob("[0-9][0-9][0-9]_*.sql"))
    if not names:
        raise WarehouseError(f"no migrations in {sql_directory()}; reinstall lenet-pipeline")
    return [(int(name[:3]), name) for name in names]


def _schema_version(connection: duckdb.DuckDBPyConnection, database: Path) -> int:
    """Return the number of the last applied migration, 0 for an empty database."""
    tables = {name for (name,) in connection.execute(read_statement("load/list_tables.sql")).fetchall()}
    if not tables:
        return 0
    if "schema_migrations" not in tables:
        raise WarehouseError(
            f"{database} is a DuckDB database of another program: it has a table {min(tables)}, but no "
            "schema_migrations; choose another folder with --home"
        )
    ((version,),) = connection.execute(read_statement("load/find_schema_version.sql")).fetchall()
    newest = _newest_version()
    if version > newest:
        raise WarehouseError(
            f"{database} has schema version {version}, but this release knows only {newest}; {_UPGRADE}"
        )
    return int(version)
