"""A home is copied and its original is removed: every command works, and writes only into the copy."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lenet_pipeline.jobs import FormIngestJob, ScoringJob, TrainingJob, ingest_forms, retrain, score
from lenet_pipeline.settings import Settings, read_settings
from tests.homes import Run
from tests.jobs.form_builders import fill_slips, write_template

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def all_text(database: Path) -> Iterator[str]:
    """Yield every text value of an SQLite file."""
    with closing(sqlite3.connect(database)) as connection:
        for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
            for row in connection.execute(f"select * from {table}"):  # noqa: S608
                yield from (value for value in row if isinstance(value, str))


def test_every_command_works_in_a_copy_whose_original_is_gone(
    scored: Settings, lenet: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = fill_slips(scored, tmp_path / "scans", 3)
    template = write_template(tmp_path)
    ingest_forms(scored, FormIngestJob(scans, (template,), "slips/all"))
    score(scored, ScoringJob("slips/all"))
    retrain(scored, TrainingJob(("optdigits/train",), epochs=1, seed=3))
    original = scored.home
    home = tmp_path / "moved home"
    shutil.copytree(original, home)
    shutil.rmtree(original)
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)

    failures: list[tuple[str, ...]] = []

    def run(*arguments: str) -> str:
        result = lenet(*arguments, LENET_HOME=str(home))
        if result.returncode:
            failures.append((*arguments, result.stderr))
        return result.stdout

    run("datasets")
    run("runs")
    run("models")
    run("models", "show", "champion")
    run("models", "show", "2")
    run("review", "export", "reviews", "--limit", "5")  # without a policy, every digit needs review
    run("review", "import", "reviews")
    run("policy", "set", "--max-error", "0.3", "--certainty", "0.5")
    run("policy")
    run("verify")
    run("verify", "latest", "--sample", "10")
    run("report")
    run("check")
    run("audit", "review_queue")
    (row,) = json.loads(run("sql", "select digit_id from predictions limit 1", "--format", "json"))
    run("audit", "evidence", "--param", f"digit={row['digit_id']}")
    run("forms", "show", str(template), str(next(scans.glob("*.p*"))), "--output", "page.png")
    run("forms", "evaluate", "slips/all", "--truth", str(scans / "truth.csv"))
    run("review", "progress")
    run("export", "exported")
    run("snapshot")
    run("ingest", "optdigits")
    run("train", "optdigits/train", "--test", "optdigits/test", "--epochs", "1")
    run("score", "optdigits/test", "--model", "3")
    run("models", "promote", "3", "--reason", "to try it", "--yes")
    run("models", "rollback")
    run("score", "slips/all")
    run("check")

    assert failures == []
    assert not original.exists()
    assert sorted(path.name for path in inside.iterdir()) == ["exported", "page.png", "reviews"]
    place = str(original)
    assert not [text for text in all_text(home / "mlflow.db") if place in text]
    versions = read_settings(home).registry.artifacts / "models"
    assert len(list(versions.iterdir())) == 3
