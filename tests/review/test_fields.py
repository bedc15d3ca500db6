"""Field by field: records, rules while typing, and the page in a real browser by keyboard alone."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lenet_pipeline.audit import read_template_content
from lenet_pipeline.forms.filling.demo_form import demo_template_text
from lenet_pipeline.review.field_records import fit_signs, propose_signs
from lenet_pipeline.review.fields import check_field
from lenet_pipeline.review.page_rules import check_rules
from lenet_pipeline.review.reasons import explain_all
from lenet_pipeline.review.server import ROUTES
from lenet_pipeline.review.verdicts import judge_field
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import FieldQueue, list_waiting_fields
from tests.jobs.form_builders import ask, audit, broken_checks
from tests.review.browser import SCHEMES, WIDTHS, is_scrolled_sideways, opened_page, sign_in_by_keyboard
from tests.review.conftest import StartServer
from tests.review.servers import Running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

REFUSE_SECOND_CELLS = """
update values_read
set cells_read = list_transform(
    cells_read,
    lambda cell: struct_pack(
        "position" := cell.position,
        state := cell.state,
        digit_id := cell.digit_id,
        shard_score_id := cell.shard_score_id,
        label := cell.label,
        confidence := cell.confidence,
        not_a_digit := cast(if(cell.position = 1, 0.9, 0.0) as float)
    )
)
where field_id in (select field_id from fields where field = 'total')
"""
WORK = "#work:not([hidden])"


def current(page: Page) -> str:
    page.wait_for_selector(WORK)
    return str(page.get_attribute("#work", "data-field-id"))


def other_field(page: Page, field_id: str) -> str:
    page.wait_for_selector(f'{WORK}:not([data-field-id="{field_id}"])')
    return current(page)


def field_row(settings: Settings, field_id: str) -> dict[str, Any]:
    (row,) = ask(settings, f"select * from final_values where field_id = '{field_id}'")  # noqa: S608
    return row


def shown_value(page: Page) -> str:
    return "".join(page.locator(".slot .character").all_inner_texts())


def decide_open_cells(page: Page) -> None:
    """Type a digit into each cell that must be decided."""
    while page.locator(".slot.open").count():
        at = int(page.locator(".slot.open").first.get_attribute("data-at") or 0)
        page.keyboard.press("Home")
        for _ in range(at):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("1")


def wait_until_saved(page: Page) -> None:
    page.wait_for_selector('#save-status[data-state="saved"]')


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_field_is_corrected_and_accepted_by_keyboard_alone(
    browser: Browser,
    review_home: Settings,
    review_server: StartServer,
    tmp_path: Path,
    width: int,
    scheme: str,
) -> None:
    server: Running = review_server(review_home)
    with opened_page(browser, server, width, scheme) as page:
        sign_in_by_keyboard(page, server, "Ada", "/fields")
        field_id = current(page)
        read = field_row(review_home, field_id)
        assert page.locator("#field-name").inner_text() == read["field"]
        assert page.locator(".reasons li").count() >= 1
        assert page.locator(".slots:focus").count() == 1
        decide_open_cells(page)
        page.keyboard.press("Home")
        page.keyboard.press("5" if shown_value(page)[0] != "5" else "6")
        expected = shown_value(page).replace("✕", "")
        page.screenshot(path=tmp_path / "fields.png")
        assert not is_scrolled_sideways(page)
        page.keyboard.press("Enter")
        following = other_field(page, field_id)
        wait_until_saved(page)
        kept = field_row(review_home, field_id)
        assert (kept["value"], kept["origin"], kept["decision"]) == (expected, "reviewed by Ada", "reviewed")
        assert kept["value_read"] == read["value_read"]
        (review,) = ask(review_home, "select * from field_reviews")
        assert (review["mode"], review["actor"], review["value"]) == ("fields", "Ada", expected)
        assert 0 < review["seconds"] < 60
        assert {row["mode"] for row in ask(review_home, "select mode from reviews")} == {"fields"}
        wide = {
            row["source"]: row
            for row in audit(review_home, "documents_wide", run=str(read["scoring_run_id"]))
        }
        assert wide[read["source"]][read["field"]] == expected
        assert broken_checks(review_home) == []
        page.keyboard.press("PageUp")
        page.wait_for_selector(f'{WORK}[data-field-id="{field_id}"]')
        assert "Ada" in (page.locator(".verdicts").text_content() or "")
        page.keyboard.press("PageDown")
        assert other_field(page, field_id) == following
        page.keyboard.press("d")
        page.wait_for_url("**/documents/**")
        page.wait_for_selector("#document:not([hidden])")
        page.go_back()
        page.wait_for_selector(WORK)
        page.keyboard.press("Escape")
        page.wait_for_url(server.url + "/")


def test_rules_are_checked_while_typing_and_late_answers_are_dropped(
    browser: Browser, review_home: Settings, review_server: StartServer
) -> None:
    asked: list[float] = []

    def check_slowly(request: Request) -> Response:
        asked.append(time.monotonic())
        if len(asked) == 1:
            time.sleep(1.0)  # the second answer comes first
        return check_field(request)

    server: Running = review_server(
        review_home, routes=[Route("/api/check", check_slowly, methods=["POST"]), *ROUTES]
    )
    with opened_page(browser, server) as page:
        sign_in_by_keyboard(page, server, path="/fields")
        page.goto(server.url + "/fields?field=delivered")
        current(page)
        page.keyboard.press("Home")
        page.keyboard.type("24012026", delay=1)  # one check, because the typing is fast
        page.wait_for_timeout(200)
        page.keyboard.press("Home")
        page.keyboard.type("9")  # there is no day 94
        page.wait_for_selector(".rules .broken")
        page.wait_for_timeout(1200)
        assert len(asked) == 2
        assert page.locator(".rules .broken").count() == 1
        page.keyboard.press("Home")
        page.keyboard.type("2")
        page.wait_for_selector(".rules .kept")
        assert page.locator(".rules .broken").count() == 0
        page.keyboard.press("Home")
        page.keyboard.press("u")
        page.wait_for_selector(".rules .open")
        assert "unreadable" in (page.locator('.editor [aria-live="polite"]').text_content() or "")


def test_undo_shows_the_field_again_and_restores_its_value(
    browser: Browser, review_home: Settings, review_server: StartServer
) -> None:
    server: Running = review_server(review_home)
    with opened_page(browser, server) as page:
        sign_in_by_keyboard(page, server, path="/fields")
        field_id = current(page)
        before = field_row(review_home, field_id)
        decide_open_cells(page)
        page.keyboard.press("Enter")
        other_field(page, field_id)
        wait_until_saved(page)
        assert field_row(review_home, field_id)["decision"] == "reviewed"
        page.keyboard.press("z")
        page.wait_for_selector(f'{WORK}[data-field-id="{field_id}"]')
        after = field_row(review_home, field_id)
        assert [after[name] for name in ("value", "decision", "reason", "origin")] == [
            before[name] for name in ("value", "decision", "reason", "origin")
        ]
        assert len(ask(review_home, "select * from review_undos")) == 1
        assert "undone" in (page.locator(".verdicts").text_content() or "")
        assert broken_checks(review_home) == []


def test_skipped_fields_come_back_after_the_others(
    browser: Browser, review_home: Settings, review_server: StartServer
) -> None:
    queue = FieldQueue(field="total")
    waiting = len(list_waiting_fields(review_home.warehouse, queue, 100))
    assert waiting >= 2
    server: Running = review_server(review_home)
    with opened_page(browser, server) as page:
        sign_in_by_keyboard(page, server, path="/fields")
        page.goto(server.url + "/fields?field=total")
        first = current(page)
        seen = [first]
        page.keyboard.press("Tab")
        while len(seen) < waiting:
            seen.append(other_field(page, seen[-1]))
            page.keyboard.press("PageDown")
        page.wait_for_selector("#empty:not([hidden])")
        assert f"You have skipped {waiting} fields" in page.locator("#empty-text").inner_text()
        assert len(set(seen)) == waiting
        page.keyboard.press("PageDown")
        assert current(page) in seen
    assert ask(review_home, "select * from field_reviews") == []


def test_refused_cell_must_be_decided_before_enter_accepts(
    browser: Browser, review_home: Settings, review_server: StartServer
) -> None:
    with duckdb.connect(str(review_home.warehouse.path)) as connection:
        connection.execute(REFUSE_SECOND_CELLS)
    server: Running = review_server(review_home)
    with opened_page(browser, server) as page:
        sign_in_by_keyboard(page, server, path="/fields")
        page.goto(server.url + "/fields?field=total&reason=not_a_digit")
        field_id = current(page)
        assert page.locator(".slot.open").count() == 1
        page.keyboard.press("Home")
        page.keyboard.press("Enter")
        page.wait_for_selector(".notice:not([hidden])")
        assert current(page) == field_id
        assert page.locator(".slot.open[data-current]").count() == 1
        page.keyboard.press("u")
        page.keyboard.press("Enter")
        other_field(page, field_id)
        wait_until_saved(page)
    row = field_row(review_home, field_id)
    assert (row["status"], row["decision"]) == ("unreadable", "reviewed")


def test_box_without_dividers_is_a_line_that_can_grow(
    browser: Browser, review_home: Settings, review_server: StartServer
) -> None:
    server: Running = review_server(review_home)
    row = ask(review_home, "select * from final_values where field = 'quantity' order by source")[0]
    with opened_page(browser, server) as page:
        sign_in_by_keyboard(page, server)
        page.goto(f"{server.url}/documents/{row['page_id']}?field={row['field_id']}")
        page.wait_for_selector(".slots.line")
        page.keyboard.press("Home")
        page.keyboard.type("123456")
        page.keyboard.type("7")
        page.wait_for_selector(".rules .broken")  # at most six digits
        page.keyboard.press("Backspace")
        page.wait_for_selector(".rules:not(:has(.broken))")
        page.keyboard.press("Enter")
        page.wait_for_selector('#readings .reviewed .value:text("123456")')
    assert field_row(review_home, str(row["field_id"]))["value"] == "123456"
    with server.signed_in("Bob") as client:
        record = client.get(f"/api/fields/{row['field_id']}").json()["fields"][0]
        assert "".join(record["signs"]) == "123456"


def test_next_field_appears_within_a_tenth_of_a_second(
    browser: Browser, review_home: Settings, review_server: StartServer
) -> None:
    server: Running = review_server(review_home)
    with opened_page(browser, server) as page:
        sign_in_by_keyboard(page, server, path="/fields")
        current(page)
        page.wait_for_timeout(500)
        times = page.evaluate(
            """async () => {
                const work = document.getElementById("work"), times = [];
                for (let round = 0; round < 4; round += 1) {
                    const before = work.dataset.fieldId, start = performance.now();
                    const press = new KeyboardEvent("keydown", {key: "PageDown", bubbles: true});
                    document.body.dispatchEvent(press);
                    while (work.dataset.fieldId === before)
                        await new Promise(requestAnimationFrame);
                    await new Promise(requestAnimationFrame);
                    times.push(performance.now() - start);
                }
                return times;
            }"""
        )
        assert statistics.median(times) < 100


def test_two_people_get_different_fields_until_the_time_out(
    review_home: Settings, review_server: StartServer
) -> None:
    server: Running = review_server(review_home)
    now = time.monotonic()
    server.context.work.reservations.clock = lambda: now
    with server.signed_in("Ada") as ada, server.signed_in("Bob") as bob:

        def ids(client: Any, **query: str) -> list[str]:
            found = client.get("/api/fields/next", params={"most": "3", **query}).json()["fields"]
            return [each["field_id"] for each in found]

        first, second = ids(ada), ids(bob)
        assert len(first) == len(second) == 3
        assert not set(first) & set(second)
        assert ids(ada) == first
        assert not set(ids(ada, skip=",".join(first))) & {*first, *second}
        now += 200
        assert ada.post("/api/renew", json={"items": first}).json() == {"lost": []}
        now += 200  # Bob did not renew
        assert set(second) <= set(ids(ada, most="9"))
        assert bob.post("/api/renew", json={"items": second}).json() == {"lost": second}
        record = ada.get(f"/api/fields/{first[0]}").json()["fields"][0]
        body = {
            "batch_id": "00000000-0000-4000-8000-000000000001",
            "mode": "fields",
            "seconds": 2,
            "fields": [{"field_id": first[0], "signs": [sign or "1" for sign in record["signs"]]}],
        }
        assert ada.post("/api/verdicts", json=body).json()["fields"][0]["decision"] == "reviewed"
        now += 1000
        assert first[0] not in ids(bob, most="20")


def test_wrong_requests_get_their_status_and_one_line(
    review_home: Settings, review_server: StartServer
) -> None:
    server: Running = review_server(review_home)
    nobody = "00000000-0000-4000-8000-000000000000"
    with server.signed_in() as client:
        for path, status in {
            "/api/fields/next?most=0": 422,
            "/api/fields/next?most=1e9": 422,
            "/api/fields/next?skip=a": 422,
            "/api/fields/next?run=..%2F": 404,
            f"/api/fields/next?field={'a' * 1001}": 422,
            f"/api/fields/{nobody}": 404,
            "/api/fields/..%2Fhome": 404,
            "/fields?run=1": 404,
        }.items():
            assert client.get(path).status_code == status, path
        for body, status in (
            ({"field_id": nobody, "signs": []}, 404),
            ({"field_id": "a", "signs": []}, 422),
            ({"field_id": nobody, "signs": ["12"]}, 422),
            ({"field_id": nobody, "signs": ["1"] * 201}, 422),
            ({"field_id": nobody}, 422),
        ):
            assert client.post("/api/check", json=body).status_code == status, body
        script = client.get("/fields", params={"field": "<script>alert(1)</script>"}).text
        assert "<script>alert" not in script


def test_check_uses_the_other_fields_of_the_page_and_takes_milliseconds(
    review_home: Settings, review_server: StartServer
) -> None:
    server: Running = review_server(review_home)
    query = "select field, cast(field_id as varchar) as id, page_id from final_values order by source, field"
    fields = [
        row for row in ask(review_home, query) if row["field"] in ("goods", "freight", "deposit", "total")
    ]
    page = {row["field"]: row["id"] for row in fields if row["page_id"] == fields[0]["page_id"]}
    with server.signed_in() as client:

        def rules(field: str, value: str) -> dict[str, str]:
            body = {"field_id": page[field], "signs": list(value)}
            found = client.post("/api/check", json=body).json()["rules"]
            return {rule["name"]: rule["state"] for rule in found}

        for number, (field, value) in enumerate(
            (("goods", "00010"), ("freight", "00020"), ("deposit", "00030"))
        ):
            body = {
                "batch_id": f"00000000-0000-4000-8000-00000000000{number}",
                "mode": "fields",
                "seconds": 1,
                "fields": [{"field_id": page[field], "signs": list(value)}],
            }
            client.post("/api/verdicts", json=body).raise_for_status()
        assert rules("total", "000060")["goods + freight + deposit = total"] == "kept"
        assert rules("total", "000061")["goods + freight + deposit = total"] == "broken"
        assert rules("total", "00006?")["goods + freight + deposit = total"] == "open"
        client.post("/api/undo", json={"undone_batch_id": body["batch_id"], "batch_id": page["total"]})
        assert rules("total", "000060")["goods + freight + deposit = total"] == "broken"
        known = server.context.rules
        took = []
        for number in range(20):
            start = time.perf_counter()
            known.check(server.context.warehouse, page["total"], list(f"{number:06}"))
            took.append(time.perf_counter() - start)
        assert statistics.median(took) < 0.03
        start = time.perf_counter()
        for _ in range(20):
            rules("total", "000060")
        assert (time.perf_counter() - start) / 20 < 0.03  # no answer waits for an acknowledgement


def test_reasons_are_sentences_and_cells_count_from_one() -> None:
    reason = (
        "corrected: 12 breaks luhn, 13 passes; rule_failed: a + b = c; rule_failed: 99 breaks 1 to 9; "
        "gap: position 1 between digits is blank; blank: a value is required; "
        "not_a_digit: position 2, score 0.97; unsure: position 0, confidence 0.61; "
        "unsure: position 4, confidence 0.50; sample: drawn to measure the error rate"
    )
    assert explain_all(reason) == [
        "12 was read, which breaks the rule luhn; corrected to 13",
        "The fields break the rule a + b = c",
        "99 breaks the rule 1 to 9",
        "Cell 2 between two digits is blank",
        "A value is required, but the field is blank",
        "Cell 3: the ink is probably not a digit (0.97)",
        "A random check of accepted values, which measures how often they are wrong",
        "Cells read with doubt: 1 (0.61), 5 (0.50)",
    ]
    assert explain_all("unsure: confidence 0.81 of the value") == ["The value: the reading is unsure (0.81)"]
    ink = "extra_ink: a comma after position 6, a stroke through position 0"
    assert explain_all(f"{ink}; mark: a dash at position 2") == [
        "Ink that belongs to no digit: a comma after cell 7, a stroke through cell 1",
        "Unexpected mark: a dash at cell 3",
    ]
    cut = "cut: the digits touch, and may also read 314"
    assert explain_all(f"{cut}; {ink}")[0] == "The digits touch, and may also read 314"
    assert explain_all(None) == []


def test_characters_typed_into_blank_cells_are_shown_there() -> None:
    assert fit_signs(["", "1", "", "2"], "132") == ["", "1", "3", "2"]
    assert fit_signs(["X", "1", None], "12") == ["X", "1", "2"]
    assert fit_signs(["", ""], "") == ["", ""]
    assert fit_signs(["1"], "123") == ["1", "2", "3"]  # a line: one sign for each character


CELL = {"state": "digit", "verdict": None, "digit_id": "d", "shard_score_id": "s"}
CELLS = [
    {**CELL, "position": 0, "label": 1},
    {**CELL, "position": 1, "label": 2},
    {**CELL, "position": 2, "label": None, "state": "blank", "digit_id": None, "shard_score_id": None},
]


def test_proposed_signs_are_verdicts_then_corrected_then_read_digits() -> None:
    row = {"reason": None, "value_read": "12", "value_corrected": "13"}
    assert propose_signs(row, CELLS, None) == ["1", "3", ""]
    reviewed = [{**CELLS[0], "verdict": "not_a_digit"}, *CELLS[1:]]
    assert propose_signs(row, reviewed, None) == ["X", "3", ""]
    refused = row | {"reason": "not_a_digit: position 1, score 0.90"}
    assert propose_signs(refused, CELLS, None) == ["1", None, ""]
    assert propose_signs(row, CELLS, "134") == ["1", "3", "4"]


def test_verdict_on_a_field_with_an_unscored_digit_has_not_all_digits() -> None:
    ids = {"digit_id": "00000000-0000-4000-8000-000000000001"}
    scored = {**CELLS[0], **ids, "shard_score_id": ids["digit_id"]}
    assert judge_field([scored], ["1"])[0]["has_all_digits"]
    field, digits = judge_field([scored, {**CELLS[1], **ids, "shard_score_id": None}], ["1", "2"])
    assert (field["value"], field["has_all_digits"], len(digits)) == ("12", False, 1)


def test_rules_of_a_value_that_is_required_and_missing_are_named() -> None:
    content = read_template_content(demo_template_text())
    values = {each.name: ("blank", None) for each in content.fields}
    assert check_rules(content, "customer", values, [""] * 9)["rules"] == [
        {"name": "a value is required", "state": "broken"}
    ]
    found = check_rules(content, "total", values, ["1", "X"])
    assert (found["value"], found["status"]) == ("1", "read")
    assert found["rules"] == [{"name": "goods + freight + deposit = total", "state": "broken"}]
    assert content.paper == (210.0, 297.0)
