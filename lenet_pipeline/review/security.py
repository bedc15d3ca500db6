"""Checks that every request passes: headers, host, size of the body, session, and CSRF token.

``MIDDLEWARE`` lists them from the outside in. A check refuses a request with an ``HTTPException``, which
``AnswerErrors`` turns into a page or JSON.
"""

from __future__ import annotations

import hmac
import logging
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lenet_pipeline.errors import DatabaseBusyError, PipelineError
from lenet_pipeline.review.context import (
    FORM_TYPE,
    content_type,
    context_of,
    find_session,
    is_api,
    parse_form,
)
from lenet_pipeline.review.options import ServerOptions
from lenet_pipeline.review.pages import render_error

SIGN_IN = "/sign-in"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
_STATIC = "/static/"
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_CLOSE = {"Connection": "close"}  # the rest of a refused body stays unread

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With no-referrer, browsers would send `Origin: null` with forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_log = logging.getLogger(__name__)


def session_cookie(options: ServerOptions) -> str:
    """Return the name of the session cookie. Servers on other ports of this machine have other cookies."""
    return f"lenet_session_{options.port}"


def sign_in_cookie(options: ServerOptions) -> str:
    """Return the name of the cookie that repeats the CSRF token of the sign-in form."""
    return f"lenet_sign_in_{options.port}"


class _Check:
    """A middleware for HTTP requests."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {})
            await self.check(Request(scope), receive, send)
        else:
            await self.app(scope, receive, send)

    async def check(self, request: Request, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        raise NotImplementedError


class AddHeaders(_Check):
    """Add the security headers to every response, and keep pages out of caches."""

    async def check(self, request: Request, receive: Receive, send: Send) -> None:
        """Pass the request on and complete the headers of its response."""
        caching = "no-cache" if request.url.path.startswith(_STATIC) else "no-store"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", caching)
            await send(message)

        await self.app(request.scope, receive, send_with_headers)


class AnswerErrors(_Check):
    """Turn errors into one line; a traceback never leaves the server."""

    async def check(self, request: Request, receive: Receive, send: Send) -> None:
        """Pass the request on and answer the errors that it raises."""
        is_started = False

        async def send_and_note(message: Message) -> None:
            nonlocal is_started
            is_started = True
            await send(message)

        try:
            await self.app(request.scope, receive, send_and_note)
        except ClientDisconnect:
            return
        except Exception as exc:  # noqa: BLE001 - people see one line
            response = answer_error(request, exc)
            if not is_started:
                await response(request.scope, receive, send)


def answer_error(request: Request, error: Exception) -> Response:
    """Return the response for an error of a check or handler."""
    match error:
        case HTTPException():
            message = _MESSAGES.get(error.status_code, "") if _has_no_message(error) else error.detail
            return render_error(request, error.status_code, message or error.detail, error.headers)
        case DatabaseBusyError():
            return render_error(request, 503, str(error), {"Retry-After": "1"})
        case PipelineError():
            return render_error(request, 409, str(error))
    _log.error(
        "%s %r: unexpected %s: %s",
        request.method,
        request.url.path,
        type(error).__name__,
        error,
        exc_info=error if _log.isEnabledFor(logging.DEBUG) else None,
    )
    return render_error(request, 500, _UNEXPECTED)


_UNEXPECTED = "The server made an error. The terminal of `lenet review serve` names it."
_MESSAGES = {
    404: "This page does not exist. It may have moved, or the address has a typo.",
    405: "This address does not support this kind of request.",
}


def _has_no_message(error: HTTPException) -> bool:
    return error.detail == HTTPException(error.status_code).detail


class RequireHost(_Check):
    """Refuse requests for another host name, which a hostile page can point at this machine."""

    async def check(self, request: Request, receive: Receive, send: Send) -> None:
        """Pass the request on if its Host header names this server."""
        if not context_of(request).options.allows_host(request.headers.get("host", "")):
            raise HTTPException(
                403,
                "This server does not answer to the host name of this request. "
                "To add the name, start it with --allow-host NAME.",
                _CLOSE,
            )
        await self.app(request.scope, receive, send)


class LimitBody(_Check):
    """Refuse bodies above the limit, by their declared length or while they arrive."""

    async def check(self, request: Request, receive: Receive, send: Send) -> None:
        """Pass the request on with a limit on its body."""
        limit = context_of(request).options.body_limit_bytes
        too_large = HTTPException(413, f"The body is larger than {limit:,} bytes.", _CLOSE)
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            raise too_large
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise too_large
            return message

        await self.app(request.scope, receive_within_limit, send)


class RequireSession(_Check):
    """Let only people who signed in pass, except to the sign-in page and static files."""

    async def check(self, request: Request, receive: Receive, send: Send) -> None:
        """Look up the session, then pass the request on or point to the sign-in page."""
        context, path = context_of(request), request.url.path
        session_id = request.cookies.get(session_cookie(context.options), "")
        is_static = path.startswith(_STATIC)
        if session_id and not is_static:
            request.state.session = await run_in_threadpool(context.sessions.find, session_id)
        if is_static or path == SIGN_IN or find_session(request):
            await self.app(request.scope, receive, send)
        elif is_api(request):
            raise HTTPException(401, "You are signed out. Sign in again to continue.")
        else:
            is_page = request.method == "GET" and path != "/"
            query = f"?{request.url.query}" if request.url.query else ""
            target = f"{SIGN_IN}?next={quote(path + query)}" if is_page else SIGN_IN
            await RedirectResponse(target, 303)(request.scope, receive, send)


class RequireCsrfToken(_Check):
    """Refuse requests that change something unless a page of this server sent them.

    The body is read here, so that handlers can be plain functions: see ``form_of`` and ``json_of``.
    """

    async def check(self, request: Request, receive: Receive, send: Send) -> None:
        """Pass the request on if it changes nothing, or has this server's origin and the CSRF token."""
        if request.method in _SAFE_METHODS:
            await self.app(request.scope, receive, send)
            return
        options = context_of(request).options
        if request.headers.get("origin", "").lower() != _origin(options, request.headers):
            raise HTTPException(403, "This request comes from another site. Nothing was changed.", _CLOSE)
        body = await _read_body(receive)
        request.state.body = body
        given = request.headers.get(CSRF_HEADER, "")
        if not given and content_type(request) == FORM_TYPE:
            given = parse_form(body).get(CSRF_FIELD, "")
        if not _are_equal(given, _expected_token(request, options)):
            raise HTTPException(
                403, "The page that sent this request is too old. Reload it and try again.", _CLOSE
            )
        await self.app(request.scope, _replay(body, receive), send)


def _origin(options: ServerOptions, headers: Headers) -> str:
    return f"{options.scheme}://{headers.get('host', '').lower()}"


def _expected_token(request: Request, options: ServerOptions) -> str:
    if request.url.path == SIGN_IN:
        return request.cookies.get(sign_in_cookie(options), "")
    session = find_session(request)
    return session.csrf_token if session else ""


def _are_equal(given: str, expected: str) -> bool:
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


async def _read_body(receive: Receive) -> bytes:
    body, has_more = bytearray(), True
    while has_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        has_more = message.get("more_body", False)
    return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives the body again, then whatever comes next."""
    is_given = False

    async def receive_again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


MIDDLEWARE = [
    Middleware(check)
    for check in (AddHeaders, AnswerErrors, RequireHost, LimitBody, RequireSession, RequireCsrfToken)
]
