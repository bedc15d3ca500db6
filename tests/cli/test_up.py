"""`lenet up`: all servers of a home with one command, which restarts what dies and leaves no process."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
import pytest

from lenet_pipeline.cli.commands.up_children import Addresses, children_of
from lenet_pipeline.settings import read_settings
from lenet_pipeline.system import only_process
from tests.cli.test_command_line import one_error_line
from tests.homes import Run

SERVERS = ("prefect", "mlflow", "review")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def options_of(ports: dict[str, int]) -> list[str]:
    return [part for name, port in ports.items() for part in (f"--{name}-port", str(port))]


@pytest.mark.parametrize("option", ["--prefect-port", "--review-port", "--mlflow-port"])
def test_port_in_use_is_one_line_with_its_option(lenet: Run, option: str) -> None:
    others = options_of({name: free_port() for name in SERVERS})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = lenet("up", *others, option, str(port))
    assert result.returncode == 1
    assert one_error_line(result) == (
        f"error: cannot listen on 127.0.0.1, port {port}: "
        f"the port is in use; choose another one with {option}"
    )


def test_second_one_for_the_same_home_is_refused(lenet: Run, home: Path) -> None:
    with only_process(home / "up.lock", "lenet up", ""):
        result = lenet("up")
    assert result.returncode == 1
    assert f"another `lenet up` is already running on {home} (process {os.getpid()})" in one_error_line(
        result
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "scans.example"])  # noqa: S104 - it is refused
def test_address_that_other_machines_reach_is_refused(lenet: Run, host: str) -> None:
    result = lenet("up", "--host", host)
    assert result.returncode == 1
    assert f"--host {host} is not a loopback address" in one_error_line(result)


def test_address_of_a_server_elsewhere_is_printed_without_its_password(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "https://ada:secret@prefect.example/api")
    ports = (free_port() for _ in SERVERS)
    children = children_of(read_settings(home), Addresses("127.0.0.1", *ports))
    [deployments] = [child for child in children if child.name == "deployments"]
    assert deployments.address == "scheduled jobs, registered at https://ada:***@prefect.example/api"
    assert deployments.environment["PREFECT_API_URL"] == "https://ada:secret@prefect.example/api"


def allowed_origin(url: str, origin: str, method: str) -> str | None:
    """Return the origin that Prefect's answer lets a browser pass on to a page of the given origin."""
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = httpx.request(method, f"{url}/api/health", headers=asked, timeout=5, trust_env=False)
    return answer.headers.get("access-control-allow-origin")


def wait_until(is_so: Callable[[], bool], seconds: float, log: Path) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def status(url: str) -> int:
    return httpx.get(url, timeout=5, follow_redirects=True, trust_env=False).status_code


@pytest.mark.slow
def test_everything_answers_comes_back_and_stops(
    environment: dict[str, str], home: Path, tmp_path: Path
) -> None:
    ports = {name: free_port() for name in SERVERS}
    command = [sys.executable, "-m", "lenet_pipeline.cli", "up", *options_of(ports)]
    log = tmp_path / "up.log"
    with log.open("w") as stream:
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
    try:
        names = (*SERVERS, "deployments")
        wait_until(
            lambda: all(re.search(f"^  {name} +", log.read_text(), re.MULTILINE) for name in names), 150, log
        )
        assert f"lenet --home {home} review invite NAME" in log.read_text()
        assert [status(f"http://127.0.0.1:{port}") for port in ports.values()] == [200, 200, 200]
        prefect = f"http://127.0.0.1:{ports['prefect']}"
        own = (prefect, f"http://localhost:{ports['prefect']}")
        for method in ("OPTIONS", "GET"):
            assert allowed_origin(prefect, "https://elsewhere.example", method) is None
            assert tuple(allowed_origin(prefect, origin, method) for origin in own) == own
        pages = httpx.get(f"{prefect}/ui-settings", timeout=5, trust_env=False).json()
        assert pages["api_url"] == f"{prefect}/api"
        descendants = psutil.Process(process.pid).children(recursive=True)
        [review] = [each for each in descendants if "review" in each.cmdline()]
        review.kill()
        wait_until(lambda: "review is back: http://" in log.read_text(), 60, log)
        assert status(f"http://127.0.0.1:{ports['review']}") == 200
        descendants += psutil.Process(process.pid).children(recursive=True)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=15)
    assert code == 128 + signal.SIGTERM
    assert [each for each in descendants if each.is_running()] == []
    assert "ended with exit code" not in log.read_text()
