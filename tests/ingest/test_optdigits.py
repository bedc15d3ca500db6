"""The digits that scikit-learn includes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from lenet_pipeline.ingest.optdigits import is_optdigits_test, read_optdigits
from lenet_pipeline.lake import append_digits
from lenet_pipeline.lake.splits import training_splits
from lenet_pipeline.schema import BRIGHT_ON_DARK, DIGITS, derive_digit_id
from lenet_pipeline.training import read_unlearned


@pytest.fixture(scope="module")
def optdigits() -> dict[str, pa.Table]:
    return read_optdigits()


@pytest.fixture(scope="module")
def both(optdigits) -> pa.Table:
    return pa.concat_tables(optdigits.values()).sort_by("position")


def images_of(table: pa.Table) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(table["image"].to_pylist()), np.uint8).reshape(-1, 28, 28)


def ids_of(table: pa.Table) -> list[bytes]:
    return [digit_id.bytes for digit_id in table["digit_id"].to_pylist()]


def test_every_digit_of_scikit_learn_is_in_exactly_one_split(optdigits, both):
    assert set(optdigits) == {"train", "test"}
    assert both["position"].to_pylist() == list(range(1797))
    assert len(set(both["digit_id"].to_pylist())) == 1797


def test_about_80_percent_are_for_training_whatever_their_label(optdigits):
    assert 0.77 < len(optdigits["train"]) / 1797 < 0.83
    assert set(optdigits["test"]["label"].to_pylist()) == set(range(10))


def test_tables_have_the_schema_of_a_digit_and_say_where_they_come_from(optdigits):
    for table in optdigits.values():
        assert table.schema.equals(DIGITS)
        table.validate(full=True)
        assert set(table["source"].to_pylist()) == {"sklearn.datasets.load_digits"}
        assert set(table["polarity"].to_pylist()) == {BRIGHT_ON_DARK}
        assert table["box"].null_count == table["source_box"].null_count == len(table)


def test_labels_and_identifiers_belong_to_the_rows_of_scikit_learn(both):
    bunch = load_digits()
    sha256 = hashlib.sha256(bunch.images.astype(np.uint8).tobytes()).hexdigest()
    assert both["label"].to_pylist() == bunch.target.tolist()
    assert set(both["source_sha256"].to_pylist()) == {sha256}
    assert both["digit_id"].to_pylist() == [derive_digit_id(sha256, 1, None, row) for row in range(1797)]


def test_the_test_draw_is_independent_of_the_training_draw(optdigits):
    splits = training_splits(optdigits["train"])
    assert 0.86 < (splits == "train").mean() < 0.94
    assert (splits == "gate").sum() > 30


def test_digits_are_as_large_as_bright_and_as_centred_as_those_of_mnist(both):
    images = images_of(both)
    assert (images.max(axis=(1, 2)) >= 254).all()
    rows, columns = (images > 0).any(axis=2).sum(axis=1), (images > 0).any(axis=1).sum(axis=1)
    assert (np.maximum(rows, columns) <= 20).all()
    assert np.maximum(rows, columns).mean() > 19
    mass = images.sum(axis=(1, 2), dtype=float)
    for axis in (1, 2):
        centres = (images.sum(axis=3 - axis) * np.arange(28)).sum(axis=1) / mass
        assert (np.abs(centres - 14) <= 0.5).all()
    # MNIST's mean grey level is 33.3.
    assert 25 < images.mean() < 45


def test_enlarging_keeps_the_shape_of_the_digit(both):
    small = load_digits().images.reshape(1797, 64)
    means = np.stack([small[both["label"].to_numpy() == label].mean(axis=0) for label in range(10)])
    # Averaged down to 7x7, each enlarged digit is nearest to digits of its own label as a rule.
    coarse = images_of(both).reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(1797, 49)
    labels = both["label"].to_numpy()
    centres = np.stack([coarse[labels == label].mean(axis=0) for label in range(10)])
    nearest = ((coarse[:, None] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    small_nearest = ((small[:, None] - means[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == labels).mean() > (small_nearest == labels).mean() - 0.1


def test_a_training_on_the_train_split_leaves_the_test_split_unlearned(
    optdigits: dict[str, pa.Table], tmp_path: Path
) -> None:
    """Both splits come from one file, whose sha256 a packaged model records."""
    everything = pa.concat_tables([optdigits["train"], optdigits["test"]]).combine_chunks()
    manifest = append_digits(tmp_path, "mine/all", [everything], shard_rows=500, actor="tester").manifest
    files = set(everything["source_sha256"].to_pylist())
    found = read_unlearned(
        tmp_path, manifest, [], learned_all=True, learned_files=files, is_test=is_optdigits_test
    )
    assert len(files) == 1
    assert sorted(found.labels) == sorted(optdigits["test"]["label"].to_pylist())
    assert len(read_unlearned(tmp_path, manifest, [], learned_all=True, learned_files=files)) == 0
