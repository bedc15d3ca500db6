"""Input for the scoring benchmarks: a home with a trained model, and a dataset of any number of digits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lenet_pipeline.ingest import digits_table
from lenet_pipeline.lake import find_manifest, images_array
from lenet_pipeline.lake.datasets import commit_shards, write_shard
from lenet_pipeline.registry.model_files import write_model
from lenet_pipeline.schema import BRIGHT_ON_DARK, ROW_GROUP_ROWS

if TYPE_CHECKING:
    from lenet_pipeline.jobs import Source
    from lenet_pipeline.registry import Registry
    from lenet_pipeline.settings import Settings
LEAST_SHARDS = 4  # so that each core has a shard, even in a small trial
TRAINING_EPOCHS = 2

_MOST_SHIFT_PX = 2  # MNIST has a margin of four pixels around each digit
_FADED = (1.0, 0.9, 0.8, 0.95, 0.85, 0.75, 0.7)


def prepare_home(home: Path, root: Path | None, architecture: str) -> str:
    """Ingest real digits and train a model in a home, unless it has both; return the model's reference.

    Args:
        home: the pipeline's home; created if missing.
        root: folder of MNIST's files; the digits that ship with scikit-learn if None.
        architecture: the network to train, for ``TRAINING_EPOCHS``.
    """
    from lenet_pipeline.registry import list_versions
    from lenet_pipeline.settings import read_settings

    settings = read_settings(home, "benchmark")
    source = _source(root)
    registry = settings.registry
    fitting = [
        version.reference
        for version in list_versions(registry)
        if version.architecture == architecture and version.datasets == (f"{source}/train",)
    ]
    reference = fitting[-1] if fitting else _train(settings, root, architecture)
    write_files(registry, reference, home / "timed-models" / reference)
    return reference


def write_files(registry: Registry, reference: str, folder: Path) -> None:
    """Write the two files of a registered model, for the contestants that do not use the registry."""
    from lenet_pipeline.registry import read_version, resolve_version

    folder.mkdir(parents=True, exist_ok=True)
    write_model(folder, read_version(registry, resolve_version(registry, reference)).model)


def _train(settings: Settings, root: Path | None, architecture: str) -> str:
    from lenet_pipeline.jobs import IngestJob, TrainingJob, ingest, retrain

    source = _source(root)
    ingest(settings, IngestJob(source, root))
    job = TrainingJob((f"{source}/train",), architecture=architecture, epochs=TRAINING_EPOCHS)
    return f"digits/{retrain(settings, job).version}"


def prepare_digits(lake: Path, root: Path | None, digits: int) -> str:
    """Write a dataset of a given size into a lake, unless it exists; return its name."""
    source = _source(root)
    dataset = f"timed-{source}/digits-{digits}"
    if find_manifest(lake, dataset) is None:
        images, labels = _read_real(root)
        rows = min(ROW_GROUP_ROWS, -(-digits // LEAST_SHARDS))
        shards = [write_shard(lake, dataset, table) for table in varied_digits(images, labels, digits, rows)]
        commit_shards(lake, dataset, None, shards, actor="benchmark")
    return dataset


def varied_digits(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], digits: int, shard_rows: int
) -> Iterator[pa.Table]:
    """Yield digits one shard at a time. Each pass over the images shifts and fades them differently.

    Args:
        images: uint8 (n, 28, 28), bright ink on a dark background.
        labels: uint8 (n,).
        digits: how many to make.
        shard_rows: most digits in one table.

    Yields:
        Tables of schema ``DIGITS``. Each digit_id is a pseudo-random UUID of version 8, the same every time.
    """
    for number, first in enumerate(range(0, digits, shard_rows)):
        rows = np.arange(first, min(first + shard_rows, digits))
        yield digits_table(
            _vary(images, rows),
            labels[rows % len(images)],
            digit_ids=_random_ids(number, len(rows)),
            sources=f"made/shard-{number:05}",
            source_sha256s=f"{number:064x}",
            positions=(rows - first).astype(np.int32),
            polarities=BRIGHT_ON_DARK,
        )


def _vary(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the image of each row. All rows of one pass over the images share one shift and one fading."""
    varied = np.empty((len(rows), *images.shape[1:]), np.uint8)
    passes = rows // len(images)
    for one in np.unique(passes):
        chosen = passes == one
        side = 2 * _MOST_SHIFT_PX + 1
        shift = (one % side - _MOST_SHIFT_PX, one // side % side - _MOST_SHIFT_PX)
        fading = (np.arange(256) * _FADED[one % len(_FADED)]).astype(np.uint8)
        varied[chosen] = np.roll(fading[images[rows[chosen] % len(images)]], shift, axis=(1, 2))
    return varied


def _random_ids(seed: int, count: int) -> NDArray[np.uint8]:
    """Return identifiers, uint8 (count, 16), that compress as badly as real ones, which are hashes."""
    ids = np.random.default_rng(seed).integers(0, 256, (count, 16), np.uint8)
    ids[:, 6] = ids[:, 6] & 0x0F | 0x80
    ids[:, 8] = ids[:, 8] & 0x3F | 0x80
    return ids


def _source(root: Path | None) -> Source:
    return "optdigits" if root is None else "mnist"


def _read_real(root: Path | None) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    from lenet_pipeline.ingest import read_mnist, read_optdigits

    table = (read_optdigits() if root is None else read_mnist(root))["train"]
    return images_array(table), table["label"].to_numpy()
