"""The score flow: every shard of a dataset through one model version, once, into the warehouse."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from uuid import UUID

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_link_artifact, create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import PositiveInt

from flows.audit_chain import publish_chain_head
from flows.drift import watch_drift
from flows.field_values import assemble_fields
from flows.models import open_registry, record_version
from flows.report import report_path, write_report
from flows.runners import Runner
from flows.score_shards import score_missing_shards
from lenet_pipeline.agreement import Agreement
from lenet_pipeline.engine import FLOAT32, PRECISIONS, choose_device
from lenet_pipeline.errors import PipelineError, ScoringError, UnknownNameError
from lenet_pipeline.lake import list_datasets, read_manifest
from lenet_pipeline.processes import usable_cores
from lenet_pipeline.registry import ResolvedModel, read_version, resolve_version
from lenet_pipeline.scoring import ScoringKey
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.warehouse import finish_scoring_run, stop_scoring_run

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


@flow(name="score", flow_run_name="score-{dataset}-with-{model}", validate_parameters=True)
def score(
    dataset: str,
    model: str = "digits@champion",
    device: str = "auto",
    precision: str = FLOAT32,
    batch_size: PositiveInt | None = None,
    threads: PositiveInt | None = None,
    runner: str = "local",
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
        runner: ``local``, or ``dask://HOST:PORT``: a Dask cluster that reaches the lake and the predictions.
        home: the pipeline's home, where not the settings'.
        actor: who does it, where not the settings'.

    Raises:
        ScoringError: a shard could not be scored; the others are, and running again goes on.
        UnknownNameError: there is no such dataset, model, alias, version or precision.
    """
    started = time.perf_counter()
    settings = read_settings(home, actor)
    using = find_runner(runner, device, precision, batch_size, threads)
    manifest = read_manifest(settings.lake, dataset)
    registry = open_registry(settings)
    resolved = read_version(registry, resolve_version(registry, model))
    key = _scoring_key(resolved, precision)
    record_version(settings, resolved)
    # Dask tries again by itself.
    work = score_missing_shards.with_options(retries=0) if using.address else score_missing_shards
    run_id = key.scoring_run_id(manifest)
    try:
        done = work(key, resolved.model, manifest, using, settings)
    except BaseException:  # Ctrl-C too
        with suppress(PipelineError):  # a database that is held is what went wrong, perhaps
            stop_scoring_run(settings.database, _LAST_WORD_WAIT_S, run_id, datetime.now(UTC))
        raise
    form_pages = assemble_fields(run_id, settings)
    end = stop_scoring_run if done.rejected else finish_scoring_run
    end(settings.database, settings.database_wait_s, run_id, datetime.now(UTC))
    drift = [] if done.rejected else watch_drift(run_id, dataset, resolved, settings)
    report = ScoringReport(
        scoring_run_id=run_id,
        dataset=dataset,
        model=resolved.version.reference,
        runner=runner,
        engine="; ".join(done.engines),
        precision=precision,
        threads=None if using.address else using.threads,
        shards=len(manifest.shards),
        digits=manifest.rows,
        digits_scored=done.digits,
        shards_rejected=done.rejected,
        form_pages=form_pages,
        chain_head=str(publish_chain_head(settings)),
        page=None if done.rejected else leave_report(run_id, settings, is_new=done.digits > 0),
        seconds=time.perf_counter() - started,
        images_per_second=done.computed / done.seconds if done.computed else None,
        agreement=done.agreement,
        drifted=tuple(each.measure for each in drift if each.is_drifted),
    )
    create_markdown_artifact(_describe(report), key="score", description=f"Scoring run of {dataset}")
    if done.rejected:
        raise ScoringError(
            f"partial: {done.rejected} of {len(manifest.shards)} shards of {dataset} could not be scored and "
            "are recorded as rejects (`lenet audit rejects`); the others are scored. Restore them, then run "
            f"the same command again: it goes on with run {run_id}"
        )
    return report


@task(task_run_name="report", cache_policy=NO_CACHE)
def leave_report(scoring_run_id: UUID, settings: Settings, *, is_new: bool) -> Path | None:
    """Write the page about a run, ``plots/report-<run>.html`` under the home, and link to it.

    Where nothing was done just now, one that is there stays. A page that cannot be written is told of: what
    was scored is recorded all the same.
    """
    path = report_path(settings, scoring_run_id)
    if is_new or not path.exists():
        try:
            write_report(settings, str(scoring_run_id), most_shards=_PICTURED_SHARDS)
        except PipelineError as exc:
            get_run_logger().warning("%s; `lenet report %s` tries again", exc, scoring_run_id)
            return None
    create_link_artifact(path.as_uri(), path.name, key="score-report", description="The run, as a page")
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


def find_runner(
    runner: str, device: str, precision: str, batch_size: int | None, threads: int | None
) -> Runner:
    """Return what scores the shards, once it is known that there can be such.

    Raises:
        ScoringError: the runner is none, or the device is not there.
        UnknownNameError: there is no such precision.
    """
    if precision not in PRECISIONS:
        raise UnknownNameError("precision", precision, PRECISIONS)
    is_local = runner == "local"
    if is_local:
        choose_device(device)
    elif not runner.startswith(("dask://", "tcp://", "tls://")):
        raise ScoringError(f"there is no runner {runner!r}; choose local or dask://HOST:PORT")
    elif threads or batch_size:
        raise ScoringError(
            f"--threads and --batch-size are for this machine; workers of {runner} choose theirs"
        )
    elif find_spec("distributed") is None:
        raise ScoringError("scoring on Dask needs the extra dask: pip install 'lenet-pipeline[dask]'")
    return Runner(None if is_local else runner, device, batch_size, threads or usable_cores())


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
        "as a page": report.page or "-",
        "head of the audit chain": report.chain_head,
        "drifted": ", ".join(report.drifted) or "-",
    }
    if report.agreement:
        rows["reads as float32 does"] = describe_agreement(report.agreement)
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])
