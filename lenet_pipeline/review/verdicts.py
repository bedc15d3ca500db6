"""Record verdicts as they are given: each request is one batch, one transaction and one link of the chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lenet_pipeline.audit import VERDICTS, revise
from lenet_pipeline.review.context import context_of, json_of, session_of, warehouse_of, work_of
from lenet_pipeline.review.inputs import read_seconds, read_signs, read_uuid
from lenet_pipeline.review.number_signs import pair_signs
from lenet_pipeline.review.signs import MINUS, SIGNS, field_verdict
from lenet_pipeline.schema import NEW_FIELD_REVIEWS, NEW_REVIEWS
from lenet_pipeline.warehouse import (
    VerdictBatch,
    count_known_predictions,
    read_review_fields,
    read_review_records,
    record_verdicts,
    undo_verdicts,
)

MODES = ("groups", "fields", "documents")

_MOST_ITEMS = 500  # of one request


def post_verdicts(request: Request) -> Response:
    """Record a batch of verdicts on digits or fields; a repeated ``batch_id`` changes nothing.

    The body has ``batch_id``, ``mode``, ``seconds`` (for the whole batch), ``digits`` with ``digit_id``,
    ``shard_score_id`` and ``verdict``, and ``fields`` with ``field_id`` and ``signs``: one sign for each cell
    in the order of positions, or for each character of a box without dividers. A sign is a digit, an empty
    text for blank, ``X`` for a crossed cell, or ``?`` if it is unreadable. A point between two signs is the
    decimal separator, and ``-`` is a minus.

    The answer has the number of recorded verdicts, and the fields with their final values.
    """
    body, person = json_of(request), session_of(request).name
    batch_id, mode = read_uuid(body.get("batch_id")), body.get("mode")
    if mode not in MODES:
        raise HTTPException(422, f"mode must be one of {', '.join(MODES)}.")
    digits, fields = _items(body, "digits"), _items(body, "fields")
    if not digits and not fields:
        raise HTTPException(422, "There is no verdict in the request.")
    warehouse = warehouse_of(request)
    digit_rows = [_digit_verdict(item) for item in digits]
    known = count_known_predictions(warehouse, pa.Table.from_pylist(digit_rows, schema=NEW_REVIEWS))
    if known < len(digit_rows):
        raise HTTPException(422, "A digit has no such prediction. Reload the page.")
    field_ids = [str(read_uuid(item.get("field_id"))) for item in fields]
    known_fields = read_review_records(warehouse, field_ids)
    pages = {row["field_id"]: row for row in known_fields.fields}
    cells = _group_cells(known_fields.cells)
    field_rows = []
    for field_id, item in zip(field_ids, fields, strict=True):
        if field_id not in pages:
            raise HTTPException(422, "There is no such field. Reload the page.")
        verdict, own_digits = judge_field(cells.get(field_id, []), read_signs(item.get("signs")))
        field_rows.append(
            {"field_id": UUID(field_id).bytes, "page_id": UUID(pages[field_id]["page_id"]).bytes, **verdict}
        )
        digit_rows += own_digits
    batch = VerdictBatch(
        batch_id,
        person,
        mode,
        digits=pa.Table.from_pylist(digit_rows, schema=NEW_REVIEWS),
        fields=pa.Table.from_pylist(field_rows, schema=NEW_FIELD_REVIEWS),
        seconds=read_seconds(body.get("seconds")) / max(1, len(digits) + len(fields)),
    )
    recorded = record_verdicts(warehouse, batch, revise)
    reviewed = [str(UUID(bytes=row["digit_id"])) for row in digit_rows]
    work_of(request).finish(batch_id, [*reviewed, *field_ids], person)
    final, rules = final_values(request, field_ids), context_of(request).rules
    if digits:
        rules.forget()
    else:
        rules.update(final)
    return JSONResponse({"recorded": recorded, "fields": final})


def post_undo(request: Request) -> Response:
    """Undo a batch of verdicts that the same person gave."""
    body = json_of(request)
    batch_id = read_uuid(body.get("undone_batch_id"))
    person = session_of(request).name
    undone = undo_verdicts(warehouse_of(request), batch_id, uuid4(), person, revise)
    work_of(request).forget(batch_id, person)
    context_of(request).rules.forget()
    return JSONResponse({"undone": undone})


def post_renewal(request: Request) -> Response:
    """Hold items for longer, and name the ones that another person has taken."""
    items = json_of(request).get("items")
    if not isinstance(items, list) or len(items) > _MOST_ITEMS or not all(isinstance(i, str) for i in items):
        raise HTTPException(422, "items must be a list of ids.")
    lost = work_of(request).reservations.renew(items, session_of(request).name)
    return JSONResponse({"lost": lost})


def judge_field(
    cells: Sequence[Mapping[str, Any]], signs: Sequence[str]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Turn the signs that a person confirmed or typed into a verdict on the field and on each digit.

    Args:
        cells: rows of ``ReviewRecords.cells``, in the order of positions.
        signs: one for each cell, or the characters of a box without dividers.

    Returns:
        The columns verdict, value, has_all_digits and note of ``NEW_FIELD_REVIEWS``, and rows of
        ``NEW_REVIEWS``. Characters that belong to no digit cannot teach: they have no row.
    """
    verdict, text = field_verdict(signs)
    pairs = pair_signs(cells, signs)
    digits = [
        {
            "digit_id": UUID(cell["digit_id"]).bytes,
            "shard_score_id": UUID(cell["shard_score_id"]).bytes,
            "verdict": SIGNS[sign],
            "note": None,
        }
        for cell, sign in pairs
        if cell["digit_id"] and cell["shard_score_id"]
    ]
    typed_into_blanks = any(sign not in ("", "X", MINUS) for cell, sign in pairs if not cell["digit_id"])
    has_unknown = any(cell["digit_id"] and not cell["shard_score_id"] for cell in cells)
    has_all_digits = bool(pairs) and not typed_into_blanks and not has_unknown
    field = {"verdict": verdict, "value": text, "has_all_digits": has_all_digits, "note": None}
    return field, digits


def final_values(request: Request, field_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the final values of fields, as the pages show them."""
    shown = (
        "field_id",
        "field",
        "value",
        "value_read",
        "origin",
        "decision",
        "reason",
        "broken_rule",
        "status",
    )
    rows = read_review_fields(warehouse_of(request), field_ids).to_pylist()
    return [{name: row[name] for name in shown} for row in rows]


def _digit_verdict(item: Mapping[str, Any]) -> dict[str, Any]:
    if item.get("verdict") not in VERDICTS:
        raise HTTPException(422, f"A verdict must be one of {', '.join(VERDICTS)}.")
    return {
        "digit_id": read_uuid(item.get("digit_id")).bytes,
        "shard_score_id": read_uuid(item.get("shard_score_id")).bytes,
        "verdict": item["verdict"],
        "note": None,
    }


def _group_cells(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    cells: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        cells.setdefault(row["field_id"], []).append(row)
    return cells


def _items(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    items = body.get(name, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise HTTPException(422, f"{name} must be a list of objects.")
    if len(items) > _MOST_ITEMS:
        raise HTTPException(422, f"{name} has more than {_MOST_ITEMS} items.")
    return items


routes = [
    Route("/api/verdicts", post_verdicts, methods=["POST"]),
    Route("/api/undo", post_undo, methods=["POST"]),
    Route("/api/renew", post_renewal, methods=["POST"]),
]
