"""A page in the browser that fails the test on console errors and on requests to any other host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lenet_pipeline.review import invite
from tests.review.servers import Running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCHEMES = ("light", "dark")
WIDTHS = (1300, 400)
HEIGHT = 900


@contextmanager
def opened_page(
    browser: Browser,
    server: Running,
    width: int = 1300,
    scheme: str = "light",
    allowed_errors: tuple[str, ...] = (),
) -> Iterator[Page]:
    """Open an empty page.

    At the end, fail if a request of it or of its tabs left the server, or if the console has an error.

    Args:
        browser: the fixture of that name.
        server: the only server that the page may ask.
        width: the width of the window, in pixels.
        scheme: ``light`` or ``dark``.
        allowed_errors: parts of console errors that the test expects.
    """
    chosen: Any = scheme
    context = browser.new_context(viewport={"width": width, "height": HEIGHT}, color_scheme=chosen)
    foreign: list[str] = []
    errors: list[str] = []
    page = context.new_page()
    home = urlsplit(server.url).netloc
    context.on(
        "request",
        lambda request: (
            foreign.append(request.url)
            if not request.url.startswith("data:") and urlsplit(request.url).netloc != home
            else None
        ),
    )
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.on(
        "console",
        lambda message: errors.append(message.text) if message.type in ("error", "warning") else None,
    )
    try:
        yield page
    finally:
        context.close()
    assert foreign == []
    assert [error for error in errors if not any(part in error for part in allowed_errors)] == []


def sign_in_by_keyboard(page: Page, server: Running, name: str = "Ada", path: str = "/") -> None:
    """Invite a person, open a path, and sign in without the mouse."""
    token = invite(server.settings, name).token
    page.goto(server.url + path)
    page.wait_for_selector("#name:focus")
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(token)
    page.keyboard.press("Enter")
    page.wait_for_url(server.url + path)


def is_scrolled_sideways(page: Page) -> bool:
    """Tell whether the page is wider than its window."""
    root = "document.documentElement"
    return bool(page.evaluate(f"{root}.scrollWidth > {root}.clientWidth"))
