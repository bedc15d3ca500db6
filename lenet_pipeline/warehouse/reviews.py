"""Reviews in the database: people's verdicts on predictions, appended and never changed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import pyarrow as pa

from lenet_pipeline.warehouse.chain import REVIEWS, link_event
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.form_tables import registered_tables
from lenet_pipeline.warehouse.migrations import reading, writing
from lenet_pipeline.warehouse.queries import fetch
from lenet_pipeline.warehouse.statements import read_statement, run_statement


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
        return fetch(connection, read_statement("load/find_reviewed_predictions.sql"), {"actor": actor})


def record_reviews(
    warehouse: Warehouse, batch_id: UUID, reviews: pa.Table, reviewed_at: datetime, actor: str
) -> int:
    """Append reviews, a table of schema ``NEW_REVIEWS``, as one batch and one link of the audit chain.

    A review that repeats the actor's last verdict on a prediction is skipped, even if several processes
    import it at the same time.

    Returns:
        The number of new reviews.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    values = {"batch_id": batch_id, "reviewed_at": reviewed_at, "actor": actor}
    with writing(warehouse) as connection, registered_tables(connection, new_reviews=reviews):
        recorded = run_statement(connection, "insert_reviews", values)
        if recorded:
            link_event(connection, REVIEWS, batch_id)
        return len(recorded)
