"""A verified shard of digits becomes a shard of predictions, only once."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lenet_pipeline.errors import ScoringError, ShardError
from lenet_pipeline.lake.datasets import Manifest, Shard, read_shard, shard_path
from lenet_pipeline.lake.digits import images_array
from lenet_pipeline.lake.fingerprints import digest_predictions
from lenet_pipeline.lake.storage import open_place
from lenet_pipeline.schema import PREDICTIONS
from lenet_pipeline.scoring.drift_reference import count_ink
from lenet_pipeline.scoring.engine import Engine, Preprocessing
from lenet_pipeline.scoring.shards import (
    ScoredShard,
    ScoringKey,
    predictions_table,
    score_shard,
    score_shards,
)
from tests.digit_builders import digits_table, put, untrained_model

NAME = "scans/new"
KEY = ScoringKey("digits", 3, "c" * 64, "f" * 64, "float32")
SHARD = Shard("shard-x.parquet", "a" * 64, 10, 1000)
MANIFEST = Manifest(NAME, 1, "b" * 64, 10, "2026-11-02T09:30:00+00:00", "test", (SHARD,))


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def shard(lake: Path) -> Shard:
    """A committed shard of eight digits, two of them without a label."""
    return put(lake, NAME, digits_table(8, labels=[0, 1, None, 3, 4, None, 6, 7])).manifest.shards[0]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(untrained_model(temperature=2.0), "cpu", batch_size=3)


# Names


def test_a_shard_scores_id_depends_only_on_its_inputs():
    assert KEY.shard_score_id(SHARD) == uuid.UUID("3b65a533-39c1-8af3-8a09-602c6f987d0a")
    assert KEY.scoring_run_id(MANIFEST) == uuid.UUID("71ccafc9-6cf5-8eae-9533-0f440b4b4084")


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, model_name="letters"),
        replace(KEY, model_version=4),
        replace(KEY, weights_sha256="d" * 64),
        replace(KEY, preprocessing_fingerprint=Preprocessing().fingerprint),
        replace(KEY, precision="bfloat16"),
    ],
    ids=["model", "version", "weights", "preprocessing", "precision"],
)
def test_every_part_of_the_key_changes_the_score_id(other):
    assert other.shard_score_id(SHARD) != KEY.shard_score_id(SHARD)
    assert other.scoring_run_id(MANIFEST) != KEY.scoring_run_id(MANIFEST)


def test_the_score_id_depends_on_the_shards_content_not_on_its_file():
    assert KEY.shard_score_id(replace(SHARD, fingerprint="c" * 64)) != KEY.shard_score_id(SHARD)
    assert KEY.shard_score_id(replace(SHARD, file="moved.parquet", size_bytes=7)) == KEY.shard_score_id(SHARD)


def test_the_run_id_depends_on_the_dataset_and_its_content():
    run = KEY.scoring_run_id(MANIFEST)
    assert KEY.scoring_run_id(replace(MANIFEST, dataset="scans/old")) != run
    assert KEY.scoring_run_id(replace(MANIFEST, fingerprint="c" * 64)) != run
    assert KEY.scoring_run_id(replace(MANIFEST, actor="another", version=9)) == run
    assert KEY.shard_score_id(SHARD) != run


# Predictions


def test_a_shard_becomes_one_prediction_per_digit_in_order(lake, shard, engine, tmp_path):
    scored = score_shard(engine, lake, NAME, shard, tmp_path / "staged" / "x.parquet")
    table = pq.read_table(scored.path)
    digits = pq.read_table(shard_path(lake, NAME, shard))
    expected = engine.score(images_array(digits))
    assert Path(scored.path) == tmp_path / "staged" / "x.parquet"
    assert (scored.rows, table.num_rows) == (8, 8)
    assert scored.is_new
    assert table.schema.equals(PREDICTIONS)
    assert table["digit_id"].equals(digits["digit_id"])
    assert table["truth"].to_pylist() == [0, 1, None, 3, 4, None, 6, 7]
    assert table["label"].to_pylist() == expected.labels.tolist()
    assert table["confidence"].to_numpy().tobytes() == expected.confidences.tobytes()
    assert (
        np.array(table["probabilities"].to_pylist(), np.float32).tobytes() == expected.probabilities.tobytes()
    )
    assert table["not_a_digit"].to_numpy().tobytes() == expected.not_a_digit.tobytes()


def test_a_confidence_is_the_largest_probability_of_its_row_to_the_bit(lake, shard, engine, tmp_path):
    table = pq.read_table(score_shard(engine, lake, NAME, shard, tmp_path / "x.parquet").path)
    rows = table.to_pylist()
    assert [row["confidence"] for row in rows] == [max(row["probabilities"]) for row in rows]
    assert [row["probabilities"][row["label"]] for row in rows] == [row["confidence"] for row in rows]


def test_without_a_rubbish_class_not_a_digit_is_null():
    digits = digits_table(4)
    scores = Engine(untrained_model("lenet5-softmax"), "cpu").score(images_array(digits))
    table = predictions_table(digits, scores)
    assert table.schema.equals(PREDICTIONS)
    assert table["not_a_digit"].to_pylist() == [None] * 4


def test_digits_in_many_chunks_are_predicted_in_the_same_order(engine):
    digits = digits_table(9)
    pieces = pa.concat_tables([digits.slice(0, 4), digits.slice(4)])
    whole = predictions_table(digits, engine.score(images_array(digits)))
    assert predictions_table(pieces, engine.score(images_array(pieces))).equals(whole)


def test_the_same_shard_scored_twice_gives_the_same_bytes(lake, shard, engine, tmp_path):
    first = score_shard(engine, lake, NAME, shard, tmp_path / "a.parquet")
    again = Engine(untrained_model(temperature=2.0), "cpu", batch_size=3)
    second = score_shard(again, lake, NAME, shard, tmp_path / "b.parquet")
    assert first.path.read_bytes() == second.path.read_bytes()


def test_progress_is_reported_in_digits(lake, shard, engine, tmp_path):
    done: list[int] = []
    score_shard(engine, lake, NAME, shard, tmp_path / "x.parquet", done.append)
    assert done == [3, 3, 2]
    score_shard(engine, lake, NAME, shard, tmp_path / "x.parquet", done.append)
    assert done == [3, 3, 2, 8]


def test_a_staged_file_is_kept_unchanged(lake, shard, engine, tmp_path):
    destination = tmp_path / "x.parquet"
    score_shard(engine, lake, NAME, shard, destination)
    before = (destination.stat().st_ino, destination.stat().st_mtime_ns)
    scored = score_shard(engine, lake, NAME, shard, destination)
    assert (destination.stat().st_ino, destination.stat().st_mtime_ns) == before
    assert (scored.rows, scored.is_new) == (8, False)
    assert (scored.device, scored.engine) == ("cpu", engine.description)  # who computed it, kept with it


# Side by side


def test_concurrent_shards_are_all_scored_and_a_bad_one_yields_its_error(lake, engine, tmp_path):
    manifest = put(lake, NAME, digits_table(40), shard_rows=4).manifest
    bad = manifest.shards[4]
    shard_path(lake, NAME, bad).write_bytes(b"not Parquet")

    def work(shard: Shard) -> ScoredShard:
        return score_shard(engine, lake, NAME, shard, tmp_path / shard.file)

    outcomes = dict(score_shards(work, manifest.shards, 3))
    assert isinstance(outcomes.pop(bad), ShardError)
    assert outcomes == {
        shard: ScoredShard(
            open_place(tmp_path / shard.file),
            4,
            True,
            "cpu",
            engine.description,
            digest_predictions(pq.read_table(tmp_path / shard.file)),
            count_ink(images_array(read_shard(lake, NAME, shard))),
        )
        for shard in manifest.shards
        if shard is not bad
    }
    assert not (tmp_path / bad.file).exists()


def test_at_most_one_shard_per_thread_is_scored_and_an_error_ends_the_rest():
    lock, now, most, begun = threading.Lock(), 0, 0, 0

    def work(shard: Shard) -> ScoredShard:
        nonlocal now, most, begun
        with lock:
            now, begun = now + 1, begun + 1
            most, number = max(most, now), begun
        time.sleep(0.01)
        with lock:
            now -= 1
        if number == 10:
            raise ScoringError("the disk is full")
        return ScoredShard(open_place(shard.file), 1, True, "cpu", "none", "0" * 64, (1,))

    shards = [replace(SHARD, file=str(number)) for number in range(100)]
    with pytest.raises(ScoringError, match="the disk is full"):
        list(score_shards(work, shards, 3))
    assert most == 3
    assert begun < 20


# Failures


def test_a_damaged_shard_is_not_scored(lake, shard, engine, tmp_path):
    path = shard_path(lake, NAME, shard)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ShardError):
        score_shard(engine, lake, NAME, shard, tmp_path / "staged" / "x.parquet")
    assert not (tmp_path / "staged").exists()


def test_an_interrupted_score_leaves_no_file_and_can_be_repeated(lake, shard, engine, tmp_path):
    destination = tmp_path / "staged" / "x.parquet"

    def interrupt(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_shard(engine, lake, NAME, shard, destination, interrupt)
    assert not destination.parent.exists() or not any(destination.parent.iterdir())
    assert score_shard(engine, lake, NAME, shard, destination).is_new


def test_a_full_disk_is_reported_and_leaves_no_file(lake, engine, mount_disk):
    disk = mount_disk("size=8k")
    (disk / "ballast").write_bytes(bytes(8192))
    shard = put(lake, NAME, digits_table(8)).manifest.shards[0]
    with pytest.raises(ScoringError) as caught:
        score_shard(engine, lake, NAME, shard, disk / "staged" / "x.parquet")
    assert "the disk is full" in str(caught.value)
    assert str(disk / "staged" / "x.parquet") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list((disk / "staged").iterdir()) == []


def test_a_read_only_disk_is_reported(lake, shard, engine, mount_disk):
    with pytest.raises(ScoringError, match="read-only"):
        score_shard(engine, lake, NAME, shard, mount_disk("ro,size=8k") / "staged" / "x.parquet")


def test_a_staged_file_that_was_damaged_is_scored_again(lake, shard, engine, tmp_path):
    staged = tmp_path / "staged.parquet"
    score_shard(engine, lake, NAME, shard, staged)
    whole = staged.read_bytes()
    staged.write_bytes(whole[: len(whole) // 2])
    score_shard(engine, lake, NAME, shard, staged)
    assert staged.read_bytes() == whole
