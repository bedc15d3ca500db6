"""Exactly once, whatever interrupts: runs killed at random moments end as if nothing had happened."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lenet_pipeline.audit import promote_by_hand
from lenet_pipeline.errors import DatabaseBusyError, WarehouseError
from lenet_pipeline.jobs import IngestJob, ScoringJob, TrainingJob, check, ingest, retrain, score
from lenet_pipeline.lake.appending import append_digits
from lenet_pipeline.lake.datasets import read_manifest, shard_path
from lenet_pipeline.schema import derive_digit_id
from lenet_pipeline.scoring import shards as scoring
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.warehouse.queries import run_audit, run_select
from tests.jobs.deadly_scoring import STEPS

Run = Callable[..., subprocess.CompletedProcess[str]]
Mount = Callable[[str], Path]

DATASET = "optdigits/train"
DEADLY = Path(__file__).with_name("deadly_scoring.py")
LONG = pytest.mark.long
ROWS = """
select digit_id, label, confidence, probabilities, not_a_digit, truth, shard_score_id
from predictions order by digit_id
"""


@pytest.fixture(scope="module")
def many_shards(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A trained home whose training digits lie in about fifty shards: read it, never write."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LENET_SHARD_ROWS", "30")
        settings = read_settings(tmp_path_factory.mktemp("many-shards") / "home", "tester")
        ingest(settings, IngestJob("optdigits"))
    retrain(settings, TrainingJob((DATASET,), epochs=5))
    return settings


def predictions(settings: Settings) -> pa.Table:
    return run_select(settings.warehouse, ROWS)


def ledger_rows(settings: Settings) -> int:
    try:
        found = run_select(settings.warehouse, "select count(*) as n from shard_scores")
    except WarehouseError:  # it was killed before there was one
        return 0
    return int(found["n"][0].as_py())


def copy_home(settings: Settings, to: Path) -> Settings:
    return read_settings(Path(shutil.copytree(settings.home, to)), "tester")


def kill_a_run(environment: dict[str, str], settings: Settings, step: str, number: int) -> bool:
    """Start scoring and let it die at a step; tell whether it did."""
    command = [sys.executable, str(DEADLY), step, str(number), "score", DATASET]
    done = subprocess.run(
        command,
        env={**environment, "LENET_HOME": str(settings.home)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def assert_same_in_the_end(disturbed: Settings, undisturbed: Settings) -> None:
    """Every digit has one prediction, the undisturbed run's to the bit, and every check holds."""
    score(disturbed, ScoringJob(DATASET))
    rows = predictions(disturbed)
    assert len(rows) == read_manifest(disturbed.lake, DATASET).rows
    assert rows.equals(predictions(undisturbed))
    assert [item.query.name for item in check(disturbed) if len(item.violations)] == []


@pytest.fixture(scope="module")
def undisturbed(many_shards: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The home with its digits scored in one go: read it, never write."""
    settings = copy_home(many_shards, tmp_path_factory.mktemp("undisturbed") / "home")
    score(settings, ScoringJob(DATASET))
    return settings


@pytest.fixture
def disturbed(many_shards: Settings, tmp_path: Path) -> Settings:
    return copy_home(many_shards, tmp_path / "disturbed")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_killed_in_every_step_ends_as_an_undisturbed_one_to_the_bit(
    disturbed: Settings, undisturbed: Settings, environment: dict[str, str]
) -> None:
    for step in STEPS:
        assert kill_a_run(environment, disturbed, step, 1), f"it outlived {step}"
    assert_same_in_the_end(disturbed, undisturbed)


@pytest.mark.parametrize("kills", [pytest.param(4, marks=pytest.mark.slow), pytest.param(100, marks=LONG)])
@pytest.mark.timeout(3600)
def test_a_run_killed_again_and_again_ends_as_an_undisturbed_one_to_the_bit(
    disturbed: Settings, undisturbed: Settings, environment: dict[str, str], kills: int
) -> None:
    draw = random.Random(1998)  # noqa: S311 - moments, not secrets
    shards = len(read_manifest(disturbed.lake, DATASET).shards)
    killed, halfway = 0, 0
    for _ in range(kills):
        # What is staged is not computed again: a run that has only loads to do can die of nothing else.
        is_staged = len(list(disturbed.predictions.local.glob("*.parquet"))) >= shards - 4
        step = draw.choice(("read", "load", "ledger") if is_staged else ("moment", *STEPS[:-1]))
        left = shards - ledger_rows(disturbed)
        number = draw.randrange(300) if step == "moment" else draw.randint(1, 2 if left > 3 else 1)
        killed += kill_a_run(environment, disturbed, step, number)
        halfway += 0 < ledger_rows(disturbed) < shards
    print(f"{killed} of {kills} runs killed, {halfway} with a part of the ledger written")  # noqa: T201
    assert killed >= 0.9 * kills, f"only {killed} runs were still going when they were to be killed"
    assert kills < 10 or halfway > kills / 4
    assert_same_in_the_end(disturbed, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("small", ["predictions", "home"])
def test_a_run_out_of_disk_says_so_and_goes_on_where_there_is_room_again(
    many_shards: Settings, undisturbed: Settings, lenet: Run, mount_disk: Mount, small: str
) -> None:
    disk = mount_disk("size=64m")
    home = disk / "home"
    shutil.copytree(many_shards.home, home, ignore=shutil.ignore_patterns("*.log", "plots"))
    settings = read_settings(home, "tester")
    ballast = disk / "ballast"
    left = shutil.disk_usage(disk).free
    ballast.write_bytes(bytes(left - (60_000 if small == "predictions" else 400_000)))
    done = lenet("score", DATASET, "--home", str(home))
    assert done.returncode == 1
    assert "the disk is full" in done.stderr
    ballast.unlink()
    assert_same_in_the_end(settings, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("is_in_vain", [False, True])
def test_a_database_that_another_process_holds_midway_is_waited_for_and_what_is_staged_is_kept(
    disturbed: Settings, undisturbed: Settings, monkeypatch: pytest.MonkeyPatch, is_in_vain: bool
) -> None:
    with ExitStack() as holders:
        read = scoring.read_shard

        def read_and_hold(*arguments: Any) -> pa.Table:
            with holding:
                if not held:
                    seconds = 60.0 if is_in_vain else 4.0
                    held.append(holders.enter_context(hold(disturbed.warehouse.path, seconds)))
            return read(*arguments)

        held: list[subprocess.Popen[str]] = []
        holding = threading.Lock()
        with monkeypatch.context() as patch:
            patch.setattr(scoring, "read_shard", read_and_hold)
            if is_in_vain:
                impatient = disturbed.model_copy(update={"database_wait_s": 0.2})
                with pytest.raises(DatabaseBusyError, match="is in use by process"):
                    score(impatient, ScoringJob(DATASET))
                held[0].kill()
            else:
                score(disturbed, ScoringJob(DATASET))
    staged = {path: path.stat().st_mtime_ns for path in disturbed.predictions.local.glob("*.parquet")}
    assert len(staged) > 1
    assert_same_in_the_end(disturbed, undisturbed)
    assert {path: path.stat().st_mtime_ns for path in staged} == staged


@pytest.mark.slow
def test_shards_that_are_damaged_leave_a_partial_run_that_goes_on_when_they_are_restored(
    disturbed: Settings, undisturbed: Settings, lenet: Run
) -> None:
    shards = read_manifest(disturbed.lake, DATASET).shards
    whole = {}
    for shard in (shards[3], shards[20]):
        path = shard_path(disturbed.lake, DATASET, shard)
        whole[path] = path.read_bytes()
        others = pq.read_table(path)
        labels = others.column_names.index("label")
        changed = others.set_column(labels, others.schema.field(labels), pa.nulls(len(others), pa.uint8()))
        pq.write_table(changed, path)
    done = lenet("score", DATASET, "--home", str(disturbed.home))
    assert done.returncode == 1
    assert f"partial: 2 of {len(shards)} shards" in done.stderr
    (run,) = run_audit(disturbed.warehouse, "runs", {}).to_pylist()
    assert (run["status"], run["shards_scored"]) == ("partial", len(shards) - 2)
    reasons = [row["reason"] for row in run_audit(disturbed.warehouse, "rejects", {}).to_pylist()]
    assert len(reasons) == 2
    assert all("its fingerprint is" in reason for reason in reasons)
    for path, content in whole.items():
        path.write_bytes(content)
    assert_same_in_the_end(disturbed, undisturbed)


@pytest.mark.slow
def test_a_run_keeps_the_version_and_the_manifest_that_it_began_with(
    disturbed: Settings, undisturbed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    began_with = read_manifest(disturbed.lake, DATASET)
    events = []
    read = scoring.read_shard

    def read_and_meddle(*arguments: Any) -> pa.Table:
        if not events:
            events.append("meddled")
            retrain(disturbed, TrainingJob((DATASET,), epochs=1, seed=1))
            promote_by_hand(disturbed, "2", "meddling")
            more = read(*arguments).slice(0, 3)
            column = more.column_names.index("digit_id")
            ids = pa.array([derive_digit_id("more", 1, None, place).bytes for place in range(3)], pa.uuid())
            more = more.set_column(column, more.schema.field(column), ids)
            append_digits(disturbed.lake, DATASET, [more], shard_rows=30, actor="another")
        return read(*arguments)

    monkeypatch.setattr(scoring, "read_shard", read_and_meddle)
    report = score(disturbed, ScoringJob(DATASET, threads=1))
    assert (report.model, report.digits) == ("digits/1", began_with.rows)
    assert read_manifest(disturbed.lake, DATASET).rows == began_with.rows + 3
    assert predictions(disturbed).equals(predictions(undisturbed))


@pytest.mark.slow
def test_two_runs_of_the_same_work_at_once_leave_each_digit_once(
    disturbed: Settings, undisturbed: Settings, environment: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "lenet_pipeline.cli", "score", DATASET]
    seen = {**environment, "LENET_HOME": str(disturbed.home)}
    runs = [subprocess.Popen(command, env=seen, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [run.communicate(timeout=120)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], errors
    assert_same_in_the_end(disturbed, undisturbed)


HOLDER = """
import sys, time, duckdb
connection = duckdb.connect(sys.argv[1], config={"storage_compatibility_version": "v1.2.0"})
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


@contextmanager
def hold(database: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Let another process have the database open for a while."""
    command = [sys.executable, "-c", HOLDER, str(database), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
