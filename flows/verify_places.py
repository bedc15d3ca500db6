"""Where digits are on paper: what the database says, compared with the lake, which has fingerprints."""

from __future__ import annotations

from uuid import UUID

import pyarrow as pa

from lenet_pipeline.fingerprints import one_array
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import StoredShard, read_shard_places

_KEY = "digit_id"


def find_misplaced(settings: Settings, shard: StoredShard, digits: pa.Table) -> list[str]:
    """Return the digits of a shard that the database places otherwise than the lake, not at all, or twice.

    Args:
        settings: of the home.
        shard: a shard score of a run.
        digits: that shard as the lake has it, of schema ``DIGITS``.

    Raises:
        WarehouseError: the database cannot be read.
    """
    stored = read_shard_places(settings.database, settings.database_wait_s, shard.shard_fingerprint)
    ids = one_array(digits[_KEY]).storage.cast(pa.binary())
    recorded = digits.set_column(digits.column_names.index(_KEY), _KEY, ids).select(stored.column_names)
    recorded = recorded.sort_by(_KEY)
    if recorded.equals(stored.cast(recorded.schema)):
        return []
    now, then = _rows_by_digit(stored), _rows_by_digit(recorded)
    wrong = sorted(each for each in now.keys() | then.keys() if now.get(each) != then.get(each))
    return [str(UUID(bytes=each)) for each in wrong]


def _rows_by_digit(places: pa.Table) -> dict[bytes, list[dict[str, object]]]:
    rows: dict[bytes, list[dict[str, object]]] = {}
    for row in places.to_pylist():
        rows.setdefault(row[_KEY], []).append(row)
    return rows
