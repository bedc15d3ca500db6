"""The files in deploy/: their commands exist, no port is open to other machines, nothing runs as root."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.core import TyperGroup

from lenet_pipeline.cli.app import app
from tests.conftest import CHECKOUT

UsageError = typer.BadParameter.__base__
DEPLOY = CHECKOUT / "deploy"
SERVICES: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def parse(arguments: list[str]) -> str:
    """Parse the arguments of ``lenet`` as the command line does, and return the command.

    Raises:
        UsageError: there is no such command or option.
    """
    command: Any = typer.main.get_command(app)
    context = command.make_context("lenet", list(arguments))
    while isinstance(command, TyperGroup) and (rest := [*context._protected_args, *context.args]):
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
    return str(context.command_path)


def test_command_that_does_not_exist_is_found() -> None:
    with pytest.raises(UsageError):
        parse(["nights"])
    with pytest.raises(UsageError):
        parse(["up", "--port", "1"])


@pytest.mark.parametrize("name", [name for name, each in SERVICES.items() if "entrypoint" not in each])
def test_service_of_compose_runs_a_command_of_lenet(name: str) -> None:
    assert parse(SERVICES[name]["command"]).startswith("lenet ")


@pytest.mark.parametrize("name", SERVICES)
def test_service_of_compose_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert int(service["user"].partition(":")[0]) > 0
    assert service["cap_drop"] == ["ALL"]
    assert service["healthcheck"]["test"][0] == "CMD"


def test_prefect_of_compose_refuses_pages_of_other_origins() -> None:
    variables = SERVICES["prefect"]["environment"]
    origins = variables["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"].split(",")
    assert origins == ["http://127.0.0.1:4200", "http://localhost:4200"]
    assert variables["PREFECT_UI_API_URL"].removesuffix("/api") in origins


def test_services_wait_for_services_that_exist_and_tell_their_health() -> None:
    for service in SERVICES.values():
        for name, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[name]


def test_image_runs_a_command_of_lenet_without_privileges() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    instructions = re.findall(r"^([A-Z]+) (.*)$", text.replace("\\\n", " "), re.MULTILINE)
    last = dict(instructions)
    assert int(last["USER"]) > 0
    assert json.loads(last["ENTRYPOINT"]) == ["lenet"]
    assert parse(json.loads(last["CMD"])) == "lenet up"
    assert "HEALTHCHECK" in last
    order = [name for name, _ in instructions]
    assert "RUN" not in order[order.index("USER") :]


def test_image_copies_what_the_ignore_file_leaves() -> None:
    kept = re.findall(r"^!(.+)$", (CHECKOUT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    copied = [name for line in re.findall(r"^COPY (.+)$", text, re.MULTILINE) for name in line.split()[:-1]]
    assert sorted(copied) == sorted(kept)
    assert all((CHECKOUT / name).exists() for name in copied)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_unit_of_systemd_runs_a_command_of_lenet_without_privileges(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    commands = re.findall(r"^ExecStart=(.+)$", text, re.MULTILINE)
    assert commands
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "/opt/lenet/bin/lenet"
        assert parse(arguments).startswith("lenet ")
    assert "\nUser=lenet\n" in text


def test_every_timer_of_systemd_starts_a_unit() -> None:
    timers = {path.stem for path in (DEPLOY / "systemd").glob("*.timer")}
    assert timers == {"lenet-inbox", "lenet-night"}
    assert timers < {path.stem for path in UNITS}


def test_command_lines_of_the_guide_exist() -> None:
    """The crontab and the examples in the guide."""
    text = (CHECKOUT / "docs" / "guides" / "deployment.md").read_text(encoding="utf-8")
    lines = re.findall(r"^(?:\$ |[*\d/, ]+ |.*exec jobs )(?:/opt/lenet/bin/)?(lenet .*)$", text, re.MULTILINE)
    assert len(lines) > 8
    for line in lines:
        assert parse(shlex.split(line, comments=True)[1:])
