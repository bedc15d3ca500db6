"""The memory of a process and of all that it started, and of ``lenet score`` with ever more digits."""

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

from benchmarks.scoring_ours import borrow_home

_SAMPLE_S = 0.5
_PROCESSES = Path("/proc")
_RUN_SECONDS = "select epoch(finished_at - started_at) from scoring_runs"


class FailedError(Exception):
    """A command that ended otherwise than it should, and why."""


@dataclass(frozen=True)
class Finished:
    """What a command printed, and the most memory it had with all its processes; None off Linux."""

    output: str
    peak_mib: float | None


@dataclass(frozen=True)
class Size:
    """A scoring run: its digits, the most memory of command and server, and seconds without their start."""

    digits: int
    peak_mib: float | None
    seconds: float

    @property
    def microseconds_a_digit(self) -> float:
        return 1e6 * self.seconds / self.digits


def run_watched(command: Sequence[str], limit_s: float) -> Finished:
    """Run a command to its end and watch its memory.

    Raises:
        FailedError: it failed, or took longer than ``limit_s``.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors)  # noqa: S603
        with _ended(process):
            peak, deadline = 0.0, time.monotonic() + limit_s
            while process.poll() is None:
                if time.monotonic() > deadline:
                    raise FailedError(f"not done after {limit_s:,.0f} s")
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
    """On any error, end a process and all that it started."""
    try:
        yield
    except BaseException:
        for one in _family(process.pid):
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        process.wait()
        raise


def _family(ancestor: int) -> list[int]:
    """Return a process and all that descend from it."""
    parents = {}
    for status in _PROCESSES.glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
    family = [ancestor]
    for one in family:
        family += [child for child, parent in parents.items() if parent == one]
    return family


def _resident_mib(process: int) -> float:
    """Return the memory of a process in MiB; what several share is divided among them."""
    with suppress(OSError):
        for line in (_PROCESSES / str(process) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def measure_size(
    home: Path, dataset: str, digits: int, model: str, options: Sequence[str], limit_s: float
) -> Size:
    """Score a dataset by the command, into a home of its own.

    Args:
        home: has the lake and the model.
        dataset: ``name/split``.
        digits: how many it has.
        model: such as ``digits/1``.
        options: further ones of ``lenet score``.
        limit_s: seconds it may take.

    Raises:
        FailedError: it failed, or took too long.
    """
    with tempfile.TemporaryDirectory(dir=home) as scratch:
        borrow_home(home, Path(scratch))
        command = [sys.executable, "-m", "flows", "score", dataset, "--model", model, "--home", scratch]
        finished = run_watched([*command, *options], limit_s)
        with duckdb.connect(f"{scratch}/audit.duckdb", read_only=True) as connection:
            [(seconds,)] = connection.execute(_RUN_SECONDS).fetchall()
    return Size(digits, finished.peak_mib, seconds)


def memory_table(sizes: Sequence[Size]) -> list[str]:
    """Return the figures as lines."""
    return [
        f"{'digits':>12}{'peak memory':>16}{'seconds':>12}{'µs a digit':>14}",
        *(
            f"{size.digits:>12,}{show_mib(size.peak_mib):>16}{size.seconds:>12,.1f}"
            f"{size.microseconds_a_digit:>14.1f}"
            for size in sizes
        ),
        *([_linearity(sizes)] if len(sizes) > 2 else []),
    ]


def _linearity(sizes: Sequence[Size]) -> str:
    """Say what straight line the times lie on, and how far off it the furthest is."""
    digits = np.array([size.digits for size in sizes], float)
    seconds = np.array([size.seconds for size in sizes])
    slope, start = np.polyfit(digits, seconds, 1)
    furthest = np.abs(seconds / (start + slope * digits) - 1).max()
    return f"{1e6 * slope:.2f} µs a digit and {start:.1f} s: no time is further off than {furthest:.1%}"


def show_mib(mib: float | None) -> str:
    """Show an amount of memory, or a dash where it is not known."""
    return "-" if mib is None else f"{mib:,.0f} MiB"
