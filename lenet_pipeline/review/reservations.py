"""Reserve work for a person while they hold it. Work that they leave returns after a time-out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

HOLD_S = 300.0  # work returns this long after the person's browser asked for it or renewed it


@dataclass
class Reservations:
    """Items, such as fields and digits, and who holds them. All methods may run in several threads.

    ``clock`` returns seconds; tests replace it.
    """

    hold_s: float = HOLD_S
    clock: Callable[[], float] = time.monotonic
    _held: dict[str, tuple[str, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reserve(self, items: Iterable[str], holder: str, most: int) -> list[str]:
        """Reserve the first items that no one else holds, up to ``most``, and return them."""
        now, found = self.clock(), list[str]()
        with self._lock:
            for item in items:
                if len(found) == most:
                    break
                owner, until = self._held.get(item, (holder, 0.0))
                if owner == holder or until <= now:
                    self._held[item] = (holder, now + self.hold_s)
                    found.append(item)
        return found

    def renew(self, items: Iterable[str], holder: str) -> list[str]:
        """Hold items for longer, and return the ones that someone else has taken meanwhile."""
        wanted = list(items)
        kept = set(self.reserve(wanted, holder, len(wanted)))
        return [item for item in wanted if item not in kept]

    def release(self, items: Iterable[str], holder: str) -> None:
        """Return items that a person holds."""
        with self._lock:
            for item in items:
                if self._held.get(item, ("", 0.0))[0] == holder:
                    del self._held[item]

    def release_all(self, holder: str) -> None:
        """Return everything that a person holds."""
        with self._lock:
            for item in [item for item, (owner, _) in self._held.items() if owner == holder]:
                del self._held[item]

    def held_by_others(self, holder: str) -> int:
        """Count the items that other people hold now."""
        now = self.clock()
        with self._lock:
            return sum(owner != holder and until > now for owner, until in self._held.values())

    def count_held(self, items: Iterable[str], holder: str) -> int:
        """Count the ones among some items that other people hold now."""
        now, wanted = self.clock(), set(items)
        with self._lock:
            return sum(
                owner != holder and until > now and item in wanted
                for item, (owner, until) in self._held.items()
            )
