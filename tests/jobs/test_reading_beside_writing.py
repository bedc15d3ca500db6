"""Auditors neither wait for who writes, nor hold a run up."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from benchmarks.scoring.digits import prepare_digits
from lenet_pipeline.jobs import ScoringJob, score, scoring_runs
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse.queries import run_select
from lenet_pipeline.warehouse.snapshot import take_snapshot

Run = Callable[..., subprocess.CompletedProcess[str]]

_WRITE = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
connection.close()
"""
_LEDGER = "select count(*) as shards from shard_scores"


@contextmanager
def a_writer(database: Path) -> Iterator[None]:
    """Let another process hold the database for as long as the block takes."""
    command = [sys.executable, "-c", _WRITE, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.communicate("enough\n")


@pytest.mark.slow
def test_questions_beside_a_writer_are_answered_and_say_from_when(
    lenet: Run, scored: Settings, tmp_path: Path
) -> None:
    digit = run_select(scored.warehouse, "select min(digit_id)::varchar as digit from predictions")
    take_snapshot(scored.warehouse)
    questions = (
        ["audit", "summary"],
        ["audit", "evidence", "--param", f"digit={digit['digit'][0].as_py()}"],
        ["sql", "select count(*) from predictions"],
        ["policy"],
        ["models"],
        ["report", "--output", str(tmp_path / "page.html")],
    )
    with a_writer(scored.warehouse.path):
        for question in questions:
            done = lenet(*question)
            assert done.returncode == 0, done.stderr
            told = r"the database is busy; these rows are as of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\n"
            assert re.fullmatch(told, done.stderr), question
    assert "351" in lenet("audit", "summary").stdout


@pytest.fixture
def without_last_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the copy at the end of a run, so that a test sees the one made before its first load."""
    monkeypatch.setattr(scoring_runs, "refresh_snapshot", lambda *_: None)


def test_a_run_copies_what_there_was_before_its_first_load(
    settings: Settings, without_last_copy: None
) -> None:
    dataset = prepare_digits(settings.lake, None, 60_000)
    run = score(settings, ScoringJob(dataset)).scoring_run_id
    with duckdb.connect(str(settings.warehouse.snapshot.path), read_only=True) as connection:
        assert connection.execute(_LEDGER).fetchall() == [(0,)]
        assert connection.execute("select scoring_run_id from scoring_runs").fetchall() == [(run,)]


def test_a_short_run_does_not_copy_a_database_that_is_large_beside_it_before_loading(
    scored: Settings, without_last_copy: None
) -> None:
    scored.warehouse.snapshot.path.unlink()
    dataset = prepare_digits(scored.lake, None, 400)
    score(scored, ScoringJob(dataset))
    assert not scored.warehouse.snapshot.path.exists()
