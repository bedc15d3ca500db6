"""``lenet score --runner dask://…``: a cluster of two processes, one of which is killed midway."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from lenet_pipeline.errors import ScoringError
from lenet_pipeline.jobs import IngestJob, ScoringJob, check, ingest, score
from lenet_pipeline.lake.datasets import read_manifest
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.warehouse.queries import run_select

DATASET = "optdigits/train"
ROWS = """
select digit_id, label, confidence, probabilities, not_a_digit, truth, shard_score_id
from predictions order by digit_id
"""


def kill_a_worker(address: str, staged: Path) -> None:
    """Kill one worker once some predictions are there."""
    deadline = time.monotonic() + 60
    while len(list(staged.glob("*.parquet"))) < 10 and time.monotonic() < deadline:
        time.sleep(0.005)
    with Client(address, set_as_default=False) as client:
        processes = client.run(os.getpid)
        os.kill(min(processes.values()), signal.SIGKILL)


@pytest.mark.slow
def test_a_cluster_scores_as_this_machine_does_though_a_worker_is_killed_midway(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LENET_SHARD_ROWS", "15")
    here = read_settings(settings.home, "tester")
    shutil.rmtree(here.lake.local)
    ingest(here, IngestJob("optdigits"))
    there = read_settings(Path(shutil.copytree(here.home, tmp_path / "there")), "tester")
    score(here, ScoringJob(DATASET))
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", memory_limit=0
    )
    with cluster:
        address = cluster.scheduler_address
        killer = threading.Thread(target=kill_a_worker, args=(address, there.predictions.local))
        killer.start()
        report = score(there, ScoringJob(DATASET, runner=address.replace("tcp", "dask")))
        killer.join()
    assert report.digits_scored == report.digits == read_manifest(there.lake, DATASET).rows
    expected = run_select(here.warehouse, ROWS)
    assert run_select(there.warehouse, ROWS).equals(expected)
    assert [item.query.name for item in check(there) if len(item.violations)] == []
    again = score(there, ScoringJob(DATASET))
    assert again.digits_scored == 0


def test_a_runner_that_is_none_is_refused(settings: Settings) -> None:
    with pytest.raises(ScoringError, match="unknown runner 'spark'; choose local or dask://HOST:PORT"):
        score(settings, ScoringJob("optdigits/test", runner="spark"))
