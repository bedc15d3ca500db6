"""Scoring shards: read a verified shard of digits, and write a shard of predictions.

The name of a shard score derives from everything that determines its content. The same work therefore always
has the same name and is done only once.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from lenet_pipeline.errors import ScoringError, ShardError
from lenet_pipeline.lake import (
    AnyPlace,
    Manifest,
    Place,
    Shard,
    digest_predictions,
    images_array,
    open_place,
    open_sink,
    read_shard,
)
from lenet_pipeline.schema import PREDICTIONS, ROW_GROUP_ROWS, derive_uuid
from lenet_pipeline.scoring.drift_reference import count_ink
from lenet_pipeline.scoring.engine import Engine, Scores
from lenet_pipeline.system import describe_os_error

# Metadata keys of a staged file. They record how it was computed, for a run that resumes later.
_DEVICE, _ENGINE, _DIGEST, _INK = "device", "engine", "predictions_sha256", "ink_counts"

Item = TypeVar("Item")


@dataclass(frozen=True)
class ScoringKey:
    """Everything except the digit that determines a prediction."""

    model_name: str
    model_version: int
    weights_sha256: str
    preprocessing_fingerprint: str
    precision: str

    def shard_score_id(self, shard: Shard) -> uuid.UUID:
        """Return the id of a shard's score."""
        return self._derive("shard-score", shard.fingerprint)

    def scoring_run_id(self, manifest: Manifest) -> uuid.UUID:
        """Return the id of the scoring run over a manifest."""
        return self._derive("scoring-run", manifest.dataset, manifest.fingerprint)

    def _derive(self, *parts: str) -> uuid.UUID:
        # Includes the weights, because a new home numbers its model versions from 1 again.
        return derive_uuid(
            *parts,
            self.model_name,
            self.model_version,
            self.weights_sha256,
            self.preprocessing_fingerprint,
            self.precision,
        )


@dataclass(frozen=True)
class ShardWork:
    """One shard to score: where to read it, and the file for its predictions."""

    lake: Place
    dataset: str
    shard: Shard
    destination: Place


@dataclass(frozen=True)
class ScoredShard:
    """A stored shard of predictions.

    Attributes:
        path: The file.
        rows: The number of predictions.
        is_new: Whether it was computed now; otherwise it existed already.
        device: The device that computed it.
        engine: The description of the engine that computed it.
        predictions_sha256: The sha256 over the predictions.
        ink_counts: The number of images by amount of ink, see ``count_ink``.
    """

    path: Place
    rows: int
    is_new: bool
    device: str
    engine: str
    predictions_sha256: str
    ink_counts: tuple[int, ...]


def score_shard(
    engine: Engine,
    lake: AnyPlace,
    dataset: str,
    shard: Shard,
    destination: AnyPlace,
    advance: Callable[[int], None] = lambda _: None,
) -> ScoredShard:
    """Score one shard and write its predictions to ``destination`` atomically, unless they exist already.

    ``advance`` is called with numbers of finished images.

    Raises:
        ShardError: The shard does not match its manifest.
        ScoringError: The predictions cannot be written.
        StorageError: The store of the shard or of the predictions cannot be reached.
    """
    destination = open_place(destination)
    digits = read_shard(lake, dataset, shard)
    staged = _find_staged(destination, shard.rows)
    if staged:  # the same name means the same content
        advance(shard.rows)
        return staged
    images = images_array(digits)
    scores, ink_counts = engine.score(images, advance), count_ink(images)
    del images  # a view that keeps the table's column alive
    digits = digits.drop_columns("image")  # frees nine tenths of the memory
    predictions = predictions_table(digits, scores)
    origin = {
        _DEVICE: str(engine.device),
        _ENGINE: engine.description,
        _DIGEST: digest_predictions(predictions),
        _INK: json.dumps(ink_counts),
    }
    try:
        with open_sink(destination) as sink:
            write_predictions(predictions.replace_schema_metadata(origin), sink)
    except OSError as exc:
        raise ScoringError(f"cannot write predictions {destination}: {describe_os_error(exc)}") from exc
    return _scored(destination, shard.rows, True, origin)


def score_shards(
    work: Callable[[Item], ScoredShard], shards: Sequence[Item], threads: int
) -> Iterator[tuple[Item, ScoredShard | ShardError]]:
    """Score shards concurrently, one per thread, and yield each one as soon as it is done.

    Reading, computing and writing overlap, and at most ``threads`` shards are in memory. A bad shard is
    yielded with its error. Any other error ends the scoring, after the shards in progress are finished.

    Args:
        work: A function that scores one shard; it is called from several threads.
        shards: The arguments for ``work``.
        threads: The number of threads.

    Yields:
        Each argument with its predictions or its ``ShardError``.
    """
    with ThreadPoolExecutor(threads, thread_name_prefix="score-shard") as pool:
        futures = {pool.submit(work, shard): shard for shard in shards}
        try:
            for future in as_completed(futures):
                try:
                    yield futures[future], future.result()
                except ShardError as exc:
                    yield futures[future], exc
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def write_predictions(predictions: pa.Table, sink: Path | pa.BufferOutputStream) -> None:
    """Write predictions as Parquet, in row groups of DuckDB's size."""
    pq.write_table(
        predictions,
        sink,
        compression="zstd",
        compression_level=1,
        row_group_size=ROW_GROUP_ROWS,
        use_dictionary=False,  # values rarely repeat: twice as fast without a dictionary, and no larger
    )


def _find_staged(predictions: Place, rows: int) -> ScoredShard | None:
    """Return the staged file if it exists and is intact; return None if it is missing or damaged."""
    try:
        with pq.ParquetFile(predictions.readable()) as staged:
            schema, found = staged.schema_arrow, staged.read()
    except (OSError, pa.ArrowException):
        return None
    if len(found) != rows or not schema.equals(PREDICTIONS):
        return None
    origin = {name.decode(): value.decode() for name, value in (schema.metadata or {}).items()}
    is_as_computed = _INK in origin and origin.get(_DIGEST) == digest_predictions(found)
    return _scored(predictions, rows, False, origin) if is_as_computed else None


def _scored(path: Place, rows: int, is_new: bool, origin: Mapping[str, str]) -> ScoredShard:
    ink_counts = tuple(json.loads(origin[_INK]))
    return ScoredShard(path, rows, is_new, origin[_DEVICE], origin[_ENGINE], origin[_DIGEST], ink_counts)


def read_probabilities(predictions: Place) -> npt.NDArray[np.float32]:
    """Return the probabilities in a staged file, float32 (n, 10), in its order of rows."""
    column = pq.read_table(predictions.readable(), columns=["probabilities"])["probabilities"]
    flat: npt.NDArray[np.float32] = column.combine_chunks().flatten().to_numpy()
    return flat.reshape(-1, 10)


def predictions_table(digits: pa.Table, scores: Scores) -> pa.Table:
    """Combine scores with the ids and true labels of their digits in a table of schema ``PREDICTIONS``."""
    rows = len(digits)
    not_a_digit = pa.nulls(rows, pa.float32()) if scores.not_a_digit is None else scores.not_a_digit
    flat = pa.array(scores.probabilities.reshape(-1))
    return pa.Table.from_arrays(
        [
            digits["digit_id"],
            pa.array(scores.labels),
            pa.array(scores.confidences),
            pa.FixedSizeListArray.from_arrays(flat, type=PREDICTIONS.field("probabilities").type),
            pa.array(not_a_digit) if isinstance(not_a_digit, np.ndarray) else not_a_digit,
            digits["label"],
        ],
        schema=PREDICTIONS,
    )
