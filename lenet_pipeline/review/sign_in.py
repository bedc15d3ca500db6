"""Sign in with a name and a token, and sign out."""

from __future__ import annotations

import asyncio
import logging
import secrets

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from lenet_pipeline.review.context import context_of, find_session, form_of, session_of
from lenet_pipeline.review.options import ServerOptions
from lenet_pipeline.review.pages import render
from lenet_pipeline.review.people import find_person
from lenet_pipeline.review.security import SIGN_IN, session_cookie, sign_in_cookie

_WRONG = "This name and token do not belong together, or the token was revoked."
_TOO_OFTEN = "Too many failed attempts. Wait a minute, then try again."

_log = logging.getLogger(__name__)


async def sign_in_form(request: Request) -> Response:
    """Show the form, or the queues to a person who is signed in."""
    if find_session(request):
        return RedirectResponse("/", 303)
    return _form(request, 200, next_path=_safe_path(request.query_params.get("next", "/")))


async def sign_in(request: Request) -> Response:
    """Start a session if the name and the token belong together."""
    context, form = context_of(request), form_of(request)
    name, next_path = form.get("name", ""), _safe_path(form.get("next", "/"))
    address = request.client.host if request.client else ""
    failed = context.failed_sign_ins
    if failed.is_blocked(address):
        response = _form(request, 429, name, next_path, _TOO_OFTEN)
        response.headers["Retry-After"] = "60"
        return response
    failed.add(address)
    person = await run_in_threadpool(find_person, context.warehouse, name, form.get("token", ""))
    if person is None:
        _log.warning("failed sign-in from %s", address)
        await asyncio.sleep(context.options.failed_sign_in_delay_s)
        return _form(request, 401, name, next_path, _WRONG)
    failed.forget(address)
    former = find_session(request)
    if former:
        context.sessions.end(former.session_id)
    session = context.sessions.start(person.token_id, person.name)
    response = RedirectResponse(next_path, 303)
    _set_cookie(response, context.options, session_cookie(context.options), session.session_id)
    return response


async def sign_out(request: Request) -> Response:
    """End the session."""
    context = context_of(request)
    context.sessions.end(session_of(request).session_id)
    response = RedirectResponse(SIGN_IN, 303)
    response.delete_cookie(session_cookie(context.options), httponly=True, samesite="strict")
    return response


def show_session(request: Request) -> Response:
    """Return the name and the CSRF token of the session, for a page that was open before the sign-in."""
    session = session_of(request)
    return JSONResponse({"name": session.name, "csrf_token": session.csrf_token})


def _form(request: Request, status: int, name: str = "", next_path: str = "/", problem: str = "") -> Response:
    options = context_of(request).options
    token = request.cookies.get(sign_in_cookie(options)) or secrets.token_urlsafe(32)
    response = render(
        request,
        "sign_in.html",
        status,
        name=name,
        next_path=next_path,
        problem=problem,
        form_token=token,
    )
    _set_cookie(response, options, sign_in_cookie(options), token)
    return response


def _set_cookie(response: Response, options: ServerOptions, name: str, value: str) -> None:
    response.set_cookie(name, value, httponly=True, samesite="strict", secure=options.is_https, path="/")


def _safe_path(path: str) -> str:
    """Return a path on this server; replace any other address by the start page."""
    is_safe = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_safe else "/"


routes = [
    Route(SIGN_IN, sign_in_form, methods=["GET"]),
    Route(SIGN_IN, sign_in, methods=["POST"]),
    Route("/sign-out", sign_out, methods=["POST"]),
    Route("/api/session", show_session),
]
