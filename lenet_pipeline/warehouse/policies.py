"""Policies in the database: which readings are accepted without review, and on what evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa

from lenet_pipeline.warehouse.chain import POLICY, link_event
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.fetching import fetch_statement
from lenet_pipeline.warehouse.migrations import reading, writing
from lenet_pipeline.warehouse.policy_records import PolicyHistogram, PolicyRecord, PolicyStratum
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
    values = {name: value for name, value in vars(record).items() if name not in ("strata", "histograms")}
    ((number,),) = run_statement(connection, "insert_policy", values)
    of_policy = {"policy_number": number}
    for stratum in record.strata:
        run_statement(connection, "insert_policy_stratum", of_policy | vars(stratum))
    for histogram in record.histograms:
        run_statement(connection, "insert_policy_histogram", of_policy | vars(histogram))
    link_event(connection, POLICY, number)
    _count_earlier_runs(connection, record)
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
        return [_read_policy(connection, row) for row in rows]


def _read_policy(connection: duckdb.DuckDBPyConnection, row: dict[str, Any]) -> PolicyRecord:
    of_policy = {"policy_number": row.pop("policy_number")}
    strata = run_statement(connection, "list_policy_strata", of_policy)
    histograms = run_statement(connection, "list_policy_histograms", of_policy)
    return PolicyRecord(
        **row,
        strata=tuple(PolicyStratum(*each) for each in strata),
        histograms=tuple(PolicyHistogram(*each) for each in histograms),
    )


def _count_earlier_runs(connection: duckdb.DuckDBPyConnection, record: PolicyRecord) -> None:
    """Count the predictions of runs that an earlier release scored, so that the policy can judge them."""
    reader = {name: getattr(record, name) for name in ("model_name", "model_version", "precision")}
    for (run,) in run_statement(connection, "list_runs_to_count", reader):
        run_statement(connection, "insert_run_histograms", {"scoring_run_id": run})


@dataclass(frozen=True)
class RunDifference:
    """A measure in which a run differs from the evidence of the policy in force for a subject."""

    subject: str
    policy_number: int
    is_held: bool
    measure: str
    stability_index: float
    alarm_from: float


def list_run_differences(warehouse: Warehouse, scoring_run_id: UUID) -> list[RunDifference]:
    """Return the measures in which a run differs from the evidence of the policies in force, largest first.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        rows = run_statement(connection, "list_run_differences", {"scoring_run_id": scoring_run_id})
    return [RunDifference(*row) for row in rows]


@dataclass(frozen=True)
class KnownFields:
    """A run's fields with a known truth.

    ``fields`` has the columns field_id, form, confidence, needs_look and is_right. ``histograms`` are the
    counts per bin of all digits of the run, by measure.
    """

    scoring_run_id: UUID
    manifest_fingerprint: str
    fields: pa.Table
    histograms: dict[str, list[int]]


def read_known_fields(
    warehouse: Warehouse, dataset: str, model_name: str, model_version: int, precision: str
) -> KnownFields | None:
    """Return the fields with a known truth in a version's newest finished run over a dataset.

    Return None if there is no such run.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection:
        asked = {"dataset": dataset, "model_name": model_name, "model_version": str(model_version)}
        asked["precision"] = precision
        runs = fetch_statement(connection, "load/find_version_run.sql", asked).to_pylist()
        if not runs:
            return None
        run = {"scoring_run_id": runs[0]["scoring_run_id"]}
        fields = fetch_statement(connection, "load/list_field_truths.sql", run)
        run_statement(connection, "insert_run_histograms", run)
        histograms = run_statement(connection, "list_run_histograms", run)
    return KnownFields(UUID(run["scoring_run_id"]), runs[0]["manifest_fingerprint"], fields, dict(histograms))
