"""The score flow: every shard of a dataset through one model version, once, into the warehouse."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
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
from lenet_pipeline.engine import DEFAULT_BATCH_SIZE, PRECISION, Engine, choose_device
from lenet_pipeline.errors import (
    DatabaseBusyError,
    PipelineError,
    ScoringError,
    ShardError,
    WarehouseError,
)
from lenet_pipeline.figures import draw_confidences
from lenet_pipeline.files import describe_os_error, written_whole
from lenet_pipeline.lake import Manifest, Shard, list_datasets, read_manifest, shard_path
from lenet_pipeline.registry import ResolvedModel, read_version, resolve_version
from lenet_pipeline.scoring import ScoredShard, ScoringKey, score_shard
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.sources.batch import Reject
from lenet_pipeline.warehouse import (
    PlannedShard,
    ScoringRunRecord,
    ShardScoreRecord,
    finish_scoring_run,
    load_shard_score,
    run_audit,
    start_scoring_run,
)

_ARTIFACT_EVERY_S = 5.0  # each update is a request; one a batch took half of a run's time


@dataclass(frozen=True)
class ScoringReport:
    """What a scoring run did: its shards and digits, and how many of them were scored just now.

    ``form_pages`` is how many pages of forms got the values of their fields.
    """

    scoring_run_id: UUID
    dataset: str
    model: str
    device: str
    shards: int
    digits: int
    digits_scored: int
    shards_rejected: int
    form_pages: int
    plot: Path | None
    seconds: float


@flow(name="score", flow_run_name="score-{dataset}-with-{model}", validate_parameters=True)
def score(
    dataset: str,
    model: str = "digits@champion",
    device: str = "auto",
    batch_size: PositiveInt = DEFAULT_BATCH_SIZE,
    home: Path | None = None,
    actor: str | None = None,
) -> ScoringReport:
    """Score every digit of a dataset once with one model version; what is scored already is kept.

    The alias is resolved and the manifest read once, at the start: the run keeps both to its end.

    Args:
        dataset: ``name/split``.
        model: ``digits@champion`` or ``digits/3``.
        device: ``auto``, ``cpu`` or ``cuda``.
        batch_size: images in one forward pass.
        home: the pipeline's home, where not the settings'.
        actor: who does it, where not the settings'.

    Raises:
        ScoringError: a shard could not be scored; the others are, and running again goes on.
        UnknownNameError: there is no such dataset, model, alias or version.
    """
    started = time.perf_counter()
    settings = read_settings(home, actor)
    choose_device(device)
    manifest = read_manifest(settings.lake, dataset)
    registry = open_registry(settings)
    resolved = read_version(registry, resolve_version(registry, model))
    key = _scoring_key(resolved)
    missing = _start_run(key, manifest, resolved, settings)
    engine = Engine(resolved.model, device, batch_size)
    rejected = 0
    with _scoring_progress(manifest, missing) as advance:
        for shard in missing:
            try:
                score_one_shard(key, engine, dataset, shard, settings, advance)
            except ShardError as exc:
                rejected += 1
                advance(shard.rows)
                path = str(shard_path(settings.lake, dataset, shard))
                record_rejects(dataset, [Reject(path, "bad_shard", str(exc), shard.fingerprint)], settings)
    run_id = key.scoring_run_id(manifest)
    form_pages = assemble_fields(run_id, settings)
    if not rejected:
        finish_scoring_run(settings.database, settings.database_wait_s, run_id, datetime.now(UTC))
    report = ScoringReport(
        scoring_run_id=run_id,
        dataset=dataset,
        model=resolved.version.reference,
        device=str(engine.device),
        shards=len(manifest.shards),
        digits=manifest.rows,
        digits_scored=sum(shard.rows for shard in missing),
        shards_rejected=rejected,
        form_pages=form_pages,
        plot=None if rejected else leave_plot(run_id, dataset, settings),
        seconds=time.perf_counter() - started,
    )
    create_markdown_artifact(_describe(report), key="score", description=f"Scoring run of {dataset}")
    if rejected:
        raise ScoringError(
            f"{rejected} of {len(manifest.shards)} shards of {dataset} could not be scored and are recorded "
            "as rejects (`lenet audit rejects`); the others are scored. Restore them, then run the same "
            "command again"
        )
    return report


# A retry can help where a disk or a database was busy; a shard that is not what its manifest says
# will not become so.
@task(
    task_run_name="score-shard-{shard.file}",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=[1, 5],
    retry_condition_fn=lambda _task, _run, state: _is_worth_retrying(state),
)
def score_one_shard(
    key: ScoringKey,
    engine: Engine,
    dataset: str,
    shard: Shard,
    settings: Settings,
    advance: Callable[[int], None],
) -> ScoredShard:
    """Score one shard to staged Parquet, then load it into the warehouse in one transaction."""
    shard_score_id = key.shard_score_id(shard)
    staged = settings.predictions / f"{shard_score_id}.parquet"
    scored = score_shard(engine, settings.lake, dataset, shard, staged, advance)
    record = ShardScoreRecord(
        shard_score_id=shard_score_id,
        shard_fingerprint=shard.fingerprint,
        model_name=key.model_name,
        model_version=key.model_version,
        preprocessing_fingerprint=key.preprocessing_fingerprint,
        precision=key.precision,
        rows=scored.rows,
        device=str(engine.device),
        seconds=scored.seconds,
        scored_at=datetime.now(UTC),
        actor=settings.actor,
        flow_run_id=runtime.flow_run.id,
    )
    digits = shard_path(settings.lake, dataset, shard)
    try:
        load_shard_score(settings.database, settings.database_wait_s, record, staged, digits, dataset)
    except DatabaseBusyError:
        raise
    except WarehouseError:
        staged.unlink(missing_ok=True)  # what the database refuses is scored anew the next time
        raise
    return scored


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


def _scoring_key(resolved: ResolvedModel) -> ScoringKey:
    version = resolved.version
    return ScoringKey(
        model_name=version.name,
        model_version=version.version,
        weights_sha256=resolved.weights_sha256,
        preprocessing_fingerprint=resolved.model.preprocessing.fingerprint,
        precision=PRECISION,
    )


def _start_run(
    key: ScoringKey, manifest: Manifest, resolved: ResolvedModel, settings: Settings
) -> list[Shard]:
    """Record the run and the shard scores it consists of; return the shards not scored yet."""
    record_version(settings, resolved)
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


@contextlib.contextmanager
def _scoring_progress(manifest: Manifest, missing: list[Shard]) -> Iterator[Callable[[int], None]]:
    """Show progress in digits at the terminal and, every few seconds, as a Prefect artifact."""
    if not missing:
        yield lambda _: None
        return
    total = sum(shard.rows for shard in missing)
    artifact = create_progress_artifact(
        0.0, key="scoring-progress", description=f"Scoring {manifest.dataset}"
    )
    done, shown_at = 0, time.monotonic()
    with progress_bar(f"Scoring {manifest.dataset}", total) as advance_bar:

        def advance(count: int) -> None:
            nonlocal done, shown_at
            advance_bar(count)
            done += count
            if done == total or time.monotonic() - shown_at > _ARTIFACT_EVERY_S:
                shown_at = time.monotonic()
                # A server that does not answer may cost the picture of a night's run, not the run.
                with contextlib.suppress(Exception):
                    update_progress_artifact(artifact, 100 * done / total)  # type: ignore[arg-type]

        yield advance


def _is_worth_retrying(state: object) -> bool:
    failure = getattr(state, "data", None)
    exception = getattr(failure, "exception", failure)
    return not isinstance(exception, ShardError)


def _describe(report: ScoringReport) -> str:
    rows = {
        "scoring run": report.scoring_run_id,
        "dataset": report.dataset,
        "model version": report.model,
        "digits": f"{report.digits:,}",
        "scored just now": f"{report.digits_scored:,}",
        "shards rejected": report.shards_rejected,
        "device": report.device,
        "seconds": f"{report.seconds:.1f}",
        "confidences drawn in": report.plot or "-",
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])
