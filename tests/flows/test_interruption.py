"""Exactly once, whatever interrupts: runs killed at random moments end as if nothing had happened."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from flows.check import check_home
from flows.ingest import ingest
from flows.retrain import retrain
from flows.score import score
from lenet_pipeline.lake import read_manifest
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.warehouse import run_select

DATASET = "optdigits/train"
ROWS = """
select digit_id, label, confidence, probabilities, not_a_digit, truth, shard_score_id
from predictions order by digit_id
"""


@pytest.fixture(scope="module")
def many_shards(tmp_path_factory: pytest.TempPathFactory, prefect_url: str) -> Settings:
    """A trained home whose training digits lie in about fifty shards: read it, never write."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LENET_SHARD_ROWS", "30")
        settings = read_settings(tmp_path_factory.mktemp("many-shards") / "home", "tester")
        ingest("optdigits", home=settings.home)
    retrain([DATASET], epochs=5, home=settings.home)
    return settings


def predictions(settings: Settings) -> pa.Table:
    return run_select(settings.database, 5, ROWS)


def kill_a_run(environment: dict[str, str], settings: Settings, moment: float) -> bool:
    """Start scoring, kill it ``moment`` seconds after its first file is staged; tell whether it lived."""
    command = [sys.executable, "-m", "flows", "score", DATASET]
    before = len(list(settings.predictions.glob("*")))
    with subprocess.Popen(
        command,
        env={**environment, "LENET_HOME": str(settings.home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None and len(list(settings.predictions.glob("*"))) == before:
            time.sleep(0.002)
        time.sleep(moment)
        was_running = process.poll() is None
        process.send_signal(signal.SIGKILL)
    return was_running


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [2, 10])
def test_a_run_killed_at_random_moments_ends_as_an_undisturbed_one_to_the_bit(
    many_shards: Settings, environment: dict[str, str], tmp_path: Path, kills: int
) -> None:
    undisturbed, disturbed = (
        read_settings(Path(shutil.copytree(many_shards.home, tmp_path / name)), "tester")
        for name in ("undisturbed", "disturbed")
    )
    score(DATASET, home=undisturbed.home)
    draw = random.Random(1998)  # noqa: S311 - moments, not secrets
    killed = sum(kill_a_run(environment, disturbed, draw.uniform(0, 0.2)) for _ in range(kills))
    assert killed >= kills / 2, "too few runs were still going when they were to be killed"
    score(DATASET, home=disturbed.home)
    rows = predictions(disturbed)
    assert len(rows) == read_manifest(disturbed.lake, DATASET).rows
    assert rows.equals(predictions(undisturbed))
    assert [item.query.name for item in check_home(disturbed) if len(item.violations)] == []


@pytest.mark.slow
def test_two_runs_of_the_same_work_at_once_leave_each_digit_once(
    many_shards: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    settings = read_settings(Path(shutil.copytree(many_shards.home, tmp_path / "home")), "tester")
    command = [sys.executable, "-m", "flows", "score", DATASET]
    runs = [
        subprocess.Popen(
            command, env={**environment, "LENET_HOME": str(settings.home)}, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    errors = [run.communicate(timeout=120)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], errors
    assert len(predictions(settings)) == read_manifest(settings.lake, DATASET).rows
    assert [item.query.name for item in check_home(settings) if len(item.violations)] == []


def test_a_killed_command_leaves_no_server_behind(environment: dict[str, str], tmp_path: Path) -> None:
    own = {name: value for name, value in environment.items() if name != "PREFECT_API_URL"}
    with subprocess.Popen(
        [sys.executable, "-m", "flows", "ingest", "optdigits"],
        env={**own, "LENET_HOME": str(tmp_path / "home")},
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
