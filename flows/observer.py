"""An observer that reports a job to Prefect: tasks, progress artifacts, log lines and events."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from prefect import flow, get_run_logger, runtime, tags, task
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event

from flows.context import terminal_observer
from flows.outcomes import stage_completed
from lenet_pipeline.jobs import SCORE_SHARDS
from lenet_pipeline.system import Advance, Observer

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

# A retry helps if a disk or a database was busy. It resumes where the first attempt stopped. Scoring on a
# cluster is missing here, because Dask itself retries.
_RETRIES: dict[str, dict[str, Any]] = {SCORE_SHARDS: {"retries": 2, "retry_delay_seconds": [1, 5]}}
_UPDATE_EVERY_S = 5.0  # each update is a request: one per batch took half of a scoring run's time


class PrefectObserver(Observer):
    """Reports to the current flow run and to the observer at the terminal."""

    def __init__(self) -> None:
        self.flow_run_id = runtime.flow_run.id
        self._terminal = terminal_observer()

    def step(
        self,
        name: str,
        work: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Run a step as a task."""
        options = {"name": name, "task_run_name": name, "cache_policy": NO_CACHE, **_RETRIES.get(name, {})}
        return task(work, **options)(*args, **kwargs)

    def stage(
        self,
        name: str,
        work: Callable[Concatenate[Observer, Parameters], Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Run a stage as a subflow."""

        @flow(name=name, flow_run_name=name, validate_parameters=False)
        def run() -> Result:
            return stage_completed(name, work(PrefectObserver(), *args, **kwargs))

        with tags(*(runtime.flow_run.tags or ())):  # automations recognise the home by a tag
            return run()

    @contextmanager
    def progress(self, description: str, total: int) -> Iterator[Advance]:
        """Show progress in Prefect's pages and at the terminal."""
        with self._terminal.progress(description, total) as advance_terminal:
            artifact = _ProgressArtifact(description, total)

            def advance(count: int) -> None:
                advance_terminal(count)
                artifact.advance(count)

            yield advance
            artifact.finish()

    def log(self, message: str) -> None:
        """Write a line to the run's log."""
        get_run_logger().info(message)

    def warn(self, message: str) -> None:
        """Write a warning to the run's log and to the terminal."""
        get_run_logger().warning(message)
        self._terminal.warn(message)

    def publish(self, name: str, markdown: str) -> None:
        """Create a Markdown artifact."""
        create_markdown_artifact(markdown, key=name)

    def announce(self, event: str, resource: Mapping[str, str], payload: Mapping[str, object]) -> None:
        """Emit an event, which an automation can use to run a deployment."""
        name = resource["prefect.resource.id"].removeprefix("lenet.")
        named = {"prefect.resource.name": name, **resource}
        emit_event(event=event, resource=named, payload=dict(payload))


class _ProgressArtifact:
    """A progress bar in Prefect's pages, updated every few seconds.

    Any thread may advance it, but only the thread of the flow sends updates, because Prefect's client would
    leave a connection open in any other thread.
    """

    def __init__(self, description: str, total: int) -> None:
        self._total, self._done, self._sent_at = total, 0, time.monotonic()
        self._lock, self._thread = threading.Lock(), threading.get_ident()
        self._id: UUID | None = None
        if total:
            with suppress(Exception):  # the job does not need the progress bar
                self._id = _create_artifact(description)

    def advance(self, count: int) -> None:
        """Add to the count, and send an update if it is due."""
        with self._lock:
            self._done += count
        if time.monotonic() - self._sent_at > _UPDATE_EVERY_S and threading.get_ident() == self._thread:
            self._send()

    def finish(self) -> None:
        """Send the last update."""
        self._send()

    def _send(self) -> None:
        self._sent_at = time.monotonic()
        if self._id is not None:
            with suppress(Exception):
                update_progress_artifact(self._id, 100 * self._done / self._total)


def _create_artifact(description: str) -> UUID:
    key = re.sub(r"[^a-z0-9]+", "-", description.lower()).strip("-")
    created = create_progress_artifact(0.0, key=key, description=description)
    assert isinstance(created, UUID)  # noqa: S101 - narrows: the call is not awaited here
    return created
