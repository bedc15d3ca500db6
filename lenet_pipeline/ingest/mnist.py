"""MNIST: the 70,000 handwritten digits of LeCun, Cortes and Burges, downloaded or read from a folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest.idx import IdxFile, read_idx
from lenet_pipeline.ingest.idx_digits import idx_digits_table
from lenet_pipeline.system import describe_os_error


@dataclass(frozen=True)
class _Original:
    """One of the four files: the number of its images or labels, its axes, and the sha256 of its content."""

    rows: int
    axes: int
    sha256: str


# The sha256s of the decompressed content. The compressed files have the MD5s that torchvision expects of them
# (torchvision.datasets.MNIST.resources, 0.29).
_ORIGINALS = {
    "train-images-idx3-ubyte": _Original(
        60_000, 3, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    ),
    "train-labels-idx1-ubyte": _Original(
        60_000, 1, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    ),
    "t10k-images-idx3-ubyte": _Original(
        10_000, 3, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    ),
    "t10k-labels-idx1-ubyte": _Original(
        10_000, 1, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    ),
}
_FILES = {"train": "train", "test": "t10k"}  # the split, and the prefix of its file names
_FOLDERS = ("", "raw", "MNIST/raw")  # relative to the root; the last is torchvision's layout
_SILENCE_S = 30.0  # without a limit, a network that drops packets blocks forever


def download_mnist(folder: Path) -> Path:
    """Download MNIST with torchvision, which verifies the checksums; return the folder for ``read_mnist``.

    Existing files are not downloaded again.

    Raises:
        IngestError: the network fails, a file fails its checksum, or a file cannot be written.
    """
    from torchvision.datasets import MNIST  # the import takes seconds, and only a download needs it

    try:
        _remove_damaged(folder / _FOLDERS[-1])
        with _network_timeout(_SILENCE_S):
            MNIST(os.fspath(folder), download=True)
    # OSError comes from the disk, or from the network before torchvision wraps it (URLError has no errno).
    except OSError as exc:
        if exc.errno is None or isinstance(exc, (ConnectionError, TimeoutError)):
            raise _download_error(exc) from exc
        raise IngestError(f"cannot write MNIST to {folder}: {describe_os_error(exc)}") from exc
    except (RuntimeError, ValueError, TypeError, AssertionError, EOFError) as exc:
        raise _download_error(exc) from exc
    return folder


def _remove_damaged(folder: Path) -> None:
    """Remove files that are not the original ones, because torchvision accepts any existing file."""
    for name in _ORIGINALS:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.exists() and not _is_original(path):
                path.unlink()


def _is_original(path: Path) -> bool:
    original = _ORIGINALS[_name(path)]
    try:
        return read_idx(path, axes=original.axes).sha256 == original.sha256
    except IngestError:
        return False


def read_mnist(root: Path) -> dict[str, pa.Table]:
    """Read MNIST from a folder, as ``train`` (60,000) and ``test`` (10,000) tables of digits.

    The four IDX files, compressed (``.gz``) or not, are in ``root``, ``root/raw`` or ``root/MNIST/raw``. A
    compressed file is preferred. Nothing is written.

    Raises:
        IngestError: a file is missing, empty, truncated or damaged, or its content is not that of the
            original file.
    """
    paths = _find_files(root)
    return {split: _read_split(paths, prefix) for split, prefix in _FILES.items()}


def _find_files(root: Path) -> dict[str, Path]:
    """Return the paths of the four files.

    Raises:
        IngestError: files are missing; the message names all of them.
    """
    found: dict[str, Path] = {}
    for name in _ORIGINALS:
        candidates = [root / folder / (name + suffix) for suffix in (".gz", "") for folder in _FOLDERS]
        path = next((path for path in candidates if os.path.isfile(path)), None)  # noqa: PTH113  # never raises
        if path is not None:
            found[name] = path
    missing = [name for name in _ORIGINALS if name not in found]
    if missing:
        places = ", ".join(str(root / folder) for folder in _FOLDERS)
        raise IngestError(
            f"MNIST is incomplete: {', '.join(missing)} (or the same with .gz) not found in {places}; "
            "give the folder of the four files with --root, or omit --root to download them"
        )
    return found


def _read_split(paths: dict[str, Path], prefix: str) -> pa.Table:
    """Read the images and labels of one split."""
    images = read_idx(paths[f"{prefix}-images-idx3-ubyte"], axes=3)
    labels = read_idx(paths[f"{prefix}-labels-idx1-ubyte"], axes=1)
    table = idx_digits_table(images, labels)
    for file in (images, labels):
        _check_original(file)
    return table


def _check_original(file: IdxFile) -> None:
    """Check that a file has the content of the original one.

    Other sets of images have the same format and often the same file names: clothes, letters, Japanese
    characters, and digits that are transposed.

    Raises:
        IngestError: it has another number of rows or another content.
    """
    original, rows = _ORIGINALS[_name(file.path)], len(file.values)
    if file.sha256 == original.sha256:
        return
    found, expected = f"{rows:,} rows", f"{original.rows:,}"
    if rows == original.rows:
        found, expected = f"content with the sha256 {file.sha256[:12]}…", f"{original.sha256[:12]}…"
    raise IngestError(
        f"{file.path} is not MNIST's: it has {found}, expected {expected}; omit --root to download the "
        "original files, or ingest another set with `lenet ingest idx`"
    )


def _name(path: Path) -> str:
    """Return the name of one of the four files without ``.gz``."""
    return path.name.removesuffix(".gz")


def _download_error(error: Exception) -> IngestError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return IngestError(
        f"MNIST could not be downloaded ({lines[-1]}); check the network and try again, or copy its four "
        "files from another machine and run `lenet ingest mnist --root DIR`"
    )


@contextmanager
def _network_timeout(seconds: float) -> Iterator[None]:
    """Set the timeout, in seconds, of sockets that are opened in this block."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
