"""Score a dataset: run every shard through one model version, once, and load the predictions."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated
from uuid import UUID

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass as validated

from lenet_pipeline.audit import (
    check_drift,
    counted,
    describe_differences,
    publish_chain_head,
    record_version,
    report_path,
    resolve_or_adopt,
    write_report,
)
from lenet_pipeline.errors import PipelineError, ScoringError, UnknownNameError
from lenet_pipeline.jobs.field_values import assemble_fields
from lenet_pipeline.jobs.ingest_journal import record_version_found
from lenet_pipeline.jobs.run_form import DEVICE, RUN_FORM, choices
from lenet_pipeline.jobs.shard_scoring import score_missing_shards
from lenet_pipeline.jobs.step_names import SCORE_ON_DASK, SCORE_SHARDS
from lenet_pipeline.lake import read_manifest
from lenet_pipeline.registry import ResolvedModel, read_version
from lenet_pipeline.scoring import FLOAT32, PRECISIONS, Agreement, Runner, ScoringKey, choose_device
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer, usable_cores
from lenet_pipeline.warehouse import (
    Drift,
    finish_scoring_run,
    migrate,
    recall_scoring_run,
    refresh_snapshot,
    run_audit,
    stop_scoring_run,
)

_PICTURED_SHARDS = 2  # reading one takes a quarter of a second; `lenet report` reads all
_STOP_WAIT_S = 1.0  # for the database, to record that a failed run stopped


@dataclass(frozen=True)
class ScoringReport:
    """The result of a scoring job.

    Attributes:
        scoring_run_id: the run.
        dataset: the dataset.
        model: the model version, such as ``digits/3``.
        runner: ``local``, or the address of a Dask cluster.
        engine: the engines that computed the new predictions.
        precision: ``float32`` or ``fast``.
        threads: number of threads on this machine; None on a cluster.
        shards: number of shards in the dataset.
        digits: number of digits in the dataset.
        digits_scored: number of digits that this job scored.
        shards_rejected: number of shards that could not be scored.
        form_pages: number of form pages whose field values this job assembled.
        page: the HTML report of the run, if it exists.
        chain_head: the last link of the audit chain, as ``NUMBER:SHA256``.
        seconds: duration of the job.
        images_per_second: speed from reading the first shard to loading the last; None if all were staged.
        agreement: how closely the predictions agree with float32; None for float32 itself.
        drifted: measures with drift from the version's reference, if this job measured it.
        differences: one line per policy in force whose evidence the run differs from.
    """

    scoring_run_id: UUID
    dataset: str
    model: str
    runner: str
    engine: str
    precision: str
    threads: int | None
    shards: int
    digits: int
    digits_scored: int
    shards_rejected: int
    form_pages: int
    page: Path | None
    chain_head: str
    seconds: float
    images_per_second: float | None
    agreement: Agreement | None
    drifted: tuple[str, ...]
    differences: tuple[str, ...]


@validated(frozen=True, config=RUN_FORM)
class ScoringJob:
    """Which dataset to score, and how.

    Attributes:
        dataset: the dataset, ``name/split``.
        model: the model version, such as ``champion`` or ``3``.
        device: where to compute; ``auto`` takes a GPU if there is one.
        precision: ``float32`` is reproducible bit for bit; ``fast`` is faster. Each has its own scoring run.
        batch_size: images per batch; chosen by device if None.
        threads: number of shards scored in parallel; one per core if None.
        runner: ``local``, or ``dask://HOST:PORT``, a Dask cluster that reaches the lake and the predictions.
    """

    dataset: str
    model: str = "champion"
    device: Annotated[str, DEVICE] = "auto"
    precision: Annotated[str, choices(PRECISIONS)] = FLOAT32
    batch_size: PositiveInt | None = None
    threads: PositiveInt | None = None
    runner: str = "local"


def score(settings: Settings, job: ScoringJob, observer: Observer = SILENT) -> ScoringReport:
    """Score every digit of a dataset once with one model version. Earlier predictions are kept.

    The job resolves the alias and reads the manifest once, when it starts. In a home without any model
    version, it adopts the packaged model.

    Raises:
        ScoringError: a shard could not be scored. All others are scored; run the job again to resume.
        UnknownNameError: there is no such dataset, model, alias, version or precision.
    """
    started = time.perf_counter()
    runner = find_runner(job)
    manifest = read_manifest(settings.lake, job.dataset)
    migrate(settings.warehouse)
    record_version_found(settings, manifest)
    resolved = read_version(settings.registry, resolve_or_adopt(settings, job.model, observer))
    key = _scoring_key(resolved, job.precision)
    run_id = key.scoring_run_id(manifest)
    reference = resolved.version.reference
    observer.log(f"scoring {manifest.rows:,} digits of {job.dataset} with {reference}, scoring run {run_id}")
    record_version(settings, resolved, observer.flow_run_id)
    try:
        step = SCORE_ON_DASK if runner.address else SCORE_SHARDS
        done = observer.step(
            step, score_missing_shards, key, resolved.model, manifest, runner, settings, observer
        )
    except BaseException:  # including Ctrl-C
        with suppress(PipelineError):  # another process may hold the database
            warehouse = replace(settings.warehouse, wait_s=_STOP_WAIT_S)
            stop_scoring_run(warehouse, run_id, datetime.now(UTC))
        raise
    form_pages = observer.step("assemble-fields", assemble_fields, run_id, settings)
    drift: list[Drift] = []
    if not done.rejected:  # before the run counts as finished, because a run that drifted may be held
        drift = observer.step("drift", check_drift, run_id, job.dataset, resolved, settings, observer)
    end = stop_scoring_run if done.rejected else finish_scoring_run
    end(settings.warehouse, run_id, datetime.now(UTC))
    # A run that an earlier command finished counts again, for example after a rollback.
    recall_scoring_run(settings.warehouse, run_id, datetime.now(UTC), settings.actor, observer.flow_run_id)
    page = None
    if not done.rejected:
        page = observer.step("report", _save_report, run_id, settings, done.digits > 0, observer)
    report = ScoringReport(
        scoring_run_id=run_id,
        dataset=job.dataset,
        model=reference,
        runner=job.runner,
        engine="; ".join(done.engines),
        precision=job.precision,
        threads=None if runner.address else runner.threads,
        shards=len(manifest.shards),
        digits=manifest.rows,
        digits_scored=done.digits,
        shards_rejected=done.rejected,
        form_pages=form_pages,
        chain_head=str(publish_chain_head(settings)),
        page=page,
        seconds=time.perf_counter() - started,
        images_per_second=done.computed / done.seconds if done.computed else None,
        agreement=done.agreement,
        drifted=tuple(each.measure for each in drift if each.is_drifted),
        differences=() if done.rejected else describe_differences(settings, run_id),
    )
    _log(report, settings, observer)
    # A repeated run changes next to nothing, so readers can wait for the next copy.
    refresh_snapshot(settings.warehouse, 0 if done.digits else 60 * settings.snapshot_minutes)
    if done.rejected:
        raise ScoringError(
            f"partial: {done.rejected} of {len(manifest.shards)} shards of {job.dataset} could not be scored "
            "and are recorded as rejects (`lenet audit rejects`); all others are scored. Restore the "
            f"rejected shards, then repeat the command to resume run {run_id}"
        )
    return report


def _save_report(scoring_run_id: UUID, settings: Settings, is_new: bool, observer: Observer) -> Path | None:
    """Write the run's report, ``plots/report-<run>.html`` under the home, unless it is up to date.

    A report that cannot be written only causes a warning, because the predictions are already stored.
    """
    path = report_path(settings, scoring_run_id)
    if is_new or not path.exists():
        try:
            write_report(settings, str(scoring_run_id), most_shards=_PICTURED_SHARDS)
        except PipelineError as exc:
            observer.warn(f"{exc}; retry with `lenet report {scoring_run_id}`")
            return None
    return path


def _log(report: ScoringReport, settings: Settings, observer: Observer) -> None:
    """Log the numbers that an operator needs."""
    rate = f" at {report.images_per_second:,.0f} digits per second" if report.images_per_second else ""
    before = report.digits - report.digits_scored
    observer.log(
        f"{report.dataset}: {counted(report.digits_scored, 'digit')} scored with {report.model}{rate}, "
        f"{before:,} scored before, {counted(report.shards_rejected, 'shard')} rejected"
    )
    if report.shards_rejected or not observer.keeps_log:
        return
    asked = {"run": str(report.scoring_run_id)}
    counts = run_audit(settings.warehouse, "decision_counts", asked).to_pylist()
    decisions = ", ".join(f"{row['decision']} {row['digits']:,}" for row in counts)
    observer.log(f"{report.dataset}: decisions: {decisions or 'none'}; report: {report.page or 'none'}")
    for difference in report.differences:
        observer.log(f"{report.dataset} {difference}")


def find_runner(job: ScoringJob) -> Runner:
    """Return the runner of a job, after checking that it is available.

    Raises:
        ScoringError: the runner or the device is not available, or an option does not apply to the runner.
        UnknownNameError: there is no such precision.
    """
    if job.precision not in PRECISIONS:
        raise UnknownNameError("precision", job.precision, PRECISIONS)
    is_local = job.runner == "local"
    if is_local:
        choose_device(job.device)
    elif not job.runner.startswith(("dask://", "tcp://", "tls://")):
        raise ScoringError(f"unknown runner {job.runner!r}; choose local or dask://HOST:PORT")
    elif job.threads or job.batch_size:
        raise ScoringError(
            f"--threads and --batch-size apply to this machine only; {job.runner} chooses its own"
        )
    elif find_spec("distributed") is None:
        raise ScoringError("scoring on Dask needs the extra dask: pip install 'lenet-pipeline[dask]'")
    address = None if is_local else job.runner
    return Runner(address, job.device, job.batch_size, job.threads or usable_cores())


def _scoring_key(resolved: ResolvedModel, precision: str) -> ScoringKey:
    version = resolved.version
    return ScoringKey(
        model_name=version.name,
        model_version=version.version,
        weights_sha256=resolved.weights_sha256,
        preprocessing_fingerprint=resolved.model.preprocessing.fingerprint,
        precision=precision,
    )


def describe_agreement(agreement: Agreement) -> str:
    """Describe in one line how closely predictions agree with float32."""
    return (
        f"{agreement.same_labels:,} of {agreement.digits:,} digits; "
        f"probabilities differ by up to {agreement.largest_difference:.4f}"
    )
