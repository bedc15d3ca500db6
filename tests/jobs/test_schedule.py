"""The retraining schedule decides when to train from cron lines, new labels, drift and unchanged data."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

from lenet_pipeline.errors import TrainingError, UnknownNameError
from lenet_pipeline.jobs import RetrainingSchedule, declare_schedule, next_time, remove_schedule
from lenet_pipeline.jobs.scheduling.schedule import Consideration, consider_retraining
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import ScheduleDecision, find_schedule, record_schedule_decision

TRAINING, TEST = "optdigits/train", "optdigits/test"
NIGHT = datetime(2027, 1, 6, 2, tzinfo=UTC)  # a Wednesday
SCHEDULE = RetrainingSchedule((TRAINING, "reviewed/all"), (TEST,), epochs=1)


def consider(settings: Settings, as_of: datetime = NIGHT, **changes: Any) -> Consideration:
    declare_schedule(settings, replace(SCHEDULE, **changes))
    return consider_retraining(settings, as_of)


def record(settings: Settings, as_of: datetime, *, version: int | None, review_number: int = 0) -> None:
    """Record a decision of the schedule in force."""
    schedule = find_schedule(settings.warehouse)
    assert schedule is not None and schedule.schedule_number is not None
    decision = ScheduleDecision(
        schedule_number=schedule.schedule_number,
        considered_at=as_of,
        decision="train" if version else "skip",
        reason="a test",
        is_due=True,
        model_name="digits",
        model_version=version,
        new_labels=0,
        drift_alarms=0,
        review_number=review_number,
        decided_at=datetime.now(UTC),
        actor="tester",
        flow_run_id=None,
    )
    record_schedule_decision(settings.warehouse, decision)


def insert(settings: Settings, statement: str, *values: object) -> None:
    with duckdb.connect(str(settings.warehouse.path)) as connection:
        connection.execute(statement, list(values)).fetchall()


def test_a_schedule_without_conditions_trains_every_night(settings: Settings) -> None:
    considered = consider(settings)
    assert (considered.decision, considered.reason) == ("train", "due on schedule")
    assert considered.plan is not None
    # Nobody reviewed a digit yet, so reviewed/all does not exist and is left out.
    assert considered.plan.datasets == (TRAINING,)
    assert [manifest.dataset for manifest in considered.manifests] == [TRAINING]


def test_without_a_schedule_nothing_is_trained(settings: Settings) -> None:
    considered = consider_retraining(settings, NIGHT)
    assert considered.decision == "skip"
    assert considered.reason.startswith("there is no retraining schedule")
    declare_schedule(settings, SCHEDULE)
    assert remove_schedule(settings)
    assert not remove_schedule(settings)
    assert consider_retraining(settings, NIGHT).decision == "skip"


def test_a_cron_line_is_due_once_after_each_of_its_times(settings: Settings) -> None:
    sundays = {"cron": "0 3 * * 0"}
    assert consider(settings, **sundays).decision == "train"  # declared in 2026, so it is overdue
    record(settings, NIGHT, version=1)
    saturday, monday = datetime(2027, 1, 9, 2, tzinfo=UTC), datetime(2027, 1, 11, 2, tzinfo=UTC)
    early = consider_retraining(settings, saturday)
    assert (early.decision, early.reason) == ("skip", "not due before 2027-01-10 03:00 UTC")
    assert not early.is_due
    assert consider_retraining(settings, monday).decision == "train"


def test_new_labels_count_from_the_last_training_and_only_digits(settings: Settings) -> None:
    batch, now = "00000000-0000-0000-0000-000000000001", datetime.now(UTC)
    for number, verdict in enumerate(["3", "4", "blank", "5"]):
        digit = f"00000000-0000-0000-0000-00000000010{number}"
        insert(
            settings,
            "insert into reviews (batch_id, digit_id, shard_score_id, verdict, reviewed_at, actor) "
            "values (?, ?, ?, ?, ?, 'anna')",
            *(batch, digit, batch, verdict, now),
        )
    assert consider(settings, min_new_labels=4).reason == "3 new labels, 4 needed"
    assert consider(settings, min_new_labels=4, on_drift=True).reason == (
        "3 new labels, 4 needed, and no run drifted"
    )
    known = replace(SCHEDULE, datasets=(TRAINING,), min_new_labels=3)
    declare_schedule(settings, known)
    considered = consider_retraining(settings, NIGHT)
    assert (considered.decision, considered.reason) == ("train", "3 new labels, at least 3 needed")
    assert considered.facts is not None
    record(settings, NIGHT, version=1, review_number=considered.facts.review_number)
    assert consider_retraining(settings, NIGHT + timedelta(days=1)).reason == "0 new labels, 3 needed"


def test_a_drifted_run_starts_a_training_once(settings: Settings) -> None:
    run = "00000000-0000-0000-0000-000000000002"
    insert(
        settings,
        "insert into scoring_runs (scoring_run_id, dataset, manifest_version, manifest_fingerprint, "
        "model_name, model_version, preprocessing_fingerprint, precision, started_at, actor) "
        "values (?, 'scans/all', 1, 'f', 'digits', 1, 'p', 'float32', ?, 'anna')",
        *(run, datetime.now(UTC)),
    )
    assert consider(settings, on_drift=True).reason == "no run drifted since the last training"
    for measure in ("ink", "confidence"):
        insert(
            settings,
            "insert into drift values (?, ?, 100, 100, 0.5, 0.5, 0.1, true, ?)",
            *(run, measure, datetime.now(UTC)),
        )
    considered = consider(settings, on_drift=True)
    assert (considered.decision, considered.reason) == ("train", "1 run drifted since the last training")
    record(settings, NIGHT, version=1)
    assert consider_retraining(settings, NIGHT + timedelta(days=1)).decision == "skip"


def test_a_version_that_an_interruption_left_unjudged_comes_first(settings: Settings) -> None:
    """Whatever the cron line and the labels say: the time of its training has passed."""
    declare_schedule(settings, replace(SCHEDULE, cron="0 3 * * 0", min_new_labels=100))
    record(settings, NIGHT, version=1)
    with duckdb.connect(str(settings.warehouse.path)) as connection:
        connection.execute("delete from promotions where action = 'promote'").fetchall()
    considered = consider_retraining(settings, NIGHT + timedelta(days=1))
    assert (considered.decision, considered.reason) == ("train", "digits/1 is trained but not judged yet")
    assert considered.version is not None and considered.facts is None


def test_a_decision_stands_for_its_time(settings: Settings) -> None:
    declare_schedule(settings, SCHEDULE)
    record(settings, NIGHT, version=None)
    again = consider_retraining(settings, NIGHT)
    assert (again.decision, again.reason) == ("skip", "a test")


def test_only_what_was_known_counts_for_a_time_in_the_past(settings: Settings) -> None:
    before = datetime.now(UTC)
    declare_schedule(settings, SCHEDULE)
    now = datetime.now(UTC)
    assert consider_retraining(settings, before, until=before).reason.startswith("no retraining schedule")
    assert consider_retraining(settings, now, until=now).decision == "train"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"cron": "every day"}, TrainingError, "'every day' is not a cron line"),
        ({"datasets": ("nothing/here",)}, UnknownNameError, "there is no dataset 'nothing/here'"),
        ({"evidence": ("nothing/here",)}, UnknownNameError, "there is no dataset 'nothing/here'"),
        ({"architecture": "lenet9"}, UnknownNameError, "lenet9"),
        ({"tests": (TRAINING,)}, TrainingError, "cannot test on optdigits/train"),
    ],
)
def test_a_schedule_that_cannot_work_is_refused_when_it_is_declared(
    settings: Settings, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        declare_schedule(settings, replace(SCHEDULE, **changes))
    assert find_schedule(settings.warehouse) is None


def test_the_next_time_of_a_cron_line_is_in_utc() -> None:
    assert next_time("30 4 * * 1", NIGHT) == datetime(2027, 1, 11, 4, 30, tzinfo=UTC)
