"""Model versions and aliases: list them, resolve a reference, read a version, move an alias."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException

from lenet_pipeline.errors import RegistryError, UnknownNameError
from lenet_pipeline.registry.model_files import read_model, weights_sha256
from lenet_pipeline.registry.store import REGISTRY_FAILURES, Registry
from lenet_pipeline.scoring import TrainedModel
from lenet_pipeline.system import first_line

CHAMPION = "champion"
CHALLENGER = "challenger"

# The digits that a version was trained on: the train split, or the validation and gate splits as well.
TRAIN_SPLIT = "train split"
ALL_DIGITS = "all digits"

_REFERENCE = re.compile(r"(?P<name>[a-z0-9][a-z0-9_-]*)(?:@(?P<alias>[a-z][a-z0-9_-]*)|/(?P<version>\d+))")


@dataclass(frozen=True)
class ModelVersion:
    """One registered version: its origin, its training metrics, and the aliases that point to it now."""

    name: str
    version: int
    architecture: str
    recipe: str
    effort: str
    trained_on: str
    datasets: tuple[str, ...]
    training_run_id: str
    registered_at: datetime
    actor: str
    training_fingerprint: str
    plan_fingerprint: str | None
    code_revision: str
    aliases: tuple[str, ...]
    metrics: dict[str, float]

    @property
    def reference(self) -> str:
        """The version as users write it, such as ``digits/3``."""
        return f"{self.name}/{self.version}"


@dataclass(frozen=True)
class ResolvedModel:
    """A version with everything that scoring needs."""

    version: ModelVersion
    model: TrainedModel
    weights_sha256: str


def list_versions(registry: Registry) -> list[ModelVersion]:
    """Return every registered version, oldest first; an empty list if there is none.

    Raises:
        RegistryError: MLflow cannot be read.
    """
    if not registry.database.exists():
        return []
    client = registry.client()
    try:
        found = client.search_model_versions(f"name = '{registry.model_name}'")
        # A search omits the aliases; reading each version returns them.
        whole = [client.get_model_version(version.name, version.version) for version in found]
        versions = [_describe(client, version) for version in whole]
    except REGISTRY_FAILURES as exc:
        raise RegistryError(f"cannot list the versions of {registry.model_name}: {first_line(exc)}") from exc
    return sorted(versions, key=lambda version: version.version)


def resolve_version(registry: Registry, reference: str) -> ModelVersion:
    """Return the version that a reference names now, such as ``digits@champion`` or ``digits/3``.

    Raises:
        RegistryError: The reference is malformed, or MLflow cannot be read.
        UnknownNameError: The model, alias or version does not exist.
    """
    parts = _REFERENCE.fullmatch(reference)
    if parts is None:
        raise RegistryError(f"{reference!r} is not a model version; write digits@champion or digits/3")
    if parts["name"] != registry.model_name:
        raise UnknownNameError("model", parts["name"], [registry.model_name])
    versions = list_versions(registry)
    if not versions:
        raise RegistryError(f"{registry.model_name} has no version yet; train one with `lenet train DATASET`")
    for version in versions:
        if parts["alias"] in version.aliases or str(version.version) == parts["version"]:
            return version
    if parts["alias"]:
        known = {alias for version in versions for alias in version.aliases}
        raise UnknownNameError("alias", parts["alias"], known, "Set it with `lenet models promote VERSION`")
    known = {str(version.version) for version in versions}
    raise UnknownNameError("version", parts["version"], known, owner=f"the model {registry.model_name}")


def find_champion(registry: Registry) -> ModelVersion | None:
    """Return the version that the alias ``champion`` points to, or None if the alias is not set.

    Raises:
        RegistryError: MLflow cannot be read.
    """
    return next((version for version in list_versions(registry) if CHAMPION in version.aliases), None)


def read_version(registry: Registry, version: ModelVersion) -> ResolvedModel:
    """Read a version's weights, preprocessing and temperature from its artifacts.

    Raises:
        RegistryError: The artifacts are missing or malformed.
    """
    client = registry.client()
    try:
        uri = client.get_model_version_download_uri(version.name, str(version.version))
        folder = Path(mlflow.artifacts.download_artifacts(uri, tracking_uri=registry.uri))
    except REGISTRY_FAILURES as exc:
        raise RegistryError(f"cannot read the artifacts of {version.reference}: {first_line(exc)}") from exc
    files = folder / "artifacts" / "model"
    model = read_model(files)
    return ResolvedModel(version, model, weights_sha256(files))


def move_alias(registry: Registry, alias: str, version: int) -> None:
    """Point an alias to a version.

    Raises:
        RegistryError: MLflow cannot move the alias.
    """
    client = registry.client()
    try:
        client.set_registered_model_alias(registry.model_name, alias, str(version))
    except REGISTRY_FAILURES as exc:
        raise RegistryError(f"cannot move {alias} to version {version}: {first_line(exc)}") from exc


def _describe(
    client: mlflow.MlflowClient, version: mlflow.entities.model_registry.ModelVersion
) -> ModelVersion:
    tags = version.tags
    return ModelVersion(
        name=version.name,
        version=int(version.version),
        architecture=tags.get("architecture", "unknown"),
        recipe=tags.get("recipe", "unknown"),
        effort=tags.get("effort", "unknown"),
        trained_on=tags.get("trained_on", "unknown"),
        datasets=tuple(tags["datasets"].split(", ")) if "datasets" in tags else (),
        training_run_id=version.run_id or "unknown",
        registered_at=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
        actor=tags.get("actor", "unknown"),
        training_fingerprint=tags.get("training_fingerprint", "unknown"),
        plan_fingerprint=tags.get("plan_fingerprint"),
        code_revision=tags.get("code_revision", "unknown"),
        aliases=tuple(version.aliases),
        metrics=_metrics(client, version.run_id),
    )


def _metrics(client: mlflow.MlflowClient, run_id: str | None) -> dict[str, float]:
    """Return a training run's metrics, or none if the run was deleted."""
    try:
        return dict(client.get_run(run_id).data.metrics) if run_id else {}
    except MlflowException:
        return {}
