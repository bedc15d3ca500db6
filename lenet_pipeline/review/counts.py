"""How much is left in the queues. A thread counts, because that takes seconds in a large database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lenet_pipeline.errors import PipelineError
from lenet_pipeline.warehouse import Warehouse, count_group_digits, count_review_queues

_FRESH_S = 10.0


@dataclass(frozen=True)
class Counted:
    """The counts at one time.

    Attributes:
        queues: rows of ``count_review_queues``.
        groups: rows of ``count_group_digits``.
        counted_at: when they were counted.
    """

    queues: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    counted_at: datetime


@dataclass
class Counts:
    """The newest counts, with and without digits that have labels. Methods may run in several threads.

    Attributes:
        load: counts; takes whether digits with labels count too.
        clock: returns seconds; tests replace it.
    """

    load: Callable[[bool], Counted]
    clock: Callable[[], float] = time.monotonic
    _newest: dict[bool, tuple[Counted, float]] = field(default_factory=dict)
    _counting: dict[bool, threading.Lock] = field(
        default_factory=lambda: {False: threading.Lock(), True: threading.Lock()}
    )

    def read(self, has_labels: bool = False) -> Counted:
        """Return the newest counts. Only the first call waits; later calls count again in a thread.

        Raises:
            WarehouseError: the database cannot be read.
        """
        found = self._newest.get(has_labels)
        if found is None:
            with self._counting[has_labels]:
                if has_labels not in self._newest:
                    self._count(has_labels)
            return self._newest[has_labels][0]
        counted, at_s = found
        if self.clock() - at_s >= _FRESH_S and self._counting[has_labels].acquire(blocking=False):
            threading.Thread(target=self._count_again, args=(has_labels,), daemon=True).start()
        return counted

    def _count_again(self, has_labels: bool) -> None:
        try:
            self._count(has_labels)
        except PipelineError:
            pass  # the database is busy; the next reader tries again
        finally:
            self._counting[has_labels].release()

    def _count(self, has_labels: bool) -> None:
        counted = self.load(has_labels)
        self._newest[has_labels] = counted, self.clock()


def open_counts(warehouse: Warehouse) -> Counts:
    """Return the counts of a database; nothing is counted yet."""

    def load(has_labels: bool) -> Counted:
        return Counted(
            count_review_queues(warehouse, has_labels).to_pylist(),
            count_group_digits(warehouse, has_labels).to_pylist(),
            datetime.now(UTC),
        )

    return Counts(load)
