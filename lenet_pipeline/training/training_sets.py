"""Training sets: the labelled digits of datasets, split by a hash of each digit's identifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lenet_pipeline.errors import TrainingError
from lenet_pipeline.lake import (
    GATE,
    AnyPlace,
    Manifest,
    digit_ids_array,
    images_array,
    read_shard,
    training_splits,
)
from lenet_pipeline.schema import DIGITS, Images, Labels

SPLITS = ("train", "validation", "gate")


@dataclass(frozen=True)
class LabelledDigits:
    """Images uint8 (n, 28, 28), row-major, ink bright on dark, and their labels uint8 (n,) 0 to 9."""

    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, chosen: npt.NDArray[np.bool_]) -> LabelledDigits:
        """Return the digits that a mask of shape (n,) chooses, in their order."""
        return LabelledDigits(self.images[chosen], self.labels[chosen])


def join_digits(parts: Sequence[LabelledDigits]) -> LabelledDigits:
    """Return the digits of all parts, in order."""
    return LabelledDigits(
        np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts])
    )


def read_labelled(lake: AnyPlace, manifests: Sequence[Manifest]) -> LabelledDigits:
    """Read the labelled digits of datasets, in order.

    Raises:
        TrainingError: none has a label.
        ShardError: a shard is not what its manifest says.
    """
    return _labelled(_read(lake, manifests), manifests)


def read_splits(lake: AnyPlace, manifests: Sequence[Manifest]) -> dict[str, LabelledDigits]:
    """Read datasets and draw their labelled digits into ``train``, ``validation`` and ``gate``.

    A digit that several datasets hold is taken once, so that no split sees it twice.

    Raises:
        TrainingError: none has a label.
        ShardError: a shard is not what its manifest says.
    """
    table = _read(lake, manifests)
    digits, ids = _labelled(table, manifests), digit_ids_array(table)
    drawn, is_first = training_splits(ids), _is_first(ids)
    return {split: digits.where((drawn == split) & is_first) for split in SPLITS}


def read_gates(lake: AnyPlace, manifests: Sequence[Manifest]) -> dict[str, LabelledDigits]:
    """Read the ``gate`` split of each dataset, by name; what several hold is in the first of them alone.

    Raises:
        TrainingError: one has no labelled digit.
        ShardError: a shard is not what its manifest says.
    """
    gates: dict[str, LabelledDigits] = {}
    seen: set[bytes] = set()
    for manifest in manifests:
        table = _read(lake, [manifest])
        ids = digit_ids_array(table)
        drawn = training_splits(ids) == "gate"
        names = [digit_id.tobytes() for digit_id in ids[drawn]]
        is_new = np.array([name not in seen for name in names], dtype=bool) & _is_first(ids[drawn])
        gates[manifest.dataset] = _labelled(table, [manifest]).where(drawn).where(is_new)
        seen.update(names)
    return gates


def read_unlearned(
    lake: AnyPlace, manifest: Manifest, learned: Sequence[Manifest], *, learned_all: bool
) -> LabelledDigits:
    """Read the labelled digits of a dataset that no training on other datasets learned from, each once.

    Args:
        lake: the lake's folder, or its place in an object store.
        manifest: the dataset's.
        learned: those of the datasets that were trained on.
        learned_all: whether their gate digits were learned too.

    Raises:
        TrainingError: none has a label.
        ShardError: a shard is not what its manifest says.
    """
    table = _read(lake, [manifest])
    ids = digit_ids_array(table)
    taken: set[bytes] = set()
    for each in learned:
        others = digit_ids_array(_read(lake, [each]))
        chosen = others if learned_all else others[training_splits(others) != GATE]
        taken.update(digit_id.tobytes() for digit_id in chosen)
    is_new = np.array([digit_id.tobytes() not in taken for digit_id in ids], dtype=bool)
    return _labelled(table, [manifest]).where(is_new & _is_first(ids))


def _is_first(ids: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Tell which identifiers, uint8 (n, 16), are not there before, bool (n,)."""
    _, first = np.unique(ids, axis=0, return_index=True)
    is_first = np.zeros(len(ids), bool)
    is_first[first] = True
    return is_first


def _read(lake: AnyPlace, manifests: Sequence[Manifest]) -> pa.Table:
    """Read the rows of datasets that have a label."""
    tables = [
        read_shard(lake, manifest.dataset, shard) for manifest in manifests for shard in manifest.shards
    ]
    table = pa.concat_tables([DIGITS.empty_table(), *tables])
    return table.filter(pc.is_valid(table["label"])).combine_chunks()


def _labelled(table: pa.Table, manifests: Sequence[Manifest]) -> LabelledDigits:
    if not len(table):
        names = ", ".join(manifest.dataset for manifest in manifests)
        raise TrainingError(f"no digit of {names} has a label; ingest labelled digits")
    return LabelledDigits(images_array(table), table["label"].to_numpy())
