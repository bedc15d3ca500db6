"""A run on other paper than a policy's evidence is held, until a policy rests on labels of this paper."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from lenet_pipeline.audit import PolicyTerms, ProposedPolicy, propose_policy, set_policy
from lenet_pipeline.jobs import ScoringJob, check, score
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import run_audit, run_select
from tests.audit.test_drift import put

Run = Callable[..., Any]
TEST, PALE = "optdigits/test", "pale/all"


def set_on(settings: Settings, dataset: str, **changes: Any) -> ProposedPolicy:
    proposed = propose_policy(settings, PolicyTerms(0.1, 0.95, (dataset,), review_rate=0.0, **changes))
    set_policy(settings, proposed)
    return proposed


def decided(settings: Settings) -> dict[str, int]:
    rows = run_audit(settings.warehouse, "decision_counts", {}).to_pylist()
    return {row["decision"]: row["digits"] for row in rows}


def make_pale(settings: Settings) -> None:
    """Make a dataset of test digits in pale ink, which the champion still reads."""
    put(settings, PALE, lambda images: images * 0.7, source=TEST)


def test_other_paper_waits_for_people_until_a_policy_rests_on_its_labels(settings: Settings) -> None:
    make_pale(settings)
    set_on(settings, TEST)
    assert score(settings, ScoringJob(TEST)).differences == ()
    assert decided(settings)["accept"] > 200
    (difference,) = score(settings, ScoringJob(PALE)).differences
    assert difference.startswith("differs from the evidence of policy 1 in ink (")
    assert "its digits wait for people until a policy rests on labels of this kind" in difference
    assert decided(settings).keys() <= {"review", "not_a_digit"}
    proposed = set_on(settings, PALE)
    assert decided(settings)["accept"] == proposed.record.accepted > 200
    again = score(settings, ScoringJob(PALE))
    assert (again.digits_scored, again.differences) == (0, ())
    set_on(settings, TEST, if_drift="accept")
    assert decided(settings)["accept"] > 200
    (difference,) = score(settings, ScoringJob(PALE)).differences
    assert "the policy accepts its digits even so" in difference
    assert [item.query.name for item in check(settings) if len(item.violations)] == []


def test_the_evidence_of_a_policy_has_the_histogram_of_a_run_over_it(settings: Settings) -> None:
    set_on(settings, TEST)
    score(settings, ScoringJob(TEST))
    rows = run_audit(settings.warehouse, "policy_drift", {}).to_pylist()
    assert {row["measure"] for row in rows} == {"class", "confidence", "doubt", "ink", "not_a_digit"}
    assert {row["stability_index"] for row in rows} == {0.0}
    runs = run_select(settings.warehouse, "select counts from run_histograms where measure = 'doubt'")
    assert runs["counts"][0].as_py()[1] > 0


def test_named_evidence_that_errs_is_not_hidden_by_more_digits_of_another_kind(
    lenet: Run, settings: Settings
) -> None:
    """Noise is read with errors; the test digits alone would support a threshold for both together."""
    rng = np.random.default_rng(0)
    put(
        settings,
        "hard/all",
        lambda images: np.roll(images, 5, axis=2) * rng.random(images.shape),
        source=TEST,
    )
    both = ("--on", TEST, "--on", "hard/all")
    shown = json.loads(
        lenet("policy", "set", "--max-error", "0.2", *both, "--per", "dataset", "--format", "json").stdout
    )[0]
    strata = {stratum["stratum"]: stratum for stratum in shown["strata"]}
    assert strata["optdigits"]["basis"] == "own"
    assert strata["optdigits"]["threshold"] is not None
    assert strata["hard"]["threshold"] is None
    assert shown["threshold"] is None
    listed = json.loads(lenet("policy", "show", "--format", "json").stdout)[0]
    assert [stratum["basis"] for stratum in listed["strata"]] == [strata["hard"]["basis"], "own"]
    assert listed["stratified_by"] == "dataset"
    table = lenet("policy", "show").stdout
    assert "optdigits" in table
    refused = lenet("policy", "set", "--max-error", "0.000001", "--on", TEST)
    assert refused.returncode == 1
    assert "policy 1 accepts readings of optdigits; nothing was changed" in refused.stderr
    score(settings, ScoringJob(TEST))
    assert decided(settings)["accept"] > 200
    score(settings, ScoringJob("hard/all"))
    assert "accept" not in decided(settings)


def test_a_policy_per_form_needs_digits_from_forms(lenet: Run, settings: Settings) -> None:
    done = lenet("policy", "set", "--max-error", "0.1", "--on", TEST, "--per", "form")
    assert done.returncode == 1
    assert "--per form needs labelled digits from forms" in done.stderr


def test_the_command_warns_once_that_a_run_is_held(lenet: Run, settings: Settings) -> None:
    make_pale(settings)
    lenet("policy", "set", "--max-error", "0.1", "--on", TEST)
    done = lenet("score", PALE)
    warnings = [line for line in done.stdout.splitlines() if "warning:" in line]
    assert len(warnings) == 1
    assert "this run differs from the evidence of policy 1 in ink" in warnings[0]
