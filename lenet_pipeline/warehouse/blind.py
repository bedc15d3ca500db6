"""Samples for blind second readings: how they are drawn, and what is left to answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import duckdb
import pyarrow as pa

from lenet_pipeline.errors import ReviewError
from lenet_pipeline.schema import derive_uuid
from lenet_pipeline.warehouse.chain import REVIEWS, link_event
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.fetching import fetch_statement
from lenet_pipeline.warehouse.migrations import writing
from lenet_pipeline.warehouse.queries import ask, find_run
from lenet_pipeline.warehouse.statements import run_statement

_FROM_RUN, _FROM_QUEUE = "sample", "queue"


@dataclass(frozen=True)
class BlindDraw:
    """Describes a sample to draw: the same description always draws the same sample.

    Attributes:
        is_queue: draw from what waits for a person, not from all readings of a run.
        run: ``latest``, a run's id or its beginning; None for the queue of all runs.
        form: only fields of this form; None for any.
        field: only fields of this name; None for any.
        reason: only items that wait for this reason; None for any. Needs ``is_queue``.
        size: largest number of items.
        seed: another seed draws other items.
        name: shown in the list; the description itself if empty.
    """

    is_queue: bool = False
    run: str | None = None
    form: str | None = None
    field: str | None = None
    reason: str | None = None
    size: int = 100
    seed: int = 0
    name: str = ""


@dataclass(frozen=True)
class DrawnSample:
    """A sample, its number of items, and whether it was drawn just now."""

    sample_id: UUID
    name: str
    items: int
    is_new: bool


def draw_blind_sample(warehouse: Warehouse, draw: BlindDraw, actor: str) -> DrawnSample:
    """Draw a sample and store its items; a sample that was drawn before is returned unchanged.

    Raises:
        ReviewError: No field or digit matches the description.
        WarehouseError: The run does not exist, or the database cannot be written.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection:
        run = None
        if draw.run is not None or not draw.is_queue:
            run = find_run(connection, warehouse.path, draw.run or "latest")
        kind = _FROM_QUEUE if draw.is_queue else _FROM_RUN
        filters = {"form": draw.form, "field": draw.field, "reason": draw.reason}
        sample_id = derive_uuid("blind sample", kind, run, *filters.values(), draw.size, draw.seed)
        known = _find_sample(connection, sample_id)
        if known is not None:
            return known
        scope = {"sample_id": sample_id, "scoring_run_id": run and UUID(run), **filters}
        terms = {"size": draw.size, "seed": draw.seed}
        details = {"name": draw.name or _describe(draw, run), "kind": kind, "actor": actor}
        created = {"created_at": datetime.now(UTC)}
        run_statement(connection, "insert_blind_sample", {**scope, **terms, **details, **created})
        if draw.is_queue:
            items = run_statement(connection, "draw_queue_items", {**scope, **terms})
        else:
            del scope["reason"]
            items = run_statement(connection, "draw_run_items", {**scope, **terms})
        if not items:
            raise ReviewError("no field or digit matches; nothing was drawn")
        link_event(connection, REVIEWS, sample_id)
        return DrawnSample(sample_id, details["name"], len(items), is_new=True)


def list_blind_samples(warehouse: Warehouse, actor: str, sample_id: UUID | None = None) -> pa.Table:
    """Return the samples, newest first, with their progress and the number of answers of a person.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    asked = {"actor": actor, "sample_id": sample_id and str(sample_id)}
    return ask(warehouse, "list_blind_samples", asked)


def list_blind_items(warehouse: Warehouse, sample_id: UUID, actor: str) -> pa.Table:
    """Return the items that a person may answer: item_number, form, field, kind and seats.

    ``seats`` is the number of answers that are still needed. Predictions and other answers are left out.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    return ask(warehouse, "list_blind_items", {"sample_id": str(sample_id), "actor": actor})


def list_blind_digits(warehouse: Warehouse, sample_id: UUID) -> pa.Table:
    """Return the digits of a sample: dataset, shard_fingerprint and digit_id.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    return ask(warehouse, "list_blind_digits", {"sample_id": str(sample_id)})


def _find_sample(connection: duckdb.DuckDBPyConnection, sample_id: UUID) -> DrawnSample | None:
    found = fetch_statement(
        connection, "load/list_blind_samples.sql", {"actor": "", "sample_id": str(sample_id)}
    ).to_pylist()
    return DrawnSample(sample_id, found[0]["name"], found[0]["items"], is_new=False) if found else None


def _describe(draw: BlindDraw, run: str | None) -> str:
    """Describe a sample in a few words, such as 'Sample, run 1a2b3c4d, seed 0'."""
    origin = "Queue" if draw.is_queue else "Sample"
    parts = {"run": run and run[:8], "form": draw.form, "field": draw.field, "reason": draw.reason}
    named = [f"{name} {value}" for name, value in parts.items() if value]
    return ", ".join([origin, *named, f"seed {draw.seed}"])
