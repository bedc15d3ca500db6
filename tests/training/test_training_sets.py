"""Labelled digits are read and split by their digit ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from lenet_pipeline.errors import ShardError, TrainingError
from lenet_pipeline.lake.appending import append_digits
from lenet_pipeline.lake.datasets import shard_path
from lenet_pipeline.lake.splits import training_splits
from lenet_pipeline.training.training_sets import (
    SPLITS,
    LabelledDigits,
    read_labelled,
    read_splits,
    read_unlearned,
)
from tests.digit_builders import digits_table, put

COUNT = 300


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def drawn(splits: dict[str, LabelledDigits]) -> dict[str, set[tuple[bytes, int]]]:
    """Return each split as a set of images with their labels, proving that none is in it twice."""
    found = {}
    for name, digits in splits.items():
        pairs = [
            (image.tobytes(), int(label)) for image, label in zip(digits.images, digits.labels, strict=True)
        ]
        found[name] = set(pairs)
        assert len(found[name]) == len(pairs) == len(digits)
    return found


def of_table(table: pa.Table) -> set[tuple[bytes, int]]:
    return set(zip(table["image"].to_pylist(), table["label"].to_pylist(), strict=True))


def test_the_splits_are_disjoint_and_cover_everything(lake):
    table = digits_table(COUNT)
    found = drawn(read_splits(lake, [put(lake, "a/x", table).manifest]))
    assert tuple(found) == SPLITS == ("train", "validation", "gate")
    assert set().union(*found.values()) == of_table(table)
    assert sum(len(split) for split in found.values()) == COUNT
    assert all(found.values())
    assert 0.8 < len(found["train"]) / COUNT < 0.97


def test_a_digits_id_determines_its_split(lake):
    table = digits_table(COUNT)
    found = drawn(read_splits(lake, [put(lake, "a/x", table).manifest]))
    splits = training_splits(table)
    for name in SPLITS:
        assert found[name] == of_table(table.filter(pa.array(splits == name)))


def test_order_shards_and_datasets_do_not_change_a_digits_split(lake):
    table = digits_table(COUNT)
    one = put(lake, "one/x", table).manifest
    shuffled = table.take(np.random.default_rng(0).permutation(COUNT))
    many = put(lake, "many/x", shuffled, shard_rows=37).manifest
    parts = [put(lake, f"part{n}/x", table.slice(n * 100, 100)).manifest for n in (2, 0, 1)]
    expected = drawn(read_splits(lake, [one]))
    assert drawn(read_splits(lake, [many])) == expected
    assert drawn(read_splits(lake, parts)) == expected


def test_more_digits_do_not_change_the_split_of_others(lake):
    before = drawn(read_splits(lake, [put(lake, "a/x", digits_table(100)).manifest]))
    after = drawn(read_splits(lake, [put(lake, "a/x", digits_table(COUNT)).manifest]))
    assert all(before[name] <= after[name] for name in SPLITS)


def test_a_digit_in_two_datasets_is_used_once(lake):
    first = put(lake, "a/x", digits_table(80)).manifest
    second = put(lake, "b/x", digits_table(80, start=40)).manifest
    found = drawn(read_splits(lake, [first, second]))
    assert set().union(*found.values()) == of_table(digits_table(120))
    assert sum(len(split) for split in found.values()) == 120


def test_unlabelled_digits_are_skipped_even_if_they_come_first(lake):
    labels = [None if position % 3 else position % 10 for position in range(60)]
    unknown = put(lake, "a/x", digits_table(60, labels=labels)).manifest
    known = put(lake, "b/x", digits_table(60)).manifest
    assert len(read_labelled(lake, [unknown])) == 20
    assert set().union(*drawn(read_splits(lake, [unknown])).values()) == of_table(
        digits_table(60).take(list(range(0, 60, 3)))
    )
    assert set().union(*drawn(read_splits(lake, [unknown, known])).values()) == of_table(digits_table(60))


def test_labelled_digits_are_read_in_order(lake):
    first = put(lake, "a/x", digits_table(7), shard_rows=3).manifest
    second = put(lake, "b/x", digits_table(4, start=90)).manifest
    found = read_labelled(lake, [second, first])
    assert found.labels.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6]
    assert found.labels.dtype == found.images.dtype == np.uint8
    assert found.images.shape == (11, 28, 28)
    expected = pa.concat_tables([digits_table(4, start=90), digits_table(7)])["image"].to_pylist()
    assert [image.tobytes() for image in found.images] == expected


def test_a_mask_selects_digits_in_order():
    digits = LabelledDigits(
        np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((1, 28, 28), np.uint8), np.arange(4)
    )
    found = digits.where(np.array([True, False, False, True]))
    assert found.labels.tolist() == found.images[:, 0, 0].tolist() == [0, 3]


@pytest.mark.parametrize("read", [read_labelled, read_splits])
def test_datasets_without_any_label_are_refused_by_name(lake, read):
    manifests = [put(lake, name, digits_table(5, labels=[None] * 5)).manifest for name in ("a/x", "b/y")]
    with pytest.raises(TrainingError) as caught:
        read(lake, manifests)
    assert str(caught.value) == "no digit in a/x, b/y has a label; ingest labelled digits"


@pytest.mark.parametrize("read", [read_labelled, read_splits])
def test_a_dataset_without_any_digit_is_refused_by_name(lake, read):
    manifest = append_digits(lake, "a/x", [], shard_rows=5, actor="test", may_be_empty=True).manifest
    with pytest.raises(TrainingError, match="no digit in a/x has a label"):
        read(lake, [manifest])


@pytest.mark.parametrize("read", [read_labelled, read_splits])
def test_a_damaged_shard_is_refused(lake, read):
    manifest = put(lake, "a/x", digits_table(6), shard_rows=3).manifest
    shard_path(lake, "a/x", manifest.shards[1]).write_bytes(b"PAR1")
    with pytest.raises(ShardError):
        read(lake, [manifest])


def test_a_learned_digit_is_excluded_whatever_its_dataset(lake):
    learned = put(lake, "a/train", digits_table(200)).manifest
    copied = put(lake, "copy/all", digits_table(300)).manifest  # the same 200, and 100 more
    gate = int((training_splits(digits_table(200)) == "gate").sum())
    assert 0 < gate < 100
    assert len(read_unlearned(lake, copied, [learned], learned_all=False)) == 100 + gate
    assert len(read_unlearned(lake, copied, [learned], learned_all=True)) == 100
    assert len(read_unlearned(lake, copied, [], learned_all=True)) == 300


def test_no_writer_is_in_two_splits_of_two_datasets(lake):
    writers = [f"writer {number % 60}" for number in range(COUNT)]
    first = digits_table(COUNT, writers=writers)
    second = digits_table(COUNT, scan="other", writers=writers)
    found = drawn(read_splits(lake, [put(lake, "a/x", first).manifest, put(lake, "b/x", second).manifest]))
    both = pa.concat_tables([first, second])
    written = {
        name: {
            writer
            for writer, image in zip(both["writer"].to_pylist(), both["image"].to_pylist(), strict=True)
            if image in {pixels for pixels, _ in pairs}
        }
        for name, pairs in found.items()
    }
    assert all(written.values())
    assert sum(map(len, written.values())) == 60


def test_digits_of_a_learned_writer_are_excluded(lake):
    learned = put(lake, "a/train", digits_table(50, writers=["ada"] * 50)).manifest
    others = digits_table(60, scan="other", writers=["ada"] * 20 + ["bob"] * 30 + [None] * 10)
    manifest = put(lake, "b/test", others).manifest
    assert len(read_unlearned(lake, manifest, [learned], learned_all=True)) == 40


def test_a_digit_of_a_learned_file_is_excluded_without_the_dataset_that_was_learned(lake):
    tables = [digits_table(200), digits_table(100, scan="another")]
    manifest = append_digits(lake, "mine/all", tables, shard_rows=500, actor="test").manifest
    gate = int((training_splits(tables[0]) == "gate").sum())
    assert 0 < gate < 100
    for learned_all, kept in ((False, 100 + gate), (True, 100)):
        found = read_unlearned(lake, manifest, [], learned_all=learned_all, learned_files={"scan"})
        assert len(found) == kept
