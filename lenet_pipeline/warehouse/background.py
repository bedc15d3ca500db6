"""Loading beside scoring: what is ready is loaded by a thread of its own, some at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Generic, TypeVar

from lenet_pipeline.errors import DatabaseBusyError

Item = TypeVar("Item")

# The database is opened and closed once a load: closing writes what was changed to its place on disk.
_TOGETHER = 8
_PAUSE_S = 2.0


class BackgroundLoader(Generic[Item]):
    """Hands items to ``load``, at most eight and a pause at a time, in a thread, in their order.

    A failure is raised by the next ``put``, or at the end of the ``with`` block; nothing is loaded after it.
    A database that others hold is no failure before the end: the items wait with those that come.
    """

    def __init__(self, load: Callable[[Sequence[Item]], None]) -> None:
        self._load = load
        self._waiting: list[Item] = []
        self._changed = threading.Condition()
        self._is_closed = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="load-shard-scores", daemon=True)

    def put(self, item: Item) -> None:
        """Let an item be loaded; returns at once."""
        if self._failure:
            raise self._failure
        with self._changed:
            self._waiting.append(item)
            self._changed.notify()

    def __enter__(self) -> BackgroundLoader[Item]:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()
        if self._failure and error is None:
            raise self._failure

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._is_closed or len(self._waiting) >= _TOGETHER, timeout=_PAUSE_S
                )
                items, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
                if not items and self._is_closed:
                    return
            if items and not self._try(items):
                return

    def _try(self, items: list[Item]) -> bool:
        was_closed = self._is_closed
        try:
            self._load(items)
        except BaseException as exc:  # noqa: BLE001  # it is raised again where the items come from
            if isinstance(exc, DatabaseBusyError) and not was_closed:
                with self._changed:
                    self._waiting[:0] = items
                    self._changed.wait_for(lambda: self._is_closed, timeout=_PAUSE_S)
                return True
            self._failure = exc
            return False
        return True
