"""Arrow schemas of the Parquet files, shared array types, and the derivation of identifiers."""

from __future__ import annotations

import hashlib
import uuid

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

IMAGE_SIDE = 28
IMAGE_BYTES = IMAGE_SIDE * IMAGE_SIDE

# Rows in a shard, in a row group and in one batch of an export. This is the size of DuckDB's own row
# groups: a shard of this size loads as exactly one, and other sizes load more slowly.
ROW_GROUP_ROWS = 122_880

# Array types that modules share. A type that only one module uses is defined there.
Images = NDArray[np.uint8]  # (n, 28, 28) or one (28, 28), 0 to 255, bright ink on a dark background
Labels = NDArray[np.uint8]  # (n,), 0 to 9
Floats = NDArray[np.float32]  # any shape
Mask = NDArray[np.bool_]  # (height, width)

_BOX = pa.struct([(name, pa.int32()) for name in ("x", "y", "width", "height")])

DIGITS = pa.schema(
    [
        pa.field("digit_id", pa.uuid(), nullable=False),
        # uint8, row-major 28x28, bright ink on a dark background, as in MNIST. Fixed-size binary reads
        # five times faster than the fixed-shape-tensor extension type, and DuckDB reads it as a BLOB.
        pa.field("image", pa.binary(IMAGE_BYTES), nullable=False),
        pa.field("label", pa.uint8()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("source_sha256", pa.string(), nullable=False),
        pa.field("page", pa.int32(), nullable=False),
        pa.field("field", pa.string()),
        pa.field("position", pa.int32(), nullable=False),
        pa.field("box", _BOX),
        pa.field("source_box", _BOX),
        pa.field("polarity", pa.string(), nullable=False),
        pa.field("template", pa.string()),
        # The person who wrote the digit, null if unknown. Old shards lack this column.
        pa.field("writer", pa.string()),
    ]
)

PREDICTIONS = pa.schema(
    [
        pa.field("digit_id", pa.uuid(), nullable=False),
        pa.field("label", pa.uint8(), nullable=False),
        pa.field("confidence", pa.float32(), nullable=False),
        pa.field("probabilities", pa.list_(pa.float32(), 10), nullable=False),
        pa.field("not_a_digit", pa.float32()),
        pa.field("truth", pa.uint8()),
    ]
)

REJECTS = pa.schema(
    [
        pa.field("reject_id", pa.uuid(), nullable=False),
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("source_sha256", pa.string()),
        pa.field("page", pa.int32()),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("rejected_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("actor", pa.string(), nullable=False),
        pa.field("flow_run_id", pa.string()),
    ]
)

# One row per document that was ingested.
DOCUMENTS = pa.schema(
    [
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("source_sha256", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("pages", pa.int32(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("recorded_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("actor", pa.string(), nullable=False),
        pa.field("flow_run_id", pa.string()),
    ]
)

# One row per version of a file that an inbox took or refused.
INBOX_DOCUMENTS = pa.schema(
    [
        pa.field("inbox", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("modified_ns", pa.int64(), nullable=False),
        pa.field("source_sha256", pa.string()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("dataset", pa.string()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("original_path", pa.string()),
        pa.field("taken_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("actor", pa.string(), nullable=False),
        pa.field("flow_run_id", pa.string()),
    ]
)

# One row per page of a document, whether or not it could be read.
PAGES = pa.schema(
    [
        pa.field("page_id", pa.uuid(), nullable=False),
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("source_sha256", pa.string(), nullable=False),
        pa.field("page", pa.int32(), nullable=False),
        pa.field("page_fingerprint", pa.string()),
        pa.field("width_px", pa.int32()),
        pa.field("height_px", pa.int32()),
        pa.field("dpi", pa.float32()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("form", pa.string()),
        pa.field("template", pa.string()),
        pa.field("templates", pa.string(), nullable=False),
        pa.field("rotation", pa.int32()),
        pa.field("residual_px", pa.float32()),
        pa.field("to_scan", pa.list_(pa.float64())),
        pa.field("warp", pa.list_(pa.list_(pa.list_(pa.float32())))),
        pa.field("duplicate_of", pa.uuid()),
        pa.field("read_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("actor", pa.string(), nullable=False),
        pa.field("flow_run_id", pa.string()),
    ]
)

# One row per field of a page that was read. ``picture`` is a JPEG of the field, cut from the registered page.
_LOOSE_INK = pa.struct(
    [
        pa.field("kind", pa.string(), nullable=False),
        pa.field("position", pa.int32(), nullable=False),
        pa.field("box", _BOX, nullable=False),
        pa.field("is_read", pa.bool_(), nullable=False),
    ]
)

FIELDS = pa.schema(
    [
        pa.field("field_id", pa.uuid(), nullable=False),
        pa.field("page_id", pa.uuid(), nullable=False),
        pa.field("template", pa.string(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("field_number", pa.int32(), nullable=False),
        pa.field("box", _BOX, nullable=False),
        pa.field("source_box", _BOX, nullable=False),
        pa.field("picture", pa.binary(), nullable=False),
        pa.field("extra_ink", pa.string()),
        pa.field("cut_probability", pa.float32()),
        pa.field("cut_doubt", pa.string()),
        pa.field("loose_ink", pa.list_(_LOOSE_INK)),
    ]
)

# One row per cell of a field, or per digit found in a box without dividers.
CELLS = pa.schema(
    [
        pa.field("field_id", pa.uuid(), nullable=False),
        pa.field("page_id", pa.uuid(), nullable=False),
        pa.field("position", pa.int32(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("digit_id", pa.uuid()),
        pa.field("ink", pa.float32(), nullable=False),
        pa.field("box", _BOX, nullable=False),
        pa.field("source_box", _BOX, nullable=False),
        pa.field("mark", pa.string()),
        pa.field("possible_mark", pa.string()),
        pa.field("is_like_mark", pa.bool_()),
    ]
)

# One row per choice of a page that was read, with a picture like that of a field.
CHOICES = pa.schema(
    [
        pa.field("choice_id", pa.uuid(), nullable=False),
        pa.field("page_id", pa.uuid(), nullable=False),
        pa.field("template", pa.string(), nullable=False),
        pa.field("choice", pa.string(), nullable=False),
        pa.field("choice_number", pa.int32(), nullable=False),
        pa.field("box", _BOX, nullable=False),
        pa.field("source_box", _BOX, nullable=False),
        pa.field("picture", pa.binary(), nullable=False),
    ]
)

# One row per box or bubble of a choice.
CHOICE_OPTIONS = pa.schema(
    [
        pa.field("choice_id", pa.uuid(), nullable=False),
        pa.field("page_id", pa.uuid(), nullable=False),
        pa.field("option_number", pa.int32(), nullable=False),
        pa.field("option", pa.string(), nullable=False),
        pa.field("position", pa.int32(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("is_marked", pa.bool_(), nullable=False),
        pa.field("doubt", pa.string()),
        pa.field("coverage", pa.float32(), nullable=False),
        pa.field("darkness", pa.float32(), nullable=False),
        pa.field("confidence", pa.float32(), nullable=False),
        pa.field("box", _BOX, nullable=False),
        pa.field("source_box", _BOX, nullable=False),
    ]
)

# One row per choice whose true value is recorded.
CHOICE_TRUTHS = pa.schema(
    [
        pa.field("choice_id", pa.uuid(), nullable=False),
        pa.field("page_id", pa.uuid(), nullable=False),
        pa.field("truth", pa.string(), nullable=False),
        pa.field("recorded_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("actor", pa.string(), nullable=False),
    ]
)

# One row per field: its value as one model version reads it.
FIELD_VALUES = pa.schema(
    [
        pa.field("field_id", pa.uuid(), nullable=False),
        pa.field("page_id", pa.uuid(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("raw_value", pa.string()),
        pa.field("value", pa.string()),
        pa.field("confidence", pa.float64()),
        pa.field("raw_probability", pa.float64()),
        pa.field("probability", pa.float64()),
        pa.field("posterior", pa.float64()),
        pa.field("broken_rule", pa.string()),
        pa.field("is_doubtful", pa.bool_(), nullable=False),
        pa.field("reason", pa.string()),
    ]
)

# One row per page and rule that its values break.
RULE_FAILURES = pa.schema([("page_id", pa.uuid()), ("rule", pa.string())])

# One row per field whose true value is recorded.
FIELD_TRUTHS = pa.schema(
    [
        pa.field("field_id", pa.uuid(), nullable=False),
        pa.field("page_id", pa.uuid(), nullable=False),
        pa.field("truth", pa.string(), nullable=False),
        pa.field("recorded_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("actor", pa.string(), nullable=False),
    ]
)

# One row per review of a prediction that is to be recorded.
NEW_REVIEWS = pa.schema(
    [
        pa.field("digit_id", pa.uuid(), nullable=False),
        pa.field("shard_score_id", pa.uuid(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("note", pa.string()),
    ]
)

# One row per verdict on a whole field that is to be recorded.
NEW_FIELD_REVIEWS = pa.schema(
    [
        pa.field("field_id", pa.uuid(), nullable=False),
        pa.field("page_id", pa.uuid(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("value", pa.string()),
        pa.field("has_all_digits", pa.bool_(), nullable=False),
        pa.field("note", pa.string()),
    ]
)

# One row per page and reader whose final values may have changed.
PAGE_REVISIONS = pa.schema(
    [
        pa.field("revision_number", pa.int64(), nullable=False),
        pa.field("page_id", pa.uuid(), nullable=False),
        pa.field("model_name", pa.string(), nullable=False),
        pa.field("model_version", pa.int32(), nullable=False),
        pa.field("preprocessing_fingerprint", pa.string(), nullable=False),
        pa.field("precision", pa.string(), nullable=False),
        pa.field("broken_rules", pa.list_(pa.string()), nullable=False),
    ]
)

# One row per page revision and field with a verdict, or with other reasons for review than before.
REVISED_VALUES = pa.schema(
    [
        pa.field("revision_number", pa.int64(), nullable=False),
        pa.field("field_id", pa.uuid(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("value", pa.string()),
        pa.field("broken_rule", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("reviewed_positions", pa.list_(pa.int32()), nullable=False),
        pa.field("is_settled", pa.bool_(), nullable=False),
        pa.field("review_number", pa.int64()),
        pa.field("reviewed_by", pa.string()),
        pa.field("reviewed_at", pa.timestamp("us", tz="UTC")),
    ]
)

# One row per digit whose label an ingest changed. ``former_label`` is null if the digit had none.
LABEL_CHANGES = pa.schema(
    [
        pa.field("digit_id", pa.uuid(), nullable=False),
        pa.field("former_label", pa.uint8()),
        pa.field("label", pa.uint8(), nullable=False),
    ]
)

BRIGHT_ON_DARK = "bright_on_dark"
DARK_ON_BRIGHT = "dark_on_bright"


def derive_uuid(*parts: object) -> uuid.UUID:
    """Derive a stable version 8 UUID (RFC 9562, section 5.8) from the sha256 of the parts, in order."""
    content = "\x1f".join("" if part is None else str(part) for part in parts)
    return uuid.UUID(bytes=uuid_bytes(hashlib.sha256(content.encode()).digest()))


def identifier_bytes(identifier: uuid.UUID | str | bytes) -> bytes:
    """Return an identifier's 16 bytes, from which Arrow builds a uuid column."""
    if isinstance(identifier, bytes):
        return identifier
    return (uuid.UUID(identifier) if isinstance(identifier, str) else identifier).bytes


def uuid_bytes(digest: bytes) -> bytes:
    """Return the first 16 bytes of a digest with the version (8) and variant bits of RFC 9562 set."""
    return digest[:6] + bytes([digest[6] & 0x0F | 0x80, digest[7], digest[8] & 0x3F | 0x80]) + digest[9:16]


def derive_digit_id(
    source_sha256: str, page: int, field: str | None, position: int, template: str | None = None
) -> uuid.UUID:
    """Derive a digit's identifier from its position on paper. The same scan always gives the same digit.

    ``template`` is the fingerprint of the template that read the form. A form that is read again with a
    corrected template therefore gives new digits, and both readings are kept.
    """
    reading = () if template is None else (template,)
    return derive_uuid(source_sha256, page, field, position, *reading)
