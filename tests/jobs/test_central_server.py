"""Whole jobs with runs, versions and artifacts on an MLflow server, on two machines."""

from __future__ import annotations

import shutil
from pathlib import Path

import mlflow
import pytest

from lenet_pipeline.warehouse import Warehouse, run_select
from tests.homes import Run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_every_job_works_with_a_server_and_scoring_works_on_another_machine(
    mlflow_server: str, lenet: Run, home: Path, tmp_path: Path
) -> None:
    central = {"LENET_MLFLOW_URI": mlflow_server, "LENET_MODEL": "central"}

    def run(*arguments: str, **variables: str) -> str:
        result = lenet(*arguments, **{**central, **variables})
        assert result.returncode == 0, (arguments, result.stderr)
        return result.stdout

    run("ingest", "optdigits")
    run("train", "optdigits/train", "--test", "optdigits/test", "--epochs", "3")
    run("score", "optdigits/test")
    run("train", "optdigits/train", "--epochs", "1", "--seed", "2")
    run("models", "promote", "2", "--reason", "to try it", "--yes")
    run("models", "rollback")
    assert "central/1" in run("models", "show", "champion", "--format", "json")
    run("policy", "set", "--max-error", "0.3", "--certainty", "0.5")
    run("verify")
    run("report")
    run("check")
    assert {path.name for path in home.iterdir()} & {"mlflow.db", "mlartifacts"} == set()
    client = mlflow.MlflowClient(mlflow_server, mlflow_server)
    assert client.get_model_version_by_alias("central", "champion").version == "1"

    other = {
        "LENET_HOME": str(tmp_path / "another machine"),
        "LENET_LAKE": str(home / "lake"),
        "LENET_MODEL": "central",
    }
    # MLflow's own variable names the server as well.
    elsewhere = lenet("score", "optdigits/test", MLFLOW_TRACKING_URI=mlflow_server, **other)
    assert elsewhere.returncode == 0, elsewhere.stderr
    run("check", **other)
    run("verify", **other)
    predictions = "select digit_id, label, confidence from predictions order by digit_id"
    there, here = (
        run_select(Warehouse(folder / "audit.duckdb", 5.0), predictions)
        for folder in (Path(other["LENET_HOME"]), home)
    )
    assert there.equals(here)
    assert {path.name for path in Path(other["LENET_HOME"]).iterdir()} & {"mlflow.db", "mlartifacts"} == set()

    shutil.rmtree(home / "models")
    client.delete_model_version("central", "2")
    failed = lenet("check", **central)
    assert failed.returncode == 3
    assert "model_version_still_loads" in failed.stderr + failed.stdout


def test_a_server_gets_the_packaged_model_only_by_command(mlflow_server: str, lenet: Run) -> None:
    central = {"LENET_MLFLOW_URI": mlflow_server, "LENET_MODEL": "adopted"}
    assert lenet("ingest", "optdigits", **central).returncode == 0
    refused = lenet("score", "optdigits/test", **central)
    assert refused.returncode == 1
    assert "adopted has no version yet" in refused.stderr
    assert "`lenet models adopt`" in refused.stderr
    for command in (("models", "adopt"), ("score", "optdigits/test"), ("models", "show", "1"), ("check",)):
        done = lenet(*command, **central)
        assert done.returncode == 0, (command, done.stderr)
    assert lenet("models", "adopt", **central).stdout == "adopted/1: the packaged model was adopted before\n"
