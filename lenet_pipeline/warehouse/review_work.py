"""The work of reviewers: which fields and digits wait for a person, and everything a person needs to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.fetching import fetch_statement
from lenet_pipeline.warehouse.migrations import reading
from lenet_pipeline.warehouse.queries import ask

Row = dict[str, Any]


@dataclass(frozen=True)
class FieldQueue:
    """Which fields to review: those of a run, form or field, or with a reason. None selects all."""

    scoring_run_id: str | None = None
    form: str | None = None
    field: str | None = None
    reason: str | None = None


def count_review_queues(warehouse: Warehouse, has_labels: bool = False) -> pa.Table:
    """Count the fields and digits that wait for a person.

    Columns: kind (field or digit), dataset, scoring_run_id, form, field, reason (its first word), waiting.
    With ``has_labels``, digits with a label count too.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    return ask(warehouse, "count_review_queues", {"has_labels": has_labels})


def list_waiting_fields(warehouse: Warehouse, queue: FieldQueue, limit: int) -> pa.Table:
    """Return field_id and page_id of the fields that wait in a queue, the least confident first.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    return ask(warehouse, "list_waiting_fields", {**asdict(queue), "limit": limit})


def count_group_digits(warehouse: Warehouse, has_labels: bool = False) -> pa.Table:
    """Count the digits without a verdict in the newest run of each dataset, by the digit that was read.

    Columns: dataset, scoring_run_id, model_name, model_version, started_at, label, digits (all), waiting
    (digits that no policy accepts). With ``has_labels``, datasets with labels count too, as in training sets.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    return ask(warehouse, "count_group_digits", {"has_labels": has_labels})


def list_group_digits(
    warehouse: Warehouse, scoring_run_id: str, label: int, *, is_open: bool, limit: int
) -> pa.Table:
    """Return the digits that a run read as ``label`` and that have no verdict, the least sure first.

    Columns: digit_id, shard_score_id, shard_fingerprint, label, confidence, not_a_digit, and for digits of
    forms field_id, page_id, position and box (pixels of the registered page at 200 dpi).

    Args:
        warehouse: The database file and how long to wait for it.
        scoring_run_id: The run.
        label: The digit that was read, 0 to 9.
        is_open: Whether to list only digits that no policy accepts.
        limit: The largest number of digits.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    values = {"scoring_run_id": scoring_run_id, "label": label, "is_open": is_open, "limit": limit}
    return ask(warehouse, "list_group_digits", values)


def read_review_fields(warehouse: Warehouse, field_ids: Sequence[str]) -> pa.Table:
    """Return fields as the newest run of their dataset read them, with final value and picture (JPEG).

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    return ask(warehouse, "read_review_fields", {"field_ids": list(field_ids)})


def read_field_pictures(warehouse: Warehouse, field_ids: Sequence[str]) -> pa.Table:
    """Return field_id, box (pixels of the registered page at 200 dpi) and picture (JPEG) of fields.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    return ask(warehouse, "read_field_pictures", {"field_ids": list(field_ids)})


def list_fields_of_page(warehouse: Warehouse, page_id: str) -> list[str]:
    """Return the ids of a page's fields, in the order of its template.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    rows = ask(warehouse, "list_fields_of_page", {"page_id": page_id})
    return [str(field_id) for field_id in rows["field_id"].to_pylist()]


@dataclass(frozen=True)
class ReviewRecords:
    """Everything that a person needs to see of some fields, from one moment, as rows.

    Attributes:
        fields: the columns of ``read_review_fields``.
        cells: field_id, position, state, digit_id, shard_score_id, label, confidence, not_a_digit, verdict
            and box, in the order of fields and positions.
        siblings: all fields on the same pages, in the order of the template, without pictures.
        verdicts: on the fields and their digits, the newest first: field_id, position (null for a verdict on
            the field), verdict, value, has_all_digits, mode, reviewed_at, actor, is_undone.
        pages: page_id, dataset, source, source_sha256, page, form, template, text (the template's YAML),
            width_px, height_px, to_scan and warp.
    """

    fields: list[Row]
    cells: list[Row]
    siblings: list[Row]
    verdicts: list[Row]
    pages: list[Row]


def read_review_records(warehouse: Warehouse, field_ids: Sequence[str]) -> ReviewRecords:
    """Return everything that a person needs to see of some fields.

    The view ``final_values`` is evaluated only once, because that takes most of the time.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    values = {"field_ids": list(field_ids)}
    with reading(warehouse) as connection:

        def read(statement: str, **others: list[str]) -> list[Row]:
            rows: list[Row] = fetch_statement(
                connection, f"load/{statement}.sql", others or values
            ).to_pylist()
            return rows

        siblings = read("read_review_siblings")
        pictures = {row["field_id"]: row["picture"] for row in read("read_field_pictures")}
        places = read("read_review_places")
        verdicts = read("list_field_verdicts")
        pages = read("read_review_pages", page_ids=sorted({row["page_id"] for row in siblings}))
    fields = [row | {"picture": pictures[row["field_id"]]} for row in siblings if row["field_id"] in pictures]
    readings = {
        (row["field_id"], cell["position"]): cell for row in fields for cell in row["cells_read"] or []
    }
    cells = [row | _reading(readings.get((row["field_id"], row["position"])), row["state"]) for row in places]
    return ReviewRecords(fields, cells, siblings, verdicts, pages)


def _reading(cell: Row | None, state: str) -> Row:
    """Return what a model read in a cell, and the cell's state: ``state`` without a reading."""
    names = ("label", "confidence", "not_a_digit")
    score = cell["shard_score_id"] if cell else None
    known = {"shard_score_id": str(score) if score else None, "state": cell["state"] if cell else state}
    return known | {name: cell[name] if cell else None for name in names}


def read_review_pages(warehouse: Warehouse, page_ids: Sequence[str]) -> pa.Table:
    """Return pages with their template's YAML and their place on the scan; see ``ReviewRecords.pages``.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    return ask(warehouse, "read_review_pages", {"page_ids": list(page_ids)})


@dataclass(frozen=True)
class DocumentFilter:
    """Which pages to list.

    Attributes:
        search: a part of the file's name, or the beginning of its sha256. None selects all.
        scoring_run_id: the run. None selects the newest run of every dataset.
        form: the name of the form. None selects all.
        is_waiting: whether to list only pages with fields that wait for a person.
    """

    search: str | None = None
    scoring_run_id: str | None = None
    form: str | None = None
    is_waiting: bool = False


def list_review_documents(
    warehouse: Warehouse, chosen: DocumentFilter, after: int, limit: int, page_id: str | None = None
) -> pa.Table:
    """List pages that were read, in the order of their names.

    Columns: page_id, dataset, source, name, source_sha256, page, form, fields, waiting, reviewed, found (the
    number of all pages that match), place (from 1), previous_page, next_page.

    Args:
        warehouse: The database file and how long to wait for it.
        chosen: The pages to list.
        after: List the pages after this place.
        limit: The largest number of pages.
        page_id: List only this page, with its place among the others.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    values = {**asdict(chosen), "after": after, "limit": limit, "page_id": page_id}
    return ask(warehouse, "list_review_documents", values)
