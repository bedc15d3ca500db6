"""Storage: where files lie, on a disk of this machine or in an object store, with the same few operations.

A place is opened from a path or a URL (``s3://bucket/prefix?endpoint_override=HOST:PORT&scheme=http``,
``gs://``, ``hdfs://``, or any protocol of fsspec that is installed). A file is whole or absent: on a disk it
is written aside, flushed and renamed; in an object store it is one put to its final key, which such stores
show whole or not at all (a file system behind fsspec or HDFS may show a part where the writer is killed:
fingerprints and manifests find that out).
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
from lenet_pipeline.system import describe_os_error, write_new
from lenet_pipeline.system import written_whole as whole_file


@dataclass(frozen=True, repr=False)
class Place:
    """A file or folder: ``below`` a base, which is an absolute path or a URL. Made by ``open_place``.

    Holds no connection, so that it may be sent to another machine. A local one is a path to whatever takes
    one, and shows as one; a remote one shows as its URL without options.
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
            raise TypeError(f"{self} is on no disk of this machine")
        return str(self.local)

    @property
    def local(self) -> Path | None:
        """The path, where this place is on a disk of this machine."""
        return None if "://" in self.base else Path(self.base) / self.below

    @property
    def name(self) -> str:
        """The last part of the path."""
        return str(self).rpartition("/")[2]

    def names(self) -> list[str]:
        """Return the names of files and folders in this folder, in order; none where there is no folder.

        Raises:
            StorageError: the folder may not be listed, or the store cannot be reached.
        """
        if self.local is not None:
            try:
                return sorted(os.listdir(self.local))  # noqa: PTH208 - names, not paths
            except (FileNotFoundError, NotADirectoryError):
                return []
            except OSError as exc:
                raise StorageError(f"cannot list {self}: {describe_os_error(exc)}") from exc
        file_system, path = self._opened()
        with self._reaching("list"):
            found = file_system.get_file_info(arrow.FileSelector(path, allow_not_found=True))
            if not found and not has_bucket(file_system, path):
                raise OSError("no such bucket")
        return sorted(info.base_name for info in found)

    def exists(self) -> bool:
        """Tell whether there is such a file or folder."""
        if self.local is not None:
            return self.local.exists()
        file_system, path = self._opened()
        with self._reaching("look for"):
            return bool(file_system.get_file_info(path).type != arrow.FileType.NotFound)

    def size(self) -> int:
        """Return a file's size in bytes; it must exist."""
        if self.local is not None:
            return self.local.stat().st_size
        file_system, path = self._opened()
        with self._reaching("look for"):
            return int(file_system.get_file_info(path).size)

    def read_bytes(self) -> bytes:
        """Read a whole file.

        Raises:
            FileNotFoundError: there is none.
            StorageError: the store cannot be reached.
        """
        if self.local is not None:
            return self.local.read_bytes()
        file_system, path = self._opened()
        with self._reaching("read", may_be_missing=True), file_system.open_input_file(path) as file:
            return bytes(file.read())

    def readable(self) -> Path | pa.BufferReader:
        """Return what pyarrow reads a whole file from: the path, or the content brought here.

        A remote file is brought before it is parsed, so that a network at fault is told from a file at fault.
        """
        return self.local if self.local is not None else pa.BufferReader(self.read_bytes())

    def open(self) -> pa.NativeFile:
        """Open a file to read parts of it."""
        if self.local is not None:
            return pa.OSFile(str(self.local))
        file_system, path = self._opened()
        with self._reaching("read", may_be_missing=True):
            return file_system.open_input_file(path)

    def write_bytes(self, content: bytes) -> None:
        """Write a file, whole or not at all; one that is there is replaced."""
        with written_whole(self) as sink:
            if isinstance(sink, Path):
                sink.write_bytes(content)
            else:
                sink.write(content)

    def write_new(self, content: bytes) -> bool:
        """Write a whole file that must not exist yet; return False, changing nothing, where it does.

        Of two writers at the same moment one is told False: on a disk (a link refuses to replace), on S3
        and where an fsspec protocol creates exclusively; ``object_stores.put_new`` says where not. On S3 one
        that finds the very same content is told True.
        """
        if self.local is not None:
            return write_new(self.local, content)
        _, path = self._opened()
        with self._reaching("write"):
            return put_new(self.base, path, content)

    def delete(self) -> None:
        """Delete a file, if there is one."""
        if self.local is not None:
            self.local.unlink(missing_ok=True)
            return
        file_system, path = self._opened()
        with self._reaching("delete"):
            if file_system.get_file_info(path).type != arrow.FileType.NotFound:
                file_system.delete_file(path)

    @contextmanager
    def local_copy(self) -> Iterator[Path]:
        """Yield the file's path, or that of a temporary copy where it is on no disk of this machine.

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
    def _reaching(self, doing: str, *, may_be_missing: bool = False) -> Iterator[None]:
        """Turn what a store's library raises, each its own kind of errors, into one clear line."""
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
    """Return the place that a path or URL names, without reaching for it; a path becomes absolute.

    Raises:
        StorageError: the URL is of a protocol that nothing here knows, or holds what it must not.
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
def written_whole(where: AnyPlace) -> Iterator[Path | pa.BufferOutputStream]:
    """Yield a path or stream to write a file to; only if all goes well the file is there, and whole.

    Raises:
        StorageError: the store cannot be reached or refuses.
    """
    place = open_place(where)
    if place.local is not None:
        with whole_file(place.local) as temporary:
            yield temporary
        return
    sink = pa.BufferOutputStream()
    yield sink
    file_system, path = place._opened()
    with place._reaching("write"):
        put(file_system, path, sink.getvalue())
