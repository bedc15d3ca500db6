"""Run a job as the flow of the same name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from prefect import tags

from flows.context import flow_context
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Observer

_MODULES = {
    "ingest": "flows.ingest",
    "ingest_printed": "flows.ingest",
    "ingest_unipen": "flows.ingest",
    "ingest_forms": "flows.ingest",
    "poll": "flows.inbox",
    "retrain": "flows.retrain",
    "score": "flows.score",
    "reproduce": "flows.reproduce",
    "night": "flows.night",
}


def run_flow(name: str, settings: Settings, job: object, observer: Observer) -> Any:
    """Run the flow with the name of a job in this process, and return the job's result."""
    flow: Callable[[object], Any] = getattr(import_module(_MODULES[name]), name)
    with flow_context(settings, observer), tags(settings.home.name):
        return flow(job)
