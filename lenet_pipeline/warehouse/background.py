"""Load shard scores in a background thread while scoring continues."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Generic, TypeVar

from lenet_pipeline.errors import DatabaseBusyError

Item = TypeVar("Item")

# Items are batched, because each load opens and closes the database, which writes all changes to the file.
_BATCH_SIZE = 8
_PAUSE_S = 2.0


class BackgroundLoader(Generic[Item]):
    """Calls ``load`` in a background thread, in order, with up to eight items at a time.

    The next ``put`` or the end of the ``with`` block raises an error of ``load``, and nothing is loaded after
    it. A busy database is an error only at the end; until then, the items wait and are loaded later.
    """

    def __init__(self, load: Callable[[Sequence[Item]], None]) -> None:
        self._load = load
        self._waiting: list[Item] = []
        self._changed = threading.Condition()
        self._is_closed = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="load-shard-scores", daemon=True)

    def put(self, item: Item) -> None:
        """Queue an item, without waiting for it."""
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
                    lambda: self._is_closed or len(self._waiting) >= _BATCH_SIZE, timeout=_PAUSE_S
                )
                items, self._waiting = self._waiting[:_BATCH_SIZE], self._waiting[_BATCH_SIZE:]
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
