"""Verify whole documents: a list of pages, and one page with all of its readings drawn on it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lenet_pipeline.review.context import context_of, session_of, warehouse_of, work_of
from lenet_pipeline.review.field_records import field_records
from lenet_pipeline.review.fields import queue_of, read_records
from lenet_pipeline.review.page_pictures import SIZES, NoPictureError, page_records
from lenet_pipeline.review.pages import render
from lenet_pipeline.warehouse import (
    DocumentFilter,
    Warehouse,
    list_fields_of_page,
    list_review_documents,
    read_review_pages,
)

_LISTED = 50  # pages of documents on one page of the list
_MOST_LISTED = 100_000_000
_FILTERS = ("q", "run", "form", "waiting")


def list_documents(request: Request) -> Response:
    """List the pages that were read, with the number of fields that wait for a person."""
    query = request.query_params
    number = _page_number(query.get("page", "1"))
    after = (number - 1) * _LISTED
    rows = list_review_documents(warehouse_of(request), _filter_of(query), after, _LISTED).to_pylist()
    found = rows[0]["found"] if rows else 0
    return render(
        request,
        "documents.html",
        rows=rows,
        found=found,
        first=after + 1,
        filters=_kept(query),
        query=_address(query),
        previous_page=_address(query, number - 1) if number > 1 else None,
        next_page=_address(query, number + 1) if after + len(rows) < found else None,
    )


def show_document(request: Request) -> Response:
    """Show one page of a document."""
    page = _read_page(request)
    return render(request, "document.html", page=page, query=_address(request.query_params))


def document_record(request: Request) -> Response:
    """Return a page with all of its fields, the ones that other people hold, and the neighbouring pages.

    With ``again`` in the query, the neighbours are left out.
    """
    page = _read_page(request)
    page_id = page["page_id"]
    warehouse, holder = warehouse_of(request), session_of(request).name
    field_ids = list_fields_of_page(warehouse, page_id)
    records = read_records(request, field_ids)
    fields = field_records(records)
    if not fields:
        raise HTTPException(404, "No run has scored this page yet.")
    waiting = [each["field_id"] for each in fields if each["decision"] == "review"]
    held = set(work_of(request).reservations.reserve(waiting, holder, len(waiting)))
    for each in fields:
        each["is_held_by_other"] = each["field_id"] in waiting and each["field_id"] not in held
    context = context_of(request)
    record = page_records(context.settings, context.page_pictures, records)[page_id] | {"fields": fields}
    if not request.query_params.get("again"):  # the neighbours are known
        record |= _neighbours(warehouse, _filter_of(request.query_params), page_id)
    return JSONResponse(record)


def _neighbours(warehouse: Warehouse, chosen: DocumentFilter, page_id: str) -> dict[str, Any]:
    """Return the place of a page in the list of documents, and the pages before and after it."""
    rows = list_review_documents(warehouse, chosen, 0, 1, page_id).to_pylist()
    row = rows[0] if rows else {}
    return {
        "place": row.get("place"),
        "found": row.get("found"),
        "previous": row.get("previous_page"),
        "next": row.get("next_page"),
    }


def page_picture(request: Request) -> Response:
    """Return the picture of a registered page."""
    size = request.path_params["size"]
    if size not in SIZES:
        raise HTTPException(404, "There is no such picture.")
    context = context_of(request)
    try:
        picture = context.page_pictures.draw(context.settings, _read_page(request), size)
    except NoPictureError as exc:
        raise HTTPException(404, str(exc)) from exc
    return Response(picture, media_type="image/jpeg")


def _read_page(request: Request) -> dict[str, Any]:
    rows = read_review_pages(warehouse_of(request), [str(request.path_params["page_id"])]).to_pylist()
    if not rows:
        raise HTTPException(404, "There is no such page.")
    row: dict[str, Any] = rows[0]
    return row


def _filter_of(query: QueryParams) -> DocumentFilter:
    queue = queue_of(query)
    search = query.get("q", "").strip()[:1_000] or None
    return DocumentFilter(search, queue.scoring_run_id, queue.form, bool(query.get("waiting")))


def _kept(query: QueryParams) -> dict[str, str]:
    return {name: query.get(name, "") for name in _FILTERS}


def _address(query: QueryParams, number: int = 1) -> str:
    """Return the filters as the query of an address, with its question mark."""
    values = {name: value for name, value in _kept(query).items() if value}
    if number > 1:
        values["page"] = str(number)
    return f"?{urlencode(values)}" if values else ""


def _page_number(text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and 1 <= len(text) <= 7
    if not is_number or not 1 <= int(text) <= _MOST_LISTED // _LISTED:
        raise HTTPException(404, "There is no such page of the list.")
    return int(text)


routes = [
    Route("/documents", list_documents),
    Route("/documents/{page_id:uuid}", show_document),
    Route("/api/documents/{page_id:uuid}", document_record),
    Route("/pages/{page_id:uuid}/{size}.jpg", page_picture),
]
