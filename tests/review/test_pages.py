"""The pages in a real browser, by keyboard alone: sign-in, keys, and saving that repeats itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lenet_pipeline.errors import DatabaseBusyError
from lenet_pipeline.review.context import json_of, session_of
from lenet_pipeline.review.server import ROUTES
from lenet_pipeline.settings import Settings
from tests.review.browser import (
    SCHEMES,
    WIDTHS,
    is_scrolled_sideways,
    opened_page,
    sign_in_by_keyboard,
)
from tests.review.conftest import StartServer
from tests.review.servers import Running

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_person_signs_in_and_out_by_keyboard(
    browser: Browser, server: Running, tmp_path: Path, width: int, scheme: str
) -> None:
    with opened_page(browser, server, width, scheme) as page:
        page.goto(server.url)
        assert not is_scrolled_sideways(page)
        page.screenshot(path=tmp_path / "sign-in.png")
        sign_in_by_keyboard(page, server, "Ada " + "Lovelace" * 6, "/progress")
        assert page.locator("h1").inner_text() == "Progress"
        assert page.locator("nav [aria-current]").inner_text() == "Progress"
        assert not is_scrolled_sideways(page)
        ink, paper = (
            page.evaluate(f"getComputedStyle(document.body).{name}.match(/\\d+/g).map(Number)")
            for name in ("color", "backgroundColor")
        )
        assert (sum(paper) > sum(ink)) == (scheme == "light")
        page.keyboard.press("?")
        assert page.locator("dialog[open] .keys").inner_text().split("\n") == ["?", "List the keys"]
        page.screenshot(path=tmp_path / "keys.png")
        page.keyboard.press("Escape")
        page.locator("body").press("Tab")
        assert page.locator(":focus").inner_text() == "Skip to the content"
        for _ in range(10):
            page.keyboard.press("Tab")
            if page.locator(":focus").inner_text() == "Sign out":
                break
        page.keyboard.press("Enter")
        page.wait_for_url(server.url + "/sign-in")
        sign_in_by_keyboard(page, server, "Grace", "/progress?a=1&b=%2F")


def test_question_mark_in_a_text_field_is_text(browser: Browser, server: Running) -> None:
    with opened_page(browser, server) as page:
        page.goto(server.url)
        page.wait_for_selector("#name:focus")
        page.keyboard.type("a?")
        assert page.input_value("#name") == "a?"
        assert page.locator("dialog[open]").count() == 0


def test_saving_repeats_itself_until_the_server_has_the_batch_in_order(
    browser: Browser, empty: Settings, review_server: StartServer
) -> None:
    batches: list[dict[str, str]] = []

    def save(request: Request) -> Response:
        batches.append(json_of(request))
        if len(batches) == 1:
            raise DatabaseBusyError("the database is busy")
        return JSONResponse({"saved": len(batches)})

    server = review_server(empty, routes=[*ROUTES, Route("/api/save", save, methods=["POST"])])
    with opened_page(browser, server, allowed_errors=("503",)) as page:
        sign_in_by_keyboard(page, server)
        page.evaluate(
            """() => {
                window.shown = [];
                const status = document.getElementById("save-status");
                new MutationObserver(() => shown.push(status.textContent)).observe(status, {childList: true});
            }"""
        )
        answers = page.evaluate(
            """async () => {
                const { post, allSaved } = await import("/static/api.js");
                const saved = [{verdict: "7"}, {verdict: "8"}].map((body) => post("/api/save", body));
                await allSaved();
                return Promise.all(saved);
            }"""
        )
        assert answers == [{"saved": 2}, {"saved": 3}]
        assert [batch["verdict"] for batch in batches] == ["7", "7", "8"]
        assert batches[0]["batch_id"] == batches[1]["batch_id"] != batches[2]["batch_id"]
        shown = page.evaluate("shown")
        assert "not saved: the database is busy, retrying" in shown
        assert shown[-1] == "saved"


SAVE = """async () => {
    const { post } = await import("/static/api.js");
    window.outcome = post("/api/save", {verdict: "7"}).catch((error) => error.message);
}"""


@pytest.mark.parametrize("returning", ["Ada", "Grace"])
def test_unsaved_batch_waits_for_the_same_person_after_the_session_ended(
    browser: Browser, empty: Settings, review_server: StartServer, returning: str
) -> None:
    batches: list[tuple[str, str]] = []

    def save(request: Request) -> Response:
        batches.append((session_of(request).name, json_of(request)["verdict"]))
        return JSONResponse({"saved": True})

    server = review_server(empty, routes=[*ROUTES, Route("/api/save", save, methods=["POST"])])
    with opened_page(browser, server, allowed_errors=("401",)) as page:
        sign_in_by_keyboard(page, server)
        server.context.sessions._sessions.clear()  # as a restart of the server does
        page.evaluate(SAVE)
        page.wait_for_selector("#save-status a")
        status = page.locator("#save-status")
        assert status.inner_text() == "not saved: You are signed out. Sign in again to continue. Sign in"
        page.locator("#save-status a").focus()
        with page.context.expect_page() as opened:
            page.keyboard.press("Enter")
        sign_in_by_keyboard(opened.value, server, returning)
        page.evaluate("outcome")
        if returning == "Ada":
            assert status.inner_text() == "saved"
            assert batches == [("Ada", "7")]
        else:
            assert status.inner_text() == "not saved: Grace is signed in now, not Ada"
            assert batches == []


def test_page_that_is_older_than_the_session_saves(
    browser: Browser, empty: Settings, review_server: StartServer
) -> None:
    saved: list[str] = []

    def save(request: Request) -> Response:
        saved.append(session_of(request).name)
        return JSONResponse({})

    server = review_server(empty, routes=[*ROUTES, Route("/api/save", save, methods=["POST"])])
    with opened_page(browser, server, allowed_errors=("403",)) as page:
        sign_in_by_keyboard(page, server)
        (session,) = server.context.sessions._sessions.values()
        session.csrf_token = "another"  # noqa: S105
        page.evaluate(SAVE)
        assert page.evaluate("outcome") == {}
    assert saved == ["Ada"]
