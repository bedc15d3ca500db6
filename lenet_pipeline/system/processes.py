"""Work shared among processes: parts in, their results out in order, whatever becomes of a process."""

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
    """A process ended before it was done with its part, as a crash or a system short of memory makes it."""


@dataclass(frozen=True)
class Done(Generic[Part, Result]):
    """A part and what came of it: its result, or the exception that its work raised."""

    part: Part
    result: Result | Exception

    def get(self) -> Result:
        """Return the result, or raise what was raised."""
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def usable_cores() -> int:
    """Count the cores that this process may run on, which a container or taskset may restrict."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # macOS and Windows


def work_in_processes(
    work: Callable[[Part], Result], parts: Iterator[Part], processes: int
) -> Generator[Done[Part, Result], None, None]:
    """Yield every part, in order, as it was worked on; each process has at most one part at a time.

    Each has a pipe of its own, so either end hears at once that the other was killed. A pool's processes
    share theirs: it waits for ever for what a killed one had, and those of concurrent.futures outlive a
    killed command. A process that is lost is started again, and its part comes with ProcessLostError.

    Args:
        work: a function of a module, or a partial of one. Processes import the main module again, which
            must bear that.
        parts: each is sent to a process, and its result back.
        processes: how many; with 0 the work is done here, where a crash is everybody's.
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
    """A process, and the connection that takes its work, then parts, and gives their results.

    The work goes through the connection as parts do: as an argument of the process, a large one is waited
    for without end where the process dies before it has read it.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy the locks of a flow's threads
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()  # while it is open here too, its process could end unheard

    def send(self, what: object) -> None:
        with suppress(OSError):  # a lost process is told of when its result is awaited
            self._connection.send(what)

    def receive(self) -> Any:
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            return ProcessLostError()

    def close(self) -> None:
        self._process.kill()  # it has nothing to tidy, and what it runs may have taken SIGTERM for itself
        self._process.join()
        self._connection.close()


def _replace(workers: list[_Worker], lost: _Worker, work: object) -> _Worker:
    lost.close()
    workers[workers.index(lost)] = started = _Worker()
    started.send(work)
    return started


def _work(connection: Connection) -> None:
    """Answer every part that comes with its result, or with what went wrong, until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    with suppress(EOFError, OSError):
        work = _receive_work(connection)
        while True:
            connection.send(_attempt(work, connection.recv()))


def _receive_work(connection: Connection) -> Callable[[Any], Any]:
    """Return the work that comes first; one that cannot be made here fails at every part, and says why."""
    try:
        work: Callable[[Any], Any] = connection.recv()
    except (EOFError, OSError):
        raise
    except Exception as exc:  # noqa: BLE001  # whatever unpickling does
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
    except Exception as exc:  # noqa: BLE001  # it is raised again where the part came from
        return exc


def _portable(error: Exception) -> Exception:
    """Return an exception that can be made again where it goes: some take other arguments than they keep."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301  # our own, just pickled
    except Exception:  # noqa: BLE001  # whatever an exception's own code does
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
