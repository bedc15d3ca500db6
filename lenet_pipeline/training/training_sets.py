"""Training sets: the labelled digits of datasets, split by a hash of their writers or digit ids."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
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
    split_keys,
    training_splits,
)
from lenet_pipeline.schema import DIGITS, Images, Labels

SPLITS = ("train", "validation", "gate")


@dataclass(frozen=True)
class LabelledDigits:
    """Labelled digits.

    Attributes:
        images: uint8 (n, 28, 28), row-major, bright ink on dark.
        labels: uint8 (n,), 0 to 9.
        templates: The fingerprint of each digit's form template, or None outside forms, object (n,); None if
            they were not read.
    """

    images: Images
    labels: Labels
    templates: npt.NDArray[np.object_] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, chosen: npt.NDArray[np.bool_]) -> LabelledDigits:
        """Return the digits that a mask, bool (n,), selects, in their order."""
        templates = None if self.templates is None else self.templates[chosen]
        return LabelledDigits(self.images[chosen], self.labels[chosen], templates)


def join_digits(parts: Sequence[LabelledDigits]) -> LabelledDigits:
    """Return the digits of all parts, in order."""
    templates = [part.templates for part in parts if part.templates is not None]
    return LabelledDigits(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate(templates) if len(templates) == len(parts) else None,
    )


def read_labelled(lake: AnyPlace, manifests: Sequence[Manifest]) -> LabelledDigits:
    """Read the labelled digits of datasets, in order.

    Raises:
        TrainingError: No digit has a label.
        ShardError: A shard does not match its manifest.
    """
    return _labelled(_read(lake, manifests), manifests)


def read_splits(lake: AnyPlace, manifests: Sequence[Manifest]) -> dict[str, LabelledDigits]:
    """Read the labelled digits of datasets, split into ``train``, ``validation`` and ``gate``.

    A digit in several datasets is used only once.

    Raises:
        TrainingError: No digit has a label.
        ShardError: A shard does not match its manifest.
    """
    table = _read(lake, manifests)
    digits, ids = _labelled(table, manifests), digit_ids_array(table)
    drawn, is_first = training_splits(table), _is_first(ids)
    return {split: digits.where((drawn == split) & is_first) for split in SPLITS}


def read_gates(lake: AnyPlace, manifests: Sequence[Manifest]) -> dict[str, LabelledDigits]:
    """Read the ``gate`` split of each dataset, by name; a digit in several datasets counts for the first.

    Raises:
        TrainingError: A dataset has no labelled digit.
        ShardError: A shard does not match its manifest.
    """
    gates: dict[str, LabelledDigits] = {}
    seen: set[bytes] = set()
    for manifest in manifests:
        table = _read(lake, [manifest])
        ids = digit_ids_array(table)
        drawn = training_splits(table) == "gate"
        names = [digit_id.tobytes() for digit_id in ids[drawn]]
        is_new = np.array([name not in seen for name in names], dtype=bool) & _is_first(ids[drawn])
        gates[manifest.dataset] = _labelled(table, [manifest]).where(drawn).where(is_new)
        seen.update(names)
    return gates


def read_unlearned(
    lake: AnyPlace,
    manifest: Manifest,
    learned: Sequence[Manifest],
    *,
    learned_all: bool,
    learned_files: Collection[str] = (),
    is_test: Callable[[pa.Table], npt.NDArray[np.bool_]] | None = None,
) -> LabelledDigits:
    """Read the labelled digits of a dataset that a training did not learn from, each only once.

    Other digits of a writer that it learned from are left out as well.

    Args:
        lake: The lake's folder, or its location in an object store.
        manifest: The manifest of the dataset to read.
        learned: The manifests of the datasets that were trained on.
        learned_all: Whether the training used their gate digits too.
        learned_files: The sha256 of files whose digits were trained on, whatever dataset holds them here.
        is_test: Which digits of these files the training left out for a test, bool (n,); none by default.

    Raises:
        TrainingError: No digit has a label.
        ShardError: A shard does not match its manifest.
    """
    table = _read(lake, [manifest])
    ids = digit_ids_array(table)
    of_files = pc.is_in(table["source_sha256"], value_set=pa.array(list(learned_files), pa.string()))
    if is_test is not None:
        of_files = pc.and_not(of_files, pa.array(is_test(table)))
    taken: set[bytes] = set()
    for others in (table.filter(of_files), *(_read(lake, [each]) for each in learned)):
        chosen = others if learned_all else others.filter(pa.array(training_splits(others) != GATE))
        taken.update(digit_id.tobytes() for digit_id in digit_ids_array(chosen))
        taken.update(split_keys(chosen))
    keys = zip(ids, split_keys(table), strict=True)
    is_new = np.array([taken.isdisjoint((digit_id.tobytes(), key)) for digit_id, key in keys], dtype=bool)
    return _labelled(table, [manifest]).where(is_new & _is_first(ids))


def _is_first(ids: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Mark the first occurrence of each digit id: uint8 (n, 16) to bool (n,)."""
    _, first = np.unique(ids, axis=0, return_index=True)
    is_first = np.zeros(len(ids), bool)
    is_first[first] = True
    return is_first


def _read(lake: AnyPlace, manifests: Sequence[Manifest]) -> pa.Table:
    """Read the labelled rows of datasets."""
    tables = [
        read_shard(lake, manifest.dataset, shard) for manifest in manifests for shard in manifest.shards
    ]
    table = pa.concat_tables([DIGITS.empty_table(), *tables])
    return table.filter(pc.is_valid(table["label"])).combine_chunks()


def _labelled(table: pa.Table, manifests: Sequence[Manifest]) -> LabelledDigits:
    if not len(table):
        names = ", ".join(manifest.dataset for manifest in manifests)
        raise TrainingError(f"no digit in {names} has a label; ingest labelled digits")
    templates = table["template"].to_numpy(zero_copy_only=False)
    return LabelledDigits(images_array(table), table["label"].to_numpy(), templates)
