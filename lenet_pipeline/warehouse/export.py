"""The audit tables as Parquet files, for whoever asks with another program."""

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

_OURS = re.compile(r"[a-z_]+")  # a table of another name was put in, and could name any path
_VIEW = Template("create view $name as from read_parquet('$name.parquet');\n")
VIEWS = "views.sql"


def export_tables(warehouse: Warehouse, folder: Path) -> dict[str, int]:
    """Write every table as ``NAME.parquet``, and ``views.sql``, which shows them to DuckDB.

    From a snapshot: all tables are of one moment, and nobody who writes waits until they are written. Files
    that are there are replaced, each whole or not at all.

    Args:
        warehouse: the database file, and how long to wait for it.
        folder: made where it is missing.

    Returns:
        How many rows each table has.

    Raises:
        WarehouseError: the database cannot be read, or the folder not be written.
        DatabaseBusyError: it was still held after ``warehouse.wait_s`` seconds.
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
    """Return a snapshot to read from; the database itself where none can be written beside it."""
    try:
        return take_snapshot(warehouse)
    except DatabaseBusyError:
        raise
    except WarehouseError:
        return warehouse


def _write_table(table: duckdb.DuckDBPyRelation, path: Path) -> int:
    """Write a table some rows at a time: it need not fit into memory."""
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
    """Return statements that show the files, which lie where DuckDB is started, as tables of their names."""
    head = "-- The audit tables, read where they lie: duckdb -init views.sql, started in this folder.\n"
    return head + "".join(_VIEW.substitute(name=name) for name in names)
