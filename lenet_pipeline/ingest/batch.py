"""The result of reading a source: a table of digits, and the inputs that could not be read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lenet_pipeline.schema import DIGITS, IMAGE_BYTES, IMAGE_SIDE, Images, Labels

OptionalLabels = Sequence[int | None] | Labels  # 0 to 9, None if unknown


@dataclass(frozen=True)
class Box:
    """A rectangle in whole pixels: left edge, top edge, width and height."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Reject:
    """An input that could not be read.

    Attributes:
        source: the path of the input as found.
        kind: a short stable code such as ``truncated_image``.
        reason: one line that says what is wrong, what was expected and found, and what to do.
        source_sha256: the sha256 of the file in hexadecimal, None if it could not be read.
        page: the page of a document, counted from 1, None if the reject is the whole input.
    """

    source: str
    kind: str
    reason: str
    source_sha256: str | None = None
    page: int | None = None


@dataclass(frozen=True)
class SourceBatch:
    """The result of one read.

    Attributes:
        digits: a table of schema ``DIGITS``.
        rejects: the inputs that could not be read.
        unrecognised: the number of files that are not images by name or content, such as a README or a
            CSV. They are neither digits nor rejects.
    """

    digits: pa.Table
    rejects: tuple[Reject, ...] = ()
    unrecognised: int = 0


def digits_table(
    images: Images,
    labels: OptionalLabels,
    *,
    digit_ids: NDArray[np.uint8],
    sources: str | Sequence[str],
    source_sha256s: str | Sequence[str],
    positions: Sequence[int] | NDArray[np.int32],
    polarities: str | Sequence[str],
    source_boxes: Sequence[Box | None] | None = None,
    writers: Sequence[str | None] | None = None,
) -> pa.Table:
    """Build a table of schema ``DIGITS`` for digits that are not on a form. Their page is 1.

    Args:
        images: uint8 (n, 28, 28), bright ink on a dark background.
        labels: n labels 0 to 9, None if unknown.
        digit_ids: uint8 (n, 16).
        sources: the path or data set of each digit, or one for all digits.
        source_sha256s: the sha256 of each source in hexadecimal, or one for all digits.
        positions: the position of each digit in its source.
        polarities: ``bright_on_dark`` or ``dark_on_bright`` for each digit, or one for all digits.
        source_boxes: the box of each digit's ink in pixels of its source.
        writers: the person who wrote each digit, None if unknown.
    """
    rows = len(images)
    if images.shape != (rows, IMAGE_SIDE, IMAGE_SIDE) or digit_ids.shape != (rows, 16):
        raise ValueError(
            f"{rows} digits need images (n, 28, 28) and ids (n, 16): {images.shape}, {digit_ids.shape}"
        )
    boxes = (
        [None if box is None else asdict(box) for box in source_boxes] if source_boxes is not None else None
    )
    columns = {
        "digit_id": pa.ExtensionArray.from_storage(pa.uuid(), _fixed_size_array(digit_ids, 16)),
        "image": _fixed_size_array(images, IMAGE_BYTES),
        "label": pa.array(labels, pa.uint8()),
        "source": _text_column(sources, rows),
        "source_sha256": _text_column(source_sha256s, rows),
        "page": pa.repeat(pa.scalar(1, pa.int32()), rows),
        "position": pa.array(positions, pa.int32()),
        "polarity": _text_column(polarities, rows),
        "source_box": None if boxes is None else pa.array(boxes, DIGITS.field("source_box").type),
        "writer": None if writers is None else pa.array(writers, pa.string()),
    }
    arrays = []
    for field in DIGITS:
        column = columns.get(field.name)
        arrays.append(pa.nulls(rows, field.type) if column is None else column)
    return pa.Table.from_arrays(arrays, schema=DIGITS)


def derive_row_ids(source_sha256: str, rows: int) -> NDArray[np.uint8]:
    """Derive the digit_ids of rows 0 to ``rows`` - 1 of one source, as uint8 (rows, 16).

    They equal ``schema.derive_digit_id(source_sha256, page=1, field=None, position=row)``, but for 70,000
    rows this function is ten times faster.
    """
    prefix = hashlib.sha256(f"{source_sha256}\x1f1\x1f\x1f".encode())
    digests = []
    for row in range(rows):
        digest = prefix.copy()
        digest.update(b"%d" % row)
        digests.append(digest.digest())
    ids = np.frombuffer(b"".join(digests), np.uint8).reshape(rows, 32)[:, :16].copy()
    ids[:, 6] = ids[:, 6] & 0x0F | 0x80
    ids[:, 8] = ids[:, 8] & 0x3F | 0x80
    return ids


def path_text(path: Path) -> str:
    """Return a path as text for Parquet. Bytes that are not UTF-8 become escapes such as ``\\xff``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _fixed_size_array(values: NDArray[np.uint8], width: int) -> pa.FixedSizeBinaryArray:
    content = pa.py_buffer(np.ascontiguousarray(values).reshape(-1))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(values), [None, content])


def _text_column(values: str | Sequence[str], rows: int) -> pa.Array:
    return (
        pa.repeat(pa.scalar(values, pa.string()), rows)
        if isinstance(values, str)
        else pa.array(values, pa.string())
    )
