"""Time each job of the pipeline: ``python -m benchmarks.pipeline [--root DIR]``.

With ``--root``, a folder of MNIST's files, on its 60,000 training digits; without, on the embedded
ones. Prints a table and writes it with the machine's description as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.machine import describe_machine

ROUNDS = 3
WARM_UP_EPOCHS = 2


def main() -> None:
    """Run every measurement and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, help="folder of MNIST's files")
    parser.add_argument("--output", type=Path, default=Path("pipeline.json"))
    arguments = parser.parse_args()
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as scratch:
        figures = measure(Path(scratch), arguments.root)
    for name, value in {**machine, **figures}.items():
        print(f"{name:<46} {value}")  # noqa: T201 - what a benchmark is for
    arguments.output.write_text(json.dumps({"machine": machine, "figures": figures}, indent=1))


def measure(home: Path, root: Path | None) -> dict[str, str]:
    """Run the jobs in an empty home; return each figure with its unit."""
    from flows.prefect_server import start_prefect_server
    from lenet_pipeline.audit.model_versions import open_registry
    from lenet_pipeline.jobs.ingestion import ingest
    from lenet_pipeline.jobs.retraining import retrain
    from lenet_pipeline.jobs.scoring_runs import score
    from lenet_pipeline.lake.datasets import read_manifest
    from lenet_pipeline.registry.versions import read_version, resolve_version
    from lenet_pipeline.scoring.engine import Engine
    from lenet_pipeline.settings import read_settings
    from lenet_pipeline.training.training_sets import read_labelled
    from lenet_pipeline.warehouse.queries import run_audit

    settings = read_settings(home, "benchmark")
    source = "mnist" if root else "optdigits"
    dataset = f"{source}/train"
    server_s = seconds(lambda: start_prefect_server(home))
    ingest_s = seconds(lambda: ingest(source, root, home=home))
    report = retrain([dataset], epochs=WARM_UP_EPOCHS, home=home)
    score_s = seconds(lambda: score(dataset, home=home))
    again_s = seconds(lambda: score(dataset, home=home))
    audit_s = statistics.median(
        seconds(lambda: run_audit(settings.warehouse, "confusion", {})) for _ in range(ROUNDS)
    )
    registry = open_registry(settings)
    engine = Engine(read_version(registry, resolve_version(registry, "digits@champion")).model)
    images = read_labelled(settings.lake, [read_manifest(settings.lake, dataset)]).images
    forward_s = statistics.median(seconds(lambda: engine.score(images)) for _ in range(ROUNDS))
    return {
        "temporary Prefect server, first start": f"{server_s:.1f} s",
        f"ingest {source}, all of it": f"{ingest_s:.1f} s",
        "train lenet5 (recipe modern)": f"{report.images_per_second:,.0f} images/s",
        f"score {len(images):,} digits, Parquet to DuckDB": f"{len(images) / score_s:,.0f} images/s",
        "its forward pass alone": f"{len(images) / forward_s:,.0f} images/s",
        "the same run again": f"{again_s:.2f} s",
        "audit: confusion": f"{audit_s:.2f} s",
    }


def seconds(job: Callable[[], object]) -> float:
    """Run a job and return how long it took."""
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
