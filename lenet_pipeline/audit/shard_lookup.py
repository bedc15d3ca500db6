"""Find scored shards in the lake: in the manifest of their run, or by fingerprint in any dataset."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from lenet_pipeline.errors import LakeError
from lenet_pipeline.lake import Manifest, Shard, list_datasets, read_manifest, read_manifests, read_shard
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import StoredRun, StoredShard


def find_run_shards(settings: Settings, run: StoredRun) -> list[tuple[StoredShard, Shard]]:
    """Return a run's shard scores, each with its shard in the lake.

    Raises:
        LakeError: the lake lacks the manifest that the run read, or one of its shards.
    """
    manifest = read_manifest(settings.lake, run.dataset, run.manifest_version)
    if manifest.fingerprint != run.manifest_fingerprint:
        raise LakeError(
            f"version {run.manifest_version} of {run.dataset} has changed since run {run.scoring_run_id} "
            f"read it: its fingerprint is {manifest.fingerprint[:12]}, expected "
            f"{run.manifest_fingerprint[:12]}; restore the lake from a backup"
        )
    shards = {shard.fingerprint: shard for shard in manifest.shards}
    unknown = [each.shard_fingerprint[:12] for each in run.shards if each.shard_fingerprint not in shards]
    if unknown:
        raise LakeError(
            f"run {run.scoring_run_id} lists shards that its manifest lacks ({', '.join(unknown)}): the "
            "database was altered; run `lenet check` for details"
        )
    return [(stored, shards[stored.shard_fingerprint]) for stored in run.shards]


def read_shard_by_fingerprint(settings: Settings, dataset: str, fingerprint: str) -> pa.Table:
    """Read the shard with a fingerprint, from the dataset in which it was scored or else from any other.

    Raises:
        LakeError: no dataset has the shard.
    """
    for manifest in _manifests(settings, dataset):
        for shard in manifest.shards:
            if shard.fingerprint == fingerprint:
                return read_shard(settings.lake, manifest.dataset, shard)
    raise LakeError(
        f"shard {fingerprint[:12]} of {dataset} is no longer in the lake; restore the lake from a backup"
    )


def _manifests(settings: Settings, dataset: str) -> Iterator[Manifest]:
    """Yield every manifest of a dataset, newest first, then the newest of each other dataset.

    Amending a dataset replaces shards, so that an older manifest may be the one that has the shard.
    """
    datasets = list_datasets(settings.lake)
    if dataset in datasets:
        yield from read_manifests(settings.lake, dataset)
    for other in datasets:
        if other != dataset:
            yield read_manifest(settings.lake, other)


def select_digits(digits: pa.Table, ids: set[str]) -> pa.Table:
    """Return the rows of a shard whose ``digit_id``, as text, is among ids."""
    wanted = pa.array([UUID(each).bytes for each in ids], pa.binary(16))
    is_wanted = pc.is_in(digits["digit_id"].combine_chunks().storage, value_set=wanted)
    return digits.filter(is_wanted).combine_chunks()


def group_ids(rows: Sequence[Mapping[str, Any]], *columns: str) -> dict[tuple[str, ...], set[str]]:
    """Group the ``digit_id`` of rows, as text, by the values of some columns."""
    groups: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in rows:
        groups[tuple(row[column] for column in columns)].add(row["digit_id"])
    return groups
