"""Splits drawn by a hash of digit_id."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from lenet_pipeline.lake.splits import GATE, TRAIN, VALIDATION, hash_fractions, training_splits

COUNT = 20_000


@pytest.fixture(scope="module")
def digit_ids() -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (COUNT, 16), dtype=np.uint8)


def splits_of(ids: NDArray[np.uint8], writers: Sequence[str | None] | None = None) -> NDArray[np.str_]:
    """Return the splits of digits with some ids, uint8 (n, 16), and writers."""
    table = pa.table(
        {
            "digit_id": pa.array([row.tobytes() for row in ids], pa.uuid()),
            "writer": pa.array([None] * len(ids) if writers is None else writers, pa.string()),
        }
    )
    return training_splits(table)


def test_a_fraction_is_the_leading_bits_of_the_sha256_of_salt_and_identifier():
    digit_id = bytes(range(16))
    number = int.from_bytes(hashlib.sha256(b"salt" + digit_id).digest()[:8], "big")
    assert hash_fractions([digit_id], "salt")[0] == (number >> 11) / 2**53


def test_fractions_are_the_same_for_bytes_and_for_an_array(digit_ids):
    listed = [row.tobytes() for row in digit_ids[:50]]
    assert np.array_equal(hash_fractions(listed, "a"), hash_fractions(digit_ids[:50], "a"))


def test_an_empty_list_of_identifiers_has_no_fractions():
    assert hash_fractions([], "a").shape == (0,)
    assert splits_of(np.empty((0, 16), np.uint8)).shape == (0,)


def test_fractions_are_uniform_in_the_unit_interval(digit_ids):
    fractions = hash_fractions(digit_ids, "a")
    assert fractions.min() >= 0 and fractions.max() < 1
    counts = np.histogram(fractions, bins=10, range=(0, 1))[0]
    assert np.abs(counts - COUNT / 10).max() < 5 * np.sqrt(COUNT / 10)


def test_draws_with_different_salts_are_independent(digit_ids):
    first, second = hash_fractions(digit_ids, "a"), hash_fractions(digit_ids, "b")
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(COUNT)
    held_out = first >= 0.8
    assert abs((second[held_out] < 0.5).mean() - 0.5) < 5 * 0.5 / np.sqrt(held_out.sum())


def test_a_training_set_splits_into_90_5_and_5_percent(digit_ids):
    splits = splits_of(digit_ids)
    for name, share in ((TRAIN, 0.90), (VALIDATION, 0.05), (GATE, 0.05)):
        found = float((splits == name).mean())
        assert abs(found - share) < 5 * np.sqrt(share * (1 - share) / COUNT), name


def test_a_digit_keeps_its_split_whatever_else_is_in_the_set(digit_ids):
    shuffled = np.random.default_rng(1).permutation(COUNT)[:500]
    assert np.array_equal(splits_of(digit_ids)[shuffled], splits_of(digit_ids[shuffled]))


def test_the_training_draw_does_not_change_from_version_to_version():
    ids = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 16, axis=1)
    found = hashlib.sha256(",".join(splits_of(ids)).encode()).hexdigest()
    assert found[:16] == "973c3223ef90ef56"


def test_all_digits_of_a_writer_are_in_one_split(digit_ids):
    writers = [f"writer {number % 400}" for number in range(4000)]
    splits = splits_of(digit_ids[:4000], writers)
    homes = {(writer, str(split)) for writer, split in zip(writers, splits, strict=True)}
    assert len(homes) == 400
    assert {split for _, split in homes} == {TRAIN, VALIDATION, GATE}


def test_a_writer_is_in_the_same_split_whatever_else_is_in_the_set(digit_ids):
    writers = ["ada" if number % 3 == 0 else None for number in range(90)]
    splits = splits_of(digit_ids[:90], writers)
    assert set(splits[::3]) == set(splits_of(digit_ids[100:101], ["ada"]))
    others = np.arange(90) % 3 > 0
    assert np.array_equal(splits[others], splits_of(digit_ids[:90])[others])
