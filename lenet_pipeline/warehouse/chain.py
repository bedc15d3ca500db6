"""The audit chain: each event includes the sha256 of the previous one, so that changes are detectable."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from lenet_pipeline.errors import WarehouseError
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.migrations import reading
from lenet_pipeline.warehouse.snapshot import AsOf, querying
from lenet_pipeline.warehouse.statements import run_statement

VERSION, PROMOTION, POLICY, RUN, REVIEWS = "version", "promotion", "policy", "run", "reviews"


@dataclass(frozen=True)
class ChainHead:
    """The last link of the chain; a copy stored elsewhere reveals whether the chain was rewritten."""

    link_number: int
    link_sha256: str

    def __str__(self) -> str:
        return f"{self.link_number}:{self.link_sha256}"


def link_event(connection: duckdb.DuckDBPyConnection, kind: str, subject: object) -> None:
    """Add an event to the chain, in the transaction that records the event.

    Raises:
        WarehouseError: The chain's view does not show the event exactly once, so the view was altered.
    """
    links = run_statement(connection, "insert_chain_link", {"kind": kind, "subject": str(subject)})
    if len(links) != 1:
        raise WarehouseError(
            f"cannot add {kind} {subject} to the audit chain: a view of the database was altered; run "
            "`lenet check` to see which one, and restore the database from a backup"
        )


def has_link(warehouse: Warehouse, head: ChainHead) -> bool:
    """Tell whether the chain contains a link with this number and sha256.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        found = run_statement(connection, "find_chain_link", {"link_number": head.link_number})
    return found == [(head.link_sha256,)]


def read_chain_head(warehouse: Warehouse, as_of: AsOf | None = None) -> ChainHead:
    """Return the last link of the chain.

    With ``as_of``, the snapshot answers if the database is busy; see `AsOf`.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with querying(warehouse, as_of) as connection:
        ((number, sha256),) = run_statement(connection, "find_chain_head", {})
    return ChainHead(number, sha256)
