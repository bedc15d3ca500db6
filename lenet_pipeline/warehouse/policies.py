"""Policies in the database: which readings are accepted without review, and on what evidence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import duckdb
import pyarrow as pa

from lenet_pipeline.warehouse.chain import POLICY, link_event
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.migrations import reading, writing
from lenet_pipeline.warehouse.queries import fetch_statement
from lenet_pipeline.warehouse.records import PolicyRecord
from lenet_pipeline.warehouse.statements import run_statement


def record_policy(warehouse: Warehouse, record: PolicyRecord) -> int:
    """Record a policy, put it in force, and return its number.

    Raises:
        WarehouseError: The database refuses the record.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection:
        return insert_policy(connection, record)


def insert_policy(connection: duckdb.DuckDBPyConnection, record: PolicyRecord) -> int:
    """Record a policy in a transaction that is already open, and return its number."""
    ((number,),) = run_statement(connection, "insert_policy", asdict(record))
    link_event(connection, POLICY, number)
    return int(number)


def list_policies_of(
    warehouse: Warehouse, model_name: str, model_version: int, until: datetime | None = None
) -> list[PolicyRecord]:
    """Return the policies of a version that are in force, or were in force at a time.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    asked = {"model_name": model_name, "model_version": model_version, "until": until}
    with reading(warehouse) as connection:
        rows = fetch_statement(connection, "load/list_policies_of_version.sql", asked).to_pylist()
    return [PolicyRecord(**row) for row in rows]


@dataclass(frozen=True)
class KnownFields:
    """A run's fields with a known truth; columns: field_id, confidence, needs_look and is_right."""

    scoring_run_id: UUID
    manifest_fingerprint: str
    fields: pa.Table


def read_known_fields(
    warehouse: Warehouse, dataset: str, model_name: str, model_version: int, precision: str
) -> KnownFields | None:
    """Return the fields with a known truth in a version's newest finished run over a dataset.

    Return None if there is no such run.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        asked = {"dataset": dataset, "model_name": model_name, "model_version": str(model_version)}
        asked["precision"] = precision
        runs = fetch_statement(connection, "load/find_version_run.sql", asked).to_pylist()
        if not runs:
            return None
        run = {"scoring_run_id": runs[0]["scoring_run_id"]}
        fields = fetch_statement(connection, "load/list_field_truths.sql", run)
    return KnownFields(UUID(run["scoring_run_id"]), runs[0]["manifest_fingerprint"], fields)
