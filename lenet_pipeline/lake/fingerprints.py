"""Fingerprints: sha256 digests of content. Names, times, compression and library versions do not count."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# The path of the source file is not a property of the digit; every other column is.
_NOT_CONTENT = frozenset({"source"})
# Left out if all values are null, so that shards from before this column keep their fingerprints.
_ADDED = frozenset({"writer"})


def fingerprint_digits(table: pa.Table) -> str:
    """Return the sha256, in hexadecimal, of a table of digits: all columns except ``source``, in order.

    A column ``writer`` without values does not count.
    """
    digest = hashlib.sha256()
    for name in table.column_names:
        column = table[name]
        if name in _NOT_CONTENT or (name in _ADDED and column.null_count == len(column)):
            continue
        digest.update(name.encode())
        for buffer in _canonical_buffers(one_array(column)):
            digest.update(buffer)
    return digest.hexdigest()


def fingerprint_parts(parts: Iterable[str]) -> str:
    """Return the sha256 of an ordered list of fingerprints, as in a manifest."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def fingerprint_record(record: object) -> str:
    """Return the sha256 of a JSON value with sorted keys, for small records such as preprocessing."""
    return hashlib.sha256(json.dumps(record, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def digest_predictions(table: pa.Table) -> str:
    """Return the sha256, in hexadecimal, of predictions of schema ``PREDICTIONS``, ordered by digit_id.

    The digest covers the rows as lower-case hexadecimal text. Each row consists of digit_id, label,
    confidence, probabilities, not_a_digit and truth. Floating-point numbers are IEEE 754 binary32, highest
    byte first, and a null is all ones. The SQL macro ``prediction_text`` makes the same text from stored
    rows.
    """
    rows = len(table)
    ids = np.frombuffer(fixed_size_bytes(one_array(table["digit_id"]).storage), np.uint8).reshape(rows, 16)
    probabilities = one_array(table["probabilities"]).flatten().to_numpy()
    not_a_digit = one_array(table["not_a_digit"])
    no_digit = _big_endian(not_a_digit.fill_null(0).to_numpy(zero_copy_only=False), 1)
    no_digit[not_a_digit.is_null().to_numpy(zero_copy_only=False)] = 0xFF
    columns = np.concatenate(
        [
            ids,
            one_array(table["label"]).to_numpy()[:, None],
            _big_endian(one_array(table["confidence"]).to_numpy(), 1),
            _big_endian(probabilities, 10),
            no_digit,
            one_array(table["truth"]).fill_null(0xFF).to_numpy(zero_copy_only=False)[:, None],
        ],
        axis=1,
    )
    halves = ids.view(">u8")
    in_order = columns[np.lexsort((halves[:, 1], halves[:, 0]))]
    return hashlib.sha256(in_order.tobytes().hex().encode()).hexdigest()


def _big_endian(values: np.ndarray, width: int) -> np.ndarray:
    """Return float32 values as bytes, highest byte first: uint8 (n, 4 * width)."""
    return values.astype(">f4").view(np.uint8).reshape(-1, 4 * width)


def _canonical_buffers(column: pa.Array) -> Iterator[bytes | memoryview]:
    """Yield the null mask and the values of a column as bytes that do not depend on Arrow's memory layout."""
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
    """Return the concatenated UTF-8 of a string column without nulls, without a copy."""
    _, offsets, values = column.buffers()
    bounds = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    return memoryview(values or b"")[bounds[0] : bounds[-1]] if len(column) else memoryview(b"")


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """Return a table's column as one array, without a copy if it has one chunk."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)


def fixed_size_bytes(column: pa.FixedSizeBinaryArray) -> memoryview:
    """Return the concatenated values of a fixed-size binary column without nulls, without a copy."""
    width = column.type.byte_width
    return memoryview(column.buffers()[1])[column.offset * width : (column.offset + len(column)) * width]
