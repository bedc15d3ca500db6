"""Time audits that run while a scoring run writes.

    python -m benchmarks.concurrent_reading
Score the same digits in two ways, in turn: alone, and while another process
runs an audit every second. That process starts before the run and stops after
it. Print how long the audits took, how many read a snapshot, and how much
longer the run took. With ``--root DIR``, a folder of MNIST's files, score its
digits; otherwise the digits that ship with scikit-learn. With ``--filled N``,
start each run with N synthetic predictions in the database.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.audit import make_database
from benchmarks.machine import describe_machine
from benchmarks.scoring.digits import prepare_digits, prepare_home
from benchmarks.scoring.ours import borrow_home
from lenet_pipeline.warehouse import AsOf, Warehouse, run_audit

EVERY_S = 1.0
WARM_UP_IMAGES = 4_096
_AUDITS = ("runs", "summary", "low_confidence", "decision_counts", "promotions")
_READY, _STOP = "ready", "stop"


@dataclass(frozen=True)
class Answer:
    """One audit: its name, its wall time, and whether it read a snapshot."""

    audit: str
    seconds: float
    is_snapshot: bool


@dataclass(frozen=True)
class Round:
    """One scoring run: its wall time and the audits of its reader, empty without a reader."""

    seconds: float
    answers: tuple[Answer, ...]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the rounds and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, help="folder of MNIST's files")
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each kind; figures are medians")
    parser.add_argument("--filled", type=int, default=0, help="predictions in the database at the start")
    parser.add_argument("--home", type=Path, help="folder that keeps digits and model for the next time")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)  # the reader's process
    options = parser.parse_args(arguments)
    if options.read:
        read_until_stopped(Warehouse(options.read))
        return
    with ExitStack() as scratch:
        home = options.home or Path(scratch.enter_context(tempfile.TemporaryDirectory()))
        home.mkdir(parents=True, exist_ok=True)
        filled = Path(scratch.enter_context(tempfile.TemporaryDirectory(dir=home)))
        database = filled / "audit.duckdb"
        if options.filled:
            make_database(Warehouse(database), filled, options.filled)
        alone, shared = take_rounds(home.absolute(), options.root, options.images, options.rounds, database)
    print("\n".join(reading_table(options.images, alone, shared)))  # noqa: T201 - a benchmark prints its figures
    if options.output:
        rounds = {"alone": alone, "with_reader": shared}
        record = {name: [asdict(each) for each in taken] for name, taken in rounds.items()}
        options.output.write_text(json.dumps({"machine": describe_machine(), **record}, indent=1) + "\n")


def take_rounds(
    home: Path, root: Path | None, images: int, rounds: int, database: Path
) -> tuple[list[Round], list[Round]]:
    """Score a dataset with and without a reader, in alternating order.

    Each run gets a new home, with a copy of ``database`` if that file exists.

    Returns:
        The runs without a reader, and the runs with one.
    """
    from lenet_pipeline.jobs import ScoringJob, score
    from lenet_pipeline.settings import read_settings

    model = prepare_home(home, root, "lenet5")
    warm_up, dataset = (prepare_digits(home / "lake", root, count) for count in (WARM_UP_IMAGES, images))
    taken: dict[bool, list[Round]] = {False: [], True: []}
    for number in range(2 * rounds):
        has_reader = number % 4 in (1, 2)
        with tempfile.TemporaryDirectory(dir=home) as output:
            borrow_home(home, Path(output))
            if database.exists():
                shutil.copy(database, output)
            settings = read_settings(Path(output), "benchmark")
            score(settings, ScoringJob(warm_up, model))
            answers: list[Answer] = []
            with reader(settings.warehouse.path, answers) if has_reader else ExitStack():
                started = time.perf_counter()
                score(settings, ScoringJob(dataset, model))
                seconds = time.perf_counter() - started
            taken[has_reader].append(Round(seconds, tuple(answers)))
    return taken[False], taken[True]


@contextmanager
def reader(database: Path, answers: list[Answer]) -> Iterator[None]:
    """Run audits in another process until the block ends; append their times to ``answers``."""
    command = [sys.executable, "-m", "benchmarks.concurrent_reading", "--read", str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None  # noqa: S101 - for the type checker
        process.stdout.readline()  # the reader has started
        yield
        written, _ = process.communicate(f"{_STOP}\n")
    if process.returncode:
        raise RuntimeError(f"the reader failed: {written}")
    answers += [Answer(**each) for each in json.loads(written)]


def read_until_stopped(warehouse: Warehouse) -> None:
    """Run an audit every second until a line arrives on standard input; print the times as JSON."""
    stop = threading.Event()

    def listen() -> None:
        sys.stdin.readline()
        stop.set()

    threading.Thread(target=listen, daemon=True).start()
    answers: list[Answer] = []
    time_audit(warehouse, "runs")  # keeps the imports of the first audit out of the times
    print(_READY, flush=True)  # noqa: T201 - the parent process waits for this line
    due = time.perf_counter()
    while not stop.is_set():
        answers.append(time_audit(warehouse, _AUDITS[len(answers) % len(_AUDITS)]))
        due += EVERY_S
        stop.wait(max(0.0, due - time.perf_counter()))
    print(json.dumps([asdict(answer) for answer in answers]))  # noqa: T201 - the parent process reads this


def time_audit(warehouse: Warehouse, audit: str) -> Answer:
    """Run one audit, on a snapshot if the database is busy."""
    as_of = AsOf()
    started = time.perf_counter()
    run_audit(warehouse, audit, {}, as_of)
    return Answer(audit, time.perf_counter() - started, as_of.changed_at is not None)


def reading_table(images: int, alone: Sequence[Round], shared: Sequence[Round]) -> list[str]:
    """Format the figures as lines of at most 80 columns."""
    answers = [answer for each in shared for answer in each.answers]
    waits = sorted(answer.seconds for answer in answers)
    ratio = statistics.median(each.seconds for each in shared) / statistics.median(
        each.seconds for each in alone
    )
    return [
        f"{images:,} images, {len(alone)} runs alone and {len(shared)} with a reader",
        f"  alone        {_spread(alone)}",
        f"  with reader  {_spread(shared)}, {ratio - 1:+.1%}",
        f"  {len(answers)} audits answered in {statistics.median(waits):.2f} s (median), "
        f"{waits[-1]:.2f} s at most",
        f"  {sum(answer.is_snapshot for answer in answers)} of them from a snapshot",
    ]


def _spread(rounds: Sequence[Round]) -> str:
    seconds = sorted(each.seconds for each in rounds)
    return f"{statistics.median(seconds):.2f} s ({seconds[0]:.2f} to {seconds[-1]:.2f})"


if __name__ == "__main__":
    main()
