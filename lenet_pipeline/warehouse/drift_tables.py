"""Drift in the database: the reference of each model version, and the distance of each run from it."""

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
    """One bin of a version's reference.

    ``critical`` is the value that the test statistic exceeds by chance once in a thousand times.
    """

    measure: str
    bin: int
    lower_end: float
    digits: int
    critical: float


@dataclass(frozen=True)
class Drift:
    """A run's distance from its version's reference in one measure, and the distance that raises an alarm."""

    measure: str
    stability_index: float
    kolmogorov_smirnov: float
    alarm_from: float
    is_drifted: bool


def record_drift_reference(
    warehouse: Warehouse, model_name: str, model_version: int, bins: Sequence[DriftBin]
) -> None:
    """Record a version's reference; existing bins are not changed.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    version = {"model_name": model_name, "model_version": model_version}
    with writing(warehouse) as connection:
        for each in bins:
            run_statement(connection, "insert_drift_reference", {**version, **vars(each)})


def measure_drift(
    warehouse: Warehouse, scoring_run_id: UUID, least: float, measured_at: datetime
) -> list[Drift]:
    """Count a scored run's predictions per bin, and compare them with its version's reference.

    Return the new comparisons. Without a reference, the counts still serve to compare the run with the
    evidence of policies. A run that was compared before returns nothing.

    Args:
        warehouse: The database file and how long to wait for it.
        scoring_run_id: The run.
        least: The smallest population stability index that may raise an alarm.
        measured_at: The current time, in UTC.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    values: Mapping[str, object] = {
        "scoring_run_id": scoring_run_id,
        "least": least,
        "measured_at": measured_at,
    }
    with writing(warehouse) as connection:
        run_statement(connection, "insert_run_histograms", {"scoring_run_id": scoring_run_id})
        return [Drift(*row) for row in run_statement(connection, "insert_drift", values)]
