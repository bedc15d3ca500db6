"""Writes to the database: each function opens it, writes one short transaction, and closes it."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa

from lenet_pipeline.errors import WarehouseError
from lenet_pipeline.storage import AnyPlace, open_place
from lenet_pipeline.warehouse.connection import transaction
from lenet_pipeline.warehouse.migrations import migrated, writing
from lenet_pipeline.warehouse.records import (
    GateEvidence,
    ModelVersionRecord,
    PlannedShard,
    PromotionRecord,
    ScoringRunRecord,
    ShardScoreRecord,
)
from lenet_pipeline.warehouse.statements import read_statement

_NO_GATE = {field.name: None for field in fields(GateEvidence)}
_RUN_IDENTITY = (
    "dataset",
    "manifest_fingerprint",
    "model_name",
    "model_version",
    "preprocessing_fingerprint",
    "precision",
)


def record_model_version(database: Path, wait_s: float, record: ModelVersionRecord) -> None:
    """Record a model version; once recorded it stays as it is.

    Raises:
        WarehouseError: the version is recorded with other weights.
        DatabaseBusyError: the database was still held after ``wait_s`` seconds.
    """
    identity = {"model_name": record.model_name, "model_version": record.model_version}
    with writing(database, wait_s) as connection:
        run_statement(connection, "insert_model_version", asdict(record))
        ((recorded,),) = run_statement(connection, "find_model_weights", identity)
        if recorded != record.weights_sha256:
            raise WarehouseError(
                f"{record.model_name}/{record.model_version} is recorded in {database} with weights "
                f"{recorded[:12]}, and these are {record.weights_sha256[:12]}: the registry was replaced; "
                "restore it from a backup, or choose another folder with --home"
            )


def record_promotion(database: Path, wait_s: float, record: PromotionRecord) -> None:
    """Record a promotion event; the same event again changes nothing.

    Raises:
        WarehouseError: the database refused.
        DatabaseBusyError: the database was still held after ``wait_s`` seconds.
    """
    values = asdict(record)
    gate = values.pop("gate") or _NO_GATE
    with writing(database, wait_s) as connection:
        run_statement(connection, "insert_promotion", values | gate)


def start_scoring_run(database: Path, wait_s: float, run: ScoringRunRecord) -> set[UUID]:
    """Record a run and the shard scores it consists of; a run that is there keeps its first start.

    Returns:
        The shard scores of the run that the ledger has already.

    Raises:
        WarehouseError: the same id is recorded for another dataset, model version or precision.
        DatabaseBusyError: the database was still held after ``wait_s`` seconds.
    """
    values = asdict(run)
    del values["shards"]
    identity = {"scoring_run_id": run.scoring_run_id}
    with writing(database, wait_s) as connection:
        run_statement(connection, "insert_scoring_run", values)
        (recorded,) = run_statement(connection, "find_scoring_run", identity)
        for name, found in zip(_RUN_IDENTITY, recorded, strict=True):
            if found != values[name]:
                raise WarehouseError(
                    f"scoring run {run.scoring_run_id} is recorded with {name} {found}, and this one has "
                    f"{values[name]}: an id must name one run only"
                )
        connection.register("planned_shards", _planned_table(run.shards))
        run_statement(connection, "insert_planned_shards", identity)
        connection.unregister("planned_shards")
        return {
            score for score, is_scored in run_statement(connection, "list_run_shards", identity) if is_scored
        }


def finish_scoring_run(database: Path, wait_s: float, scoring_run_id: UUID, finished_at: datetime) -> None:
    """Mark a run as finished; one that is finished keeps its first time.

    Raises:
        WarehouseError: no such run was started, or the ledger lacks shards of it.
        DatabaseBusyError: the database was still held after ``wait_s`` seconds.
    """
    identity = {"scoring_run_id": scoring_run_id}
    with writing(database, wait_s) as connection:
        if not run_statement(connection, "find_scoring_run", identity):
            raise WarehouseError(f"no scoring run {scoring_run_id} was started in {database}")
        shards = run_statement(connection, "list_run_shards", identity)
        missing = sum(not is_scored for _, is_scored in shards)
        if missing:
            raise WarehouseError(
                f"scoring run {scoring_run_id} is not finished: {missing} of its {len(shards)} shards are "
                "not scored; run the same command again to score them"
            )
        run_statement(connection, "finish_scoring_run", identity | {"finished_at": finished_at})


@dataclass(frozen=True)
class ShardLoad:
    """One shard score to load: its ledger row, and the files that its rows come from.

    ``predictions`` is staged Parquet of schema ``PREDICTIONS``; ``digits`` is the shard's Parquet, of schema
    ``DIGITS``: where its digits are on paper is loaded with the first model version that scores it.
    """

    record: ShardScoreRecord
    predictions: AnyPlace
    digits: AnyPlace
    dataset: str


def load_shard_scores(database: Path, wait_s: float, loads: Sequence[ShardLoad]) -> int:
    """Load shards' predictions, each with its ledger row in one transaction, under one opening.

    Returns:
        How many were loaded; of those that the ledger has already nothing is changed.

    Raises:
        WarehouseError: a file is missing, malformed or of another number of rows; what came before it is
            loaded, and nothing of it or after it.
        StorageError: a file lies in an object store that cannot be reached.
        DatabaseBusyError: the database was still held after ``wait_s`` seconds.
    """
    # Copied before the database is opened: while it is, no other process can read it.
    with _on_disk(loads) as copied, migrated(database, wait_s) as connection:
        # A shard is one row group, which one thread reads; more of them take twice the processor's time.
        connection.execute("set threads = 1")
        loaded = 0
        for load in copied:
            with transaction(connection):
                loaded += _load_shard_score(connection, load)
        return loaded


@contextmanager
def _on_disk(loads: Sequence[ShardLoad]) -> Iterator[list[ShardLoad]]:
    """Yield the same loads with paths that DuckDB can read."""
    with ExitStack() as copies:

        def copied(place: AnyPlace) -> Path:
            return copies.enter_context(open_place(place).local_copy())

        yield [
            replace(load, predictions=copied(load.predictions), digits=copied(load.digits)) for load in loads
        ]


def _load_shard_score(connection: duckdb.DuckDBPyConnection, load: ShardLoad) -> bool:
    record = load.record
    identity = {"shard_score_id": record.shard_score_id, "shard_fingerprint": record.shard_fingerprint}
    ((is_scored, has_digits),) = run_statement(connection, "find_shard_score", identity)
    if is_scored:
        return False
    staged = {"shard_score_id": record.shard_score_id}
    _load_file(connection, "insert_predictions", load.predictions, staged, load)
    if not has_digits:
        placed = {"shard_fingerprint": record.shard_fingerprint}
        _load_file(connection, "insert_digits", load.digits, placed, load)
    run_statement(connection, "insert_shard_score", asdict(record) | {"dataset": load.dataset})
    return True


def load_rejects(database: Path, wait_s: float, rejects: pa.Table) -> int:
    """Load rejects, a table of schema ``REJECTS``; those that are there already stay as they are.

    Returns:
        How many were new.

    Raises:
        WarehouseError: the table has another schema, or the database refused.
        DatabaseBusyError: the database was still held after ``wait_s`` seconds.
    """
    with writing(database, wait_s) as connection:
        connection.register("new_rejects", rejects)
        ((inserted,),) = run_statement(connection, "insert_rejects", {})
        connection.unregister("new_rejects")
        return int(inserted)


def _load_file(
    connection: duckdb.DuckDBPyConnection,
    statement: str,
    place: AnyPlace,
    values: Mapping[str, object],
    load: ShardLoad,
) -> None:
    """Insert the rows of one Parquet file, and refuse it unless they are as many as the ledger row says."""
    where = f"shard {load.record.shard_fingerprint[:12]} of {load.dataset}"
    remedy = "nothing was loaded; run the same command again to score the shard anew"
    path = Path(place)
    if not path.is_file():
        raise WarehouseError(f"cannot load {where}: {path} is missing; {remedy}")
    # DuckDB reads a path as a pattern: shard[1].parquet would be taken for shard1.parquet.
    pattern = glob.escape(str(path))
    try:
        ((inserted,),) = run_statement(connection, statement, {**values, "path": pattern})
    except (duckdb.DataError, duckdb.IntegrityError, duckdb.ProgrammingError) as exc:
        reason = str(exc).splitlines()[0]
        raise WarehouseError(
            f"cannot load {where}: {path} is not what it should be ({reason}); {remedy}"
        ) from exc
    if inserted != load.record.rows:
        raise WarehouseError(
            f"cannot load {where}: {path} holds {inserted} rows, expected {load.record.rows}; {remedy}"
        )


def _planned_table(shards: tuple[PlannedShard, ...]) -> pa.Table:
    return pa.table(
        {
            "shard_position": pa.array(range(len(shards)), pa.int32()),
            "shard_score_id": pa.array([shard.shard_score_id.bytes for shard in shards], pa.uuid()),
            "shard_fingerprint": pa.array([shard.shard_fingerprint for shard in shards], pa.string()),
            "rows": pa.array([shard.rows for shard in shards], pa.int64()),
        }
    )


def run_statement(
    connection: duckdb.DuckDBPyConnection, statement: str, values: Mapping[str, object]
) -> list[tuple[Any, ...]]:
    """Run one statement of ``sql/load`` with named values, and return all its rows."""
    return connection.execute(read_statement(f"load/{statement}.sql"), dict(values) or None).fetchall()
