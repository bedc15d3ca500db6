"""Read the work of a night: manifests without a run, training datasets, and earlier documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.fetching import fetch_statement
from lenet_pipeline.warehouse.migrations import reading
from lenet_pipeline.warehouse.registration import registered_tables
from lenet_pipeline.warehouse.statements import run_statement


@dataclass(frozen=True)
class CurrentVersion:
    """The model version of a dataset's current run, and when the dataset was last committed.

    The time is None for a dataset that an older release committed.
    """

    dataset: str
    model_name: str
    model_version: int
    last_at: datetime | None


def list_finished_manifests(warehouse: Warehouse, until: datetime | None = None) -> set[tuple[str, str]]:
    """Return dataset and manifest fingerprint of each finished run, or of those finished until a time.

    Raises:
        WarehouseError: The database cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        return set(run_statement(connection, "list_finished_manifests", {"until": until}))


def list_learned_datasets(warehouse: Warehouse, until: datetime | None = None) -> set[str]:
    """Return the datasets that any model version learned from, now or at a time.

    Raises:
        WarehouseError: The database cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        rows = run_statement(connection, "list_learned_datasets", {"until": until})
    return {name for (names,) in rows for name in str(names).split(", ")}


def list_current_versions(warehouse: Warehouse, until: datetime | None = None) -> list[CurrentVersion]:
    """Return the model version that read each dataset, by the run that counts now or counted at a time.

    Raises:
        WarehouseError: The database cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        asked = {"until": until}
        return [CurrentVersion(*row) for row in run_statement(connection, "list_current_versions", asked)]


def list_document_decisions(warehouse: Warehouse, datasets: Sequence[str]) -> pa.Table:
    """Return the final value and decision of each field of some datasets.

    Columns: field_id, dataset, source, page, field, value and decision.

    Raises:
        WarehouseError: The database cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    asked = pa.table({"dataset": pa.array(datasets, pa.string())})
    with reading(warehouse) as connection, registered_tables(connection, asked_datasets=asked):
        return fetch_statement(connection, "load/list_document_decisions.sql", {})


def count_work_waiting(warehouse: Warehouse) -> tuple[int, int]:
    """Return the number of fields and of digits that wait for a person.

    Raises:
        WarehouseError: The database cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        ((fields, digits),) = run_statement(connection, "count_work_waiting", {})
    return int(fields), int(digits)
