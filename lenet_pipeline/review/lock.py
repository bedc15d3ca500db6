"""One server per home: reservations are in the memory of the server, so two would give work out twice."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lenet_pipeline.errors import PipelineError
from lenet_pipeline.system import describe_os_error


@contextmanager
def only_server(home: Path) -> Iterator[None]:
    """Hold the lock of a home's server. The system frees it when the process ends in any way.

    Raises:
        PipelineError: another server runs on this home, or the home cannot be written.
    """
    path = home / "review.lock"
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = path.open("a+")
    except OSError as exc:
        raise PipelineError(f"cannot write to {home}: {describe_os_error(exc)}") from exc
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise PipelineError(
                f"another `lenet review serve` runs on {home} (process {holder}); "
                "use its address, or stop it first"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
