"""Rendered pages and error responses. Templates escape every value."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from lenet_pipeline.audit import counted, plain_text
from lenet_pipeline.review.context import find_session, is_api

HERE = Path(__file__).parent
STATIC = HERE / "static"
_NAVIGATION = (
    ("/", "Queues"),
    ("/documents", "Documents"),
    ("/blind", "Blind reading"),
    ("/progress", "Progress"),
)


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    templates.filters["plain"] = plain_text
    templates.filters["counted"] = counted
    return templates


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Render a template that extends ``layout.html``.

    The layout needs no values. ``session`` is the person's session, or None on public pages.
    """
    text = (
        _templates()
        .get_template(template)
        .render(values, session=find_session(request), path=request.url.path, navigation=_NAVIGATION)
    )
    return HTMLResponse(text, status)


def render_error(
    request: Request, status: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an error as one line: JSON ``{"error": ...}`` under ``/api/``, else a page."""
    response: Response
    if is_api(request):
        response = JSONResponse({"error": message}, status)
    else:
        title = HTTPStatus(status).phrase
        response = render(request, "error.html", status, title=title, message=message)
    response.headers.update(headers or {})
    return response
