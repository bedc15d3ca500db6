"""Measure what each source of training digits gives on test sets that the training left out.

    python -m benchmarks.sources --lake LAKE --output sources.json
    python -m benchmarks.sources --lake LAKE --rows mnist all --seeds 3

The lake has the datasets that the rows of ``ROWS`` learn from, and the test
sets. Each row trains one network per seed, in several processes with one thread
each, and reads every test set. The figures are means over the seeds. Further
lines average probabilities: those of several views of an image by one network,
and those of each three networks of a row, a committee.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from benchmarks.unseen import Readings, describe, measure
from lenet_pipeline.ingest import RUBBISH_IMAGES, draw_rubbish
from lenet_pipeline.lake import read_manifest
from lenet_pipeline.schema import Floats
from lenet_pipeline.scoring import Engine
from lenet_pipeline.system import describe_machine
from lenet_pipeline.training import (
    calibrate_model,
    find_recipe,
    read_labelled,
    read_splits,
    train_network,
)

MNIST, UNIPEN, HANDS, PRINTED = "mnist/train", "unipen/train", "hands/train", "printed/train"
AS_WRITTEN = "written/train"  # lenet ingest unipen --name written --as-written
TESTS = ("mnist/test", "unipen/test", "hands/test", "printed/test", "hwd1000/test")
_ALL = (MNIST, UNIPEN, HANDS, PRINTED)
_MEMBERS = 3  # of a committee
_VIEWS = (1, 3, 5)


@dataclass(frozen=True)
class Row:
    """One row of the table: what to train.

    Attributes:
        name: The name of the row.
        datasets: The datasets to learn from.
        architecture: The architecture.
        distortion: Settings of the recipe's distortion to replace, as pairs of name and value.
    """

    name: str
    datasets: tuple[str, ...] = _ALL
    architecture: str = "lenet5"
    distortion: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Trained:
    """The probabilities, float32 (n, 10), of one row and seed, by test set and number of views."""

    row: Row
    seed: int
    probabilities: dict[tuple[str, int], Floats]


ROWS = (
    Row("mnist", (MNIST,)),
    Row("mnist, unipen", (MNIST, UNIPEN)),
    Row("mnist, hands", (MNIST, HANDS)),
    Row("mnist, printed", (MNIST, PRINTED)),
    Row("all, shapes as written", (MNIST, AS_WRITTEN, HANDS, PRINTED)),
    Row("all"),
    Row("all, lenet5-relu", architecture="lenet5-relu"),
    Row("all, thickness 0", distortion=(("thickness", 0.0),)),
    Row("all, thickness 0.8", distortion=(("thickness", 0.8),)),
    Row("all, elastic 0", distortion=(("elastic_px", 0.0),)),
    Row("all, elastic 0.6", distortion=(("elastic_px", 0.6),)),
    Row("all, planar 0", distortion=(("shear", 0.0), ("rotation_degrees", 0.0), ("scale", 0.0))),
    Row("all, planar x 2", distortion=(("shear", 0.16), ("rotation_degrees", 14.0), ("scale", 0.16))),
    Row("all, wear 0", distortion=(("fading", 0.0), ("noise", 0.0))),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train every row and print the table."""
    options = _parse(arguments)
    rows = [row for row in ROWS if row.name in options.rows]
    tests = {test: read_labelled(options.lake, [read_manifest(options.lake, test)]) for test in options.tests}
    runs = _train_all(options, rows)
    readings: dict[tuple[str, str], list[Readings]] = defaultdict(list)
    for row in rows:
        own = sorted((run for run in runs if run.row == row), key=lambda run: run.seed)
        groups = [own[first : first + _MEMBERS] for first in range(0, len(own) - _MEMBERS + 1, _MEMBERS)]
        for test, digits in tests.items():
            for views in _VIEWS:
                name = row.name if views == 1 else f"{row.name}, {views} views"
                found = [run.probabilities[test, views] for run in own]
                readings[name, test] = [measure(test, each, digits.labels) for each in found]
            means = [np.mean([run.probabilities[test, 1] for run in group], axis=0) for group in groups]
            if means:
                name = f"{row.name}, committee"
                readings[name, test] = [measure(test, each, digits.labels) for each in means]
    print("\n".join(table(readings)))  # noqa: T201 - a benchmark prints its figures
    if options.output:
        figures = [{"row": row, **asdict(each)} for (row, _), several in readings.items() for each in several]
        record = {"machine": describe_machine(), "epochs": options.epochs, "figures": figures}
        options.output.write_text(json.dumps(record, indent=1) + "\n")


def table(readings: dict[tuple[str, str], list[Readings]]) -> list[str]:
    """Return the lines of a table: for each row and test set, the means over the seeds."""
    lines = [f"{'row':36}{describe(None)}"]
    return lines + [f"{row:36}{describe(several)}" for (row, _), several in readings.items()]


def _train_all(options: argparse.Namespace, rows: Sequence[Row]) -> list[Trained]:
    jobs = [(row, seed) for row in rows for seed in range(options.seeds)]
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        waiting = [
            pool.submit(_train, options.lake, row, seed, options.tests, options.epochs) for row, seed in jobs
        ]
        return [each.result() for each in as_completed(waiting)]


def _train(lake: Path, row: Row, seed: int, tests: Sequence[str], epochs: int | None) -> Trained:
    torch.set_num_threads(1)
    recipe = find_recipe("modern")
    if recipe.distortion is not None:
        recipe = replace(recipe, distortion=replace(recipe.distortion, **dict(row.distortion)))
    splits = read_splits(lake, [read_manifest(lake, dataset) for dataset in row.datasets])
    result = train_network(
        row.architecture,
        recipe,
        splits["train"],
        splits["validation"],
        seed=seed,
        epochs=epochs,
        device="cpu",
        rubbish=draw_rubbish(RUBBISH_IMAGES, splits["train"].images, seed),
    )
    images = {test: read_labelled(lake, [read_manifest(lake, test)]).images for test in tests}
    found = {}
    for views in _VIEWS:
        scaling = replace(result.model.preprocessing, views=views)
        model = calibrate_model(replace(result.model, preprocessing=scaling), splits["validation"], "cpu")
        engine = Engine(model, "cpu", threads=1)
        found |= {(test, views): engine.score(each).probabilities for test, each in images.items()}
    return Trained(row, seed, found)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lake", type=Path, required=True, help="folder of the lake, usually HOME/lake")
    parser.add_argument("--rows", nargs="+", choices=names, default=names, metavar="ROW")
    parser.add_argument("--tests", nargs="+", default=TESTS, metavar="DATASET")
    parser.add_argument("--seeds", type=int, default=1, help="networks per row")
    parser.add_argument("--epochs", type=int, help="epochs (default: the recipe's own)")
    parser.add_argument("--processes", type=int, default=2, help="trainings at the same time")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
