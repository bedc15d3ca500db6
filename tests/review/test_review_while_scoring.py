"""Two people review while a run is scored and one browser is killed: no verdict is lost or doubled."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.reviewing import SAVED, Reviewed, read_truth, review_group
from lenet_pipeline.forms import SEVERITIES, draw_demo_form, read_template
from lenet_pipeline.jobs import (
    FillingJob,
    FormIngestJob,
    IngestJob,
    ScoringJob,
    fill_forms,
    ingest,
    ingest_forms,
    score,
)
from lenet_pipeline.review import invite
from lenet_pipeline.settings import Settings, read_settings
from tests.jobs.form_builders import ask, broken_checks
from tests.review.conftest import NOTES, StartServer
from tests.review.servers import Running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright, Request, Response

PAGES = 24  # with about 1,100 digits
LATER, LATER_DIGITS = "later/all", 1_797
SHARD_ROWS = 10  # so that the run loads predictions many times
KILLED_AT = 8  # when the browser sends this batch
TIMEOUT_MS = 60_000
LOOK_MS = 800  # before the groups of each label; without a pause, people finish before the run begins

READ = """
select cast(digit_id as varchar) as digit_id, label
from cells inner join predictions using (digit_id)
where settled_state(state, possible_mark, is_like_mark, not_a_digit) = 'digit'
"""
RECORDED = """
select cast(batch_id as varchar) as batch_id, cast(digit_id as varchar) as digit_id,
    verdict, actor, reviewed_at
from reviews order by review_number
"""
COUNTS = "select cast(digit_id as varchar) as digit_id, verdict, actor from digit_verdicts"
RUN = f"""
select count(*) as predictions, count(distinct digit_id) as digits, any_value(started_at) as started_at,
    any_value(finished_at) as finished_at, count(distinct shard_score_id) as shards
from scoring_runs
inner join scoring_run_shards using (scoring_run_id)
inner join predictions using (shard_score_id)
where scoring_runs.dataset = '{LATER}'
"""  # noqa: S608
LINKS = "select count(*) as links from chain where kind = 'reviews'"


class KilledError(Exception):
    """The browser was killed, as planned."""


@dataclass
class Person:
    """A person at a browser. Batches are recorded as the browser sends them and gets them acknowledged."""

    name: str
    token: str
    width: int
    killed_at: int | None = None
    sent: dict[str, dict[str, str]] = field(default_factory=dict)  # the verdicts of each batch, by digit
    acknowledged: set[str] = field(default_factory=set)
    in_flight: set[str] = field(default_factory=set)  # at the kill
    done: Reviewed = field(default_factory=Reviewed)


@pytest.fixture
def large_home(trained: Settings, home: Path) -> Settings:
    """Filled forms with more than 1,000 digits, scored, and a dataset of many shards, not yet scored."""
    shutil.copytree(trained.home, home)
    settings = read_settings(home, "tester")
    (home / "forms").mkdir()
    form = draw_demo_form(home / "forms")
    template = read_template(form.template)
    fill_forms(settings, FillingJob(template, "optdigits/test", PAGES, 3, SEVERITIES["none"], home / "scans"))
    ingest_forms(settings, FormIngestJob(home / "scans", (form.template,), NOTES))
    score(settings, ScoringJob(NOTES))
    ingest(settings.model_copy(update={"shard_rows": SHARD_ROWS}), IngestJob("optdigits", name=LATER))
    return settings


@contextmanager
def browser_process(playwright: Playwright, folder: Path) -> Iterator[tuple[Browser, int]]:
    """Start a browser in a process of its own, and yield it with the id of the process."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    assert program is not None
    options = ["--headless", "--no-sandbox", "--remote-debugging-port=0", f"--user-data-dir={folder}"]
    with subprocess.Popen(
        [program, *options, "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            address = folder / "DevToolsActivePort"
            while not address.exists() or len(address.read_text().splitlines()) < 2:
                assert process.poll() is None
                time.sleep(0.05)
            port, path = address.read_text().splitlines()
            yield playwright.chromium.connect_over_cdp(f"ws://127.0.0.1:{port}{path}"), process.pid
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def watch(page: Page, person: Person, pid: int) -> None:
    """Record batches, and kill the browser as soon as it sends the planned one."""

    def note_request(request: Request) -> None:
        if not request.url.endswith("/api/verdicts"):
            return
        body: Any = request.post_data_json
        person.sent[body["batch_id"]] = {each["digit_id"]: each["verdict"] for each in body["digits"]}
        if len(person.sent) == person.killed_at:
            person.killed_at = None
            os.kill(pid, signal.SIGKILL)
            person.in_flight = person.sent.keys() - person.acknowledged

    def note_response(response: Response) -> None:
        if response.url.endswith("/api/verdicts") and response.ok:
            body: Any = response.request.post_data_json
            person.acknowledged.add(body["batch_id"])

    page.on("request", note_request)
    page.on("response", note_response)


def walk(person: Person, server: Running, run: str, truth: dict[str, int], folder: Path) -> None:
    """Sign in and review all groups, in a browser of its own."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright, browser_process(playwright, folder) as (browser, pid):
        is_killing = person.killed_at is not None
        try:
            page = browser.new_context(viewport={"width": person.width, "height": 900}).new_page()
            page.set_default_timeout(TIMEOUT_MS)
            watch(page, person, pid)
            page.goto(server.url)
            page.fill("#name", person.name)
            page.fill("#token", person.token)
            page.keyboard.press("Enter")
            page.wait_for_url(server.url + "/")
            for label in range(10):
                page.goto(f"{server.url}/groups?run={run}&label={label}&open=0")
                page.wait_for_selector(".cut:focus, #onward")
                page.wait_for_timeout(LOOK_MS)
                while page.locator("#onward").count() == 0:
                    review_group(page, truth, label, 0, person.done)
                page.wait_for_function(SAVED)
        except Error:
            if is_killing and person.killed_at is None:
                raise KilledError from None
            raise


def work_to_the_end(person: Person, server: Running, run: str, truth: dict[str, int], folder: Path) -> None:
    """Review everything; after a kill, sign in again in another browser."""
    try:
        walk(person, server, run, truth, folder / f"{person.name}-1")
    except KilledError:
        walk(person, server, run, truth, folder / f"{person.name}-2")


@pytest.mark.slow
def test_no_verdict_is_lost_or_doubled_when_a_browser_is_killed_during_a_scoring_run(
    large_home: Settings, review_server: StartServer, environment: dict[str, str], tmp_path: Path
) -> None:
    if not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("there is no chromium on this machine")
    server = review_server(large_home)
    read = {row["digit_id"]: row["label"] for row in ask(large_home, READ)}
    assert len(read) >= 1_000
    (run,) = ask(large_home, "select cast(scoring_run_id as varchar) as run from scoring_runs")
    people = [
        Person("Ada", invite(large_home, "Ada").token, 1300, killed_at=KILLED_AT),
        Person("Bob", invite(large_home, "Bob").token, 400),
    ]
    given = (server, run["run"], read_truth(large_home), tmp_path)
    command = [sys.executable, "-m", "lenet_pipeline.cli", "score", LATER]
    started = time.monotonic()
    with ThreadPoolExecutor() as threads:
        works = [threads.submit(work_to_the_end, person, *given) for person in people]
        while not (any(person.acknowledged for person in people) or any(work.done() for work in works)):
            time.sleep(0.01)
        scoring = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    took_s = time.monotonic() - started
    assert scoring.returncode == 0, scoring.stderr
    for work in works:
        work.result()

    rows = ask(large_home, RECORDED)
    ada, _ = people
    sent = {batch: verdicts for person in people for batch, verdicts in person.sent.items()}
    owners = {batch: person.name for person in people for batch in person.sent}
    acknowledged = ada.acknowledged | people[1].acknowledged
    recorded: dict[str, dict[str, str]] = {}
    for row in rows:
        digits = recorded.setdefault(row["batch_id"], {})
        assert row["digit_id"] not in digits, "a batch has a digit twice"
        digits[row["digit_id"]] = row["verdict"]
        assert row["actor"] == owners[row["batch_id"]]

    # All batches of both people that the server acknowledged are recorded as they were sent, and nothing
    # else is, except perhaps the one batch that was on its way when the browser was killed.
    assert len(ada.in_flight) == 1
    assert {batch: recorded[batch] for batch in acknowledged} == {
        batch: sent[batch] for batch in acknowledged
    }
    unknown = recorded.keys() - acknowledged
    assert unknown <= ada.in_flight
    assert all(recorded[batch] == sent[batch] for batch in unknown)

    # Each digit has the verdict of one batch. Digits of the unknown batch may have a second one: the same
    # person was asked again, and the newer verdict counts.
    asked_again = {digit for batch in unknown for digit in recorded[batch]}
    times = Counter(row["digit_id"] for row in rows)
    assert times.keys() == read.keys()
    assert {digit for digit, number in times.items() if number > 1} <= asked_again
    assert max(times.values()) <= 2
    newest = {row["digit_id"]: (row["verdict"], row["actor"]) for row in rows}
    counting = ask(large_home, COUNTS)
    assert {row["digit_id"]: (row["verdict"], row["actor"]) for row in counting} == newest
    assert len(counting) == len(read)
    assert all(row["actor"] == "Ada" for row in rows if row["digit_id"] in asked_again)
    by_person = Counter(row["actor"] for row in rows)
    assert min(by_person[person.name] for person in people) >= 100

    (scored,) = ask(large_home, RUN)
    assert (scored["predictions"], scored["digits"]) == (LATER_DIGITS, LATER_DIGITS)
    assert scored["shards"] >= LATER_DIGITS // SHARD_ROWS
    during = [row for row in rows if scored["started_at"] <= row["reviewed_at"] <= scored["finished_at"]]
    assert len({row["batch_id"] for row in during}) >= 2, "the run and the reviews did not overlap"
    (chain,) = ask(large_home, LINKS)
    assert chain["links"] == len(recorded)
    assert broken_checks(large_home) == []
    print(  # noqa: T201
        f"{len(rows)} verdicts in {len(recorded)} batches in {took_s:.0f} s, {len(during)} of them while"
        f" the run was scored; {len(unknown)} of {len(ada.in_flight)} batches in flight were recorded"
    )
