"""Choices in the database: the boxes and bubbles on pages, and their true values."""

from __future__ import annotations

import pyarrow as pa

from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.fetching import fetch_statement
from lenet_pipeline.warehouse.migrations import reading, writing
from lenet_pipeline.warehouse.registration import registered_tables
from lenet_pipeline.warehouse.statements import run_statement


def list_choices(warehouse: Warehouse, dataset: str) -> pa.Table:
    """Return every choice of a dataset: choice_id, page_id, source, page and choice.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        return fetch_statement(connection, "load/list_choices.sql", {"dataset": dataset})


def record_choice_truths(warehouse: Warehouse, truths: pa.Table) -> None:
    """Record the true values of choices, a table of schema ``CHOICE_TRUTHS``; the newest one counts.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection, registered_tables(connection, new_choice_truths=truths):
        run_statement(connection, "insert_choice_truths", {})
