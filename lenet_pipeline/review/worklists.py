"""Lists of work in memory, so that the next group or field appears at once in a large database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from lenet_pipeline.review.reservations import Reservations

Item = TypeVar("Item")
Queue = TypeVar("Queue", bound=Hashable)

_FRESH_S = 60.0  # older lists are read again, because other people and runs change the queue
_SHORTEST_S = 2.0  # between two readings of a list that has nothing left


@dataclass
class _Listed(Generic[Item]):
    items: dict[str, Item]
    read_at: float


@dataclass
class Worklists(Generic[Queue, Item]):
    """The items that wait, by queue. All methods may run in several threads.

    Attributes:
        load: reads the first items of a queue from the database, by their ids, in order.
        reservations: who holds which item.
        clock: returns seconds; tests replace it.
    """

    load: Callable[[Queue], dict[str, Item]]
    reservations: Reservations
    clock: Callable[[], float] = time.monotonic
    _lists: dict[Queue, _Listed[Item]] = field(default_factory=dict)
    _reviewed: set[str] = field(default_factory=set)  # a list may come from an older copy of the database
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, queue: Queue, holder: str, most: int, skipped: Sequence[str] = ()) -> dict[str, Item]:
        """Reserve and return the next items of a queue for a person, without those to skip."""
        for is_last in (False, True):
            listed = self._read(queue, is_forced=is_last)
            left = set(skipped)
            wanted = [item for item in list(listed.items) if item not in left]
            found = self.reservations.reserve(wanted, holder, most)
            if found:
                return {item: listed.items[item] for item in found if item in listed.items}
        return {}

    def listed(self, queue: Queue) -> list[Item]:
        """Return the items of a queue that are in memory, in order, including reserved ones."""
        with self._lock:
            found = self._lists.get(queue)
            return list(found.items.values()) if found else []

    def remove(self, items: Sequence[str]) -> None:
        """Take reviewed items off all lists."""
        with self._lock:
            self._reviewed.update(items)
            for listed in self._lists.values():
                for item in items:
                    listed.items.pop(item, None)

    def forget(self, undone: Sequence[str] = ()) -> None:
        """Read all lists again when they are next needed. Items whose verdicts were undone return."""
        with self._lock:
            self._reviewed.difference_update(undone)
            self._lists.clear()

    def _read(self, queue: Queue, *, is_forced: bool) -> _Listed[Item]:
        with self._lock:
            listed = self._lists.get(queue)
            age_s = self.clock() - listed.read_at if listed else 0.0
        if listed and age_s < (_SHORTEST_S if is_forced else _FRESH_S):
            return listed
        fresh = _Listed(self.load(queue), self.clock())
        with self._lock:
            for item in self._reviewed & fresh.items.keys():
                del fresh.items[item]
            self._lists[queue] = fresh
        return fresh
