"""A server of the verification pages in this process, and a client that behaves as a browser does."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from lenet_pipeline.review import ServerOptions, create_app, invite
from lenet_pipeline.review.context import Context
from lenet_pipeline.review.server import ROUTES, server_config, without_delay
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import migrate

QUICK = ServerOptions(port=0, failed_sign_in_delay_s=0.0)


@dataclass(frozen=True)
class Running:
    """A server that runs in a thread."""

    url: str  # without a slash at the end
    settings: Settings
    app: Starlette

    @property
    def context(self) -> Context:
        found: Context = self.app.state.context
        return found

    @property
    def address(self) -> tuple[str, int]:
        return self.context.options.host, self.context.options.port

    def client(self) -> httpx.Client:
        """Return a client that is not signed in."""
        return httpx.Client(base_url=self.url, headers={"Origin": self.url}, trust_env=False, timeout=20)

    @contextmanager
    def signed_in(self, name: str = "Ada") -> Iterator[httpx.Client]:
        """Invite a person and yield a client with a session; its headers have the CSRF token."""
        with self.client() as client:
            done = sign_in(client, name, invite(self.settings, name).token)
            assert done.status_code == 303, done.text
            client.headers["X-CSRF-Token"] = meta_token(client.get("/").text)
            yield client


@contextmanager
def running_server(
    settings: Settings, options: ServerOptions = QUICK, routes: Sequence[BaseRoute] = ROUTES
) -> Iterator[Running]:
    """Serve a home in a thread; the default port is any free one."""
    migrate(settings.warehouse)
    with without_delay(socket.create_server((options.host, options.port))) as listener:
        options = replace(options, port=listener.getsockname()[1])
        app = create_app(settings, options, routes)
        server = uvicorn.Server(server_config(app))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield Running(f"http://{options.host}:{options.port}", settings, app)
        finally:
            server.should_exit = True
            thread.join()


def sign_in(client: httpx.Client, name: str, token: str, **fields: str) -> httpx.Response:
    """Fill in the sign-in form and send it."""
    form = client.get("/sign-in").text
    return client.post("/sign-in", data={"name": name, "token": token, **hidden_fields(form), **fields})


def hidden_fields(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's forms."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


def meta_token(page: str) -> str:
    """Return the CSRF token of a page."""
    return re.findall(r'<meta name="csrf-token" content="([^"]+)">', page)[0]
