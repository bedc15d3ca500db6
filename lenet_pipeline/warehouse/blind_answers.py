"""Answers of blind second readings, and the verdicts that settle items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import duckdb

from lenet_pipeline.errors import ReviewError
from lenet_pipeline.schema import derive_uuid
from lenet_pipeline.warehouse.chain import REVIEWS, link_event
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.fetching import fetch_statement
from lenet_pipeline.warehouse.migrations import reading, writing
from lenet_pipeline.warehouse.reviews import Revise, VerdictBatch, append_verdicts
from lenet_pipeline.warehouse.statements import run_statement

BLIND = "blind"


@dataclass(frozen=True)
class BlindAnswer:
    """A person's answer to an item of a sample.

    Attributes:
        batch_id: chosen by the caller. An answer is recorded only once, so a caller may safely try again.
        sample_id: the sample.
        item_number: the item, from 1.
        answer: digits, with ``?`` for unreadable characters; empty for blank; ``X`` for not a digit.
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


def find_blind_item(warehouse: Warehouse, sample_id: UUID, item_number: int) -> dict[str, Any] | None:
    """Return an item with the ids of its field or digit, and ``cells``; None if it does not exist.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    asked = {"sample_id": str(sample_id), "item_number": item_number}
    with reading(warehouse) as connection:
        found: list[dict[str, Any]] = fetch_statement(
            connection, "load/find_blind_item.sql", asked
        ).to_pylist()
        if not found:
            return None
        cells = fetch_statement(connection, "load/list_blind_cells.sql", asked).to_pylist()
    return {**found[0], "cells": cells}


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
        if not _may_answer(connection, answer):
            raise ReviewError(f"{answer.actor} has reviewed item {answer.item_number} with the prediction")
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


def _may_answer(connection: duckdb.DuckDBPyConnection, answer: BlindAnswer) -> bool:
    asked = {"sample_id": str(answer.sample_id), "actor": answer.actor}
    items = fetch_statement(connection, "load/list_blind_items.sql", asked)
    return answer.item_number in items["item_number"].to_pylist()
