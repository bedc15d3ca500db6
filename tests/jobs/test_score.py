"""The score flow: once, resumable, and honest about what it could not read."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.compute as pc
import pytest
from prefect import get_client

from lenet_pipeline.audit.report import write_report
from lenet_pipeline.errors import LakeError, PipelineError, RegistryError, ScoringError, UnknownNameError
from lenet_pipeline.jobs.checks import check_home
from lenet_pipeline.jobs.scoring_runs import score, score_all
from lenet_pipeline.lake.datasets import read_manifest, shard_path
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse.queries import run_audit, run_select

Run = Callable[..., subprocess.CompletedProcess[str]]

TEST = "optdigits/test"


def count(settings: Settings, table: str) -> int:
    rows = run_select(settings.warehouse, f"select count(*) as n from {table}")  # noqa: S608 - ours
    return int(rows["n"][0].as_py())


def violations(settings: Settings) -> list[str]:
    return [item.query.name for item in check_home(settings) if len(item.violations)]


def test_scoring_again_scores_nothing_and_adds_no_row(settings: Settings) -> None:
    first = score(TEST, home=settings.home)
    again = score(TEST, home=settings.home)
    digits = read_manifest(settings.lake, TEST).rows
    assert (first.digits_scored, again.digits_scored) == (digits, 0)
    assert first.scoring_run_id == again.scoring_run_id
    assert count(settings, "predictions") == digits
    assert violations(settings) == []


@pytest.mark.slow
def test_a_run_leaves_its_report_and_a_link_to_it_in_prefect(settings: Settings) -> None:
    page = score(TEST, home=settings.home).page
    assert "<h1>" in page.read_text(encoding="utf-8")
    with get_client(sync_client=True) as client:
        links = [each.data for each in client.read_artifacts() if each.key == "score-report"]
    assert any(page.as_uri() in link for link in links)
    written = page.stat().st_mtime_ns
    assert score(TEST, home=settings.home).page.stat().st_mtime_ns == written


@pytest.mark.slow
def test_another_precision_is_a_run_of_its_own_and_says_how_nearly_it_reads_the_same(
    settings: Settings, lenet: Run
) -> None:
    exact = score(TEST, home=settings.home)
    fast = score(TEST, precision="fast", home=settings.home)
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
    assert "no precision 'half'; there is: fast, float32" in unknown.stderr


@pytest.mark.slow
def test_predictions_equal_the_test_that_mlflow_logged(settings: Settings) -> None:
    score(TEST, home=settings.home)
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
        score(TEST, home=settings.home)
    rejects = run_audit(settings.warehouse, "rejects", {}).to_pylist()
    assert [reject["kind"] for reject in rejects] == ["bad_shard"]
    assert str(path) in rejects[0]["reason"]
    partial = write_report(settings, "latest").read_text(encoding="utf-8")
    shutil.copy(whole, path)
    finished = score(TEST, home=settings.home)
    assert finished.shards_rejected == 0
    assert finished.page.read_text(encoding="utf-8") != partial  # it is not kept as the run's
    assert violations(settings) == []


@pytest.mark.slow
def test_every_dataset_is_scored_though_one_is_damaged(settings: Settings) -> None:
    shard = read_manifest(settings.lake, "optdigits/test").shards[0]
    shard_path(settings.lake, "optdigits/test", shard).write_bytes(b"not Parquet")
    with pytest.raises(ScoringError, match="optdigits/test"):
        score_all(home=settings.home)
    assert count(settings, "predictions") == read_manifest(settings.lake, "optdigits/train").rows


def test_a_run_is_kept_to_the_version_that_the_alias_named_when_it_began(settings: Settings) -> None:
    report = score(TEST, "digits@challenger", home=settings.home)
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
            "no dataset 'nowhere/test'; there is: optdigits",
        ),
        ("../../etc", "digits@champion", LakeError, "not a dataset name"),
        (TEST, "digits@best", UnknownNameError, "no alias 'best'; there is: challenger, champion"),
        (TEST, "digits/9", UnknownNameError, "no version of digits '9'; there is: 1"),
        (TEST, "letters@champion", UnknownNameError, "no model 'letters'; there is: digits"),
        (TEST, "digits", RegistryError, "write digits@champion or digits/3"),
    ],
)
def test_a_name_that_nothing_has_is_answered_with_the_names_there_are(
    trained: Settings, dataset: str, model: str, error: type[PipelineError], message: str
) -> None:
    with pytest.raises(error, match=message.replace("(", r"\(")):
        score(dataset, model, home=trained.home)


def test_parameters_are_validated_before_anything_starts(trained: Settings) -> None:
    with pytest.raises(Exception, match="batch_size"):
        score(TEST, batch_size=0, home=trained.home)


@pytest.mark.slow
def test_a_run_that_fails_says_in_the_audit_that_it_stopped(settings: Settings) -> None:
    with pytest.raises(ScoringError, match="no Dask cluster"):
        score(TEST, runner="dask://127.0.0.1:9", home=settings.home)
    (run,) = run_audit(settings.warehouse, "runs", {}).to_pylist()
    assert (run["status"], run["rows_scored"]) == ("partial", 0)
    score(TEST, home=settings.home)
    (run,) = run_audit(settings.warehouse, "runs", {}).to_pylist()
    assert run["status"] == "done"
