"""Run a job directly, or as a flow if a Prefect server is configured."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from lenet_pipeline.cli.progress import TerminalObserver

if TYPE_CHECKING:
    from lenet_pipeline.settings import Settings
    from lenet_pipeline.system import Observer

Job = TypeVar("Job")
Result = TypeVar("Result")


def run_job(
    work: Callable[[Settings, Job, Observer], Result], settings: Settings, job: Job, *, as_flow: bool = False
) -> Result:
    """Run a job and show its progress at the terminal.

    Args:
        work: the job's function, such as ``jobs.score``.
        settings: the settings of the home.
        job: the job's parameters.
        as_flow: run the flow of the same name. Always true if PREFECT_API_URL is set.
    """
    observer = TerminalObserver()
    if not (as_flow or os.environ.get("PREFECT_API_URL")):
        return work(settings, job, observer)
    from flows.running import run_flow  # loads Prefect

    result: Result = run_flow(work.__name__, settings, job, observer)
    return result
