"""Reviews in the database: people's verdicts, appended and never changed, and the values that follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import duckdb
import pyarrow as pa

from lenet_pipeline.errors import ReviewError
from lenet_pipeline.schema import NEW_FIELD_REVIEWS, NEW_REVIEWS, PAGE_REVISIONS, REVISED_VALUES
from lenet_pipeline.warehouse.chain import REVIEWS, link_event
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.fetching import fetch_statement
from lenet_pipeline.warehouse.migrations import reading, writing
from lenet_pipeline.warehouse.registration import registered_tables
from lenet_pipeline.warehouse.statements import run_statement

FOLDER = "folder"


@dataclass(frozen=True)
class Revisions:
    """The final values of pages, as tables of the schemas ``PAGE_REVISIONS`` and ``REVISED_VALUES``.

    Their revision numbers count from 0; the warehouse replaces them.
    """

    pages: pa.Table
    values: pa.Table


# Derives final values from the fields of some pages, as ``load/list_fields_to_revise.sql`` lists them, and
# the YAML of their templates by fingerprint.
Revise = Callable[[pa.Table, Mapping[str, str]], Revisions]


@dataclass(frozen=True)
class VerdictBatch:
    """Verdicts that a person gives at once.

    Attributes:
        batch_id: chosen by the caller. A batch is recorded only once, so a caller may safely try again.
        actor: the person.
        mode: how the verdicts were given, such as ``folder``, ``groups`` or ``fields``.
        digits: verdicts on digits, a table of schema ``NEW_REVIEWS``.
        fields: verdicts on whole fields, a table of schema ``NEW_FIELD_REVIEWS``.
        seconds: time taken for each verdict, or None if unknown.
        skips_repeats: whether to skip verdicts on digits that repeat the person's last one.
        reviewed_at: when the verdicts were given.
    """

    batch_id: UUID
    actor: str
    mode: str
    digits: pa.Table = field(default_factory=NEW_REVIEWS.empty_table)
    fields: pa.Table = field(default_factory=NEW_FIELD_REVIEWS.empty_table)
    seconds: float | None = None
    skips_repeats: bool = False
    reviewed_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def find_reviewed(warehouse: Warehouse, reviews: pa.Table, actor: str) -> pa.Table:
    """Look up the predictions of reviews, a table of schema ``NEW_REVIEWS``.

    Columns: digit_id, shard_score_id, is_known (whether the prediction exists), truth, dataset,
    shard_fingerprint, former_verdict (the newest verdict on the digit), own_verdict (the actor's newest
    verdict on this prediction).

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection, registered_tables(connection, new_reviews=reviews):
        return fetch_statement(connection, "load/find_reviewed_predictions.sql", {"actor": actor})


def count_known_predictions(warehouse: Warehouse, reviews: pa.Table) -> int:
    """Count how many reviews, a table of schema ``NEW_REVIEWS`` without repetitions, have a prediction.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    if not len(reviews):
        return 0
    with reading(warehouse) as connection, registered_tables(connection, new_reviews=reviews):
        return int(fetch_statement(connection, "load/count_known_predictions.sql", {})["known"][0].as_py())


def record_verdicts(warehouse: Warehouse, batch: VerdictBatch, revise: Revise) -> int:
    """Append the verdicts of a batch, one link of the audit chain, and the final values that follow.

    Everything is one transaction. A batch that is already recorded changes nothing.

    Returns:
        The number of new verdicts.

    Raises:
        WarehouseError: The database cannot be written.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection:
        return append_verdicts(connection, batch, revise)


def append_verdicts(connection: duckdb.DuckDBPyConnection, batch: VerdictBatch, revise: Revise) -> int:
    """Do what ``record_verdicts`` does, within a transaction."""
    identity = {"batch_id": batch.batch_id}
    values = {
        **identity,
        "mode": batch.mode,
        "seconds": batch.seconds,
        "reviewed_at": batch.reviewed_at,
        "actor": batch.actor,
    }
    tables = {"new_reviews": batch.digits, "new_field_reviews": batch.fields}
    with registered_tables(connection, **tables):
        ((known, *_),) = run_statement(connection, "find_batch", identity)
        if known:
            return 0
        recorded = len(
            run_statement(connection, "insert_reviews", {**values, "skips_repeats": batch.skips_repeats})
        ) + len(run_statement(connection, "insert_field_reviews", values))
        if recorded:
            link_event(connection, REVIEWS, batch.batch_id)
            _revise_batch(connection, batch.batch_id, revise, batch.reviewed_at)
        return recorded


def undo_verdicts(warehouse: Warehouse, batch_id: UUID, undo_id: UUID, actor: str, revise: Revise) -> int:
    """Undo a batch of verdicts: they stay stored but no longer count.

    Returns:
        The number of verdicts in the batch; 0 if it was undone before.

    Raises:
        ReviewError: There is no such batch, or it belongs to another person.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    now = datetime.now(UTC)
    identity = {"batch_id": batch_id}
    with writing(warehouse) as connection:
        ((verdicts, is_undone, owner, is_blind),) = run_statement(connection, "find_batch", identity)
        if not verdicts:
            raise ReviewError(f"there is no batch of verdicts {batch_id}; nothing was undone")
        if owner != actor:
            raise ReviewError(f"the verdicts of batch {batch_id} are by {owner}, so {actor} cannot undo them")
        if is_blind:
            raise ReviewError(f"batch {batch_id} settled a blind reading, which cannot be undone")
        if is_undone:
            return 0
        undo = {"undo_id": undo_id, **identity, "undone_at": now, "actor": actor}
        run_statement(connection, "insert_review_undo", undo)
        link_event(connection, REVIEWS, undo_id)
        _revise_batch(connection, batch_id, revise, now)
        return int(verdicts)


def _revise_batch(
    connection: duckdb.DuckDBPyConnection, batch_id: UUID, revise: Revise, revised_at: datetime
) -> None:
    pages = fetch_statement(connection, "load/list_pages_of_batch.sql", {"batch_id": str(batch_id)})
    revise_pages(connection, pages, revise, revised_at)


def revise_pages(
    connection: duckdb.DuckDBPyConnection, pages: pa.Table, revise: Revise, revised_at: datetime
) -> None:
    """Store the final values of some pages, given by a column ``page_id``, within a transaction."""
    if not len(pages):
        return
    with registered_tables(connection, changed_pages=pages):
        fields = fetch_statement(connection, "load/list_fields_to_revise.sql", {})
        texts = fetch_statement(connection, "load/list_templates_of_pages.sql", {}).to_pylist()
    revisions = revise(fields, {row["template"]: row["text"] for row in texts})
    numbers = [
        number
        for (number,) in run_statement(connection, "next_revision_numbers", {"count": len(revisions.pages)})
    ]
    tables = {
        "new_page_revisions": _renumber(revisions.pages, numbers, PAGE_REVISIONS),
        "new_revised_values": _renumber(revisions.values, numbers, REVISED_VALUES),
    }
    with registered_tables(connection, **tables):
        run_statement(connection, "insert_page_revisions", {"revised_at": revised_at})
        run_statement(connection, "insert_revised_values", {})


def _renumber(table: pa.Table, numbers: list[int], schema: pa.Schema) -> pa.Table:
    """Replace revision numbers, which count from 0, by those of the database."""
    column = pa.array([numbers[index] for index in table["revision_number"].to_pylist()], pa.int64())
    place = schema.get_field_index("revision_number")
    return table.set_column(place, schema.field("revision_number"), column)
