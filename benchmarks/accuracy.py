"""Measure how well the default recipe reads: ``python -m benchmarks.accuracy --root DIR``.

Trains a network on MNIST, with ``--printed`` on printed digits too, once for each seed, through the
pipeline's own jobs in a scratch home. Prints a row for each seed, then mean and standard deviation;
writes them as JSON with the machine's description.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.machine import describe_machine


@dataclass(frozen=True)
class Row:
    """One training: its seed, how long it took in all, and the accuracy on each test set, per cent."""

    seed: int
    seconds: float
    images_per_second: float
    accuracies_pct: dict[str, float]


def main() -> None:
    """Train with every seed and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="folder of MNIST's files")
    parser.add_argument("--images", type=Path, help="folder of labelled digits to test on as well")
    parser.add_argument("--printed", action="store_true", help="learn printed digits too, and test on them")
    parser.add_argument("--architecture", default="lenet5")
    parser.add_argument("--epochs", type=int, help="passes, where not the recipe's own")
    parser.add_argument("--effort", choices=("quick", "best"), default="quick")
    parser.add_argument("--all-digits", action="store_true", help="keep none to validate with")
    parser.add_argument("--seeds", type=int, default=3, help="train with seeds 0, 1, ...")
    parser.add_argument("--output", type=Path, default=Path("accuracy.json"))
    arguments = parser.parse_args()
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as scratch:
        rows = measure(Path(scratch), arguments)
    for name, value in {**machine, **summarise(rows)}.items():
        print(f"{name:<46} {value}")  # noqa: T201 - what a benchmark is for
    record = {"machine": machine, "rows": [asdict(row) for row in rows]}
    arguments.output.write_text(json.dumps(record, indent=1))


def measure(home: Path, arguments: argparse.Namespace) -> list[Row]:
    """Ingest what is asked for, then train and test with each seed."""
    from flows.prefect_server import start_prefect_server
    from lenet_pipeline.jobs.ingestion import ingest, ingest_printed
    from lenet_pipeline.jobs.retraining import retrain

    start_prefect_server(home)
    ingest("mnist", arguments.root, home=home)
    datasets, tests = ["mnist/train"], ["mnist/test"]
    if arguments.printed:
        ingest_printed(home=home)
        datasets, tests = [*datasets, "printed/train"], [*tests, "printed/test"]
    if arguments.images:
        ingest("images", arguments.images, "images/all", home=home)
        tests = [*tests, "images/all"]
    rows = []
    for seed in range(arguments.seeds):
        started = time.perf_counter()
        report = retrain(
            datasets,
            tests,
            arguments.architecture,
            effort=arguments.effort,
            all_digits=arguments.all_digits,
            epochs=arguments.epochs,
            seed=seed,
            home=home,
        )
        seconds = time.perf_counter() - started
        accuracies = {test.dataset: 100 * test.accuracy for test in report.tests}
        rows.append(Row(seed, seconds, report.images_per_second, accuracies))
    return rows


def summarise(rows: list[Row]) -> dict[str, str]:
    """Show each training, then the mean and the standard deviation of each test set over the seeds."""
    figures = {
        f"seed {row.seed}": ", ".join(f"{name} {value:.2f} %" for name, value in row.accuracies_pct.items())
        + f" ({row.seconds:.0f} s, {row.images_per_second:,.0f} images/s)"
        for row in rows
    }
    for name in rows[0].accuracies_pct:
        values = [row.accuracies_pct[name] for row in rows]
        spread = f", standard deviation {statistics.stdev(values):.3f}" if len(values) > 1 else ""
        figures[f"{name}, mean of {len(values)}"] = f"{statistics.mean(values):.3f} %{spread}"
    return figures


if __name__ == "__main__":
    main()
