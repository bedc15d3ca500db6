"""Peer: PyTorch's DataLoader over the Parquet files, the network in eager mode, rows into DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from benchmarks.scoring.job import COLUMNS, DATABASE_ROWS, Job, PlainNetwork, Score, batch_images, rows_table
from lenet_pipeline.lake import digit_ids_array

# Measured on 2 cores shared with other programs. 50,000 digits, no worker, two alternating rounds: batches of
# 512 took 17.1 and 17.7 s, of 256 29.0 and 25.0 s, of 1,024 27.1 and 19.7 s. 100,000 digits, one round with
# less load, one worker against none: 5.5 and 4.7 s for batches of 512, 6.2 and 5.1 s for 256. Two workers,
# and batches of 4,096, were slower under load.
BATCH = 512
WORKERS = 0


class ShardImages(IterableDataset[tuple[Tensor, Tensor]]):
    """Batches of digits from Parquet files; the workers divide the files among themselves."""

    def __init__(self, paths: list[Path], batch: int) -> None:
        """Set the files to read, and the digits per batch."""
        self.paths = paths
        self.batch = batch

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield identifiers, uint8 (n, 16), and images, uint8 (n, 28, 28)."""
        worker = get_worker_info()
        mine = self.paths if worker is None else self.paths[worker.id :: worker.num_workers]
        for path in mine:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(self.batch, columns=COLUMNS):
                    ids = digit_ids_array(pa.Table.from_batches([batch]))
                    yield torch.from_numpy(ids.copy()), batch_images(batch)


@contextmanager
def start(job: Job) -> Iterator[Score]:
    """Yield a function that scores a dataset into a new database."""
    batch, workers = job.batch or BATCH, WORKERS if job.workers is None else job.workers
    torch.set_num_threads(job.cores)

    def score(dataset: str, output: Path) -> None:
        network = PlainNetwork(job.model_files)
        images = ShardImages(job.shard_paths(dataset), batch)
        # The dataset yields whole batches; PyTorch's docs advise disabling automatic batching for that.
        loader = DataLoader(images, batch_size=None, num_workers=workers)
        with duckdb.connect(str(output / "rows.duckdb")) as connection:
            connection.execute(
                "create table predictions "
                "(digit_id uuid, label utinyint, confidence float, probabilities float[10])"
            )
            _score_batches(loader, network, connection)

    yield score


def _score_batches(
    loader: DataLoader[tuple[Tensor, Tensor]], network: PlainNetwork, connection: duckdb.DuckDBPyConnection
) -> None:
    """Score every batch, and insert the rows of many batches at once."""
    held, ids, probabilities = 0, [], []
    for batch_ids, images in loader:
        ids.append(batch_ids.numpy())
        probabilities.append(network.probabilities(images))
        held += len(images)
        if held >= DATABASE_ROWS:
            _insert(connection, np.concatenate(ids), np.concatenate(probabilities))
            held, ids, probabilities = 0, [], []
    if held:
        _insert(connection, np.concatenate(ids), np.concatenate(probabilities))


def _insert(
    connection: duckdb.DuckDBPyConnection, ids: NDArray[np.uint8], probabilities: NDArray[np.float32]
) -> None:
    storage = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(16), len(ids), [None, pa.py_buffer(np.ascontiguousarray(ids))]
    )
    rows = rows_table(pa.ExtensionArray.from_storage(pa.uuid(), storage), probabilities)
    connection.register("rows", rows)
    connection.execute("insert into predictions select * from rows")
    connection.unregister("rows")
