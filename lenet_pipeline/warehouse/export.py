"""Export the audit tables and the final values as files, for use with other programs."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from string import Template
from uuid import UUID

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lenet_pipeline.errors import DatabaseBusyError, WarehouseError
from lenet_pipeline.schema import ROW_GROUP_ROWS
from lenet_pipeline.system import describe_os_error, written_whole
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.definitions import read_definitions
from lenet_pipeline.warehouse.migrations import reading, writing
from lenet_pipeline.warehouse.snapshot import take_snapshot
from lenet_pipeline.warehouse.statements import run_statement

_OURS = re.compile(r"[a-z_]+")  # a foreign table could have any name, even a path
_VIEW = Template("create view $name as from read_parquet('$name.parquet');\n")
_HEAD = """\
-- The audit tables, and the views and macros over them. In this folder, run: duckdb -init views.sql
-- The views and macros are those of the release that wrote this folder.
"""
_FINAL_VALUES = "final_values"
VIEWS = "views.sql"


@dataclass(frozen=True)
class ExportRecord:
    """An export of audit tables (``kind`` is ``tables``) or of digits to review (``reviews``).

    Attributes:
        export_id: Chosen by the caller.
        kind: ``tables`` or ``reviews``.
        folder: The folder that was written.
        rows: The number of rows or digits in it.
        exported_at: When it was written.
        actor: Who ran the export.
        scoring_run_id: The run that was exported; None if the export covers all runs.
    """

    export_id: UUID
    kind: str
    folder: Path
    rows: int
    exported_at: datetime
    actor: str
    scoring_run_id: UUID | None = None


def record_export(warehouse: Warehouse, record: ExportRecord) -> None:
    """Record an export, so that the view ``acts`` shows it.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
        WarehouseError: The database cannot be written.
    """
    with writing(warehouse) as connection:
        run_statement(connection, "insert_export", asdict(record) | {"folder": str(record.folder)})


def export_tables(warehouse: Warehouse, folder: Path) -> dict[str, int]:
    """Write every table and the view ``final_values`` as ``NAME.parquet``, and ``views.sql`` for DuckDB.

    ``views.sql`` opens the files as views, and creates the views and macros of the database over them. The
    export reads a snapshot, so all files show the same moment, and writers do not have to wait. Each existing
    file is replaced atomically.

    Args:
        warehouse: The database file and how long to wait for it.
        folder: The target folder; it is created if it is missing.

    Returns:
        The number of rows of each file.

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
            tables = sorted(rows)
            rows[_FINAL_VALUES] = _write_table(
                connection.table(_FINAL_VALUES), folder / f"{_FINAL_VALUES}.parquet"
            )
        with written_whole(folder / VIEWS) as temporary:
            temporary.write_text(_views(tables), encoding="utf-8")
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


def _views(tables: list[str]) -> str:
    """Return the statements that open each file of the current folder, and create our views and macros."""
    files = "".join(_VIEW.substitute(name=name) for name in tables)
    return "\n".join([_HEAD + files, *read_definitions()])
