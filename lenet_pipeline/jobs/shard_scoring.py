"""Score the shards of a run in parallel, and load them into the warehouse at the same time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import numpy as np

from lenet_pipeline.errors import ShardError, StagedFileError, WarehouseError
from lenet_pipeline.ingest import Reject
from lenet_pipeline.jobs.rejects import record_rejects
from lenet_pipeline.lake import Manifest, Shard, images_array, open_place, read_shard, shard_path
from lenet_pipeline.scoring import (
    FLOAT32,
    SAMPLE,
    SAMPLE_BATCH,
    Agreement,
    Engine,
    Runner,
    ScoredShard,
    ScoringKey,
    ShardWork,
    TrainedModel,
    measure_agreement,
    read_probabilities,
    run_here,
    run_on_dask,
)
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Observer, remove_leftovers
from lenet_pipeline.warehouse import (
    BackgroundLoader,
    PlannedShard,
    ScoringRunRecord,
    ShardLoad,
    ShardScoreRecord,
    load_shard_scores,
    start_scoring_run,
    take_snapshot,
)

# Scoring takes about 6 microseconds per digit on two cores, and copying a nanosecond per byte. Copying the
# database may therefore take a twentieth of the run. A long run copies it again, but copying never takes more
# than a twentieth of the time.
_COPIED_BYTES_PER_DIGIT = 300
_RUN_TIME_PER_COPY = 20


@dataclass(frozen=True)
class ScoredShards:
    """The shards that one job scored.

    Attributes:
        digits: number of digits in them.
        computed: number of digits that were computed now; an interrupted job had staged the others.
        rejected: number of shards that could not be scored.
        seconds: duration.
        engines: the engines that computed the predictions.
        agreement: how closely the predictions agree with float32; None for float32 itself.
    """

    digits: int
    computed: int
    rejected: int
    seconds: float
    engines: tuple[str, ...]
    agreement: Agreement | None


def score_missing_shards(
    key: ScoringKey,
    model: TrainedModel,
    manifest: Manifest,
    runner: Runner,
    settings: Settings,
    observer: Observer,
) -> ScoredShards:
    """Score the shards that the ledger lacks to staged Parquet files, and load these in the background.

    Raises:
        PipelineError: a shard could not be scored for a reason other than its content; all others are scored.
    """
    started = latest = time.perf_counter()
    scored: list[tuple[Shard, ScoredShard]] = []
    rejected, failures = 0, list[Exception]()
    for folder in (settings.home, settings.predictions.local):
        if folder is not None:
            remove_leftovers(folder)
    missing = _start_run(key, manifest, settings, observer)
    progress = observer.progress(f"Scoring {manifest.dataset}", sum(shard.rows for shard in missing))
    load = partial(_load, settings, _can_copy_database(missing, settings))
    with progress as advance, BackgroundLoader[ShardLoad](load) as loader:
        run = partial(run_on_dask, on_waiting=observer.warn) if runner.address else run_here
        work = [_plan_work(key, manifest.dataset, shard, settings) for shard in missing]
        with contextlib.closing(run(runner, model, key.precision, work, advance)) as outcomes:
            for shard, outcome in outcomes:
                advance(0)  # lets an observer update its server, which it does from this thread only
                if isinstance(outcome, ShardError):
                    rejected += 1
                    _reject(manifest.dataset, shard, outcome, settings, observer)
                elif isinstance(outcome, Exception):
                    failures.append(outcome)
                else:
                    scored.append((shard, outcome))
                    # Time since the previous shard ended, so that these times add up to that of the run.
                    now = time.perf_counter()
                    seconds, latest = now - latest if outcome.is_new else None, now
                    loader.put(_plan_load(key, manifest.dataset, shard, outcome, seconds, settings, observer))
    if failures:
        raise failures[0]
    here = "auto" if runner.address else runner.device
    return ScoredShards(
        digits=sum(shard.rows for shard, _ in scored),
        computed=sum(shard.rows for shard, outcome in scored if outcome.is_new),
        rejected=rejected,
        seconds=time.perf_counter() - started,
        engines=tuple(sorted({outcome.engine for _, outcome in scored})),
        agreement=(_agreement(model, here, manifest, scored, settings) if key.precision != FLOAT32 else None),
    )


def _plan_work(key: ScoringKey, dataset: str, shard: Shard, settings: Settings) -> ShardWork:
    staged = settings.predictions / f"{key.shard_score_id(shard)}.parquet"
    return ShardWork(settings.lake, dataset, shard, staged)


def _agreement(
    model: TrainedModel,
    device: str,
    manifest: Manifest,
    scored: Sequence[tuple[Shard, ScoredShard]],
    settings: Settings,
) -> Agreement | None:
    """Compare the first scored digits, in the order of the manifest, with float32."""
    outcomes = dict(scored)
    images, probabilities, digits = [], [], 0
    for shard in manifest.shards:
        if shard in outcomes and digits < SAMPLE:
            images.append(images_array(read_shard(settings.lake, manifest.dataset, shard)))
            probabilities.append(read_probabilities(outcomes[shard].path))
            digits += shard.rows
    if not images:
        return None
    engine = Engine(model, device, batch_size=SAMPLE_BATCH)
    return measure_agreement(np.concatenate(probabilities), np.concatenate(images), engine)


def _reject(dataset: str, shard: Shard, error: ShardError, settings: Settings, observer: Observer) -> None:
    path = str(shard_path(settings.lake, dataset, shard))
    record_rejects(dataset, [Reject(path, "bad_shard", str(error), shard.fingerprint)], settings, observer)


def _plan_load(
    key: ScoringKey,
    dataset: str,
    shard: Shard,
    scored: ScoredShard,
    seconds: float | None,
    settings: Settings,
    observer: Observer,
) -> ShardLoad:
    record = ShardScoreRecord(
        shard_score_id=key.shard_score_id(shard),
        shard_fingerprint=shard.fingerprint,
        model_name=key.model_name,
        model_version=key.model_version,
        preprocessing_fingerprint=key.preprocessing_fingerprint,
        precision=key.precision,
        rows=scored.rows,
        predictions_sha256=scored.predictions_sha256,
        ink_counts=scored.ink_counts,
        device=scored.device,
        engine=scored.engine,
        seconds=seconds,
        scored_at=datetime.now(UTC),
        actor=settings.actor,
        flow_run_id=observer.flow_run_id,
    )
    return ShardLoad(record, scored.path, shard_path(settings.lake, dataset, shard), dataset)


def _can_copy_database(missing: Sequence[Shard], settings: Settings) -> bool:
    """Return whether copying the database takes little time compared with scoring the missing shards.

    If it does not, the run is short and loads so little that readers hardly wait without a snapshot.
    """
    size = settings.warehouse.path.stat().st_size
    return size <= _COPIED_BYTES_PER_DIGIT * sum(shard.rows for shard in missing)


def _load(settings: Settings, can_copy: bool, loads: Sequence[ShardLoad]) -> None:
    if can_copy:
        least_s = _RUN_TIME_PER_COPY * settings.warehouse.path.stat().st_size / 1e9
        keep_s = max(60 * settings.snapshot_minutes, least_s)
        with contextlib.suppress(WarehouseError):  # without a snapshot, readers only have to wait
            take_snapshot(settings.warehouse, keep_s)
    try:
        load_shard_scores(settings.warehouse, loads)
    except StagedFileError as exc:
        for load in loads:
            if load.record.shard_score_id == exc.shard_score_id:  # so that the next run scores it again
                open_place(load.predictions).delete()
        raise


def _start_run(key: ScoringKey, manifest: Manifest, settings: Settings, observer: Observer) -> list[Shard]:
    """Record the run and its shard scores, and return the shards that are not scored yet."""
    run = ScoringRunRecord(
        scoring_run_id=key.scoring_run_id(manifest),
        dataset=manifest.dataset,
        manifest_version=manifest.version,
        manifest_fingerprint=manifest.fingerprint,
        model_name=key.model_name,
        model_version=key.model_version,
        preprocessing_fingerprint=key.preprocessing_fingerprint,
        precision=key.precision,
        started_at=datetime.now(UTC),
        actor=settings.actor,
        flow_run_id=observer.flow_run_id,
        shards=tuple(
            PlannedShard(key.shard_score_id(shard), shard.fingerprint, shard.rows)
            for shard in manifest.shards
        ),
    )
    scored = start_scoring_run(settings.warehouse, run)
    return [shard for shard in manifest.shards if key.shard_score_id(shard) not in scored]
