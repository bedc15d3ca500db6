"""Small synthetic digits for the unit tests, of the real schema."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from lenet_pipeline.lake.appending import Append, append_digits
from lenet_pipeline.network.architectures import build_network
from lenet_pipeline.schema import BRIGHT_ON_DARK, DIGITS, IMAGE_SIDE, derive_digit_id
from lenet_pipeline.scoring.engine import Preprocessing, TrainedModel, network_weights
from lenet_pipeline.training.recipes import initialise
from lenet_pipeline.training.training_sets import LabelledDigits


def separable_images(labels: Sequence[int], seed: int = 0) -> NDArray[np.uint8]:
    """Return uint8 (n, 28, 28) that a child could tell apart: a bright bar at a place of each label's own."""
    images = np.random.default_rng(seed).integers(0, 60, (len(labels), IMAGE_SIDE, IMAGE_SIDE), np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(label, 2)
        image[3 + 5 * row : 6 + 5 * row, 3 + 12 * column : 12 + 12 * column] = 250
    return images


def labelled_digits(count: int, seed: int = 0) -> LabelledDigits:
    """Return easily told digits, each class as often as the others, in a random order."""
    labels = np.random.default_rng(seed).permutation(np.arange(count) % 10).astype(np.uint8)
    return LabelledDigits(separable_images(labels.tolist(), seed), labels)


def digits_table(
    count: int,
    *,
    scan: str = "scan",
    start: int = 0,
    labels: Sequence[int | None] | None = None,
    writers: Sequence[str | None] | None = None,
) -> pa.Table:
    """Return ``count`` digits of one scan, at positions ``start``, ``start + 1``, ... of its page 1.

    The same scan and position always give the same digit: the image is noise drawn from both.
    """
    positions = range(start, start + count)
    images = [
        np.random.default_rng([position, *scan.encode()]).integers(0, 256, 784, np.uint8).tobytes()
        for position in positions
    ]
    box = {"x": 1, "y": 2, "width": 20, "height": 24}
    columns = {
        "digit_id": pa.array([derive_digit_id(scan, 1, None, p).bytes for p in positions], pa.uuid()),
        "image": images,
        "label": [p % 10 for p in positions] if labels is None else labels,
        "source": [f"in/{scan}.png"] * count,
        "source_sha256": [scan] * count,
        "page": [1] * count,
        "field": [None] * count,
        "position": list(positions),
        "box": [box] * count,
        "source_box": [None] * count,
        "polarity": [BRIGHT_ON_DARK] * count,
        "template": [None] * count,
        "writer": [None] * count if writers is None else writers,
    }
    return pa.table(columns, schema=DIGITS)


def without_writers(table: pa.Table) -> pa.Table:
    """Return digits as old shards have them, without the column ``writer``."""
    return table.drop_columns(["writer"])


def put(lake: Path, dataset: str, *batches: pa.Table, shard_rows: int = 1000) -> Append:
    """Append batches to a dataset as the actor 'test'."""
    return append_digits(lake, dataset, batches, shard_rows=shard_rows, actor="test")


def untrained_model(architecture: str = "lenet5", temperature: float = 1.0) -> TrainedModel:
    """Return a network with the same first weights every time, spread enough to tell images apart."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        network = build_network(architecture)
        initialise(network, "unit-variance")
    return TrainedModel(architecture, network_weights(network), Preprocessing(), temperature)
