"""Storage: one interface to files on a local disk and in an object store.

A place is opened from a path or a URL (``s3://bucket/prefix?endpoint_override=HOST:PORT&scheme=http``,
``gs://``, ``hdfs://``, or any installed fsspec protocol). Writes are atomic. On a disk, a file is written
under a temporary name, flushed and renamed. In an object store, it is a single put to its final key. HDFS
and some fsspec file systems can show a partial file if the writer is killed; fingerprints and manifests
detect it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pyarrow import fs as arrow

from lenet_pipeline.errors import StorageError
from lenet_pipeline.lake.object_stores import (
    check_url,
    explain,
    has_bucket,
    mask_url,
    open_file_system,
    put,
    put_new,
)
from lenet_pipeline.system import describe_os_error, write_new, written_whole


@dataclass(frozen=True)
class ListedObject:
    """A file of a folder tree: its path below the folder, its size, and when its content changed."""

    path: str
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True, repr=False)
class Place:
    """A file or folder at ``below`` under ``base``, an absolute path or a URL. Created by ``open_place``.

    A place holds no connection, so it can be sent to another machine. A local place works as a path
    (``os.PathLike``) and prints as one. A remote place prints as its URL without options.
    """

    base: str
    below: str = ""

    def __truediv__(self, name: str) -> Place:
        return Place(self.base, f"{self.below}/{name}" if self.below else name)

    def __str__(self) -> str:
        if self.local is not None:
            return str(self.local)
        shown = mask_url(self.base.partition("?")[0]).rstrip("/")
        return f"{shown}/{self.below}" if self.below else shown

    def __repr__(self) -> str:
        return f"Place({str(self)!r})"

    def __fspath__(self) -> str:
        if self.local is None:
            raise TypeError(f"{self} is not on a local disk")
        return str(self.local)

    @property
    def local(self) -> Path | None:
        """The path if this place is on a local disk, else None."""
        return None if "://" in self.base else Path(self.base) / self.below

    @property
    def name(self) -> str:
        """The last part of the path."""
        return str(self).rpartition("/")[2]

    def names(self) -> list[str]:
        """Return the sorted names of files and folders in this folder; empty if it does not exist.

        Raises:
            StorageError: the folder cannot be listed, or the store cannot be reached.
        """
        if self.local is not None:
            try:
                return sorted(os.listdir(self.local))  # noqa: PTH208 - names, not paths
            except (FileNotFoundError, NotADirectoryError):
                return []
            except OSError as exc:
                raise StorageError(f"cannot list {self}: {describe_os_error(exc)}") from exc
        file_system, path = self._opened()
        with self._explained("list"):
            found = file_system.get_file_info(arrow.FileSelector(path, allow_not_found=True))
            if not found and not has_bucket(file_system, path):
                raise OSError("no such bucket")
        return sorted(info.base_name for info in found)

    def walk(self) -> list[ListedObject]:
        """Return all files of this folder tree in a store, sorted by path.

        Raises:
            StorageError: the place does not exist, or the store cannot be reached.
        """
        file_system, path = self._opened()
        with self._explained("list"):
            found = file_system.get_file_info(arrow.FileSelector(path, recursive=True, allow_not_found=True))
            if not found and not has_bucket(file_system, path):
                raise OSError("no such bucket")
        start = len(path) + 1
        files = [info for info in found if info.type == arrow.FileType.File]
        return sorted(
            (ListedObject(info.path[start:], int(info.size), int(info.mtime_ns or 0)) for info in files),
            key=lambda item: item.path,
        )

    def exists(self) -> bool:
        """Return whether the file or folder exists."""
        if self.local is not None:
            return self.local.exists()
        file_system, path = self._opened()
        with self._explained("look up"):
            return bool(file_system.get_file_info(path).type != arrow.FileType.NotFound)

    def size(self) -> int:
        """Return the size of an existing file in bytes."""
        if self.local is not None:
            return self.local.stat().st_size
        file_system, path = self._opened()
        with self._explained("look up"):
            return int(file_system.get_file_info(path).size)

    def read_bytes(self) -> bytes:
        """Read a whole file.

        Raises:
            FileNotFoundError: the file does not exist.
            StorageError: the store cannot be reached.
        """
        if self.local is not None:
            return self.local.read_bytes()
        file_system, path = self._opened()
        with self._explained("read", may_be_missing=True), file_system.open_input_file(path) as file:
            return bytes(file.read())

    def readable(self) -> Path | pa.BufferReader:
        """Return a source for pyarrow: the path of a local file, or the downloaded content of a remote one.

        A remote file is downloaded before it is parsed, so that network errors differ from file errors.
        """
        return self.local if self.local is not None else pa.BufferReader(self.read_bytes())

    def open(self) -> pa.NativeFile:
        """Open a file for random access."""
        if self.local is not None:
            return pa.OSFile(str(self.local))
        file_system, path = self._opened()
        with self._explained("read", may_be_missing=True):
            return file_system.open_input_file(path)

    def write_bytes(self, content: bytes) -> None:
        """Write a file atomically, replacing an existing one."""
        with open_sink(self) as sink:
            if isinstance(sink, Path):
                sink.write_bytes(content)
            else:
                sink.write(content)

    def write_new(self, content: bytes) -> bool:
        """Write a new file atomically and return True; if it exists, change nothing and return False.

        If two writers write at the same time, one gets False on a local disk, on S3 and on fsspec protocols
        that create exclusively. ``object_stores.put_new`` lists the exceptions. On S3, a writer that finds
        identical content gets True.
        """
        if self.local is not None:
            return write_new(self.local, content)
        _, path = self._opened()
        with self._explained("write"):
            return put_new(self.base, path, content)

    def delete(self) -> None:
        """Delete a file if it exists."""
        if self.local is not None:
            self.local.unlink(missing_ok=True)
            return
        file_system, path = self._opened()
        with self._explained("delete"):
            if file_system.get_file_info(path).type != arrow.FileType.NotFound:
                file_system.delete_file(path)

    @contextmanager
    def local_copy(self) -> Iterator[Path]:
        """Yield the path of a local file, or of a temporary copy of a remote one.

        Raises:
            StorageError: a remote file is missing, or the store cannot be reached.
        """
        if self.local is not None:
            yield self.local
            return
        with tempfile.TemporaryDirectory(prefix="lenet-") as folder:
            copy = Path(folder) / self.name
            try:
                copy.write_bytes(self.read_bytes())
            except OSError as exc:
                missing = isinstance(exc, FileNotFoundError)
                reason = "it is missing" if missing else describe_os_error(exc)
                raise StorageError(f"cannot copy {self} into {folder}: {reason}") from exc
            yield copy

    def _opened(self) -> tuple[arrow.FileSystem, str]:
        file_system, path = open_file_system(self.base)
        return file_system, f"{path}/{self.below}" if self.below else path

    @contextmanager
    def _explained(self, doing: str, *, may_be_missing: bool = False) -> Iterator[None]:
        """Convert any error of a store's library into a StorageError with one clear line."""
        try:
            yield
        except StorageError:
            raise
        except Exception as exc:
            if may_be_missing and isinstance(exc, FileNotFoundError):
                raise
            raise StorageError(f"cannot {doing} {self}: {explain(exc)}") from exc


AnyPlace = Place | Path


def open_place(where: Place | Path | str) -> Place:
    """Return the place of a path or URL without accessing it. Relative paths become absolute.

    Raises:
        StorageError: the protocol or an option of the URL is unknown, or the URL contains a key.
    """
    if isinstance(where, Place):
        return where
    text = str(where)
    if text.startswith("file://"):
        return Place(unquote(urlsplit(text).path))
    if "://" in text and isinstance(where, str):
        check_url(text)
        return Place(text)
    return Place(str(Path(text).expanduser().absolute()))


@contextmanager
def open_sink(where: AnyPlace) -> Iterator[Path | pa.BufferOutputStream]:
    """Yield a path or stream for pyarrow to write to. The file appears only if the block succeeds.

    Raises:
        StorageError: the store cannot be reached or refuses the write.
    """
    place = open_place(where)
    if place.local is not None:
        with written_whole(place.local) as temporary:
            yield temporary
        return
    sink = pa.BufferOutputStream()
    yield sink
    file_system, path = place._opened()
    with place._explained("write"):
        put(file_system, path, sink.getvalue())
