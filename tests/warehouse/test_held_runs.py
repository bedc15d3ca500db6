"""Readings of a run that drifted wait for a person, if the retraining schedule says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.warehouse import ScheduleRecord, Warehouse
from lenet_pipeline.warehouse.statements import run_statement
from tests.warehouse.form_builders import FormBuilder, Given, GivenPage
from tests.warehouse.policy_builders import WAIT_S, record_policy
from tests.warehouse.test_final_values import TEMPLATE_TEXT

NOW = datetime(2026, 11, 20, tzinfo=UTC)
SCHEDULE = ScheduleRecord(
    datasets=("mnist/train",),
    tests=(),
    architecture="lenet5",
    recipe="modern",
    effort="quick",
    epochs=None,
    seed=0,
    cron=None,
    min_new_labels=None,
    on_drift=False,
    if_drift="hold",
    max_error=None,
    certainty=0.95,
    review_rate=0.01,
    evidence=(),
    field_evidence=None,
    if_target_missed="wait",
    afterwards="keep",
    score_since=None,
    declared_at=NOW,
    actor="ada",
)


def declare(builder: Any, **changes: Any) -> None:
    warehouse.record_schedule(Warehouse(builder.database, WAIT_S), replace(SCHEDULE, **changes))


def drift(builder: Any, *, is_drifted: bool = True) -> None:
    """Finish the newest run of the builder once more, drifted in one measure and not in another."""
    with builder.by_hand() as connection:
        for measure, value in (("ink", is_drifted), ("class", False)):
            connection.execute(
                "insert into drift select scoring_run_id, ?, 10, 10, 0.5, 0.5, 0.1, ?, now() "
                "from scoring_runs order by started_at desc limit 1",
                [measure, value],
            ).fetchall()
        ((run,),) = connection.execute(
            "update scoring_runs set finished_at = null where scoring_run_id = (select scoring_run_id from "
            "scoring_runs order by started_at desc limit 1) returning scoring_run_id"
        ).fetchall()
        values = {"scoring_run_id": run, "finished_at": datetime.now(UTC)}
        run_statement(connection, "finish_scoring_run", values)


def decisions(builder: Any) -> dict[str, set[str]]:
    """Return the decisions on the digits of the newest run, by each view or audit that has them."""
    place = Warehouse(builder.database, WAIT_S)
    current = warehouse.run_select(place, "select decision from current_decisions")
    full = warehouse.run_select(place, "select decision from predictions_full")
    return {
        "decisions": {row["decision"] for row in builder.audit("decisions")},
        "current_decisions": set(current["decision"].to_pylist()),
        "predictions_full": set(full["decision"].to_pylist()),
    }


def test_digits_of_a_run_that_drifted_wait(scored: Any) -> None:
    record_policy(scored, threshold=0.0)
    declare(scored)
    drift(scored)
    for name, found in decisions(scored).items():
        assert found == {"review"}, name


@pytest.mark.parametrize("case", ["no drift", "no schedule", "accept", "removed"])
def test_digits_are_accepted_without_drift_or_if_the_schedule_says_so(scored: Any, case: str) -> None:
    record_policy(scored, threshold=0.0)
    if case != "no schedule":
        declare(scored)
    if case == "accept":
        declare(scored, if_drift="accept")
    if case == "removed":
        declare(scored, is_removed=True, declared_at=NOW + timedelta(hours=1))
    drift(scored, is_drifted=case != "no drift")
    for name, found in decisions(scored).items():
        assert found == {"accept"}, name


def test_a_policy_named_by_its_number_still_tells_what_it_accepts(scored: Any) -> None:
    number = record_policy(scored, threshold=0.0)
    declare(scored)
    drift(scored)
    assert {row["decision"] for row in scored.audit("decisions", policy=str(number))} == {"accept"}


def test_fields_of_a_run_that_drifted_wait_with_a_reason(builder: Any) -> None:
    forms = FormBuilder(builder)
    forms.add_template("note-1", "note", ["amount", "total"], text=TEMPLATE_TEXT)
    forms.add_document("ark", 1)
    forms.store(GivenPage("ark", 1, (Given("amount", "123"), Given("total", "123"))))
    forms.read()
    forms.accept_digits(0.0)
    place = Warehouse(builder.database, WAIT_S)
    before = warehouse.run_select(place, "from final_values").to_pylist()
    accepted = {row["field"] for row in before if row["decision"] == "accept"}
    assert accepted
    declare(builder)
    drift(builder)
    after = {row["field"]: row for row in warehouse.run_select(place, "from final_values").to_pylist()}
    assert {after[name]["decision"] for name in accepted} == {"review"}
    assert {after[name]["reason"] for name in accepted} == {"drift: the run differs from the training digits"}
    assert [row["value"] for row in before] == [after[row["field"]]["value"] for row in before]
    waiting = warehouse.run_select(place, "select field from review_queue").to_pylist()
    assert accepted <= {row["field"] for row in waiting}


def test_the_hold_of_a_run_outlives_the_schedule_until_a_later_policy(scored: Any) -> None:
    record_policy(scored, threshold=0.0)
    declare(scored)
    drift(scored)
    declare(scored, is_removed=True)
    assert decisions(scored)["current_decisions"] == {"review"}
    record_policy(scored, threshold=0.0, recorded_at=datetime.now(UTC))
    assert decisions(scored)["current_decisions"] == {"accept"}
