"""``lenet inbox``: declare, list, poll and remove inboxes at the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lenet_pipeline.settings import Settings
from tests.homes import Run
from tests.jobs.form_builders import fill_slips, scans, write_template
from tests.jobs.inbox_builders import set_age


@pytest.fixture(scope="module")
def slips(trained: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill_slips(trained, tmp_path_factory.mktemp("filled") / "slips", 2)


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return write_template(tmp_path / "templates")


@pytest.fixture
def folder(tmp_path: Path, slips: Path) -> Path:
    """An inbox with one slip, and a file that no program can read."""
    folder = tmp_path / "scans"
    folder.mkdir()
    (folder / "slip.png").write_bytes(scans(slips)[0].read_bytes())
    (folder / "bad.png").write_bytes(b"not a picture")
    for path in folder.iterdir():
        set_age(path, 60)
    return folder


def test_inboxes_are_declared_listed_replaced_and_removed(lenet: Run, folder: Path, template: Path) -> None:
    assert lenet("inbox").stdout.startswith("no inboxes yet; declare one with `lenet inbox add")
    add = ("inbox", "add", str(folder), "--template", str(template), "--name", "slips")
    done = lenet(*add)
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == f"slips: {folder}"
    assert "take its documents with `lenet inbox poll slips`" in done.stdout
    assert "; this replaces its former declaration" in lenet(*add, "--settle", "0").stdout
    (row,) = json.loads(lenet("inbox", "list", "--format", "json").stdout)
    assert (row["name"], row["place"], row["settle_s"]) == ("slips", str(folder), 0.0)
    assert (row["templates"], row["documents"]) == ([str(template)], 0)
    assert all(len(line) <= 80 for line in lenet("inbox").stdout.splitlines())
    assert lenet("inbox", "remove", "slips").stdout.startswith("slips: removed; its documents stay stored")
    failed = lenet("inbox", "remove", "slips")
    assert failed.returncode == 1
    assert "there is no inbox 'slips'; available: none yet" in failed.stderr


def test_poll_says_what_it_took_and_what_it_left(lenet: Run, folder: Path, template: Path) -> None:
    lenet("inbox", "add", str(folder), "--template", str(template), "--name", "slips", "--settle", "0")
    done = lenet("inbox", "poll")
    assert done.returncode == 0, done.stderr
    first, *lines = done.stdout.splitlines()
    assert first.startswith("slips: 1 new document into slips/")
    assert "  1 page: 1 read, 1 rejected; " in lines[0]
    assert "  see `lenet audit rejects` for what was rejected and why" in lines
    assert any(line.endswith(" scored with digits/1") for line in lines)
    (row,) = json.loads(lenet("inbox", "poll", "slips", "--format", "json").stdout)
    assert (row["inbox"], row["documents"], row["rejected"], row["has_champion"]) == ("slips", 0, 0, True)


def test_poll_without_inboxes_is_no_error(lenet: Run) -> None:
    done = lenet("inbox", "poll")
    assert (done.returncode, done.stdout.startswith("no inboxes yet")) == (0, True)
