"""Digits of sets other than MNIST are read from a pair of IDX files."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest import read_idx_digits
from lenet_pipeline.schema import BRIGHT_ON_DARK, DIGITS
from tests.ingest.test_mnist import idx

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 28, 28), np.uint8)
LABELS = (np.arange(12) % 10).astype(np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The paths of 12 images, packed, and their labels, not packed."""
    images, labels = tmp_path / "own-images.gz", tmp_path / "own-labels"
    images.write_bytes(gzip.compress(idx(IMAGES)))
    labels.write_bytes(idx(LABELS))
    return images, labels


def test_images_and_labels_are_read_under_any_file_name(files):
    table = read_idx_digits(*files)
    assert table.schema.equals(DIGITS)
    assert b"".join(table["image"].to_pylist()) == IMAGES.tobytes()
    assert table["label"].to_pylist() == LABELS.tolist()
    assert set(table["source"].to_pylist()) == {str(files[0])}
    assert set(table["polarity"].to_pylist()) == {BRIGHT_ON_DARK}


def test_images_without_a_file_of_labels_have_none(files):
    assert read_idx_digits(files[0], None)["label"].to_pylist() == [None] * 12


def test_labels_of_another_set_are_refused(files):
    files[1].write_bytes(idx(LABELS[:-1]))
    with pytest.raises(IngestError, match=r"has 12 images, but .*own-labels has 11 labels"):
        read_idx_digits(*files)


def test_letters_are_refused(files):
    files[1].write_bytes(idx(LABELS + 3))
    with pytest.raises(IngestError, match=r"own-labels has 3 of 12 labels outside 0 to 9; .* 10 in row 7"):
        read_idx_digits(*files)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(IngestError, match=r"cannot read .*nothing: No such file or directory"):
        read_idx_digits(tmp_path / "nothing", None)
