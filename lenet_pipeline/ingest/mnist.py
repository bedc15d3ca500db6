"""MNIST: the 70,000 handwritten digits of LeCun, Cortes and Burges, downloaded or read from a folder."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest.batch import derive_row_ids, digits_table, path_text
from lenet_pipeline.ingest.idx import read_idx
from lenet_pipeline.schema import BRIGHT_ON_DARK, IMAGE_SIDE
from lenet_pipeline.system import describe_os_error, file_digest

# MD5s of the four .gz files: torchvision.datasets.MNIST.resources, 0.29 (importing it takes seconds).
_CHECKSUMS = {
    "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
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
    """Remove downloads that fail their checksum, because torchvision accepts any existing file."""
    for name, checksum in _CHECKSUMS.items():
        packed = folder / f"{name}.gz"
        if not packed.exists() or file_digest(packed, "md5") != checksum:
            packed.unlink(missing_ok=True)
            (folder / name).unlink(missing_ok=True)


def read_mnist(root: Path) -> dict[str, pa.Table]:
    """Read MNIST from a folder, as ``train`` (60,000) and ``test`` (10,000) tables of digits.

    The four IDX files, compressed (``.gz``) or not, are in ``root``, ``root/raw`` or ``root/MNIST/raw``. A
    compressed file is preferred, because it has a published checksum. Nothing is written.

    Raises:
        IngestError: a file is missing, empty, truncated or damaged, has the wrong content, fails its
            checksum, or has more or fewer rows than its companion.
    """
    paths = _find_files(root)
    return {split: _read_split(paths, prefix) for split, prefix in _FILES.items()}


def _find_files(root: Path) -> dict[str, Path]:
    """Return the paths of the four files.

    Raises:
        IngestError: files are missing; the message names all of them.
    """
    found: dict[str, Path] = {}
    for name in _CHECKSUMS:
        candidates = [root / folder / (name + suffix) for suffix in (".gz", "") for folder in _FOLDERS]
        path = next((path for path in candidates if os.path.isfile(path)), None)  # noqa: PTH113  # never raises
        if path is not None:
            found[name] = path
    missing = [name for name in _CHECKSUMS if name not in found]
    if missing:
        places = ", ".join(str(root / folder) for folder in _FOLDERS)
        raise IngestError(
            f"MNIST is incomplete: {', '.join(missing)} (or the same with .gz) not found in {places}; "
            "give the folder of the four files with --root, or omit --root to download them"
        )
    return found


def _read_split(paths: dict[str, Path], prefix: str) -> pa.Table:
    """Read the images and labels of one split."""
    images_path, labels_path = paths[f"{prefix}-images-idx3-ubyte"], paths[f"{prefix}-labels-idx1-ubyte"]
    images, fingerprint = read_idx(images_path, axes=3, md5=_checksum(images_path))
    labels, _ = read_idx(labels_path, axes=1, md5=_checksum(labels_path))
    if images.shape[1:] != (IMAGE_SIDE, IMAGE_SIDE):
        size = " x ".join(str(side) for side in images.shape[1:])
        raise IngestError(
            f"{images_path} has images of {size} pixels, expected 28 x 28; use the original MNIST files"
        )
    if len(images) != len(labels):
        raise IngestError(
            f"{images_path} has {len(images):,} images, but {labels_path} has {len(labels):,} labels; "
            "use two files that belong together"
        )
    outside = np.flatnonzero(labels > 9)
    if outside.size:
        raise IngestError(
            f"{labels_path} has {outside.size:,} of {labels.size:,} labels outside 0 to 9; the first is "
            f"{labels[outside[0]]} in row {outside[0]}; use the original MNIST files"
        )
    return digits_table(
        images,
        labels,
        digit_ids=derive_row_ids(fingerprint, len(images)),
        sources=path_text(Path(os.path.abspath(images_path))),  # noqa: PTH100  # resolve() would follow links
        source_sha256s=fingerprint,
        positions=np.arange(len(images), dtype=np.int32),
        polarities=BRIGHT_ON_DARK,
    )


def _checksum(path: Path) -> str | None:
    """Return the published MD5 of a compressed file, None for other files."""
    return _CHECKSUMS[path.stem] if path.suffix == ".gz" else None


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
