"""Values that handlers find with a request: the settings, the session, and the body that was sent."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

from lenet_pipeline.review.counts import Counts
from lenet_pipeline.review.options import ServerOptions
from lenet_pipeline.review.page_pictures import PagePictures
from lenet_pipeline.review.page_rules import PageRules
from lenet_pipeline.review.pictures import DigitPictures
from lenet_pipeline.review.sessions import FailedSignIns, Session, Sessions
from lenet_pipeline.review.work import Work
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import Warehouse

API = "/api/"
FORM_TYPE = "application/x-www-form-urlencoded"
_JSON_TYPE = "application/json"
_MOST_FIELDS = 100


@dataclass
class Context:
    """Values that all requests of a server share.

    ``memory`` holds what a module of pages keeps until the server stops, under the name of the module.
    """

    settings: Settings
    options: ServerOptions
    warehouse: Warehouse
    sessions: Sessions
    failed_sign_ins: FailedSignIns
    work: Work
    counts: Counts
    pictures: DigitPictures
    rules: PageRules = field(default_factory=PageRules)
    page_pictures: PagePictures = field(default_factory=PagePictures)
    memory: dict[str, Any] = field(default_factory=dict)


def context_of(request: Request) -> Context:
    """Return the values that all requests share."""
    found: Context = request.app.state.context
    return found


def warehouse_of(request: Request) -> Warehouse:
    """Return the database, with a shorter wait than for commands: a browser repeats a request."""
    return context_of(request).warehouse


def work_of(request: Request) -> Work:
    """Return the queues that all requests of the server share."""
    return context_of(request).work


def session_of(request: Request) -> Session:
    """Return the session of a signed-in person. Only public pages have none."""
    session: Session = request.state.session
    return session


def find_session(request: Request) -> Session | None:
    """Return the session, or None on a public page or before the session was looked up."""
    return getattr(request.state, "session", None)


def is_api(request: Request) -> bool:
    """Tell whether a program in the page asks, which expects JSON."""
    return request.url.path.startswith(API)


def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a posted form; the last one of a name counts.

    Raises:
        HTTPException: 400 if the body is not a form in UTF-8.
    """
    return parse_form(request.state.body)


def parse_form(body: bytes) -> dict[str, str]:
    """Parse a form's body.

    Raises:
        HTTPException: 400 if the body is not a form in UTF-8.
    """
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError as exc:
        raise HTTPException(400, "The form cannot be read.") from exc
    return dict(pairs)


def json_of(request: Request) -> dict[str, Any]:
    """Return the JSON object that was posted.

    Raises:
        HTTPException: 415 if the body is not declared as JSON, 400 if it is not a JSON object.
    """
    if content_type(request) != _JSON_TYPE:
        raise HTTPException(415, f"Send the body as {_JSON_TYPE}.")
    try:
        value = json.loads(request.state.body)
    except (ValueError, RecursionError) as exc:
        raise HTTPException(400, "The body is not JSON.") from exc
    if not isinstance(value, dict):
        raise HTTPException(400, "The body is not a JSON object.")
    return value


def content_type(request: Request) -> str:
    """Return the media type of the body, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
