"""The shards of a scoring run: scored side by side, and loaded into the warehouse beside that."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from prefect import runtime, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from flows.ingest import record_rejects
from flows.progress import progress_bar
from lenet_pipeline.agreement import Agreement, measure_agreement
from lenet_pipeline.digits import images_array
from lenet_pipeline.engine import FLOAT32, Engine, TrainedModel
from lenet_pipeline.errors import DatabaseBusyError, ShardError, WarehouseError
from lenet_pipeline.files import remove_leftovers
from lenet_pipeline.lake import Manifest, Shard, read_shard, shard_path
from lenet_pipeline.scoring import ScoredShard, ScoringKey, score_shard, score_shards
from lenet_pipeline.settings import Settings
from lenet_pipeline.sources.batch import Reject
from lenet_pipeline.storage import open_place
from lenet_pipeline.warehouse import (
    BackgroundLoader,
    PlannedShard,
    ScoringRunRecord,
    ShardLoad,
    ShardScoreRecord,
    load_shard_scores,
    start_scoring_run,
)

_ARTIFACT_EVERY_S = 5.0  # each update is a request; one a batch took half of a run's time


@dataclass(frozen=True)
class ScoredShards:
    """What was done just now: digits scored, shards rejected, and the time it took, seconds."""

    digits: int
    rejected: int
    seconds: float
    agreement: Agreement | None


# A retry can help where a disk or a database was busy, and goes on where the first attempt stopped.
@task(task_run_name="score-shards", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=[1, 5])
def score_missing_shards(
    key: ScoringKey,
    engine: Engine,
    model: TrainedModel,
    manifest: Manifest,
    threads: int,
    settings: Settings,
) -> ScoredShards:
    """Score the shards of a run that the ledger lacks, to staged Parquet, and load them beside that."""
    started = latest = time.perf_counter()
    digits, rejected = 0, 0
    if settings.predictions.local is not None:
        remove_leftovers(settings.predictions.local)
    missing = _start_run(key, manifest, settings)
    artifact = _ProgressArtifact(manifest, missing)
    bar = progress_bar(f"Scoring {manifest.dataset}", sum(shard.rows for shard in missing))
    load = partial(_load, settings)
    with bar as advance, BackgroundLoader[ShardLoad](load) as loader:
        work = partial(_score_one, key, engine, manifest.dataset, settings, advance)
        for shard, outcome in score_shards(work, missing, threads):
            now = time.perf_counter()
            artifact.advance(shard.rows)
            if isinstance(outcome, ShardError):
                rejected += 1
                advance(shard.rows)
                _reject(manifest.dataset, shard, outcome, settings)
                continue
            digits += shard.rows
            # From one shard's end to the next one's: together, the time that the run took.
            seconds = now - latest if outcome.is_new else None
            latest = now
            loader.put(_plan_load(key, engine, manifest.dataset, shard, outcome, seconds, settings))
    seconds = time.perf_counter() - started
    agreement = None
    if key.precision != FLOAT32 and digits:
        agreement = _agreement(engine, model, manifest, missing, settings)
    return ScoredShards(digits, rejected, seconds, agreement)


def _agreement(
    engine: Engine, model: TrainedModel, manifest: Manifest, shards: Sequence[Shard], settings: Settings
) -> Agreement | None:
    """Compare with float32 on the first shard that can be read."""
    for shard in shards:
        with contextlib.suppress(ShardError):
            digits = read_shard(settings.lake, manifest.dataset, shard)
            return measure_agreement(engine, model, images_array(digits))
    return None


def _score_one(
    key: ScoringKey,
    engine: Engine,
    dataset: str,
    settings: Settings,
    advance: Callable[[int], None],
    shard: Shard,
) -> ScoredShard:
    staged = settings.predictions / f"{key.shard_score_id(shard)}.parquet"
    return score_shard(engine, settings.lake, dataset, shard, staged, advance)


def _reject(dataset: str, shard: Shard, error: ShardError, settings: Settings) -> None:
    path = str(shard_path(settings.lake, dataset, shard))
    record_rejects(dataset, [Reject(path, "bad_shard", str(error), shard.fingerprint)], settings)


def _plan_load(
    key: ScoringKey,
    engine: Engine,
    dataset: str,
    shard: Shard,
    scored: ScoredShard,
    seconds: float | None,
    settings: Settings,
) -> ShardLoad:
    record = ShardScoreRecord(
        shard_score_id=key.shard_score_id(shard),
        shard_fingerprint=shard.fingerprint,
        model_name=key.model_name,
        model_version=key.model_version,
        preprocessing_fingerprint=key.preprocessing_fingerprint,
        precision=key.precision,
        rows=scored.rows,
        device=str(engine.device),
        engine=engine.description,
        seconds=seconds,
        scored_at=datetime.now(UTC),
        actor=settings.actor,
        flow_run_id=runtime.flow_run.id,
    )
    return ShardLoad(record, scored.path, shard_path(settings.lake, dataset, shard), dataset)


def _load(settings: Settings, loads: Sequence[ShardLoad]) -> None:
    try:
        load_shard_scores(settings.database, settings.database_wait_s, loads)
    except DatabaseBusyError:
        raise
    except WarehouseError:
        for load in loads:  # what the database refuses is scored anew the next time
            open_place(load.predictions).delete()
        raise


def _start_run(key: ScoringKey, manifest: Manifest, settings: Settings) -> list[Shard]:
    """Record the run and the shard scores it consists of; return the shards not scored yet."""
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
        flow_run_id=runtime.flow_run.id,
        shards=tuple(
            PlannedShard(key.shard_score_id(shard), shard.fingerprint, shard.rows)
            for shard in manifest.shards
        ),
    )
    scored = start_scoring_run(settings.database, settings.database_wait_s, run)
    return [shard for shard in manifest.shards if key.shard_score_id(shard) not in scored]


class _ProgressArtifact:
    """How much of a run is done, in Prefect's pages, brought up to date every few seconds.

    From the flow's own thread: Prefect's client would leave a connection open in any other.
    """

    def __init__(self, manifest: Manifest, missing: Sequence[Shard]) -> None:
        self._total, self._done, self._shown_at = sum(shard.rows for shard in missing), 0, time.monotonic()
        self._artifact = (
            create_progress_artifact(0.0, key="scoring-progress", description=f"Scoring {manifest.dataset}")
            if missing
            else None
        )

    def advance(self, digits: int) -> None:
        self._done += digits
        if self._done < self._total and time.monotonic() - self._shown_at < _ARTIFACT_EVERY_S:
            return
        self._shown_at = time.monotonic()
        # A server that does not answer may cost the picture of a night's run, not the run.
        with contextlib.suppress(Exception):
            update_progress_artifact(self._artifact, 100 * self._done / self._total)  # type: ignore[arg-type]
