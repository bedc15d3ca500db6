"""Time every audit and check on databases of different sizes.

    python -m benchmarks.audit --rows 1000000 10000000

Load synthetic predictions into a database with the pipeline's own functions:
one scoring run per million digits, two model versions, promotions and a
policy. Run each audit and check once and print a table of the times. A
database of 100 million rows takes about ten minutes to make and eight GB on
disk.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.machine import describe_machine
from lenet_pipeline.errors import PipelineError
from lenet_pipeline.lake import digest_predictions
from lenet_pipeline.schema import DIGITS, PREDICTIONS, ROW_GROUP_ROWS, derive_uuid
from lenet_pipeline.scoring import LOWER_ENDS
from lenet_pipeline.scoring.shards import write_predictions
from lenet_pipeline.warehouse import (
    ModelVersionRecord,
    PlannedShard,
    PolicyRecord,
    PromotionRecord,
    ScoringRunRecord,
    ShardLoad,
    ShardScoreRecord,
    Warehouse,
    finish_scoring_run,
    list_audits,
    list_checks,
    load_shard_scores,
    record_model_version,
    record_policy,
    record_promotion,
    run_audit,
    run_checks,
    start_scoring_run,
)

_SHARD, _SHARDS_A_RUN = ROW_GROUP_ROWS, 8
_WAIT_S = 60.0
_MODEL = "synthetic"  # not a registered model, because real models may score into the same database
_STARTED = datetime(2026, 11, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Timing:
    """The time of one audit or check over ``rows`` predictions; it has no ``seconds`` after an error."""

    kind: str
    name: str
    rows: int
    seconds: float | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Make each database, time every audit and check, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rows",
        type=int,
        nargs="+",
        default=[1_000_000, 10_000_000],
        help=f"predictions per database, rounded up to whole shards of {_SHARD:,}",
    )
    parser.add_argument("--folder", type=Path, help="folder for the databases (default: temporary)")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    options = parser.parse_args(arguments)
    timings: list[Timing] = []
    sizes = {}
    for rows in options.rows:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            warehouse = Warehouse(Path(folder) / "audit.duckdb", _WAIT_S)
            started = time.perf_counter()
            digit = make_database(warehouse, Path(folder), rows)
            seconds, size = time.perf_counter() - started, warehouse.path.stat().st_size
            loaded = -(-rows // _SHARD) * _SHARD
            sizes[rows] = size
            print(  # noqa: T201 - a benchmark prints its figures
                f"{loaded:,} predictions loaded in {seconds:,.0f} s: {size / 1e6:,.0f} MB, "
                f"{size / loaded:.0f} bytes per row",
                flush=True,
            )
            timings += time_queries(warehouse, rows, digit)
    print("\n".join(timing_table(timings)))  # noqa: T201
    if options.output:
        record = {
            "machine": describe_machine(),
            "bytes": sizes,
            "timings": [asdict(timing) for timing in timings],
        }
        options.output.write_text(json.dumps(record, indent=1) + "\n")


def make_database(warehouse: Warehouse, folder: Path, rows: int) -> UUID:
    """Load synthetic predictions into a new database; return the id of one digit in it.

    Args:
        warehouse: the database to fill.
        folder: for temporary Parquet files.
        rows: number of predictions, rounded up to whole shards.
    """
    rng = np.random.default_rng(0)
    for version in (1, 2):
        record_model_version(warehouse, _version(version))
        for action in ("register", "promote"):
            record_promotion(warehouse, _promotion(action, version))
    shards = -(-rows // _SHARD)
    first: UUID | None = None
    for start in range(0, shards, _SHARDS_A_RUN):
        numbers = range(start, min(start + _SHARDS_A_RUN, shards))
        run = _run(start // _SHARDS_A_RUN, numbers)
        start_scoring_run(warehouse, run)
        loads = []
        for number, planned in zip(numbers, run.shards, strict=True):
            digits, predictions = _digits(rng, number), folder / f"{number}.parquet"
            scored = _predictions(rng, digits)
            first = first or digits["digit_id"][0].as_py()
            pq.write_table(digits, folder / f"{number}-digits.parquet")
            write_predictions(scored, predictions)
            loads.append(
                ShardLoad(
                    _score(planned, run, digest_predictions(scored)),
                    predictions,
                    folder / f"{number}-digits.parquet",
                    run.dataset,
                )
            )
        load_shard_scores(warehouse, loads)
        finish_scoring_run(warehouse, run.scoring_run_id, run.started_at + timedelta(minutes=1))
        for load in loads:
            Path(load.predictions).unlink()
            Path(load.digits).unlink()
    record_policy(warehouse, _policy())
    assert first is not None  # noqa: S101 - for the type checker
    return first


def time_queries(warehouse: Warehouse, rows: int, digit: UUID) -> Iterator[Timing]:
    """Run every audit and every check once."""
    asked = {"digit": str(digit), "document": "scan-1.png", "model": _MODEL}
    for query in list_audits():
        values = {
            parameter.name: asked.get(parameter.name, "1")
            for parameter in query.parameters
            if parameter.default is None or parameter.name == "model"
        }
        yield Timing("audit", query.name, rows, _seconds(run_audit, warehouse, query.name, values))
    for check in list_checks():
        yield Timing("check", check.name, rows, _seconds(run_checks, warehouse, [], [check.name]))


def _seconds(ask: Callable[..., object], *arguments: object) -> float | None:
    """Return the wall time of a query; None if it raised an error, such as a missing kind of row."""
    started = time.perf_counter()
    try:
        ask(*arguments)
    except PipelineError:
        return None
    return time.perf_counter() - started


def timing_table(timings: Sequence[Timing]) -> list[str]:
    """Format the times as lines of at most 80 columns, with one column per database size."""
    sizes = sorted({timing.rows for timing in timings})
    names = dict.fromkeys((timing.kind, timing.name) for timing in timings)
    found = {(timing.kind, timing.name, timing.rows): timing.seconds for timing in timings}
    lines = [f"{'':<46}" + "".join(f"{size / 1e6:>8,g} M" for size in sizes)]
    for kind, name in names:
        columns = [found.get((kind, name, size)) for size in sizes]
        shown = "".join("         -" if each is None else f"{each:>8.2f} s" for each in columns)
        lines.append(f"{kind} {name}"[:46].ljust(46) + shown)
    return lines


def _digits(rng: np.random.Generator, number: int) -> pa.Table:
    """Return the places of a shard's digits, 200 to a scan, without images."""
    ids = rng.integers(0, 256, (_SHARD, 16), dtype=np.uint8)
    ids[:, 6], ids[:, 8] = ids[:, 6] & 0x0F | 0x80, ids[:, 8] & 0x3F | 0x80
    scans = (np.arange(_SHARD) + number * _SHARD) // 200
    storage = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), _SHARD, [None, pa.py_buffer(ids.tobytes())])
    columns = {
        "digit_id": pa.ExtensionArray.from_storage(pa.uuid(), storage),
        "label": pa.array(np.where(rng.random(_SHARD) < 0.2, rng.integers(0, 10, _SHARD), 255), pa.uint8()),
        "source": pa.array([f"/scans/2026-11/scan-{scan}.png" for scan in scans]),
        "source_sha256": pa.array([_fingerprint("scan", scan) for scan in scans]),
        "page": pa.array(np.ones(_SHARD), pa.int32()),
        "field": pa.nulls(_SHARD, pa.string()),
        "position": pa.array(np.arange(_SHARD) % 200, pa.int32()),
        "polarity": pa.array(["dark_on_bright"] * _SHARD),
    }
    known = columns["label"].to_numpy() < 10
    columns["label"] = pa.array(columns["label"].to_numpy(), pa.uint8(), mask=~known)
    names = [name for name in DIGITS.names if name in columns]
    return pa.table([columns[name] for name in names], names=names)


def _predictions(rng: np.random.Generator, digits: pa.Table) -> pa.Table:
    """Return the predictions of a good network: mostly certain, and calibrated."""
    truth = digits["label"].combine_chunks()
    scores = rng.gumbel(0, 1, (_SHARD, 10)).astype(np.float32)
    right = truth.fill_null(0).to_numpy()
    scores[np.arange(_SHARD), right] += rng.choice([2, 8, 14], _SHARD, p=[0.02, 0.2, 0.78])
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    flat = pa.array(shares.reshape(-1).astype(np.float32))
    arrays = [
        digits["digit_id"],
        pa.array(shares.argmax(axis=1).astype(np.uint8)),
        pa.array(shares.max(axis=1).astype(np.float32)),
        pa.FixedSizeListArray.from_arrays(flat, type=PREDICTIONS.field("probabilities").type),
        pa.array(rng.beta(0.05, 20, _SHARD).astype(np.float32)),
        truth,
    ]
    return pa.Table.from_arrays(arrays, schema=PREDICTIONS)


def _run(number: int, shards: range) -> ScoringRunRecord:
    return ScoringRunRecord(
        scoring_run_id=derive_uuid("run", number),
        dataset=f"inbox/day-{number}",
        manifest_version=1,
        manifest_fingerprint=_fingerprint("manifest", number),
        model_name=_MODEL,
        model_version=1,
        preprocessing_fingerprint="p" * 64,
        precision="float32",
        started_at=_STARTED + timedelta(hours=number),
        actor="benchmark",
        flow_run_id=None,
        shards=tuple(
            PlannedShard(derive_uuid("score", shard), _fingerprint("shard", shard), _SHARD)
            for shard in shards
        ),
    )


def _score(planned: PlannedShard, run: ScoringRunRecord, digest: str) -> ShardScoreRecord:
    return ShardScoreRecord(
        shard_score_id=planned.shard_score_id,
        shard_fingerprint=planned.shard_fingerprint,
        model_name=run.model_name,
        model_version=run.model_version,
        preprocessing_fingerprint=run.preprocessing_fingerprint,
        precision=run.precision,
        rows=planned.rows,
        predictions_sha256=digest,
        ink_counts=(planned.rows,) + (0,) * (len(LOWER_ENDS["ink"]) - 1),
        device="cpu",
        engine="synthetic",
        seconds=0.5,
        scored_at=run.started_at,
        actor=run.actor,
        flow_run_id=None,
    )


def _fingerprint(kind: str, number: int) -> str:
    """Return a realistic sha256, because DuckDB skips row groups by the first characters of a text."""
    return hashlib.sha256(f"{kind}:{number}".encode()).hexdigest()


def _version(number: int) -> ModelVersionRecord:
    return ModelVersionRecord(
        model_name=_MODEL,
        model_version=number,
        architecture="lenet5",
        recipe="modern",
        training_run_id=f"{number:032x}",
        weights_sha256=f"{number:064x}",
        preprocessing_fingerprint="p" * 64,
        training_fingerprint="t" * 64,
        temperature=8.0,
        code_revision="none",
        test_accuracy=0.99,
        registered_at=_STARTED,
        actor="benchmark",
        flow_run_id=None,
        effort="quick",
        trained_on="train split",
        datasets="mnist/train",
    )


def _promotion(action: str, version: int) -> PromotionRecord:
    record = PromotionRecord(
        model_name=_MODEL,
        action=action,
        alias="challenger",
        model_version=version,
        former_version=None,
        reason="for the benchmark",
        recorded_at=_STARTED,
        actor="benchmark",
        flow_run_id=None,
        gate=None,
    )
    return replace(record, alias="champion") if action == "promote" else record


def _policy() -> PolicyRecord:
    return PolicyRecord(
        subject="digit",
        model_name=_MODEL,
        model_version=1,
        precision="float32",
        max_error=0.005,
        certainty=0.95,
        threshold=0.97,
        not_a_digit_from=0.5,
        review_rate=0.01,
        review_seed=0,
        evidence="synthetic",
        evidence_fingerprint="e" * 64,
        labelled=10_000,
        accepted=9_000,
        errors=20,
        error_bound=0.004,
        labelled_needed=None,
        recorded_at=_STARTED,
        actor="benchmark",
        flow_run_id=None,
    )


if __name__ == "__main__":
    main()
