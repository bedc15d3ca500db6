"""A real Dask cluster of two worker processes writes the same bytes, even if workers are lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from distributed import Client, LocalCluster

from lenet_pipeline.errors import ScoringError, ShardError
from lenet_pipeline.lake.storage import Place, open_place
from lenet_pipeline.schema import PREDICTIONS
from lenet_pipeline.scoring.dask_runner import score_on_dask
from lenet_pipeline.scoring.engine import Engine, TrainedModel
from lenet_pipeline.scoring.shards import ScoredShard, ShardWork, score_shard
from tests.digit_builders import digits_table, put, untrained_model
from tests.s3_builders import make_bucket, serving_s3

NAME = "scans/new"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A server of S3's protocol; the workers inherit its credentials."""
    with serving_s3() as endpoint:
        yield endpoint


@contextmanager
def cluster_of(workers: int) -> Iterator[str]:
    """Start a cluster on loopback; yield its address."""
    with LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def cluster(s3: str) -> Iterator[str]:
    with cluster_of(2) as address:
        yield address


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return untrained_model(temperature=2.0)


def planned(lake: Place, predictions: Place, digits: pa.Table, shard_rows: int) -> list[ShardWork]:
    """Store digits in shards; return the work of scoring each."""
    shards = put(lake, NAME, digits, shard_rows=shard_rows).manifest.shards
    return [ShardWork(lake, NAME, shard, predictions / f"score-{shard.file}") for shard in shards]


@pytest.fixture
def work(tmp_path: Path) -> list[ShardWork]:
    """Eight shards of a hundred digits, the last of fewer."""
    return planned(open_place(tmp_path / "lake"), open_place(tmp_path / "staged"), digits_table(780), 100)


def assert_scored_as_here(work: list[ShardWork], model: TrainedModel, tmp_path: Path) -> None:
    """Prove that each file is there, once, and the same to the bit as scored in this process."""
    folder = Place(work[0].destination.base, work[0].destination.below.rpartition("/")[0])
    assert folder.names() == sorted(item.destination.name for item in work)
    engine = Engine(model, "cpu")
    for item in work:
        here = score_shard(engine, item.lake, NAME, item.shard, tmp_path / "here" / item.shard.file)
        assert item.destination.read_bytes() == here.path.read_bytes()


def score_all(address: str, model: TrainedModel, work: list[ShardWork]) -> dict[str, ScoredShard | Exception]:
    results = list(score_on_dask(address, model, "cpu", "float32", work))
    assert sorted(item.shard.file for item, _ in results) == sorted(item.shard.file for item in work)
    return {item.shard.file: result for item, result in results}


def left_on(address: str) -> tuple[int, set[str]]:
    """Return how many tasks a cluster has, and the names of all models lent to its workers."""
    with Client(address, set_as_default=False) as client:
        for _ in range(50):  # the scheduler forgets in its own time
            tasks = client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
            if not tasks:
                break
            time.sleep(0.1)
        plugins = client.run(lambda dask_worker: list(dask_worker.plugins))
    return tasks, {name for names in plugins.values() for name in names if name.startswith("lenet")}


# A cluster at work


@pytest.mark.slow
def test_shards_are_scored_to_the_same_bytes_as_here(cluster, model, work, tmp_path):
    results = score_all(cluster.replace("tcp://", "dask://"), model, work)
    assert [results[item.shard.file].rows for item in work] == [100] * 7 + [80]
    assert all(result.is_new for result in results.values())
    assert_scored_as_here(work, model, tmp_path)
    again = score_all(cluster, model, work)
    assert not any(result.is_new for result in again.values())


@pytest.mark.slow
def test_the_lake_and_the_predictions_may_be_in_an_object_store(cluster, s3, model, tmp_path):
    place = open_place(make_bucket(s3))
    work = planned(place / "lake", place / "predictions", digits_table(250), 100)
    assert [type(result) for result in score_all(cluster, model, work).values()] == [ScoredShard] * 3
    assert_scored_as_here(work, model, tmp_path)


def test_a_bad_shard_is_reported_and_the_others_are_scored(cluster, model, work):
    bad = Path(work[3].lake / NAME / work[3].shard.file)
    bad.write_bytes(bad.read_bytes()[:-100])
    results = score_all(cluster, model, work)
    assert isinstance(results[bad.name], ShardError)
    assert "restore" in str(results[bad.name])
    assert sum(isinstance(result, ScoredShard) for result in results.values()) == len(work) - 1
    assert not work[3].destination.exists()


def test_a_model_that_no_worker_can_load_is_reported_for_each_shard(cluster, model, work):
    for wrong in (replace(model, architecture="lenet9000"), replace(model, weights={})):
        results = score_all(cluster, wrong, work[:2])
        for result in results.values():
            assert isinstance(result, ScoringError)
            assert "\n" not in str(result)


def test_predictions_that_cannot_be_written_are_reported_in_one_line(cluster, model, work, tmp_path):
    (tmp_path / "file").write_text("no folder")
    nowhere = replace(work[0], destination=open_place(tmp_path / "file" / "sub" / "x.parquet"))
    (result,) = score_all(cluster, model, [nowhere]).values()
    assert isinstance(result, ScoringError)
    assert "a part of the path is a file" in str(result)


def test_a_run_leaves_no_task_no_model_and_no_thread(cluster, model, work):
    before = set(threading.enumerate())
    score_all(cluster, model, work)
    left = [thread.name for thread in set(threading.enumerate()) - before]
    assert [name for name in left if not name.startswith("Dask-Offload")] == []  # Dask's own, one a process
    assert left_on(cluster) == (0, set())


def test_closing_a_run_early_cancels_the_waiting_tasks(cluster, model, work):
    with closing(score_on_dask(cluster, model, "cpu", "float32", work)) as results:
        next(results)
    assert left_on(cluster) == (0, set())


def test_only_a_few_shards_per_thread_are_in_flight(cluster, model, work):
    taken = 0

    def counted() -> Iterator[ShardWork]:
        nonlocal taken
        for item in work:
            taken += 1
            yield item

    class Counted(list[ShardWork]):
        def __iter__(self) -> Iterator[ShardWork]:
            return counted()

    with closing(score_on_dask(cluster, model, "cpu", "float32", Counted(work))) as results:
        next(results)
        assert taken == 6  # three for each of two threads
    assert left_on(cluster) == (0, set())


# Clusters that are not there


@pytest.mark.parametrize("scheme", ["dask", "tcp"])
def test_a_missing_cluster_is_reported_in_one_line_within_seconds(model, work, scheme):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"{scheme}://127.0.0.1:{free.getsockname()[1]}"
    before, started = set(threading.enumerate()), time.perf_counter()
    with pytest.raises(ScoringError) as caught:
        score_all(address, model, work)
    assert f"there is no Dask cluster at {address} (" in str(caught.value)
    assert "dask worker" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert time.perf_counter() - started < 5
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("address", ["nowhere", "dask://127.0.0.1", "dask://:8786", "dask://127.0.0.1:port"])
def test_an_invalid_address_is_reported_in_one_line(model, work, address):
    with pytest.raises(ScoringError, match="there is no Dask cluster at"):
        score_all(address, model, work)


def test_a_cluster_without_workers_is_reported_after_a_while(model, work):
    told: list[bool] = []
    with cluster_of(0) as address, pytest.raises(ScoringError, match=r"has had no worker for 1\.5 s"):
        list(
            score_on_dask(
                address,
                model,
                "cpu",
                "float32",
                work,
                workers_within_s=1.5,
                on_waiting=lambda: told.append(True),
            )
        )
    assert told == [True]


# What is lost


@pytest.fixture
def long_work(tmp_path: Path) -> list[ShardWork]:
    """Twelve shards, each of about a quarter of a second."""
    return planned(
        open_place(tmp_path / "lake"), open_place(tmp_path / "staged"), digits_table(24_000), 2_000
    )


@pytest.mark.slow
def test_a_killed_worker_loses_no_shard(model, long_work, tmp_path):
    with cluster_of(2) as address:
        with Client(address, set_as_default=False) as client:
            victim = next(iter(client.run(os.getpid).values()))
        results = []
        for item, result in score_on_dask(address, model, "cpu", "float32", long_work):
            if not results:
                os.kill(victim, signal.SIGKILL)
            results.append((item.shard.file, type(result)))
    assert sorted(results) == sorted((item.shard.file, ScoredShard) for item in long_work)
    staged = [path for path in (tmp_path / "staged").iterdir() if path.name.startswith(".")]
    assert len(staged) <= 1  # what the killed worker was writing aside
    for path in staged:
        path.unlink()
    assert_scored_as_here(long_work, model, tmp_path)
    for item in long_work:
        assert pq.read_table(Path(item.destination)).schema.equals(PREDICTIONS)


RUN = """
    import contextlib, pickle, sys
    from lenet_pipeline.scoring.dask_runner import score_on_dask
    from lenet_pipeline.errors import PipelineError

    if __name__ == "__main__":
        address, model, work = pickle.loads(sys.stdin.buffer.read())
        try:
            with contextlib.closing(score_on_dask(address, model, "cpu", "float32", work)) as results:
                for item, result in results:
                    print(type(result).__name__, flush=True)
        except PipelineError as exc:
            print(exc, flush=True)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
"""


def start_run(address: str, model: TrainedModel, work: list[ShardWork]) -> subprocess.Popen[bytes]:
    """Score in a process of its own, to its first result."""
    import pickle

    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(RUN)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin and process.stdout
    process.stdin.write(pickle.dumps((address, model, work)))
    process.stdin.close()
    process.stdin = None
    assert process.stdout.readline() == b"ScoredShard\n"
    return process


@pytest.mark.slow
def test_an_interrupted_run_leaves_no_task_and_prints_nothing_else(cluster, model, long_work):
    process = start_run(cluster, model, long_work)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert output.split()[-1:] == [b"interrupted"]
    assert errors.decode() == ""
    assert left_on(cluster) == (0, set())


@pytest.mark.slow
def test_a_lost_cluster_is_reported_in_one_line(model, long_work):
    with cluster_of(2) as address:
        process = start_run(address, model, long_work)
    started = time.perf_counter()
    output, errors = process.communicate(timeout=60)
    assert b"or it cancelled the tasks; rerun the command to resume" in output.splitlines()[-1]
    assert errors.decode() == ""
    assert time.perf_counter() - started < 45
