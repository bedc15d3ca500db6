"""The declared schedule of retraining, and what it decided each time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.fetching import fetch_statement
from lenet_pipeline.warehouse.migrations import reading, writing
from lenet_pipeline.warehouse.statements import run_statement


@dataclass(frozen=True)
class ScheduleRecord:
    """A declaration of the retraining schedule.

    Attributes:
        datasets: The datasets to learn from.
        tests: The datasets to report on after training.
        architecture: The architecture of the network.
        recipe: The recipe of the training.
        effort: ``quick`` or ``best``.
        epochs: The number of epochs; None for the recipe's number.
        seed: The seed of weights, order and distortions.
        cron: When training is considered, in UTC; None for every night.
        min_new_labels: The number of new labels that starts a training; None if labels alone start none.
        on_drift: Whether a drift alarm starts a training.
        if_drift: ``hold`` if the readings of a run that drifted wait for a person; otherwise ``accept``.
        max_error: The target for the error rate of accepted digits, 0 to 1; None for the terms of the
            policies in force.
        certainty: The statistical certainty of that target, 0 to 1.
        review_rate: The share of accepted readings in the review sample, 0 to 1.
        evidence: Labelled datasets that policies rest on, in addition to the gate digits.
        field_evidence: A dataset of forms with known truth that field policies rest on; None for none.
        if_target_missed: ``wait`` or ``promote``.
        afterwards: ``keep``, ``decide`` or ``score``.
        score_since: The day since when documents are scored again; None unless ``afterwards`` is ``score``.
        declared_at: When it was declared.
        actor: Who declared it.
        is_removed: Whether the declaration removes the schedule.
        schedule_number: Its number; None until it is recorded.
    """

    datasets: tuple[str, ...]
    tests: tuple[str, ...]
    architecture: str
    recipe: str
    effort: str
    epochs: int | None
    seed: int
    cron: str | None
    min_new_labels: int | None
    on_drift: bool
    if_drift: str
    max_error: float | None
    certainty: float
    review_rate: float
    evidence: tuple[str, ...]
    field_evidence: str | None
    if_target_missed: str
    afterwards: str
    score_since: date | None
    declared_at: datetime
    actor: str
    is_removed: bool = False
    schedule_number: int | None = None


@dataclass(frozen=True)
class ScheduleFacts:
    """The facts that the schedule decides from.

    Attributes:
        trained_at: The time that the last training was for; None if the schedule never trained.
        trained_version: The version that it trained.
        due_at: The last time for which training was due; None for never.
        new_labels: The number of digits that people labelled since the last training.
        drift_alarms: The number of runs that drifted since the last training.
        review_number: The number of the newest verdict; 0 for none.
        read_at: When these facts were read, or the time that they are limited to.
    """

    trained_at: datetime | None
    trained_version: int | None
    due_at: datetime | None
    new_labels: int
    drift_alarms: int
    review_number: int
    read_at: datetime


@dataclass(frozen=True)
class ScheduleDecision:
    """A decision of the schedule, ``train`` or ``skip``; see the table ``schedule_decisions``."""

    schedule_number: int
    considered_at: datetime
    decision: str
    reason: str
    is_due: bool
    model_name: str
    model_version: int | None
    new_labels: int
    drift_alarms: int
    review_number: int
    decided_at: datetime
    actor: str
    flow_run_id: str | None


def record_schedule(warehouse: Warehouse, record: ScheduleRecord) -> int:
    """Record a declaration, which puts it in force, and return its number.

    Raises:
        WarehouseError: The database refuses the record.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    values = {
        name: list(value) if isinstance(value, tuple) else value for name, value in vars(record).items()
    }
    del values["schedule_number"]
    with writing(warehouse) as connection:
        ((number,),) = run_statement(connection, "insert_schedule", values)
        return int(number)


def find_schedule(warehouse: Warehouse, until: datetime | None = None) -> ScheduleRecord | None:
    """Return the schedule in force, or the one that was in force at a time; None if there is none.

    Raises:
        WarehouseError: The database cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    if not warehouse.path.exists():
        return None
    with reading(warehouse) as connection:
        rows = fetch_statement(connection, "load/find_schedule.sql", {"until": until}).to_pylist()
    if not rows:
        return None
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in rows[0].items()
    }
    return ScheduleRecord(**values)


def read_schedule_facts(
    warehouse: Warehouse, model_name: str, until: datetime | None = None
) -> ScheduleFacts:
    """Return the facts that the schedule decides from now, or those recorded until a time.

    Raises:
        WarehouseError: The database cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    read_at = until or datetime.now(UTC)
    with reading(warehouse) as connection:
        asked = {"model_name": model_name, "until": until}
        (row,) = fetch_statement(connection, "load/find_schedule_facts.sql", asked).to_pylist()
    return ScheduleFacts(**row, read_at=read_at)


def find_schedule_decision(
    warehouse: Warehouse, schedule_number: int, considered_at: datetime
) -> tuple[str, str, int | None] | None:
    """Return the decision, reason and model version of a schedule for a time; None if there is none yet.

    Raises:
        WarehouseError: The database cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    asked = {"schedule_number": schedule_number, "considered_at": considered_at}
    with reading(warehouse) as connection:
        for decision, reason, version in run_statement(connection, "find_schedule_decision", asked):
            return str(decision), str(reason), version
    return None


def record_schedule_decision(warehouse: Warehouse, decision: ScheduleDecision) -> None:
    """Record a decision of the schedule, unless it decided for this time before.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection:
        run_statement(connection, "insert_schedule_decision", asdict(decision))
