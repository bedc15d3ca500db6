"""The application, and the server that runs it until Ctrl-C."""

from __future__ import annotations

import errno
import socket
import threading
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from lenet_pipeline.errors import PipelineError, ReviewError
from lenet_pipeline.review import (
    blind,
    documents,
    fields,
    groups,
    progress,
    queues,
    reports,
    sign_in,
    verdicts,
)
from lenet_pipeline.review.context import Context
from lenet_pipeline.review.counts import open_counts
from lenet_pipeline.review.follow_up import FollowUp, follow_verdicts
from lenet_pipeline.review.lock import only_server
from lenet_pipeline.review.options import ServerOptions
from lenet_pipeline.review.pages import STATIC
from lenet_pipeline.review.people import list_active
from lenet_pipeline.review.pictures import DigitPictures
from lenet_pipeline.review.security import MIDDLEWARE, answer_error
from lenet_pipeline.review.sessions import FailedSignIns, Sessions
from lenet_pipeline.review.work import open_work
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import describe_os_error
from lenet_pipeline.warehouse import is_token_valid, migrate

_WAIT_S = 10.0  # then a browser gets 503 and repeats the request
_STOP_S = 5

# Each module of pages adds its routes here.
ROUTES: tuple[BaseRoute, ...] = (
    *sign_in.routes,
    *queues.routes,
    *groups.routes,
    *fields.routes,
    *documents.routes,
    *verdicts.routes,
    *blind.routes,
    *progress.routes,
    *reports.routes,
)


def create_app(
    settings: Settings,
    options: ServerOptions,
    routes: Sequence[BaseRoute] = ROUTES,
    note_verdicts: Callable[[], None] = lambda: None,
) -> Starlette:
    """Build the application. The database must have the newest schema: see `migrate`.

    Args:
        settings: the home whose predictions are verified.
        options: the address and the limits.
        routes: pages and endpoints; all but the sign-in page require a session.
        note_verdicts: called after verdicts were recorded or undone.
    """
    given = settings.warehouse
    warehouse = replace(given, wait_s=min(given.wait_s, _WAIT_S))
    app = Starlette(
        routes=[*routes, Mount("/static", StaticFiles(directory=STATIC), name="static")],
        middleware=MIDDLEWARE,
        exception_handlers={HTTPException: _answer, PipelineError: _answer},
    )
    app.router.redirect_slashes = False
    app.state.context = Context(
        settings,
        options,
        warehouse,
        Sessions(partial(is_token_valid, warehouse)),
        FailedSignIns(options.failed_sign_ins_per_minute),
        open_work(warehouse, note_verdicts),
        open_counts(warehouse),
        DigitPictures(settings, warehouse),
    )
    return app


async def _answer(request: Request, error: Exception) -> Response:
    return answer_error(request, error)


def serve(
    settings: Settings,
    options: ServerOptions,
    on_start: Callable[[str], None],
    warn: Callable[[str], None],
    *,
    is_browser_opened: bool = False,
    needs_people: bool = True,
) -> None:
    """Serve the verification pages until Ctrl-C.

    Args:
        settings: the home whose predictions are verified.
        options: the address and the limits. Port 0 means any free port.
        on_start: called with the address when the server accepts connections.
        warn: called with one line if the work that follows verdicts fails.
        is_browser_opened: open the address in the browser of this machine.
        needs_people: refuse to start while no person is invited.

    Raises:
        PipelineError: the address is not allowed or in use, or another server runs on this home.
        ReviewError: no person is invited, but ``needs_people`` is true.
        WarehouseError: the database cannot be written.
    """
    options.require_reachable()
    with only_server(settings.home):
        migrate(settings.warehouse)
        if needs_people and not list_active(settings):
            raise ReviewError("no person can sign in yet; invite one with `lenet review invite NAME`")
        listener = _listen(options)
        options = replace(options, port=listener.getsockname()[1])
        follow_up = FollowUp(lambda is_last: follow_verdicts(settings, is_last=is_last), warn)
        app = create_app(settings, options, note_verdicts=follow_up.note_verdicts)
        server = uvicorn.Server(server_config(app))
        on_start(options.url)
        follow_up.start()
        if is_browser_opened:
            threading.Thread(target=webbrowser.open, args=(options.url,), daemon=True).start()
        try:
            with listener, suppress(KeyboardInterrupt):
                server.run([listener])
        finally:
            follow_up.stop()


def server_config(app: Starlette) -> uvicorn.Config:
    """Return uvicorn's configuration for the application: quiet, HTTP only, proxies' headers ignored."""
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        ws="none",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_STOP_S,
    )


def _listen(options: ServerOptions) -> socket.socket:
    address = (options.host, options.port)
    try:
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
        return without_delay(socket.create_server(address, family=found[0][0]))
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            cause = "the port is in use; choose another one with --port"
        else:
            cause = describe_os_error(exc)
        raise PipelineError(f"cannot listen on {options.host}, port {options.port}: {cause}") from exc


def without_delay(listener: socket.socket) -> socket.socket:
    """Let connections send at once. Otherwise each answer waits 40 ms for the browser's acknowledgement.

    asyncio does this only for sockets that were created with the number of the protocol.
    """
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
