"""Locks that the system frees when the process ends in any way."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from lenet_pipeline.errors import PipelineError
from lenet_pipeline.system.files import describe_os_error


@contextmanager
def only_process(path: Path, command: str, advice: str) -> Iterator[None]:
    """Hold a home's lock for a command that must run only once.

    Args:
        path: the lock file, in the home. It holds the id of the process.
        command: the command, for the message.
        advice: what to do if the command already runs.

    Raises:
        PipelineError: another process holds the lock, or the home cannot be written.
    """
    with _opened(path) as lock:
        if not _try(lock):
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise PipelineError(
                f"another `{command}` is already running on {path.parent} (process {holder}); {advice}"
            )
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Hold a lock file within the block, and yield True; yield False if another process holds it.

    Raises:
        PipelineError: the file cannot be written.
    """
    with _opened(path) as lock:
        yield _try(lock)


@contextmanager
def wait_for_lock(path: Path) -> Iterator[None]:
    """Hold a lock file within the block, after the process that holds it now has ended its own block.

    Raises:
        PipelineError: the file cannot be written.
    """
    with _opened(path) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _opened(path: Path) -> TextIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+")
    except OSError as exc:
        raise PipelineError(f"cannot write {path}: {describe_os_error(exc)}") from exc


def _try(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
