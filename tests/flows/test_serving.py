"""Served: the champion by MLflow over HTTP, the jobs by Prefect on their schedules."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.deployments import run_deployment

from flows.deployments import build_deployments
from lenet_pipeline.lake import read_manifest
from lenet_pipeline.settings import Settings
from lenet_pipeline.training_sets import read_labelled
from lenet_pipeline.warehouse import run_audit


@contextmanager
def running(command: list[str], **options: object) -> Iterator[subprocess.Popen[str]]:
    """Run a server in a process group of its own for the length of a block."""
    process = subprocess.Popen(command, start_new_session=True, text=True, **options)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def post(url: str, body: object) -> dict[str, list[dict[str, float]]]:
    request = urllib.request.Request(  # noqa: S310 - our own server on loopback
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return json.load(answer)  # type: ignore[no-any-return]


@pytest.mark.slow
def test_mlflow_serves_the_champion_over_http(trained: Settings, tmp_path: Path) -> None:
    port = free_port()
    mlflow = str(Path(sys.executable).with_name("mlflow"))
    command = [mlflow, "models", "serve", "-m", "models:/digits@champion", "--env-manager", "local"]
    environment = {
        **os.environ,
        "MLFLOW_TRACKING_URI": f"sqlite:///{trained.mlflow_database}",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    log = (tmp_path / "log").open("w")
    images = read_labelled(trained.lake, [read_manifest(trained.lake, "optdigits/test")]).images[:2]
    with log, running([*command, "--port", str(port)], env=environment, stdout=log, stderr=log):
        deadline = time.monotonic() + 120
        while True:
            try:
                answer = post(f"http://127.0.0.1:{port}/invocations", {"inputs": images.tolist()})
                break
            except OSError:
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.5)
    rows = answer["predictions"]
    assert [sorted(row) for row in rows] == [["confidence", "label"]] * 2
    assert all(row["label"] in range(10) and 0 <= row["confidence"] <= 1 for row in rows)


@pytest.mark.slow
def test_served_deployments_have_their_schedules_and_a_triggered_score_completes(
    environment: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    log = (tmp_path / "log").open("w")
    with log, running([sys.executable, "-m", "flows", "serve"], env=environment, stdout=log, stderr=log):
        schedules: dict[str, list[str]] = {}
        deadline = time.monotonic() + 90
        while len(schedules) < 4:
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.5)
            with get_client(sync_client=True) as client:
                schedules = {
                    deployment.name: [item.schedule.cron for item in deployment.schedules]
                    for deployment in client.read_deployments()
                }
        run = run_deployment(
            "score/on-demand", parameters={"dataset": "optdigits/test"}, timeout=120, poll_interval=1
        )
    assert schedules == {
        "weekly": ["0 3 * * 0"],
        "nightly": ["0 2 * * *"],
        "daily": ["0 6 * * *"],
        "on-demand": [],
    }
    assert run.state is not None
    assert run.state.is_completed(), (tmp_path / "log").read_text()
    runs = run_audit(settings.database, 5, "runs", {}).to_pylist()
    assert [(row["dataset"], row["status"]) for row in runs] == [("optdigits/test", "done")]


def test_schedules_come_from_the_settings(settings: Settings) -> None:
    nightly = build_deployments(settings.model_copy(update={"score_cron": "15 4 * * *"}))[1]
    assert [item.schedule.cron for item in nightly.schedules] == ["15 4 * * *"]
