"""Ours: the flow ``score`` into DuckDB, and its ceiling: the engine alone on images in memory."""

from __future__ import annotations

import inspect
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.scoring_job import Job, Score, UnavailableError
from lenet_pipeline.lake.datasets import read_manifest, read_shard
from lenet_pipeline.lake.digits import images_array
from lenet_pipeline.registry.chain_head import CHAIN_HEAD_TAG
from lenet_pipeline.registry.model_files import read_model
from lenet_pipeline.scoring.engine import Engine

CEILING_DIGITS = 200_000


@contextmanager
def start(job: Job, precision: str) -> Iterator[Score]:
    """Start a Prefect server; yield a function that scores a dataset into a home of its own."""
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    from flows.prefect_server import start_prefect_server
    from lenet_pipeline.jobs.scoring_runs import score

    options = precision_option(score.fn, precision)
    start_prefect_server(job.home)

    def run(dataset: str, output: Path) -> None:
        borrow_home(job.home, output)
        score(dataset, model=job.model, home=output, actor="benchmark", **options)

    yield run


@contextmanager
def start_ceiling(job: Job, precision: str) -> Iterator[Score]:
    """Read the first images into memory; yield a function that scores them and leaves no rows."""
    options = precision_option(Engine, precision)
    engine = Engine(read_model(job.model_files), **options)
    images = {name: first_images(job.lake, name, CEILING_DIGITS) for name in (job.warm_up, job.dataset)}

    def run(dataset: str, _output: Path) -> None:
        engine.score(images[dataset])

    yield run


def precision_option(function: Callable[..., Any], precision: str) -> dict[str, Any]:
    """Return the argument that chooses a precision; none where there is but the usual one.

    Raises:
        UnavailableError: the function knows no other precision than float32.
    """
    if "precision" in inspect.signature(function).parameters:
        return {"precision": precision}
    if precision != "float32":
        raise UnavailableError(f"no precision {precision} in this version")
    return {}


def borrow_home(home: Path, borrower: Path) -> None:
    """Give a new home the lake and the models of another; it scores anew what the other has scored.

    It begins an audit trail of its own, of which MLflow knows nothing yet.
    """
    (borrower / "lake").symlink_to(home.absolute() / "lake")
    with (
        closing(sqlite3.connect(home / "mlflow.db")) as source,
        closing(sqlite3.connect(borrower / "mlflow.db")) as copy,
    ):
        source.backup(copy)
        copy.execute("delete from registered_model_tags where key = ?", (CHAIN_HEAD_TAG,))
        copy.commit()


def first_images(lake: Path, dataset: str, most: int) -> NDArray[np.uint8]:
    """Return the first images of a dataset, uint8 (n, 28, 28), at most so many."""
    images: list[NDArray[np.uint8]] = []
    missing = most
    for shard in read_manifest(lake, dataset).shards:
        if missing <= 0:
            break
        images.append(images_array(read_shard(lake, dataset, shard))[:missing])
        missing -= len(images[-1])
    return np.concatenate(images)
