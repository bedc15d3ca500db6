"""Splits by a hash of the digit's identifier, so that a digit always stays in the same split."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TRAIN, VALIDATION, GATE = "train", "validation", "gate"

_TRAINING_SALT = "lenet-pipeline/training-split"
_TRAIN_END = 0.90  # 90 % train
_VALIDATION_END = 0.95  # 5 % validation: early stopping, temperature; the last 5 % is the gate split


def hash_fractions(digit_ids: Sequence[bytes] | NDArray[np.uint8], salt: str) -> NDArray[np.float64]:
    """Return a number in [0, 1) for every digit, from the sha256 of the salt and the identifier.

    Different salts give independent numbers.

    Args:
        digit_ids: n identifiers of 16 bytes, as a list or as uint8 (n, 16).
        salt: the name of the split.

    Returns:
        float64 (n,).
    """
    prefix = hashlib.sha256(salt.encode())
    digests = []
    for digit_id in digit_ids:
        digest = prefix.copy()
        digest.update(bytes(digit_id))
        digests.append(digest.digest()[:8])
    numbers = np.frombuffer(b"".join(digests), dtype=">u8")
    # A float64 holds 53 bits; rounding all 64 could give 1.0.
    return (numbers >> np.uint64(11)).astype(np.float64) * 2.0**-53


def training_splits(digit_ids: Sequence[bytes] | NDArray[np.uint8]) -> NDArray[np.str_]:
    """Return ``train`` (90 %), ``validation`` (5 %) or ``gate`` (5 %) for every digit of a training set.

    Args:
        digit_ids: n identifiers of 16 bytes, as a list or as uint8 (n, 16).

    Returns:
        The split of each digit, str (n,).
    """
    fractions = hash_fractions(digit_ids, _TRAINING_SALT)
    names = np.array([TRAIN, VALIDATION, GATE])
    return names[np.searchsorted([_TRAIN_END, _VALIDATION_END], fractions, side="right")]
