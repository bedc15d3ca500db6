"""The score job: once, resumable, and honest about what it could not read."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pytest
from pydantic import ValidationError

from lenet_pipeline.audit.report import write_report
from lenet_pipeline.errors import LakeError, PipelineError, RegistryError, ScoringError, UnknownNameError
from lenet_pipeline.jobs import ScoringJob, check, score
from lenet_pipeline.jobs.scheduling.night import score_new_digits
from lenet_pipeline.lake.datasets import read_manifest, shard_path
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT
from lenet_pipeline.warehouse.queries import run_audit, run_select
from tests.audit.test_drift import put

Run = Callable[..., subprocess.CompletedProcess[str]]

TEST = "optdigits/test"


def count(settings: Settings, table: str) -> int:
    rows = run_select(settings.warehouse, f"select count(*) as n from {table}")  # noqa: S608 - ours
    return int(rows["n"][0].as_py())


def violations(settings: Settings) -> list[str]:
    return [item.query.name for item in check(settings) if len(item.violations)]


def test_scoring_again_scores_nothing_and_adds_no_row(settings: Settings) -> None:
    first = score(settings, ScoringJob(TEST))
    again = score(settings, ScoringJob(TEST))
    digits = read_manifest(settings.lake, TEST).rows
    assert (first.digits_scored, again.digits_scored) == (digits, 0)
    assert first.scoring_run_id == again.scoring_run_id
    assert count(settings, "predictions") == digits
    assert violations(settings) == []


def test_a_run_that_is_interrupted_before_its_drift_is_known_is_scored_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise PipelineError("interrupted")

    with monkeypatch.context() as patch:
        patch.setattr("lenet_pipeline.jobs.scoring_runs.check_drift", interrupt)
        with pytest.raises(PipelineError):
            score(settings, ScoringJob(TEST))
    assert count(settings, "drift") == 0
    assert [report.dataset for report in score_new_digits(SILENT, settings)] == [TEST]
    assert count(settings, "drift") > 0


def test_a_run_leaves_its_report(settings: Settings) -> None:
    page = score(settings, ScoringJob(TEST)).page
    assert "<h1>" in page.read_text(encoding="utf-8")
    written = page.stat().st_mtime_ns
    assert score(settings, ScoringJob(TEST)).page.stat().st_mtime_ns == written


@pytest.mark.slow
def test_another_precision_is_a_run_of_its_own_and_says_how_nearly_it_reads_the_same(
    settings: Settings, lenet: Run
) -> None:
    exact = score(settings, ScoringJob(TEST))
    fast = score(settings, ScoringJob(TEST, precision="fast"))
    assert exact.agreement is None
    assert exact.scoring_run_id != fast.scoring_run_id
    assert fast.digits_scored == fast.agreement.digits == exact.digits
    assert fast.agreement.same_labels >= 0.99 * exact.digits
    assert 0 <= fast.agreement.largest_difference < 0.1
    assert count(settings, "predictions") == 2 * exact.digits
    ledger = run_select(
        settings.warehouse,
        "select distinct precision, engine from shard_scores order by all",
    )
    assert ledger["precision"].to_pylist() == ["fast", "float32"]
    assert ledger["engine"].to_pylist() == [fast.engine, exact.engine]
    assert violations(settings) == []
    unknown = lenet("score", TEST, "--precision", "half", "--home", str(settings.home))
    assert unknown.returncode == 1
    assert "no precision 'half'; available: fast, float32" in unknown.stderr


def test_predictions_equal_the_test_that_mlflow_logged(settings: Settings) -> None:
    score(settings, ScoringJob(TEST))
    confusion = run_audit(settings.warehouse, "confusion", {})
    diagonal = confusion.filter(pc.equal(confusion["truth"], confusion["label"]))
    record = run_audit(settings.warehouse, "summary", {}).to_pylist()[0]
    versions = run_select(settings.warehouse, "select test_accuracy from model_versions")
    expected = round(versions["test_accuracy"][0].as_py() * record["digits"])
    assert sum(diagonal["count"].to_pylist()) == expected


@pytest.mark.slow
def test_a_damaged_shard_is_rejected_and_the_run_goes_on_once_it_is_restored(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = read_manifest(settings.lake, TEST).shards[0]
    path = Path(shard_path(settings.lake, TEST, shard))
    whole = shutil.copy(path, path.with_suffix(".whole"))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ScoringError, match="1 of 1 shards of optdigits/test could not be scored"):
        score(settings, ScoringJob(TEST))
    rejects = run_audit(settings.warehouse, "rejects", {}).to_pylist()
    assert [reject["kind"] for reject in rejects] == ["bad_shard"]
    assert str(path) in rejects[0]["reason"]
    partial = write_report(settings, "latest").read_text(encoding="utf-8")
    shutil.copy(whole, path)
    finished = score(settings, ScoringJob(TEST))
    assert finished.shards_rejected == 0
    assert finished.page.read_text(encoding="utf-8") != partial  # it is not kept as the run's
    assert violations(settings) == []


def test_every_new_dataset_is_scored_though_one_is_damaged(settings: Settings) -> None:
    put(settings, "other/all", lambda images: images)
    shard = read_manifest(settings.lake, TEST).shards[0]
    shard_path(settings.lake, TEST, shard).write_bytes(b"not Parquet")
    with pytest.raises(PipelineError, match=TEST):
        score_new_digits(SILENT, settings)
    assert count(settings, "predictions") == read_manifest(settings.lake, "other/all").rows


def test_a_run_is_kept_to_the_version_that_the_alias_named_when_it_began(settings: Settings) -> None:
    report = score(settings, ScoringJob(TEST, "digits@challenger"))
    runs = run_audit(settings.warehouse, "runs", {}).to_pylist()
    assert report.model == "digits/1"
    assert [run["model_version"] for run in runs] == [1]


@pytest.mark.parametrize(
    ("dataset", "model", "error", "message"),
    [
        (
            "nowhere/test",
            "digits@champion",
            UnknownNameError,
            "no dataset 'nowhere/test'; available: optdigits",
        ),
        ("../../etc", "digits@champion", LakeError, "not a dataset name"),
        (TEST, "digits@best", UnknownNameError, "no alias 'best'; available: challenger, champion"),
        (TEST, "digits/9", UnknownNameError, "the model digits has no version '9'; available: 1"),
        (TEST, "letters@champion", UnknownNameError, "no model 'letters'; available: digits"),
        (TEST, "digits", UnknownNameError, "there is no alias 'digits'"),
        (TEST, "digits:1", RegistryError, "write champion, 3, digits@champion or digits/3"),
    ],
)
def test_a_name_that_nothing_has_is_answered_with_the_names_there_are(
    trained: Settings, dataset: str, model: str, error: type[PipelineError], message: str
) -> None:
    with pytest.raises(error, match=message.replace("(", r"\(")):
        score(trained, ScoringJob(dataset, model))


def test_parameters_are_validated_before_anything_starts() -> None:
    with pytest.raises(ValidationError, match="batch_size"):
        ScoringJob(TEST, batch_size=0)


def test_a_run_that_fails_says_in_the_audit_that_it_stopped(settings: Settings) -> None:
    with pytest.raises(ScoringError, match="no Dask cluster"):
        score(settings, ScoringJob(TEST, runner="dask://127.0.0.1:9"))
    (run,) = run_audit(settings.warehouse, "runs", {}).to_pylist()
    assert (run["status"], run["rows_scored"]) == ("partial", 0)
    score(settings, ScoringJob(TEST))
    (run,) = run_audit(settings.warehouse, "runs", {}).to_pylist()
    assert run["status"] == "done"
