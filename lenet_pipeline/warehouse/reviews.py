"""Reviews in the database: what people say of readings, appended and never changed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import pyarrow as pa

from lenet_pipeline.warehouse.chain import REVIEWS, link_event
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.form_tables import registered
from lenet_pipeline.warehouse.migrations import reading, writing
from lenet_pipeline.warehouse.queries import ask
from lenet_pipeline.warehouse.statements import read_statement, run_statement

NEW_REVIEWS = pa.schema(
    [
        pa.field("digit_id", pa.uuid(), nullable=False),
        pa.field("shard_score_id", pa.uuid(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("note", pa.string()),
    ]
)


def find_reviewed(warehouse: Warehouse, reviews: pa.Table, actor: str) -> pa.Table:
    """Return what is known of the predictions that reviews, a table of schema ``NEW_REVIEWS``, answer.

    Columns: digit_id, shard_score_id, is_known (whether there is such a prediction), truth, dataset,
    shard_fingerprint, former_verdict, the newest that the digit has, and own_verdict, the newest that the
    actor gave on this prediction.

    Raises:
        WarehouseError: there is no database yet, or it cannot be read.
        DatabaseBusyError: the database was still held after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection, registered(connection, new_reviews=reviews):
        return ask(connection, read_statement("load/find_reviewed_predictions.sql"), {"actor": actor})


def record_reviews(
    warehouse: Warehouse, batch_id: UUID, reviews: pa.Table, reviewed_at: datetime, actor: str
) -> int:
    """Append reviews, a table of schema ``NEW_REVIEWS``, as one batch and one link of the chain.

    What the actor said last of a prediction is not recorded again, whoever imports it at the same time.

    Returns:
        How many were new.

    Raises:
        DatabaseBusyError: the database was still held after ``warehouse.wait_s`` seconds.
    """
    values = {"batch_id": batch_id, "reviewed_at": reviewed_at, "actor": actor}
    with writing(warehouse) as connection, registered(connection, new_reviews=reviews):
        recorded = run_statement(connection, "insert_reviews", values)
        if recorded:
            link_event(connection, REVIEWS, batch_id)
        return len(recorded)
