"""The dataset of reviewed digits: every digit that people have read, with their verdict as its label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pyarrow as pa

from lenet_pipeline.audit.shard_lookup import group_ids, read_shard_by_fingerprint, select_digits
from lenet_pipeline.errors import ManifestConflictError
from lenet_pipeline.lake import Amendment, Manifest, amend_digits, find_manifest, read_labels, read_manifest
from lenet_pipeline.schema import DIGITS
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import list_reviewed_digits, record_dataset

REVIEWED = "reviewed/all"
_ATTEMPTS = 3


def sync_reviewed(settings: Settings) -> Amendment:
    """Bring the dataset ``reviewed/all`` in line with the verdicts that count.

    The newest verdict on a digit becomes its label. A digit is removed if that verdict is ``blank``,
    ``not_a_digit`` or ``unreadable``, or if its verdicts were undone. If nothing changes, only the manifest,
    identifiers and labels are read, and no version is committed.

    Raises:
        LakeError: the lake no longer has the image of a reviewed digit, or cannot be written.
        ManifestConflictError: other writers committed first, several times in a row.
        WarehouseError: the database cannot be read.
    """
    if not settings.warehouse.path.exists():
        return Amendment(added=0, relabelled=0, removed=0)
    for _ in range(_ATTEMPTS - 1):
        try:
            return _sync_once(settings)
        except ManifestConflictError:
            continue  # the next attempt sees what the other writer committed
    return _sync_once(settings)


def _sync_once(settings: Settings) -> Amendment:
    # Read before the verdicts, so that a later sync by another process is not undone.
    before = find_manifest(settings.lake, REVIEWED)
    verdicts = list_reviewed_digits(settings.warehouse).to_pylist()
    known = read_labels(settings.lake, before)
    labels = dict(zip(known["digit_id"].to_pylist(), known["label"].to_pylist(), strict=True))
    counted = {row["digit_id"]: row for row in verdicts if (row["verdict"] or "").isdecimal()}
    # A digit that was never reviewed stays: its verdicts may be in a database that was lost.
    reviewed = {row["digit_id"] for row in verdicts}
    removed = sorted((labels.keys() & reviewed) - counted.keys())
    changed = [row for digit, row in counted.items() if labels.get(digit) != int(row["verdict"])]
    if not removed and not changed:
        return Amendment(added=0, relabelled=0, removed=0)
    return _amend(settings, before, changed, removed)


def _amend(
    settings: Settings, before: Manifest | None, changed: list[Mapping[str, Any]], removed: list[bytes]
) -> Amendment:
    """Commit a version of the dataset with new labels, and without some digits."""
    rows = [{**row, "digit_id": str(UUID(bytes=row["digit_id"]))} for row in changed]
    labels = {row["digit_id"]: int(row["verdict"]) for row in rows}
    tables = [DIGITS.empty_table()]
    for (dataset, fingerprint), ids in group_ids(rows, "dataset", "shard_fingerprint").items():
        digits = select_digits(read_shard_by_fingerprint(settings, dataset, fingerprint), ids)
        verdicts = [labels[str(each)] for each in digits["digit_id"].to_pylist()]
        column = DIGITS.get_field_index("label")
        tables.append(digits.set_column(column, DIGITS.field("label"), pa.array(verdicts, pa.uint8())))
    amendment = amend_digits(
        settings.lake,
        REVIEWED,
        before,
        pa.concat_tables(tables),
        pa.array(removed, pa.binary(16)),
        shard_rows=settings.shard_rows,
        actor=settings.actor,
    )
    record_dataset(settings.warehouse, read_manifest(settings.lake, REVIEWED))
    return amendment
