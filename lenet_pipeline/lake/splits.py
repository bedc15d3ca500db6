"""Splits by a hash of the writer or the digit, so that both always stay in the same split."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lenet_pipeline.lake.digits import digit_ids_array

TRAIN, VALIDATION, GATE = "train", "validation", "gate"

_TRAINING_SALT = "lenet-pipeline/training-split"
_TRAIN_END = 0.90  # 90 % train
_VALIDATION_END = 0.95  # 5 % validation: early stopping, temperature; the last 5 % is the gate split


def hash_fractions(identifiers: Sequence[bytes] | NDArray[np.uint8], salt: str) -> NDArray[np.float64]:
    """Return a number in [0, 1) for every identifier, from the sha256 of the salt and the identifier.

    Different salts give independent numbers.

    Args:
        identifiers: n identifiers of any length, or uint8 (n, length).
        salt: the name of the split.

    Returns:
        float64 (n,).
    """
    prefix = hashlib.sha256(salt.encode())
    digests = []
    for identifier in identifiers:
        digest = prefix.copy()
        digest.update(bytes(identifier))
        digests.append(digest.digest()[:8])
    numbers = np.frombuffer(b"".join(digests), dtype=">u8")
    # A float64 holds 53 bits; rounding all 64 could give 1.0.
    return (numbers >> np.uint64(11)).astype(np.float64) * 2.0**-53


def split_keys(digits: pa.Table) -> list[bytes]:
    """Return what decides the split of each digit: its writer, or its identifier if the writer is unknown.

    Args:
        digits: a table with the columns ``digit_id`` and ``writer`` of schema ``DIGITS``.
    """
    writers = digits["writer"].to_pylist()
    ids = digit_ids_array(digits)
    return [
        digit_id.tobytes() if writer is None else writer.encode()
        for digit_id, writer in zip(ids, writers, strict=True)
    ]


def training_splits(digits: pa.Table) -> NDArray[np.str_]:
    """Return ``train`` (90 %), ``validation`` (5 %) or ``gate`` (5 %) for every digit of a training set.

    All digits of a writer are in one split, also if they are in several datasets.

    Args:
        digits: n digits with the columns ``digit_id`` and ``writer`` of schema ``DIGITS``.

    Returns:
        The split of each digit, str (n,).
    """
    fractions = hash_fractions(split_keys(digits), _TRAINING_SALT)
    names = np.array([TRAIN, VALIDATION, GATE])
    return names[np.searchsorted([_TRAIN_END, _VALIDATION_END], fractions, side="right")]
