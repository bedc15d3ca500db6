"""Places work alike on a disk, in S3 and with fsspec, and report errors in one clear line."""

from __future__ import annotations

import http.server
import os
import pickle
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest

from lenet_pipeline.errors import LakeError, ManifestConflictError, ShardError, StorageError
from lenet_pipeline.lake.datasets import (
    commit_shards,
    find_manifest,
    list_datasets,
    read_manifest,
    read_shard,
    shard_path,
    write_shard,
)
from lenet_pipeline.lake.storage import Place, open_place, open_sink
from lenet_pipeline.scoring.engine import Engine
from lenet_pipeline.scoring.shards import score_shard
from lenet_pipeline.settings import read_settings
from tests.digit_builders import digits_table, put, untrained_model
from tests.s3_builders import make_bucket, serving_s3

NAME = "scans/train"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with serving_s3() as address:
        yield address


@pytest.fixture
def bucket(endpoint: str) -> Place:
    """A folder of a bucket in which nothing is."""
    return open_place(make_bucket(endpoint))


@pytest.fixture(params=["disk", "s3", "fsspec"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty folder on each kind of storage."""
    if request.param == "disk":
        return open_place(tmp_path / "home")
    if request.param == "s3":
        return request.getfixturevalue("bucket")
    return open_place(f"memory://{tmp_path.name}")


# The operations


def test_what_is_written_is_listed_read_replaced_and_deleted(place):
    file = place / "a" / "b.txt"
    assert (place.names(), file.exists()) == ([], False)
    file.write_bytes(b"one")
    assert (place.names(), (place / "a").names(), file.exists(), file.size()) == (["a"], ["b.txt"], True, 3)
    file.write_bytes(b"three")
    with file.open() as part:
        assert (file.read_bytes(), part.read_at(2, 3)) == (b"three", b"ee")
    file.delete()
    file.delete()
    assert not file.exists()
    with pytest.raises(FileNotFoundError):
        file.read_bytes()


def test_a_new_file_is_written_once(place):
    file = place / "manifest.json"
    assert file.write_new(b"first")
    assert not file.write_new(b"second")
    assert file.read_bytes() == b"first"


def test_of_many_writers_at_once_one_writes_the_new_file(place):
    file = place / "manifest.json"
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda number: file.write_new(b"writer %d" % number), range(8)))
    assert sum(told) == 1
    assert file.read_bytes() == b"writer %d" % told.index(True)


def test_a_local_copy_is_the_file_itself_or_gone_afterwards(place):
    file = place / "x.parquet"
    file.write_bytes(b"content")
    with file.local_copy() as path:
        assert path.read_bytes() == b"content"
        assert path.name == "x.parquet"
    assert path.exists() == (file.local is not None)


def test_a_place_travels_to_another_process_as_it_is(place):
    (place / "x").write_bytes(b"here")
    assert pickle.loads(pickle.dumps(place / "x")).read_bytes() == b"here"  # noqa: S301 - our own bytes


def test_an_error_while_a_file_is_written_leaves_what_was_there(place):
    file = place / "x"
    file.write_bytes(b"before")
    for _ in range(2):
        with pytest.raises(RuntimeError), open_sink(file) as sink:
            Path(sink).write_bytes(b"aft") if isinstance(sink, Path) else sink.write(b"aft")
            raise RuntimeError("midway")
        assert (place.names(), file.read_bytes()) == (["x"], b"before")
        file.delete()
        file.write_bytes(b"before")


# Names


def test_a_path_is_a_local_place_and_shows_as_it_did(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = open_place(Path("lake")) / "a"
    assert (str(place), os.fspath(place), place.local) == (str(tmp_path / "lake/a"),) * 2 + (
        tmp_path / "lake/a",
    )
    assert open_place(f"file://{tmp_path}/lake") / "a" == place
    assert open_place(place) is place


def test_a_url_shows_without_options_and_is_no_path():
    place = open_place("s3://bucket/prefix/?endpoint_override=127.0.0.1:9&scheme=http") / "a" / "b.txt"
    assert (str(place), place.name, place.local) == ("s3://bucket/prefix/a/b.txt", "b.txt", None)
    with pytest.raises(TypeError, match="not on a local disk"):
        os.fspath(place)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("zzz://bucket/x", "zzz:// is not s3, gs, hdfs or an installed fsspec protocol"),
        ("s3://", "has no bucket"),
        ("s3://bucket?colour=red", "unknown option colour; available: endpoint_override, region, scheme"),
        ("s3://hunter:hunter2@bucket/x", "AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x?access_key=a&secret_key=hunter2", "AWS_SECRET_ACCESS_KEY"),
        ("zzz://me:hunter2@host/x", "me:***@host"),
    ],
)
def test_an_invalid_url_is_refused_at_once_without_showing_a_secret(url, words, monkeypatch):
    with pytest.raises(StorageError) as caught:
        open_place(url)
    assert words in str(caught.value)
    monkeypatch.setenv("LENET_LAKE", url)
    with pytest.raises(Exception, match="LENET_LAKE") as told:
        read_settings()
    for message in (str(caught.value), str(told.value)):
        assert "\n" not in message
        assert "hunter2" not in message


def test_lake_and_predictions_can_be_outside_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("LENET_LAKE", "s3://bucket/lake?region=eu-west-1")
    monkeypatch.setenv("LENET_PREDICTIONS", str(tmp_path / "shared"))
    settings = read_settings(home=tmp_path / "home")
    assert str(settings.lake) == "s3://bucket/lake"
    assert settings.predictions.local == tmp_path / "shared"
    assert settings.rejects == tmp_path / "home" / "rejects"


# A lake and predictions in a bucket


def test_a_dataset_in_a_bucket_is_the_same_to_the_bit_as_on_a_disk(bucket, tmp_path):
    table = digits_table(20, labels=[None, *range(9), *range(10)])
    for lake in (bucket, tmp_path):
        put(lake, NAME, table, shard_rows=8)
        put(lake, NAME, digits_table(23), shard_rows=8)
    there, here = read_manifest(bucket, NAME), read_manifest(tmp_path, NAME)
    assert (there.fingerprint, there.shards, there.version) == (here.fingerprint, here.shards, 2)
    assert list_datasets(bucket) == [NAME]
    for shard in there.shards:
        assert shard_path(bucket, NAME, shard).read_bytes() == shard_path(tmp_path, NAME, shard).read_bytes()
        assert read_shard(bucket, NAME, shard).equals(read_shard(tmp_path, NAME, shard))


def test_two_writers_of_one_version_in_a_bucket_conflict(bucket):
    first = commit_shards(bucket, NAME, None, [write_shard(bucket, NAME, digits_table(2))], actor="first")
    with pytest.raises(ManifestConflictError, match="another writer committed version 1"):
        commit_shards(bucket, NAME, None, [write_shard(bucket, NAME, digits_table(3))], actor="second")
    assert read_manifest(bucket, NAME) == first


@pytest.mark.parametrize("damage", ["missing", "truncated", "another"])
def test_a_damaged_object_is_a_shard_error(bucket, damage):
    first, second = put(bucket, NAME, digits_table(6), shard_rows=3).manifest.shards
    path = shard_path(bucket, NAME, first)
    if damage == "missing":
        path.delete()
    else:
        whole = path.read_bytes()
        other = shard_path(bucket, NAME, second).read_bytes()
        path.write_bytes(whole[: len(whole) // 2] if damage == "truncated" else other)
    with pytest.raises(ShardError) as caught:
        read_shard(bucket, NAME, first)
    assert str(path) in str(caught.value)
    assert "restore" in str(caught.value)


def test_a_shard_is_scored_from_bucket_to_bucket_once(bucket, tmp_path):
    shard = put(bucket / "lake", NAME, digits_table(5)).manifest.shards[0]
    engine = Engine(untrained_model(), "cpu")
    destination = bucket / "predictions" / "x.parquet"
    scored = score_shard(engine, bucket / "lake", NAME, shard, destination)
    assert not score_shard(engine, bucket / "lake", NAME, shard, destination).is_new
    local = score_shard(engine, bucket / "lake", NAME, shard, tmp_path / "x.parquet")
    assert scored.path.read_bytes() == local.path.read_bytes()
    with scored.path.local_copy() as path:
        assert pq.read_table(path).num_rows == 5


# Stores that refuse


def told_by(call) -> tuple[str, float]:
    started = time.perf_counter()
    with pytest.raises(StorageError) as caught:
        call()
    assert "\n" not in str(caught.value)
    return str(caught.value), time.perf_counter() - started


def test_every_operation_reports_a_missing_bucket(endpoint):
    place = open_place(f"s3://no-such-bucket/lake?endpoint_override={endpoint}&scheme=http")
    calls = [
        lambda: read_manifest(place, NAME),
        lambda: put(place, NAME, digits_table(1)),
        lambda: (place / "x").write_bytes(b"x"),
        lambda: (place / "x").write_new(b"x"),
    ]
    for call in calls:
        message, _ = told_by(call)
        assert "s3://no-such-bucket/lake" in message
        assert "the bucket does not exist" in message


@pytest.mark.slow
def test_a_missing_endpoint_is_reported_within_seconds(endpoint):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = open_place(f"s3://b/lake?endpoint_override=127.0.0.1:{free.getsockname()[1]}&scheme=http")
    for call in (lambda: place.names(), lambda: (place / "x").write_new(b"x")):
        message, seconds = told_by(call)
        assert "does not answer; check the network" in message
        assert seconds < 15


@contextmanager
def answering(answer: Callable[[str], tuple[int, bytes]]) -> Iterator[str]:
    """Serve HTTP that answers ``METHOD /path`` with a status and a body."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def respond(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = answer(f"{self.command} {self.path}")
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = respond  # noqa: N815 - the names the server calls

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_refused_credentials_are_reported_with_the_remedy(endpoint):
    with answering(lambda _: (403, b"")) as refusing:
        place = open_place(f"s3://b/lake?endpoint_override={refusing}&scheme=http")
        for call in (lambda: place.names(), lambda: (place / "x").write_new(b"x")):
            message, seconds = told_by(call)
            assert "AWS_ACCESS_KEY_ID" in message
            assert seconds < 15


@pytest.mark.slow
def test_a_store_at_fault_is_no_fault_of_the_shard(bucket, endpoint):
    shard = put(bucket, NAME, digits_table(3)).manifest.shards[0]
    with answering(lambda _: (503, b"")) as failing:
        elsewhere = open_place(f"s3://b/lake?endpoint_override={failing}&scheme=http")
        with pytest.raises(StorageError) as caught:
            read_shard(elsewhere, NAME, shard)
    assert not isinstance(caught.value, LakeError)


def test_without_boto3_a_commit_to_s3_says_what_to_install(bucket, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    message, _ = told_by(lambda: (bucket / "x").write_new(b"x"))
    assert "pip install 'lenet-pipeline[s3]'" in message


# Writers that die


def test_a_put_that_dies_midway_leaves_nothing(bucket, tmp_path):
    program = """
        import os, signal, sys
        from lenet_pipeline.lake import storage
        place = storage.open_place(sys.argv[1])
        class Dying:
            def __init__(self, stream): self.stream = stream
            def __enter__(self): return self
            def __exit__(self, *error): raise AssertionError("never closed")
            def write(self, content):
                self.stream.write(content.slice(0, 15_000_000))  # a part of ten megabytes is on its way
                self.stream.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        class FileSystem:
            def __init__(self, inner): self.inner = inner
            def open_output_stream(self, *arguments, **options):
                return Dying(self.inner.open_output_stream(*arguments, **options))
            def create_dir(self, *arguments, **options): pass
        put = storage.put
        storage.put = lambda file_system, path, content: put(FileSystem(file_system), path, content)
        (place / "shard.parquet").write_bytes(bytes(30_000_000))
    """
    command = [sys.executable, "-c", textwrap.dedent(program), bucket.base]
    killed = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert bucket.names() == []
    assert find_manifest(bucket, NAME) is None


@pytest.mark.slow
def test_a_put_of_which_a_part_fails_is_never_completed(endpoint):
    started = b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
    requests: list[str] = []

    def answer(request: str) -> tuple[int, bytes]:
        requests.append(request)
        return (200, started) if request.startswith("POST") and request.endswith("?uploads") else (500, b"")

    with answering(answer) as failing:
        place = open_place(f"s3://b/lake?endpoint_override={failing}&scheme=http")
        message, _ = told_by(lambda: (place / "x").write_bytes(bytes(30_000_000)))
    assert "cannot write s3://b/lake/x" in message
    assert any(request.startswith("PUT") and "partNumber=1" in request for request in requests)
    assert not [request for request in requests if request.startswith("POST") and "uploadId=" in request]


def test_fsspec_is_imported_only_for_its_own_protocols():
    assert "memory" in fsspec.available_protocols()
    program = "import sys, pyarrow; from lenet_pipeline.lake import open_place; open_place('s3://b/x'); "
    program += "print({'fsspec', 'boto3'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout == "set()\n"
