"""Forms in the database: pages with their fields, cells and choices, and the recognised values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import pyarrow as pa

from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.fetching import fetch_statement
from lenet_pipeline.warehouse.migrations import reading, writing
from lenet_pipeline.warehouse.registration import registered_tables
from lenet_pipeline.warehouse.reviews import Revise, revise_pages
from lenet_pipeline.warehouse.snapshot import AsOf, querying
from lenet_pipeline.warehouse.statements import run_statement


@dataclass(frozen=True)
class PageTables:
    """Pages with their fields, cells, choices and options, as tables of the schemas of these names."""

    pages: pa.Table
    fields: pa.Table
    cells: pa.Table
    choices: pa.Table
    options: pa.Table


def record_documents(warehouse: Warehouse, documents: pa.Table) -> None:
    """Record documents, a table of schema ``DOCUMENTS``, and new content under their paths.

    Existing documents are not changed.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection, registered_tables(connection, new_documents=documents):
        run_statement(connection, "insert_documents", {})
        run_statement(connection, "insert_document_names", {})


def list_current_documents(warehouse: Warehouse, dataset: str) -> dict[str, str]:
    """Return the sha256 of the current scan of each document of a dataset, by the document's path.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        rows = fetch_statement(connection, "load/list_current_documents.sql", {"dataset": dataset})
    return dict(zip(rows["source"].to_pylist(), rows["source_sha256"].to_pylist(), strict=True))


def list_pages(warehouse: Warehouse, dataset: str) -> pa.Table:
    """Return all pages of a dataset, read or not, oldest first.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        return fetch_statement(connection, "load/list_pages.sql", {"dataset": dataset})


def load_pages(warehouse: Warehouse, tables: PageTables) -> None:
    """Load pages with everything on them in one transaction; existing pages are not changed.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    named = {
        "new_pages": tables.pages,
        "new_fields": tables.fields,
        "new_cells": tables.cells,
        "new_choices": tables.choices,
        "new_choice_options": tables.options,
    }
    # Pages come last: the other statements insert only the content of pages that do not exist yet.
    statements = ("insert_fields", "insert_cells", "insert_choices", "insert_choice_options", "insert_pages")
    with writing(warehouse) as connection, registered_tables(connection, **named):
        for statement in statements:
            run_statement(connection, statement, {})


def read_template_texts(warehouse: Warehouse, scoring_run_id: UUID) -> dict[str, str]:
    """Return the YAML text of the templates of a run's pages, by fingerprint.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        values = {"scoring_run_id": str(scoring_run_id)}
        rows = fetch_statement(connection, "load/list_template_texts.sql", values).to_pylist()
    return {row["template"]: row["text"] for row in rows}


def read_form_names(warehouse: Warehouse) -> dict[str, str]:
    """Return the name of the form of each known template, by fingerprint.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        return dict(run_statement(connection, "list_forms", {}))


def read_unassembled_cells(warehouse: Warehouse, scoring_run_id: UUID, pages: int) -> pa.Table:
    """Return the cells of pages that a run has scored but not assembled into values, page by page.

    ``pages`` is the largest number of pages. Columns: ids and template as text, field, its number in the
    template, position, state, probabilities (ten float32 values, or null if nothing was read), not_a_digit.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    values = {"scoring_run_id": str(scoring_run_id), "limit": str(pages)}
    with reading(warehouse) as connection:
        return fetch_statement(connection, "load/list_unassembled_cells.sql", values)


def load_field_values(
    warehouse: Warehouse, scoring_run_id: UUID, values: pa.Table, rule_failures: pa.Table, revise: Revise
) -> None:
    """Load the values of whole pages, and the rules that they break; existing values are not changed.

    Pages that people reviewed before get their final values at once.

    Args:
        warehouse: The database file and how long to wait for it.
        scoring_run_id: The run that read the values.
        values: A table of schema ``FIELD_VALUES``.
        rule_failures: A table of schema ``RULE_FAILURES``.
        revise: Derives the final values of reviewed pages.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    named = {"new_field_values": values, "new_rule_failures": rule_failures}
    with writing(warehouse) as connection, registered_tables(connection, **named):
        identity = {"scoring_run_id": scoring_run_id}
        run_statement(connection, "insert_page_rule_failures", identity)
        run_statement(connection, "insert_field_values", identity)
        pages = fetch_statement(connection, "load/list_reviewed_pages.sql", {})
        revise_pages(connection, pages, revise, datetime.now(UTC))


def list_fields(warehouse: Warehouse, dataset: str) -> pa.Table:
    """Return every field of a dataset: field_id, page_id, source, page and field.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        return fetch_statement(connection, "load/list_fields.sql", {"dataset": dataset})


def record_field_truths(warehouse: Warehouse, truths: pa.Table) -> None:
    """Record the true values of fields, a table of schema ``FIELD_TRUTHS``; the newest one counts.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection, registered_tables(connection, new_field_truths=truths):
        run_statement(connection, "insert_field_truths", {})


def list_misread_fields(warehouse: Warehouse, scoring_run_id: UUID) -> pa.Table:
    """Return a run's misread fields with their pictures, most confident first.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        values = {"scoring_run_id": str(scoring_run_id)}
        return fetch_statement(connection, "load/list_misread_fields.sql", values)


def find_finished_run(warehouse: Warehouse, dataset: str) -> UUID | None:
    """Return the newest finished run over a dataset, or None if there is none.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        rows = fetch_statement(connection, "load/find_finished_run.sql", {"dataset": dataset}).to_pylist()
    return UUID(rows[0]["scoring_run_id"]) if rows else None


def read_field_picture(warehouse: Warehouse, field_id: UUID, as_of: AsOf | None = None) -> bytes | None:
    """Return the picture of a field as JPEG, or None if the field does not exist.

    With ``as_of``, the snapshot answers if the database is busy; see `AsOf`.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with querying(warehouse, as_of) as connection:
        rows = fetch_statement(connection, "load/find_field_picture.sql", {"field_id": str(field_id)})
    return rows["picture"][0].as_py() if len(rows) else None
