"""The work that a server shares among people: what waits, and who holds which part of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from lenet_pipeline.review.reservations import Reservations
from lenet_pipeline.review.worklists import Worklists
from lenet_pipeline.warehouse import FieldQueue, Warehouse, list_group_digits, list_waiting_fields

LISTED = 2_000  # items of a queue in memory: an hour of work, and still quick to read


@dataclass(frozen=True)
class GroupQueue:
    """The digits that a run read as ``label``; with ``is_open``, only digits that no policy accepts."""

    scoring_run_id: str
    label: int
    is_open: bool


@dataclass(frozen=True)
class Work:
    """The queues of a server.

    Attributes:
        reservations: who holds which field or digit, by its id.
        fields: fields that wait, by `FieldQueue`; each is a row with field_id and page_id.
        digits: digits that wait, by `GroupQueue`; each is a row of ``list_group_digits``.
        note_verdicts: called after verdicts were recorded or undone.
        batches: the items of each batch of verdicts, so that they return if the batch is undone.
    """

    reservations: Reservations
    fields: Worklists[FieldQueue, dict[str, Any]]
    digits: Worklists[GroupQueue, dict[str, Any]]
    note_verdicts: Callable[[], None]
    batches: dict[UUID, list[str]] = field(default_factory=dict)

    def finish(self, batch_id: UUID, items: list[str], holder: str) -> None:
        """Take the fields and digits of a recorded batch off all lists."""
        self.batches[batch_id] = items
        self.fields.remove(items)
        self.digits.remove(items)
        self.reservations.finish(items, holder)
        self.note_verdicts()

    def forget(self, undone_batch_id: UUID, holder: str) -> None:
        """Read all lists again when they are next needed, because a batch was undone."""
        undone = self.batches.pop(undone_batch_id, [])
        self.fields.forget(undone)
        self.digits.forget(undone)
        self.reservations.reopen(undone, holder)
        self.note_verdicts()


def open_work(warehouse: Warehouse, note_verdicts: Callable[[], None]) -> Work:
    """Return the queues of a database, with nothing reserved."""

    def load_fields(queue: FieldQueue) -> dict[str, dict[str, Any]]:
        rows = list_waiting_fields(warehouse, queue, LISTED).to_pylist()
        return {row["field_id"]: row for row in rows}

    def load_digits(queue: GroupQueue) -> dict[str, dict[str, Any]]:
        rows = list_group_digits(
            warehouse, queue.scoring_run_id, queue.label, is_open=queue.is_open, limit=LISTED
        ).to_pylist()
        return {row["digit_id"]: row for row in rows}

    reservations = Reservations()
    fields, digits = Worklists(load_fields, reservations), Worklists(load_digits, reservations)
    return Work(reservations, fields, digits, note_verdicts)
