"""Measure the test accuracy of the default recipe.

    python -m benchmarks.accuracy --root DIR
Train a network on MNIST once per seed, through the pipeline's jobs in a
temporary home. With ``--printed``, train on printed digits too. With
``--views 3 5``, also measure what each network reads from the mean of that number
views of an image. Print a row for each seed, the means and the standard
deviations. Write them as JSON, with a description of the machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.machine import describe_machine
from lenet_pipeline.lake import read_manifest
from lenet_pipeline.scoring import Engine, TrainedModel
from lenet_pipeline.training import LabelledDigits, read_labelled


@dataclass(frozen=True)
class Row:
    """One training: its seed, its total time, its speed, and its accuracy in per cent on each test set."""

    seed: int
    seconds: float
    images_per_second: float
    accuracies_pct: dict[str, float]


def main() -> None:
    """Train once per seed and print the accuracies."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="folder of MNIST's files")
    parser.add_argument("--images", type=Path, help="folder of labelled digits, as a further test set")
    parser.add_argument("--printed", action="store_true", help="train and test on printed digits too")
    parser.add_argument("--architecture", default="lenet5")
    parser.add_argument("--epochs", type=int, help="passes over the training digits (default: the recipe's)")
    parser.add_argument("--effort", choices=("quick", "best"), default="quick")
    parser.add_argument(
        "--all-digits", action="store_true", help="train on the validation and gate digits too"
    )
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds: 0, 1, ... (default: 3)")
    parser.add_argument(
        "--views", type=int, nargs="+", default=[], help="also read this number of views, 2 to 5"
    )
    parser.add_argument("--output", type=Path, default=Path("accuracy.json"))
    arguments = parser.parse_args()
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as scratch:
        rows = measure(Path(scratch), arguments)
    for name, value in {**machine, **summarise(rows)}.items():
        print(f"{name:<46} {value}")  # noqa: T201 - a benchmark prints its figures
    record = {"machine": machine, "rows": [asdict(row) for row in rows]}
    arguments.output.write_text(json.dumps(record, indent=1))


def measure(home: Path, arguments: argparse.Namespace) -> list[Row]:
    """Ingest the datasets, then train and test once per seed."""
    from lenet_pipeline.jobs import IngestJob, PrintingJob, TrainingJob, ingest, ingest_printed, retrain
    from lenet_pipeline.registry import read_version, resolve_version
    from lenet_pipeline.settings import read_settings

    settings = read_settings(home, "benchmark")
    ingest(settings, IngestJob("mnist", arguments.root))
    datasets, tests = ["mnist/train"], ["mnist/test"]
    if arguments.printed:
        ingest_printed(settings, PrintingJob())
        datasets, tests = [*datasets, "printed/train"], [*tests, "printed/test"]
    if arguments.images:
        ingest(settings, IngestJob("images", arguments.images, "images/all"))
        tests = [*tests, "images/all"]
    rows = []
    for seed in range(arguments.seeds):
        job = TrainingJob(
            tuple(datasets),
            tuple(tests),
            arguments.architecture,
            effort=arguments.effort,
            all_digits=arguments.all_digits,
            epochs=arguments.epochs,
            seed=seed,
        )
        started = time.perf_counter()
        report = retrain(settings, job)
        seconds = time.perf_counter() - started
        accuracies = {test.dataset: 100 * test.accuracy for test in report.tests}
        model = read_version(settings.registry, resolve_version(settings.registry, str(report.version))).model
        for dataset in list(accuracies):
            digits = read_labelled(settings.lake, [read_manifest(settings.lake, dataset)])
            for views in arguments.views:
                accuracies[f"{dataset}, {views} views"] = 100 * _accuracy(model, views, digits)
        rows.append(Row(seed, seconds, report.images_per_second, accuracies))
    return rows


def _accuracy(model: TrainedModel, views: int, digits: LabelledDigits) -> float:
    """Return the share of digits that the model reads correctly from this number of views, 0 to 1."""
    engine = Engine(replace(model, preprocessing=replace(model.preprocessing, views=views)))
    return float((engine.score(digits.images).labels == digits.labels).mean())


def summarise(rows: list[Row]) -> dict[str, str]:
    """Format each training, then the mean and standard deviation over the seeds for each test set."""
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
