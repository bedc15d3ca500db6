"""Homes for tests of whole jobs, with real MLflow and DuckDB files, and the command that uses them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lenet_pipeline.cli.app import app
from lenet_pipeline.jobs import IngestJob, ScoringJob, TrainingJob, ingest, retrain, score
from lenet_pipeline.settings import Settings, read_settings

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """The environment of a command: this test's home, and no Prefect server."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LENET_", "MLFLOW_", "PREFECT_"))
    }
    return {**kept, "LENET_HOME": str(home), "LENET_ACTOR": "tester"}


@pytest.fixture
def lenet_process(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run the ``lenet`` command in a process of its own, as a person would."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "lenet_pipeline.cli", *arguments],
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
def trained(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with the embedded digits and a champion that reads them fairly well: read it, never write."""
    settings = read_settings(tmp_path_factory.mktemp("trained") / "home", "tester")
    ingest(settings, IngestJob("optdigits"))
    retrain(settings, TrainingJob(("optdigits/train",), ("optdigits/test",), epochs=15))
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
    settings = read_settings(home, "tester")
    score(settings, ScoringJob("optdigits/test"))
    return settings


@pytest.fixture
def scored(scored_once: Settings, home: Path) -> Settings:
    """A copy of the scored home that a test may change."""
    shutil.copytree(scored_once.home, home)
    return read_settings(home, "tester")


@pytest.fixture(scope="session")
def auditor_home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An ``AuditorHome``: a database with a bit of everything that auditors ask about. Never write to it."""
    from tests.warehouse.auditor_home import build_auditor_home

    return build_auditor_home(tmp_path_factory.mktemp("auditor"))
