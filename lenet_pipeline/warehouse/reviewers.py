"""Reviewers in the database: people who may sign in on the verification pages, and their tokens' hashes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import pyarrow as pa

from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.fetching import fetch_statement
from lenet_pipeline.warehouse.migrations import reading, writing
from lenet_pipeline.warehouse.statements import run_statement


@dataclass(frozen=True)
class ReviewerRecord:
    """A person's token, as it is recorded: the hash, never the token."""

    token_id: UUID
    name: str
    token_sha256: str
    invited_at: datetime
    invited_by: str


@dataclass(frozen=True)
class FoundReviewer:
    """The person whose valid token has a hash."""

    token_id: UUID
    name: str
    token_sha256: str


def record_reviewer(warehouse: Warehouse, record: ReviewerRecord) -> None:
    """Record a person's token. A database that does not exist yet is created.

    Raises:
        WarehouseError: The database refuses the record.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection:
        run_statement(connection, "insert_reviewer", asdict(record))


def revoke_reviewer(warehouse: Warehouse, name: str, revoked_at: datetime, revoked_by: str) -> int:
    """Revoke all valid tokens of a person.

    Returns:
        The number of tokens that became invalid.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    values = {"name": name, "revoked_at": revoked_at, "revoked_by": revoked_by}
    with writing(warehouse) as connection:
        return len(run_statement(connection, "revoke_reviewer", values))


def list_reviewers(warehouse: Warehouse) -> pa.Table:
    """List the tokens with their people, in the order of invitation.

    Columns: name, invited_at, invited_by, is_revoked, revoked_at, revoked_by.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        return fetch_statement(connection, "load/list_reviewers.sql", {})


def find_reviewer(warehouse: Warehouse, token_sha256: str) -> FoundReviewer | None:
    """Return the person whose valid token has a hash, or None.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        rows = run_statement(connection, "find_reviewer", {"token_sha256": token_sha256})
    return FoundReviewer(*rows[0]) if rows else None


def is_token_valid(warehouse: Warehouse, token_id: UUID) -> bool:
    """Tell whether a token exists and is not revoked.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        return bool(run_statement(connection, "find_valid_token", {"token_id": token_id}))
