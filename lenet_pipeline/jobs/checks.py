"""Check the warehouse: run every check, and raise if one returns rows."""

from __future__ import annotations

from collections.abc import Sequence

from lenet_pipeline.audit import counted, find_published_head
from lenet_pipeline.errors import CheckFailed, PipelineError
from lenet_pipeline.registry import Registry, list_aliases, read_version, resolve_version
from lenet_pipeline.scoring import Engine
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer
from lenet_pipeline.warehouse import (
    ChainHead,
    CheckResult,
    LoadedVersion,
    RegistryAlias,
    list_named_versions,
    list_promotions,
    run_checks,
)


def raise_if_failed(results: Sequence[CheckResult]) -> None:
    """Raise if any check returned rows.

    Raises:
        CheckFailed: at least one check returned rows; the message names each of them.
    """
    failed = [item.query.name for item in results if len(item.violations)]
    if failed:
        raise CheckFailed(f"{len(failed)} of {len(results)} checks failed: {', '.join(failed)}")


def check(settings: Settings, observer: Observer = SILENT) -> list[CheckResult]:
    """Run every check against the warehouse, and the versions, aliases and chain head in MLflow.

    Raises:
        WarehouseError: the database cannot be read.
        RegistryError: MLflow's store cannot be read.
    """
    aliases = _read_aliases(settings)
    versions = [_load_version(settings.registry, *named) for named in list_named_versions(settings.warehouse)]
    head = find_published_head(settings) or ChainHead(0, "")
    results = run_checks(settings.warehouse, aliases, published_head=head, versions=versions)
    for result in results:
        if len(result.violations):
            observer.warn(f"{result.query.name}: {counted(len(result.violations), 'violation')}")
    observer.log(f"{len(results)} checks ran")
    return results


def _read_aliases(settings: Settings) -> list[RegistryAlias]:
    """Return the aliases of the home's model.

    A home that only scores with a model of a shared server has no promotions. Another home moves its aliases.
    """
    registry = settings.registry
    if registry.server and not any(
        event.model_name == registry.model_name for event in list_promotions(settings.warehouse)
    ):
        return []
    return [RegistryAlias(registry.model_name, alias, number) for alias, number in list_aliases(registry)]


def _load_version(registry: Registry, name: str, number: int) -> LoadedVersion:
    """Load a version as scoring does, from the registry and not from a copy; a failure is a finding."""
    owner = registry.named(name)
    try:
        resolved = read_version(owner, resolve_version(owner, str(number)), is_fresh=True)
        Engine(resolved.model)
    except PipelineError as exc:
        return LoadedVersion(name, number, None, str(exc))
    return LoadedVersion(name, number, resolved.weights_sha256)
