"""No page twice and none lost: ingests of forms killed at random moments end as if nothing had happened."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lenet_pipeline.jobs import FormIngestJob, ScoringJob, field_values, form_ingestion, ingest_forms, score
from lenet_pipeline.lake.datasets import read_manifest, read_shard
from lenet_pipeline.settings import Settings, read_settings
from tests.forms.document_builders import write_tiff
from tests.jobs.form_builders import (
    Row,
    ask,
    broken_checks,
    count,
    fill_slips,
    grey,
    scans,
    write_template,
)

DATASET = "slips/all"
COMMIT = "30"  # digits after which what was read is stored: two or three slips
PAGES = """
select source, source_sha256, page, page_fingerprint, status, reason, template, templates, page_id,
    duplicate_of, residual_px, to_scan
from pages order by source, page
"""
CELLS = """
select fields.page_id, fields.field_id, field, field_number, md5(picture) as picture, position, state,
    digit_id, ink, cells.box, cells.source_box
from fields left join cells using (field_id)
order by all
"""
# The shards of an interrupted ingest are others, and cells_read names their scores.
VALUES = "select * exclude (scoring_run_id, cells_read) from values_read order by field_id"


@pytest.fixture
def inbox(trained: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Sixteen slips or more in four files, and others: one slip twice, one damaged and one of no form."""
    slips = getattr(request, "param", 16)
    folder = fill_slips(trained, tmp_path / "slips", slips)
    pages = [grey(path) for path in scans(folder)]
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for number in range(4):
        write_tiff(inbox / f"{number}.tif", *pages[number * slips // 4 :][: slips // 4], dpi=(200, 200))
    write_tiff(inbox / "again.tif", pages[3], pages[3][:, ::-1], pages[8][:300], dpi=(200, 200))
    (inbox / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    return inbox


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return write_template(tmp_path)


def new_home(trained: Settings, base: Path, name: str) -> Settings:
    return read_settings(Path(shutil.copytree(trained.home, base / name)), "tester")


def state(settings: Settings) -> dict[str, list[Row]]:
    """Return all that an ingest leaves behind but when and by whom."""
    manifest = read_manifest(settings.lake, DATASET)
    digits = [
        row for shard in manifest.shards for row in read_shard(settings.lake, DATASET, shard).to_pylist()
    ]
    return {
        "digits": sorted(digits, key=lambda row: row["digit_id"]),
        "pages": ask(settings, PAGES),
        "cells": ask(settings, CELLS),
        "rejects": ask(settings, "select reject_id, source, page, kind, reason from rejects order by all"),
        "documents": ask(settings, "select dataset, source_sha256, pages from documents order by all"),
    }


def kill_an_ingest(
    environment: dict[str, str], settings: Settings, inbox: Path, template: Path, moment: float
) -> bool:
    """Start an ingest, kill it ``moment`` seconds after it stores something; tell whether it lived."""
    command = [sys.executable, "-m", "lenet_pipeline.cli", "ingest", "forms", str(inbox)]
    before = stored(settings)
    with subprocess.Popen(
        [*command, "--template", str(template), "--name", DATASET],
        env={**environment, "LENET_HOME": str(settings.home), "LENET_SHARD_ROWS": COMMIT},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while process.poll() is None and stored(settings) == before:
            time.sleep(0.002)
        time.sleep(moment)
        was_running = process.poll() is None
        readers = children(process.pid)
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{reader}").exists() for reader in readers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{reader}").exists() for reader in readers), "a reader outlives its command"
    return was_running


def stored(settings: Settings) -> int:
    """Count the files of the dataset; where no digit was read yet, there are none."""
    return len(list(Path(settings.lake / DATASET).rglob("*")))


def children(parent: int) -> list[str]:
    try:
        return Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:
        return []


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("inbox", "kills"), [(16, 1), (80, 10)], indirect=["inbox"])
def test_an_ingest_killed_at_random_moments_ends_as_an_undisturbed_one(
    trained: Settings,
    environment: dict[str, str],
    tmp_path: Path,
    inbox: Path,
    template: Path,
    kills: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    undisturbed, disturbed = (new_home(trained, tmp_path, name) for name in ("undisturbed", "disturbed"))
    monkeypatch.setenv("LENET_SHARD_ROWS", COMMIT)
    monkeypatch.setattr(form_ingestion, "_PAGES_WITHOUT_PROCESSES", 100)  # only what is killed has processes
    whole = ingest_forms(undisturbed, FormIngestJob(inbox, (template,), DATASET))
    pages = whole.pages
    assert (whole.read, whole.duplicates, whole.unmatched, whole.rejected) == (pages - 2, 1, 1, 1)

    draw = random.Random(1998)  # noqa: S311 - moments, not secrets
    moments = [0.0, *(draw.uniform(0, 0.4) for _ in range(kills - 1))]  # the first with most still to do
    killed = sum(kill_an_ingest(environment, disturbed, inbox, template, moment) for moment in moments)
    assert killed >= kills / 3, "too few runs were still going when they were to be killed"
    between = count(disturbed, "pages")
    assert kills > 1 or between < pages
    last = ingest_forms(disturbed, FormIngestJob(inbox, (template,), DATASET))
    assert last.known == between
    assert state(disturbed) == state(undisturbed)

    for settings in (undisturbed, disturbed):
        score(settings, ScoringJob(DATASET))
        assert broken_checks(settings) == []
    assert ask(disturbed, VALUES) == ask(undisturbed, VALUES)
    again = ingest_forms(disturbed, FormIngestJob(inbox, (template,), DATASET))
    assert (again.read, again.added, again.known) == (0, 0, pages)


@pytest.mark.slow
def test_pages_in_the_lake_that_the_database_does_not_know_yet_are_read_again_and_match(
    trained: Settings, tmp_path: Path, inbox: Path, template: Path
) -> None:
    """A command killed after digits are stored and before their pages are leaves just this."""
    settings = new_home(trained, tmp_path, "home")
    ingest_forms(settings, FormIngestJob(inbox / "0.tif", (template,), DATASET))
    before = state(settings)
    whole = settings.warehouse.path.read_bytes()
    ingest_forms(settings, FormIngestJob(inbox / "1.tif", (template,), DATASET))
    settings.warehouse.path.write_bytes(whole)
    again = ingest_forms(settings, FormIngestJob(inbox / "1.tif", (template,), DATASET))
    assert (again.read, again.added) == (4, 0)
    after = state(settings)
    assert len(after["digits"]) > len(before["digits"])
    assert len(after["pages"]) == len(before["pages"]) + 4
    assert broken_checks(settings) == []


@pytest.mark.slow
def test_an_interrupted_scoring_makes_the_values_that_are_missing(
    trained: Settings, tmp_path: Path, inbox: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = new_home(trained, tmp_path, "home")
    ingest_forms(settings, FormIngestJob(inbox / "0.tif", (template,), DATASET))
    with monkeypatch.context() as patch:
        patch.setattr(field_values, "_PAGES_AT_ONCE", 2)
        loaded = field_values.load_field_values
        calls = []

        def load_once(*arguments: object) -> None:
            if calls:
                raise KeyboardInterrupt
            calls.append(arguments)
            loaded(*arguments)

        patch.setattr(field_values, "load_field_values", load_once)
        with pytest.raises(KeyboardInterrupt):
            score(settings, ScoringJob(DATASET))
    assert count(settings, "values_read") == 2 * 5
    report = score(settings, ScoringJob(DATASET))
    assert (report.digits_scored, report.form_pages) == (0, 2)
    assert count(settings, "values_read") == 4 * 5
    assert broken_checks(settings) == []


@pytest.mark.slow
def test_two_ingests_of_the_same_pages_at_once_leave_each_page_once(
    trained: Settings, environment: dict[str, str], tmp_path: Path, inbox: Path, template: Path
) -> None:
    settings = new_home(trained, tmp_path, "home")
    command = [
        sys.executable,
        "-m",
        "lenet_pipeline.cli",
        "ingest",
        "forms",
        str(inbox),
        "--template",
        str(template),
    ]
    runs = [
        subprocess.Popen(
            [*command, "--name", DATASET],
            env={**environment, "LENET_HOME": str(settings.home), "LENET_SHARD_ROWS": COMMIT},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    errors = [run.communicate(timeout=200)[1] for run in runs]
    # Whoever finds that the other was faster says so in one line, and goes on when it is started again.
    for run, error in zip(runs, errors, strict=True):
        assert run.returncode == 0 or (len(error.strip().splitlines()) == 1 and "again" in error), error
    ingest_forms(settings, FormIngestJob(inbox, (template,), DATASET))
    rows = ask(settings, "select source_sha256, page, count(*) as n from pages group by all having n > 1")
    assert rows == []
    assert count(settings, "pages") == 19
    digits = [row["digit_id"] for row in state(settings)["digits"]]
    assert len(set(digits)) == len(digits)
    score(settings, ScoringJob(DATASET))
    assert broken_checks(settings) == []


@pytest.mark.slow
def test_control_c_while_pages_are_read_exits_with_130_and_the_next_ingest_goes_on(
    trained: Settings, environment: dict[str, str], tmp_path: Path, inbox: Path, template: Path
) -> None:
    settings = new_home(trained, tmp_path, "home")
    command = [
        sys.executable,
        "-m",
        "lenet_pipeline.cli",
        "ingest",
        "forms",
        str(inbox),
        "--template",
        str(template),
    ]
    with subprocess.Popen(
        [*command, "--name", DATASET],
        env={**environment, "LENET_HOME": str(settings.home), "LENET_SHARD_ROWS": COMMIT},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # as at a terminal, those that read get the signal too
    ) as process:
        while process.poll() is None and not stored(settings):
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert len(errors.strip().splitlines()) == 1 and "interrupted" in errors
    between = count(settings, "pages")
    outcome = ingest_forms(settings, FormIngestJob(inbox, (template,), DATASET))
    assert (outcome.known, outcome.pages) == (between, 19)
    assert count(settings, "pages") == 19
