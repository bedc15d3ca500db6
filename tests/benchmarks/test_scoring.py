"""The scoring benchmark: its digits, one peer, the check of rows, and the report."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.scoring import peer_loader
from benchmarks.scoring.contestants import CONTESTANTS, UnavailableError, run
from benchmarks.scoring.digits import prepare_digits, varied_digits
from benchmarks.scoring.job import Job
from benchmarks.scoring.memory import FailedError, run_watched
from benchmarks.scoring.ours import first_images
from benchmarks.scoring.report import Turn, contest_record, contest_table, draw_contest
from benchmarks.scoring.rows import Expected, WrongRowsError, check_rows, expect_rows
from lenet_pipeline.lake import digit_ids_array, images_array, read_manifest, read_shard
from lenet_pipeline.network import build_network
from lenet_pipeline.registry.model_files import write_model
from lenet_pipeline.schema import DIGITS
from lenet_pipeline.scoring import Preprocessing, TrainedModel, network_weights

DIGITS_HERE = 200


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    """An untrained model, because the tests compare rows and not accuracy."""
    return TrainedModel("lenet5", network_weights(build_network("lenet5")), Preprocessing())


@pytest.fixture(scope="module")
def job(model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Digits in a lake, with the model's files next to it."""
    home = tmp_path_factory.mktemp("home")
    dataset, warm_up = (prepare_digits(home / "lake", None, count) for count in (DIGITS_HERE, 8))
    job = Job(home, dataset, warm_up, "digits/1", cores=1, batch=32, workers=0)
    job.model_files.mkdir(parents=True)
    write_model(job.model_files, model)
    return job


@pytest.fixture
def expected(job: Job, model: TrainedModel) -> Expected:
    return expect_rows(job.lake, job.dataset, model)


def test_digits_are_made_one_shard_at_a_time_with_unique_ids():
    images = np.random.default_rng(0).integers(0, 256, (7, 28, 28), np.uint8)
    labels = np.arange(7, dtype=np.uint8)
    shards = list(varied_digits(images, labels, 50, shard_rows=20))
    assert [len(shard) for shard in shards] == [20, 20, 10]
    assert all(shard.schema.equals(DIGITS) for shard in shards)
    ids = np.concatenate([digit_ids_array(shard) for shard in shards])
    assert len(np.unique(ids, axis=0)) == 50
    made = np.concatenate([images_array(shard) for shard in shards])
    assert len(np.unique(made, axis=0)) == 50
    assert np.concatenate([shard["label"].to_numpy() for shard in shards]).tolist() == [
        row % 7 for row in range(50)
    ]


def test_a_made_image_is_a_shifted_and_faded_copy():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 13:15, 13:15] = 200
    (shard,) = varied_digits(image, np.zeros(1, np.uint8), 30, shard_rows=30)
    for made in images_array(shard):
        assert (made > 0).sum() == 4
        assert 140 <= made.max() <= 200
        assert np.abs(np.argwhere(made).mean(axis=0) - 13.5).max() <= 2


def test_an_existing_dataset_is_reused(job):
    before = read_manifest(job.lake, job.dataset)
    assert prepare_digits(job.lake, None, DIGITS_HERE) == job.dataset
    assert read_manifest(job.lake, job.dataset) == before
    assert before.rows == DIGITS_HERE


def test_the_loader_writes_one_row_per_digit_with_our_labels(job, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(peer_loader, "DATABASE_ROWS", 64)
    seconds = run(CONTESTANTS["loader"], job, tmp_path)
    assert seconds["seconds"] > 0
    assert expected.rows == len(expected.sample) == DIGITS_HERE
    assert check_rows(tmp_path, expected) == 1.0


def test_rows_in_parquet_with_binary_ids_are_found_too(job, expected, tmp_path):
    write_rows(tmp_path, expected)
    assert check_rows(tmp_path, expected) == 1.0


def test_missing_rows_and_wrong_labels_are_reported(job, expected, tmp_path):
    write_rows(tmp_path, expected, rows=DIGITS_HERE - 1)
    with pytest.raises(WrongRowsError, match="expected 200 rows, found 199"):
        check_rows(tmp_path, expected)
    write_rows(tmp_path, expected, wrong=1)
    with pytest.raises(WrongRowsError, match=r"only 99\.50% of the labels equal our float32 labels"):
        check_rows(tmp_path, expected)


def write_rows(folder: Path, expected: Expected, rows: int = DIGITS_HERE, wrong: int = 0) -> None:
    """Write rows with binary ids, of which the first ``wrong`` have a wrong label."""
    ids = [bytes.fromhex(digit) for digit in expected.sample["digit"].to_pylist()]
    labels = expected.sample["label"].to_numpy().copy()
    labels[:wrong] = (labels[:wrong] + 1) % 10
    pq.write_table(pa.table({"digit_id": ids, "label": labels}).slice(0, rows), folder / "rows.parquet")


def test_the_first_images_span_shards(job):
    manifest = read_manifest(job.lake, job.dataset)
    assert len(manifest.shards) == 4
    first = images_array(read_shard(job.lake, job.dataset, manifest.shards[0]))
    images = first_images(job.lake, job.dataset, 60)
    assert len(images) == 60
    assert (images[:50] == first).all()
    assert len(first_images(job.lake, job.dataset, 1_000)) == DIGITS_HERE


def test_a_contestant_without_its_packages_names_them(job):
    contestant = replace(CONTESTANTS["loader"], packages=("no_such_package", "numpy"))
    with pytest.raises(UnavailableError, match="not installed: no_such_package"):
        contestant.begin(job)


def test_a_command_that_fails_or_runs_too_long_says_why():
    assert run_watched([sys.executable, "-c", "print('done')"], 60).output == "done\n"
    with pytest.raises(FailedError, match="no luck"):
        run_watched([sys.executable, "-c", "raise SystemExit('no luck')"], 60)
    with pytest.raises(FailedError, match="not finished after 1 s"):
        run_watched([sys.executable, "-c", "import time; time.sleep(60)"], 1)


def test_the_report_compares_medians_with_the_best_complete_peer_and_the_ceiling():
    seconds = {"ours": (4, 5, 50), "loader": (10, 9, 11), "ray": (20, 20, 20), "mlflow": (4, 4, 4)}
    turns = [
        Turn(name, number, 1_000, seconds=one, start_up_s=1)
        for name, some in {**seconds, "ceiling": (4, 4, 4)}.items()
        for number, one in enumerate(some, start=1)
    ]
    turns.append(Turn("spark", 1, 1_000, failure="not installed: pyspark"))
    record = contest_record(turns)
    assert record["best_peer_with_all_columns"] == "loader"
    assert record["ratios"] == {
        "ours / loader": 2.0,
        "ours / ray": 4.0,
        "ours / mlflow": 0.8,
        "ours / ceiling": 0.8,
    }
    lines = contest_table(turns)
    assert max(map(len, lines)) <= 80
    assert any("Spark" in line and "not installed" in line for line in lines)
    assert "lenet score: 2.00 times the best peer" in lines[-2]
    assert "80% of its ceiling" in lines[-1]
    (axes,) = draw_contest(turns, "title").axes
    assert next(label.get_text() for label in axes.get_yticklabels()) == "lenet score"
