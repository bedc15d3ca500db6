"""Fingerprints: sha256 over content, never over names, times, compression or library versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Where a digit's file lay says nothing about the digit; every other column is content.
_NOT_CONTENT = frozenset({"source"})


def fingerprint_digits(table: pa.Table) -> str:
    """Return the sha256, in hexadecimal, over every content column of a table of digits, in order."""
    digest = hashlib.sha256()
    for name in table.column_names:
        if name not in _NOT_CONTENT:
            digest.update(name.encode())
            for buffer in _canonical_buffers(one_array(table[name])):
                digest.update(buffer)
    return digest.hexdigest()


def fingerprint_parts(parts: Iterable[str]) -> str:
    """Return the sha256 over an ordered list of fingerprints: what a manifest's covers."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def fingerprint_record(record: object) -> str:
    """Return the sha256 over a JSON value, keys sorted: for small records such as preprocessing."""
    return hashlib.sha256(json.dumps(record, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _canonical_buffers(column: pa.Array) -> Iterator[bytes | memoryview]:
    """Yield the null mask and the values of a column, the same bytes however Arrow laid them out."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    yield memoryview(column.is_null().cast(pa.uint8()).to_numpy(zero_copy_only=False))
    if pa.types.is_struct(column.type):
        for child in column.flatten():
            yield from _canonical_buffers(child)
    elif pa.types.is_string(column.type):
        filled = column.fill_null("")
        yield memoryview(pc.binary_length(filled).to_numpy(zero_copy_only=False))
        yield string_bytes(filled)
    elif pa.types.is_fixed_size_binary(column.type):
        yield fixed_size_bytes(column)
    else:
        yield np.ascontiguousarray(column.fill_null(0).to_numpy(zero_copy_only=False)).tobytes()


def string_bytes(column: pa.StringArray) -> memoryview:
    """Return the UTF-8 of a string column without nulls, one value after the other, not copied."""
    _, offsets, values = column.buffers()
    bounds = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    return memoryview(values or b"")[bounds[0] : bounds[-1]] if len(column) else memoryview(b"")


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """Return a table's column as one array, without a copy where it has one chunk."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def fixed_size_bytes(column: pa.FixedSizeBinaryArray) -> memoryview:
    """Return the values of a fixed-size binary column without nulls as one run of bytes, not copied."""
    width = column.type.byte_width
    return memoryview(column.buffers()[1])[column.offset * width : (column.offset + len(column)) * width]
