"""Time bulk scoring, Parquet files to rows on disk, beside others: ``python -m benchmarks.scoring``.

With ``--root DIR``, a folder of MNIST's files, on its training digits, moved and faded over and over;
without, on the embedded ones. All score the same files with the same weights, in turn, each in a process of
its own: ours (into DuckDB, with where each prediction came from), PyTorch's DataLoader, Spark, Ray Data,
MLflow's pyfunc, and the engine alone on images in memory, which is the ceiling of ours. MLflow's runs our own
engine and leaves no probabilities; the others run the plain network. They need the extra ``benchmarks``; what
is not installed is listed so. ``benchmarks/scoring_peers.py`` says what is timed.

``python -m benchmarks.scoring memory --images 1000000 10000000`` measures the memory of ``lenet score``
instead. Prints a table, writes it as JSON with the machine's description, and a plot beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import describe_machine
from benchmarks.scoring_digits import prepare_digits, prepare_home
from benchmarks.scoring_memory import FailedError, measure_size, memory_table, run_watched
from benchmarks.scoring_ours import CEILING_DIGITS
from benchmarks.scoring_peers import CONTESTANTS, Contestant, keep_offline
from benchmarks.scoring_report import Turn, contest_record, contest_table, draw_contest
from benchmarks.scoring_rows import Expected, WrongRowsError, check_rows, expect_rows
from lenet_pipeline.registry.model_files import read_model

IMAGES = 2_000_000
MEMORY_IMAGES = (1_000_000, 10_000_000)
WARM_UP_IMAGES = 4_096
LIMIT_S = 3_600.0


@dataclass(frozen=True)
class Contest:
    """What everyone scores, with which model of which home, and the rows that this makes."""

    home: Path
    dataset: str
    warm_up: str
    model: str
    expected: Expected
    limit_s: float


def main() -> None:
    """Run the contest, or measure memory, and print it."""
    arguments = _parse_arguments()
    keep_offline()
    machine = {**describe_machine(), "network": arguments.architecture}
    show(f"{name:<12} {value}" for name, value in machine.items())
    with ExitStack() as scratch:
        home = arguments.home or Path(scratch.enter_context(tempfile.TemporaryDirectory()))
        home.mkdir(parents=True, exist_ok=True)
        model = prepare_home(home.absolute(), arguments.root, arguments.architecture)
        measure = measure_memory if arguments.part == "memory" else measure_contest
        try:
            record = measure(home.absolute(), model, arguments)
        except FailedError as exc:
            sys.exit(f"not measured: {exc}")
    arguments.output.write_text(json.dumps({"machine": machine, **record}, indent=1))


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="?", choices=("contest", "memory"), default="contest")
    parser.add_argument("--root", type=Path, help="folder of MNIST's files")
    parser.add_argument("--images", type=int, nargs="+", help=f"{IMAGES:,} by default; several for memory")
    parser.add_argument("--architecture", default="lenet5")
    parser.add_argument("--rounds", type=int, default=3, help="figures are medians")
    parser.add_argument("--only", nargs="+", choices=list(CONTESTANTS), help="who takes part", metavar="NAME")
    parser.add_argument("--home", type=Path, help="keep digits and model here, and use those of before")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="seconds that one turn may take")
    parser.add_argument("--precision", help="of memory's `lenet score`, where it has the option")
    parser.add_argument("--output", type=Path, default=Path("scoring.json"))
    arguments = parser.parse_args()
    if arguments.part == "contest" and len(arguments.images or [IMAGES]) > 1:
        parser.error("one contest has one number of images; several are for memory")
    return arguments


def show(lines: Iterable[str]) -> None:
    """Print lines at once, for those who watch a long run."""
    for line in lines:
        print(line, flush=True)  # noqa: T201 - what a benchmark is for


def measure_contest(home: Path, model: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Let everyone score the same digits; print, plot and return the figures."""
    (images,) = arguments.images or [IMAGES]
    dataset, warm_up = (
        prepare_digits(home / "lake", arguments.root, count) for count in (images, WARM_UP_IMAGES)
    )
    expected = expect_rows(home / "lake", dataset, read_model(home / "timed-models" / model))
    contest = Contest(home, dataset, warm_up, model, expected, arguments.limit)
    turns = list(take_turns(contest, arguments.only or list(CONTESTANTS), arguments.rounds))
    show(["", f"{images:,} images, {arguments.rounds} rounds", *contest_table(turns)])
    figure = draw_contest(turns, f"{images:,} images with {arguments.architecture}")
    figure.savefig(arguments.output.with_suffix(".png"), dpi=120)
    return {"images": images, "rounds": arguments.rounds, **contest_record(turns)}


def take_turns(contest: Contest, names: Sequence[str], rounds: int) -> Iterator[Turn]:
    """Yield everyone's turn, then everyone's next; who failed is not asked again."""
    failed = set()
    for number in range(1, rounds + 1):
        for name in names:
            if name in failed:
                continue
            turn = take_turn(contest, CONTESTANTS[name], number)
            if turn.failure:
                failed.add(name)
            show([_describe(turn)])
            yield turn


def take_turn(contest: Contest, contestant: Contestant, number: int) -> Turn:
    """Let a contestant score the digits in a process of its own, and check its rows."""
    most = CEILING_DIGITS if contestant.kind == "ceiling" else contest.expected.rows
    images = min(contest.expected.rows, most)
    with tempfile.TemporaryDirectory(dir=contest.home) as output:
        command = [sys.executable, "-m", "benchmarks.scoring_peers", contestant.name, "--output", output]
        for option in ("home", "dataset", "warm_up", "model"):
            command += [f"--{option.replace('_', '-')}", str(getattr(contest, option))]
        try:
            finished = run_watched(command, contest.limit_s)
            has_rows = contestant.kind != "ceiling"
            agreement = check_rows(Path(output), contest.expected) if has_rows else None
        except (FailedError, WrongRowsError) as exc:
            return Turn(contestant.name, number, images, failure=str(exc))
    seconds = json.loads(finished.output.splitlines()[-1])
    return Turn(contestant.name, number, images, peak_mib=finished.peak_mib, agreement=agreement, **seconds)


def _describe(turn: Turn) -> str:
    name = f"round {turn.round}  {CONTESTANTS[turn.name].title:<24}"
    if turn.seconds is None:
        return f"{name} {turn.failure}"
    return (
        f"{name}{turn.images / turn.seconds:>9,.0f} images/s "
        f"({turn.seconds:.1f} s after {turn.start_up_s:.1f} s of starting)"
    )


def measure_memory(home: Path, model: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Score datasets of several sizes by the command; print and return memory and time."""
    options = ["--precision", arguments.precision] if arguments.precision else []
    sizes = []
    for images in arguments.images or MEMORY_IMAGES:
        dataset = prepare_digits(home / "lake", arguments.root, images)
        sizes.append(measure_size(home, dataset, images, model, options, arguments.limit))
    show(["", "lenet score, with its Prefect server", *memory_table(sizes)])
    return {"memory": [asdict(size) for size in sizes]}


if __name__ == "__main__":
    main()
