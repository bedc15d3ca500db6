"""The report of a model version: its training, test results, promotions and figures."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lenet_pipeline.errors import PipelineError
from lenet_pipeline.registry import ModelVersion, read_finished_run, read_version, resolve_version
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import describe_os_error
from lenet_pipeline.warehouse import run_audit


@dataclass(frozen=True)
class ModelReport:
    """Everything recorded about a model version.

    Attributes:
        version: the version, as registered.
        temperature: divides the network's outputs before softmax.
        weights_sha256: of the weights file.
        parameters: of the training run, as logged to MLflow.
        tests: one record per test set, with its metrics.
        promotions: rows of the audit ``promotions`` for this version.
        figures: files of the training run.
    """

    version: ModelVersion
    temperature: float
    weights_sha256: str
    parameters: dict[str, str]
    tests: tuple[dict[str, object], ...]
    promotions: pa.Table
    figures: tuple[Path, ...]


def report_version(settings: Settings, reference: str) -> ModelReport:
    """Gather what MLflow and the warehouse record about a model version.

    Raises:
        RegistryError: the reference is malformed, or MLflow's store cannot be read.
        UnknownNameError: there is no such version or alias.
        WarehouseError: the database cannot be read.
    """
    registry = settings.registry
    version = resolve_version(registry, reference)
    resolved, run = read_version(registry, version), read_finished_run(registry, version)
    promotions = run_audit(settings.warehouse, "promotions", {"model": version.name})
    return ModelReport(
        version=version,
        temperature=resolved.model.temperature,
        weights_sha256=resolved.weights_sha256,
        parameters=run.parameters if run else {},
        tests=tuple(group_test_metrics(version.metrics)),
        promotions=promotions.filter(pc.equal(promotions["model_version"], version.version)),
        figures=run.figures if run else (),
    )


def group_test_metrics(metrics: Mapping[str, float]) -> list[dict[str, object]]:
    """Group metrics such as ``mnist/test/accuracy`` into one record per test set."""
    records: dict[str, dict[str, object]] = {}
    for name, value in metrics.items():
        dataset, _, metric = name.rpartition("/")
        if dataset:
            records.setdefault(dataset, {"dataset": dataset})[metric] = value
    return [records[dataset] for dataset in sorted(records)]


def copy_figures(report: ModelReport, folder: Path) -> list[Path]:
    """Copy a version's figures into a folder, which is created if needed; return the copies.

    Raises:
        PipelineError: the folder cannot be written.
    """
    try:
        if report.figures:
            folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copyfile(figure, folder / figure.name)) for figure in report.figures]
    except OSError as exc:
        raise PipelineError(f"cannot write figures to {folder}: {describe_os_error(exc)}") from exc


def version_record(report: ModelReport, figures: Sequence[Path]) -> dict[str, object]:
    """Flatten a report into one row of plain values."""
    version = report.version
    return {
        "model_version": version.reference,
        "architecture": version.architecture,
        "recipe": version.recipe,
        "effort": version.effort,
        "is_packaged": version.is_packaged,
        "trained_on": version.trained_on,
        "aliases": list(version.aliases),
        "registered_at": version.registered_at,
        "actor": version.actor,
        "training_run_id": version.training_run_id,
        "code_revision": version.code_revision,
        "training_fingerprint": version.training_fingerprint,
        "weights_sha256": report.weights_sha256,
        "temperature": report.temperature,
        "parameters": report.parameters,
        "tests": list(report.tests),
        "promotions": report.promotions.to_pylist(),
        "figures": [str(figure) for figure in figures],
    }
