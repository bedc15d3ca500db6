"""The pictures of Prefect's and MLflow's pages, after a night of a home with scored forms.

    lenet demo
    python -m docs.prefect_pictures --home lenet-demo

The home is not changed. `lenet up` runs on a copy with an inbox of new delivery notes. The schedule trains
for two epochs only, so that the gate refuses the version and an automation fires.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from PIL import Image

from lenet_pipeline.forms import SEVERITIES, read_template
from lenet_pipeline.jobs import FillingJob, RetrainingSchedule, declare_inbox, declare_schedule, fill_forms
from lenet_pipeline.settings import Settings, read_settings

if TYPE_CHECKING:
    from playwright.sync_api import Page

FOLDER = Path(__file__).parent / "images"
_WIDTH_PX, _HEIGHT_PX = 1200, 760
_HOME = "invoices"
_DOCUMENTS = 6
_WAIT_S = 900.0
_SETTLED_MS = 6_000  # a page has read its data, and its graph no longer moves; MLflow never stops asking
_JSON = {"Content-Type": "application/json"}


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description="Write the pictures of Prefect's and MLflow's pages.")
    parser.add_argument("--home", type=Path, default=Path("lenet-demo"))
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        settings = read_settings(Path(shutil.copytree(given.home, Path(folder) / _HOME)), "ada")
        _prepare(settings, Path(folder) / "scans")
        with _servers(settings) as (prefect, mlflow):
            _run_night(f"{prefect}/api")
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = browser.new_page(
                viewport={"width": _WIDTH_PX, "height": _HEIGHT_PX}, reduced_motion="reduce"
            )
            for name, (address, height) in _list_pages(prefect, mlflow, settings.model).items():
                _save(page, name, address, height)
            browser.close()


def _prepare(settings: Settings, scans: Path) -> None:
    """Declare an inbox with new scans, and a schedule that trains too little."""
    template = settings.home / "forms" / "delivery-note.yaml"
    filling = FillingJob(
        read_template(template), "optdigits/test", _DOCUMENTS, 7, SEVERITIES["medium"], scans
    )
    fill_forms(settings, filling)
    declare_inbox(settings, "delivery-notes", str(scans), (template,), settle_s=0)
    declare_schedule(settings, RetrainingSchedule(("optdigits/train",), ("optdigits/test",), epochs=2))


@contextmanager
def _servers(settings: Settings) -> Iterator[tuple[str, str]]:
    """Run `lenet up`, and yield the addresses of Prefect and MLflow."""
    prefect, review, mlflow = (_free_port() for _ in range(3))
    ports = ("--prefect-port", str(prefect), "--review-port", str(review), "--mlflow-port", str(mlflow))
    command = [sys.executable, "-m", "lenet_pipeline.cli", "--home", str(settings.home), "up", *ports]
    addresses = f"http://127.0.0.1:{prefect}", f"http://127.0.0.1:{mlflow}"
    with _receiver() as webhook:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")},
            "LENET_NOTIFY_WEBHOOK": webhook,
            "LENET_INBOX_CRON": "0 * * * *",
        }
        process = subprocess.Popen(command, env=environment)  # noqa: S603 - our own command
        try:
            _wait(lambda: len(_post(f"{addresses[0]}/api/deployments/filter", {})) > 4)
            _wait(lambda: urlopen(f"{addresses[1]}/health").status == 200)  # noqa: S310 - our own server
            yield addresses
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


@contextmanager
def _receiver() -> Iterator[str]:
    """Yield the address of a webhook."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(204)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook"
        server.shutdown()


def _run_night(api: str) -> None:
    """Run a night, and wait until the gate's refusal has fired an automation."""
    (deployment,) = _post(f"{api}/deployments/filter", {"deployments": {"name": {"any_": ["nightly"]}}})
    night = _post(f"{api}/deployments/{deployment['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})
    run = {"flow_runs": {"id": {"any_": [night["id"]]}}}
    _wait(lambda: _post(f"{api}/flow_runs/filter", run)[0]["state_type"] in ("COMPLETED", "FAILED"))
    _wait(lambda: _find_fired(api))


def _find_fired(api: str) -> list[dict[str, Any]]:
    wanted = {"filter": {"event": {"name": ["prefect.automation.action.executed"]}}}
    events = _post(f"{api}/events/filter", wanted)["events"]
    return [each for each in events if each["resource"]["prefect.resource.name"].endswith("refused")]


def _list_pages(prefect: str, mlflow: str, model: str) -> dict[str, tuple[str, int]]:
    """Return the address and the height of each page to show, by the name of its picture."""
    api = f"{prefect}/api"

    def run(name: str) -> str:
        wanted = {"flow_runs": {"name": {"like_": name}}, "sort": "START_TIME_DESC", "limit": 1}
        return f"{prefect}/runs/flow-run/{_post(f'{api}/flow_runs/filter', wanted)[0]['id']}"

    (artifact,) = _post(f"{api}/artifacts/filter", {"artifacts": {"key": {"any_": ["night-documents"]}}})
    fired = _find_fired(api)[0]
    return {
        "prefect-deployments": (f"{prefect}/deployments", 560),
        "prefect-night": (run("night-"), 500),
        "prefect-log": (run("retrain"), 740),
        "prefect-artifact": (f"{prefect}/artifacts/artifact/{artifact['id']}", 480),
        "prefect-refused": (run("policy"), 760),
        "prefect-automation": (f"{prefect}/events/event/{fired['occurred'][:10]}/{fired['id']}", 480),
        "mlflow-runs": (f"{mlflow}/#/experiments/1/runs", 480),
        "mlflow-version": (f"{mlflow}/#/models/{model}/versions/2", 760),
    }


def _save(page: Page, name: str, address: str, height: int) -> None:
    """Open a page, and save its picture with few colours."""
    page.set_viewport_size({"width": _WIDTH_PX, "height": height})
    page.goto(address)
    page.wait_for_timeout(_SETTLED_MS)
    assistant = page.get_by_role("button", name="Close", exact=True)
    if assistant.count():
        assistant.click()
        page.wait_for_timeout(_SETTLED_MS)
    with Image.open(BytesIO(page.screenshot())) as picture:
        small = picture.convert("RGB").quantize(96, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        small.save(FOLDER / f"{name}.png", optimize=True)


def _post(url: str, body: object) -> Any:
    request = Request(url, json.dumps(body).encode(), _JSON)  # noqa: S310 - our own server
    for attempt in range(10):
        try:
            with urlopen(request, timeout=30) as answer:  # noqa: S310
                return json.load(answer)
        except HTTPError as exc:
            if exc.code != 503 or attempt == 9:  # a busy server
                raise
        time.sleep(2)
    raise AssertionError


def _wait(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        with suppress(OSError):
            if is_so():
                return
        time.sleep(1)
    raise TimeoutError


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
