"""The queues page and the groups: digits that were read as the same, confirmed together."""

from __future__ import annotations

import threading
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import numpy as np
import pytest
from PIL import Image

from lenet_pipeline.errors import DatabaseBusyError
from lenet_pipeline.lake import read_manifest, read_shard
from lenet_pipeline.lake.digits import images_array
from lenet_pipeline.review.counts import Counted, Counts
from lenet_pipeline.settings import Settings
from tests.jobs.form_builders import ask, broken_checks
from tests.review.browser import (
    SCHEMES,
    WIDTHS,
    is_scrolled_sideways,
    opened_page,
    sign_in_by_keyboard,
)
from tests.review.conftest import NOTES, StartServer
from tests.review.servers import Running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Row = dict[str, Any]
READINGS = """
select cast(digit_id as varchar) as digit_id, label, confidence, state, page_id
from predictions inner join cells using (digit_id)
order by confidence, digit_id
"""


@pytest.fixture
def served(review_home: Settings, review_server: StartServer) -> Running:
    """The server of a home with work."""
    return review_server(review_home)


@pytest.fixture
def ada(served: Running) -> Iterator[httpx.Client]:
    """Ada's client."""
    with served.signed_in("Ada") as client:
        yield client


def run_of(settings: Settings, dataset: str = NOTES) -> str:
    runs = ask(settings, "select dataset, cast(scoring_run_id as varchar) as run from current_runs")
    return str({row["dataset"]: row["run"] for row in runs}[dataset])


def most_read(settings: Settings) -> tuple[int, list[Row]]:
    """Return the digit that was read most often on the forms, and its readings, the least sure first."""
    rows = [row for row in ask(settings, READINGS) if row["state"] == "digit"]
    labels = [row["label"] for row in rows]
    label = max(set(labels), key=lambda each: (labels.count(each), each))
    return label, [row for row in rows if row["label"] == label]


def fetch(client: httpx.Client, run: str, label: int, is_open: int = 0, **values: Any) -> Row:
    asked = {"run": run, "label": label, "open": is_open, **values}
    answer = client.get("/api/groups/next", params=asked)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ids(answer: Row) -> list[str]:
    return [tile["digit_id"] for tile in answer["tiles"]]


def decode(picture: str) -> np.ndarray:
    with Image.open(BytesIO(b64decode(picture.partition(",")[2]))) as image:
        return np.asarray(image.convert("L"))


def verdicts(tiles: list[Row], verdict: str, **values: Any) -> Row:
    digits = [{**{n: tile[n] for n in ("digit_id", "shard_score_id")}, "verdict": verdict} for tile in tiles]
    return {"batch_id": str(uuid4()), "mode": "groups", "seconds": 1.5, "digits": digits, **values}


# The queues


def test_queues_show_the_ten_groups_and_the_fields_of_a_run(served: Running, ada: httpx.Client) -> None:
    run = run_of(served.settings)
    page = ada.get("/").text
    waiting = ask(served.settings, "select form, field, reason from review_queue where kind = 'field'")
    assert waiting
    for row in waiting:
        reason = row["reason"].partition(":")[0]
        address = f"/fields?run={run}&amp;form={row['form']}&amp;field={row['field']}&amp;reason={reason}"
        assert f'href="{address}"' in page
    assert page.count("data-label=") == 10
    assert f'href="/groups?run={run}&amp;label=8&amp;open=' in page
    assert f"{len(waiting)} fields to review" in page
    assert "optdigits/test" not in page
    assert "optdigits/test" in ada.get("/?labels=1").text


def test_groups_leave_out_marks_verdicts_and_reviewed_fields(served: Running, ada: httpx.Client) -> None:
    label, rows = most_read(served.settings)
    run = run_of(served.settings)
    tiles = fetch(ada, run, label)["tiles"]
    assert ada.post("/api/verdicts", json=verdicts(tiles[:3], str(label))).json()["recorded"] == 3
    counted = served.context.counts.load(True).groups
    left = {row["label"]: row["digits"] for row in counted if row["scoring_run_id"] == run}
    assert left[label] == len(rows) - 3 == fetch(ada, run, label)["left"]


def test_empty_queues_say_what_to_do_next(server: Running) -> None:
    with server.signed_in() as client:
        page = client.get("/").text
        assert "Nothing waits" in page
        assert "lenet score" in page
        assert "lenet policy set" in page


def test_counts_are_renewed_in_a_thread_while_a_page_shows_the_old_ones() -> None:
    now, calls, may_count = [0.0], list[bool](), threading.Event()

    def load(has_labels: bool) -> Counted:
        calls.append(has_labels)
        if len(calls) > 1:
            assert may_count.wait(10)
        return Counted([], [{"number": len(calls)}], datetime.now(UTC))

    counts = Counts(load, clock=lambda: now[0])
    assert counts.read().groups == [{"number": 1}]
    now[0] = 9.0
    assert counts.read().groups == [{"number": 1}]
    assert len(calls) == 1
    now[0] = 11.0
    assert counts.read().groups == counts.read().groups == [{"number": 1}]
    may_count.set()
    with counts._counting[False]:
        assert counts.read().groups == [{"number": 2}]
    assert calls == [False, False]


def test_counts_stay_when_the_database_is_busy() -> None:
    now, calls = [0.0], list[int]()

    def load(_has_labels: bool) -> Counted:
        calls.append(1)
        if len(calls) == 2:
            raise DatabaseBusyError("busy")
        return Counted([], [{"number": len(calls)}], datetime.now(UTC))

    counts = Counts(load, clock=lambda: now[0])
    for expected in (1, 1, 1):
        assert counts.read().groups == [{"number": expected}]
        now[0] += 11
        with counts._counting[False]:
            pass
    counts.read()
    with counts._counting[False]:
        assert counts.read().groups == [{"number": len(calls)}]
    assert len(calls) >= 3


# The groups


def test_group_lists_the_least_sure_first_with_the_cell_of_each(served: Running, ada: httpx.Client) -> None:
    label, rows = most_read(served.settings)
    answer = fetch(ada, run_of(served.settings), label)
    assert ids(answer) == [row["digit_id"] for row in rows][:60]
    assert answer["left"] == len(rows)
    for tile in answer["tiles"]:
        cell = decode(tile["picture"])
        assert 50 < cell.shape[0] < 110
        assert 40 < cell.shape[1] < 110
        assert cell.min() < 130  # the ink of the digit


def test_digit_outside_forms_is_shown_dark_on_white(served: Running, ada: httpx.Client) -> None:
    settings, dataset = served.settings, "optdigits/test"
    answer = fetch(ada, run_of(settings, dataset), 3, most=20)
    manifest = read_manifest(settings.lake, dataset)
    images = {}
    for shard in manifest.shards:
        table = read_shard(settings.lake, dataset, shard)
        images |= dict(zip(map(str, table["digit_id"].to_pylist()), images_array(table), strict=True))
    assert len(answer["tiles"]) == 20
    for tile in answer["tiles"]:
        assert (decode(tile["picture"]) == 255 - images[tile["digit_id"]]).all()


def test_open_group_lists_only_digits_that_no_policy_accepts(served: Running, ada: httpx.Client) -> None:
    settings, run = served.settings, run_of(served.settings)
    label, rows = most_read(settings)
    (policy,) = ask(settings, "select threshold, not_a_digit_from from policies")
    threshold = policy["threshold"]
    wanted = [row["digit_id"] for row in rows if threshold is None or row["confidence"] < threshold]
    assert ids(fetch(ada, run, label, 1)) == wanted[:60]


def test_two_people_get_different_digits_until_the_time_is_over(served: Running, ada: httpx.Client) -> None:
    label, rows = most_read(served.settings)
    run, now = run_of(served.settings), [0.0]
    served.context.work.reservations.clock = lambda: now[0]
    mine = ids(fetch(ada, run, label, most=10))
    with served.signed_in("Bob") as bob:
        answer = fetch(bob, run, label, most=10)
        assert len(ids(answer)) == 10
        assert not set(ids(answer)) & set(mine)
        assert answer["held"] == 10
        assert "Other people hold 10 items now" in bob.get("/").text
        now[0] = 299.0
        assert ada.post("/api/renew", json={"items": mine[:5]}).json() == {"lost": []}
        now[0] = 301.0
        again = ids(fetch(bob, run, label, most=200))
        assert again == [row["digit_id"] for row in rows if row["digit_id"] not in mine[:5]]
        assert ada.post("/api/renew", json={"items": mine[5:]}).json() == {"lost": mine[5:]}


def test_skipped_and_reviewed_digits_do_not_come_again(served: Running, ada: httpx.Client) -> None:
    label, _ = most_read(served.settings)
    run = run_of(served.settings)
    first = fetch(ada, run, label, most=4)
    second = fetch(ada, run, label, most=4, skip=",".join(ids(first)))
    assert not set(ids(first)) & set(ids(second))
    ada.post("/api/verdicts", json=verdicts(first["tiles"], str(label)))
    third = fetch(ada, run, label, most=4)
    assert ids(third) == ids(second)
    assert third["left"] == first["left"] - 4


def test_undone_digits_come_back_first(served: Running, ada: httpx.Client) -> None:
    label, _ = most_read(served.settings)
    run = run_of(served.settings)
    first = fetch(ada, run, label, most=4)
    body = verdicts(first["tiles"], str(label))
    ada.post("/api/verdicts", json=body)
    undo = {"batch_id": str(uuid4()), "undone_batch_id": body["batch_id"]}
    assert ada.post("/api/undo", json=undo).json() == {"undone": 4}
    assert ids(fetch(ada, run, label, most=4)) == ids(first)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("run=nothing&label=1", 404),
        ("run=00000000-0000-0000-0000-000000000000&label=10", 404),
        ("run=00000000-0000-0000-0000-000000000000&label=x", 422),
        ("run=00000000-0000-0000-0000-000000000000&label=1&most=-1", 422),
        ("run=00000000-0000-0000-0000-000000000000&label=1&skip=" + "a," * 1001, 422),
        ("run=00000000-0000-0000-0000-000000000000' or 1=1--&label=1", 404),
        ("label=<script>&run=00000000-0000-0000-0000-000000000000", 422),
    ],
)
def test_invalid_group_is_refused(server: Running, query: str, status: int) -> None:
    with server.signed_in() as client:
        answer = client.get(f"/api/groups/next?{query}")
        assert answer.status_code == status
        assert set(answer.json()) == {"error"}


def test_unknown_run_leads_back_to_the_queues(server: Running) -> None:
    with server.signed_in() as client:
        answer = client.get("/groups?run=00000000-0000-0000-0000-000000000000&label=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


# In the browser


def wait_until_saved(page: Page) -> None:
    page.wait_for_selector('#save-status[data-state="saved"]')


def tiles_on(page: Page) -> list[str]:
    return list(page.locator(".cut").evaluate_all("cells => cells.map(cell => cell.dataset.digitId)"))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_person_reviews_a_group_by_keyboard_from_sign_in_to_recorded_verdicts(
    browser: Browser, served: Running, tmp_path: Path, width: int, scheme: str
) -> None:
    settings = served.settings
    label, rows = most_read(settings)
    expected = [row["digit_id"] for row in rows]
    other = (label + 1) % 10
    with opened_page(browser, served, width, scheme) as page:
        sign_in_by_keyboard(page, served)
        page.wait_for_selector("[data-queue]:focus")
        assert not is_scrolled_sideways(page)
        page.keyboard.press("g")
        page.keyboard.press(str(label))
        page.wait_for_url(served.url + "/groups?*")
        if parse_qs(urlsplit(page.url).query)["open"] == ["1"]:
            page.keyboard.press("a")
            page.wait_for_url(served.url + "/groups?*open=0")
        page.wait_for_selector(".cut:focus")
        assert not is_scrolled_sideways(page)
        per_group = 24 if width == 400 else 60
        assert tiles_on(page) == expected[:per_group]

        # The second is another digit, the third is blank, the fourth is wrong, the fifth is as it was read.
        for key in ("ArrowRight", str(other), "ArrowRight", "b", "ArrowRight", " ", "ArrowRight", "x", "X"):
            page.keyboard.press(key)
        marked = page.locator('.cut[aria-selected="true"]')
        assert marked.locator(".verdict").all_inner_texts() == [str(other), "␣", "?"]
        assert f"is {other}" in (marked.first.get_attribute("aria-label") or "")
        page.keyboard.press("Home")
        page.keyboard.press("ArrowDown")
        columns = page.locator('[role="row"]').first.locator(".cut").count()
        assert page.locator(":focus").get_attribute("data-index") == str(columns)
        page.screenshot(path=tmp_path / "group.png")
        page.keyboard.press("Enter")
        wait_until_saved(page)

        groups = 1
        while page.locator("#message").inner_text().startswith("Mark the wrong ones"):
            page.keyboard.press("Enter")
            groups += 1
            page.wait_for_function("document.querySelector('#grid:not(.leaving) .cut')")
        wait_until_saved(page)
        assert groups == -(-len(expected) // per_group)

        # At the end, the page asks for the digit that was only marked as wrong.
        assert page.locator("#message").inner_text().startswith("1 digit marked wrong")
        assert tiles_on(page) == [expected[3]]
        page.keyboard.press("u")
        page.keyboard.press("Enter")
        page.wait_for_selector("#onward:focus")
        assert "This group is done" in page.locator("#grid").inner_text()
        wait_until_saved(page)
        page.keyboard.press("Escape")
        page.wait_for_url(served.url + "/")

    found = ask(
        settings,
        "select cast(digit_id as varchar) as digit_id, verdict, mode, seconds, actor, batch_id from reviews",
    )
    special = {expected[1]: str(other), expected[2]: "blank", expected[3]: "unreadable"}
    wanted = {digit_id: special.get(digit_id, str(label)) for digit_id in expected}
    assert {row["digit_id"]: row["verdict"] for row in found} == wanted
    assert len(found) == len(expected)
    assert {(row["mode"], row["actor"]) for row in found} == {("groups", "Ada")}
    assert all(0 < row["seconds"] < 60 for row in found)
    assert len({row["batch_id"] for row in found}) == groups + 1
    final = ask(
        settings,
        """
        select final_values.value, final_values.value_read, final_values.origin,
            cast(cells.digit_id as varchar) as digit_id
        from final_values inner join cells using (field_id)
        """,
    )
    origins = {row["digit_id"]: row["origin"] for row in final if row["digit_id"] in expected}
    assert origins == dict.fromkeys(expected, "reviewed by Ada")
    (changed,) = [row for row in final if row["digit_id"] == expected[1]]
    assert changed["value"].count(str(other)) > changed["value_read"].count(str(other))
    assert broken_checks(settings) == []


def test_undo_brings_the_group_back_and_a_second_confirmation_counts(
    browser: Browser, served: Running
) -> None:
    label, _ = most_read(served.settings)
    run = run_of(served.settings)
    with opened_page(browser, served, 400) as page:
        sign_in_by_keyboard(page, served, path="/progress")
        page.goto(f"{served.url}/groups?run={run}&label={label}&open=0")
        page.wait_for_selector(".cut:focus")
        before = tiles_on(page)
        page.keyboard.press("n")
        page.keyboard.press("Enter")
        wait_until_saved(page)
        page.wait_for_function(f"document.querySelector('.cut')?.dataset.digitId !== '{before[0]}'")
        page.keyboard.press("Backspace")
        wait_until_saved(page)
        assert tiles_on(page) == before
        assert page.locator(".cut").first.locator(".verdict").inner_text() == "✕"
        assert "0 done" in page.locator("#progress").inner_text()
        assert ask(served.settings, "select * from digit_verdicts") == []
        page.keyboard.press("x")
        page.keyboard.press("Enter")
        wait_until_saved(page)
        page.wait_for_function(f"document.querySelector('.cut')?.dataset.digitId !== '{before[0]}'")
        assert f"{len(before)} done" in page.locator("#progress").inner_text()
    found = ask(served.settings, "select cast(digit_id as varchar) as digit_id, verdict from digit_verdicts")
    assert {row["digit_id"] for row in found} == set(before)
    assert {row["verdict"] for row in found} == {str(label)}
    assert len(ask(served.settings, "select * from reviews")) == 2 * len(before)
    assert broken_checks(served.settings) == []


def test_refused_group_stays_on_the_page(browser: Browser, served: Running) -> None:
    label, _ = most_read(served.settings)
    run = run_of(served.settings)
    with opened_page(browser, served, allowed_errors=("422",)) as page:
        sign_in_by_keyboard(page, served, path="/progress")
        page.goto(f"{served.url}/groups?run={run}&label={label}&open=0")
        page.wait_for_selector(".cut:focus")
        before = tiles_on(page)
        page.route(
            "**/api/verdicts", lambda route: route.fulfill(status=422, body='{"error": "No such digit."}')
        )
        page.keyboard.press("Enter")
        page.wait_for_function("document.getElementById('message').textContent.includes('No such digit')")
        assert tiles_on(page) == before
        page.unroute("**/api/verdicts")
        page.keyboard.press("Enter")
        wait_until_saved(page)
    assert len(ask(served.settings, "select * from reviews")) == len(before)
