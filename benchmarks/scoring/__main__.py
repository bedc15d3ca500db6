"""Compare bulk scoring with other tools: ``python -m benchmarks.scoring``.

With ``--root DIR``, a folder of MNIST's files, score shifted and faded copies
of its training digits; otherwise copies of the digits that ship with
scikit-learn. The contestants score the same Parquet files with the same
weights and write rows to disk, in turn, each in a separate process:

- ours: the job ``score``, into DuckDB, with the provenance of each prediction
- PyTorch's DataLoader, Spark and Ray Data, which run the plain PyTorch module
- MLflow's pyfunc, which runs our engine and writes no probabilities
- the engine alone on images in memory, the ceiling of ours

Spark and Ray need the extra ``benchmarks``; contestants that are not installed
are listed as such. The docstring of ``benchmarks/scoring/contestants.py``
defines the timed part. Print a table, write it as JSON with a description of
the machine, and draw a plot next to the JSON file.

``python -m benchmarks.scoring memory --images 1000000 10000000`` measures the
memory of ``lenet score`` instead.
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
from benchmarks.scoring.contestants import CONTESTANTS, Contestant, keep_offline
from benchmarks.scoring.digits import prepare_digits, prepare_home
from benchmarks.scoring.memory import FailedError, measure_size, memory_table, run_watched
from benchmarks.scoring.ours import CEILING_DIGITS
from benchmarks.scoring.report import Turn, contest_record, contest_table, draw_contest
from benchmarks.scoring.rows import Expected, WrongRowsError, check_rows, expect_rows
from lenet_pipeline.registry.model_files import read_model

IMAGES = 2_000_000
MEMORY_IMAGES = (1_000_000, 10_000_000)
WARM_UP_IMAGES = 4_096
LIMIT_S = 3_600.0


@dataclass(frozen=True)
class Contest:
    """The digits and the model that every contestant scores with, and the expected rows."""

    home: Path
    dataset: str
    warm_up: str
    model: str
    expected: Expected
    limit_s: float


def main() -> None:
    """Run the contest or measure memory, and print the figures."""
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
    parser.add_argument(
        "--images", type=int, nargs="+", help=f"digits to score (default: {IMAGES:,}); several for memory"
    )
    parser.add_argument("--architecture", default="lenet5")
    parser.add_argument("--rounds", type=int, default=3, help="turns per contestant; figures are medians")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=list(CONTESTANTS),
        metavar="NAME",
        help=f"contestants to run: {', '.join(CONTESTANTS)} (default: all)",
    )
    parser.add_argument("--home", type=Path, help="folder that keeps digits and model for the next time")
    parser.add_argument("--limit", type=float, default=LIMIT_S, help="most seconds for one turn")
    parser.add_argument("--precision", help="precision of `lenet score` when measuring memory")
    parser.add_argument("--output", type=Path, default=Path("scoring.json"))
    arguments = parser.parse_args()
    if arguments.part == "contest" and len(arguments.images or [IMAGES]) > 1:
        parser.error("the contest takes one value of --images; only memory takes several")
    return arguments


def show(lines: Iterable[str]) -> None:
    """Print lines without buffering."""
    for line in lines:
        print(line, flush=True)  # noqa: T201 - a benchmark prints its figures


def measure_contest(home: Path, model: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run every contestant on the same digits; print, plot and return the figures."""
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
    """Yield the turns of each round in order. A contestant that fails has no more turns."""
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
    """Run a contestant in a separate process, and check the rows that it writes."""
    most = CEILING_DIGITS if contestant.kind == "ceiling" else contest.expected.rows
    images = min(contest.expected.rows, most)
    with tempfile.TemporaryDirectory(dir=contest.home) as output:
        command = [
            sys.executable,
            "-m",
            "benchmarks.scoring.contestants",
            contestant.name,
            "--output",
            output,
        ]
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
        f"({turn.seconds:.1f} s after {turn.start_up_s:.1f} s of start-up)"
    )


def measure_memory(home: Path, model: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run ``lenet score`` on datasets of several sizes; print and return memory and time."""
    options = ["--precision", arguments.precision] if arguments.precision else []
    sizes = []
    for images in arguments.images or MEMORY_IMAGES:
        dataset = prepare_digits(home / "lake", arguments.root, images)
        sizes.append(measure_size(home, dataset, images, model, options, arguments.limit))
    show(["", "lenet score", *memory_table(sizes)])
    return {"memory": [asdict(size) for size in sizes]}


if __name__ == "__main__":
    main()
