"""What every source hands over: a table of digits, and the inputs that could not be read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lenet_pipeline.schema import DIGITS, IMAGE_BYTES, IMAGE_SIDE

Labels = Sequence[int | None] | NDArray[np.uint8]


@dataclass(frozen=True)
class Box:
    """A rectangle in whole pixels: its left and top edge, its width and its height."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Reject:
    """One input that could not be read.

    ``source`` is its path as found, ``kind`` a short stable code such as ``truncated_image``, and
    ``reason`` one line: what was wrong, what was expected and found, and what to do.
    """

    source: str
    kind: str
    reason: str
    source_sha256: str | None = None
    page: int | None = None


@dataclass(frozen=True)
class SourceBatch:
    """What one read gave: a table of schema ``DIGITS``, the rejects, and how many files were no image.

    ``unrecognised`` counts files that are no image by name nor content (a README, a CSV): they are
    neither digits nor rejects.
    """

    digits: pa.Table
    rejects: tuple[Reject, ...] = ()
    unrecognised: int = 0


def digits_table(
    images: NDArray[np.uint8],
    labels: Labels,
    *,
    digit_ids: NDArray[np.uint8],
    sources: str | Sequence[str],
    source_sha256s: str | Sequence[str],
    positions: Sequence[int] | NDArray[np.int32],
    polarities: str | Sequence[str],
    source_boxes: Sequence[Box | None] | None = None,
) -> pa.Table:
    """Build a table of schema ``DIGITS`` for digits that lie on page 1 of no form.

    Args:
        images: uint8 (n, 28, 28), ink bright on dark.
        labels: n labels 0 to 9, None where unknown.
        digit_ids: uint8 (n, 16).
        sources: where each digit came from, or one text for all; so too ``source_sha256s`` and
            ``polarities``.
        positions: each digit's place in its source.
        source_boxes: the ink of each digit in pixels of its source.
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
    }
    arrays = []
    for field in DIGITS:
        column = columns.get(field.name)
        arrays.append(pa.nulls(rows, field.type) if column is None else column)
    return pa.Table.from_arrays(arrays, schema=DIGITS)


def derive_row_ids(source_sha256: str, rows: int) -> NDArray[np.uint8]:
    """Derive the digit_ids of rows 0 to ``rows`` - 1 of one source, as uint8 (rows, 16).

    They are those of ``schema.derive_digit_id(source_sha256, page=1, field=None, position=row)``, which
    takes ten times as long for 70,000.
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
    """Return a path as text that Parquet can hold: bytes of a name that are no UTF-8 become ``\\xff``."""
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
