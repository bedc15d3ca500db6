"""The IDX format of the MNIST files: read, unpacked or not, with the most specific fault there is.

Four bytes say the type and the number of axes, then each axis has its length as a big-endian uint32,
then the values follow, row-major (http://yann.lecun.com/exdb/mnist).
"""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.errors import IngestError

_UINT8 = 0x08
_GZIP_SIGNATURE = b"\x1f\x8b"
_REMEDY = "download it again (`lenet ingest mnist` without --root), or copy it again from where it came"


def read_idx(path: Path, *, axes: int, md5: str | None) -> tuple[NDArray[np.uint8], str]:
    """Read one IDX file of bytes, unpacked where its name ends in ``.gz``.

    Args:
        path: the file.
        axes: how many axes its array must have.
        md5: the published checksum of the file as it lies there, or None where none is published.

    Returns:
        The array, uint8, and the sha256 of the unpacked file in hexadecimal.

    Raises:
        IngestError: it cannot be read, is empty, truncated or too long, is no such IDX file, or fails
            its checksum; the first of these is the one reported.
    """
    try:
        stored = path.read_bytes()
    except OSError as exc:
        raise IngestError(f"cannot read {path}: {exc.strerror}; correct the path or its permissions") from exc
    if not stored:
        raise IngestError(f"{path} is empty; {_REMEDY}")
    content, fault = _unpack(stored) if path.suffix == ".gz" else (stored, None)
    shape = _read_shape(path, content, axes, fault)
    start = 4 + 4 * axes
    expected = start + math.prod(shape)
    missing = expected - len(content)
    if missing > 0:
        raise IngestError(
            f"{path} is truncated: {missing:,} bytes are missing; its header announces {expected:,} bytes "
            f"{'when unpacked ' if path.suffix == '.gz' else ''}and {len(content):,} are there; {_REMEDY}"
        )
    if fault is not None:
        raise IngestError(f"{path} is damaged: {fault}; {_REMEDY}")
    if missing < 0:
        raise IngestError(
            f"{path} has {-missing:,} bytes more than the {expected:,} its header says; {_REMEDY}"
        )
    if md5 is not None:
        _check_md5(path, stored, md5)
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape), hashlib.sha256(content).hexdigest()


def _unpack(stored: bytes) -> tuple[bytes, str | None]:
    """Unpack gzip as far as it goes; return what came out and what stopped it, if anything did."""
    if not stored.startswith(_GZIP_SIGNATURE):
        return b"", f"it is no gzip file (it begins with {stored[:4].hex(' ')}, expected 1f 8b)"
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = unpacker.decompress(stored)
    except zlib.error as exc:
        return b"", f"its gzip content cannot be unpacked ({exc})"
    return content, None if unpacker.eof else "the end of its gzip stream is missing"


def _read_shape(path: Path, content: bytes, axes: int, fault: str | None) -> tuple[int, ...]:
    """Read the header of an IDX file: the length of every axis."""
    if fault is not None and not content:
        raise IngestError(f"{path} is damaged: {fault}; {_REMEDY}")
    header = 4 + 4 * axes
    expected = bytes([0, 0, _UINT8, axes])
    if len(content) >= 4 and content[:4] != expected:
        raise IngestError(
            f"{path} is no IDX file of bytes with {axes} axes: its magic number is "
            f"{int.from_bytes(content[:4], 'big')}, expected {int.from_bytes(expected, 'big')}; "
            "check that the file has its right name"
        )
    if len(content) < header:
        raise IngestError(
            f"{path} is truncated: {header - len(content)} bytes of its {header}-byte header are missing; "
            f"{_REMEDY}"
        )
    return struct.unpack(f">{axes}I", content[4:header])


def _check_md5(path: Path, stored: bytes, expected: str) -> None:
    found = hashlib.md5(stored, usedforsecurity=False).hexdigest()
    if found != expected:
        raise IngestError(f"{path} fails its checksum: its MD5 is {found}, expected {expected}; {_REMEDY}")
