"""Blind second readings: nothing of the model or of others is shown, and a third person settles."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from lenet_pipeline.review.reservations import Reservations
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import BlindDraw, draw_blind_sample, list_checks, run_checks, run_select
from tests.homes import Run
from tests.review.browser import SCHEMES, WIDTHS, is_scrolled_sideways, opened_page, sign_in_by_keyboard
from tests.review.conftest import NOTES, StartServer
from tests.review.servers import Running, hidden_fields

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PEOPLE = ("Ada", "Bob", "Cy")


def ask(settings: Settings, statement: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = run_select(settings.warehouse, statement).to_pylist()
    return rows


def run_of(settings: Settings, dataset: str) -> str:
    (run,) = [row for row in ask(settings, "from current_runs") if row["dataset"] == dataset]
    return str(run["scoring_run_id"])


def draw(settings: Settings, dataset: str = NOTES, **terms: Any) -> str:
    run = run_of(settings, dataset)
    return str(draw_blind_sample(settings.warehouse, BlindDraw(run=run, **terms), "tester").sample_id)


@contextmanager
def people(server: Running) -> Iterator[list[httpx.Client]]:
    with ExitStack() as stack:
        yield [stack.enter_context(server.signed_in(name)) for name in PEOPLE]


def items_for(client: httpx.Client, sample: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/blind/{sample}/items").json()["items"]
    return found


def answer(client: httpx.Client, sample: str, item: int, value: str, **changes: Any) -> httpx.Response:
    body = {"batch_id": str(uuid4()), "answer": value, "seconds": 1.5} | changes
    return client.post(f"/api/blind/{sample}/{item}", json=body)


def test_nothing_that_is_sent_tells_the_reading_or_an_answer(
    review_home: Settings, review_server: StartServer
) -> None:
    sample = draw(review_home, size=3)
    server = review_server(review_home)
    with people(server) as (ada, bob, _):
        for item in items_for(ada, sample):
            answer(ada, sample, item["item_number"], "31415926")
        sent = [bob.get(path) for path in ("/blind", f"/blind/{sample}", f"/api/blind/{sample}/items")]
        listed = sent[-1].json()
        assert {tuple(item) for item in listed["items"]} == {
            ("item_number", "kind", "form", "field", "picture")
        }
        pictures = [bob.get(item["picture"]) for item in listed["items"]]
        assert all(picture.content.startswith(b"\xff\xd8\xff") for picture in pictures)
        saved = answer(bob, sample, 1, "27182818")
        assert saved.json() == {"recorded": 1}
    readings = {row["value_read"] for row in ask(review_home, "from blind_items")} - {None}
    assert len(readings) >= 2
    for response in [*sent, *pictures, saved]:
        told = response.text if response.headers["content-type"] != "image/jpeg" else ""
        told += json.dumps(dict(response.headers))
        assert "31415926" not in told
        assert [reading for reading in readings if len(reading) > 2 and reading in told] == []


def test_answers_that_settle_or_not_get_the_same_response(
    review_home: Settings, review_server: StartServer
) -> None:
    sample = draw(review_home, size=2)
    with people(review_server(review_home)) as (ada, bob, cy):
        responses = [
            answer(ada, sample, 1, "12"),
            answer(bob, sample, 1, "12"),
            answer(ada, sample, 2, "12"),
            answer(bob, sample, 2, "13"),
            answer(cy, sample, 2, "14"),
        ]
        assert {(done.status_code, done.text) for done in responses} == {(200, '{"recorded":1}')}
        assert answer(cy, sample, 1, "12").status_code == 409
        assert answer(ada, sample, 2, "12").status_code == 409
        assert items_for(cy, sample) == []
    settled = ask(review_home, "select settled_value, settled_by from blind_results order by item_number")
    assert settled == [
        {"settled_value": "12", "settled_by": "Bob"},
        {"settled_value": "14", "settled_by": "Cy"},
    ]


def test_the_settled_value_becomes_the_final_value_with_its_digits(
    review_home: Settings, review_server: StartServer
) -> None:
    sample = draw(review_home, size=200)
    (item,) = ask(
        review_home,
        "select item_number, value_read from blind_items "
        "where length(value_read) = 3 and value_corrected = value_read order by item_number limit 1",
    )
    changed = ("4" if item["value_read"][0] != "4" else "5") + item["value_read"][1:]
    with people(review_server(review_home)) as (ada, bob, _):
        for client in (ada, bob):
            assert answer(client, sample, item["item_number"], changed).status_code == 200
    (final,) = ask(
        review_home,
        "select value, value_read, origin, decision from final_values where reviewed_by is not null",
    )
    assert (final["value"], final["value_read"]) == (changed, item["value_read"])
    assert (final["origin"], final["decision"]) == ("reviewed by Bob", "reviewed")
    digits = ask(review_home, "select verdict, actor, mode from reviews order by review_number")
    assert digits == [{"verdict": digit, "actor": "Bob", "mode": "blind"} for digit in changed]
    checks = [check.name for check in list_checks() if check.name != "aliases_match_promotions"]
    results = run_checks(review_home.warehouse, [], checks)
    assert [check.query.name for check in results if len(check.violations)] == []


def test_digits_outside_forms_take_one_character(review_home: Settings, review_server: StartServer) -> None:
    sample = draw(review_home, "optdigits/test", size=3)
    with people(review_server(review_home)) as (ada, bob, _):
        items = items_for(ada, sample)
        assert {(item["kind"], item["form"], item["field"]) for item in items} == {("digit", None, None)}
        assert ada.get(items[0]["picture"]).content.startswith(b"\x89PNG")
        assert [answer(ada, sample, 1, value).status_code for value in ("12", "x", "7")] == [422, 422, 200]
        for number, value in ((2, "X"), (3, "")):
            answer(ada, sample, number, value)
            answer(bob, sample, number, value)
    verdicts = ask(review_home, "select verdict, actor from reviews order by review_number")
    assert verdicts == [
        {"verdict": "not_a_digit", "actor": "Bob"},
        {"verdict": "blank", "actor": "Bob"},
    ]


def test_several_people_at_once_never_lose_or_double_an_answer(
    review_home: Settings, review_server: StartServer
) -> None:
    sample = draw(review_home, size=8)
    failures: list[str] = []

    def read_all(client: httpx.Client) -> None:
        while items := items_for(client, sample):
            number = items[0]["item_number"]
            # Two people agree on odd items; on even ones, everybody disagrees.
            value = "7" if number % 2 else str(PEOPLE.index(names[client]))
            batch_id = str(uuid4())
            for _ in range(2):  # a repeated request changes nothing
                done = answer(client, sample, number, value, batch_id=batch_id)
                if done.status_code != 200:
                    failures.append(done.text)

    with people(review_server(review_home)) as clients:
        names = dict(zip(clients, PEOPLE, strict=True))
        threads = [threading.Thread(target=read_all, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for client in clients:  # items that the others had seats at are free now
            read_all(client)
    assert failures == []
    results = ask(review_home, "from blind_results order by item_number")
    assert [row["is_agreed"] for row in results] == [True, False] * 4
    assert all(row["is_settled"] for row in results)
    assert all(len({row["first_person"], row["second_person"], row["third_person"]}) == 3 for row in results)
    assert ask(review_home, "select count(*) as n from blind_answers") == [{"n": 4 * 2 + 4 * 3}]
    assert ask(review_home, "select count(*) as n from field_reviews") == [{"n": 8}]
    (chain,) = run_checks(review_home.warehouse, [], ["chain_covers_what_happened"])
    assert len(chain.violations) == 0


def test_two_people_hold_the_seats_of_an_item_and_leave_them(
    review_home: Settings, review_server: StartServer
) -> None:
    sample = draw(review_home, size=1)
    with people(review_server(review_home)) as (ada, bob, cy):
        assert [len(items_for(client, sample)) for client in (ada, bob, cy, ada)] == [1, 1, 0, 1]
        bob.get("/blind")
        assert len(items_for(cy, sample)) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"answer": "1; drop table"}, 422),
        ({"answer": 12}, 422),
        ({"answer": "1" * 201}, 422),
        ({"answer": "X"}, 422),
        ({"seconds": -1}, 422),
        ({"seconds": None}, 422),
        ({"batch_id": "1"}, 422),
    ],
)
def test_malformed_answer_is_refused(
    review_home: Settings, review_server: StartServer, body: dict[str, Any], status: int
) -> None:
    sample = draw(review_home, size=1)
    with review_server(review_home).signed_in() as ada:
        value = body.pop("answer", "1")
        assert answer(ada, sample, 1, value, **body).status_code == status
        assert answer(ada, sample, 2, "1").status_code == 404
        assert answer(ada, str(uuid4()), 1, "1").status_code == 404
        assert ada.get(f"/blind/{uuid4()}").status_code == 404
        assert ada.get(f"/api/blind/{sample}/items?skip=1,x").status_code == 422
    assert ask(review_home, "from blind_answers") == []


def test_a_sample_is_drawn_from_the_page_and_the_command(
    review_home: Settings, review_server: StartServer, lenet: Run
) -> None:
    with review_server(review_home).signed_in() as ada:
        form = hidden_fields(ada.get("/blind").text)
        given = {**form, "origin": "queue", "run": "latest", "size": "4", "seed": "7", "name": "<b>May</b>"}
        opened = ada.post("/blind", data=given)
        assert opened.status_code == 303
        assert ada.get(opened.headers["location"]).status_code == 200
        assert "&lt;b&gt;May&lt;/b&gt;" in ada.get("/blind").text
        for changes, problem in (
            ({"size": "0"}, "size must be a number from 1"),
            ({"seed": "-1"}, "seed must be"),
            ({"origin": "run", "run": "zzz"}, "no scoring run begins"),
            ({"field": "unknown"}, "nothing was drawn"),
        ):
            refused = ada.post("/blind", data={**given, **changes})
            assert refused.status_code == 422
            assert problem in refused.text
    run = run_of(review_home, NOTES)
    arguments = ("review", "sample", "--run", run[:10], "--size", "5", "--name", "June")
    first, again = lenet(*arguments), lenet(*arguments)
    assert first.stdout.startswith("5 items drawn: June"), first.stderr
    assert again.stdout.startswith("5 items drawn before: June")
    assert lenet("review", "sample", "--reason", "unsure").returncode == 2
    assert len(ask(review_home, "from blind_samples")) == 2


def test_progress_shows_speed_accuracy_and_agreement(
    review_home: Settings, review_server: StartServer, lenet: Run
) -> None:
    empty = lenet("review", "progress")
    assert empty.stdout == "no verdict yet; run `lenet review serve`\n"
    sample = draw(review_home, size=4)
    with people(review_server(review_home)) as (ada, bob, cy):
        assert "No verdict yet." in ada.get("/progress").text
        for number, values in {1: "77", 2: "77", 3: "78", 4: "77"}.items():
            answer(ada, sample, number, values[0], seconds=2)
            answer(bob, sample, number, values[1], seconds=4)
        answer(cy, sample, 3, "7", seconds=6)
        page = ada.get("/progress").text
        assert "Ada and Bob" in page
        assert "75 %" in page
    rows = json.loads(lenet("review", "progress", "--format", "json").stdout)
    told = {row["person"]: (row["verdicts"], row["blind"], row["median_seconds"]) for row in rows}
    assert told == {"Ada": (4, 4, 2.0), "Bob": (4, 4, 4.0), "Cy": (1, 1, 6.0)}
    assert {row["person"]: row["per_hour_on_day"] for row in rows} == {"Ada": 1800, "Bob": 900, "Cy": 600}


def type_answer(page: Page, text: str) -> None:
    """Answer the item on screen by keyboard, and wait for the next picture or the end."""
    number = page.locator("#reading").get_attribute("data-item")
    for sign in text or "b":
        page.keyboard.press("u" if sign == "?" else sign)
    page.keyboard.press("Enter")
    page.wait_for_selector(f"#reading[hidden], #reading:not([data-item='{number}'])", state="attached")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_three_people_settle_a_sample_by_keyboard_alone(
    browser: Browser,
    review_home: Settings,
    review_server: StartServer,
    tmp_path: Path,
    width: int,
    scheme: str,
) -> None:
    sample = draw(review_home, size=3)
    server = review_server(review_home)
    answers = {"Ada": ["12", "3?4", ""], "Bob": ["12", "3?4", "5"], "Cy": ["5"]}
    with ExitStack() as stack:
        for name, texts in answers.items():
            page = stack.enter_context(opened_page(browser, server, width, scheme))
            sign_in_by_keyboard(page, server, name, "/blind")
            assert not is_scrolled_sideways(page)
            page.screenshot(path=tmp_path / f"{name}-samples.png", full_page=True)
            page.keyboard.press("Enter")  # the newest sample has the focus
            page.wait_for_url(f"{server.url}/blind/{sample}")
            page.wait_for_selector("#reading:not([hidden]) img")
            page.evaluate("document.querySelector('#picture img').decode()")
            page.keyboard.press("Enter")
            assert "Type what you see, or press b" in page.locator("#prompt").inner_text()
            page.keyboard.type("9u")
            page.screenshot(path=tmp_path / f"{name}-typed.png", full_page=True)
            assert not is_scrolled_sideways(page)
            page.keyboard.press("Backspace")
            page.keyboard.press("Backspace")
            if name == "Ada":
                type_answer(page, "99")
                page.keyboard.press("z")
                page.wait_for_selector("#reading[data-item='1']")
            for text in texts:
                type_answer(page, text)
            assert "You have answered every item" in page.locator("#done-text").inner_text()
            page.wait_for_selector("#save-status[data-state=saved]")
            page.screenshot(path=tmp_path / f"{name}-done.png", full_page=True)
            page.keyboard.press("Escape")
            page.wait_for_url(server.url + "/blind")
        page.goto(server.url + "/progress")
        assert not is_scrolled_sideways(page)
        page.screenshot(path=tmp_path / "progress.png", full_page=True)
    settled = ask(review_home, "select settled_value, settled_by from blind_results order by item_number")
    assert [tuple(row.values()) for row in settled] == [("12", "Bob"), ("3?4", "Bob"), ("5", "Cy")]
    verdicts = ask(review_home, "select verdict, value, actor from field_reviews order by review_number")
    assert [tuple(row.values()) for row in verdicts] == [
        ("value", "12", "Bob"),
        ("unreadable", "3?4", "Bob"),
        ("value", "5", "Cy"),
    ]


def test_the_next_item_appears_at_once(
    browser: Browser, review_home: Settings, review_server: StartServer
) -> None:
    sample = draw(review_home, size=20)
    server = review_server(review_home)
    with opened_page(browser, server) as page:
        sign_in_by_keyboard(page, server, "Ada", f"/blind/{sample}")
        page.wait_for_selector("#reading:not([hidden]) img")
        times = page.evaluate(
            """async () => {
                const press = (key) => document.dispatchEvent(new KeyboardEvent("keydown", { key }));
                const shown = () => document.querySelector("#picture img");
                const times = [];
                for (let count = 0; count < 15; count += 1) {
                    await new Promise((resolve) => setTimeout(resolve, 400));
                    const before = shown();
                    press("7");
                    const start = performance.now();
                    press("Enter");
                    while (shown() === before || !shown().complete)
                        await new Promise((resolve) => requestAnimationFrame(resolve));
                    times.push(performance.now() - start);
                }
                return times;
            }"""
        )
        page.wait_for_selector("#save-status[data-state=saved]")
    assert sorted(times)[len(times) // 2] < 100, times
    assert len(ask(review_home, "from blind_answers")) == 15


def test_a_seat_returns_after_a_while() -> None:
    now = [0.0]
    seats = Reservations(hold_s=10.0, clock=lambda: now[0])
    assert [seats.take_seat("item", name, 2) for name in ("Ada", "Bob", "Cy", "Ada")] == [
        True,
        True,
        False,
        True,
    ]
    now[0] = 9.0
    assert seats.take_seat("item", "Ada", 2), "Ada holds her seat for longer"
    now[0] = 11.0
    assert seats.take_seat("item", "Cy", 2)
    assert not seats.take_seat("item", "Bob", 2)
    seats.leave_seat("item", "Cy")
    assert seats.take_seat("item", "Bob", 2)
