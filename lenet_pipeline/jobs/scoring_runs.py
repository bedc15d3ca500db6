"""Score: every shard of a dataset through one model version, once, into the warehouse."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from uuid import UUID

from pydantic import PositiveInt
from pydantic.dataclasses import dataclass as validated

from lenet_pipeline.audit import (
    publish_chain_head,
    record_version,
    report_path,
    watch_drift,
    write_report,
)
from lenet_pipeline.errors import PipelineError, ScoringError, UnknownNameError
from lenet_pipeline.jobs.field_values import assemble_fields
from lenet_pipeline.jobs.shard_scoring import score_missing_shards
from lenet_pipeline.jobs.step_names import SCORE_ON_DASK, SCORE_SHARDS
from lenet_pipeline.lake import list_datasets, read_manifest
from lenet_pipeline.registry import ResolvedModel, read_version, resolve_version
from lenet_pipeline.scoring import FLOAT32, PRECISIONS, Agreement, Runner, ScoringKey, choose_device
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer, usable_cores
from lenet_pipeline.warehouse import Drift, finish_scoring_run, run_audit, stop_scoring_run

_PICTURED_SHARDS = 2  # a quarter of a second each to read; `lenet report` reads them all
_LAST_WORD_WAIT_S = 1.0  # for the database, where a run that failed says that it stopped


@dataclass(frozen=True)
class ScoringReport:
    """What a scoring run did: its shards and digits, and how many of them were scored just now.

    ``engine`` says what computed, on ``threads`` of this machine where not elsewhere. ``form_pages`` is how
    many pages of forms got the values of their fields. ``page`` is the run's report, None where there is none
    yet; ``chain_head`` is the audit trail's last link, as ``NUMBER:SHA256``. ``images_per_second`` is
    the rate from the first shard that was read to the last that was loaded, None where none was;
    ``agreement`` is how nearly float32 reads the same, where the precision is another. ``drifted`` are the
    measures that this run is far from the version's reference in, where that was measured just now.
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


@validated(frozen=True)
class ScoringJob:
    """What to score, and with what.

    Attributes:
        dataset: ``name/split``.
        model: ``digits@champion`` or ``digits/3``.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: ``float32``, or ``fast``, which makes a scoring run of its own.
        batch_size: images per batch; what suits the device if None.
        threads: shards scored at the same time; one per core if None.
        runner: ``local``, or ``dask://HOST:PORT``: a Dask cluster that reaches the lake and the predictions.
    """

    dataset: str
    model: str = "digits@champion"
    device: str = "auto"
    precision: str = FLOAT32
    batch_size: PositiveInt | None = None
    threads: PositiveInt | None = None
    runner: str = "local"


def score(settings: Settings, job: ScoringJob, observer: Observer = SILENT) -> ScoringReport:
    """Score every digit of a dataset once with one model version. Digits scored before are kept.

    The job resolves the alias and reads the manifest once, at its start, and keeps both to its end.

    Raises:
        ScoringError: a shard could not be scored. The others are; run the job again to resume.
        UnknownNameError: there is no such dataset, model, alias, version or precision.
    """
    started = time.perf_counter()
    runner = find_runner(job)
    manifest = read_manifest(settings.lake, job.dataset)
    resolved = read_version(settings.registry, resolve_version(settings.registry, job.model))
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
    except BaseException:  # Ctrl-C too
        with suppress(PipelineError):  # the cause may be that another process holds the database
            warehouse = replace(settings.warehouse, wait_s=_LAST_WORD_WAIT_S)
            stop_scoring_run(warehouse, run_id, datetime.now(UTC))
        raise
    form_pages = observer.step("assemble-fields", assemble_fields, run_id, settings)
    end = stop_scoring_run if done.rejected else finish_scoring_run
    end(settings.warehouse, run_id, datetime.now(UTC))
    drift: list[Drift] = []
    if not done.rejected:
        drift = observer.step("drift", watch_drift, run_id, job.dataset, resolved, settings, observer)
    page = None
    if not done.rejected:
        page = observer.step("report", _leave_report, run_id, settings, done.digits > 0, observer)
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
    )
    _log(report, settings, observer)
    if done.rejected:
        raise ScoringError(
            f"partial: {done.rejected} of {len(manifest.shards)} shards of {job.dataset} could not be scored "
            "and are recorded as rejects (`lenet audit rejects`); the others are scored. Restore these "
            f"shards, then run the same command again to resume run {run_id}"
        )
    return report


def score_all(
    settings: Settings, score_one: Callable[[ScoringJob], ScoringReport], model: str = "digits@champion"
) -> list[ScoringReport]:
    """Score every dataset of the lake. Datasets that are already scored cost next to nothing.

    ``score_one`` scores one dataset: ``score`` itself, or its flow.

    Raises:
        ScoringError: a dataset could not be scored; the others are.
    """
    reports, failures = [], []
    for dataset in list_datasets(settings.lake):
        try:
            reports.append(score_one(ScoringJob(dataset, model)))
        except PipelineError as exc:
            failures.append(str(exc))
    if failures:
        raise ScoringError("; ".join(failures))
    return reports


def _leave_report(scoring_run_id: UUID, settings: Settings, is_new: bool, observer: Observer) -> Path | None:
    """Write the run's page, ``plots/report-<run>.html`` under the home, unless it exists and is current.

    A page that cannot be written is only a warning, because the scoring itself is recorded.
    """
    path = report_path(settings, scoring_run_id)
    if is_new or not path.exists():
        try:
            write_report(settings, str(scoring_run_id), most_shards=_PICTURED_SHARDS)
        except PipelineError as exc:
            observer.warn(f"{exc}; `lenet report {scoring_run_id}` tries again")
            return None
    return path


def _log(report: ScoringReport, settings: Settings, observer: Observer) -> None:
    """Log the figures that an operator looks for."""
    rate = f" at {report.images_per_second:,.0f} digits a second" if report.images_per_second else ""
    before = report.digits - report.digits_scored
    observer.log(
        f"{report.dataset}: {report.digits_scored:,} digits scored with {report.model}{rate}, "
        f"{before:,} were scored before, {report.shards_rejected} shards rejected"
    )
    if report.shards_rejected:
        return
    asked = {"run": str(report.scoring_run_id)}
    counts = run_audit(settings.warehouse, "decision_counts", asked).to_pylist()
    decisions = ", ".join(f"{row['decision']} {row['digits']:,}" for row in counts)
    observer.log(f"{report.dataset}: decisions: {decisions or 'none'}; report: {report.page or 'none'}")


def find_runner(job: ScoringJob) -> Runner:
    """Return what scores the shards of a job, after checking that it exists here.

    Raises:
        ScoringError: the runner or the device does not exist, or an option does not fit the runner.
        UnknownNameError: there is no such precision.
    """
    if job.precision not in PRECISIONS:
        raise UnknownNameError("precision", job.precision, PRECISIONS)
    is_local = job.runner == "local"
    if is_local:
        choose_device(job.device)
    elif not job.runner.startswith(("dask://", "tcp://", "tls://")):
        raise ScoringError(f"there is no runner {job.runner!r}; choose local or dask://HOST:PORT")
    elif job.threads or job.batch_size:
        raise ScoringError(
            f"--threads and --batch-size apply to this machine only; workers of {job.runner} choose their own"
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
    """Say in a line how nearly float32 reads the same."""
    return (
        f"{agreement.same_labels:,} of {agreement.digits:,} digits; "
        f"probabilities differ by up to {agreement.largest_difference:.4f}"
    )
