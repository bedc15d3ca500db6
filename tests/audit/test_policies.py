"""Policies by the command: found on digits never learned from, with evidence, and applied in SQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pytest

from lenet_pipeline.audit.verification import VerificationJob, verify_run
from lenet_pipeline.lake.appending import amend_digits, append_digits
from lenet_pipeline.lake.datasets import read_manifest, read_shard
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse.queries import run_audit
from lenet_pipeline.warehouse.runs import read_run

Run = Callable[..., Any]
TEST = "optdigits/test"


def policies(settings: Settings) -> list[dict[str, Any]]:
    return list(run_audit(settings.warehouse, "policies", {}).to_pylist())


def test_a_policy_is_found_on_a_dataset_and_decides_on_what_was_scored(lenet: Run, scored: Settings) -> None:
    done = lenet("policy", "set", "--max-error", "0.1", "--on", TEST, "--review-rate", "0")
    assert done.returncode == 0, done.stderr
    (policy,) = policies(scored)
    assert (policy["evidence"], policy["labelled"], policy["is_in_force"]) == (TEST, 351, True)
    assert policy["errors"] / policy["accepted"] < policy["error_bound"] <= 0.1
    counts = run_audit(scored.warehouse, "decision_counts", {}).to_pylist()
    accepted = next(row for row in counts if row["decision"] == "accept")
    # The same digits that the policy rests on: the same threshold accepts the same number of them.
    assert (accepted["digits"], accepted["errors"]) == (policy["accepted"], policy["errors"])
    assert {row["policy_number"] for row in counts} == {1}
    assert (scored.plots / "policy-1.png").stat().st_size > 1_000


def test_the_gate_split_is_too_small_for_a_strict_policy_and_says_how_many_more(
    lenet: Run, settings: Settings
) -> None:
    done = lenet("policy", "set", "--max-error", "0.002")
    assert done.returncode == 0, done.stderr
    assert "accepts nothing" in done.stdout
    assert "more labelled digits like these would" in done.stdout
    (policy,) = policies(settings)
    assert (policy["threshold"], policy["accepted"]) == (None, 0)
    assert policy["labelled_needed"] > policy["labelled"] == 85
    assert policy["evidence"] == "gate split of optdigits/train"


def test_of_what_a_version_learned_from_only_the_gate_split_is_evidence(
    lenet: Run, settings: Settings
) -> None:
    done = lenet("policy", "set", "--max-error", "0.1", "--on", "optdigits/train", "--format", "json")
    assert json.loads(done.stdout)[0]["labelled"] == 85
    assert policies(settings)[0]["evidence"] == "gate split of optdigits/train"


def test_digits_that_left_a_dataset_since_it_was_learned_from_are_no_evidence(
    lenet: Run, settings: Settings
) -> None:
    before = read_manifest(settings.lake, "optdigits/train")
    digits = read_shard(settings.lake, before.dataset, before.shards[0])
    gone = digits["digit_id"].combine_chunks().storage[:200]
    amend_digits(settings.lake, before.dataset, before, digits[:0], gone, shard_rows=5_000, actor="tester")
    append_digits(settings.lake, "scans/test", [digits[:200]], shard_rows=5_000, actor="tester")
    lenet("policy", "set", "--max-error", "0.1", "--on", "scans/test")
    (policy,) = policies(settings)
    assert 0 < policy["labelled"] < 40  # the gate's twentieth of them


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--on", "nothing/here"], "there is no dataset 'nothing/here'"),
        (["--model", "digits/7"], "the model digits has no version '7'"),
        (["--fields"], "needs one --on DATASET"),
        (["--fields", "--on", TEST], "no field of optdigits/test that digits/1 read has a known true value"),
    ],
)
def test_a_policy_without_evidence_is_one_line(
    lenet: Run, settings: Settings, arguments: list[str], problem: str
) -> None:
    done = lenet("policy", "set", "--max-error", "0.1", *arguments)
    assert done.returncode == 1
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_a_policy_the_list_says_how_to_make_one(lenet: Run, scored: Settings) -> None:
    assert "lenet policy set" in lenet("policy").stdout


def test_a_run_scored_again_is_the_same_bit_for_bit(lenet: Run, scored: Settings) -> None:
    done = lenet("verify")
    assert done.returncode == 0, done.stderr
    assert "351 of 351 digits" in done.stdout
    assert "bit for bit" in done.stdout
    assert "0 predictions changed" in done.stdout


def test_a_sample_is_drawn_by_its_seed(scored: Settings) -> None:
    found = verify_run(scored, VerificationJob(sample=40, seed=3, device="cpu"))
    assert (found.digits, found.of_digits, found.differing, found.is_exact) == (40, 351, 0, True)


@pytest.mark.parametrize(
    "change",
    [
        "update predictions set confidence = confidence - 0.0001 where digit_id = $digit",
        "update predictions set label = (label + 1) % 10 where digit_id = $digit",
        "delete from predictions where digit_id = $digit",
        "insert into predictions select * from predictions where digit_id = $digit",
    ],
)
def test_what_was_changed_by_hand_is_found_by_verify_and_by_check(
    lenet: Run, scored: Settings, change: str
) -> None:
    with duckdb.connect(str(scored.warehouse.path)) as connection:
        ((digit,),) = connection.execute("select min(digit_id) from predictions").fetchall()
        connection.execute(change, {"digit": digit}).fetchall()
    done = lenet("verify")
    assert done.returncode == 3
    assert f"1 of 351 digits of run {read_run(scored.warehouse, 'latest').scoring_run_id}" in done.stderr
    assert str(digit) in done.stderr
    checked = lenet("check")
    assert checked.returncode == 3
    assert "predictions_are_as_they_were_computed" in checked.stderr


@pytest.mark.parametrize(
    "change",
    [
        "update digits set position = position + 1 where digit_id = $digit",
        "update digits set label = (label + 1) % 10 where digit_id = $digit",
        "delete from digits where digit_id = $digit",
        "insert into digits select * from digits where digit_id = $digit",
    ],
)
def test_a_digit_that_was_moved_on_paper_is_found_by_verify(
    lenet: Run, scored: Settings, change: str
) -> None:
    with duckdb.connect(str(scored.warehouse.path)) as connection:
        ((digit,),) = connection.execute("select min(digit_id) from digits").fetchall()
        connection.execute(change, {"digit": digit}).fetchall()
    done = lenet("verify", "--sample", "20")
    assert done.returncode == 3
    assert "1 digit of run" in done.stderr
    assert str(digit) in done.stderr


def test_what_another_engine_computed_is_compared_by_label_and_nearly(scored: Settings) -> None:
    with duckdb.connect(str(scored.warehouse.path)) as connection:
        connection.execute("update shard_scores set engine = 'another'")
        connection.execute("update predictions set not_a_digit = greatest(0, not_a_digit - 0.000001)")
    found = verify_run(scored, VerificationJob(device="cpu"))
    assert (found.is_exact, found.differing, found.recorded_engines) == (False, 0, ("another",))
    assert 0 < found.largest_difference < 1e-5
    with duckdb.connect(str(scored.warehouse.path)) as connection:
        connection.execute("update predictions set not_a_digit = 0.5")
    assert verify_run(scored, VerificationJob(device="cpu")).differing == 351


def test_a_lake_that_was_replaced_is_told_by_its_fingerprint(lenet: Run, scored: Settings) -> None:
    manifest = next((scored.home / "lake" / "optdigits" / "test").glob("manifest-*.json"))
    with duckdb.connect(str(scored.warehouse.path)) as connection:
        connection.execute("update scoring_runs set manifest_fingerprint = 'other'")
    done = lenet("verify")
    assert done.returncode == 1
    assert "has changed since run" in done.stderr
    manifest.unlink()
    assert "cannot read manifest" in lenet("verify").stderr


def test_decisions_name_their_policy_on_every_row(lenet: Run, scored: Settings) -> None:
    lenet("policy", "set", "--max-error", "0.1", "--on", TEST)
    rows = json.loads(lenet("audit", "decisions", "-p", "limit=400", "--format", "json").stdout)
    assert len(rows) == 351
    assert {row["policy_number"] for row in rows} == {1}
    assert {row["decision"] for row in rows} <= {"accept", "review", "not_a_digit"}
    sure = [np.float32(row["confidence"]) for row in rows if row["decision"] == "accept"]
    assert min(sure) >= np.float32(rows[0]["threshold"])


def test_an_audit_that_stops_at_its_own_limit_says_so(lenet: Run, scored: Settings) -> None:
    assert "stopped at 100 rows; there may be more" in lenet("audit", "decisions", "--format", "csv").stderr
    assert "stopped at 2 rows" in lenet("audit", "decisions", "-p", "limit=2", "--format", "csv").stderr
    assert lenet("audit", "decisions", "-p", "limit=1000", "--format", "csv").stderr == ""
