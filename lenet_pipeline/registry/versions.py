"""Model versions and aliases: list them, resolve a reference, read a version, move an alias."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException

from lenet_pipeline.errors import RegistryError, UnknownNameError
from lenet_pipeline.registry.model_files import files_sha256, read_model, weights_sha256
from lenet_pipeline.registry.store import REGISTRY_FAILURES, Registry
from lenet_pipeline.registry.training_file import PackagedTraining, find_training
from lenet_pipeline.scoring import TrainedModel
from lenet_pipeline.system import describe_os_error

CHAMPION = "champion"
CHALLENGER = "challenger"

# The digits that a version was trained on: the train split, or the validation and gate splits as well.
TRAIN_SPLIT = "train split"
ALL_DIGITS = "all digits"

_NAME = r"[a-z0-9][a-z0-9_-]*"
# champion, digits@champion, 3 or digits/3
_REFERENCE = re.compile(
    rf"(?:(?:(?P<name>{_NAME})/)?(?P<version>\d+)|(?:(?P<owner>{_NAME})@)?(?P<alias>[a-z][a-z0-9_-]*))"
)

# A version's tag: a sha256 over the model's files, as they were when it was registered.
FILES_TAG = "files_sha256"
# A version's tag that says where it comes from, if it was not trained here.
SOURCE_TAG = "source"
PACKAGED = "packaged"
_SYSTEM_METRICS = "system/"
_MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")


@dataclass(frozen=True)
class ModelVersion:
    """One registered version: its origin, its training metrics, and the aliases that point to it now.

    A packaged version came with a release, so the lake need not have its ``datasets``.
    """

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
    files_sha256: str | None = None
    is_packaged: bool = False

    @property
    def reference(self) -> str:
        """The version as users write it, such as ``digits/3``."""
        return f"{self.name}/{self.version}"


@dataclass(frozen=True)
class ResolvedModel:
    """A version with everything that scoring needs; ``training`` is that of a packaged version, or None."""

    version: ModelVersion
    model: TrainedModel
    weights_sha256: str
    training: PackagedTraining | None = None


def list_versions(registry: Registry) -> list[ModelVersion]:
    """Return every registered version, oldest first; an empty list if there is none.

    Raises:
        RegistryError: MLflow cannot be read.
    """
    if registry.is_new:
        return []
    client = registry.client()
    try:
        found = client.search_model_versions(f"name = '{registry.model_name}'")
        # A search omits the aliases; the registered model has them all.
        aliases = _read_aliases(client, registry)
        versions = [
            _describe(client, version, [alias for alias, number in aliases if number == int(version.version)])
            for version in found
        ]
    except REGISTRY_FAILURES as exc:
        raise RegistryError(
            f"cannot list the versions of {registry.model_name}: {registry.explain(exc)}"
        ) from exc
    return sorted(versions, key=lambda version: version.version)


def list_aliases(registry: Registry) -> list[tuple[str, int]]:
    """Return the registered model's aliases and the versions that they point to now.

    Raises:
        RegistryError: MLflow cannot be read.
    """
    if registry.is_new:
        return []
    client = registry.client()
    try:
        return _read_aliases(client, registry)
    except REGISTRY_FAILURES as exc:
        raise RegistryError(
            f"cannot read the aliases of {registry.model_name}: {registry.explain(exc)}"
        ) from exc


def resolve_version(registry: Registry, reference: str) -> ModelVersion:
    """Return the version that a reference names now.

    A reference is ``champion``, ``3``, ``digits@champion`` or ``digits/3``.

    Raises:
        RegistryError: The reference is malformed, or MLflow cannot be read.
        UnknownNameError: The model, alias or version does not exist.
    """
    parts = _REFERENCE.fullmatch(reference)
    if parts is None:
        raise RegistryError(
            f"{reference!r} is not a model version; write champion, 3, {registry.model_name}@champion or "
            f"{registry.model_name}/3"
        )
    name, alias, number = parts["name"] or parts["owner"], parts["alias"], parts["version"]
    if name and name != registry.model_name:
        raise UnknownNameError("model", name, [registry.model_name])
    version = _find_version(registry, alias, number)
    if version:
        return version
    versions = list_versions(registry)
    if not versions:
        raise RegistryError(
            f"{registry.model_name} has no version yet; train one with `lenet train DATASET`, "
            "or use the packaged one with `lenet models adopt`"
        )
    if alias:
        known = {alias for version in versions for alias in version.aliases}
        raise UnknownNameError("alias", alias, known, "Set it with `lenet models promote VERSION`")
    known = {str(version.version) for version in versions}
    raise UnknownNameError("version", number, known, owner=f"the model {registry.model_name}")


def find_champion(registry: Registry) -> ModelVersion | None:
    """Return the version that the alias ``champion`` points to, or None if the alias is not set.

    Raises:
        RegistryError: MLflow cannot be read.
    """
    return _find_version(registry, CHAMPION, None)


def read_version(registry: Registry, version: ModelVersion, *, is_fresh: bool = False) -> ResolvedModel:
    """Read a version's weights, preprocessing and temperature from its artifacts.

    The home keeps a copy of each version that it downloads from a server, and reads the copy next time.

    Args:
        registry: where the version is.
        version: the version.
        is_fresh: download the version even if the home has a copy.

    Raises:
        RegistryError: The artifacts are missing, malformed, or differ from the registered ones.
    """
    if not registry.server:
        return _read_files(_download(registry, version, None), version)
    copy = registry.downloads / f"{version.name}-{version.version}"
    if not is_fresh and version.files_sha256:
        with suppress(RegistryError):  # no copy, a damaged one, or one of another server's version
            return _read_files(copy, version)
    try:
        registry.downloads.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=registry.downloads, prefix=".download-") as scratch:
            files = _download(registry, version, Path(scratch))
            resolved = _read_files(files, version)
            shutil.rmtree(copy, ignore_errors=True)
            with suppress(OSError):  # another process keeps its copy at the same time
                files.rename(copy)
    except OSError as exc:
        raise RegistryError(
            f"cannot keep a copy of {version.reference} in {registry.downloads}: {describe_os_error(exc)}"
        ) from exc
    return resolved


def _find_version(registry: Registry, alias: str | None, number: str | None) -> ModelVersion | None:
    """Return the version that an alias or a number names, or None."""
    if registry.is_new:
        return None
    client, name = registry.client(), registry.model_name
    try:
        if alias:
            found = client.get_model_version_by_alias(name, alias)
        else:
            found = client.get_model_version(name, str(int(number or 0)))
        aliases = [each for each, version in _read_aliases(client, registry) if version == int(found.version)]
        return _describe(client, found, aliases)
    except REGISTRY_FAILURES as exc:
        if getattr(exc, "error_code", None) in _MISSING:
            return None
        raise RegistryError(f"cannot find {name} {alias or number}: {registry.explain(exc)}") from exc


def _read_aliases(client: mlflow.MlflowClient, registry: Registry) -> list[tuple[str, int]]:
    models = client.search_registered_models(f"name = '{registry.model_name}'")
    return sorted((alias, int(version)) for model in models for alias, version in model.aliases.items())


def _download(registry: Registry, version: ModelVersion, folder: Path | None) -> Path:
    """Return the folder of a version's two files, downloaded into ``folder`` if it comes from a server.

    Raises:
        RegistryError: The artifacts are missing.
    """
    client = registry.client()
    try:
        uri = client.get_model_version_download_uri(version.name, str(version.version))
        where = str(folder) if folder else None
        whole = mlflow.artifacts.download_artifacts(uri, dst_path=where, tracking_uri=registry.uri)
    except REGISTRY_FAILURES as exc:
        raise RegistryError(
            f"cannot read the artifacts of {version.reference}: {registry.explain(exc)}"
        ) from exc
    return Path(whole) / "artifacts" / "model"


def _read_files(folder: Path, version: ModelVersion) -> ResolvedModel:
    """Read a model's two files.

    Raises:
        RegistryError: A file is missing or malformed, or the files differ from the registered ones.
    """
    model = read_model(folder)
    if version.files_sha256 and files_sha256(folder) != version.files_sha256:
        raise RegistryError(
            f"the files of {version.reference} in {folder} differ from the registered ones; restore them "
            "from a backup, or train again"
        )
    return ResolvedModel(version, model, weights_sha256(folder), find_training(folder))


def move_alias(registry: Registry, alias: str, version: int) -> None:
    """Point an alias to a version.

    Raises:
        RegistryError: MLflow cannot move the alias.
    """
    client = registry.client()
    try:
        client.set_registered_model_alias(registry.model_name, alias, str(version))
    except REGISTRY_FAILURES as exc:
        raise RegistryError(f"cannot move {alias} to version {version}: {registry.explain(exc)}") from exc


def _describe(
    client: mlflow.MlflowClient, version: mlflow.entities.model_registry.ModelVersion, aliases: Sequence[str]
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
        aliases=tuple(aliases),
        metrics=_metrics(client, version.run_id),
        files_sha256=tags.get(FILES_TAG),
        is_packaged=tags.get(SOURCE_TAG) == PACKAGED,
    )


def _metrics(client: mlflow.MlflowClient, run_id: str | None) -> dict[str, float]:
    """Return a training run's metrics but those of its machine, or none if the run was deleted."""
    try:
        metrics = client.get_run(run_id).data.metrics if run_id else {}
        return {name: value for name, value in metrics.items() if not name.startswith(_SYSTEM_METRICS)}
    except MlflowException:
        return {}
