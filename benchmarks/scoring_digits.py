"""What bulk scoring is timed on: a home with a model, and a dataset of as many digits as asked for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lenet_pipeline.ingest.batch import digits_table
from lenet_pipeline.lake.datasets import commit_shards, find_manifest, write_shard
from lenet_pipeline.lake.digits import images_array
from lenet_pipeline.registry.model_files import write_model
from lenet_pipeline.schema import BRIGHT_ON_DARK

if TYPE_CHECKING:
    from lenet_pipeline.registry.store import Registry

SHARD_ROWS = 122_880  # the pipeline's own default
LEAST_SHARDS = 4  # so that a small trial, too, has a shard for each core
TRAINING_EPOCHS = 2

_MOST_SHIFT_PX = 2  # MNIST leaves four pixels of paper around a digit
_FADED = (1.0, 0.9, 0.8, 0.95, 0.85, 0.75, 0.7)


def prepare_home(home: Path, root: Path | None, architecture: str) -> str:
    """Ingest the real digits and train a model in a home, unless it has both; return the model's reference.

    Args:
        home: the pipeline's home, made where it is missing.
        root: folder of MNIST's files; the embedded digits where there is none.
        architecture: the network to train, briefly.
    """
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    from lenet_pipeline.audit.model_versions import open_registry
    from lenet_pipeline.registry.versions import list_versions
    from lenet_pipeline.settings import read_settings

    settings = read_settings(home, "benchmark")
    source = _source(root)
    registry = open_registry(settings)
    fitting = [
        version.reference
        for version in list_versions(registry)
        if version.architecture == architecture and version.datasets == (f"{source}/train",)
    ]
    reference = fitting[-1] if fitting else _train(home, root, architecture)
    write_files(registry, reference, home / "timed-models" / reference)
    return reference


def write_files(registry: Registry, reference: str, folder: Path) -> None:
    """Write a registered model's two files where those who know no registry find them."""
    from lenet_pipeline.registry.versions import read_version, resolve_version

    folder.mkdir(parents=True, exist_ok=True)
    write_model(folder, read_version(registry, resolve_version(registry, reference)).model)


def _train(home: Path, root: Path | None, architecture: str) -> str:
    from flows.prefect_server import start_prefect_server
    from lenet_pipeline.jobs.ingestion import ingest
    from lenet_pipeline.jobs.retraining import retrain

    start_prefect_server(home)
    source = _source(root)
    ingest(source, root, home=home)
    report = retrain([f"{source}/train"], architecture=architecture, epochs=TRAINING_EPOCHS, home=home)
    return f"digits/{report.version}"


def prepare_digits(lake: Path, root: Path | None, digits: int) -> str:
    """Write a dataset of so many digits into a lake, unless it is there; return its name."""
    source = _source(root)
    dataset = f"timed-{source}/digits-{digits}"
    if find_manifest(lake, dataset) is None:
        images, labels = _read_real(root)
        rows = min(SHARD_ROWS, -(-digits // LEAST_SHARDS))
        shards = [write_shard(lake, dataset, table) for table in varied_digits(images, labels, digits, rows)]
        commit_shards(lake, dataset, None, shards, actor="benchmark")
    return dataset


def varied_digits(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], digits: int, shard_rows: int
) -> Iterator[pa.Table]:
    """Yield so many digits, a shard at a time: the images over and over, each time moved and faded otherwise.

    Args:
        images: uint8 (n, 28, 28), ink bright on dark.
        labels: uint8 (n,).
        digits: how many to make.
        shard_rows: most digits in one table.

    Yields:
        Tables of schema ``DIGITS``. Each digit_id is random, of version 8, and the same again every time.
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
    """Return the image of each row; rows of one pass over the images are moved and faded alike."""
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
    """Return identifiers uint8 (count, 16): as hard to compress as the hashes of real ones."""
    ids = np.random.default_rng(seed).integers(0, 256, (count, 16), np.uint8)
    ids[:, 6] = ids[:, 6] & 0x0F | 0x80
    ids[:, 8] = ids[:, 8] & 0x3F | 0x80
    return ids


def _source(root: Path | None) -> str:
    return "optdigits" if root is None else "mnist"


def _read_real(root: Path | None) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    from lenet_pipeline.ingest.mnist import read_mnist
    from lenet_pipeline.ingest.optdigits import read_optdigits

    table = (read_optdigits() if root is None else read_mnist(root))["train"]
    return images_array(table), table["label"].to_numpy()
