"""Read files in the IDX format of MNIST, compressed or not, with specific error messages.

The first four bytes give the type and the number of axes. The length of each axis follows as a big-endian
uint32, then the values in row-major order (http://yann.lecun.com/exdb/mnist).
"""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.errors import IngestError

_UINT8 = 0x08
_GZIP_SIGNATURE = b"\x1f\x8b"
_REMEDY = "copy it again from its source, or download it again"


@dataclass(frozen=True)
class IdxFile:
    """One IDX file of bytes.

    Attributes:
        path: the file.
        values: uint8, with one axis for each that the header names.
        sha256: of the decompressed content, in hexadecimal.
    """

    path: Path
    values: NDArray[np.uint8]
    sha256: str


def read_idx(path: Path, *, axes: int) -> IdxFile:
    """Read one IDX file of bytes. A file with the suffix ``.gz`` is decompressed.

    Args:
        path: the file.
        axes: the expected number of axes.

    Raises:
        IngestError: the file cannot be read, is empty, truncated or too long, or has another type or number
            of axes. The first of these is reported.
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
            f"{path} is truncated: {missing:,} bytes are missing; its header specifies {expected:,} bytes"
            f"{' when decompressed' if path.suffix == '.gz' else ''}, found {len(content):,}; {_REMEDY}"
        )
    if fault is not None:
        raise IngestError(f"{path} is damaged: {fault}; {_REMEDY}")
    if missing < 0:
        raise IngestError(
            f"{path} has {-missing:,} bytes more than the {expected:,} that its header specifies; {_REMEDY}"
        )
    values = np.frombuffer(content, np.uint8, offset=start).reshape(shape)
    return IdxFile(path, values, hashlib.sha256(content).hexdigest())


def _unpack(stored: bytes) -> tuple[bytes, str | None]:
    """Decompress as much gzip data as possible; return it with a description of the error, if any."""
    if not stored.startswith(_GZIP_SIGNATURE):
        return b"", f"it is not a gzip file (first bytes: {stored[:4].hex(' ')}, expected 1f 8b)"
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = unpacker.decompress(stored)
    except zlib.error as exc:
        return b"", f"its gzip content cannot be decompressed ({exc})"
    return content, None if unpacker.eof else "the end of its gzip stream is missing"


def _read_shape(path: Path, content: bytes, axes: int, fault: str | None) -> tuple[int, ...]:
    """Return the length of each axis from the header of an IDX file."""
    if fault is not None and not content:
        raise IngestError(f"{path} is damaged: {fault}; {_REMEDY}")
    header = 4 + 4 * axes
    expected = bytes([0, 0, _UINT8, axes])
    if len(content) >= 4 and content[:4] != expected:
        raise IngestError(
            f"{path} is not an IDX file of bytes with {axes} axes: its magic number is "
            f"{int.from_bytes(content[:4], 'big')}, expected {int.from_bytes(expected, 'big')}; "
            "check the file name"
        )
    if len(content) < header:
        raise IngestError(
            f"{path} is truncated: {header - len(content)} bytes of its {header}-byte header are missing; "
            f"{_REMEDY}"
        )
    return struct.unpack(f">{axes}I", content[4:header])
