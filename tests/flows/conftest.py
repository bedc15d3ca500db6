"""Flows run against a real Prefect server on loopback."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import pytest
from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness

from flows.context import flow_context
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer

Found = TypeVar("Found")
_WAIT_S = 30.0  # the server stores task runs and log lines a little later than they happen


@pytest.fixture(scope="package", autouse=True)
def prefect_url() -> Iterator[str]:
    """The address of a Prefect server that all tests of flows share."""
    with prefect_test_harness(server_startup_timeout=120):
        yield str(PREFECT_API_URL.value())


def wait_for(read: Callable[[], Found], is_complete: Callable[[Found], bool]) -> Found:
    """Read until it is complete, or until it has taken too long; return what was read last."""
    deadline = time.monotonic() + _WAIT_S
    while not is_complete(found := read()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


@dataclass
class Recorded:
    """What Prefect has of one flow run."""

    client: SyncPrefectClient
    run: FlowRun
    result: Any
    error: Exception | None
    _only: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self._only = {"flow_run_filter": FlowRunFilter(id=FlowRunFilterId(any_=[self.run.id]))}

    def tasks(self, *expected: str) -> dict[str, TaskRun]:
        """Return the task runs by name, once those that are expected are there, in their final states."""

        def read() -> dict[str, TaskRun]:
            return {task.name: task for task in self.client.read_task_runs(**self._only)}

        def is_complete(found: dict[str, TaskRun]) -> bool:
            return found.keys() >= set(expected) and all(
                task.state is not None and task.state.is_final() for task in found.values()
            )

        return wait_for(read, is_complete)

    def artifacts(self) -> dict[str, Any]:
        """Return the artifacts' data by key."""
        return {str(each.key): each.data for each in self.client.read_artifacts(**self._only)}

    def log(self, *expected: str) -> str:
        """Return the log as lines, once it contains what is expected."""
        wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[self.run.id]))

        def read() -> str:
            return "\n".join(entry.message for entry in self.client.read_logs(wanted))

        return wait_for(read, lambda text: all(part in text for part in expected))

    def children(self) -> Sequence[FlowRun]:
        """Return the flow runs that this one started."""
        parents = {task.id for task in self.client.read_task_runs(**self._only)}
        return [run for run in self.client.read_flow_runs() if run.parent_task_run_id in parents]


@pytest.fixture
def client() -> Iterator[SyncPrefectClient]:
    """A client of the server that all tests of flows share."""
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def run_flow(client: SyncPrefectClient) -> Callable[..., Recorded]:
    """Run a flow with the settings of a home, and return what Prefect has of it."""

    def run(
        flow: Flow[..., Any], settings: Settings, *arguments: object, observer: Observer = SILENT
    ) -> Recorded:
        with flow_context(settings, observer):
            state = flow(*arguments, return_state=True)
        run_id = state.state_details.flow_run_id
        assert isinstance(run_id, UUID)
        result = state.result(raise_on_failure=False)
        error = result if isinstance(result, Exception) else None
        return Recorded(client, client.read_flow_run(run_id), None if error else result, error)

    return run
