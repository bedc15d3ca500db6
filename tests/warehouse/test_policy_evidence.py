"""Runs that differ from the evidence of the policy in force are held; strata have their own thresholds."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.warehouse import PolicyHistogram, PolicyStratum, Warehouse
from tests.warehouse.form_builders import FormBuilder, Given, GivenPage
from tests.warehouse.policy_builders import POLICY, WAIT_S, record_policy
from tests.warehouse.test_final_values import TEMPLATE_TEXT
from tests.warehouse.test_reviews import record as record_reviews
from tests.warehouse.test_reviews import reviews

# A thousand confident digits; the class of a run decides whether it resembles them.
SEVENS = [(7, 7, 0.999)] * 1_000
HOLDS = {"if_drift": "hold", "drift_from": 0.1}


def classes(*labels: int, evidence: str = "*", digits: int = 1_000) -> PolicyHistogram:
    """Return evidence that has only these classes, in equal shares."""
    counts = [digits // len(labels) if label in labels else 0 for label in range(10)]
    return PolicyHistogram(evidence, "class", counts, 27.9)


def stratum(name: str, threshold: float | None, **changes: Any) -> PolicyStratum:
    values = {"kind": "dataset", "basis": "own", "labelled": 100, "accepted": 90, "errors": 0}
    bound = {"error_bound": 0.01, "labelled_needed": None}
    return PolicyStratum(stratum=name, threshold=threshold, **(values | bound | changes))


def decided(builder: Any, dataset: str = "scans/march") -> set[str]:
    """Return the decisions on a dataset, and require that all views and lists agree on them."""
    place = Warehouse(builder.database, WAIT_S)
    current = warehouse.run_select(place, "from current_decisions").to_pylist()
    full = warehouse.run_select(place, "from predictions_full").to_pylist()
    found = {row["decision"] for row in current if row["dataset"] == dataset}
    assert {row["decision"] for row in full if row["dataset"] == dataset} == found
    run = next(str(row["scoring_run_id"]) for row in current if row["dataset"] == dataset)
    assert {row["decision"] for row in builder.audit("decisions", run=run, limit="5000")} == found
    counts = warehouse.count_group_digits(place, has_labels=True).to_pylist()
    is_waiting = any(row["waiting"] for row in counts if row["scoring_run_id"] == run)
    assert is_waiting == ("review" in found)
    return found


def test_a_run_that_differs_from_the_evidence_is_held_without_a_schedule(builder: Any) -> None:
    builder.score(1, {"ark": SEVENS})
    record_policy(builder, **HOLDS, histograms=(classes(1, 2),))
    assert decided(builder) == {"review"}
    (row,) = builder.audit("policy_drift")
    assert (row["measure"], row["is_drifted"], row["is_held"]) == ("class", True, True)
    queue = warehouse.run_select(Warehouse(builder.database, WAIT_S), "select reason from review_queue")
    assert set(queue["reason"].to_pylist()) == {
        "drift: the run differs from the evidence of policy 1 in class"
    }


@pytest.mark.parametrize("case", ["like the evidence", "like a part of it", "accepted", "no histograms"])
def test_a_run_is_accepted_if_it_resembles_evidence_or_the_policy_says_so(builder: Any, case: str) -> None:
    builder.score(1, {"ark": SEVENS})
    others = classes(1, 2)
    changes: dict[str, dict[str, Any]] = {
        "like the evidence": {"histograms": (classes(7),)},
        "like a part of it": {"histograms": (others, classes(7, evidence="new/test"))},
        "accepted": {"histograms": (others,), "if_drift": "accept"},
        "no histograms": {"drift_from": None, "if_drift": None},
    }
    record_policy(builder, **(HOLDS | changes[case]))
    assert decided(builder) == {"accept"}


def test_a_new_policy_judges_earlier_runs_again_in_sql(builder: Any) -> None:
    builder.score(1, {"ark": SEVENS})
    record_policy(builder, **HOLDS, histograms=(classes(1, 2),))
    assert decided(builder) == {"review"}
    record_policy(builder, **HOLDS, histograms=(classes(7),))
    assert decided(builder) == {"accept"}
    record_policy(builder, **HOLDS, histograms=(classes(3),))
    assert decided(builder) == {"review"}


def test_few_digits_need_a_larger_difference(builder: Any) -> None:
    builder.score(1, {"ark": [(7, 7, 0.999)] * 3})
    record_policy(builder, **HOLDS, histograms=(classes(*range(10)),))
    assert decided(builder) == {"accept"}


@pytest.mark.parametrize(
    ("doubtful", "expected"), [(25, "review"), (12, "accept"), (5, "accept")], ids=["more", "alike", "fewer"]
)
def test_only_more_doubts_than_in_the_evidence_hold_a_run(builder: Any, doubtful: int, expected: str) -> None:
    """The evidence has 1 % of doubts; twenty in a thousand are the most that chance explains."""
    builder.score(1, {"ark": SEVENS[doubtful:] + [(7, 7, 0.95)] * doubtful})
    evidence = PolicyHistogram("*", "doubt", [99_000, 1_000], 9.55)
    record_policy(builder, **HOLDS, histograms=(evidence,))
    assert decided(builder) == {expected}


def test_the_index_is_what_its_definition_says(builder: Any) -> None:
    builder.score(1, {"ark": SEVENS})
    record_policy(builder, **HOLDS, histograms=(classes(7, 1),))
    (row,) = builder.audit("policy_drift")
    counts = np.array([[1_000 * (label == 7), 500 * (label in (1, 7))] for label in range(10)], float)
    p, q = ((counts + 0.5) / (counts.sum(axis=0) + 5)).T
    assert row["stability_index"] == pytest.approx(((p - q) * np.log(p / q)).sum())
    assert row["alarm_from"] == pytest.approx(max(0.1, 27.9 * (1 / 1_000 + 1 / 1_000)))


def test_a_dataset_with_its_own_threshold_is_decided_by_it_and_compared_with_its_evidence(
    builder: Any,
) -> None:
    unsure = [(7, 7, 0.8)] * 200
    builder.score(1, {"ark": unsure}, dataset="cheques/march")
    builder.score(1, {"bay": unsure}, dataset="notes/march")
    strata = (stratum("cheques", 0.7), stratum("notes", None, basis="refuted", errors=30))
    evidence = (classes(1, 2), classes(7, evidence="cheques"))
    record_policy(builder, **HOLDS, stratified_by="dataset", strata=strata, histograms=evidence)
    assert decided(builder, "cheques/march") == {"accept"}
    assert decided(builder, "notes/march") == {"review"}
    rows = builder.audit("policy_strata")
    assert [(row["stratum"], row["basis"], row["threshold"]) for row in rows] == [
        ("cheques", "own", pytest.approx(0.7)),
        ("notes", "refuted", None),
    ]
    record_policy(builder, **HOLDS, strata=(stratum("cheques", 0.7),), histograms=(evidence[0],))
    held = warehouse.run_select(Warehouse(builder.database, WAIT_S), "from held_runs").to_pylist()
    assert len(held) == 1  # only the dataset without its own threshold differs from the whole evidence


@pytest.mark.parametrize(("own", "expected"), [(0.9, "review"), (0.4, "accept")])
def test_the_evidence_of_a_stratum_with_a_stricter_threshold_releases_no_other_run(
    builder: Any, own: float, expected: str
) -> None:
    builder.score(1, {"ark": [(7, 7, 0.8)] * 1_000}, dataset="notes/march")
    evidence = (classes(1, 2), classes(7, evidence="cheques"))
    record_policy(builder, **HOLDS, threshold=0.5, strata=(stratum("cheques", own),), histograms=evidence)
    assert decided(builder, "notes/march") == {expected}


@pytest.mark.parametrize(("form", "expected"), [("note", "accept"), ("invoice", "review")])
def test_the_evidence_of_a_form_with_a_stricter_threshold_releases_only_runs_with_this_form(
    builder: Any, form: str, expected: str
) -> None:
    forms = FormBuilder(builder)
    forms.add_template("note-1", "note", ["amount"], text=TEMPLATE_TEXT)
    forms.add_document("ark", 1)
    forms.store(GivenPage("ark", 1, (Given("amount", "123"),)))
    forms.read()
    strict = (stratum(form, 0.5, kind="form"),)  # three digits differ only if the index is 4 or more
    evidence = tuple(
        PolicyHistogram(name, "class", classes(*labels).counts, 12)
        for name, labels in (("*", (7,)), (form, (1, 2, 3)))
    )
    forms.accept_digits(0.0, **HOLDS, strata=strict, histograms=evidence)
    place = Warehouse(builder.database, WAIT_S)
    found = warehouse.run_select(place, "select decision from current_decisions")["decision"].to_pylist()
    assert set(found) == {expected}


@pytest.mark.parametrize(("if_drift", "expected"), [("hold", "review"), ("accept", "accept")])
def test_a_run_that_is_not_compared_yet_is_held(builder: Any, if_drift: str, expected: str) -> None:
    """Such as a run under way, or one with rejected shards."""
    record_policy(builder, **(HOLDS | {"if_drift": if_drift}), histograms=(classes(7),))
    builder.score(1, {"ark": SEVENS})
    assert decided(builder) == {expected}


def test_digits_of_held_runs_do_not_count_against_the_promise_of_the_policy(builder: Any) -> None:
    builder.score(1, {"ark": SEVENS})
    record_reviews(builder, reviews(builder, "7", "1"))
    record_policy(builder, **HOLDS, review_rate=1.0, histograms=(classes(7),))
    (row,) = builder.audit("guarantee_in_production")
    assert (row["sampled"], row["errors"]) == (2, 1)
    record_policy(builder, **HOLDS, review_rate=1.0, histograms=(classes(1, 2),))
    (row,) = builder.audit("guarantee_in_production")
    assert (row["policy_number"], row["is_in_force"]) == (1, False)


def test_a_finished_run_must_have_its_histograms_if_a_policy_compares_them(builder: Any) -> None:
    builder.score(1, {"ark": SEVENS})
    record_policy(builder, **HOLDS, histograms=(classes(7),))
    assert builder.violations("run_histogram_counts_its_predictions") == []
    with duckdb.connect(str(builder.database)) as connection:
        connection.execute("delete from run_histograms").fetchall()
    found = builder.violations("run_histogram_counts_its_predictions")
    assert {row["problem"] for row in found} == {"the histogram was removed"}


def test_digits_and_fields_of_a_form_are_decided_by_its_threshold(builder: Any) -> None:
    forms = FormBuilder(builder)
    forms.add_template("note-1", "note", ["amount", "total"], text=TEMPLATE_TEXT)
    forms.add_document("ark", 1)
    forms.store(GivenPage("ark", 1, (Given("amount", "123"), Given("total", "123"))))
    forms.read()
    place = Warehouse(builder.database, WAIT_S)

    def found() -> tuple[set[str], set[str], set[str]]:
        fields = warehouse.run_select(place, "select decision from final_values")["decision"].to_pylist()
        digits = warehouse.run_select(place, "select decision from current_decisions")
        listed = {row["decision"] for row in builder.audit("decisions")}
        return set(fields), set(digits["decision"].to_pylist()), listed

    forms.accept_digits(0.0)
    assert found() == ({"accept"}, {"accept"}, {"accept"})
    forms.accept_digits(0.0, strata=(stratum("note", None, kind="form", basis="refuted"),))
    assert found() == ({"review"}, {"review"}, {"review"})
    forms.accept_digits(1.0, strata=(stratum("note", 0.0, kind="form"),))
    assert found() == ({"accept"}, {"accept"}, {"accept"})
    forms.accept_digits(1.0, strata=(stratum("invoice", 0.0, kind="form"),))
    assert found() == ({"review"}, {"review"}, {"review"})
    strata = (stratum("note", 1.0, kind="form"),)
    record_policy(builder, subject="field", threshold=0.0, strata=strata)
    assert found()[0] == {"review"}
    rows = builder.audit("field_decisions", policy="5")
    assert {row["decision"] for row in rows} == {"review"}


@pytest.mark.parametrize(
    "change",
    [
        "update policies set if_drift = 'accept'",
        "update policies set drift_from = 9",
        "update policy_strata set threshold = 0.1",
        "delete from policy_strata",
        "update policy_histograms set counts = list_resize([1], 10, 1)",
        "delete from policy_histograms",
    ],
)
def test_the_chain_covers_the_evidence_and_the_strata_of_a_policy(scored: Any, change: str) -> None:
    record_policy(scored, **HOLDS, strata=(stratum("scans", 0.7),), histograms=(classes(1),))
    assert scored.violations("chain_covers_what_happened") == []
    with duckdb.connect(str(scored.database)) as connection:
        connection.execute(change).fetchall()
    (found,) = scored.violations("chain_covers_what_happened")
    assert (found["kind"], found["problem"]) == ("policy", "the event was altered")


def test_the_chain_notices_a_stratum_that_is_added_to_a_policy_of_an_earlier_release(scored: Any) -> None:
    record_policy(scored, if_drift=None, drift_from=None)
    assert scored.violations("chain_covers_what_happened") == []
    with duckdb.connect(str(scored.database)) as connection:
        connection.execute(
            "insert into policy_strata values (1, 'dataset', 'scans', 'own', 0.0, 1, 1, 0, 0.0, null)"
        ).fetchall()
    (found,) = scored.violations("chain_covers_what_happened")
    assert (found["kind"], found["problem"]) == ("policy", "the event was altered")


def test_a_policy_is_read_back_with_its_strata_and_its_evidence(scored: Any) -> None:
    changes: dict[str, Any] = {
        **HOLDS,
        "stratified_by": "dataset",
        "strata": (stratum("scans", 0.5),),
        "histograms": (classes(1),),
    }
    record_policy(scored, **changes)
    (read,) = warehouse.list_policies_of(Warehouse(scored.database, WAIT_S), "digits", 1)
    assert {name: getattr(read, name) for name in changes} == changes
    assert read.max_error == POLICY.max_error
