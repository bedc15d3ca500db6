"""Compare where the database places digits on paper with the fingerprinted shards of the lake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pyarrow as pa

from lenet_pipeline.lake import one_array
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import StoredShard, read_shard_boxes, read_shard_places

_KEY = "digit_id"


def find_misplaced(settings: Settings, dataset: str, shard: StoredShard, digits: pa.Table) -> list[str]:
    """Return the ids of a shard's digits whose place or label in the database differs from the lake.

    A digit also differs if the database lacks it or has it twice. For digits on forms, the boxes of their
    cells are compared too.

    Args:
        settings: of the home.
        dataset: the dataset that the run read.
        shard: a shard score of the run.
        digits: the same shard in the lake, with schema ``DIGITS``.

    Raises:
        WarehouseError: the database cannot be read.
    """
    ids = one_array(digits[_KEY]).storage.cast(pa.binary())
    recorded = digits.set_column(digits.column_names.index(_KEY), _KEY, ids)
    fingerprint = shard.shard_fingerprint
    wrong = _differing(read_shard_places(settings.warehouse, fingerprint), recorded)
    on_forms = recorded.filter(recorded["template"].is_valid())
    if len(on_forms):
        wrong |= _differing(read_shard_boxes(settings.warehouse, dataset, fingerprint), on_forms)
    return [str(UUID(bytes=each)) for each in sorted(wrong)]


def _differing(stored: pa.Table, recorded: pa.Table) -> set[bytes]:
    """Return the ids of digits whose rows differ in any stored column."""
    recorded = recorded.select(stored.column_names).sort_by(_KEY)
    if recorded.equals(stored.cast(recorded.schema)):
        return set()
    now, then = _rows_by_digit(stored.to_pylist()), _rows_by_digit(recorded.to_pylist())
    return {each for each in now.keys() | then.keys() if now.get(each) != then.get(each)}


def _rows_by_digit(rows: Sequence[dict[str, Any]]) -> dict[bytes, list[dict[str, Any]]]:
    found: dict[bytes, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row[_KEY], []).append(row)
    return found
