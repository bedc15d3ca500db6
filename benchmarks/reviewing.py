"""Time the review of digits in the browser: how long 1,000 digits take, and how soon the next group appears.

    python -m benchmarks.reviewing --predictions 10000000

Train on the digits that ship with scikit-learn, write those of the test set
into forms, read and score the forms, and serve them. A scripted browser then
reviews their digits in groups, at one key or click every 0.2 seconds. It knows
what was written: it marks each misread digit, types the right one, and
confirms the rest. Print the minutes, the misread digits found, and the time
from the key that confirms a group until the next group is on the screen. With
``--fields N``, also accept N fields with Enter, one every ``--pause`` seconds,
and print the time until the next field is on the screen. With
``--predictions N``, fill the database with N more predictions first.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import uvicorn

from benchmarks.machine import describe_machine
from lenet_pipeline.forms import SEVERITIES, draw_demo_form, read_template
from lenet_pipeline.jobs import (
    TRUTH_FILE,
    FillingJob,
    FormIngestJob,
    IngestJob,
    ScoringJob,
    TrainingJob,
    fill_forms,
    ingest,
    ingest_forms,
    retrain,
    score,
)
from lenet_pipeline.review import ServerOptions, create_app, invite
from lenet_pipeline.review.server import server_config
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.warehouse import migrate, run_select
from lenet_pipeline.warehouse.migrations import writing

if TYPE_CHECKING:
    from playwright.sync_api import Page

_NOTES, _PERSON = "notes/benchmark", "Reader"
_SHARD_ROWS = 65_536
_READINGS = """
select pages.source, fields.field, cells.position, cast(cells.digit_id as varchar) as digit_id,
    predictions.label, predictions.shard_score_id
from cells
inner join fields using (field_id)
inner join pages on fields.page_id = pages.page_id
inner join predictions using (digit_id)
where cells.state = 'digit'
order by pages.source, fields.field, cells.position
"""
_VERDICTS = """
select cast(digit_id as varchar) as digit_id, digit_verdicts.verdict, predictions.label, digit_verdicts.actor
from digit_verdicts
inner join predictions using (digit_id)
"""
SAVED = "() => ['saved', undefined].includes(document.getElementById('save-status').dataset.state)"
# The time from the key that confirms a group or field until all pictures of the next one are drawn.
_STOPWATCH = """
window.waits = [];
let pressed = null;
addEventListener("keydown", (event) => { if (event.key === "Enter") pressed = performance.now(); }, true);
async function stop(pictures) {
  if (pressed === null) return;
  const since = pressed;
  pressed = null;
  await Promise.all([...document.querySelectorAll(pictures)].map((image) => image.decode()));
  requestAnimationFrame(() => setTimeout(() => waits.push(performance.now() - since)));
}
addEventListener("shown", () => stop(".cut img"));
addEventListener("DOMContentLoaded", () => {
  const work = document.getElementById("work");
  const observer = new MutationObserver(() => setTimeout(() => stop("#work img")));
  if (work) observer.observe(work, { attributeFilter: ["data-field-id"] });
});
"""
_SHARDS = """
create temp table synthetic_shards as
select range as number, uuid() as shard_score_id, sha256(concat('synthetic', range)) as fingerprint
from range($shards)
"""
_FILL = (
    """
    insert into scoring_runs by name
    select uuid() as scoring_run_id, 'synthetic/all' as dataset, 1 as manifest_version,
        sha256('synthetic') as manifest_fingerprint, model_name, model_version, preprocessing_fingerprint,
        precision, started_at, finished_at, actor
    from scoring_runs limit 1
    """,
    """
    insert into shard_scores by name
    select synthetic_shards.shard_score_id, fingerprint as shard_fingerprint, 'synthetic/all' as dataset,
        model_name, model_version, preprocessing_fingerprint, precision, $rows as rows, 'cpu' as device,
        started_at as scored_at, actor
    from synthetic_shards cross join (from scoring_runs where dataset = 'synthetic/all')
    """,
    """
    insert into scoring_run_shards by name
    select scoring_run_id, number as shard_position, shard_score_id, fingerprint as shard_fingerprint,
        $rows as rows
    from synthetic_shards cross join (from scoring_runs where dataset = 'synthetic/all')
    """,
    """
    insert into predictions by name
    select uuid() as digit_id, shard_score_id, cast(random() * 9 as utinyint) as label,
        cast(1 - 0.7 * power(random(), 8) as float) as confidence,
        [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]::float[10] as probabilities,
        cast(0.01 * random() as float) as not_a_digit
    from synthetic_shards cross join range($rows)
    """,
)


@dataclass
class Reviewed:
    """The outcome: digits reviewed, and the waits in milliseconds until a next group was on the screen."""

    digits: int = 0
    misread: int = 0
    found: int = 0
    minutes: float = 0.0
    waits_ms: list[float] = field(default_factory=list)
    opening_ms: list[float] = field(default_factory=list)  # the first group of another digit
    counting_ms: float = 0.0  # from signing in until the queues are on the screen, counted for the first time
    field_waits_ms: list[float] = field(default_factory=list)
    opening_fields_ms: float = 0.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the review and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--digits", type=int, default=1_000, help="digits to review (default: 1000)")
    parser.add_argument("--fields", type=int, default=0, help="fields to review (default: 0)")
    parser.add_argument("--pages", type=int, default=60, help="pages of forms to fill (default: 60)")
    parser.add_argument("--predictions", type=int, default=0, help="other predictions in the database")
    parser.add_argument("--pause", type=float, default=0.2, help="seconds per key or click (default: 0.2)")
    parser.add_argument("--home", type=Path, help="keep the home here, and use it if it exists")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        home = given.home or Path(temporary) / "home"
        settings = read_settings(home, "benchmark")
        if not (home / "scans").exists():
            prepare(settings, given.pages)
        fill(settings, given.predictions)
        done = review(settings, given.digits, given.fields, given.pause)
    print_outcome(done, given.predictions)


def prepare(settings: Settings, pages: int) -> None:
    """Train a model, then fill, read and score forms."""
    ingest(settings, IngestJob("optdigits"))
    retrain(settings, TrainingJob(("optdigits/train",), ("optdigits/test",), epochs=15))
    form = draw_demo_form(settings.home)
    template, scans = read_template(form.template), settings.home / "scans"
    fill_forms(settings, FillingJob(template, "optdigits/test", pages, 1, SEVERITIES["medium"], scans))
    ingest_forms(settings, FormIngestJob(scans, (form.template,), _NOTES))
    score(settings, ScoringJob(_NOTES))


def fill(settings: Settings, predictions: int) -> None:
    """Add synthetic predictions, unless the database has them."""
    found = run_select(settings.warehouse, "select count(*) as number from predictions")["number"][0].as_py()
    shards = max(0, predictions - found + _SHARD_ROWS - 1) // _SHARD_ROWS
    if not shards:
        return
    with writing(settings.warehouse) as connection:
        connection.execute(_SHARDS, {"shards": shards})
        for statement in _FILL:
            connection.execute(statement, {"rows": _SHARD_ROWS} if "$rows" in statement else None)


def read_truth(settings: Settings) -> dict[str, int]:
    """Return the true label of each digit on the forms, where the cells match what was written."""
    with (settings.home / "scans" / TRUTH_FILE).open(newline="") as file:
        written = {(row["source"], row["field"]): row["value"] for row in csv.DictReader(file)}
    cells: dict[tuple[str, str], list[str]] = {}
    for row in run_select(settings.warehouse, _READINGS).to_pylist():
        cells.setdefault((Path(row["source"]).name, row["field"]), []).append(row["digit_id"])
    return {
        digit_id: int(sign)
        for place, digit_ids in cells.items()
        if len(digit_ids) == len(written.get(place, ""))
        for digit_id, sign in zip(digit_ids, written[place], strict=True)
    }


def review(settings: Settings, digits: int, fields: int, pause_s: float) -> Reviewed:
    """Review digits in a scripted browser, one digit's groups after another's, and then fields."""
    from playwright.sync_api import sync_playwright

    truth, done = read_truth(settings), Reviewed()
    (run,) = run_select(
        settings.warehouse,
        f"select cast(scoring_run_id as varchar) as run from scoring_runs where dataset = '{_NOTES}'",  # noqa: S608
    )["run"].to_pylist()
    token = invite(settings, f"{_PERSON} {uuid4().hex[:6]}")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright, served(settings) as url:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1300, "height": 900})
        page.goto(url)
        page.fill("#name", token.name)
        page.fill("#token", token.token)
        started = time.perf_counter()
        page.keyboard.press("Enter")
        page.wait_for_url(url, timeout=60_000)
        done.counting_ms = 1_000 * (time.perf_counter() - started)
        page.wait_for_timeout(3_000)
        page.add_init_script(_STOPWATCH)
        for label in range(10):
            if done.digits >= digits:
                break
            started = time.perf_counter()
            page.goto(f"{url}groups?run={run}&label={label}&open=0")
            page.wait_for_selector(".cut:focus, #onward", timeout=60_000)
            if page.locator("#onward").count() == 0:
                done.opening_ms.append(1_000 * (time.perf_counter() - started))
            while page.locator("#onward").count() == 0 and done.digits < digits:
                review_group(page, truth, label, pause_s, done)
            done.minutes += (time.perf_counter() - started) / 60
            page.wait_for_function(SAVED, timeout=60_000)
            done.waits_ms += page.evaluate("waits")
        done.found = count_found(settings, token.name, truth)
        if fields:
            _review_fields(page, f"{url}fields?run={run}", fields, pause_s, done)
        browser.close()
    return done


def count_found(settings: Settings, name: str, truth: dict[str, int]) -> int:
    """Count the misread digits that a person corrected."""
    verdicts = run_select(settings.warehouse, _VERDICTS).to_pylist()
    return sum(
        row["actor"] == name and row["verdict"] == str(truth[row["digit_id"]])
        for row in verdicts
        if row["digit_id"] in truth and truth[row["digit_id"]] != row["label"]
    )


def review_group(page: Page, truth: dict[str, int], label: int, pause_s: float, done: Reviewed) -> None:
    """Correct the misread digits of the group on the screen, confirm the rest, and wait for what follows."""
    tiles = page.locator(".cut").evaluate_all("cells => cells.map(cell => cell.dataset.digitId)")
    wrong = [(index, truth[each]) for index, each in enumerate(tiles) if truth.get(each, label) != label]
    for index, right in wrong:
        _pause(page, pause_s)
        page.locator(f'.cut[data-index="{index}"]').click()
        _pause(page, pause_s)
        page.keyboard.press(str(right))
    _pause(page, pause_s)
    page.keyboard.press("Enter")
    page.wait_for_function(
        "(first) => document.querySelector('#onward') || "
        "(document.querySelector('#grid:not(.leaving) .cut')?.dataset.digitId ?? first) !== first",
        arg=tiles[0],
    )
    done.digits += len(tiles)
    done.misread += len(wrong)


def _review_fields(page: Page, address: str, fields: int, pause_s: float, done: Reviewed) -> None:
    started = time.perf_counter()
    page.goto(address)
    page.wait_for_selector("#work:not([hidden])", timeout=60_000)
    done.opening_fields_ms = 1_000 * (time.perf_counter() - started)
    for number in range(1, fields + 1):
        shown = page.locator("#work").get_attribute("data-field-id")
        while page.locator("#work").get_attribute("data-field-id") == shown:
            _pause(page, pause_s)
            page.keyboard.press("Enter")
            if page.locator("#editor").get_by_text("Decide cell").count():
                page.keyboard.press("u")
        page.wait_for_function("(number) => waits.length === number", arg=number, timeout=60_000)
    page.wait_for_function(SAVED, timeout=60_000)
    done.field_waits_ms = page.evaluate("waits")


def _pause(page: Page, pause_s: float) -> None:
    page.wait_for_timeout(1_000 * pause_s)


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Serve a home on any free port; yield the address."""
    migrate(settings.warehouse)
    options = ServerOptions(port=0)
    with socket.create_server((options.host, 0)) as listener:
        options = replace(options, port=listener.getsockname()[1])
        server = uvicorn.Server(server_config(create_app(settings, options)))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield options.url
        finally:
            server.should_exit = True
            thread.join()


def print_outcome(done: Reviewed, predictions: int) -> None:
    """Print the figures as JSON."""
    print(  # noqa: T201
        json.dumps(
            {
                "digits": done.digits,
                "minutes": round(done.minutes, 2),
                "predictions_in_database": predictions,
                **{name: asdict(done)[name] for name in ("misread", "found")},
                "counting_ms": round(done.counting_ms),
                "next_group_ms": _summary(done.waits_ms),
                "next_field_ms": _summary(done.field_waits_ms),
                "opening_fields_ms": round(done.opening_fields_ms),
                "opening_ms": [round(each) for each in done.opening_ms],
                "machine": describe_machine(),
            },
            indent=2,
        )
    )


def _summary(waits_ms: Sequence[float]) -> dict[str, float] | None:
    waits = sorted(waits_ms)
    if not waits:
        return None
    return {
        "number": len(waits),
        "median": round(statistics.median(waits), 1),
        "p95": round(waits[min(len(waits) - 1, int(0.95 * len(waits)))], 1),
    }


if __name__ == "__main__":
    main()
