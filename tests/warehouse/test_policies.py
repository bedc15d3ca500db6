"""Policies turn predictions into decisions in SQL, without scoring again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lenet_pipeline.errors import WarehouseError
from lenet_pipeline.training.calibration import Sigmoid
from tests.warehouse.policy_builders import record_policy

WAIT_S = 5.0


def decisions(builder: Any, **parameters: str) -> list[tuple[Any, ...]]:
    return [
        (row["label"], row["decision"], row["policy_number"])
        for row in builder.audit("decisions", **parameters)
    ]


def test_digits_that_reach_the_threshold_are_accepted_and_others_are_for_review(scored: Any) -> None:
    number = record_policy(scored)
    assert decisions(scored) == [
        (5, "review", number),
        (7, "review", number),
        (5, "review", number),
        (1, "accept", number),
        (0, "accept", number),
        (3, "accept", number),
    ]


def test_a_new_policy_applies_and_the_old_one_remains_available(scored: Any) -> None:
    first = record_policy(scored)
    second = record_policy(scored, threshold=0.75)
    assert [row[1] for row in decisions(scored)].count("accept") == 4
    assert [row[1] for row in decisions(scored, policy=str(first))].count("accept") == 3
    assert {row[2] for row in decisions(scored)} == {second}


def test_a_policy_of_another_version_decides_nothing(scored: Any) -> None:
    record_policy(scored, model_version=2)
    assert {row[1:] for row in decisions(scored)} == {("review", None)}


def test_a_policy_of_another_precision_decides_nothing(scored: Any) -> None:
    record_policy(scored, precision="fast")
    assert {row[1:] for row in decisions(scored)} == {("review", None)}


def test_a_confidence_at_the_threshold_is_accepted(scored: Any) -> None:
    record_policy(scored, threshold=0.95)
    assert [row[0] for row in decisions(scored, decision="accept")] == [0, 3]


def test_a_policy_without_a_threshold_accepts_nothing(scored: Any) -> None:
    number = record_policy(scored, threshold=None, labelled_needed=5_000)
    assert {row[1:] for row in decisions(scored)} == {("review", number)}


def test_not_a_digit_is_never_accepted(scored: Any) -> None:
    record_policy(scored)
    with scored.by_hand() as connection:
        connection.execute("update predictions set not_a_digit = 0.5 where label = 3").fetchall()
        connection.execute("update predictions set not_a_digit = 0.49 where label = 0").fetchall()
    assert (3, "not_a_digit", 1) in decisions(scored)
    assert (0, "accept", 1) in decisions(scored)


def test_a_sample_of_accepted_digits_is_marked_for_review(scored: Any) -> None:
    record_policy(scored, review_rate=1.0)
    rows = scored.audit("decisions")
    assert {row["decision"] for row in rows} == {"review"}
    assert [row["is_sampled"] for row in rows] == [False, False, False, True, True, True]


def test_the_sample_is_a_share_that_the_seed_determines(scored: Any) -> None:
    with scored.by_hand() as connection:

        def draw(rate: float, seed: int) -> set[int]:
            asked = "select range from range(20000) where is_sampled(range, $rate, $seed)"
            return {row[0] for row in connection.execute(asked, {"rate": rate, "seed": seed}).fetchall()}

        some = draw(0.1, 1)
        assert some == draw(0.1, 1)
        assert 1_800 < len(some) < 2_200
        assert some < draw(0.2, 1)
        assert 100 < len(some & draw(0.1, 2)) < 300
        assert (draw(0, 1), len(draw(1, 1))) == (set(), 20_000)


def test_counts_show_accepted_digits_and_their_errors(scored: Any) -> None:
    number = record_policy(scored, threshold=0.75)
    rows = {row["decision"]: row for row in scored.audit("decision_counts")}
    accepted = rows["accept"]
    assert (accepted["digits"], accepted["errors"], accepted["digits_with_truth"]) == (4, 1, 4)
    assert (accepted["digits_pct"], accepted["error_pct"]) == (66.67, 25.0)
    assert (accepted["policy_number"], accepted["max_error"], accepted["certainty"]) == (number, 0.01, 0.95)
    assert rows["review"]["digits"] == 2


def test_policies_are_listed_with_their_evidence_and_the_champions_newest_is_in_force(scored: Any) -> None:
    record_policy(scored)
    record_policy(scored, threshold=None, labelled_needed=5_000)
    record_policy(scored, model_version=2)
    rows = scored.audit("policies")
    listed = ("policy_number", "model_version", "is_newest", "is_in_force")
    assert [tuple(row[name] for name in listed) for row in rows] == [
        (1, "digits/1", False, False),
        (2, "digits/1", True, True),
        (3, "digits/2", True, False),
    ]
    assert [(row["accepted"], row["coverage_pct"]) for row in rows[:2]] == [(2_700, 90.0), (0, 0.0)]
    assert rows[1]["labelled_needed"] == 5_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_error": 0.0},
        {"certainty": 1.0},
        {"threshold": 1.5},
        {"threshold": float("nan")},
        {"errors": 3_000},
        {"accepted": 4_000},
        {"subject": "page"},
    ],
)
def test_an_invalid_policy_is_refused(scored: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(WarehouseError):
        record_policy(scored, **wrong)
    assert scored.audit("policies") == []


def test_an_unknown_policy_is_an_error(scored: Any) -> None:
    record_policy(scored)
    for audit in ("decisions", "decision_counts", "digits_to_review", "field_decisions"):
        with pytest.raises(
            WarehouseError, match=r"there is no policy '99'; `lenet policy` lists the policies"
        ):
            scored.audit(audit, policy="99")


def test_a_policy_that_does_not_apply_to_the_run_is_an_error(scored: Any) -> None:
    other_version, of_fields = record_policy(scored, model_version=2), record_policy(scored, subject="field")
    with pytest.raises(
        WarehouseError,
        match=r"policy 1 is for digits read by digits/2 in float32, .* shows digits read by digits/1 in",
    ):
        scored.audit("decisions", policy=str(other_version))
    with pytest.raises(
        WarehouseError, match=r"policy 2 is for fields read by .*, but this audit shows digits read"
    ):
        scored.audit("decision_counts", policy=str(of_fields))
    assert scored.audit("field_decisions", policy=str(of_fields)) == []


def test_sql_recalibrates_confidences_as_the_library_does(scored: Any) -> None:
    confidences = [0.0, 1e-12, 0.02, 0.5, 0.97, 0.999999, 1.0]
    asked = "select recalibrate(confidence, 0.4, -0.3) from (select unnest($confidences) as confidence)"
    with scored.by_hand() as connection:
        found = [row[0] for row in connection.execute(asked, {"confidences": confidences}).fetchall()]
    expected = Sigmoid(0.4, -0.3).apply(np.array(confidences, np.float32))
    assert found == pytest.approx(expected.tolist(), abs=1e-4)
