"""A BI tool that keeps the snapshot open neither stops a job nor misses its rows for long."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from lenet_pipeline.audit import PolicyTerms, export_reviews, import_reviews, propose_policy, set_policy
from lenet_pipeline.errors import DatabaseBusyError
from lenet_pipeline.jobs import ScoringJob, score
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.warehouse import Warehouse, migrate, run_select, take_snapshot
from tests.warehouse.test_connection import HOLD, other_process

Run = Callable[..., subprocess.CompletedProcess[str]]

_READ = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
count = lambda: connection.execute("select count(*) from predictions").fetchall()[0][0]
print(count(), flush=True)
sys.stdin.readline()
print(count(), flush=True)
"""


@contextmanager
def bi_tool(snapshot: Path) -> Iterator[Callable[[], str]]:
    """Keep the snapshot open in another process; yield a function that counts predictions in it again."""
    command = [sys.executable, "-c", _READ, str(snapshot)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "0\n"
        yield lambda: process.communicate("again\n")[0]


def count(snapshot: Path, table: str) -> int:
    with duckdb.connect(str(snapshot), read_only=True) as connection:
        return len(connection.table(table))


def test_a_run_succeeds_while_a_tool_keeps_the_snapshot_open(settings: Settings) -> None:
    snapshot = take_snapshot(settings.warehouse).path
    with bi_tool(snapshot) as count_again:
        report = score(settings, ScoringJob("optdigits/test"))
        assert count_again() == "0\n"  # it still has the file that it opened
    assert report.digits == count(snapshot, "predictions") > 0
    with duckdb.connect(str(snapshot), read_only=True) as connection:
        run = connection.execute("select find_run('latest'), finished_at is not null from scoring_runs")
        assert run.fetchall() == [(report.scoring_run_id, True)]


def test_a_new_policy_and_an_import_of_reviews_renew_the_snapshot(scored: Settings, tmp_path: Path) -> None:
    snapshot = take_snapshot(scored.warehouse).path
    assert count(snapshot, "policies") == 0
    set_policy(scored, propose_policy(scored, PolicyTerms(0.1, 0.9, ("optdigits/test",))))
    assert count(snapshot, "policies") == 1
    table = export_reviews(scored, tmp_path / "out", "latest", 3).table
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows[0]["verdict"] = "7"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert import_reviews(scored, tmp_path / "out").recorded == 1
    assert count(snapshot, "reviews") == 1


def test_snapshot_command_renews_the_copy_and_prints_its_path(lenet: Run, home: Path) -> None:
    warehouse = read_settings(home, "tester").warehouse
    migrate(warehouse)
    done = lenet("snapshot")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == warehouse.snapshot.path
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(
            "insert into exports values (uuid(), 'tables', 'x', null, 1, now(), 'bob')"
        ).fetchall()
    assert count(warehouse.snapshot.path, "exports") == 0
    lenet("snapshot")
    assert count(warehouse.snapshot.path, "exports") == 1
    assert not list(home.glob(".*.tmp"))


def test_the_error_about_a_reader_of_the_database_names_the_snapshot(home: Path) -> None:
    warehouse = Warehouse(home / "audit.duckdb", 0.2)
    migrate(warehouse)
    with (
        other_process(HOLD, str(warehouse.path), "reader", "60"),
        pytest.raises(DatabaseBusyError, match=r"open audit-snapshot\.duckdb instead.*`lenet snapshot`"),
    ):
        migrate(warehouse)


def test_a_training_renews_the_snapshot(trained: Settings) -> None:
    assert count(trained.warehouse.snapshot.path, "champion_history") == 1


def test_a_job_ends_well_if_the_snapshot_cannot_be_renewed(settings: Settings) -> None:
    """A folder under the name of the snapshot stands for everything that may be in the way."""
    settings.warehouse.snapshot.path.unlink()
    settings.warehouse.snapshot.path.mkdir()
    (settings.warehouse.snapshot.path / "file").touch()
    report = score(settings, ScoringJob("optdigits/test"))
    rows = run_select(settings.warehouse, "select count(*) as digits from predictions").to_pylist()
    assert rows == [{"digits": report.digits}]
