"""Export the audit tables as Parquet files, for use with other programs."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lenet_pipeline.errors import DatabaseBusyError, WarehouseError
from lenet_pipeline.schema import ROW_GROUP_ROWS
from lenet_pipeline.system import describe_os_error, written_whole
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.migrations import reading
from lenet_pipeline.warehouse.snapshot import take_snapshot
from lenet_pipeline.warehouse.statements import run_statement

_OURS = re.compile(r"[a-z_]+")  # a foreign table could have any name, even a path
_VIEW = Template("create view $name as from read_parquet('$name.parquet');\n")
VIEWS = "views.sql"


def export_tables(warehouse: Warehouse, folder: Path) -> dict[str, int]:
    """Write every table as ``NAME.parquet``, and ``views.sql``, which opens them in DuckDB.

    The export reads a snapshot, so all tables show the same moment, and writers do not have to wait. Each
    existing file is replaced atomically.

    Args:
        warehouse: The database file and how long to wait for it.
        folder: The target folder; it is created if it is missing.

    Returns:
        The number of rows of each table.

    Raises:
        WarehouseError: The database cannot be read, or the folder cannot be written.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    rows = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with reading(_source(warehouse)) as connection:
            for (name,) in run_statement(connection, "list_tables", {}):
                if _OURS.fullmatch(name):
                    rows[name] = _write_table(connection.table(name), folder / f"{name}.parquet")
        with written_whole(folder / VIEWS) as temporary:
            temporary.write_text(_views(sorted(rows)), encoding="utf-8")
    except OSError as exc:
        raise WarehouseError(f"cannot export to {folder}: {describe_os_error(exc)}") from exc
    return rows


def _source(warehouse: Warehouse) -> Warehouse:
    """Return a snapshot to read from, or the database itself if a snapshot cannot be written next to it."""
    try:
        return take_snapshot(warehouse)
    except DatabaseBusyError:
        raise
    except WarehouseError:
        return warehouse


def _write_table(table: duckdb.DuckDBPyRelation, path: Path) -> int:
    """Write a table in batches, so that it does not have to fit in memory; return its number of rows."""
    rows = 0
    with (
        table.to_arrow_reader(ROW_GROUP_ROWS) as reader,
        written_whole(path) as temporary,
        pq.ParquetWriter(temporary, reader.schema, compression="zstd") as writer,
    ):
        for batch in reader:
            writer.write_table(pa.Table.from_batches([batch]))
            rows += len(batch)
    return rows


def _views(names: list[str]) -> str:
    """Return the statements that create a view for each file, relative to the current folder."""
    head = "-- The audit tables as views. In this folder, run: duckdb -init views.sql\n"
    return head + "".join(_VIEW.substitute(name=name) for name in names)
