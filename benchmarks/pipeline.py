"""Time each job of the pipeline: ``python -m benchmarks.pipeline [--root DIR]``.

With ``--root``, a folder of MNIST's files, use its 60,000 training digits.
Otherwise use the digits that ship with scikit-learn. Print a table, and write
it as JSON with a description of the machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.machine import describe_machine

ROUNDS = 3
EPOCHS = 2


def main() -> None:
    """Run each job and print its time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, help="folder of MNIST's files")
    parser.add_argument("--output", type=Path, default=Path("pipeline.json"))
    arguments = parser.parse_args()
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as scratch:
        figures = measure(Path(scratch), arguments.root)
    for name, value in {**machine, **figures}.items():
        print(f"{name:<46} {value}")  # noqa: T201 - a benchmark prints its figures
    arguments.output.write_text(json.dumps({"machine": machine, "figures": figures}, indent=1))


def measure(home: Path, root: Path | None) -> dict[str, str]:
    """Run the jobs in an empty home; return each figure with its unit."""
    from lenet_pipeline.jobs import IngestJob, ScoringJob, TrainingJob, ingest, retrain, score
    from lenet_pipeline.lake import read_manifest
    from lenet_pipeline.registry import read_version, resolve_version
    from lenet_pipeline.scoring import Engine
    from lenet_pipeline.settings import read_settings
    from lenet_pipeline.training import read_labelled
    from lenet_pipeline.warehouse import run_audit

    settings = read_settings(home, "benchmark")
    registry = settings.registry
    source = "mnist" if root else "optdigits"
    dataset = f"{source}/train"
    ingest_s = seconds(lambda: ingest(settings, IngestJob(source, root)))
    report = retrain(settings, TrainingJob((dataset,), epochs=EPOCHS))
    score_s = seconds(lambda: score(settings, ScoringJob(dataset)))
    again_s = seconds(lambda: score(settings, ScoringJob(dataset)))
    audit_s = statistics.median(
        seconds(lambda: run_audit(settings.warehouse, "confusion", {})) for _ in range(ROUNDS)
    )
    engine = Engine(read_version(registry, resolve_version(registry, "champion")).model)
    images = read_labelled(settings.lake, [read_manifest(settings.lake, dataset)]).images
    forward_s = statistics.median(seconds(lambda: engine.score(images)) for _ in range(ROUNDS))
    return {
        f"ingest {source}": f"{ingest_s:.1f} s",
        "train lenet5 (recipe modern)": f"{report.images_per_second:,.0f} images/s",
        f"score {len(images):,} digits, Parquet to DuckDB": f"{len(images) / score_s:,.0f} images/s",
        "forward pass alone": f"{len(images) / forward_s:,.0f} images/s",
        "score the same digits again": f"{again_s:.2f} s",
        "audit: confusion": f"{audit_s:.2f} s",
    }


def seconds(job: Callable[[], object]) -> float:
    """Run a job and return its wall time."""
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
