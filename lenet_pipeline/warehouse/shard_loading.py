"""Loading shard scores: staged predictions and their ledger rows, together, each shard in one transaction."""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lenet_pipeline.errors import StagedFileError, StorageError, WarehouseError
from lenet_pipeline.lake import AnyPlace, Place, open_place
from lenet_pipeline.schema import DIGITS
from lenet_pipeline.system import first_line
from lenet_pipeline.warehouse.connection import Warehouse, transaction
from lenet_pipeline.warehouse.migrations import migrated
from lenet_pipeline.warehouse.records import ShardScoreRecord
from lenet_pipeline.warehouse.statements import run_statement


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


def load_shard_scores(warehouse: Warehouse, loads: Sequence[ShardLoad]) -> int:
    """Load shards' predictions, each with its ledger row in one transaction, under one opening.

    Returns:
        How many were loaded; of those that the ledger has already nothing is changed.

    Raises:
        StagedFileError: predictions are missing, malformed or of another number of rows; what came before
            them is loaded, and nothing of them or after them.
        WarehouseError: the same of a shard's digits, or the database refused.
        StorageError: a file lies in an object store that cannot be reached.
        DatabaseBusyError: the database was still held after ``warehouse.wait_s`` seconds.
    """
    # Copied before the database is opened: while it is, no other process can read it.
    with _on_disk(loads) as copied, migrated(warehouse) as connection:
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
        yield [
            replace(
                load,
                predictions=copies.enter_context(open_place(load.predictions).local_copy()),
                digits=copies.enter_context(_without_images(open_place(load.digits))),
            )
            for load in loads
        ]


@contextmanager
def _without_images(digits: Place) -> Iterator[Path]:
    """Yield a shard's file, or, where it is on no disk of this machine, a copy of what is loaded of it.

    The images, nine tenths of it, stay where they are.
    """
    if digits.local is not None:
        yield digits.local
        return
    columns = [name for name in DIGITS.names if name != "image"]
    with tempfile.TemporaryDirectory(prefix="lenet-") as folder:
        copy = Path(folder) / digits.name
        try:
            with digits.open() as file:
                pq.write_table(pq.read_table(file, columns=columns), copy)
        except (OSError, pa.ArrowException) as exc:
            reason = "it is missing" if isinstance(exc, FileNotFoundError) else first_line(exc)
            raise StorageError(f"cannot copy {digits} into {folder}: {reason}") from exc
        yield copy


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
    fault = (
        partial(StagedFileError, shard_score_id=load.record.shard_score_id)
        if statement == "insert_predictions"
        else WarehouseError
    )
    if not path.is_file():
        raise fault(f"cannot load {where}: {path} is missing; {remedy}")
    # DuckDB reads a path as a pattern: shard[1].parquet would be taken for shard1.parquet.
    pattern = glob.escape(str(path))
    try:
        ((inserted,),) = run_statement(connection, statement, {**values, "path": pattern})
    except (duckdb.DataError, duckdb.IntegrityError, duckdb.ProgrammingError) as exc:
        reason = first_line(exc)
        raise fault(f"cannot load {where}: {path} is not what it should be ({reason}); {remedy}") from exc
    if inserted != load.record.rows:
        raise fault(
            f"cannot load {where}: {path} holds {inserted} rows, expected {load.record.rows}; {remedy}"
        )
