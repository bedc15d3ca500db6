"""The dataset of reviewed digits follows the verdicts that count."""

from __future__ import annotations

import shutil
from uuid import UUID, uuid4

import numpy as np
import pyarrow as pa
import pytest

from lenet_pipeline.audit import reviewed_dataset, revise, sync_reviewed
from lenet_pipeline.audit.reviewed_dataset import REVIEWED
from lenet_pipeline.errors import UnknownNameError
from lenet_pipeline.jobs import TrainingJob, retrain
from lenet_pipeline.lake import Amendment, find_manifest, read_manifest, training_splits
from lenet_pipeline.lake.appending import read_labels
from lenet_pipeline.lake.datasets import read_shard
from lenet_pipeline.schema import NEW_REVIEWS
from lenet_pipeline.settings import Settings
from lenet_pipeline.training import read_gates, read_splits
from lenet_pipeline.warehouse import VerdictBatch, record_verdicts, run_select, undo_verdicts


def say(settings: Settings, *verdicts: str, skipped: int = 0) -> UUID:
    """Record verdicts on the first digits of the shard of the test set; return their batch."""
    statement = "select digit_id, shard_score_id from predictions order by digit_id"
    chosen = run_select(settings.warehouse, statement).slice(skipped, len(verdicts))
    ids = ([UUID(each).bytes for each in column.to_pylist()] for column in chosen)
    digits = pa.table(
        [*(pa.array(each, pa.uuid()) for each in ids), list(verdicts), [None] * len(chosen)],
        schema=NEW_REVIEWS,
    )
    batch = VerdictBatch(uuid4(), "ada", "groups", digits=digits)
    assert record_verdicts(settings.warehouse, batch, revise) == len(verdicts)
    return batch.batch_id


def labels(settings: Settings) -> list[int]:
    known = read_labels(settings.lake, read_manifest(settings.lake, REVIEWED))
    return [label for _, label in sorted(zip(*(each.to_pylist() for each in known), strict=True))]


def test_the_newest_verdict_counts_and_one_that_is_undone_does_not(scored: Settings) -> None:
    assert sync_reviewed(scored) == Amendment(0, 0, 0)
    assert find_manifest(scored.lake, REVIEWED) is None
    say(scored, "3", "5", "7", "blank")
    assert sync_reviewed(scored) == Amendment(added=3, relabelled=0, removed=0)
    second = say(scored, "4", "not_a_digit")
    assert sync_reviewed(scored) == Amendment(added=0, relabelled=1, removed=1)
    assert labels(scored) == [4, 7]
    undo_verdicts(scored.warehouse, second, uuid4(), "ada", revise)
    assert sync_reviewed(scored) == Amendment(added=1, relabelled=1, removed=0)
    assert labels(scored) == [3, 5, 7]


def test_a_digit_whose_verdicts_are_all_undone_is_removed(scored: Settings) -> None:
    first = say(scored, "3", "5")
    say(scored, "8", skipped=2)
    sync_reviewed(scored)
    undo_verdicts(scored.warehouse, first, uuid4(), "ada", revise)
    assert sync_reviewed(scored) == Amendment(added=0, relabelled=0, removed=2)
    assert labels(scored) == [8]


def test_a_sync_without_news_reads_no_image_and_commits_nothing(scored: Settings) -> None:
    say(scored, "3", "5")
    sync_reviewed(scored)
    shutil.rmtree(scored.home / "lake" / "optdigits")  # the images that the digits come from
    say(scored, "unreadable", skipped=2)
    assert sync_reviewed(scored) == Amendment(0, 0, 0)
    assert read_manifest(scored.lake, REVIEWED).version == 1


def test_digits_of_a_database_that_was_lost_stay(scored: Settings) -> None:
    say(scored, "3", "5")
    sync_reviewed(scored)
    scored.warehouse.path.unlink()
    assert sync_reviewed(scored) == Amendment(0, 0, 0)
    assert labels(scored) == [3, 5]


def test_a_sync_that_loses_a_race_starts_over(scored: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    say(scored, "3", "5")
    commit, races = reviewed_dataset.amend_digits, []

    def lose_once(*arguments: object, **options: object) -> Amendment:
        if not races:
            races.append("lost")
            say(scored, "6", skipped=2)
            assert sync_reviewed(scored) == Amendment(added=3, relabelled=0, removed=0)
            say(scored, "9", skipped=3)
        return commit(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(reviewed_dataset, "amend_digits", lose_once)
    assert sync_reviewed(scored) == Amendment(added=1, relabelled=0, removed=0)
    assert labels(scored) == [3, 5, 6, 9]


def test_reviewed_digits_teach_validate_and_judge_by_the_hash_of_their_ids(scored: Settings) -> None:
    say(scored, *(str(number % 10) for number in range(351)))
    sync_reviewed(scored)
    manifest = read_manifest(scored.lake, REVIEWED)
    digits = pa.concat_tables([read_shard(scored.lake, REVIEWED, shard) for shard in manifest.shards])
    expected = training_splits(digits)
    splits = read_splits(scored.lake, [manifest])
    for split in ("train", "validation", "gate"):
        chosen = digits.filter(pa.array(expected == split))
        assert len(splits[split]) == len(chosen) > 5
        assert np.array_equal(splits[split].labels, chosen["label"].to_numpy())
    assert len(read_gates(scored.lake, [manifest])[REVIEWED]) == len(splits["gate"])
    assert sum(map(len, splits.values())) == 351


@pytest.mark.parametrize(
    "job",
    [
        TrainingJob((REVIEWED,), ("no-such/test",)),
        TrainingJob(("no-such/train",), (REVIEWED,)),
    ],
)
def test_a_training_job_that_names_them_takes_the_verdicts_of_now(scored: Settings, job: TrainingJob) -> None:
    say(scored, "3", "5")
    with pytest.raises(UnknownNameError, match="no-such"):
        retrain(scored, job)
    assert labels(scored) == [3, 5]


def test_other_training_jobs_leave_them_alone(scored: Settings) -> None:
    say(scored, "3", "5")
    with pytest.raises(UnknownNameError, match="no-such"):
        retrain(scored, TrainingJob(("optdigits/train",), ("no-such/test",)))
    assert find_manifest(scored.lake, REVIEWED) is None
