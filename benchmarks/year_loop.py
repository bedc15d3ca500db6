"""Run the jobs of a simulated year without Prefect, and kill some of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np

from lenet_pipeline.jobs import NightJob, PollJob, night, poll
from lenet_pipeline.settings import Settings

POLL, NIGHT = "poll", "night"


class Loop(Protocol):
    """Runs the jobs of the loop, each until it is done, whatever happens to its processes.

    Attributes:
        repeated: the runs that were repeated although nothing was killed meanwhile, each with its state.
    """

    repeated: list[str]

    def run(self, job: str, as_of: datetime) -> None:
        """Run ``poll`` or ``night`` for a time."""

    def close(self) -> None:
        """Stop everything that the loop started."""


@dataclass
class Kills:
    """When to kill something: at random moments of random jobs, determined by a seed.

    Attributes:
        moments: the kills of each job, by week: a moment in seconds after the start of the job, and what to
            kill.
        pending: the kills that are due.
        done: the kills that hit something, in words.
    """

    moments: dict[tuple[int, str], list[tuple[float, str]]] = field(default_factory=dict)
    pending: list[tuple[float, str]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    @classmethod
    def draw(cls, number: int, weeks: int, targets: tuple[str, ...], longest_s: float, seed: int) -> Kills:
        """Draw the jobs and moments of a number of kills."""
        rng = np.random.default_rng([seed, number])
        kills = cls()
        for index in range(number):
            week = int(rng.integers(1, weeks + 1))
            job = (POLL, NIGHT)[int(rng.integers(2))]
            moment = float(rng.uniform(0.5, longest_s))
            kills.moments.setdefault((week, job), []).append((moment, targets[index % len(targets)]))
        return kills

    def start(self, week: int, job: str) -> None:
        """Make the kills of a job due. Kills that hit nothing so far stay due."""
        self.pending += self.moments.pop((week, job), [])
        self.pending.sort()


class PlainLoop:
    """Runs the jobs in this process; a job that is to be killed runs in a process of its own."""

    def __init__(self, settings: Settings, kills: Kills) -> None:
        self._settings, self._kills = settings, kills
        self.repeated: list[str] = []

    def run(self, job: str, as_of: datetime) -> None:
        """Run a job; while a kill is due, run it in a process and kill that."""
        while self._kills.pending:
            moment, _ = self._kills.pending[0]
            process = self._start(job, as_of)
            try:
                process.wait(timeout=moment)
                break  # the job was faster, so the kill stays due
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                self._kills.pending.pop(0)
                self._kills.done.append(f"{job} of {as_of:%Y-%m-%d} after {moment:.1f} s")
        run_job(self._settings, job, as_of)

    def close(self) -> None:
        """Do nothing: every process has ended."""

    def _start(self, job: str, as_of: datetime) -> subprocess.Popen[bytes]:
        home, actor = self._settings.home, self._settings.actor
        return subprocess.Popen(  # noqa: S603 - this module
            [sys.executable, "-m", "benchmarks.year_loop", job, as_of.isoformat()],
            env={**os.environ, "LENET_HOME": str(home), "LENET_ACTOR": actor},
            cwd=Path(__file__).parent.parent,
            start_new_session=True,  # with the processes that it starts
        )


def run_job(settings: Settings, job: str, as_of: datetime) -> None:
    """Run a job in this process."""
    if job == POLL:
        poll(settings, PollJob(as_of=as_of))
    else:
        night(settings, NightJob(as_of))


if __name__ == "__main__":
    import torch

    from lenet_pipeline.settings import read_settings

    torch.set_num_threads(1)
    run_job(read_settings(), sys.argv[1], datetime.fromisoformat(sys.argv[2]))
