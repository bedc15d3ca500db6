"""Drift in the database: a version's reference, and how far each run is from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.migrations import writing
from lenet_pipeline.warehouse.statements import run_statement


@dataclass(frozen=True)
class DriftBin:
    """One bin of a version's reference: ``critical`` is chance's statistic, exceeded once in a thousand."""

    measure: str
    bin: int
    lower_end: float
    digits: int
    critical: float


@dataclass(frozen=True)
class Drift:
    """How far a run is from its version's reference in one measure, and from where that is an alarm."""

    measure: str
    stability_index: float
    kolmogorov_smirnov: float
    alarm_from: float
    is_drifted: bool


def record_drift_reference(
    warehouse: Warehouse, model_name: str, model_version: int, bins: Sequence[DriftBin]
) -> None:
    """Record a version's reference; what is there already stays as it is.

    Raises:
        DatabaseBusyError: the database was still held after ``warehouse.wait_s`` seconds.
    """
    version = {"model_name": model_name, "model_version": model_version}
    with writing(warehouse) as connection:
        for each in bins:
            run_statement(connection, "insert_drift_reference", {**version, **vars(each)})


def measure_drift(
    warehouse: Warehouse, scoring_run_id: UUID, least: float, measured_at: datetime
) -> list[Drift]:
    """Compare a finished run with its version's reference, once; return what is new.

    Args:
        warehouse: the database file, and how long to wait for it.
        scoring_run_id: the run.
        least: population stability index from which it is an alarm, whatever chance would allow.
        measured_at: the time, in UTC.

    Raises:
        DatabaseBusyError: the database was still held after ``warehouse.wait_s`` seconds.
    """
    values: Mapping[str, object] = {
        "scoring_run_id": scoring_run_id,
        "least": least,
        "measured_at": measured_at,
    }
    with writing(warehouse) as connection:
        return [Drift(*row) for row in run_statement(connection, "insert_drift", values)]
