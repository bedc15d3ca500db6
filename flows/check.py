"""The check flow: everything that must hold of the warehouse, held against what is there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.audit_chain import find_published_head
from flows.models import open_registry
from lenet_pipeline.errors import CheckFailed
from lenet_pipeline.registry import list_versions
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.warehouse import ChainHead, CheckResult, RegistryAlias, run_checks


@flow(name="check", flow_run_name="check", validate_parameters=True)
def check(home: Path | None = None, actor: str | None = None) -> int:
    """Run every check and return how many there are.

    Raises:
        CheckFailed: at least one returned rows.
    """
    results = check_home(read_settings(home, actor))
    rows = [{"check": item.query.name, "violations": len(item.violations)} for item in results]
    create_table_artifact(table=rows, key="check", description="Checks of the warehouse")
    raise_if_failed(results)
    return len(results)


def raise_if_failed(results: Sequence[CheckResult]) -> None:
    """Raise if any check returned rows.

    Raises:
        CheckFailed: at least one did; all of them are named.
    """
    failed = [item.query.name for item in results if len(item.violations)]
    if failed:
        raise CheckFailed(f"{len(failed)} of {len(results)} checks failed: {', '.join(failed)}")


def check_home(settings: Settings) -> list[CheckResult]:
    """Run every check of a home, with MLflow's aliases as they are now and what it knows of the chain."""
    aliases = [
        RegistryAlias(version.name, alias, version.version)
        for version in list_versions(open_registry(settings))
        for alias in version.aliases
    ]
    head = find_published_head(settings) or ChainHead(0, "")
    return run_checks(settings.database, settings.database_wait_s, aliases, published_head=head)
