"""Choices in the database: the boxes and bubbles on pages, and their true values."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

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


def count_doubtful_choices(
    warehouse: Warehouse, scoring_run_ids: Sequence[UUID], digests: Sequence[str]
) -> int:
    """Count the choices of some documents that a person should look at, over some scoring runs.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    values = {"scoring_run_ids": [str(run) for run in scoring_run_ids], "digests": list(digests)}
    with reading(warehouse) as connection:
        rows = fetch_statement(connection, "load/count_doubtful_choices.sql", values)
    return int(rows["choices"][0].as_py())
