"""Inboxes in an object store, inboxes of 100,000 files, and polls that are killed."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest

from benchmarks.inbox import fill_folder
from lenet_pipeline.audit.scans import find_scans
from lenet_pipeline.errors import IngestError, StorageError
from lenet_pipeline.jobs import declare_inbox, ingest_inbox, look
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.system import file_digest
from tests.jobs.form_builders import ask, broken_checks, fill_slips, scans, write_template
from tests.jobs.inbox_builders import NAME, Inbox, make_inbox
from tests.s3_builders import make_bucket, serving_s3

ROWS = (
    "path, source_sha256, status, dataset, original_path, archived_to is null as stays "
    "from inbox_documents order by path",
    "dataset, source_sha256, page, status, page_fingerprint from pages order by all",
    "dataset, source_sha256, pages from documents order by all",
    "field_id, position, state, digit_id, ink from cells order by all",
)


@pytest.fixture(scope="module")
def slips(trained: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill_slips(trained, tmp_path_factory.mktemp("filled") / "slips", 12)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with serving_s3() as address:
        yield address


def put(endpoint: str, url: str, key: str, file: Path) -> None:
    parts = urlsplit(url)
    client = boto3.client("s3", endpoint_url=f"http://{endpoint}")
    client.upload_file(str(file), parts.netloc, f"{parts.path.strip('/')}/{key}")
    client.close()


def test_objects_are_taken_once_and_stay_in_their_bucket(
    endpoint: str, home: Path, tmp_path: Path, slips: Path
) -> None:
    settings, url, files = read_settings(home, "tester"), make_bucket(endpoint), scans(slips)
    declare_inbox(settings, NAME, url, (write_template(tmp_path),))
    put(endpoint, url, "a.png", files[0])
    put(endpoint, url, "deep/b.png", files[1])
    put(endpoint, url, "deep/c.png", files[1])
    put(endpoint, url, "notes.txt", write_template(tmp_path))
    assert [each.item.path for each in look(settings, NAME).files] == [
        "a.png",
        "deep/b.png",
        "deep/c.png",
        "notes.txt",
    ]
    done = ingest_inbox(settings, NAME)
    assert (done.documents, done.read, done.duplicates, done.not_documents) == (2, 2, 1, 1)
    assert ingest_inbox(settings, NAME).documents == 0
    assert look(settings, NAME).files == ()
    (scan, _) = [row["source"] for row in ask(settings, "select source from pages order by source")]
    assert scan == str(home / "inboxes" / NAME / "a.png")
    moved = read_settings(Path(shutil.move(home, tmp_path / "moved")), "tester")
    digest = file_digest(files[0], "sha256")
    found = [path for path in find_scans(moved, scan, digest) if path.exists()]
    assert found == [moved.home / "inboxes" / NAME / "a.png"]
    assert broken_checks(moved) == []


def test_missing_bucket_is_one_clear_error(endpoint: str, home: Path, tmp_path: Path) -> None:
    settings, url = read_settings(home, "tester"), make_bucket(endpoint)
    template = write_template(tmp_path)
    with pytest.raises(StorageError, match="the bucket does not exist"):
        declare_inbox(settings, NAME, url.replace("bucket-", "no-bucket-"), (template,))
    with pytest.raises(IngestError, match="--archive works with folders only"):
        declare_inbox(settings, NAME, url, (template,), archive=tmp_path)


@pytest.mark.slow
def test_look_into_a_folder_of_100_000_files_takes_less_than_two_seconds(
    home: Path, tmp_path: Path, slips: Path
) -> None:
    memory = Path("/dev/shm")  # noqa: S108 - a disk takes minutes for 100,000 files
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        inbox = make_inbox(read_settings(home, "tester"), Path(folder), slips, write_template(tmp_path))
        fill_folder(inbox.settings, inbox.folder, 100_000)
        for number in range(10):
            inbox.drop(number)
        seconds = []
        for _ in range(3):
            started = time.process_time()
            documents = len(look(inbox.settings, NAME).documents)
            seconds.append(time.process_time() - started)
            assert documents == 10
    assert min(seconds) < 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_polls_killed_at_random_moments_end_as_an_undisturbed_one(
    trained: Settings, environment: dict[str, str], tmp_path: Path, slips: Path
) -> None:
    """With an archive, so that files are moved as well."""
    inboxes = {}
    for name in ("undisturbed", "disturbed"):
        home = shutil.copytree(trained.home, tmp_path / name / "home")
        inbox = make_inbox(read_settings(home, "tester"), tmp_path / name, slips, write_template(tmp_path))
        inbox.declare(archive=tmp_path / name / "done")
        for number in range(12):
            inbox.drop(number)
        inbox.drop(0, "again.png")
        (inbox.folder / "bad.png").write_bytes(b"not a picture")
        inboxes[name] = inbox
    whole, disturbed = inboxes["undisturbed"], inboxes["disturbed"]
    assert run_poll(environment, whole, None) == 0
    draw = random.Random(16)  # noqa: S311 - moments, not secrets
    for _ in range(8):
        run_poll(environment, disturbed, draw.uniform(0, 3))
    assert run_poll(environment, disturbed, None) == 0
    for asked in ROWS:
        assert disturbed.select(asked) == whole.select(asked)
    for inbox in (whole, disturbed):
        assert [path.name for path in inbox.folder.rglob("*.png")] == ["bad.png"]
        assert len(list((inbox.folder.parent / "done").rglob("*.png"))) == 13
        assert broken_checks(inbox.settings) == []


def run_poll(environment: dict[str, str], inbox: Inbox, kill_after_s: float | None) -> int:
    """Poll in a process, and kill it some seconds after it has begun with the inbox; return its exit code."""
    lock = inbox.settings.home / "inboxes" / f"{NAME}.lock"
    lock.unlink(missing_ok=True)
    with subprocess.Popen(
        [sys.executable, "-m", "lenet_pipeline.cli", "inbox", "poll"],
        env={**environment, "LENET_HOME": str(inbox.settings.home)},
        stdout=subprocess.DEVNULL,
    ) as process:
        if kill_after_s is not None:
            while process.poll() is None and not lock.exists():
                time.sleep(0.01)
            time.sleep(kill_after_s)
            process.send_signal(signal.SIGKILL)
    return process.returncode
