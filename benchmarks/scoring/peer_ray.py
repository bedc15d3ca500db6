"""Peer: Ray Data with one actor per core, Parquet to Parquet."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import torch

from benchmarks.scoring.job import COLUMNS, Job, PlainNetwork, Score, batch_images, rows_table

# Measured once each on 2 cores shared with other programs, 100,000 digits: batches of 512 and of 1,024 took
# 27.1 s, of 4,096 29.6 s. An actor runs the plain network on one thread, which scored 14,700 to 17,300 digits
# per second of processor time with 512, 14,200 to 16,400 with 256, and 7,200 to 8,700 with 1,024.
BATCH = 512


class Scorer:
    """The work of an actor: load the network once, then score batches."""

    def __init__(self, model_files: Path) -> None:
        """Load the network on one thread."""
        torch.set_num_threads(1)
        self.network = PlainNetwork(model_files)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Score a batch of digits."""
        return rows_table(batch["digit_id"], self.network.probabilities(batch_images(batch)))


@contextmanager
def start(job: Job) -> Iterator[Score]:
    """Start Ray; yield a function that scores a dataset into Parquet."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"
    import ray

    with tempfile.TemporaryDirectory(prefix="ray-") as scratch:
        ray.init(
            # Each actor occupies a logical core. Without spare cores the reading tasks never start, and Ray
            # waits forever. Twice as many logical cores took 27.1 s, actors of half a core 34.8 s.
            num_cpus=2 * job.cores,
            include_dashboard=False,
            logging_level=logging.ERROR,
            _temp_dir=scratch,
        )
        try:
            yield lambda dataset, output: _score(job, dataset, output)
        finally:
            ray.shutdown()


def _score(job: Job, dataset: str, output: Path) -> None:
    import ray

    paths = [str(path) for path in job.shard_paths(dataset)]
    rows = ray.data.read_parquet(paths, columns=COLUMNS).map_batches(
        Scorer,
        fn_constructor_args=(job.model_files,),
        batch_size=job.batch or BATCH,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=job.workers or job.cores),
        num_cpus=1,
    )
    rows.write_parquet(str(output / "rows"))
