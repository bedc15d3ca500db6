"""Verification: score a run's digits again with the recorded model version, and compare the predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lenet_pipeline.audit.formatting import counted
from lenet_pipeline.audit.provenance import find_misplaced
from lenet_pipeline.audit.shard_lookup import find_run_shards
from lenet_pipeline.errors import VerificationFailed
from lenet_pipeline.lake import Shard, digit_ids_array, images_array, one_array, read_shard
from lenet_pipeline.registry import read_version, resolve_version
from lenet_pipeline.schema import Floats
from lenet_pipeline.scoring import Engine, Scores
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer
from lenet_pipeline.warehouse import StoredRun, StoredShard, read_run, read_shard_predictions

TOLERANCE = 1e-5  # of a probability computed by another processor or engine
Rows = npt.NDArray[np.intp]
_EXAMPLES = 5


@dataclass(frozen=True)
class VerificationJob:
    """Which digits to verify, and where.

    Attributes:
        run: ``latest``, a scoring run's id, or its beginning.
        sample: number of digits, drawn at random from all shards; all digits if None.
        seed: of the sample.
        device: ``auto``, ``cpu`` or ``cuda``.
    """

    run: str = "latest"
    sample: int | None = None
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True)
class Verification:
    """The result of a verification.

    Attributes:
        scoring_run_id: the run.
        dataset: the dataset that the run scored.
        model: the model version, such as ``digits/3``.
        digits: number of digits that were scored again.
        of_digits: number of digits in the run.
        engine: the engine that scored them now.
        recorded_engines: the engines that scored them in the run.
        is_exact: whether all probabilities were compared bit for bit, which needs the same engine on the same
            kind of processor. Otherwise labels must agree, and probabilities within ``TOLERANCE``.
        differing: number of digits whose stored prediction differs, is missing, duplicated or unknown.
        largest_difference: of any probability.
        misplaced: number of digits, in the shards that were read, whose place on paper or label differs from
            the lake.
        examples: some of the differing digits.
        misplaced_examples: some of the misplaced digits.
    """

    scoring_run_id: str
    dataset: str
    model: str
    digits: int
    of_digits: int
    engine: str
    recorded_engines: tuple[str, ...]
    is_exact: bool
    differing: int
    largest_difference: float
    misplaced: int
    examples: tuple[str, ...]
    misplaced_examples: tuple[str, ...]


def verify_run(settings: Settings, job: VerificationJob, observer: Observer = SILENT) -> Verification:
    """Score digits of a run again, and compare the predictions with the stored ones.

    Raises:
        WarehouseError: there is no such run.
        LakeError: the lake no longer has the data that the run read.
        RegistryError: the model version cannot be read.
    """
    stored = read_run(settings.warehouse, job.run)
    planned = find_run_shards(settings, stored)
    registry = settings.registry.named(stored.model_name)
    resolved = read_version(registry, resolve_version(registry, str(stored.model_version)))
    engine = Engine(resolved.model, job.device, precision=stored.precision)
    parts = list(_draw_sample(planned, job.sample, job.seed))
    compared = []
    digits = sum(len(rows) for _, _, rows in parts)
    with observer.progress(f"Verifying {stored.dataset}", digits) as advance:
        for kept, shard, rows in parts:
            compared.append(_compare(settings, stored, kept, shard, rows, engine))
            advance(len(rows))
    recorded = tuple(sorted({shard.engine or "unknown" for shard, _, _ in parts}))
    return Verification(
        scoring_run_id=stored.scoring_run_id,
        dataset=stored.dataset,
        model=resolved.version.reference,
        digits=digits,
        of_digits=sum(shard.rows for _, shard in planned),
        engine=engine.description,
        recorded_engines=recorded,
        is_exact=set(recorded) <= {engine.description},
        differing=sum(part.differing for part in compared),
        largest_difference=max((part.largest for part in compared), default=0.0),
        misplaced=sum(len(part.misplaced) for part in compared),
        examples=tuple(name for part in compared for name in part.examples)[:_EXAMPLES],
        misplaced_examples=tuple(name for part in compared for name in part.misplaced)[:_EXAMPLES],
    )


def raise_if_different(verification: Verification) -> None:
    """Raise if a verification found a difference.

    Raises:
        VerificationFailed: digits differ or are misplaced; the message names some of them.
    """
    found = []
    if verification.differing:
        found.append(
            f"{verification.differing:,} of {counted(verification.digits, 'digit')} of run "
            f"{verification.scoring_run_id} have a stored prediction that differs from what "
            f"{verification.model} reads now, or is missing, duplicated or unknown to the lake: "
            f"{', '.join(verification.examples)}"
        )
    if verification.misplaced:
        found.append(
            f"the place on paper or label of {counted(verification.misplaced, 'digit')} of run "
            f"{verification.scoring_run_id} differs from the lake: "
            f"{', '.join(verification.misplaced_examples)}"
        )
    if found:
        advice = "run `lenet check` for details" if verification.differing else "restore it from a backup"
        raise VerificationFailed(f"{'; '.join(found)}: the database or the lake was altered; {advice}")


def _draw_sample(
    planned: list[tuple[StoredShard, Shard]], sample: int | None, seed: int
) -> Iterator[tuple[StoredShard, Shard, Rows]]:
    """Yield the rows to verify of each shard, in order, and skip shards without any."""
    starts = np.cumsum([0, *(shard.rows for _, shard in planned)])
    chosen = np.arange(starts[-1])
    if sample is not None and sample < len(chosen):
        chosen = np.sort(np.random.default_rng(seed).choice(len(chosen), sample, replace=False))
    for number, (kept, shard) in enumerate(planned):
        rows = chosen[(chosen >= starts[number]) & (chosen < starts[number + 1])] - starts[number]
        if len(rows):
            yield kept, shard, rows


@dataclass(frozen=True)
class _ShardComparison:
    differing: int
    largest: float
    misplaced: list[str]
    examples: tuple[str, ...]


def _compare(
    settings: Settings, stored: StoredRun, kept: StoredShard, shard: Shard, rows: Rows, engine: Engine
) -> _ShardComparison:
    """Compare digits of one shard. A missing or duplicated prediction counts as different."""
    digits = read_shard(settings.lake, stored.dataset, shard)
    misplaced = find_misplaced(settings, stored.dataset, kept, digits)
    ids, images = digit_ids_array(digits)[rows], images_array(digits)[rows]
    predictions = read_shard_predictions(settings.warehouse, kept.shard_score_id)
    if not len(predictions):
        return _ShardComparison(len(rows), 0.0, misplaced, _names(ids))
    unknown = _unknown_ids(digit_ids_array(digits), predictions)
    places, is_stored = _match(ids, predictions)
    scores = engine.score(images)
    found = _stored_columns(predictions, places)
    is_same, largest = _is_same(scores, found, is_exact=kept.engine == engine.description)
    wrong = ~(is_same & is_stored)
    return _ShardComparison(
        int(wrong.sum()) + len(unknown),
        float(largest[is_stored].max(initial=0.0)),
        misplaced,
        (*_names(ids[wrong]), *_names(unknown))[:_EXAMPLES],
    )


def _unknown_ids(ids: npt.NDArray[np.uint8], predictions: pa.Table) -> npt.NDArray[np.uint8]:
    """Return the ids, uint8 (n, 16), of predictions whose digit is not in the shard."""
    known = {each.tobytes() for each in ids}
    found = [each for each in predictions["digit_id"].to_pylist() if each not in known]
    return np.frombuffer(b"".join(found), np.uint8).reshape(-1, 16)


def _names(ids: npt.NDArray[np.uint8]) -> tuple[str, ...]:
    """Return the first few ids, given as uint8 (n, 16), as text."""
    return tuple(str(UUID(bytes=each.tobytes())) for each in ids[:_EXAMPLES])


def _match(ids: npt.NDArray[np.uint8], predictions: pa.Table) -> tuple[Rows, npt.NDArray[np.bool_]]:
    """Return the row of each digit's prediction, and whether the digit has exactly one."""
    there = np.array(predictions["digit_id"].to_pylist(), "S16")
    wanted = np.array([each.tobytes() for each in ids], "S16")
    order = np.argsort(there)
    first = np.searchsorted(there[order], wanted, side="left")
    last = np.searchsorted(there[order], wanted, side="right")
    return order[np.minimum(first, len(there) - 1)], last - first == 1


@dataclass(frozen=True)
class _Columns:
    labels: npt.NDArray[np.uint8]
    confidences: Floats
    probabilities: Floats
    not_a_digit: Floats | None


def _stored_columns(predictions: pa.Table, places: Rows) -> _Columns:
    probabilities = one_array(predictions["probabilities"]).flatten().to_numpy().reshape(-1, 10)
    refused = predictions["not_a_digit"]
    return _Columns(
        predictions["label"].to_numpy()[places],
        predictions["confidence"].to_numpy()[places],
        probabilities[places],
        None if refused.null_count else refused.to_numpy()[places],
    )


def _is_same(
    scores: Scores, found: _Columns, *, is_exact: bool
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]:
    """Return whether each digit agrees with its stored prediction, and its largest difference."""
    pairs = [
        (scores.probabilities, found.probabilities),
        (scores.confidences[:, None], found.confidences[:, None]),
    ]
    if scores.not_a_digit is not None and found.not_a_digit is not None:
        pairs.append((scores.not_a_digit[:, None], found.not_a_digit[:, None]))
    differences = np.concatenate([np.abs(now - then) for now, then in pairs], axis=1).max(axis=1)
    is_same = scores.labels == found.labels
    is_same &= (scores.not_a_digit is None) == (found.not_a_digit is None)
    return is_same & (differences == 0 if is_exact else differences <= TOLERANCE), differences
