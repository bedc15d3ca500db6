"""The observer of a job: receives progress, log lines and events, and may wrap the job's steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Advance = Callable[[int], None]


def _ignore(_count: int) -> None:
    pass


class Observer:
    """Ignores everything that a job reports, which suits a notebook.

    The command line has a subclass that draws progress bars, and the flows have one that reports to Prefect.

    Attributes:
        flow_run_id: the Prefect flow run that the job belongs to, or None outside Prefect. It is stored
            wherever the actor is stored.
    """

    flow_run_id: str | None = None

    @property
    def keeps_log(self) -> bool:
        """Whether log lines go anywhere. If not, a job skips queries that only feed its log."""
        return type(self).log is not Observer.log

    def step(
        self,
        name: str,  # noqa: ARG002
        work: Callable[Parameters, Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Run one named step of a job and return its result."""
        return work(*args, **kwargs)

    def stage(
        self,
        name: str,  # noqa: ARG002
        work: Callable[Concatenate[Observer, Parameters], Result],
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Run one named stage of a long job, which is a job of its own, and return its result.

        ``work`` receives the observer of the stage as its first argument.
        """
        return work(self, *args, **kwargs)

    @contextmanager
    def progress(self, description: str, total: int) -> Iterator[Advance]:  # noqa: ARG002
        """Yield a function that counts finished items, up to ``total``. Any thread may call it."""
        yield _ignore

    def log(self, message: str) -> None:
        """Receive a line about normal work, for the log of a scheduled run."""

    def warn(self, message: str) -> None:
        """Receive a warning, which a person should see although the job continues."""

    def publish(self, name: str, markdown: str) -> None:
        """Receive a report in Markdown, for the pages of a scheduler."""

    def announce(self, event: str, resource: Mapping[str, str], payload: Mapping[str, object]) -> None:
        """Receive an event that can trigger an automation, an `Event`."""


SILENT = Observer()
