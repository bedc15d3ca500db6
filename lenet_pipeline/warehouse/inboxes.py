"""Inboxes in the database: their declarations, and the files that they took or refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime

import pyarrow as pa

from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.fetching import fetch_statement
from lenet_pipeline.warehouse.migrations import reading, writing
from lenet_pipeline.warehouse.queries import ask
from lenet_pipeline.warehouse.registration import registered_tables
from lenet_pipeline.warehouse.snapshot import AsOf, querying
from lenet_pipeline.warehouse.statements import run_statement


@dataclass(frozen=True)
class InboxRecord:
    """An inbox as it is declared.

    Attributes:
        name: the name, which begins the names of its datasets.
        place: the folder or URL to poll.
        templates: the paths of the templates of the expected forms.
        references: the folder of the blank forms; None if they are next to the templates.
        archive: the folder for documents that were read; None leaves them where they are.
        settle_s: how long a file must not change before it is taken, in seconds.
    """

    name: str
    place: str
    templates: tuple[str, ...]
    references: str | None
    archive: str | None
    settle_s: float


# Size in bytes, and time of the last change in nanoseconds since 1970.
FileVersion = tuple[int, int]


@dataclass(frozen=True)
class AskedDocument:
    """A document to look up: its path in the inbox, the path stored with its pages, and its content."""

    path: str
    source: str
    source_sha256: str


@dataclass(frozen=True)
class TakenVersion:
    """A version of a document that an inbox took: its path in the inbox, its content and its dataset."""

    path: str
    source_sha256: str
    dataset: str


@dataclass(frozen=True)
class StoredVersion:
    """A version of a document that is stored: the path stored with its pages, its content and its dataset."""

    source: str
    source_sha256: str
    dataset: str


@dataclass(frozen=True)
class ArchivedCopy:
    """Where a document may be: in an archive, or under its path in the folder of its inbox."""

    inbox: str
    path: str
    archived_to: str | None


def record_inbox(warehouse: Warehouse, record: InboxRecord, actor: str, *, is_removed: bool = False) -> None:
    """Record the declaration of an inbox, or its removal. A database that does not exist is created.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    values = {
        "name": record.name,
        "place": record.place,
        "templates": list(record.templates),
        "reference_folder": record.references,
        "archive": record.archive,
        "settle_s": record.settle_s,
        "is_removed": is_removed,
        "declared_at": datetime.now(UTC),
        "actor": actor,
    }
    with writing(warehouse) as connection:
        run_statement(connection, "insert_inbox", values)


def read_inboxes(warehouse: Warehouse) -> list[InboxRecord]:
    """Return the inboxes in force, by name; an empty list if there is no database yet.

    Raises:
        WarehouseError: The database cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    if not warehouse.path.exists():
        return []
    with reading(warehouse) as connection:
        rows = run_statement(connection, "list_current_inboxes", {})
    return [
        InboxRecord(name, place, tuple(templates), references, archive, settle_s)
        for name, place, templates, references, archive, settle_s in rows
    ]


def list_inboxes(warehouse: Warehouse) -> pa.Table:
    """List the inboxes in force with counts of their documents.

    Columns: name, place, templates, reference_folder, archive, settle_s, declared_at, actor, documents,
    duplicates, rejected, last_taken_at.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    return ask(warehouse, "list_inboxes", {})


def list_inbox_files(
    warehouse: Warehouse, inbox: str, until: datetime | None = None
) -> dict[str, FileVersion]:
    """Return the newest known version of each file of an inbox, by path.

    Args:
        warehouse: The database file and how long to wait for it.
        inbox: The name of the inbox.
        until: Leave out versions that were taken later; None keeps all.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    return _versions(ask(warehouse, "list_inbox_files", {"inbox": inbox, "until": until}))


def list_stored_files(warehouse: Warehouse, inbox: str, paths: Sequence[str]) -> dict[str, FileVersion]:
    """Return the newest known version of some files of an inbox, if its content is stored, by path.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    asked = pa.table({"path": pa.array(paths, pa.string())})
    with reading(warehouse) as connection, registered_tables(connection, asked_files=asked):
        return _versions(fetch_statement(connection, "load/list_stored_files.sql", {"inbox": inbox}))


def _versions(rows: pa.Table) -> dict[str, FileVersion]:
    paths, sizes, times = (column.to_pylist() for column in rows.columns)
    return dict(zip(paths, zip(sizes, times, strict=True), strict=True))


def list_inbox_originals(
    warehouse: Warehouse, inbox: str, asked: Sequence[AskedDocument], until: datetime | None = None
) -> tuple[list[TakenVersion], list[StoredVersion]]:
    """Return the versions with the path or the content of some documents, oldest first.

    Args:
        warehouse: The database file and how long to wait for it.
        inbox: The name of the inbox.
        asked: The documents.
        until: Leave out versions that were taken or stored later; None keeps all.

    Returns:
        The versions that the inbox took, and the versions that its datasets contain. An interrupted poll
        stores documents that it does not record as taken.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    table = pa.table(
        {
            each.name: pa.array([getattr(document, each.name) for document in asked], pa.string())
            for each in fields(AskedDocument)
        }
    )
    values = {"inbox": inbox, "until": until}
    with reading(warehouse) as connection, registered_tables(connection, asked_documents=table):
        taken = run_statement(connection, "list_inbox_originals", values)
        stored = run_statement(connection, "list_stored_originals", values)
    return [TakenVersion(*row) for row in taken], [StoredVersion(*row) for row in stored]


def record_inbox_documents(warehouse: Warehouse, documents: pa.Table) -> None:
    """Record versions of files, a table of schema ``INBOX_DOCUMENTS``.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection, registered_tables(connection, new_inbox_documents=documents):
        run_statement(connection, "insert_inbox_documents", {})


def record_archived_documents(
    warehouse: Warehouse, inbox: str, archived: Mapping[str, tuple[FileVersion, str]]
) -> None:
    """Record where versions of files are in the archive.

    Args:
        warehouse: The database file and how long to wait for it.
        inbox: The name of the inbox.
        archived: The version, and its path in the archive, by the path in the inbox.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    if not archived:
        return
    table = pa.table(
        {
            "path": pa.array(archived, pa.string()),
            "size_bytes": pa.array([size for (size, _), _ in archived.values()], pa.int64()),
            "modified_ns": pa.array([time for (_, time), _ in archived.values()], pa.int64()),
            "archived_to": pa.array([target for _, target in archived.values()], pa.string()),
        }
    )
    with writing(warehouse) as connection, registered_tables(connection, archived_documents=table):
        run_statement(connection, "record_archived_documents", {"inbox": inbox})


def list_archived_copies(
    warehouse: Warehouse, source: str, source_sha256: str, as_of: AsOf | None = None
) -> list[ArchivedCopy]:
    """Return the places where a document may be if it has left ``source``, newest first.

    With ``as_of``, the snapshot answers if the database is busy; see `AsOf`.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    values = {"source": source, "source_sha256": source_sha256}
    with querying(warehouse, as_of) as connection:
        rows = run_statement(connection, "list_archived_copies", values)
    return [ArchivedCopy(*row) for row in rows]
