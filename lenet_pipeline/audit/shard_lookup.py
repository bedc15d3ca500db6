"""The shards that were scored: as a run's manifest has them, or wherever in the lake they are now."""

from __future__ import annotations

from collections.abc import Iterator
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
        LakeError: the lake has not the manifest that the run read.
    """
    manifest = read_manifest(settings.lake, run.dataset, run.manifest_version)
    if manifest.fingerprint != run.manifest_fingerprint:
        raise LakeError(
            f"version {run.manifest_version} of {run.dataset} in the lake is not the one that run "
            f"{run.scoring_run_id} read: its fingerprint is {manifest.fingerprint[:12]}, expected "
            f"{run.manifest_fingerprint[:12]}; restore the lake from a backup"
        )
    shards = {shard.fingerprint: shard for shard in manifest.shards}
    unknown = [each.shard_fingerprint[:12] for each in run.shards if each.shard_fingerprint not in shards]
    if unknown:
        raise LakeError(
            f"run {run.scoring_run_id} names shards that its manifest has not ({', '.join(unknown)}): the "
            "database was altered; `lenet check` tells more"
        )
    return [(stored, shards[stored.shard_fingerprint]) for stored in run.shards]


def find_shard(settings: Settings, dataset: str, fingerprint: str) -> pa.Table:
    """Read a shard by its fingerprint, from the dataset that it was scored in, else from any other.

    Raises:
        LakeError: none has it.
    """
    for manifest in _manifests(settings, dataset):
        for shard in manifest.shards:
            if shard.fingerprint == fingerprint:
                return read_shard(settings.lake, manifest.dataset, shard)
    raise LakeError(
        f"no dataset of the lake has the shard {fingerprint[:12]} of {dataset} any more; restore it from a "
        "backup"
    )


def _manifests(settings: Settings, dataset: str) -> Iterator[Manifest]:
    """Yield a dataset's manifests, the newest first, for an amended one has other shards; then others'."""
    there = list_datasets(settings.lake)
    if dataset in there:
        yield from read_manifests(settings.lake, dataset)
    for other in there:
        if other != dataset:
            yield read_manifest(settings.lake, other)


def select_digits(digits: pa.Table, ids: set[str]) -> pa.Table:
    """Return the digits of a shard that are among ids, as text."""
    wanted = pa.array([UUID(each).bytes for each in ids], pa.binary(16))
    is_wanted = pc.is_in(digits["digit_id"].combine_chunks().storage, value_set=wanted)
    return digits.filter(is_wanted).combine_chunks()
