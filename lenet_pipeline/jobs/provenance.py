"""The columns that say when, by whom and in which flow run a row was written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Observer


def provenance(settings: Settings, observer: Observer, time_column: str) -> dict[str, Any]:
    """Return the columns for the time, the actor and the flow run."""
    return {time_column: datetime.now(UTC), "actor": settings.actor, "flow_run_id": observer.flow_run_id}
