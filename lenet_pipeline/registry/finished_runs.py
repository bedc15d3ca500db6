"""Finished training runs: the parameters and figures that MLflow keeps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mlflow

from lenet_pipeline.errors import RegistryError
from lenet_pipeline.registry.store import REGISTRY_FAILURES, Registry
from lenet_pipeline.registry.versions import ModelVersion


@dataclass(frozen=True)
class FinishedRun:
    """A training run's parameters as text, and its figures as local files."""

    parameters: dict[str, str]
    figures: tuple[Path, ...]


def read_finished_run(registry: Registry, version: ModelVersion) -> FinishedRun | None:
    """Read the training run of a version.

    Return None if the run was deleted; a version works without its run.

    Raises:
        RegistryError: MLflow cannot read the run's figures.
    """
    client = registry.client()
    try:
        parameters = dict(client.get_run(version.training_run_id).data.params)
    except REGISTRY_FAILURES:
        return None
    try:
        paths = [item.path for item in client.list_artifacts(version.training_run_id, "figures")]
        figures = [
            Path(
                mlflow.artifacts.download_artifacts(
                    run_id=version.training_run_id, artifact_path=path, tracking_uri=registry.uri
                )
            )
            for path in sorted(paths)
        ]
    except REGISTRY_FAILURES as exc:
        raise RegistryError(
            f"cannot read the figures of {version.reference}: {registry.explain(exc)}"
        ) from exc
    return FinishedRun(parameters, tuple(figures))
