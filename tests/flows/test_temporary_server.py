"""The temporary Prefect server of a command: it ends with the command, and no proxy is asked for it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from lenet_pipeline.settings import Settings
from tests.homes import Run

pytestmark = pytest.mark.slow  # each starts a server


def test_a_killed_command_leaves_no_server_behind(environment: dict[str, str], tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "lenet_pipeline.cli", "demo"],
        env={**environment, "LENET_HOME": str(tmp_path / "home")},
        stdout=subprocess.DEVNULL,
    ) as process:
        server = None
        while process.poll() is None and server is None:
            server = _child_of(process.pid)
            time.sleep(0.05)
        process.kill()
    assert server is not None, "the command ended before its server was seen"
    deadline = time.monotonic() + 20
    while Path(f"/proc/{server}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{server}").exists()


def test_loopback_is_never_asked_of_a_proxy(lenet_process: Run, scored: Settings) -> None:
    proxied = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    result = lenet_process("demo", **proxied)
    assert result.returncode == 0, result.stderr
    assert "nothing to do" in result.stdout


def _child_of(parent: int) -> int | None:
    """Return the temporary server that a process started, once it runs our module."""
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        serving = [
            child
            for child in children
            if b"flows.prefect_server" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
    except OSError:
        return None
    return int(serving[0]) if serving else None
