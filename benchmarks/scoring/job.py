"""The scoring job that every contestant receives, and functions shared by the peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from lenet_pipeline.lake import images_array, read_manifest, shard_path
from lenet_pipeline.registry.model_files import read_model
from lenet_pipeline.schema import PREDICTIONS, ROW_GROUP_ROWS
from lenet_pipeline.scoring import load_network

COLUMNS = ["digit_id", "image"]
ROWS = pa.schema([PREDICTIONS.field(name) for name in ("digit_id", "label", "confidence", "probabilities")])
DATABASE_ROWS = ROW_GROUP_ROWS  # rows per insert, if a contestant can choose

Score = Callable[[str, Path], None]  # takes a dataset's name, and the folder to write rows into


class UnavailableError(Exception):
    """A contestant cannot run on this machine; the message says why."""


@dataclass(frozen=True)
class Job:
    """The data to score, and the resources to use.

    Attributes:
        home: the home that holds the lake and the models.
        dataset: the dataset to time.
        warm_up: a small dataset to score before the clock starts.
        model: the model's reference, such as ``digits/1``.
        cores: cores to use.
        batch: images per batch; the contestant's best known size if None.
        workers: worker processes; the contestant's best known number if None.
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
        """The folder with the model's two files, for the contestants that do not use the registry."""
        return self.home / "timed-models" / self.model

    def shard_paths(self, dataset: str) -> list[Path]:
        """Return the shard files of a dataset, in order."""
        manifest = read_manifest(self.lake, dataset)
        return [shard_path(self.lake, dataset, shard) for shard in manifest.shards]


class PlainNetwork:
    """The project's network as a PyTorch module, without the scoring engine; peers score with it."""

    def __init__(self, model_files: Path) -> None:
        """Load the network for inference."""
        model = read_model(model_files)
        self._preprocessing = model.preprocessing
        self._temperature = model.temperature
        self._network = load_network(model).eval()

    @torch.inference_mode()
    def probabilities(self, images: torch.Tensor) -> NDArray[np.float32]:
        """Return the probabilities, float32 (n, 10), of images, uint8 (n, 28, 28)."""
        scores = self._network(self._preprocessing.apply(images))
        probabilities: NDArray[np.float32] = torch.softmax(scores / self._temperature, dim=1).numpy()
        return probabilities


def batch_images(batch: pa.RecordBatch | pa.Table) -> torch.Tensor:
    """Return a copy of the images of a batch of digits, uint8 (n, 28, 28)."""
    table = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
    return torch.from_numpy(images_array(table).copy())


def rows_table(digit_ids: pa.Array | pa.ChunkedArray, probabilities: NDArray[np.float32]) -> pa.Table:
    """Return the rows that a contestant writes, in schema ``ROWS``.

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
