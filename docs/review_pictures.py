"""The pictures of the verification pages, from a home with scored forms. The home is not changed.

    lenet demo
    python -m docs.review_pictures --home lenet-demo

Ada and Grace work through a part of the queue in a scripted browser, so that the progress page has figures.
They know what was written: see the file with the true values.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from benchmarks.reviewing import served
from lenet_pipeline.jobs import TRUTH_FILE
from lenet_pipeline.review import invite
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.warehouse import BlindDraw, draw_blind_sample, run_select

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path(__file__).parent / "images"
_HEIGHT_PX = 820
_LONGEST_PX = 1_000  # of a whole page
_PAUSE_MS = 1_200  # of a person at each item
_SAMPLE_SIZE = 12
_MISREADINGS = {4: "7"}  # Grace's slips, by the order of the items
_LIGHT, _DARK = "light", "dark"
_DRAWN = "() => [...document.images].every((image) => image.complete && image.naturalWidth)"
_SAVED = "() => document.getElementById('save-status').dataset.state === 'saved'"

_ITEMS = """
select blind_items.item_number, pages.source, fields.field
from blind_items
inner join fields using (field_id)
inner join pages on fields.page_id = pages.page_id
"""
_CELLS = """
select cast(cells.digit_id as varchar) as digit_id, pages.source, fields.field
from cells
inner join fields using (field_id)
inner join pages on fields.page_id = pages.page_id
where cells.state = 'digit'
order by pages.source, fields.field, cells.position
"""


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description="Write the pictures of the verification pages.")
    parser.add_argument("--home", type=Path, default=Path("lenet-demo"))
    parser.add_argument("--label", type=int, default=1, help="the group to show (default: 1)")
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = read_settings(Path(shutil.copytree(given.home, Path(folder) / "home")), "ada")
        truth = _read_truth(settings)
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        with served(settings) as url:
            draw_blind_sample(
                settings.warehouse, BlindDraw(form="delivery-note", size=_SAMPLE_SIZE, name="November"), "Ada"
            )
            answers = _read_answers(settings, truth)
            with _signed_in(browser, url, settings, "Ada") as page:
                page.wait_for_selector("[data-queue]:focus")
                _save(page, "queues", (1300, _LIGHT))
                _review_group(page, given.label, _read_digits(settings, truth))
                _review_fields(page, url, truth)
                _show_document(page, url)
                _read_blind(page, url, answers, {})
            with _signed_in(browser, url, settings, "Grace") as page:
                _read_blind(page, url, answers, _MISREADINGS)
                page.goto(f"{url}progress")
                _save(page, "progress", (1300, _LIGHT), is_whole=True)
        browser.close()


@contextmanager
def _signed_in(browser: Browser, url: str, settings: Settings, name: str) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 1300, "height": _HEIGHT_PX}, reduced_motion="reduce", color_scheme="light"
    )
    page = context.new_page()
    page.goto(url)
    page.fill("#name", name)
    page.fill("#token", invite(settings, name).token)
    page.keyboard.press("Enter")
    page.wait_for_url(url)
    yield page
    context.close()


def _review_group(page: Page, label: int, digits: dict[str, str]) -> None:
    """Confirm a group, with the misread digits corrected."""
    page.keyboard.press("g")
    page.keyboard.press(str(label))
    page.wait_for_selector(".cut:focus, #onward")
    page.keyboard.press("a")
    page.wait_for_url("**open=0")
    page.wait_for_selector(".cut:focus")
    ids = page.locator(".cut").evaluate_all("cells => cells.map(cell => cell.dataset.digitId)")
    for index, digit_id in enumerate(ids):
        if digits.get(digit_id, str(label)) != str(label):
            _move(page, index)
            page.keyboard.press(digits[digit_id])
    _save(page, "groups", (1300, _LIGHT), (400, _DARK))
    page.wait_for_timeout(5 * _PAUSE_MS)
    page.keyboard.press("Enter")
    page.wait_for_function(_SAVED)


def _move(page: Page, index: int) -> None:
    at = int(page.evaluate("document.activeElement.dataset.index"))
    for _ in range(abs(index - at)):
        page.keyboard.press("ArrowRight" if index > at else "ArrowLeft")


def _review_fields(page: Page, url: str, truth: dict[tuple[str, str], str]) -> None:
    """Show the first waiting field, and accept some. Type the digits that are refused or wrong."""
    page.goto(f"{url}fields")
    page.wait_for_selector(".slots:focus")
    _save(page, "fields", (1300, _LIGHT), (400, _LIGHT))
    for _ in range(3):
        shown = page.get_attribute("#work", "data-field-id")
        record = page.request.get(f"{url}api/fields/{shown}").json()["fields"][0]
        written = iter(truth[record["name"], record["field"]])
        for at, cell in enumerate(record["cells"]):
            sign = next(written, "") if cell["state"] == "digit" else ""
            if sign and record["signs"][at] != sign:
                page.locator(f".slot[data-at='{at}']").click()
                page.keyboard.press(sign)
        page.wait_for_timeout(_PAUSE_MS)
        page.keyboard.press("Enter")
        page.wait_for_function(f"document.getElementById('work').dataset.fieldId !== '{shown}'")
    page.wait_for_function(_SAVED)


def _show_document(page: Page, url: str) -> None:
    """Show the first page that waits."""
    page.goto(f"{url}documents?waiting=1")
    page.locator("tr.waits .file a").first.click()
    page.wait_for_selector(".slots:focus")
    _save(page, "document", (1300, _DARK))


def _read_blind(page: Page, url: str, answers: dict[int, str], misread: dict[int, str]) -> None:
    """Answer the items of the sample."""
    page.goto(f"{url}blind")
    page.keyboard.press("Enter")
    for number in range(len(answers)):
        page.wait_for_selector("#reading:not([hidden]), #done:not([hidden])")
        if page.is_visible("#done"):
            break  # the person has reviewed the other items already
        shown = int(page.get_attribute("#reading", "data-item") or 0)
        answer = answers[shown]
        page.wait_for_function(_DRAWN)
        page.keyboard.type(answer[:3])
        if not misread and not number:
            _save(page, "blind", (1300, _LIGHT), (400, _DARK))
        page.keyboard.type(answer[3:])
        if number in misread:
            page.keyboard.press("Backspace")
            page.keyboard.type(misread[number])
        page.wait_for_timeout(_PAUSE_MS)
        page.keyboard.press("Enter")
    page.wait_for_function(_SAVED)


def _read_truth(settings: Settings) -> dict[tuple[str, str], str]:
    """Return what was written, by the name of the scan and the field."""
    (file,) = settings.home.glob(f"**/{TRUTH_FILE}")
    with file.open(newline="") as rows:
        return {(row["source"], row["field"]): row["value"] for row in csv.DictReader(rows)}


def _read_answers(settings: Settings, truth: dict[tuple[str, str], str]) -> dict[int, str]:
    """Return what was written in each item of the sample, by its number."""
    rows = run_select(settings.warehouse, _ITEMS).to_pylist()
    return {row["item_number"]: truth[Path(row["source"]).name, row["field"]] for row in rows}


def _read_digits(settings: Settings, truth: dict[tuple[str, str], str]) -> dict[str, str]:
    """Return what was written in each cell, by the id of its digit."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in run_select(settings.warehouse, _CELLS).to_pylist():
        found.setdefault((Path(row["source"]).name, row["field"]), []).append(row["digit_id"])
    return {
        digit_id: sign
        for place, ids in found.items()
        if len(ids) == len(truth.get(place, ""))
        for digit_id, sign in zip(ids, truth[place], strict=True)
    }


def _save(page: Page, name: str, *looks: tuple[int, str], is_whole: bool = False) -> None:
    """Save the page as it is, in each width and colour scheme."""
    FOLDER.mkdir(exist_ok=True)
    for width, scheme in looks:
        chosen: Any = scheme
        page.emulate_media(color_scheme=chosen)
        page.set_viewport_size({"width": width, "height": _HEIGHT_PX})
        if is_whole:
            height = min(_LONGEST_PX, int(page.evaluate("document.documentElement.scrollHeight")))
            page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(_DRAWN)
        page.wait_for_timeout(300)
        with Image.open(BytesIO(page.screenshot())) as picture:
            small = picture.convert("RGB").quantize(128, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
            small.save(FOLDER / f"review-{name}-{width}-{scheme}.png", optimize=True)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1300, "height": _HEIGHT_PX})


if __name__ == "__main__":
    main()
