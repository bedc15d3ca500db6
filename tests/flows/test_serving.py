"""Served: the champion by MLflow over HTTP, the jobs by Prefect on their schedules."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.deployments import run_deployment
from prefect.exceptions import PrefectHTTPStatusError
from prefect.flows import load_flow_from_entrypoint
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.utilities.callables import parameter_schema

from flows.deployments import build_deployments
from flows.ingest import ingest, ingest_forms, ingest_printed, ingest_unipen
from flows.reproduce import reproduce
from flows.retrain import retrain
from flows.score import score
from lenet_pipeline.errors import SettingsError
from lenet_pipeline.lake.datasets import read_manifest
from lenet_pipeline.network.architectures import ARCHITECTURES
from lenet_pipeline.settings import Settings
from lenet_pipeline.training.recipes import RECIPES
from lenet_pipeline.training.training_sets import read_labelled
from lenet_pipeline.warehouse.queries import run_audit, run_select
from tests.cli.test_command_line import one_error_line
from tests.conftest import CHECKOUT
from tests.homes import Run

TEST = "optdigits/test"
SCHEDULES = {
    "poll/inboxes": ["* * * * *"],
    "night/nightly": ["0 2 * * *"],
    "check/daily": ["0 6 * * *"],
    "retrain/on-demand": [],
    "score/on-demand": [],
}


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
        "MLFLOW_TRACKING_URI": trained.registry.uri,
        "MLFLOW_REGISTRY_URI": trained.registry.uri,  # MLflow leaves that of another test's home here
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
    assert [sorted(row) for row in rows] == [["confidence", "label", "not_a_digit"]] * 2
    assert all(row["label"] in range(10) and 0 <= row["confidence"] <= 1 for row in rows)


@pytest.fixture
def real_server(tmp_path: Path) -> Iterator[str]:
    """A Prefect server as a person starts it: the shared one of the tests schedules nothing."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    prefect = str(Path(sys.executable).with_name("prefect"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    environment |= {"PREFECT_HOME": str(tmp_path / "prefect"), "DO_NOT_TRACK": "1"}
    environment |= {"PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    log = (tmp_path / "server.log").open("w")
    command = [prefect, "server", "start", "--port", str(port)]
    with (
        log,
        running(command, env=environment, stdout=log, stderr=log),
        temporary_settings({PREFECT_API_URL: url}),
    ):
        wait_until(lambda: is_healthy(url), 60, tmp_path / "server.log")
        yield url
    text = (tmp_path / "server.log").read_text()
    assert "Traceback" not in text or "database is locked" in text  # Prefect repeats that on a busy machine


@contextmanager
def receive_posts() -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a receiver of notifications, and the texts that it receives."""
    texts: list[str] = []

    class Receiver(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_POST(self) -> None:
            texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(204)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", texts
        server.shutdown()


def is_healthy(url: str) -> bool:
    try:
        return bool(httpx.get(f"{url}/health", timeout=5).status_code == httpx.codes.OK)
    except httpx.TransportError:
        return False


def wait_until(is_so: Callable[[], bool], seconds: float, log: Path) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.5)


def is_deployed_to_a_pool(client: SyncPrefectClient, environment: dict[str, str]) -> bool:
    client.create_work_pool(WorkPoolCreate(name="lenet", type="process"))
    command = [str(Path(sys.executable).with_name("prefect")), "--no-prompt", "deploy", "--all"]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    return done.stdout.count("successfully created") == len(SCHEDULES)


@pytest.mark.slow
def test_served_deployments_run_on_their_schedules_and_when_triggered(
    real_server: str, environment: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    log, command = tmp_path / "serve.log", [sys.executable, "-m", "lenet_pipeline.cli", "serve"]
    variables = {**environment, "PREFECT_API_URL": real_server}
    with (
        log.open("w") as stream,
        receive_posts() as (webhook, received),
        running(command, env={**variables, "LENET_NOTIFY_WEBHOOK": webhook}, stdout=stream, stderr=stream),
        get_client(sync_client=True) as client,
    ):

        def schedules() -> dict[str, list[str]]:
            flows = {each.id: each.name for each in client.read_flows()}
            return {
                f"{flows[item.flow_id]}/{item.name}": [each.schedule.cron for each in item.schedules]
                for item in client.read_deployments()
            }

        def is_scheduled_poll_done() -> bool:
            runs = client.read_flow_runs()
            return any(run.auto_scheduled and run.state and run.state.is_completed() for run in runs)

        wait_until(lambda: len(schedules()) == 5, 90, log)
        assert schedules() == SCHEDULES
        with pytest.raises(PrefectHTTPStatusError, match="'exact' is not one of"):
            run_deployment("score/on-demand", parameters={"job": {"dataset": TEST, "precision": "exact"}})
        run_deployment("retrain/on-demand", parameters={"job": {"datasets": ["no/such"]}}, timeout=0)
        run = run_deployment(
            "score/on-demand", parameters={"job": {"dataset": TEST}}, timeout=120, poll_interval=1
        )
        assert run.state is not None
        assert run.state.is_completed(), log.read_text()
        wait_until(lambda: bool(received), 30, log)
        assert received[0].startswith("home: retrain-lenet5-modern failed\n")
        assert "no dataset 'no/such'; available: optdigits/test, optdigits/train" in received[0]
        assert is_deployed_to_a_pool(client, variables)
        assert len(schedules()) == 10
        wait_until(is_scheduled_poll_done, 120, log)
    runs = run_audit(settings.warehouse, "runs", {}).to_pylist()
    assert [(row["dataset"], row["status"]) for row in runs] == [(TEST, "done")]
    recorded = run_select(settings.warehouse, "select actor, flow_run_id from scoring_runs").to_pylist()
    assert [(row["actor"], str(row["flow_run_id"])) for row in recorded] == [("tester", str(run.id))]


def test_schedules_come_from_the_settings(settings: Settings) -> None:
    nightly = build_deployments(settings.model_copy(update={"night_cron": "15 4 * * *"}))[1]
    assert [item.schedule.cron for item in nightly.schedules] == ["15 4 * * *"]


def test_a_malformed_schedule_names_its_variable(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="LENET_NIGHT_CRON is 'whenever'"):
        build_deployments(settings.model_copy(update={"night_cron": "whenever"}))


def test_a_malformed_schedule_is_one_line_of_the_command(lenet: Run, settings: Settings) -> None:
    result = lenet("serve", LENET_NIGHT_CRON="whenever")
    assert result.returncode == 1
    assert "LENET_NIGHT_CRON is 'whenever'" in one_error_line(result)


def test_deployments_of_a_work_pool_are_those_that_are_served(settings: Settings) -> None:
    """prefect.yaml has the flows, parameters and schedules of ``lenet serve``, under other names."""
    pooled = yaml.safe_load((CHECKOUT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    served = build_deployments(settings)
    found = [
        (
            load_flow_from_entrypoint(each["entrypoint"]).name,
            each["description"],
            each.get("parameters", {}),
            [schedule["cron"] for schedule in each.get("schedules", [])],
            each["tags"][1:],
            each["concurrency_limit"]["limit"],
        )
        for each in pooled
    ]
    assert found == [
        (
            each.flow_name,
            each.description,
            each.parameters,
            [item.schedule.cron for item in each.schedules],
            each.tags[1:],
            each.concurrency_limit,
        )
        for each in served
    ]
    names = [each["name"] for each in pooled]
    assert len(set(names)) == len(names)  # `prefect deploy --name` finds each
    assert not set(names) & {each.name for each in served}


def test_parameters_of_the_deployments_are_what_their_flows_take() -> None:
    for each in yaml.safe_load((CHECKOUT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]:
        flow = load_flow_from_entrypoint(each["entrypoint"])
        given = each.get("parameters", {})
        if flow.name == "score":
            given = {"job": {"dataset": "optdigits/test"}}
        assert flow.validate_parameters(given).keys() >= given.keys()


def test_the_run_form_describes_parameters_and_offers_their_choices() -> None:
    schema = parameter_schema(retrain)
    assert schema.properties["job"]["description"] == "The model to train."
    job = schema.definitions["TrainingJob"]
    assert job["description"] == "The model to train, and the datasets to train it on."
    assert job["properties"]["architecture"]["enum"] == list(ARCHITECTURES)
    assert job["properties"]["recipe"]["enum"] == list(RECIPES)
    assert job["properties"]["effort"]["enum"] == ["quick", "best"]
    assert job["properties"]["device"]["enum"] == ["auto", "cpu", "cuda"]
    described = [
        (job, name)
        for flow in (retrain, score, ingest, ingest_printed, ingest_unipen, ingest_forms, reproduce)
        for job, definition in parameter_schema(flow).definitions.items()
        for name, parameter in definition["properties"].items()
        if "``" in parameter["description"] or not parameter["description"][0].isupper()
    ]
    assert described == []
