"""This project's contestants: the job ``score`` into DuckDB, and the engine alone on images in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.scoring.job import Job, Score
from lenet_pipeline.lake import images_array, read_manifest, read_shard
from lenet_pipeline.registry.chain_head import CHAIN_HEAD_TAG
from lenet_pipeline.registry.model_files import read_model
from lenet_pipeline.scoring import Engine

CEILING_DIGITS = 200_000


@contextmanager
def start(job: Job, precision: str) -> Iterator[Score]:
    """Yield a function that scores a dataset into a new home."""
    from lenet_pipeline.jobs import ScoringJob, score
    from lenet_pipeline.settings import read_settings

    def run(dataset: str, output: Path) -> None:
        borrow_home(job.home, output)
        score(read_settings(output, "benchmark"), ScoringJob(dataset, job.model, precision=precision))

    yield run


@contextmanager
def start_ceiling(job: Job, precision: str) -> Iterator[Score]:
    """Read the first images into memory; yield a function that scores them and writes no rows."""
    engine = Engine(read_model(job.model_files), precision=precision)
    images = {name: first_images(job.lake, name, CEILING_DIGITS) for name in (job.warm_up, job.dataset)}

    def run(dataset: str, _output: Path) -> None:
        engine.score(images[dataset])

    yield run


def borrow_home(home: Path, borrower: Path) -> None:
    """Give a new home the lake and the models of another home, but none of its predictions.

    The new home starts its own audit trail, so the copy of MLflow's database must not name the chain head of
    the other.
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
    """Return the first images of a dataset, uint8 (n, 28, 28) with n <= ``most``."""
    images: list[NDArray[np.uint8]] = []
    missing = most
    for shard in read_manifest(lake, dataset).shards:
        if missing <= 0:
            break
        images.append(images_array(read_shard(lake, dataset, shard))[:missing])
        missing -= len(images[-1])
    return np.concatenate(images)
