"""Sessions of people who signed in, and the limit on failed sign-ins. Both are kept in memory."""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

IDLE_S = 12 * 3600.0  # a session ends after this time without a request
RECHECK_S = 10.0  # a revoked token stops working after at most this time
_MINUTE_S = 60.0
_MOST_ADDRESSES = 10_000

Clock = Callable[[], float]


@dataclass
class Session:
    """A signed-in browser. The id is the value of its cookie; the CSRF token is in its pages."""

    session_id: str
    token_id: UUID
    name: str
    csrf_token: str
    used_s: float
    checked_s: float


class Sessions:
    """All sessions of a server. Methods may be called from any thread."""

    def __init__(self, is_token_valid: Callable[[UUID], bool], clock: Clock = time.monotonic) -> None:
        self._is_token_valid = is_token_valid
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def start(self, token_id: UUID, name: str) -> Session:
        """Start a session with a new random id."""
        now = self._clock()
        session = Session(
            secrets.token_urlsafe(32), token_id, name, secrets.token_urlsafe(32), now, checked_s=now
        )
        with self._lock:
            for old in [old for old in self._sessions.values() if now - old.used_s > IDLE_S]:
                del self._sessions[old.session_id]
            self._sessions[session.session_id] = session
        return session

    def find(self, session_id: str) -> Session | None:
        """Return a session that has not expired and whose token is valid, and note that it was used.

        Raises:
            DatabaseBusyError: the token is due for a check, and the database is in use.
        """
        now = self._clock()
        with self._lock:
            session = self._sessions.get(session_id)
        if session is None:
            return None
        if now - session.used_s > IDLE_S:
            self.end(session_id)
            return None
        if now - session.checked_s >= RECHECK_S:
            if not self._is_token_valid(session.token_id):
                self.end(session_id)
                return None
            session.checked_s = now
        session.used_s = now
        return session

    def end(self, session_id: str) -> None:
        """End a session, if it exists."""
        with self._lock:
            self._sessions.pop(session_id, None)


class FailedSignIns:
    """The failed sign-ins of the last minute, per address of the client."""

    def __init__(self, per_minute: int, clock: Clock = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._times: dict[str, deque[float]] = {}

    def is_blocked(self, address: str) -> bool:
        """Tell whether an address has used up its attempts of the last minute."""
        with self._lock:
            return len(self._recent(address)) >= self._per_minute

    def add(self, address: str) -> None:
        """Count an attempt of an address. Count it before the check, so that parallel attempts count too."""
        with self._lock:
            self._recent(address).append(self._clock())

    def forget(self, address: str) -> None:
        """Take back the last counted attempt, because it succeeded."""
        with self._lock:
            times = self._recent(address)
            if times:
                times.pop()

    def _recent(self, address: str) -> deque[float]:
        if len(self._times) > _MOST_ADDRESSES:
            self._times.clear()
        times = self._times.setdefault(address, deque())
        while times and self._clock() - times[0] > _MINUTE_S:
            times.popleft()
        return times
