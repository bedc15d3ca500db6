"""Pictures of blind items: the field as it was scanned, or the digit enlarged."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from lenet_pipeline.audit import enlarge, read_shard_by_fingerprint, select_digits
from lenet_pipeline.lake import images_array
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import Warehouse, list_blind_digits, read_field_picture

_SCALE = 8  # pixels in the picture per pixel of the digit
_KEPT_SHARDS = 64  # of all samples; only the digits of a sample are kept, not whole shards

_Key = tuple[UUID, str]
_kept: OrderedDict[_Key, dict[str, bytes]] = OrderedDict()
_lock = threading.Lock()


def find_picture(
    settings: Settings, warehouse: Warehouse, sample_id: UUID, item: Mapping[str, Any]
) -> bytes | None:
    """Return the picture of an item, JPEG or PNG, or None if it has none.

    Raises:
        LakeError: the lake no longer has the image.
        DatabaseBusyError: the database and its snapshot cannot be read now.
    """
    if item["field_id"]:
        return read_field_picture(warehouse, item["field_id"])
    key = (sample_id, item["shard_fingerprint"])
    with _lock:
        found = _kept.get(key)
    if found is None:
        found = _read_pictures(settings, warehouse, key, item["dataset"])
        with _lock:
            _kept[key] = found
            while len(_kept) > _KEPT_SHARDS:
                _kept.popitem(last=False)
    return found.get(item["digit_id"])


def _read_pictures(settings: Settings, warehouse: Warehouse, key: _Key, dataset: str) -> dict[str, bytes]:
    """Return the pictures of a sample's digits in a shard, which is read once."""
    sample_id, fingerprint = key
    rows = list_blind_digits(warehouse, sample_id).to_pylist()
    wanted = {row["digit_id"] for row in rows if row["shard_fingerprint"] == fingerprint}
    digits = select_digits(read_shard_by_fingerprint(settings, dataset, fingerprint), wanted)
    ids = [str(digit_id) for digit_id in digits["digit_id"].to_pylist()]
    pictures = (enlarge(255 - image, _SCALE) for image in images_array(digits))
    return dict(zip(ids, pictures, strict=True))
