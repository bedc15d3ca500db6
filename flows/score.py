"""The score flow: every shard of a dataset through one model version, once, into the warehouse."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

from prefect import flow, runtime, task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import PositiveInt

from flows.field_values import assemble_fields
from flows.ingest import record_rejects
from flows.models import open_registry, record_version
from flows.progress import progress_bar
from lenet_pipeline.engine import FLOAT32, Engine
from lenet_pipeline.errors import (
    DatabaseBusyError,
    PipelineError,
    ScoringError,
    ShardError,
    WarehouseError,
)
from lenet_pipeline.figures import draw_confidences
from lenet_pipeline.files import describe_os_error, remove_leftovers, written_whole
from lenet_pipeline.lake import Manifest, Shard, list_datasets, read_manifest, shard_path
from lenet_pipeline.processes import usable_cores
from lenet_pipeline.registry import ResolvedModel, read_version, resolve_version
from lenet_pipeline.scoring import ScoredShard, ScoringKey, score_shard, score_shards
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.sources.batch import Reject
from lenet_pipeline.warehouse import (
    BackgroundLoader,
    PlannedShard,
    ScoringRunRecord,
    ShardLoad,
    ShardScoreRecord,
    finish_scoring_run,
    load_shard_scores,
    run_audit,
    start_scoring_run,
)

_ARTIFACT_EVERY_S = 5.0  # each update is a request; one a batch took half of a run's time


@dataclass(frozen=True)
class ScoringReport:
    """What a scoring run did: its shards and digits, and how many of them were scored just now.

    ``form_pages`` is how many pages of forms got the values of their fields. ``images_per_second`` is the
    rate from the first shard that was read to the last that was loaded, None where none was.
    """

    scoring_run_id: UUID
    dataset: str
    model: str
    device: str
    engine: str
    precision: str
    shards: int
    digits: int
    digits_scored: int
    shards_rejected: int
    form_pages: int
    plot: Path | None
    seconds: float
    images_per_second: float | None


@flow(name="score", flow_run_name="score-{dataset}-with-{model}", validate_parameters=True)
def score(
    dataset: str,
    model: str = "digits@champion",
    device: str = "auto",
    precision: str = FLOAT32,
    batch_size: PositiveInt | None = None,
    threads: PositiveInt | None = None,
    home: Path | None = None,
    actor: str | None = None,
) -> ScoringReport:
    """Score every digit of a dataset once with one model version; what is scored already is kept.

    The alias is resolved and the manifest read once, at the start: the run keeps both to its end.

    Args:
        dataset: ``name/split``.
        model: ``digits@champion`` or ``digits/3``.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: ``float32``, or ``fast``, which is a run of its own.
        batch_size: images at a time, where not what suits the device.
        threads: shards at a time, where not one a core.
        home: the pipeline's home, where not the settings'.
        actor: who does it, where not the settings'.

    Raises:
        ScoringError: a shard could not be scored; the others are, and running again goes on.
        UnknownNameError: there is no such dataset, model, alias, version or precision.
    """
    started = time.perf_counter()
    settings = read_settings(home, actor)
    threads = threads or usable_cores()
    manifest = read_manifest(settings.lake, dataset)
    registry = open_registry(settings)
    resolved = read_version(registry, resolve_version(registry, model))
    engine = Engine(resolved.model, device, precision=precision, batch_size=batch_size, threads=threads)
    key = _scoring_key(resolved, precision)
    record_version(settings, resolved)
    done = score_missing_shards(key, engine, manifest, threads, settings)
    run_id = key.scoring_run_id(manifest)
    form_pages = assemble_fields(run_id, settings)
    if not done.rejected:
        finish_scoring_run(settings.database, settings.database_wait_s, run_id, datetime.now(UTC))
    report = ScoringReport(
        scoring_run_id=run_id,
        dataset=dataset,
        model=resolved.version.reference,
        device=str(engine.device),
        engine=engine.description,
        precision=precision,
        shards=len(manifest.shards),
        digits=manifest.rows,
        digits_scored=done.digits,
        shards_rejected=done.rejected,
        form_pages=form_pages,
        plot=None if done.rejected else leave_plot(run_id, dataset, settings),
        seconds=time.perf_counter() - started,
        images_per_second=done.digits / done.seconds if done.digits else None,
    )
    create_markdown_artifact(_describe(report), key="score", description=f"Scoring run of {dataset}")
    if done.rejected:
        raise ScoringError(
            f"partial: {done.rejected} of {len(manifest.shards)} shards of {dataset} could not be scored and "
            "are recorded as rejects (`lenet audit rejects`); the others are scored. Restore them, then run "
            "the same command again"
        )
    return report


@dataclass(frozen=True)
class ScoredShards:
    """What was done just now: digits scored, shards rejected, and the time it took, seconds."""

    digits: int
    rejected: int
    seconds: float


# A retry can help where a disk or a database was busy, and goes on where the first attempt stopped.
@task(task_run_name="score-shards", cache_policy=NO_CACHE, retries=2, retry_delay_seconds=[1, 5])
def score_missing_shards(
    key: ScoringKey, engine: Engine, manifest: Manifest, threads: int, settings: Settings
) -> ScoredShards:
    """Score the shards of a run that the ledger lacks, to staged Parquet, and load them beside that."""
    started = latest = time.perf_counter()
    digits, rejected = 0, 0
    remove_leftovers(settings.predictions)
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
    return ScoredShards(digits, rejected, time.perf_counter() - started)


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
            load.predictions.unlink(missing_ok=True)
        raise


@task(task_run_name="plot", cache_policy=NO_CACHE)
def leave_plot(scoring_run_id: UUID, dataset: str, settings: Settings) -> Path:
    """Draw the confidences of a run as ``plots/score-<run>.png`` under the home."""
    path = settings.plots / f"score-{scoring_run_id}.png"
    if not path.exists():
        database, wait_s = settings.database, settings.database_wait_s
        histogram = run_audit(database, wait_s, "confidence_histogram", {"run": str(scoring_run_id)})
        figure = draw_confidences(histogram, f"{dataset}: {scoring_run_id}")
        try:
            with written_whole(path) as temporary:
                figure.savefig(temporary, format="png", dpi=120)
        except OSError as exc:
            raise ScoringError(f"cannot write plot {path}: {describe_os_error(exc)}") from exc
    return path


@flow(name="score-all", flow_run_name="score-all-with-{model}", validate_parameters=True)
def score_all(
    model: str = "digits@champion", home: Path | None = None, actor: str | None = None
) -> list[ScoringReport]:
    """Score every dataset of the lake; what is scored already costs next to nothing.

    Raises:
        ScoringError: some dataset could not be scored; the others are.
    """
    settings = read_settings(home, actor)
    reports, failures = [], []
    for dataset in list_datasets(settings.lake):
        try:
            reports.append(score(dataset, model, home=settings.home, actor=settings.actor))
        except PipelineError as exc:
            failures.append(str(exc))
    if failures:
        raise ScoringError("; ".join(failures))
    return reports


def _scoring_key(resolved: ResolvedModel, precision: str) -> ScoringKey:
    version = resolved.version
    return ScoringKey(
        model_name=version.name,
        model_version=version.version,
        weights_sha256=resolved.weights_sha256,
        preprocessing_fingerprint=resolved.model.preprocessing.fingerprint,
        precision=precision,
    )


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


def _describe(report: ScoringReport) -> str:
    rows = {
        "scoring run": report.scoring_run_id,
        "dataset": report.dataset,
        "model version": report.model,
        "digits": f"{report.digits:,}",
        "scored just now": f"{report.digits_scored:,}",
        "shards rejected": report.shards_rejected,
        "engine": report.engine,
        "seconds": f"{report.seconds:.1f}",
        "confidences drawn in": report.plot or "-",
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])
