"""Scoring: a verified shard of digits in, a shard of predictions on disk out.

A shard's score is named by what it was computed from, so the same work always has the same name and is
done once, ever.
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

# Who computed a staged file, in its own metadata: a run that goes on later must know.
_DEVICE, _ENGINE, _DIGEST, _INK = "device", "engine", "predictions_sha256", "ink_counts"

Item = TypeVar("Item")


@dataclass(frozen=True)
class ScoringKey:
    """What decides a prediction besides the digit itself."""

    model_name: str
    model_version: int
    weights_sha256: str
    preprocessing_fingerprint: str
    precision: str

    def shard_score_id(self, shard: Shard) -> uuid.UUID:
        """Name the score of one shard."""
        return self._derive("shard-score", shard.fingerprint)

    def scoring_run_id(self, manifest: Manifest) -> uuid.UUID:
        """Name the scoring run of one committed dataset version."""
        return self._derive("scoring-run", manifest.dataset, manifest.fingerprint)

    def _derive(self, *parts: str) -> uuid.UUID:
        # The weights are named too: a home made anew counts its versions from 1 again.
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
    """One shard to score: where it is read, and the file its predictions become."""

    lake: Place
    dataset: str
    shard: Shard
    destination: Place


@dataclass(frozen=True)
class ScoredShard:
    """A shard of predictions on disk; ``is_new`` unless it lay there already.

    ``device`` and ``engine`` are what computed it, now or then, and ``predictions_sha256`` is what they did.
    ``ink_counts`` are of the images: ``drift.count_ink``.
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
    """Score one shard into ``destination``, whole or not at all; keep what is there already.

    Raises:
        ShardError: the shard is not what its manifest says.
        ScoringError: the predictions could not be written.
        StorageError: the store of one or the other cannot be reached.
    """
    destination = open_place(destination)
    digits = read_shard(lake, dataset, shard)
    staged = _find_staged(destination, shard.rows)
    if staged:  # it is named by its content's origin: nothing to redo
        advance(shard.rows)
        return staged
    images = images_array(digits)
    scores, ink_counts = engine.score(images, advance), count_ink(images)
    del images  # they keep the table's column alive
    digits = digits.drop_columns("image")  # nine tenths of the memory, not needed to the end
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
    """Score shards side by side, one a thread, and yield each with what became of it, in no set order.

    While one is computed another is read and a third one written, and no more than ``threads`` are in
    memory. What goes wrong other than a bad shard ends all of them: those begun are finished, and kept.

    Args:
        work: scores one shard; called in several threads.
        shards: what to score, each in whatever form the work takes.
        threads: how many at a time.
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
    """Write predictions as Parquet, in row groups of the size that DuckDB has."""
    pq.write_table(
        predictions,
        sink,
        compression="zstd",
        compression_level=1,
        row_group_size=ROW_GROUP_ROWS,
        use_dictionary=False,  # hardly a value comes twice: twice as fast without, and no larger
    )


def _find_staged(predictions: Place, rows: int) -> ScoredShard | None:
    """Return a staged file that is there and readable: a disk may have lost what was written to it."""
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
    """Return the ten probabilities of every row of a staged file, float32 (n, 10), in order."""
    column = pq.read_table(predictions.readable(), columns=["probabilities"])["probabilities"]
    flat: npt.NDArray[np.float32] = column.combine_chunks().flatten().to_numpy()
    return flat.reshape(-1, 10)


def predictions_table(digits: pa.Table, scores: Scores) -> pa.Table:
    """Put scores beside their digits' ids and truths, as schema ``PREDICTIONS``."""
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
