"""Reserve work for a person while they hold it. Work that they leave returns after a time-out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

_SEATS = 8  # names of seats; an item never has more
HOLD_S = 300.0  # work returns this long after the person's browser asked for it or renewed it


@dataclass
class Reservations:
    """Items, such as fields and digits, and who holds them. All methods may run in several threads.

    ``clock`` returns seconds; tests replace it.
    """

    hold_s: float = HOLD_S
    clock: Callable[[], float] = time.monotonic
    _held: dict[str, tuple[str, float]] = field(default_factory=dict)
    _finished: set[str] = field(default_factory=set)
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
        now, lost = self.clock(), list[str]()
        with self._lock:
            for item in items:
                owner, until = self._held.get(item, (holder, 0.0))
                if item in self._finished or (owner != holder and until > now):
                    lost.append(item)
                else:
                    self._held[item] = (holder, now + self.hold_s)
        return lost

    def finish(self, items: Iterable[str], holder: str) -> None:
        """Return reviewed items, and remember that they are done."""
        finished = list(items)
        self.release(finished, holder)
        with self._lock:
            self._finished.update(finished)

    def reopen(self, items: Iterable[str], holder: str) -> None:
        """Hold items again whose review was undone."""
        reopened = list(items)
        with self._lock:
            self._finished.difference_update(reopened)
        self.reserve(reopened, holder, len(reopened))

    def release(self, items: Iterable[str], holder: str) -> None:
        """Return items that a person holds."""
        with self._lock:
            for item in items:
                if self._held.get(item, ("", 0.0))[0] == holder:
                    del self._held[item]

    def take_seat(self, item: str, holder: str, seats: int) -> bool:
        """Reserve one of several seats at an item, so that several people can work on it independently."""
        now = self.clock()
        with self._lock:
            taken = [
                (seat, owner)
                for seat in _seats(item)
                for owner, until in [self._held.get(seat, ("", 0.0))]
                if until > now
            ]
            own = [seat for seat, owner in taken if owner == holder]
            if len(taken) - len(own) >= seats:
                return False
            used = {seat for seat, _ in taken}
            seat = own[0] if own else next(seat for seat in _seats(item) if seat not in used)
            self._held[seat] = (holder, now + self.hold_s)
            return True

    def leave_seat(self, item: str, holder: str) -> None:
        """Return a person's seat at an item."""
        self.release(_seats(item), holder)

    def leave_places(self, beginning: str, holder: str) -> None:
        """Return all items of a person whose names have a beginning."""
        with self._lock:
            held = [item for item, (owner, _) in self._held.items() if owner == holder]
            for item in held:
                if item.startswith(beginning):
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


def _seats(item: str) -> list[str]:
    return [f"{item}/{seat}" for seat in range(_SEATS)]
