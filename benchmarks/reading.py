"""Time reading beside writing: ``python -m benchmarks.reading``.

A scoring run, in turn alone and with one long-lived reader in a process of its own, which asks an audit every
second from before the run until after it. Says how long each answer took, how many came from a snapshot, and
what the run lost. With ``--root DIR``, a folder of MNIST's files, on its digits; without, on embedded ones.
``--filled N`` begins each time with a database of so many predictions, made up.
"""

from __future__ import annotations

import argparse
import json
import os
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
from benchmarks.scoring_digits import prepare_digits, prepare_home
from benchmarks.scoring_ours import borrow_home
from lenet_pipeline import warehouse

EVERY_S = 1.0
WARM_UP_IMAGES = 4_096
_AUDITS = ("runs", "summary", "low_confidence", "decision_counts", "promotions")
_WAIT_S = 60.0


@dataclass(frozen=True)
class Answer:
    """One question that was answered: how long it took, and whether by a snapshot."""

    audit: str
    seconds: float
    is_snapshot: bool


@dataclass(frozen=True)
class Round:
    """One run: its seconds, and the answers that its reader got, none where it had none."""

    seconds: float
    answers: tuple[Answer, ...]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the rounds and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, help="folder of MNIST's files")
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5, help="figures are medians")
    parser.add_argument("--filled", type=int, default=0, help="predictions that are there before")
    parser.add_argument("--home", type=Path, help="keep digits and model here, and use those of before")
    parser.add_argument("--output", type=Path, help="JSON")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)  # what the reader's process is told
    options = parser.parse_args(arguments)
    if options.read:
        read_until_told(options.read)
        return
    with ExitStack() as scratch:
        home = options.home or Path(scratch.enter_context(tempfile.TemporaryDirectory()))
        home.mkdir(parents=True, exist_ok=True)
        filled = Path(scratch.enter_context(tempfile.TemporaryDirectory(dir=home)))
        database = filled / "audit.duckdb"
        if options.filled:
            make_database(database, filled, options.filled)
        alone, beside = take_rounds(home.absolute(), options.root, options.images, options.rounds, database)
    print("\n".join(reading_table(options.images, alone, beside)))  # noqa: T201 - what a benchmark is for
    if options.output:
        rounds = {"alone": alone, "beside": beside}
        record = {name: [asdict(each) for each in taken] for name, taken in rounds.items()}
        options.output.write_text(json.dumps({"machine": describe_machine(), **record}, indent=1) + "\n")


def take_rounds(
    home: Path, root: Path | None, images: int, rounds: int, database: Path
) -> tuple[list[Round], list[Round]]:
    """Score so many images with and without a reader, now the one first and now the other.

    Each time into a home of its own, which begins with a copy of a database where there is one.
    """
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    from flows.prefect_server import start_prefect_server
    from lenet_pipeline.jobs.scoring_runs import score

    model = prepare_home(home, root, "lenet5")
    warm_up, dataset = (prepare_digits(home / "lake", root, count) for count in (WARM_UP_IMAGES, images))
    start_prefect_server(home)
    taken: dict[bool, list[Round]] = {False: [], True: []}
    for number in range(2 * rounds):
        has_reader = number % 4 in (1, 2)
        with tempfile.TemporaryDirectory(dir=home) as output:
            borrow_home(home, Path(output))
            if database.exists():
                shutil.copy(database, output)
            score(warm_up, model=model, home=Path(output), actor="benchmark")
            answers: list[Answer] = []
            with reader(Path(output) / "audit.duckdb", answers) if has_reader else ExitStack():
                started = time.perf_counter()
                score(dataset, model=model, home=Path(output), actor="benchmark")
                seconds = time.perf_counter() - started
            taken[has_reader].append(Round(seconds, tuple(answers)))
    return taken[False], taken[True]


@contextmanager
def reader(database: Path, answers: list[Answer]) -> Iterator[None]:
    """Let a process ask until the block ends; its answers are added to the list."""
    command = [sys.executable, "-m", "benchmarks.reading", "--read", str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None  # noqa: S101 - narrows
        process.stdout.readline()  # it has begun
        yield
        written, _ = process.communicate("enough\n")
    if process.returncode:
        raise RuntimeError(f"the reader failed: {written}")
    answers += [Answer(**each) for each in json.loads(written)]


def read_until_told(database: Path) -> None:
    """Ask an audit every second until a line comes in; print the answers."""
    enough = threading.Event()

    def listen() -> None:
        sys.stdin.readline()
        enough.set()

    threading.Thread(target=listen, daemon=True).start()
    answers: list[Answer] = []
    ask_one(database, "runs")  # what is imported with the first question is not the database's
    print("begun", flush=True)  # noqa: T201
    due = time.perf_counter()
    while not enough.is_set():
        answers.append(ask_one(database, _AUDITS[len(answers) % len(_AUDITS)]))
        due += EVERY_S
        enough.wait(max(0.0, due - time.perf_counter()))
    print(json.dumps([asdict(answer) for answer in answers]))  # noqa: T201


def ask_one(database: Path, audit: str) -> Answer:
    """Ask one audit, of a snapshot where it comes to that."""
    as_of = warehouse.AsOf()
    started = time.perf_counter()
    warehouse.run_audit(database, _WAIT_S, audit, {}, as_of)
    return Answer(audit, time.perf_counter() - started, as_of.changed_at is not None)


def reading_table(images: int, alone: Sequence[Round], beside: Sequence[Round]) -> list[str]:
    """Return the figures as lines of at most 80 columns."""
    answers = [answer for each in beside for answer in each.answers]
    waits = sorted(answer.seconds for answer in answers)
    lost = statistics.median(each.seconds for each in beside) / statistics.median(
        each.seconds for each in alone
    )
    return [
        f"{images:,} images, {len(alone)} runs alone and {len(beside)} beside a reader",
        f"  alone      {_spread(alone)}",
        f"  beside it  {_spread(beside)}, {lost - 1:+.1%}",
        f"  {len(answers)} questions answered in {statistics.median(waits):.2f} s (median) "
        f"to {waits[-1]:.2f} s",
        f"  {sum(answer.is_snapshot for answer in answers)} of them from a snapshot",
    ]


def _spread(rounds: Sequence[Round]) -> str:
    seconds = sorted(each.seconds for each in rounds)
    return f"{statistics.median(seconds):.2f} s ({seconds[0]:.2f} to {seconds[-1]:.2f})"


if __name__ == "__main__":
    main()
