"""Check the warehouse: run every check, and raise if one returns rows."""

from __future__ import annotations

from collections.abc import Sequence

from lenet_pipeline.audit import counted, find_published_head
from lenet_pipeline.errors import CheckFailed
from lenet_pipeline.registry import list_versions
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer
from lenet_pipeline.warehouse import ChainHead, CheckResult, RegistryAlias, run_checks


def raise_if_failed(results: Sequence[CheckResult]) -> None:
    """Raise if any check returned rows.

    Raises:
        CheckFailed: at least one check returned rows; the message names each of them.
    """
    failed = [item.query.name for item in results if len(item.violations)]
    if failed:
        raise CheckFailed(f"{len(failed)} of {len(results)} checks failed: {', '.join(failed)}")


def check(settings: Settings, observer: Observer = SILENT) -> list[CheckResult]:
    """Run every check against the warehouse, MLflow's aliases and the chain head published to MLflow.

    Raises:
        WarehouseError: the database cannot be read.
        RegistryError: MLflow's store cannot be read.
    """
    aliases = [
        RegistryAlias(version.name, alias, version.version)
        for version in list_versions(settings.registry)
        for alias in version.aliases
    ]
    head = find_published_head(settings) or ChainHead(0, "")
    results = run_checks(settings.warehouse, aliases, published_head=head)
    for result in results:
        if len(result.violations):
            observer.warn(f"{result.query.name}: {counted(len(result.violations), 'violation')}")
    observer.log(f"{len(results)} checks ran")
    return results
