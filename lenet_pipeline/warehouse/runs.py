"""Read stored scoring runs, to verify them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.fetching import fetch_statement
from lenet_pipeline.warehouse.migrations import reading
from lenet_pipeline.warehouse.queries import find_run
from lenet_pipeline.warehouse.snapshot import AsOf, querying


@dataclass(frozen=True)
class StoredShard:
    """One shard score of a run, and the engine that computed it."""

    shard_score_id: str
    shard_fingerprint: str
    engine: str | None


@dataclass(frozen=True)
class StoredRun:
    """One scoring run: its dataset, its model version, and its shard scores in the ledger, in order."""

    scoring_run_id: str
    dataset: str
    manifest_version: int
    manifest_fingerprint: str
    model_name: str
    model_version: int
    precision: str
    shards: tuple[StoredShard, ...]


def read_run(warehouse: Warehouse, run: str, as_of: AsOf | None = None) -> StoredRun:
    """Return a run, given as 'latest', as an id, or as the beginning of one.

    With ``as_of``, the snapshot answers if the database is busy; see `AsOf`.

    Raises:
        WarehouseError: The run does not exist, or the database cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with querying(warehouse, as_of) as connection:
        asked = {"run": find_run(connection, warehouse.path, run)}
        (record,) = fetch_statement(connection, "load/find_run_to_verify.sql", asked).to_pylist()
        shards = fetch_statement(connection, "load/list_engines.sql", asked).to_pylist()
    return StoredRun(**record, shards=tuple(StoredShard(**shard) for shard in shards))


def read_shard_predictions(warehouse: Warehouse, shard_score_id: str) -> pa.Table:
    """Return the predictions of a shard score, sorted by digit_id, which is 16 bytes.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        return fetch_statement(connection, "load/list_shard_predictions.sql", {"shard": shard_score_id})


def read_shard_places(warehouse: Warehouse, shard_fingerprint: str) -> pa.Table:
    """Return the source, page and position of a shard's digits, sorted by digit_id, which is 16 bytes.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        return fetch_statement(connection, "load/list_shard_places.sql", {"shard": shard_fingerprint})


def read_shard_boxes(warehouse: Warehouse, dataset: str, shard_fingerprint: str) -> pa.Table:
    """Return the boxes of the cells that a shard's digits come from; digit_id is 16 bytes.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        asked = {"dataset": dataset, "shard": shard_fingerprint}
        return fetch_statement(connection, "load/list_shard_boxes.sql", asked)


def find_shards_of_digits(
    warehouse: Warehouse, run: str, digits: Sequence[str], as_of: AsOf | None = None
) -> dict[str, str]:
    """Return the fingerprint of the shard that holds each digit, by digit_id; ``run`` is a full run id.

    With ``as_of``, the snapshot answers if the database is busy; see `AsOf`.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    if not digits:
        return {}
    asked = {"run": run, "digits": ",".join(digits)}
    with querying(warehouse, as_of) as connection:
        rows = fetch_statement(connection, "load/list_shards_of_digits.sql", asked).to_pylist()
    return {row["digit_id"]: row["shard_fingerprint"] for row in rows}
