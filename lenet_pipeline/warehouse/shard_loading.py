"""Load shard scores: the staged predictions and the ledger row of each shard, in one transaction."""

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
from lenet_pipeline.system import first_line
from lenet_pipeline.warehouse.connection import Warehouse, transaction
from lenet_pipeline.warehouse.migrations import migrated
from lenet_pipeline.warehouse.records import ShardScoreRecord
from lenet_pipeline.warehouse.statements import run_statement

_WRITER = "writer"


@dataclass(frozen=True)
class ShardLoad:
    """One shard score to load: its ledger row and the files with its rows.

    ``predictions`` is a staged Parquet file of schema ``PREDICTIONS``. ``digits`` is the shard's Parquet
    file, of schema ``DIGITS``; its columns, except for the images, are loaded with the shard's first score.
    """

    record: ShardScoreRecord
    predictions: AnyPlace
    digits: AnyPlace
    dataset: str


def load_shard_scores(warehouse: Warehouse, loads: Sequence[ShardLoad]) -> int:
    """Load the predictions of shards over one connection, each shard in one transaction with its ledger row.

    Returns:
        The number of loaded shards; shards that are already in the ledger are skipped.

    Raises:
        StagedFileError: A file of predictions is missing, malformed or has an unexpected number of rows. The
            shards before it are loaded, and those after it are not.
        WarehouseError: A file of digits has one of these faults, or the database cannot be written.
        StorageError: A file is in an object store that cannot be reached.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    # Copy before opening the database, because no other process can read it while it is open.
    with _local_copies(loads) as copied, migrated(warehouse) as connection:
        # A shard is one row group, which a single thread reads. More threads would double the CPU time.
        connection.execute("set threads = 1")
        loaded = 0
        for load in copied:
            with transaction(connection):
                loaded += _load_shard_score(connection, load)
        return loaded


@contextmanager
def _local_copies(loads: Sequence[ShardLoad]) -> Iterator[list[ShardLoad]]:
    """Yield the same loads with local paths, which DuckDB can read."""
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
    """Yield the path of a local shard, or of a local copy without the images, which are nine tenths of it.

    Old shards are copied too, because they lack the column ``writer``.
    """
    if digits.local is not None and not _lacks_writers(digits.local):
        yield digits.local
        return
    with tempfile.TemporaryDirectory(prefix="lenet-") as folder:
        copy = Path(folder) / digits.name
        try:
            with digits.open() as file:
                shard = pq.ParquetFile(file)
                table = shard.read([name for name in shard.schema_arrow.names if name != "image"])
                if _WRITER not in table.column_names:
                    table = table.append_column(_WRITER, pa.nulls(len(table), pa.string()))
                pq.write_table(table, copy)
        except (OSError, pa.ArrowException) as exc:
            reason = "it is missing" if isinstance(exc, FileNotFoundError) else first_line(exc)
            raise StorageError(f"cannot copy {digits} into {folder}: {reason}") from exc
        yield copy


def _lacks_writers(shard: Path) -> bool:
    """Return whether a shard has no column ``writer``; False if it cannot be read, which DuckDB reports."""
    try:
        return _WRITER not in pq.read_schema(shard).names
    except (OSError, pa.ArrowException):
        return False


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
    """Insert the rows of a Parquet file; raise an error unless their number matches the ledger row."""
    where = f"shard {load.record.shard_fingerprint[:12]} of {load.dataset}"
    remedy = "the shard was not loaded; rerun the command to score it again"
    path = Path(place)
    fault = (
        partial(StagedFileError, shard_score_id=load.record.shard_score_id)
        if statement == "insert_predictions"
        else WarehouseError
    )
    if not path.is_file():
        raise fault(f"cannot load {where}: {path} is missing; {remedy}")
    # DuckDB treats a path as a pattern: shard[1].parquet would match shard1.parquet.
    pattern = glob.escape(str(path))
    try:
        ((inserted,),) = run_statement(connection, statement, {**values, "path": pattern})
    except (duckdb.DataError, duckdb.IntegrityError, duckdb.ProgrammingError) as exc:
        reason = first_line(exc)
        raise fault(f"cannot load {where}: {path} is malformed ({reason}); {remedy}") from exc
    if inserted != load.record.rows:
        raise fault(
            f"cannot load {where}: {path} holds {inserted} rows, expected {load.record.rows}; {remedy}"
        )
