"""Flows run against a real Prefect server on loopback, a real MLflow store and a real DuckDB file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from prefect.settings import PREFECT_API_URL
from prefect.testing.utilities import prefect_test_harness
from typer.testing import CliRunner

from flows.cli import app
from flows.ingest import ingest
from flows.retrain import retrain
from flows.score import score
from lenet_pipeline.settings import Settings, read_settings

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session", autouse=True)
def prefect_url() -> Iterator[str]:
    """The address of a Prefect server that all tests share."""
    with prefect_test_harness(server_startup_timeout=120):
        yield str(PREFECT_API_URL.value())


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Give torch one thread: a few hundred digits are read sooner so, above all on a busy machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(threads)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def environment(prefect_url: str, home: Path) -> dict[str, str]:
    """What a command of its own process sees: the shared server and this test's home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LENET_")}
    return {**kept, "PREFECT_API_URL": prefect_url, "LENET_HOME": str(home), "LENET_ACTOR": "tester"}


@pytest.fixture
def lenet_process(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run the ``lenet`` command in a process of its own, as a person would."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "flows", *arguments],
            env={**environment, "COLUMNS": "80", **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=200,
        )

    return run


@pytest.fixture
def lenet(environment: dict[str, str]) -> Run:
    """Run the ``lenet`` command in this process: the same code, without seconds of imports each time."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        result = CliRunner().invoke(app, arguments, env={**environment, "COLUMNS": "80", **variables})
        return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, prefect_url: str) -> Settings:
    """A home with the embedded digits and a champion that reads them fairly: read it, never write."""
    settings = read_settings(tmp_path_factory.mktemp("trained") / "home", "tester")
    ingest("optdigits", home=settings.home, actor=settings.actor)
    retrain(["optdigits/train"], ["optdigits/test"], epochs=15, home=settings.home, actor=settings.actor)
    return settings


@pytest.fixture
def settings(trained: Settings, home: Path) -> Settings:
    """A copy of the trained home that a test may change."""
    shutil.copytree(trained.home, home)
    return read_settings(home, "tester")


@pytest.fixture(scope="session")
def scored_once(trained: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The trained home with its test set scored: read it, never write."""
    home = tmp_path_factory.mktemp("scored") / "home"
    shutil.copytree(trained.home, home)
    score("optdigits/test", home=home, actor="tester")
    return read_settings(home, "tester")


@pytest.fixture
def scored(scored_once: Settings, home: Path) -> Settings:
    """A copy of the scored home that a test may change."""
    shutil.copytree(scored_once.home, home)
    return read_settings(home, "tester")
