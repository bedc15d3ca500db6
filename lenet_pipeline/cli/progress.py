"""Progress on standard error, with rate and time left: a bar at a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn
from rich.progress import TimeRemainingColumn as TimeLeft
from rich.text import Text

from lenet_pipeline.system import Observer

LINE_EVERY_S = 30.0


class RateColumn(ProgressColumn):
    """Show items per second."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        return Text(f"{rate:,.0f}/s" if rate else "", style="progress.data.speed")


class _ProgressLines:
    """Lines for a log file, every half a minute; short work leaves no line."""

    def __init__(self, console: Console, description: str, total: int) -> None:
        self._console, self._description, self._total = console, description, total
        self._done, self._started = 0, time.monotonic()
        self._told = self._started

    def advance(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._told < LINE_EVERY_S:
            return
        self._told = now
        rate = self._done / (now - self._started)
        left = f", {(self._total - self._done) / rate:,.0f} s left" if rate else ""
        self._console.print(
            f"{self._description}: {self._done:,} of {self._total:,}, {rate:,.0f}/s{left}",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )


class TerminalObserver(Observer):
    """Shows a job's progress and warnings on standard error."""

    @contextmanager
    def progress(self, description: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show progress with rate and time left."""
        with progress_bar(description, total) as advance:
            yield advance

    def warn(self, message: str) -> None:
        """Print a warning."""
        Console(stderr=True, soft_wrap=True).print(message, style="yellow", highlight=False, markup=False)


@contextmanager
def progress_bar(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar that disappears at the end; yield a function that takes how many more items are done."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _ProgressLines(console, description, total).advance
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), RateColumn(), TimeLeft())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(description, total=total)

        def advance(count: int) -> None:
            progress.advance(task, count)

        yield advance
