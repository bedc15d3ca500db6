"""The shards of a scoring run, as the manifest that it read has them."""

from __future__ import annotations

from lenet_pipeline.errors import LakeError
from lenet_pipeline.lake import Shard, read_manifest
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
    return [(stored, shards[stored.shard_fingerprint]) for stored in run.shards]
