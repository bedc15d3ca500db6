"""Progress on standard error: a bar at a terminal, an occasional line in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn
from rich.text import Text

from lenet_pipeline.system import Observer

LINE_EVERY_S = 30.0


class RateColumn(ProgressColumn):
    """Show items per second, or per minute for slow work."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        return Text(_format_rate(rate) if rate else "", style="progress.data.speed")


class TimeLeftColumn(ProgressColumn):
    """Show the time left."""

    max_refresh = 0.5  # seconds; otherwise the number flickers

    def render(self, task: Task) -> Text:
        left = task.time_remaining
        return Text("" if left is None else f"{_format_duration(left)} left", style="progress.remaining")


class _ProgressLines:
    """A line in a log file every 30 seconds; short work prints none."""

    def __init__(self, console: Console, description: str, total: int) -> None:
        self._console, self._description, self._total = console, description, total
        self._done, self._started = 0, time.monotonic()
        self._printed = self._started

    def advance(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._printed < LINE_EVERY_S:
            return
        self._printed = now
        parts = [f"{self._done:,} of {self._total:,}"]
        rate = self._done / (now - self._started)
        if rate:
            parts += [_format_rate(rate), f"{_format_duration((self._total - self._done) / rate)} left"]
        self._console.print(Text(f"{self._description}: {', '.join(parts)}"), soft_wrap=True)


class TerminalObserver(Observer):
    """Shows a job's progress and warnings on standard error."""

    @contextmanager
    def progress(self, description: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show progress with rate and time left."""
        with progress_bar(description, total) as advance:
            yield advance

    def warn(self, message: str) -> None:
        """Print a warning."""
        Console(stderr=True).print(Text(message, style="yellow"), soft_wrap=True)


@contextmanager
def progress_bar(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar that disappears at the end; yield a function that takes the number of newly done items."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _ProgressLines(console, description, total).advance
        return
    text = TextColumn("{task.description}", markup=False)
    columns = (text, BarColumn(), TaskProgressColumn(), RateColumn(), TimeLeftColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(description, total=total)

        def advance(count: int) -> None:
            progress.advance(task, count)

        yield advance


def _format_rate(per_second: float) -> str:
    if per_second < 1:
        return f"{per_second * 60:,.1f} a minute"
    return f"{per_second:,.0f} a second" if per_second >= 10 else f"{per_second:.1f} a second"


def _format_duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
