"""Keep programs running: start them, wait until they answer, restart what dies, stop all of them.

Each program is the leader of its own session, so Ctrl-C at a terminal reaches only the supervisor, and a
signal to the group reaches the processes that the program started. If the supervisor itself is killed, a
small guard process notices that its standard input has closed, and ends the groups.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_GUARD = str(Path(__file__).with_name("guard.py"))
TICK_S = 0.2
STOP_S = 10.0  # for all children together
_LONGEST_PAUSE_S = 30.0
_STABLE_AFTER_S = 60.0
_SLOW_START_S = 90.0
_LARGEST_LOG = 5_000_000  # bytes; the log before it is kept too
_TAIL_LINES, _TAIL_BYTES = 5, 4_096

Check = Callable[[Path], bool]


@dataclass(frozen=True)
class Child:
    """A program that runs until it is stopped.

    Attributes:
        name: one word. The program's output goes to ``NAME.log``.
        command: the program and its arguments.
        environment: all its environment variables.
        address: where people reach it.
        is_ready: tells whether it answers; receives the path of its log, which starts with the process.
        after: the names of the children that must answer before this one starts.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    address: str
    is_ready: Check
    after: tuple[str, ...] = ()


def answers(url: str) -> Check:
    """Return a check that holds once an HTTP server answers a GET request for ``url`` with status 200."""
    import http.client  # not every command needs it
    from urllib.parse import urlsplit

    parts = urlsplit(url)

    def ask(_log: Path) -> bool:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=1)
        try:
            connection.request("GET", parts.path or "/")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False  # not listening yet
        finally:
            connection.close()

    return ask


def has_logged(text: str) -> Check:
    """Return a check that holds once the program has printed ``text``."""

    def look(log: Path) -> bool:
        with suppress(FileNotFoundError):
            return text in log.read_text(encoding="utf-8", errors="replace")
        return False

    return look


class Supervisor:
    """Runs children until it must stop."""

    def __init__(
        self,
        children: Sequence[Child],
        logs: Path,
        on_first_answer: Callable[[Child], None],
        report: Callable[[str], None],
    ) -> None:
        """Prepare the children; `run` starts them.

        Args:
            children: the programs. They stop in reverse order.
            logs: folder of the logs. For each child it holds the log of the current process and the one
                before it, each about 5 MB at most.
            on_first_answer: called once for each child, when it answers for the first time.
            report: called with one line when a child has died or answers again, and with the last lines of
                its log if it ended by itself.
        """
        self._watched = {child.name: _Watched(child, logs / f"{child.name}.log") for child in children}
        self._on_first_answer = on_first_answer
        self._report = report

    def run(self, is_stopped: Callable[[], bool]) -> None:
        """Start the children and keep them running until ``is_stopped`` returns true, then stop them."""
        guard = _Guard()
        try:
            while not is_stopped():
                guard.keep()
                for watched in self._watched.values():
                    self._look_after(watched, guard)
                time.sleep(TICK_S)
        finally:
            self._stop(guard)
            guard.close()

    def _look_after(self, watched: _Watched, guard: _Guard) -> None:
        now = time.monotonic()
        if watched.process is None:
            if now >= watched.due and all(self._watched[name].is_ready for name in watched.child.after):
                watched.start(now)
                guard.add(watched.group)
            return
        watched.bound_log()
        if _has_ended(watched.process):
            guard.remove(watched.group)
            self._report_death(watched, watched.end(), now)
        elif not watched.is_ready:
            self._wait_for(watched, now)

    def _wait_for(self, watched: _Watched, now: float) -> None:
        child = watched.child
        if child.is_ready(watched.log):
            watched.is_ready = True
            if not watched.has_answered:
                watched.has_answered = True
                self._on_first_answer(child)
            else:
                self._report(f"{child.name} is back: {child.address}")
        elif not watched.is_slow and now - watched.started > _SLOW_START_S:
            watched.is_slow = True
            self._report(f"{child.name} does not answer after {_SLOW_START_S:.0f} s; see {watched.log}")

    def _report_death(self, watched: _Watched, code: int, now: float) -> None:
        """Report a death and set the time of the restart."""
        if now - watched.started >= _STABLE_AFTER_S:
            watched.failures = 0
        pause = min(2.0**watched.failures, _LONGEST_PAUSE_S)
        watched.failures += 1
        watched.due = now + pause
        if code == -signal.SIGKILL:
            how = "was killed (SIGKILL)"
        elif code < 0:
            how = f"was ended by {_signal_name(-code)}"
        else:
            how = f"ended with exit code {code}"
        self._report(f"{watched.child.name} {how}; restarting in {pause:.0f} s")
        if code >= 0 and pause < _LONGEST_PAUSE_S:  # then it repeats itself
            for line in watched.last_lines():
                self._report(f"  {line}")

    def _stop(self, guard: _Guard) -> None:
        """Stop the children in reverse order; each gets its share of the time, then is killed."""
        running = [watched for watched in self._watched.values() if watched.process is not None]
        deadline = time.monotonic() + STOP_S
        while running:
            watched = running.pop()
            share = max(0.0, deadline - time.monotonic()) / (len(running) + 1)
            watched.terminate(share)
            guard.remove(watched.group)
            watched.end()


@dataclass
class _Watched:
    """A child, its process if it runs, and its past."""

    child: Child
    log: Path
    process: subprocess.Popen[bytes] | None = None
    is_ready: bool = False
    has_answered: bool = False
    is_slow: bool = False
    started: float = 0.0
    due: float = 0.0
    failures: int = 0

    @property
    def group(self) -> int:
        """The id of the process and of its group."""
        assert self.process is not None  # noqa: S101 - for the type checker
        return self.process.pid

    def start(self, now: float) -> None:
        """Start the process with a new log."""
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # only the owner reads the logs
        with suppress(FileNotFoundError):
            self.log.replace(self._earlier_log)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - the caller's command
                list(self.child.command),
                env=dict(self.child.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.started, self.is_slow = now, False

    def terminate(self, patience_s: float) -> None:
        """Ask the process to end and wait for it."""
        assert self.process is not None  # noqa: S101
        deadline = time.monotonic() + patience_s
        with suppress(ProcessLookupError):
            os.kill(self.group, signal.SIGTERM)
        while time.monotonic() < deadline and not _has_ended(self.process):
            time.sleep(0.02)

    def end(self) -> int:
        """Kill what is left of the group and return the exit code of the process.

        Until the process is waited for, no other group can get its id.
        """
        assert self.process is not None  # noqa: S101
        with suppress(ProcessLookupError, PermissionError):  # macOS: a group of zombies
            os.killpg(self.group, signal.SIGKILL)
        code = self.process.wait()
        self.process, self.is_ready = None, False
        return code

    def bound_log(self) -> None:
        """Start the log again at its beginning once it is large. The process keeps it open for appending."""
        if self.log.stat().st_size > _LARGEST_LOG:
            shutil.copyfile(self.log, self._earlier_log)
            os.truncate(self.log, 0)

    def last_lines(self) -> list[str]:
        """Return the last lines of the log."""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
            text = log.read().decode(errors="replace")
        return [line.rstrip() for line in text.splitlines() if line.strip()][-_TAIL_LINES:]

    @property
    def _earlier_log(self) -> Path:
        return self.log.with_name(f"{self.log.name}.1")


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether a process has ended. Its id stays taken until `end`, except on an older macOS."""
    if hasattr(os, "waitid"):
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return process.poll() is not None  # macOS, before Python 3.13


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class _Guard:
    """The process that ends the groups when this process dies. If it dies first, a new one replaces it."""

    def __init__(self) -> None:
        self._groups: list[int] = []
        self._process = self._start()

    def add(self, group: int) -> None:
        self._groups.append(group)
        self._tell(f"+{group}")

    def remove(self, group: int) -> None:
        self._groups.remove(group)
        self._tell(f"-{group}")

    def keep(self) -> None:
        """Start another guard if this one has died."""
        if self._process.poll() is not None:
            self._process = self._start()
            for group in self._groups:
                self._tell(f"+{group}")

    def close(self) -> None:
        self._process.communicate()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        with suppress(BrokenPipeError):  # keep() notices
            self._process.stdin.write(f"{line}\n".encode())

    @staticmethod
    def _start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-I", "-S", _GUARD],
            stdin=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
