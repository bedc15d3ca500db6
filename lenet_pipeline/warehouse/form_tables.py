"""Forms in the database: templates, pages with their fields and cells, and the values read from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import duckdb
import pyarrow as pa

from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.migrations import reading, writing
from lenet_pipeline.warehouse.queries import ask_statement
from lenet_pipeline.warehouse.snapshot import AsOf, asking
from lenet_pipeline.warehouse.statements import run_statement

DOCUMENTS = pa.schema(
    [
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("source_sha256", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("pages", pa.int32(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("recorded_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("actor", pa.string(), nullable=False),
        pa.field("flow_run_id", pa.string()),
    ]
)
FIELD_TRUTHS = pa.schema(
    [
        pa.field("field_id", pa.uuid(), nullable=False),
        pa.field("page_id", pa.uuid(), nullable=False),
        pa.field("truth", pa.string(), nullable=False),
        pa.field("recorded_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("actor", pa.string(), nullable=False),
    ]
)
RULE_FAILURES = pa.schema([("page_id", pa.uuid()), ("rule", pa.string())])


@dataclass(frozen=True)
class TemplateRecord:
    """A template by its fingerprint, as YAML, and its fields in order; some are unique within a batch."""

    template: str
    form: str
    text: str
    fields: tuple[str, ...]
    unique_fields: frozenset[str]
    recorded_at: datetime
    actor: str


@dataclass(frozen=True)
class PageTables:
    """Pages with what was found on them: tables of the schemas ``PAGES``, ``FIELDS`` and ``CELLS``."""

    pages: pa.Table
    fields: pa.Table
    cells: pa.Table


def record_templates(warehouse: Warehouse, records: Sequence[TemplateRecord]) -> None:
    """Record templates; one that is there stays as it is.

    Raises:
        DatabaseBusyError: the database was still held after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection:
        for record in records:
            values = asdict(record)
            fields, unique = values.pop("fields"), values.pop("unique_fields")
            run_statement(connection, "insert_template", values)
            for number, field in enumerate(fields):
                field_values = {
                    "template": record.template,
                    "field": field,
                    "field_number": number,
                    "is_unique": field in unique,
                }
                run_statement(connection, "insert_template_field", field_values)


def record_documents(warehouse: Warehouse, documents: pa.Table) -> None:
    """Record documents, a table of schema ``DOCUMENTS``; one that is there stays as it is.

    Raises:
        DatabaseBusyError: the database was still held after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection, registered(connection, new_documents=documents):
        run_statement(connection, "insert_documents", {})


def list_pages(warehouse: Warehouse, dataset: str) -> pa.Table:
    """Return the pages of a dataset that were read or tried before, oldest first.

    Raises:
        WarehouseError: there is no database yet, or it cannot be read.
        DatabaseBusyError: the database was still held after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        return ask_statement(connection, "load/list_pages.sql", {"dataset": dataset})


def load_pages(warehouse: Warehouse, tables: PageTables) -> None:
    """Load pages with their fields and cells in one transaction; a page that is there stays as it is.

    Raises:
        DatabaseBusyError: the database was still held after ``warehouse.wait_s`` seconds.
    """
    named = {"new_pages": tables.pages, "new_fields": tables.fields, "new_cells": tables.cells}
    with writing(warehouse) as connection, registered(connection, **named):
        # A page's own row comes last: what it lacks, its fields and cells lack too.
        for statement in ("insert_fields", "insert_cells", "insert_pages"):
            run_statement(connection, statement, {})


def read_template_texts(warehouse: Warehouse, scoring_run_id: UUID) -> dict[str, str]:
    """Return, by fingerprint, the YAML of the templates that a run's pages were read with.

    Raises:
        WarehouseError: the database cannot be read.
        DatabaseBusyError: it was still held after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        values = {"scoring_run_id": str(scoring_run_id)}
        rows = ask_statement(connection, "load/list_template_texts.sql", values).to_pylist()
    return {row["template"]: row["text"] for row in rows}


def read_unassembled_cells(warehouse: Warehouse, scoring_run_id: UUID, pages: int) -> pa.Table:
    """Return the cells of so many pages that a run has read and made no values of, page by page.

    Columns: ids and template as text, field, its number in the template, position, state, probabilities
    (float32 of ten, null where nothing was read), not_a_digit.

    Raises:
        WarehouseError: the database cannot be read.
        DatabaseBusyError: it was still held after ``warehouse.wait_s`` seconds.
    """
    values = {"scoring_run_id": str(scoring_run_id), "limit": str(pages)}
    with reading(warehouse) as connection:
        return ask_statement(connection, "load/list_unassembled_cells.sql", values)


def load_field_values(
    warehouse: Warehouse, scoring_run_id: UUID, values: pa.Table, rule_failures: pa.Table
) -> None:
    """Load values of whole pages, and the rules that pages break; a page that has values keeps them.

    Args:
        warehouse: the database file, and how long to wait for it.
        scoring_run_id: the run whose reader read them.
        values: of schema ``FIELD_VALUES``.
        rule_failures: of schema ``RULE_FAILURES``.

    Raises:
        DatabaseBusyError: the database was still held after ``warehouse.wait_s`` seconds.
    """
    named = {"new_field_values": values, "new_rule_failures": rule_failures}
    with writing(warehouse) as connection, registered(connection, **named):
        identity = {"scoring_run_id": scoring_run_id}
        run_statement(connection, "insert_page_rule_failures", identity)
        run_statement(connection, "insert_field_values", identity)


@contextmanager
def registered(connection: duckdb.DuckDBPyConnection, **tables: pa.Table) -> Iterator[None]:
    """Let statements read these tables by name within the block."""
    for name, table in tables.items():
        connection.register(name, table)
    try:
        yield
    finally:
        for name in tables:
            connection.unregister(name)


def list_fields(warehouse: Warehouse, dataset: str) -> pa.Table:
    """Return field_id, page_id, source, page and field of every field of a dataset.

    Raises:
        WarehouseError: there is no database yet, or it cannot be read.
        DatabaseBusyError: the database was still held after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        return ask_statement(connection, "load/list_fields.sql", {"dataset": dataset})


def record_field_truths(warehouse: Warehouse, truths: pa.Table) -> None:
    """Record what fields truly say, a table of schema ``FIELD_TRUTHS``; the newest truth counts.

    Raises:
        DatabaseBusyError: the database was still held after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection, registered(connection, new_field_truths=truths):
        run_statement(connection, "insert_field_truths", {})


def list_misread_fields(warehouse: Warehouse, scoring_run_id: UUID) -> pa.Table:
    """Return the fields of a run whose value is not the truth, surest first, with their pictures.

    Raises:
        WarehouseError: the database cannot be read.
        DatabaseBusyError: it was still held after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        values = {"scoring_run_id": str(scoring_run_id)}
        return ask_statement(connection, "load/list_misread_fields.sql", values)


def find_finished_run(warehouse: Warehouse, dataset: str) -> UUID | None:
    """Return the newest finished run over a dataset; None where there is none yet.

    Raises:
        WarehouseError: there is no database yet, or it cannot be read.
        DatabaseBusyError: it was still held after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        rows = ask_statement(connection, "load/find_finished_run.sql", {"dataset": dataset}).to_pylist()
    return UUID(rows[0]["scoring_run_id"]) if rows else None


def read_field_picture(warehouse: Warehouse, field_id: UUID, as_of: AsOf | None = None) -> bytes | None:
    """Return the JPEG of a field, None where there is no such field.

    Where somebody writes to the database and ``as_of`` is given, the snapshot is asked: see `AsOf`.

    Raises:
        WarehouseError: the database cannot be read.
        DatabaseBusyError: it was still held after ``warehouse.wait_s`` seconds.
    """
    with asking(warehouse, as_of) as connection:
        rows = ask_statement(connection, "load/find_field_picture.sql", {"field_id": str(field_id)})
    return rows["picture"][0].as_py() if len(rows) else None
