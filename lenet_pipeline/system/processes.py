"""Parallel work in processes that survives the loss of a process and returns results in order."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


class ProcessLostError(Exception):
    """A process ended before it finished its part, because it crashed or the system ran out of memory."""


@dataclass(frozen=True)
class Done(Generic[Part, Result]):
    """A part and its outcome: the result, or the exception that the work raised."""

    part: Part
    result: Result | Exception

    def get(self) -> Result:
        """Return the result, or raise the exception."""
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def usable_cores() -> int:
    """Count the cores that this process may use, which a container or taskset may restrict."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS and Windows


def work_in_processes(
    work: Callable[[Part], Result], parts: Iterator[Part], processes: int
) -> Generator[Done[Part, Result], None, None]:
    """Yield the outcome of every part, in order. Each process works on at most one part at a time.

    Each process has its own pipe, so either end notices at once when the other is killed. The processes of
    a multiprocessing pool share their pipes, so the pool waits forever for a killed process; those of
    concurrent.futures outlive a killed command. A lost process is replaced, and its part yields
    ProcessLostError.

    Args:
        work: a function of a module, or a partial of one. Each process imports the main module again, so
            a script must keep its code under ``if __name__ == "__main__"``.
        parts: the arguments of ``work``, one for each call. Parts and results must be picklable.
        processes: the number of processes; 0 works in this process, which a crash then ends.
    """
    if not processes:
        yield from (Done(part, _try(work, part)) for part in parts)
        return
    first = list(islice(parts, processes))
    workers = [_Worker() for _ in first]
    busy: deque[tuple[_Worker, Part]] = deque()

    def hand_out(worker: _Worker, part: Part) -> None:
        worker.send(part)
        busy.append((worker, part))

    try:
        for worker, part in zip(workers, first, strict=True):
            worker.send(work)
            hand_out(worker, part)
        while busy:
            worker, done = busy.popleft()
            result = worker.receive()
            for part in islice(parts, 1):
                if isinstance(result, ProcessLostError):
                    worker = _replace(workers, worker, work)
                hand_out(worker, part)
            yield Done(done, result)
    finally:
        for worker in workers:
            worker.close()


class _Worker:
    """A process, and the connection that sends it the work, then the parts, and returns the results.

    The work is sent through the connection, not as an argument of the process: if the process died before
    it had read a large argument, starting it would block forever.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy locks that a flow's threads hold
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()  # an end left open here would hide the end of the process

    def send(self, message: object) -> None:
        with suppress(OSError):  # receive() reports a lost process
            self._connection.send(message)

    def receive(self) -> Any:
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            return ProcessLostError()

    def close(self) -> None:
        self._process.kill()  # it has nothing to clean up, and its work may handle SIGTERM
        self._process.join()
        self._connection.close()


def _replace(workers: list[_Worker], lost: _Worker, work: object) -> _Worker:
    lost.close()
    workers[workers.index(lost)] = started = _Worker()
    started.send(work)
    return started


def _work(connection: Connection) -> None:
    """Send back the result or the exception of every part, until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C
    with suppress(EOFError, OSError):
        work = _receive_work(connection)
        while True:
            connection.send(_attempt(work, connection.recv()))


def _receive_work(connection: Connection) -> Callable[[Any], Any]:
    """Return the work. If it cannot be unpickled, return one that fails on every part with the reason."""
    try:
        work: Callable[[Any], Any] = connection.recv()
    except (EOFError, OSError):
        raise
    except Exception as exc:  # noqa: BLE001  # unpickling can raise anything
        return partial(_raise, RuntimeError(f"{type(exc).__name__}: {exc}"))
    return work


def _raise(error: Exception, _part: object) -> None:
    raise error


def _attempt(work: Callable[[Part], Result], part: Part) -> Result | Exception:
    result = _try(work, part)
    return _portable(result) if isinstance(result, Exception) else result


def _try(work: Callable[[Part], Result], part: Part) -> Result | Exception:
    try:
        return work(part)
    except Exception as exc:  # noqa: BLE001  # Done.get() raises it again
        return exc


def _portable(error: Exception) -> Exception:
    """Return the exception if it survives pickling, else a RuntimeError with its type and message."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # this process just pickled it
    except Exception:  # noqa: BLE001  # an exception's own code can raise anything
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
