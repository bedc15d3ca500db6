"""Scoring runs as the database has them: to verify them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.migrations import reading
from lenet_pipeline.warehouse.queries import ask_statement, find_run
from lenet_pipeline.warehouse.snapshot import AsOf, asking


@dataclass(frozen=True)
class StoredShard:
    """One shard score of a run, and what computed it."""

    shard_score_id: str
    shard_fingerprint: str
    engine: str | None


@dataclass(frozen=True)
class StoredRun:
    """One scoring run: what it read, with what, and its shard scores that are in the ledger, in order."""

    scoring_run_id: str
    dataset: str
    manifest_version: int
    manifest_fingerprint: str
    model_name: str
    model_version: int
    precision: str
    shards: tuple[StoredShard, ...]


def read_run(warehouse: Warehouse, run: str, as_of: AsOf | None = None) -> StoredRun:
    """Return the run that is meant by 'latest', by an id or by the beginning of one.

    Where somebody writes to the database and ``as_of`` is given, the snapshot is asked: see `AsOf`.

    Raises:
        WarehouseError: there is no such run, or the database cannot be read.
        DatabaseBusyError: it was still held after ``warehouse.wait_s`` seconds.
    """
    with asking(warehouse, as_of) as connection:
        asked = {"run": find_run(connection, warehouse.path, run)}
        (record,) = ask_statement(connection, "load/find_run_to_verify.sql", asked).to_pylist()
        shards = ask_statement(connection, "load/list_engines.sql", asked).to_pylist()
    return StoredRun(**record, shards=tuple(StoredShard(**shard) for shard in shards))


def read_shard_predictions(warehouse: Warehouse, shard_score_id: str) -> pa.Table:
    """Return a shard score's predictions by digit: digit_id as 16 bytes, and what was read.

    Raises:
        WarehouseError: the database cannot be read.
        DatabaseBusyError: it was still held after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        return ask_statement(connection, "load/list_shard_predictions.sql", {"shard": shard_score_id})


def read_shard_places(warehouse: Warehouse, shard_fingerprint: str) -> pa.Table:
    """Return where the digits of a shard are, by digit: digit_id as 16 bytes, source, page and the like.

    Raises:
        WarehouseError: the database cannot be read.
        DatabaseBusyError: it was still held after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        return ask_statement(connection, "load/list_shard_places.sql", {"shard": shard_fingerprint})


def read_shard_boxes(warehouse: Warehouse, dataset: str, shard_fingerprint: str) -> pa.Table:
    """Return the cells that the digits of a dataset's shard were cut from: digit_id as 16 bytes, and boxes.

    Raises:
        WarehouseError: the database cannot be read.
        DatabaseBusyError: it was still held after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        asked = {"dataset": dataset, "shard": shard_fingerprint}
        return ask_statement(connection, "load/list_shard_boxes.sql", asked)


def find_shards_of_digits(
    warehouse: Warehouse, run: str, digits: Sequence[str], as_of: AsOf | None = None
) -> dict[str, str]:
    """Return the fingerprint of the shard of a run, by its id, that has each of some digits, by digit_id.

    Where somebody writes to the database and ``as_of`` is given, the snapshot is asked: see `AsOf`.

    Raises:
        WarehouseError: the database cannot be read.
        DatabaseBusyError: it was still held after ``warehouse.wait_s`` seconds.
    """
    if not digits:
        return {}
    asked = {"run": run, "digits": ",".join(digits)}
    with asking(warehouse, as_of) as connection:
        rows = ask_statement(connection, "load/list_shards_of_digits.sql", asked).to_pylist()
    return {row["digit_id"]: row["shard_fingerprint"] for row in rows}
