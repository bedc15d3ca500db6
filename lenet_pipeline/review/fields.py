"""Verify field by field: the next fields of a queue, and the rules while a person types."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lenet_pipeline.review.context import context_of, json_of, session_of, warehouse_of, work_of
from lenet_pipeline.review.field_records import field_records
from lenet_pipeline.review.inputs import read_number, read_signs, read_uuid
from lenet_pipeline.review.page_pictures import page_records
from lenet_pipeline.review.pages import render
from lenet_pipeline.warehouse import FieldQueue, ReviewRecords, read_review_records

_MOST_FETCHED = 20
_MOST_SKIPPED = 1_000
_LONGEST_NAME = 1_000


def show_fields(request: Request) -> Response:
    """Show the page that walks through a queue of fields."""
    queue = queue_of(request.query_params)
    chosen = [
        (label, value)
        for label, value in (
            ("form", queue.form),
            ("field", queue.field),
            ("reason", queue.reason and queue.reason.replace("_", " ")),
            ("run", queue.scoring_run_id and queue.scoring_run_id[:13]),
        )
        if value
    ]
    return render(request, "fields.html", chosen=chosen)


def next_fields(request: Request) -> Response:
    """Reserve and return the next fields of a queue, without those to skip, and the number that wait."""
    query = request.query_params
    queue, most = queue_of(query), read_number(query.get("most", "5"), "most", 1, _MOST_FETCHED)
    skipped = [one for one in query.get("skip", "").split(",") if one]
    if len(skipped) > _MOST_SKIPPED:
        raise HTTPException(422, f"skip has more than {_MOST_SKIPPED:,} ids.")
    skipped = [str(read_uuid(one)) for one in skipped]
    work = work_of(request).fields
    found = work.next(queue, session_of(request).name, most, skipped)
    return JSONResponse({**_answer(request, list(found)), "waiting": len(work.listed(queue))})


def show_field(request: Request) -> Response:
    """Return one field, with its page."""
    found = _answer(request, [str(request.path_params["field_id"])])
    if not found["fields"]:
        raise HTTPException(404, "There is no such field.")
    return JSONResponse(found)


def check_field(request: Request) -> Response:
    """Return the rules that the signs of a field break, with the final values of the page's other fields."""
    body = json_of(request)
    signs = read_signs(body.get("signs"))
    found = context_of(request).rules.check(
        warehouse_of(request), str(read_uuid(body.get("field_id"))), signs
    )
    if found is None:
        raise HTTPException(404, "There is no such field.")
    return JSONResponse(found)


def read_records(request: Request, field_ids: list[str]) -> ReviewRecords:
    """Read everything that a person needs to see of some fields, and keep their pages for checks of rules."""
    records = read_review_records(warehouse_of(request), field_ids)
    context_of(request).rules.note(records)
    return records


def _answer(request: Request, field_ids: list[str]) -> dict[str, Any]:
    """Return fields in the given order, and their pages."""
    if not field_ids:
        return {"fields": [], "pages": {}}
    records = read_records(request, field_ids)
    order = {field_id: number for number, field_id in enumerate(field_ids)}
    fields = sorted(field_records(records), key=lambda each: order[each["field_id"]])
    context = context_of(request)
    return {"fields": fields, "pages": page_records(context.settings, context.page_pictures, records)}


def queue_of(query: QueryParams) -> FieldQueue:
    """Return the queue that an address names.

    Raises:
        HTTPException: 404 if the run is not a UUID, 422 if a name is too long.
    """
    names = {name: query.get(name) or None for name in ("form", "field", "reason")}
    if any(value and len(value) > _LONGEST_NAME for value in names.values()):
        raise HTTPException(422, "A name is too long.")
    run = query.get("run") or None
    if run:
        try:
            run = str(UUID(run))
        except ValueError:
            raise HTTPException(404, "There is no such run.") from None
    return FieldQueue(scoring_run_id=run, **names)


routes = [
    Route("/fields", show_fields),
    Route("/api/fields/next", next_fields),
    Route("/api/fields/{field_id:uuid}", show_field),
    Route("/api/check", check_field, methods=["POST"]),
]
