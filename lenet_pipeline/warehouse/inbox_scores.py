"""Scores of the documents of an inbox: datasets without a run, decisions, and fields that wait."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.fetching import fetch_statement
from lenet_pipeline.warehouse.migrations import reading
from lenet_pipeline.warehouse.queries import ask
from lenet_pipeline.warehouse.statements import run_statement


def list_unscored_datasets(warehouse: Warehouse, inbox: str) -> list[str]:
    """Return the datasets of an inbox whose newest version has digits and no finished scoring run.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        rows = run_statement(connection, "list_unscored_datasets", {"inbox": inbox})
    return [dataset for (dataset,) in rows]


def count_document_decisions(
    warehouse: Warehouse, scoring_run_ids: Sequence[UUID], digests: Sequence[str]
) -> dict[str, int]:
    """Count the digits of some documents by decision, over some scoring runs.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    values = {"scoring_run_ids": [str(run) for run in scoring_run_ids], "digests": list(digests)}
    rows = ask(warehouse, "count_document_decisions", values).to_pylist()
    return {row["decision"]: row["digits"] for row in rows}


def count_waiting_fields(
    warehouse: Warehouse, scoring_run_ids: Sequence[UUID], digests: Sequence[str]
) -> int:
    """Count the fields of some documents that wait for a person, over some scoring runs.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    values = {"scoring_run_ids": [str(run) for run in scoring_run_ids], "digests": list(digests)}
    with reading(warehouse) as connection:
        rows = fetch_statement(connection, "load/count_waiting_fields.sql", values)
    return int(rows["fields"][0].as_py())
