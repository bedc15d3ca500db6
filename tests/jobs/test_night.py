"""A night takes new scans, scores, retrains and promotes; repeating it does nothing twice."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lenet_pipeline.audit import (
    PolicyTerms,
    open_ledger,
    promote_by_hand,
    propose_policy,
    roll_back,
    set_policy,
)
from lenet_pipeline.jobs import (
    NightJob,
    RetrainingSchedule,
    TrainingJob,
    check,
    declare_schedule,
    night,
    plan_night,
    retrain,
)
from lenet_pipeline.jobs.inbox.declarations import declare_inbox
from lenet_pipeline.jobs.scheduling import night as night_stages
from lenet_pipeline.jobs.scheduling import training as training_stages
from lenet_pipeline.registry.versions import find_champion
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Event, Observer
from lenet_pipeline.warehouse import list_policies_of, run_select
from tests.jobs.form_builders import fill_slips, write_template

Run = Callable[..., Any]
TRAINING, TEST = "optdigits/train", "optdigits/test"
NIGHT = datetime(2027, 1, 6, 2, tzinfo=UTC)
DAY = timedelta(days=1)
STATE = (
    "select 'digits' as what, count(*) as rows from predictions union all "
    "select 'values', count(*) from values_read union all "
    "select 'documents', count(*) from inbox_documents union all "
    "select 'versions', count(*) from model_versions union all "
    "select 'promotions', count(*) from promotions union all "
    "select 'policies', count(*) from policies union all "
    "select 'decisions', count(*) from schedule_decisions"
)


class Listener(Observer):
    """Keeps the stages and events of a job."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.events: list[str] = []

    def stage(self, name: str, work: Any, *args: Any, **kwargs: Any) -> Any:
        self.stages.append(name)
        return super().stage(name, work, *args, **kwargs)

    def announce(self, event: str, resource: Any, payload: Any) -> None:
        self.events.append(event)


def rows(settings: Settings, statement: str) -> list[dict[str, Any]]:
    return list(run_select(settings.warehouse, statement).to_pylist())


def add_inbox(settings: Settings, folder: Path, pages: int = 2) -> Path:
    scans = fill_slips(settings, folder / "slips", pages)
    (scans / "truth.csv").rename(folder / "truth.csv")
    declare_inbox(settings, "slips", str(scans), (write_template(folder),), settle_s=0)
    return scans


@pytest.mark.slow
def test_a_night_does_everything_in_order_and_nothing_twice(settings: Settings, tmp_path: Path) -> None:
    add_inbox(settings, tmp_path)
    declare_schedule(settings, RetrainingSchedule((TRAINING, "reviewed/all"), (TEST,), epochs=1))
    plan = plan_night(settings, NIGHT)
    assert [len(seen.documents) for seen in plan.inboxes] == [2]
    assert [(each.dataset, each.rows) for each in plan.trains_on] == [(TRAINING, 1446)]
    listener = Listener()
    report = night(settings, NightJob(NIGHT), listener)
    assert listener.stages == [
        *("ingest", "score", "decide", "report", "retrain", "gate", "policy", "score-again")
    ]
    assert listener.events == [Event.REVIEW_WAITING, Event.GATE_REFUSED]
    assert [(each.dataset, each.model) for each in report.scored] == [("slips/2027-01-06", "digits/1")]
    assert report.fields_waiting > 0
    assert report.retraining is not None and report.retraining.version is not None
    assert report.decision is not None
    assert (report.retraining.version.version, report.decision.record.action) == (2, "refuse")

    before = rows(settings, STATE)
    assert all(row["rows"] for row in before if row["what"] != "policies")
    again = night(settings, NightJob(NIGHT), Listener())
    assert rows(settings, STATE) == before
    assert (again.scored, again.fields_waiting) == ((), report.fields_waiting)

    later = night(settings, NightJob(NIGHT + DAY))
    assert later.retraining is not None
    assert later.retraining.reason == "training data, recipe and code are unchanged since digits/2"
    assert not [result for result in check(settings) if result.violations]


@pytest.mark.slow
def test_a_promotion_brings_its_policy_and_a_rollback_the_former_one(
    lenet: Run, settings: Settings, tmp_path: Path
) -> None:
    retrain(settings, TrainingJob((TRAINING,), epochs=2))
    refused = lenet("models", "promote", "2", "--reason", "a test")
    assert refused.returncode == 1
    assert "the gate refused digits/2: worse than the champion" in refused.stderr
    assert lenet("models", "promote", "2", "--reason", "a test", "--yes").returncode == 0
    # On its own test digits, a weak version meets a weak target.
    terms = PolicyTerms(0.4, 0.9, (TEST,), review_rate=0.03)
    weak = set_policy(settings, propose_policy(settings, terms)).record
    assert weak.threshold is not None
    add_inbox(settings, tmp_path)
    schedule = RetrainingSchedule((TRAINING, "reviewed/all"), (TEST,), epochs=15, seed=1, afterwards="score")
    declare_schedule(settings, schedule)
    report = night(settings, NightJob(NIGHT))
    assert report.decision is not None
    assert report.decision.record.action == "promote"
    (policy,) = list_policies_of(settings.warehouse, "digits", 3)
    assert (policy.max_error, policy.certainty, policy.review_rate) == (0.4, 0.9, 0.03)
    assert policy.evidence == f"gate split of {TRAINING}, {TEST}"
    assert policy.threshold is not None
    # The night scored the slips with version 2, promoted version 3, and scored them again.
    assert [each.model for each in report.scored] == ["digits/2"]
    assert report.earlier.datasets == ("slips/2027-01-06",)
    assert report.earlier.changes is not None
    with report.earlier.changes.open(newline="", encoding="utf-8") as file:
        changed = list(csv.DictReader(file))
    assert len(changed) == report.earlier.fields > 0
    assert {row["dataset"] for row in changed} == {"slips/2027-01-06"}
    assert [row["model_version"] for row in rows(settings, "from current_runs")] == [3]

    set_policy(settings, propose_policy(settings, replace(terms, max_error=0.001, model="2")))
    roll_back(open_ledger(settings), settings.registry, "a test")
    (restored,) = list_policies_of(settings.warehouse, "digits", 2)
    assert restored.threshold == weak.threshold
    # The next night makes the former version's values count again, without scoring a digit.
    predictions = rows(settings, "select count(*) as rows from predictions")
    back = night(settings, NightJob(NIGHT + DAY))
    assert back.earlier.datasets == ("slips/2027-01-06",)
    assert [row["model_version"] for row in rows(settings, "from current_runs")] == [2]
    assert rows(settings, "select count(*) as rows from predictions") == predictions
    assert not [result for result in check(settings) if result.violations]


@pytest.mark.slow
def test_earlier_documents_are_decided_on_again_with_todays_evidence(
    settings: Settings, tmp_path: Path
) -> None:
    add_inbox(settings, tmp_path)
    night(settings, NightJob(NIGHT))
    # Without evidence for the target, everything waits. The schedule names evidence that meets it.
    set_policy(settings, propose_policy(settings, PolicyTerms(0.05, 0.95)))
    retrain(settings, TrainingJob((TRAINING,), epochs=1))
    promote_by_hand(settings, "2", "a test")
    schedule = RetrainingSchedule((TRAINING,), cron="0 3 1 1 *", evidence=(TEST,), afterwards="decide")
    declare_schedule(settings, schedule)
    accepted = "select count(*) as fields from final_values where decision = 'accept'"
    assert rows(settings, accepted) == [{"fields": 0}]
    report = night(settings, NightJob(NIGHT - 30 * DAY))
    assert report.retraining is not None and report.retraining.version is None
    assert report.earlier.datasets == ("slips/2027-01-06",)
    assert report.earlier.fields == rows(settings, accepted)[0]["fields"] > 0
    (policy,) = list_policies_of(settings.warehouse, "digits", 1)
    assert policy.evidence == f"gate split of {TRAINING}, {TEST}"
    assert night(settings, NightJob(NIGHT - 29 * DAY)).earlier.datasets == ()


@pytest.mark.slow
def test_a_version_that_misses_the_target_waits_or_is_promoted_as_the_schedule_says(
    settings: Settings,
) -> None:
    retrain(settings, TrainingJob((TRAINING,), epochs=2))
    promote_by_hand(settings, "2", "a test")
    set_policy(settings, propose_policy(settings, PolicyTerms(0.4, 0.9, (TEST,))))
    schedule = RetrainingSchedule((TRAINING,), epochs=15, seed=1, max_error=0.0001)
    declare_schedule(settings, schedule)
    listener = Listener()
    report = night(settings, NightJob(NIGHT), listener)
    assert report.decision is not None
    assert report.decision.record.action == "refuse"
    assert "but no threshold keeps the error rate at or below 0.0001" in report.decision.record.reason
    assert listener.events == [Event.GATE_REFUSED, Event.TARGET_MISSED]
    assert find_champion(settings.registry).version == 2  # type: ignore[union-attr]

    # Another seed, because the same data, recipe and code would be skipped.
    declare_schedule(settings, replace(schedule, seed=3, if_target_missed="promote"))
    report = night(settings, NightJob(NIGHT + DAY), listener)
    assert report.decision is not None
    assert report.decision.record.action == "promote"
    assert len(report.decision.missed_targets) == 1
    (policy,) = list_policies_of(settings.warehouse, "digits", 4)
    assert policy.threshold is None


class Killed(BaseException):
    """Stops a job as a kill would: nothing after it runs."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "moment"),
    [
        (training_stages, "train_and_record"),
        (training_stages, "_record"),
        (night_stages, "judge_trained"),
        (night_stages, "promote_trained"),
    ],
)
def test_an_interrupted_night_is_finished_by_the_next_attempt(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: Any, moment: str
) -> None:
    declare_schedule(settings, RetrainingSchedule((TRAINING,), epochs=1))
    work = getattr(module, moment)

    def do_and_die(*args: Any, **kwargs: Any) -> None:
        work(*args, **kwargs)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, moment, do_and_die)
        with pytest.raises(Killed):
            night(settings, NightJob(NIGHT))
    night(settings, NightJob(NIGHT + DAY if module is night_stages else NIGHT))
    actions = [row["action"] for row in rows(settings, "from promotions order by promotion_number")]
    assert actions == ["register", "promote", "register", "refuse"]
    trained = rows(settings, "select model_version from schedule_decisions where decision = 'train'")
    assert trained == [{"model_version": 2}]
    assert not [result for result in check(settings) if result.violations]
