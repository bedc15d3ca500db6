"""Peer: the registered model as an MLflow pyfunc, over the Parquet files in chunks, Parquet to Parquet.

The registered model returns only label and confidence, so its rows have no probabilities.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from benchmarks.scoring.job import COLUMNS, ROWS, Job, Score
from lenet_pipeline.lake import images_array

# Measured on 2 cores shared with other programs, 50,000 digits, two alternating rounds: 16,384 rows, a row
# group, took 14.9 and 18.0 s; 65,536 20.9 and 17.1 s; 1,024 25.1 and 24.5 s. The engine splits each chunk
# into batches.
CHUNK = 16_384

_ROWS = pa.schema([ROWS.field(name) for name in ("digit_id", "label", "confidence")])


@contextmanager
def start(job: Job) -> Iterator[Score]:
    """Import MLflow; yield a function that scores a dataset into Parquet."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{job.home / 'mlflow.db'}")
    torch.set_num_threads(job.cores)
    yield lambda dataset, output: _score(job, dataset, output)


def _score(job: Job, dataset: str, output: Path) -> None:
    import mlflow

    model = mlflow.pyfunc.load_model(f"models:/{job.model}")
    with pq.ParquetWriter(output / "rows.parquet", _ROWS) as writer:
        for path in job.shard_paths(dataset):
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(job.batch or CHUNK, columns=COLUMNS):
                    writer.write_table(_predict(model, batch))


def _predict(model: Any, batch: pa.RecordBatch) -> pa.Table:
    scores = model.predict(images_array(pa.Table.from_batches([batch])))
    return pa.Table.from_arrays(
        [
            batch["digit_id"],
            pa.array(scores["label"].to_numpy().astype(np.uint8)),
            pa.array(scores["confidence"].to_numpy().astype(np.float32)),
        ],
        schema=_ROWS,
    )
