"""A job of bulk scoring, as every contestant gets it, and what all that run the plain network share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from lenet_pipeline.lake.datasets import read_manifest, shard_path
from lenet_pipeline.lake.digits import images_array
from lenet_pipeline.registry.model_files import read_model
from lenet_pipeline.schema import PREDICTIONS, ROW_GROUP_ROWS
from lenet_pipeline.scoring.engine import load_network

COLUMNS = ["digit_id", "image"]
ROWS = pa.schema([PREDICTIONS.field(name) for name in ("digit_id", "label", "confidence", "probabilities")])
DATABASE_ROWS = ROW_GROUP_ROWS  # rows in one insert or one row group, where a contestant may choose

Score = Callable[[str, Path], None]  # a dataset's name, and the folder to leave rows in


class UnavailableError(Exception):
    """A contestant that cannot take part here, and why."""


@dataclass(frozen=True)
class Job:
    """What to score, where everything is, and on how many cores it runs.

    ``warm_up`` is a small dataset that is scored before the clock starts. ``batch`` and ``workers`` override
    what was found best for a contestant, to try others.
    """

    home: Path
    dataset: str
    warm_up: str
    model: str
    cores: int
    batch: int | None = None
    workers: int | None = None

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    @property
    def model_files(self) -> Path:
        """The folder of the model's two files, beside the registry that contestants do not all read."""
        return self.home / "timed-models" / self.model

    def shard_paths(self, dataset: str) -> list[Path]:
        """Return the files of a dataset, in order."""
        manifest = read_manifest(self.lake, dataset)
        return [shard_path(self.lake, dataset, shard) for shard in manifest.shards]


class PlainNetwork:
    """The project's network as its authors wrote it, without the engine: what a peer is given."""

    def __init__(self, model_files: Path) -> None:
        """Load the network, ready to score."""
        model = read_model(model_files)
        self._preprocessing = model.preprocessing
        self._temperature = model.temperature
        self._network = load_network(model).eval()

    @torch.inference_mode()
    def probabilities(self, images: torch.Tensor) -> NDArray[np.float32]:
        """Return the probabilities float32 (n, 10) of uint8 images (n, 28, 28)."""
        scores = self._network(self._preprocessing.apply(images))
        probabilities: NDArray[np.float32] = torch.softmax(scores / self._temperature, dim=1).numpy()
        return probabilities


def batch_images(batch: pa.RecordBatch | pa.Table) -> torch.Tensor:
    """Return the images of a batch of digits as a tensor uint8 (n, 28, 28) of its own."""
    table = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
    return torch.from_numpy(images_array(table).copy())


def rows_table(digit_ids: pa.Array | pa.ChunkedArray, probabilities: NDArray[np.float32]) -> pa.Table:
    """Return the rows that every contestant leaves, as schema ``ROWS``.

    Args:
        digit_ids: n identifiers.
        probabilities: float32 (n, 10).
    """
    return pa.Table.from_arrays(
        [
            digit_ids,
            pa.array(probabilities.argmax(axis=1).astype(np.uint8)),
            pa.array(probabilities.max(axis=1)),
            pa.FixedSizeListArray.from_arrays(
                pa.array(probabilities.reshape(-1)), type=ROWS.field("probabilities").type
            ),
        ],
        schema=ROWS,
    )
