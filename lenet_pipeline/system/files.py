"""Atomic file writes (temporary file, flush, rename), digests, and clear messages for file errors."""

from __future__ import annotations

import errno
import hashlib
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LEFTOVER_AFTER_S = 86_400

# The cause and the remedy for errors that a user can fix.
_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space and run the same command again",
    errno.EDQUOT: "the disk quota is used up; free some space and run the same command again",
    errno.EROFS: "the file system is read-only; choose another folder with --home",
    errno.EACCES: "permission denied; fix the permissions, or choose another folder with --home",
    errno.EPERM: "permission denied; fix the permissions, or choose another folder with --home",
    errno.ENOTDIR: "a part of the path is a file, not a folder; choose another folder with --home",
}


def describe_os_error(error: OSError) -> str:
    """Return the cause of an operating system error and, if known, its remedy, as one clause."""
    return _ADVICE.get(error.errno or 0, error.strerror or str(error))


def first_line(error: object) -> str:
    """Return the first line of an error's message, or the name of its type if the message is empty."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to ``path``; on success flush the file to disk and rename it to ``path``.

    On an error the temporary file is removed and ``path`` stays unchanged.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files of killed writers: those older than a day, which no writer still uses."""
    for path in folder.glob(".*.tmp"):
        with suppress(FileNotFoundError):  # another run may remove it at the same time
            if time.time() - path.stat().st_mtime > _LEFTOVER_AFTER_S:
                path.unlink()


def write_new(path: Path, content: bytes) -> bool:
    """Write a new file atomically and return True; if the path exists, change nothing and return False."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(content)
        _flush(temporary)
        os.link(temporary, path)  # unlike a rename, fails if the path exists
        _flush(path.parent)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def file_digest(path: Path, algorithm: str) -> str:
    """Return the digest of a file's bytes in hexadecimal, by an algorithm such as ``sha256``."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
