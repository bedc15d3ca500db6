"""Each flow runs its job and leaves its tasks, log lines and artifacts with Prefect."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from PIL import Image
from prefect import tags
from prefect.client.orchestration import SyncPrefectClient

from flows.check import check
from flows.inbox import poll
from flows.ingest import ingest, ingest_forms, ingest_printed, ingest_unipen
from flows.night import night
from flows.reproduce import reproduce
from flows.retrain import retrain
from flows.score import score
from lenet_pipeline import jobs
from lenet_pipeline.cli.progress import TerminalObserver
from lenet_pipeline.errors import CheckFailed, ScoringError
from lenet_pipeline.jobs import (
    FormIngestJob,
    IngestJob,
    NightJob,
    PollJob,
    PrintingJob,
    ReproductionJob,
    ScoringJob,
    TrainingJob,
    UnipenJob,
)
from lenet_pipeline.lake.datasets import read_manifest, shard_path
from lenet_pipeline.scoring import shards as scoring
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.system import Event
from lenet_pipeline.warehouse.queries import run_audit, run_select
from lenet_pipeline.warehouse.statements import list_checks
from tests.audit.test_drift import put
from tests.flows.conftest import Recorded, wait_for
from tests.homes import Run
from tests.jobs.form_builders import fill_slips, write_template
from tests.jobs.inbox_builders import NAME, make_inbox
from tests.unipen_builders import write_unipen

RunFlow = Callable[..., Recorded]
TEST = "optdigits/test"


def table(recorded: Recorded, key: str) -> list[dict[str, Any]]:
    """Return the rows of a table artifact."""
    return list(json.loads(recorded.artifacts()[key]))


def flow_run_ids(settings: Settings, of: str) -> list[str | None]:
    rows = run_select(settings.warehouse, f"select distinct flow_run_id::varchar as id from {of}")  # noqa: S608
    return list(rows["id"].to_pylist())


def test_ingest_leaves_a_table_and_counts_of_digits_and_rejects(
    run_flow: RunFlow, home: Path, tmp_path: Path
) -> None:
    settings, folder = read_settings(home, "tester"), tmp_path / "scans"
    folder.mkdir()
    page = Image.new("L", (40, 40), 255)
    page.paste(0, (18, 8, 23, 32))
    page.save(folder / "one.png")
    (folder / "text.png").write_text("not a picture")
    done = run_flow(ingest, settings, IngestJob("images", folder))
    assert done.run.name == "ingest-images"
    assert done.run.state is not None and done.run.state.is_completed()
    assert set(done.tasks("store-images-1")) == {"store-images-1"}
    (row,) = table(done, "ingest")
    assert (row["dataset"], row["added"], row["labelled"], row["rejects"]) == ("scans/all", 1, 0, 1)
    assert [vars(part) for part in done.result] == [row]
    line = "scans/all: 1 digit added (0 labelled), 0 already there, 1 reject; 1 digit in total"
    assert line in done.log(line)
    assert flow_run_ids(settings, "rejects") == [str(done.run.id)]


@pytest.mark.slow
def test_printed_digits_are_a_flow(run_flow: RunFlow, home: Path) -> None:
    settings = read_settings(home, "tester")
    done = run_flow(ingest_printed, settings, PrintingJob(name="printed", degradation="none", per_font=2))
    assert done.run.name == "ingest-printed"
    assert set(done.tasks("store-printed")) == {"store-printed"}
    rows = table(done, "ingest")
    assert [row["dataset"] for row in rows] == ["printed/train", "printed/test"]
    assert [row["rows"] for row in rows] == [
        read_manifest(settings.lake, row["dataset"]).rows for row in rows
    ]
    assert [row["labelled"] for row in rows] == [row["added"] for row in rows]
    line = f"printed/test: {rows[1]['added']:,} digits added ({rows[1]['added']:,} labelled), 0 already there"
    assert line in done.log(line)


@pytest.mark.slow
def test_drawn_digits_are_a_flow(run_flow: RunFlow, home: Path, tmp_path: Path) -> None:
    settings = read_settings(home, "tester")
    root = write_unipen(tmp_path / "unipen", ["abc/00", "abc/01"])
    done = run_flow(ingest_unipen, settings, UnipenJob(root, drawings=1))
    assert done.run.name == "ingest-unipen"
    assert set(done.tasks("store-unipen")) == {"store-unipen"}
    rows = table(done, "ingest")
    assert sum(row["rows"] for row in rows) == 20
    line = f"{rows[0]['dataset']}: 10 digits added (10 labelled), 0 already there"
    assert line in done.log(line)


@pytest.mark.slow
def test_ingest_of_forms_leaves_a_table_and_the_flow_run_on_every_page(
    run_flow: RunFlow, settings: Settings, tmp_path: Path
) -> None:
    folder, template = fill_slips(settings, tmp_path / "slips", 2), write_template(tmp_path)
    done = run_flow(ingest_forms, settings, FormIngestJob(folder, (template,), "slips/all"))
    assert done.run.name == f"ingest-forms-{folder}"
    assert set(done.tasks("store-forms-slips/all")) == {"store-forms-slips/all"}
    (row,) = table(done, "ingest")
    assert row == vars(done.result)
    assert (row["documents"], row["read"]) == (2, 2)
    line = "slips/all: 2 pages read, 0 read before, 0 unmatched, 0 rejected; "
    assert line in done.log(line)
    artifacts = done.artifacts()
    assert (artifacts["opening-documents"], artifacts["reading-pages"]) == (100.0, 100.0)
    assert flow_run_ids(settings, "pages") == [str(done.run.id)]


@pytest.mark.slow
def test_retraining_leaves_its_accuracy_and_the_decision_of_the_gate(
    run_flow: RunFlow, settings: Settings
) -> None:
    done = run_flow(retrain, settings, TrainingJob(("optdigits/train",), (TEST,), epochs=1))
    assert done.run.name == "retrain-lenet5-modern"
    assert done.run.state is not None
    assert str(done.run.state.message).startswith("digits/2 not promoted: worse than the champion")
    steps = {"train-lenet5", "gate", "policy"}
    assert set(done.tasks(*steps)) == steps
    report = done.result
    (test,) = report.tests
    markdown = done.artifacts()["retrain"]
    assert "**digits/2**, lenet5 with recipe modern: refuse, worse than the champion" in markdown
    assert f"| {TEST} | {test.correct:,} of 351 | {test.accuracy:.2%} |" in markdown
    assert f"| validation split | | {report.validation_accuracy:.2%} |" in markdown
    assert done.artifacts()["training-lenet5"] == 100.0
    lines = (
        "training lenet5 with recipe modern on optdigits/train",
        "epoch 1 of 1: training loss ",
        f"{TEST}: {test.correct:,} of 351 digits correct, {test.accuracy:.2%}",
        "digits/2: not promoted: worse than the champion on optdigits/train",
    )
    log = done.log(*lines)
    assert [line for line in lines if line not in log] == []
    assert flow_run_ids(settings, "model_versions where model_version = 2") == [str(done.run.id)]
    assert flow_run_ids(settings, "promotions where model_version = 2") == [str(done.run.id)]
    tags = settings.registry.client().get_run(report.training_run_id).data.tags
    assert tags["flow_run_id"] == str(done.run.id)


def test_scoring_leaves_what_an_operator_looks_for(run_flow: RunFlow, settings: Settings) -> None:
    done = run_flow(score, settings.model_copy(update={"base_url": "http://pages"}), ScoringJob(TEST))
    report = done.result
    assert done.run.name == f"score-{TEST}-with-champion"
    steps = {"score-shards", "assemble-fields", "drift", "report"}
    tasks = done.tasks(*steps)
    assert set(tasks) == steps
    assert tasks["score-shards"].empirical_policy.retries == 2
    artifacts = done.artifacts()
    assert artifacts["scoring-optdigits-test"] == 100.0
    assert f"(http://pages/reports/{report.page.name})" in artifacts["score-report"]
    assert done.run.state is not None
    assert done.run.state.message == "351 digits scored with digits/1, 351 for review"
    for row in (
        f"| scoring run | {report.scoring_run_id} |",
        f"| dataset | {TEST} |",
        "| model version | digits/1 |",
        "| digits | 351 |",
        "| scored now | 351 |",
        "| shards rejected | 0 |",
        f"| engine | {report.engine} |",
        "| decision: review | 351 |",
        f"| report | `lenet report {report.scoring_run_id}` |",
        f"| head of the audit chain | {report.chain_head} |",
        "| drifted | - |",
    ):
        assert row in artifacts["score"]
    lines = (
        f"scoring 351 digits of {TEST} with digits/1, scoring run {report.scoring_run_id}",
        f"{TEST}: 351 digits scored with digits/1 at ",
        "0 scored before, 0 shards rejected",
        f"{TEST}: decisions: review 351; report: {report.page}",
    )
    log = done.log(*lines)
    assert [line for line in lines if line not in log] == []
    assert flow_run_ids(settings, "scoring_runs") == [str(done.run.id)]
    assert flow_run_ids(settings, "shard_scores") == [str(done.run.id)]


@pytest.mark.slow
def test_an_event_names_the_run_and_the_measures_that_drifted(
    run_flow: RunFlow, settings: Settings, prefect_url: str
) -> None:
    put(settings, "negatives/all", lambda images: 255 - images)
    report = run_flow(score, settings, ScoringJob("negatives/all")).result
    wanted = {"filter": {"event": {"name": [Event.DRIFT]}}}

    def read() -> list[dict[str, Any]]:
        found = httpx.post(f"{prefect_url}/events/filter", json=wanted, timeout=10).raise_for_status().json()
        run_id = str(report.scoring_run_id)
        return [each for each in found["events"] if each["resource"]["lenet.scoring_run_id"] == run_id]

    (event,) = wait_for(read, bool)
    assert event["resource"]["prefect.resource.id"] == "lenet.dataset.negatives/all"
    assert set(event["payload"]) == set(report.drifted) >= {"ink"}


@pytest.mark.slow
def test_scoring_is_tried_again_after_a_failure_that_passes(
    run_flow: RunFlow, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, failures = scoring.read_shard, [OSError("the disk was busy")]

    def fail_once(*arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return read(*arguments)

    monkeypatch.setattr(scoring, "read_shard", fail_once)
    done = run_flow(score, settings, ScoringJob(TEST))
    assert done.error is None
    assert done.result.digits_scored == 351
    assert done.tasks("score-shards")["score-shards"].run_count == 2
    (run,) = run_audit(settings.warehouse, "runs", {}).to_pylist()
    assert run["status"] == "done"


@pytest.mark.slow
def test_a_run_that_fails_is_failed_in_prefect_too_and_says_why(
    run_flow: RunFlow, settings: Settings
) -> None:
    shard = read_manifest(settings.lake, TEST).shards[0]
    shard_path(settings.lake, TEST, shard).write_bytes(b"not Parquet")
    done = run_flow(score, settings, ScoringJob(TEST))
    assert isinstance(done.error, ScoringError)
    assert done.run.state is not None and done.run.state.is_failed()
    assert "partial: 1 of 1 shards" in str(done.run.state.message)
    line = f"{TEST}: 0 digits scored with digits/1, 351 scored before, 1 shard rejected"
    assert line in done.log(line)
    assert flow_run_ids(settings, "rejects") == [str(done.run.id)]


@pytest.mark.slow
def test_a_night_is_a_flow_whose_stages_are_subflows(run_flow: RunFlow, settings: Settings) -> None:
    with tags("invoices"):
        done = run_flow(night, settings, NightJob(datetime(2027, 3, 1, tzinfo=UTC)))
    assert done.run.name == "night-2027-03-01"
    (scored,) = done.result.scored
    assert done.run.state is not None
    summary = f"{scored.digits_scored:,} digits scored"
    assert str(done.run.state.message).startswith(summary)
    assert "not trained: " in str(done.run.state.message)
    children = wait_for(done.children, lambda found: len(found) == 6)
    messages = {run.name: run.state.message for run in children if run.state}
    assert messages.keys() == {"ingest", "score", "decide", "report", "retrain", "score-again"}
    assert str(messages["score"]).startswith(summary)
    assert str(messages["retrain"]).startswith("not trained: ")
    assert done.artifacts()["night-training"].startswith("Not trained: ")
    (stage,) = (run for run in children if run.name == "score")
    assert stage.tags == done.run.tags == ["invoices"]
    assert flow_run_ids(settings, "scoring_runs") == [str(stage.id)]


@pytest.mark.slow
def test_a_poll_leaves_no_artifact_if_nothing_arrived(run_flow: RunFlow, settings: Settings) -> None:
    done = run_flow(poll, settings, PollJob())
    assert (done.run.name, done.result) == ("poll-inboxes", ())
    assert done.run.state is not None
    assert done.run.state.message == "no inboxes; declare one with `lenet inbox add`"
    assert done.artifacts() == {}


@pytest.mark.slow
def test_checks_leave_a_table_and_a_violation_fails_the_run(run_flow: RunFlow, settings: Settings) -> None:
    done = run_flow(check, settings)
    rows = table(done, "check")
    assert done.run.name == "check"
    assert done.result == len(rows) == len(list_checks())
    assert {row["violations"] for row in rows} == {0}
    line = f"{len(rows)} checks ran"
    assert line in done.log(line)
    with duckdb.connect(str(settings.warehouse.path)) as connection:
        connection.execute("update promotions set model_version = 7 where alias = 'champion'")
    failed = run_flow(check, settings)
    assert isinstance(failed.error, CheckFailed)
    assert failed.run.state is not None and failed.run.state.is_failed()
    found = {row["check"]: row["violations"] for row in table(failed, "check")}
    assert found["aliases_match_promotions"] > 0
    assert found["aliases_match_promotions"] == 1
    line = "aliases_match_promotions: 1 violation"
    assert line in failed.log(line)


@pytest.mark.slow
def test_reproduction_leaves_its_report(run_flow: RunFlow, home: Path) -> None:
    settings, row = read_settings(home, "tester"), "lenet5-softmax+keras-sgd"
    for dataset in ("mnist/train", "mnist/test"):
        jobs.ingest(settings, IngestJob("optdigits", name=dataset))
    done = run_flow(reproduce, settings, ReproductionJob((row,), quick=True))
    assert done.run.name == "reproduce-seed-0"
    assert set(done.tasks(f"train-{row}", "report")) == {f"train-{row}", "report"}
    assert done.artifacts()["reproduce"] == done.result.markdown.read_text(encoding="utf-8")
    line = f"1 row trained; the report {done.result.markdown} has 1 row"
    assert line in done.log(line)
    (trained,) = (each.trained for each in done.result.rows)
    tags = settings.registry.client().get_run(trained.training_run_id).data.tags
    assert tags["flow_run_id"] == str(done.run.id)


@pytest.mark.slow
def test_a_warning_reaches_the_terminal_and_the_log(
    run_flow: RunFlow, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    settings.plots.mkdir(exist_ok=True)
    shutil.rmtree(settings.plots)
    settings.plots.write_text("in the way")
    done = run_flow(score, settings, ScoringJob(TEST), observer=TerminalObserver())
    assert done.result.page is None
    line = f"retry with `lenet report {done.result.scoring_run_id}`"
    assert line in capfd.readouterr().err
    assert line in done.log(line)


def test_parameters_are_validated_before_anything_starts(run_flow: RunFlow, settings: Settings) -> None:
    done = run_flow(score, settings, {"dataset": TEST, "batch_size": 0})
    assert "batch_size" in str(done.error)
    assert done.run.state is not None and done.run.state.is_failed()


@pytest.mark.slow
def test_a_command_with_a_server_is_a_flow_run(
    lenet_process: Run, settings: Settings, prefect_url: str, client: SyncPrefectClient
) -> None:
    done = lenet_process("score", TEST, "--format", "json", PREFECT_API_URL=prefect_url)
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = json.loads(done.stdout)
    assert (row["dataset"], row["digits_scored"]) == (TEST, 351)
    (flow_run_id,) = flow_run_ids(settings, "scoring_runs")
    run = client.read_flow_run(flow_run_id)
    assert run.name == f"score-{TEST}-with-champion"
    assert run.state is not None and run.state.is_completed()
    assert run.parameters["job"]["dataset"] == TEST


@pytest.mark.slow
def test_poll_is_a_flow_with_a_table_of_the_inboxes(
    run_flow: RunFlow, settings: Settings, tmp_path: Path
) -> None:
    scans = fill_slips(settings, tmp_path / "slips", 2)
    inbox = make_inbox(settings, tmp_path / "watched", scans, write_template(tmp_path))
    inbox.drop(0)
    inbox.drop(0, "again.png")
    done = run_flow(poll, settings, PollJob(NAME))
    assert done.run.name == f"poll-{NAME}"
    assert set(done.tasks(f"look-into-{NAME}")) >= {f"look-into-{NAME}", f"store-documents-of-{NAME}"}
    line = f"{NAME}: 1 document taken, 1 duplicate; 1 page read, 0 unmatched, 0 rejected; "
    assert line in done.log(line)
    assert f"| {NAME} | 1 | 1 | 0 | 0 |" in done.artifacts()["poll"]
    assert flow_run_ids(settings, "inbox_documents") == [str(done.run.id)]
