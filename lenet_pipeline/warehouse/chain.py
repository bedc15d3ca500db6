"""The audit trail's chain: each event names the one before by its sha256, and so keeps it as it was."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from lenet_pipeline.errors import WarehouseError
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.migrations import reading
from lenet_pipeline.warehouse.snapshot import AsOf, asking
from lenet_pipeline.warehouse.statements import run_statement

VERSION, PROMOTION, POLICY, RUN, REVIEWS = "version", "promotion", "policy", "run", "reviews"


@dataclass(frozen=True)
class ChainHead:
    """The last link of the chain: whoever keeps it elsewhere can tell whether a chain is the same."""

    link_number: int
    link_sha256: str

    def __str__(self) -> str:
        return f"{self.link_number}:{self.link_sha256}"


def link_event(connection: duckdb.DuckDBPyConnection, kind: str, subject: object) -> None:
    """Link an event, in the transaction that recorded it.

    Raises:
        WarehouseError: the chain's view does not show the event, or shows it twice: it was altered.
    """
    links = run_statement(connection, "insert_chain_link", {"kind": kind, "subject": str(subject)})
    if len(links) != 1:
        raise WarehouseError(
            f"the audit chain cannot take up {kind} {subject}: the database's own definitions were altered; "
            "`lenet check` names them, restore the database from a backup"
        )


def has_link(warehouse: Warehouse, head: ChainHead) -> bool:
    """Tell whether the chain has a link, with the same sha256.

    Raises:
        WarehouseError: there is no database yet, or it cannot be read.
        DatabaseBusyError: it was still held after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        found = run_statement(connection, "find_chain_link", {"link_number": head.link_number})
    return found == [(head.link_sha256,)]


def read_chain_head(warehouse: Warehouse, as_of: AsOf | None = None) -> ChainHead:
    """Return the last link of the chain.

    Where somebody writes to the database and ``as_of`` is given, the snapshot is asked: see `AsOf`.

    Raises:
        WarehouseError: there is no database yet, or it cannot be read.
        DatabaseBusyError: it was still held after ``warehouse.wait_s`` seconds.
    """
    with asking(warehouse, as_of) as connection:
        ((number, sha256),) = run_statement(connection, "find_chain_head", {})
    return ChainHead(number, sha256)
