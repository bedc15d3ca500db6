"""Blind second readings: samples, the answers of people, and the verdicts that settle them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa

from lenet_pipeline.errors import ReviewError
from lenet_pipeline.schema import derive_uuid
from lenet_pipeline.warehouse.chain import REVIEWS, link_event
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.migrations import writing
from lenet_pipeline.warehouse.queries import fetch_statement, find_run
from lenet_pipeline.warehouse.reviews import Revise, VerdictBatch, append_verdicts
from lenet_pipeline.warehouse.snapshot import AsOf, querying
from lenet_pipeline.warehouse.statements import run_statement

BLIND = "blind"
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


@dataclass(frozen=True)
class BlindAnswer:
    """A person's answer to an item of a sample.

    Attributes:
        batch_id: chosen by the caller. An answer is recorded only once, so a caller may safely try again.
        sample_id: the sample.
        item_number: the item, from 1.
        answer: digits, with ``?`` for unreadable characters; empty for blank; ``X`` for a digit that is none.
        actor: the person.
        seconds: time taken, or None if unknown.
        answered_at: when the answer was given.
    """

    batch_id: UUID
    sample_id: UUID
    item_number: int
    answer: str
    actor: str
    seconds: float | None = None
    answered_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def verdict_id(self) -> UUID:
        """The id of the batch of verdicts if this answer settles the item."""
        return derive_uuid("blind verdict", self.batch_id)


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
        DatabaseBusyError: The database and its snapshot cannot be read now.
    """
    asked = {"actor": actor, "sample_id": sample_id and str(sample_id)}
    return _ask(warehouse, "list_blind_samples", asked)


def list_blind_items(warehouse: Warehouse, sample_id: UUID, actor: str) -> pa.Table:
    """Return the items that a person may answer: item_number, form, field, kind and seats.

    ``seats`` is the number of answers that are still needed. Predictions and other answers are left out.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database and its snapshot cannot be read now.
    """
    return _ask(warehouse, "list_blind_items", {"sample_id": str(sample_id), "actor": actor})


def find_blind_item(warehouse: Warehouse, sample_id: UUID, item_number: int) -> dict[str, Any] | None:
    """Return an item with the ids of its field or digit, and ``cells``; None if it does not exist.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database and its snapshot cannot be read now.
    """
    asked = {"sample_id": str(sample_id), "item_number": item_number}
    with querying(warehouse, AsOf()) as connection:
        found: list[dict[str, Any]] = fetch_statement(
            connection, "load/find_blind_item.sql", asked
        ).to_pylist()
        if not found:
            return None
        cells = fetch_statement(connection, "load/list_blind_cells.sql", asked).to_pylist()
    return {**found[0], "cells": cells}


def list_blind_digits(warehouse: Warehouse, sample_id: UUID) -> pa.Table:
    """Return the digits of a sample: dataset, shard_fingerprint and digit_id.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database and its snapshot cannot be read now.
    """
    return _ask(warehouse, "list_blind_digits", {"sample_id": str(sample_id)})


def record_blind_answer(
    warehouse: Warehouse, answer: BlindAnswer, verdict: VerdictBatch, revise: Revise
) -> bool:
    """Append an answer and one link of the audit chain; if it settles the item, append the verdict too.

    Two equal answers settle an item, or else the answer of a third person. Everything is one transaction. An
    answer that is already recorded changes nothing.

    Args:
        warehouse: The database file and how long to wait for it.
        answer: The answer.
        verdict: What the answer says as a verdict; it is recorded only if the answer settles the item.
        revise: Derives the final values that follow.

    Returns:
        Whether the answer settles the item.

    Raises:
        ReviewError: The person has answered the item before, or it needs no more answers.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    item = {"sample_id": answer.sample_id, "item_number": answer.item_number}
    identity = {**item, "batch_id": answer.batch_id, "actor": answer.actor}
    with writing(warehouse) as connection:
        ((attempts, repeats),) = run_statement(connection, "count_blind_attempts", identity)
        turns = _list_turns(connection, item)
        if repeats:
            batch_ids = [batch_id for batch_id, _, _ in turns]
            own = str(answer.batch_id)
            return own in batch_ids and _settles(turns[: batch_ids.index(own)], answer)
        if any(actor == answer.actor for _, _, actor in turns):
            raise ReviewError(f"{answer.actor} has already answered item {answer.item_number}")
        if _is_settled(turns):
            raise ReviewError(f"item {answer.item_number} is already settled")
        run_statement(
            connection,
            "insert_blind_answer",
            {
                **identity,
                "attempt": attempts + 1,
                "answer": answer.answer,
                "seconds": answer.seconds,
                "answered_at": answer.answered_at,
            },
        )
        link_event(connection, REVIEWS, answer.batch_id)
        if not _settles(turns, answer):
            return False
        append_verdicts(connection, verdict, revise)
        return True


def withdraw_blind_answer(
    warehouse: Warehouse, sample_id: UUID, item_number: int, undo_id: UUID, actor: str
) -> bool:
    """Take back a person's answer, unless another person has answered the item since or before.

    The answer stays stored but no longer counts.

    Returns:
        Whether there was an answer to take back.

    Raises:
        ReviewError: Another person has answered the item.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    item = {"sample_id": sample_id, "item_number": item_number}
    with writing(warehouse) as connection:
        turns = _list_turns(connection, item)
        own = [batch_id for batch_id, _, answered_by in turns if answered_by == actor]
        if not own:
            return False
        if len(turns) > 1:
            raise ReviewError("another person has answered this item too, so your answer stays")
        undo = {"undo_id": undo_id, "batch_id": UUID(own[0]), "undone_at": datetime.now(UTC), "actor": actor}
        run_statement(connection, "insert_review_undo", undo)
        link_event(connection, REVIEWS, undo_id)
        return True


_Turn = tuple[str, str, str]  # batch_id, answer and actor


def _list_turns(connection: duckdb.DuckDBPyConnection, item: Mapping[str, Any]) -> list[_Turn]:
    return run_statement(connection, "list_blind_turns", item)


def _settles(before: list[_Turn], answer: BlindAnswer) -> bool:
    """Tell whether an answer settles an item that had these answers before."""
    return len(before) == 2 or (len(before) == 1 and before[0][1] == answer.answer)


def _is_settled(turns: list[_Turn]) -> bool:
    answers = [answer for _, answer, _ in turns]
    return len(answers) > 2 or (len(answers) == 2 and answers[0] == answers[1])


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


def _ask(warehouse: Warehouse, statement: str, values: dict[str, Any]) -> pa.Table:
    """Read from the database, or from its snapshot while a scoring run writes."""
    with querying(warehouse, AsOf()) as connection:
        return fetch_statement(connection, f"load/{statement}.sql", values)
