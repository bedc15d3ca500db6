"""Where digits are on paper: what the database says, compared with the lake, which has fingerprints."""

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
    """Return the digits of a shard that the database places otherwise than the lake, not at all, or twice.

    Of digits on forms, their cells too.

    Args:
        settings: of the home.
        dataset: that a run read.
        shard: a shard score of the run.
        digits: that shard as the lake has it, of schema ``DIGITS``.

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
    """Return the digits whose rows are not the same, by the columns that are stored."""
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
