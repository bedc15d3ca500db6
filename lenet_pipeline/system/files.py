"""Files that are either whole or absent: written aside, flushed, then given their name."""

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

# What a full, read-only or forbidden disk says, in the words of someone who has to do something.
_ADVICE = {
    errno.ENOSPC: "the disk is full; free some space and run the same command again",
    errno.EDQUOT: "the disk quota is used up; free some space and run the same command again",
    errno.EROFS: "the file system is read-only; choose another folder with --home",
    errno.EACCES: "permission denied; choose another folder with --home, or correct its permissions",
    errno.EPERM: "permission denied; choose another folder with --home, or correct its permissions",
    errno.ENOTDIR: "a part of the path is a file; choose another folder with --home",
}


def describe_os_error(error: OSError) -> str:
    """Say in one clause what the operating system refused and what to do."""
    return _ADVICE.get(error.errno or 0, error.strerror or str(error))


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success flush it to disk and rename it to ``path``.

    On any error the temporary file is removed and ``path`` is as it was.
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
    """Remove what writers that were killed left behind: temporary files a day old, so that none is in use."""
    for path in folder.glob(".*.tmp"):
        with suppress(FileNotFoundError):  # another run may be about the same
            if time.time() - path.stat().st_mtime > _LEFTOVER_AFTER_S:
                path.unlink()


def write_new(path: Path, content: bytes) -> bool:
    """Write a whole file that must not exist yet; return False, changing nothing, where it does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(content)
        _flush(temporary)
        os.link(temporary, path)  # unlike a rename, refuses to replace
        _flush(path.parent)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def file_digest(path: Path, algorithm: str) -> str:
    """Return a digest (``sha256``, ``md5``) of a file's bytes in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
