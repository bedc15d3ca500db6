"""Ingest of UNIPEN: two datasets without a common writer, their rejects, and their record."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from lenet_pipeline.errors import IngestError, TrainingError
from lenet_pipeline.jobs import ScoringJob, UnipenJob, ingest_unipen, score
from lenet_pipeline.jobs.retraining import TrainingJob, retrain
from lenet_pipeline.lake import read_manifest, read_shard, training_splits
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.warehouse import run_select
from tests.unipen_builders import write_unipen

WRITERS = [f"abc/{number:02}" for number in range(30)]


@pytest.fixture
def settings(home: Path) -> Settings:
    return read_settings(home, "tester")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_unipen(tmp_path / "unipen", WRITERS, labels=[1, 4, 7])


def read_digits(settings: Settings, dataset: str) -> pa.Table:
    manifest = read_manifest(settings.lake, dataset)
    return pa.concat_tables([read_shard(settings.lake, dataset, shard) for shard in manifest.shards])


def test_train_and_test_share_no_writer_and_test_digits_are_drawn_once(settings, root):
    train, test = ingest_unipen(settings, UnipenJob(root, "hands", drawings=2))
    found = {part.dataset: read_digits(settings, part.dataset) for part in (train, test)}
    assert list(found) == ["hands/train", "hands/test"]
    writers = [set(digits["writer"].to_pylist()) for digits in found.values()]
    assert not writers[0] & writers[1]
    assert writers[0] | writers[1] == set(WRITERS)
    assert (train.added, test.added) == (6 * len(writers[0]), 3 * len(writers[1]))
    assert set(found["hands/test"]["label"].to_pylist()) == {1, 4, 7}


def test_a_second_ingest_adds_only_new_drawings(settings, root):
    first = ingest_unipen(settings, UnipenJob(root, drawings=1))
    again = ingest_unipen(settings, UnipenJob(root, drawings=2))
    assert [part.added for part in again] == [first[0].added, 0]
    assert [part.skipped for part in again] == [part.added for part in first]


def test_few_writers_may_all_be_on_one_side(settings, tmp_path):
    outcome = ingest_unipen(settings, UnipenJob(write_unipen(tmp_path / "few", WRITERS[:1])))
    assert [(part.dataset, part.added) for part in outcome] == [("unipen/test", 10)]


def test_unreadable_files_are_rejects_and_too_many_are_an_error(settings, root):
    labels = root / "data" / "1a" / "abc"
    (labels / "00.dat").write_text(".INCLUDE gone.dat\n")
    (labels / "01.dat").write_text('.INCLUDE abc/data/01.dat\n.SEGMENT CHARACTER 99 ? "1"\n')
    train, _ = ingest_unipen(settings, UnipenJob(root, drawings=1))
    assert train.rejects == 2
    kinds = run_select(settings.warehouse, "select kind, dataset from rejects order by kind").to_pylist()
    assert kinds == [
        {"kind": "missing_include", "dataset": "unipen/train"},
        {"kind": "missing_strokes", "dataset": "unipen/train"},
    ]
    for number in range(2, 20):
        (labels / f"{number:02}.dat").write_text(".INCLUDE gone.dat\n")
    with pytest.raises(IngestError, match=r"19 of 30 files in .* were rejected .*; no digit was drawn"):
        ingest_unipen(settings, UnipenJob(root, "other"))


def test_a_folder_without_a_usable_digit_is_an_error(settings, root):
    for path in (root / "data" / "1a" / "abc").glob("*.dat"):
        path.write_text('.SEGMENT CHARACTER 0 ? "1"\n')
    with pytest.raises(IngestError, match=r"no digit in .* is usable; list the reasons with `lenet audit"):
        ingest_unipen(settings, UnipenJob(root))


def test_the_ingest_is_recorded_with_its_counts(settings, root):
    train, test = ingest_unipen(settings, UnipenJob(root, drawings=1))
    rows = run_select(
        settings.warehouse,
        "select kind, dataset, source, digits_added, finished_at is not null as is_done from ingests "
        "order by dataset",
    ).to_pylist()
    expected = [("unipen/test", test.added), ("unipen/train", train.added)]
    assert [(row["dataset"], row["digits_added"]) for row in rows] == expected
    assert {(row["kind"], row["source"], row["is_done"]) for row in rows} == {("unipen", str(root), True)}


@pytest.mark.slow
def test_a_version_learns_from_hands_and_is_audited_by_writer(settings, tmp_path):
    writers = [f"abc/{number:02}" for number in range(80)]
    ingest_unipen(settings, UnipenJob(write_unipen(tmp_path / "hands", writers, [1, 4, 7]), drawings=4))
    splits = training_splits(read_digits(settings, "unipen/train"))
    assert set(splits) == {"train", "validation", "gate"}
    retrain(settings, TrainingJob(("unipen/train",), epochs=1, device="cpu"))
    score(settings, ScoringJob("unipen/test"))
    rows = run_select(
        settings.warehouse, "select distinct writer from predictions_full order by writer"
    ).to_pylist()
    expected = sorted(set(read_digits(settings, "unipen/test")["writer"].to_pylist()))
    assert [row["writer"] for row in rows] == expected


@pytest.mark.slow
def test_a_training_on_few_writers_asks_for_more(settings, tmp_path):
    root = write_unipen(tmp_path / "few", ["abc/01"])
    (part,) = ingest_unipen(settings, UnipenJob(root, drawings=20))
    with pytest.raises(
        TrainingError, match="gate split is empty; ingest more digits, and those of more writers"
    ):
        retrain(settings, TrainingJob((part.dataset,), epochs=1, device="cpu"))
