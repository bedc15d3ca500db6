"""Read what people see of digits to review, and what their verdicts change."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from lenet_pipeline.schema import identifier_bytes
from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.fetching import fetch_statement
from lenet_pipeline.warehouse.migrations import reading
from lenet_pipeline.warehouse.registration import registered_tables


def list_places_of_digits(warehouse: Warehouse, run: str, digits: Iterable[str]) -> pa.Table:
    """Return the place on paper of each digit that comes from a form; ``run`` is a full run id.

    Columns: digit_id, field_id, box (the cell on the registered page), page_id, source, source_sha256, page,
    form, width_px, height_px (of the scanned page), field, field_box, field_source_box, field_value (the
    final value by the reader of the run) and field_reason. Ids are text.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    asked = _identifiers("digit_id", digits)
    with reading(warehouse) as connection, registered_tables(connection, asked_digits=asked):
        return fetch_statement(connection, "load/list_places_of_digits.sql", {"run": run})


def list_final_values(warehouse: Warehouse, digits: Iterable[str]) -> pa.Table:
    """Return the final values of all fields on the form pages that contain some digits.

    Columns: field_id, the reader (model_name, model_version, preprocessing_fingerprint, precision), value
    and status.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    asked = _identifiers("digit_id", digits)
    with reading(warehouse) as connection, registered_tables(connection, asked_digits=asked):
        return fetch_statement(connection, "load/list_final_values_of_digits.sql", {})


def list_reviewed_digits(warehouse: Warehouse) -> pa.Table:
    """Return every digit that was ever reviewed, with the verdict that counts.

    Columns: digit_id (16 bytes); verdict, dataset and shard_fingerprint, which are null if all verdicts on
    the digit were undone.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        return fetch_statement(connection, "load/list_reviewed_digits.sql", {})


def _identifiers(column: str, identifiers: Iterable[str]) -> pa.Table:
    return pa.table({column: pa.array([identifier_bytes(each) for each in identifiers], pa.uuid())})
