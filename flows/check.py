"""The flow that checks the warehouse."""

from __future__ import annotations

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.context import flow_settings
from flows.observer import PrefectObserver
from flows.outcomes import completed
from lenet_pipeline import jobs
from lenet_pipeline.jobs import raise_if_failed


@flow(flow_run_name="check")
def check() -> int:
    """Run every check, and return their number. The flow run fails if a check returns rows."""
    results = jobs.check(flow_settings(), PrefectObserver())
    rows = [{"check": item.query.name, "violations": len(item.violations)} for item in results]
    create_table_artifact(rows, key="check", description="Checks of the warehouse")
    raise_if_failed(results)
    return completed(f"all {len(results)} checks passed", len(results))
