"""A temporary Prefect server that starts and ends with a command.

Prefect can start a temporary server itself, but that server outlives a killed command, keeps its database
outside the home, and prints to the terminal.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
from prefect.settings import PREFECT_API_URL, temporary_settings

from lenet_pipeline.errors import PipelineError
from lenet_pipeline.system import describe_os_error

_START_TIMEOUT_S = 90.0
_LOG = "prefect-server.log"

_for_this_process = ExitStack()


def start_prefect_server(home: Path) -> None:
    """Use the configured Prefect server, or else start one on the loopback interface for this process.

    Its database is ``prefect.db`` under the home. It stops when the process exits, after Prefect has sent the
    last events. If it stopped earlier, Prefect would wait for it for minutes.

    Raises:
        PipelineError: the server did not start.
    """
    if PREFECT_API_URL.value():
        return
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / ".prefect.lock").open("w")
    except OSError as exc:
        raise PipelineError(f"cannot write to {home}: {describe_os_error(exc)}") from exc
    _bypass_proxies_for_loopback()
    with lock:
        # Without the lock, two first starts at the same time would both create the tables.
        fcntl.flock(lock, fcntl.LOCK_EX)
        process, url = _start(home)
        atexit.register(_stop, process)
        _wait_until_healthy(process, url, home)
    os.environ["PREFECT_API_URL"] = url
    _for_this_process.enter_context(temporary_settings({PREFECT_API_URL: url}))


def _start(home: Path) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{home / 'prefect.db'}",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port}",
        "PREFECT__SERVER_EPHEMERAL": "1",
        "PREFECT__SERVER_FINAL": "1",
    }
    log = (home / _LOG).open("wb")
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "flows.prefect_server", str(port), str(os.getpid())],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C stops the command, which then stops its server cleanly
    )
    return process, f"http://127.0.0.1:{port}/api"


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _bypass_proxies_for_loopback() -> None:
    """Make HTTP clients of this process and its children bypass proxies for the loopback server."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1", "localhost"]))


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, home: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            if httpx.get(f"{url}/health", timeout=5, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.05)
    raise PipelineError(
        f"the temporary Prefect server did not start; see {home / _LOG}. Try again, or run `prefect server "
        "start` in another terminal and set PREFECT_API_URL to its address"
    )


def _end_with(parent: int) -> None:
    """End this process as soon as the command that started it has ended for any reason."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def main() -> None:
    """Run the server. Arguments: the port, and the id of the process with which it ends."""
    import uvicorn

    port, parent = int(sys.argv[1]), int(sys.argv[2])
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    uvicorn.run(
        "prefect.server.api.server:create_app", factory=True, host="127.0.0.1", port=port, log_level="error"
    )


if __name__ == "__main__":
    main()
