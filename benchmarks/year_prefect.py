"""Run the jobs of a simulated year with a Prefect server and ``lenet serve``, and kill them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from benchmarks.year_loop import NIGHT, POLL, Kills
from lenet_pipeline.settings import Settings

_DEPLOYMENTS = {POLL: "poll/inboxes", NIGHT: "night/nightly"}
_SERVED = "deployments are being served"
_NEVER = "0 0 29 2 1"  # the simulation starts every run itself
_EVERY_S = 0.3  # between looks at a run
_START_S = 300.0
_LOST_S = 6.0  # after which a run that no process works on counts as lost
_PENDING_S = 60.0  # after which a run that no process takes counts as lost
_MOST_ATTEMPTS = 10


class PrefectLoop:
    """Starts a server and ``lenet serve``, restarts what dies, and runs a job again until it is completed.

    The server has its own SQLite file in the folder of the home.

    Attributes:
        repeated: the runs that were repeated although nothing was killed meanwhile, each with its state.
    """

    def __init__(self, settings: Settings, kills: Kills) -> None:
        self._kills = kills
        self.repeated: list[str] = []
        self._folder = settings.home.parent / "prefect"
        self._folder.mkdir()
        port = _free_port()
        self._api = f"http://127.0.0.1:{port}/api"
        self._environment = _environment(settings, self._folder, self._api)
        prefect = (sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1")
        self._commands = {
            "server": (*prefect, "--port", str(port), "--no-ui"),
            "serve": (sys.executable, "-m", "lenet_pipeline.cli", "serve"),
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._restarts: dict[str, int] = {}
        self._client = httpx.Client(base_url=self._api, timeout=30, trust_env=False)
        self._keep_running()

    def run(self, job: str, as_of: datetime) -> None:
        """Run a job, again and again if it is killed, until it is completed."""
        for attempt in range(_MOST_ATTEMPTS):
            self._keep_running()
            killed = len(self._kills.done)
            state = self._attempt(job, as_of, attempt)
            message = str(state.get("message"))
            if state.get("type") == "COMPLETED" and not message.startswith("not polled"):
                return
            if len(self._kills.done) == killed:
                self.repeated.append(f"{job} of {as_of:%Y-%m-%d}: {state.get('type')}: {message}")
        raise RuntimeError(f"{job} of {as_of:%Y-%m-%d} was not completed in {_MOST_ATTEMPTS} attempts")

    def close(self) -> None:
        """Stop the server and ``lenet serve``."""
        self._client.close()
        for name in ("serve", "server"):
            process = self._processes.pop(name, None)
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _attempt(self, job: str, as_of: datetime, attempt: int) -> dict[str, Any]:
        """Run a job once, and return its last state. Kill what is to be killed meanwhile."""
        started = seen = time.monotonic()
        run: str | None = None
        while True:
            self._kill_if_due(job, as_of, run, time.monotonic() - started)
            self._keep_running()
            try:
                if run is None:
                    run = self._create_run(job, as_of, attempt)
                    started = seen = time.monotonic()
                state = self._get(f"/flow_runs/{run}")["state"]
            except httpx.HTTPError:
                time.sleep(_EVERY_S)
                continue
            if state["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
                return dict(state)
            now = time.monotonic()
            if state["type"] == "SCHEDULED" or any(_flow_processes(run)):
                seen = now
            if now - seen > (_LOST_S if state["type"] == "RUNNING" else _PENDING_S):
                self._cancel(run)
                return {"type": "CANCELLED", "message": "no process works on it"}
            time.sleep(_EVERY_S)

    def _kill_if_due(self, job: str, as_of: datetime, run: str | None, elapsed: float) -> None:
        pending = self._kills.pending
        if run is None or not pending or elapsed < pending[0][0]:
            return
        moment, target = pending[0]
        victims = [*_flow_processes(run)] if target == "flow" else [self._processes[target].pid]
        if not victims:
            return  # not started yet, or ended
        pending.pop(0)
        for pid in victims:
            _kill(pid)
        self._kills.done.append(f"{target} in {job} of {as_of:%Y-%m-%d} after {moment:.1f} s")

    def _create_run(self, job: str, as_of: datetime, attempt: int) -> str:
        """Create a flow run and return its id. If the answer is lost, the next call returns the same run."""
        deployment = self._get(f"/deployments/name/{_DEPLOYMENTS[job]}")["id"]
        body = {
            "parameters": {"job": {"as_of": as_of.isoformat()}},
            "state": {"type": "SCHEDULED"},
            "idempotency_key": f"{job} {as_of.isoformat()} {attempt}",
        }
        answer = self._client.post(f"/deployments/{deployment}/create_flow_run", json=body)
        return str(answer.raise_for_status().json()["id"])

    def _cancel(self, run: str) -> None:
        """End a run whose process was killed, so that it does not hold the slot of its deployment."""
        body = {"state": {"type": "CRASHED", "message": "its process was killed"}, "force": True}
        self._client.post(f"/flow_runs/{run}/set_state", json=body).raise_for_status()

    def _get(self, path: str) -> Any:
        return self._client.get(path).raise_for_status().json()

    def _keep_running(self) -> None:
        """Start the server and ``lenet serve``, unless they run.

        ``lenet serve`` ends if the server was killed while it started, so it is started again.
        """
        deadline = time.monotonic() + _START_S
        while not (self._is_up("server", self._is_healthy) and self._is_up("serve", self._is_served)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the server and lenet serve did not start; see {self._folder}")

    def _is_up(self, name: str, is_ready: Callable[[], bool]) -> bool:
        """Start a program unless it runs, and wait until it is ready; return False if it ends first."""
        if self._start_if_dead(name):
            while not is_ready():
                if self._processes[name].poll() is not None:
                    return False
                time.sleep(_EVERY_S)
        return True

    def _is_served(self) -> bool:
        return _SERVED in self._log("serve").read_text("utf-8", errors="replace")

    def _start_if_dead(self, name: str) -> bool:
        process = self._processes.get(name)
        if process is not None and process.poll() is None:
            return False
        self._restarts[name] = self._restarts.get(name, 0) + 1
        with self._log(name).open("wb") as log:
            self._processes[name] = subprocess.Popen(  # noqa: S603 - our own commands
                self._commands[name], env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        return True

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}-{self._restarts[name]}.log"

    def _is_healthy(self) -> bool:
        try:
            return self._client.get("/health").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


def _environment(settings: Settings, folder: Path, api: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "LENET_"))}
    return {
        **kept,
        "LENET_HOME": str(settings.home),
        "LENET_ACTOR": settings.actor,
        "LENET_INBOX_CRON": _NEVER,
        "LENET_NIGHT_CRON": _NEVER,
        "LENET_CHECK_CRON": _NEVER,
        "DO_NOT_TRACK": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "PREFECT_API_URL": api,
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{folder / 'prefect.db'}",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _flow_processes(run: str) -> Iterator[int]:
    """Yield the processes that work on a flow run."""
    needle = run.encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if needle in (entry / "environ").read_bytes():
                    yield int(entry.name)
            except OSError:
                continue  # it has ended, or belongs to another user


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
