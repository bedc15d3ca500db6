"""Fixtures of the verification pages: homes with and without work, their servers, and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from starlette.routing import BaseRoute

from lenet_pipeline.audit import PolicyTerms, propose_policy, set_policy
from lenet_pipeline.forms import SEVERITIES, draw_demo_form, read_template
from lenet_pipeline.jobs import FillingJob, FormIngestJob, ScoringJob, fill_forms, ingest_forms, score
from lenet_pipeline.review import ServerOptions
from lenet_pipeline.review.server import ROUTES
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.warehouse import migrate
from tests.review.servers import QUICK, Running, running_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

StartServer = Callable[..., Running]
NOTES = "notes/2026"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests in a real browser, or on a home with scored forms, as slow: together they take minutes."""
    for item in items:
        if {"browser", "review_home_once"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a database and nothing in it: read it, never write."""
    home = tmp_path_factory.mktemp("migrated") / "home"
    migrate(read_settings(home, "tester").warehouse)
    return home


@pytest.fixture
def empty(migrated_once: Path, home: Path) -> Settings:
    """A home with an empty database that a test may change."""
    shutil.copytree(migrated_once, home)
    return read_settings(home, "tester")


@pytest.fixture(scope="session")
def review_home_once(trained: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with six delivery notes and a labelled test set, scored, and a policy: read it, never write."""
    home = tmp_path_factory.mktemp("review") / "home"
    shutil.copytree(trained.home, home)
    settings = read_settings(home, "tester")
    (home / "forms").mkdir()
    form = draw_demo_form(home / "forms")
    filling = FillingJob(
        read_template(form.template), "optdigits/test", 6, 3, SEVERITIES["light"], home / "scans"
    )
    fill_forms(settings, filling)
    ingest_forms(settings, FormIngestJob(home / "scans", (form.template,), NOTES, processes=1))
    score(settings, ScoringJob(NOTES))
    score(settings, ScoringJob("optdigits/test"))
    set_policy(settings, propose_policy(settings, PolicyTerms(0.02, 0.95, ("optdigits/test",))))
    return settings


@pytest.fixture
def review_home(review_home_once: Settings, home: Path) -> Settings:
    """A copy of the home with work that a test may change; the true values are in scans/truth.csv."""
    shutil.copytree(review_home_once.home, home)
    return read_settings(home, "tester")


@pytest.fixture
def review_server() -> Iterator[StartServer]:
    """Return a function that serves a home until the end of the test: ``review_server(settings).url``."""
    with ExitStack() as servers:

        def start(
            settings: Settings, options: ServerOptions = QUICK, routes: Sequence[BaseRoute] = ROUTES
        ) -> Running:
            return servers.enter_context(running_server(settings, options, routes))

        yield start


@pytest.fixture
def server(empty: Settings, review_server: StartServer) -> Running:
    """The server of an empty home."""
    return review_server(empty)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The system's Chromium. It stops after this folder's tests, because its event loop blocks others."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("there is no chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
