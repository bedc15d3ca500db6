"""Peak memory of a command and its child processes, and of ``lenet score`` on datasets of different sizes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import duckdb
import numpy as np

from benchmarks.scoring.ours import borrow_home

_SAMPLE_S = 0.5
_PROCESSES = Path("/proc")
_RUN_SECONDS = "select epoch(finished_at - started_at) from scoring_runs"


class FailedError(Exception):
    """A command failed or ran too long; the message says why."""


@dataclass(frozen=True)
class Finished:
    """A command's output, and the peak memory of it and its child processes; None if not on Linux."""

    output: str
    peak_mib: float | None


@dataclass(frozen=True)
class Size:
    """A scoring run: its digits, the peak memory of the command, and the run's seconds without start-up."""

    digits: int
    peak_mib: float | None
    seconds: float

    @property
    def microseconds_per_digit(self) -> float:
        return 1e6 * self.seconds / self.digits


def run_watched(command: Sequence[str], limit_s: float) -> Finished:
    """Run a command and sample its memory until it ends.

    Raises:
        FailedError: the command failed, or took longer than ``limit_s``.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)  # noqa: S603
        with _ended(process):
            peak, deadline = 0.0, time.monotonic() + limit_s
            while process.poll() is None:
                if time.monotonic() > deadline:
                    raise FailedError(f"not finished after {limit_s:,.0f} s")
                peak = max(peak, sum(_resident_mib(one) for one in _family(process.pid)))
                time.sleep(_SAMPLE_S)
        if process.returncode:
            raise FailedError(_last_line(errors) or f"exit code {process.returncode}")
        output.seek(0)
        return Finished(output.read().decode(errors="replace"), peak or None)


def _last_line(stream: IO[bytes]) -> str:
    stream.seek(0)
    lines = [line.strip() for line in stream.read().decode(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "")


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """On any error, kill a process and its descendants."""
    try:
        yield
    except BaseException:
        for one in _family(process.pid):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        process.wait()
        raise


def _family(ancestor: int) -> list[int]:
    """Return the ids of a process and its descendants."""
    parents = {}
    for status in _PROCESSES.glob("[0-9]*/stat"):
        with suppress(OSError):  # the process has ended
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
    family = [ancestor]
    for one in family:
        family += [child for child, parent in parents.items() if parent == one]
    return family


def _resident_mib(process: int) -> float:
    """Return the memory of a process in MiB, with its share of memory that several processes use."""
    with suppress(OSError):
        for line in (_PROCESSES / str(process) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def measure_size(
    home: Path, dataset: str, digits: int, model: str, options: Sequence[str], limit_s: float
) -> Size:
    """Score a dataset with ``lenet score`` into a new home.

    Args:
        home: the home that holds the lake and the model.
        dataset: ``name/split``.
        digits: the number of digits in the dataset.
        model: a reference such as ``digits/1``.
        options: more options of ``lenet score``.
        limit_s: the most seconds that it may take.

    Raises:
        FailedError: the command failed, or took too long.
    """
    with tempfile.TemporaryDirectory(dir=home) as scratch:
        borrow_home(home, Path(scratch))
        command = [sys.executable, "-m", "lenet_pipeline.cli", "score", dataset, "--model", model]
        finished = run_watched([*command, "--home", scratch, *options], limit_s)
        with duckdb.connect(f"{scratch}/audit.duckdb", read_only=True) as connection:
            [(seconds,)] = connection.execute(_RUN_SECONDS).fetchall()
    return Size(digits, finished.peak_mib, seconds)


def memory_table(sizes: Sequence[Size]) -> list[str]:
    """Format the figures as lines."""
    return [
        f"{'digits':>12}{'peak memory':>16}{'seconds':>12}{'µs per digit':>14}",
        *(
            f"{size.digits:>12,}{show_mib(size.peak_mib):>16}{size.seconds:>12,.1f}"
            f"{size.microseconds_per_digit:>14.1f}"
            for size in sizes
        ),
        *([_linearity(sizes)] if len(sizes) > 2 else []),
    ]


def _linearity(sizes: Sequence[Size]) -> str:
    """Fit a straight line to the times, and return it with the largest deviation."""
    digits = np.array([size.digits for size in sizes], float)
    seconds = np.array([size.seconds for size in sizes])
    slope, start = np.polyfit(digits, seconds, 1)
    furthest = np.abs(seconds / (start + slope * digits) - 1).max()
    return f"{1e6 * slope:.2f} µs per digit plus {start:.1f} s; largest deviation {furthest:.1%}"


def show_mib(mib: float | None) -> str:
    """Format an amount of memory; a dash if unknown."""
    return "-" if mib is None else f"{mib:,.0f} MiB"
