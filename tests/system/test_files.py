"""Interrupted writes never leave a partial file."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lenet_pipeline.system.files import (
    describe_os_error,
    file_digest,
    remove_leftovers,
    write_new,
    written_whole,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_written_file_replaces_the_old_one_and_makes_its_folder(tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    for content in ("first", "second"):
        with written_whole(path) as temporary:
            temporary.write_text(content)
        assert path.read_text() == content
    assert names(path.parent) == ["file"]


def test_the_final_name_does_not_exist_before_the_end(tmp_path):
    path = tmp_path / "file"
    with written_whole(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent == path.parent  # a rename is atomic on one file system only


@pytest.mark.parametrize("interruption", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, interruption):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(type(interruption)), written_whole(path) as temporary:
        temporary.write_text("half of the n")
        raise interruption
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_a_block_that_writes_nothing_is_an_error_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), written_whole(path):
        pass
    assert path.read_text() == "old"


def test_a_writer_killed_halfway_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    program = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from lenet_pipeline.system import written_whole
        with written_whole(Path({str(path)!r})) as temporary:
            temporary.write_text("half of the n")
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert path.read_text() == "old"


def test_a_new_file_is_written_once_and_never_replaced(tmp_path):
    path = tmp_path / "folder" / "file"
    assert write_new(path, b"first") is True
    assert write_new(path, b"second") is False
    assert path.read_bytes() == b"first"
    assert names(path.parent) == ["file"]


def test_of_many_writers_of_one_new_file_exactly_one_wins(tmp_path):
    path = tmp_path / "file"
    contents = [f"writer {number}".encode() for number in range(16)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda content: write_new(path, content), contents))
    assert won.count(True) == 1
    assert path.read_bytes() == contents[won.index(True)]
    assert names(tmp_path) == ["file"]


def test_a_new_file_that_the_disk_refuses_leaves_nothing(mount_disk):
    disk = mount_disk("size=8k")
    with pytest.raises(OSError, match="No space left"):
        write_new(disk / "file", os.urandom(64_000))
    assert names(disk) == []


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "permission denied"),
        (errno.EPERM, "permission denied"),
        (errno.ENOTDIR, "is a file"),
    ],
)
def test_a_refusal_that_one_can_act_on_says_what_to_do(number, words):
    described = describe_os_error(OSError(number, os.strerror(number)))
    assert words in described
    assert ";" in described  # what happened; what to do


def test_any_other_refusal_is_in_the_systems_own_words():
    assert describe_os_error(OSError(errno.EIO, "Input/output error")) == "Input/output error"
    assert describe_os_error(OSError("no number at all")) == "no number at all"


def test_the_sha256_of_a_file_is_that_of_its_bytes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    assert file_digest(path, "sha256") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_leftovers_of_killed_writers_go_after_a_day_and_nothing_else(tmp_path):
    old, new, other = (tmp_path / name for name in (".a.parquet.1.tmp", ".b.parquet.2.tmp", "c.parquet"))
    for path in (old, new, other):
        path.touch()
    for path in (old, other):
        os.utime(path, (0, 0))
    remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == [new, other]
    remove_leftovers(tmp_path / "not-there")
