"""The start-up benchmark: usage of a process with its children, detection of a revision, and the table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.startup import COMMANDS, Revision, Usage, run_measured, startup_table, write_images
from lenet_pipeline.ingest import list_images

_BUSY = "import time\nwhile time.process_time() < 0.3: pass\n"


def test_processor_time_includes_child_processes(tmp_path):
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {_BUSY!r}]); print('done')"
    usage, printed = run_measured([sys.executable, "-c", parent], tmp_path, dict(os.environ))
    assert printed == "done\n"
    assert usage.processor_s >= 0.3
    assert usage.wall_s >= 0.3


def test_a_command_that_fails_or_runs_too_long_says_so(tmp_path):
    environment = dict(os.environ)
    with pytest.raises(SystemExit, match="exit code 1: no luck"):
        run_measured([sys.executable, "-c", "raise SystemExit('no luck')"], tmp_path, environment)
    with pytest.raises(SystemExit, match="exit code -9"):
        run_measured([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, environment, 0.5)


def test_a_revision_without_the_room_cli_runs_as_flows(tmp_path):
    assert Revision(tmp_path, tmp_path).module == "flows"
    (tmp_path / "lenet_pipeline" / "cli").mkdir(parents=True)
    assert Revision(tmp_path, tmp_path).module == "lenet_pipeline.cli"


def test_a_checkout_that_python_does_not_import_is_refused(tmp_path, monkeypatch):
    (tmp_path / "lenet_pipeline" / "cli").mkdir(parents=True)
    here = Path(__file__).parents[2]
    monkeypatch.setattr(Revision, "_environment", lambda _: {**os.environ, "PYTHONPATH": str(here)})
    with pytest.raises(SystemExit, match=f"Python imports {here}"):
        Revision(tmp_path, tmp_path / "work").prepare()


def test_commands_run_in_the_home_without_a_prefect_server(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    monkeypatch.setenv("LENET_LAKE", "/elsewhere")
    environment = Revision(tmp_path, tmp_path / "work")._environment()
    assert "PREFECT_API_URL" not in environment
    assert "LENET_LAKE" not in environment
    assert environment["LENET_HOME"] == str(tmp_path / "work" / "home")


def test_images_to_ingest_are_images(tmp_path):
    write_images(tmp_path / "inbox", 3)
    assert len(list_images(tmp_path / "inbox")) == 3


def test_the_table_shows_medians_and_fits_80_columns():
    usages = {
        command: {"before": [Usage(20, 9), Usage(40, 8)], "after": [Usage(3, 2), Usage(2, 1), Usage(100, 50)]}
        for command in COMMANDS
    }
    lines = startup_table(usages, 3)
    assert lines[-1].split()[-6:] == ["30.00", "8.50", "3.00", "2.00", "0.10", "0.24"]
    assert max(map(len, lines)) <= 80
    alone = startup_table({"lenet --help": {"after": [Usage(1, 1)]}}, 1)
    assert alone[-1].split()[-2:] == ["1.00", "1.00"]


def test_the_command_refuses_a_folder_without_the_package(tmp_path):
    command = [sys.executable, "-m", "benchmarks.startup", "--checkout", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is not a checkout of the project" in done.stderr
