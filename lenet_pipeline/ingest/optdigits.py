"""Optdigits: the 1,797 handwritten digits of the UCI optdigits test set, which scikit-learn includes."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from lenet_pipeline.ingest.batch import derive_row_ids, digits_table
from lenet_pipeline.ingest.normalisation import place_ink
from lenet_pipeline.lake import digit_ids_array, hash_fractions
from lenet_pipeline.schema import BRIGHT_ON_DARK, Floats, Images

_SOURCE = "sklearn.datasets.load_digits"
_SPLIT_SALT = "lenet-pipeline/optdigits-test"  # not the training split's, so the two are independent
_TRAIN_SHARE = 0.8
_FULL_INK = 16  # each pixel counts the ink of a 4x4 block of the original bitmap
_ENLARGEMENT = 5


def read_optdigits() -> dict[str, pa.Table]:
    """Return ``train`` (80 %) and ``test`` (20 %) as tables of digits, split by a hash of digit_id."""
    from sklearn.datasets import load_digits  # the import takes a second, and only this function needs it

    bunch = load_digits()
    pixels = np.asarray(bunch.images).astype(np.uint8)
    fingerprint = hashlib.sha256(pixels.tobytes()).hexdigest()
    digit_ids = derive_row_ids(fingerprint, len(pixels))
    digits = digits_table(
        np.stack([enlarge_digit(digit) for digit in pixels]),
        np.asarray(bunch.target).astype(np.uint8),
        digit_ids=digit_ids,
        sources=_SOURCE,
        source_sha256s=fingerprint,
        positions=np.arange(len(pixels), dtype=np.int32),
        polarities=BRIGHT_ON_DARK,
    )
    is_test = is_optdigits_test(digits)
    return {"train": digits.filter(pa.array(~is_test)), "test": digits.filter(pa.array(is_test))}


def is_optdigits_test(digits: pa.Table) -> NDArray[np.bool_]:
    """Tell which digits, of schema ``DIGITS``, belong to the test set of optdigits, bool (n,).

    Both sets come from one file, so its sha256 does not tell.
    """
    is_from_here = np.array([source == _SOURCE for source in digits["source"].to_pylist()], dtype=bool)
    fractions = hash_fractions(digit_ids_array(digits), _SPLIT_SALT)
    is_test: NDArray[np.bool_] = is_from_here & (fractions >= _TRAIN_SHARE)
    return is_test


def enlarge_digit(pixels: NDArray[np.uint8]) -> Images:
    """Enlarge one 8x8 digit smoothly and normalise it like MNIST.

    Args:
        pixels: uint8 (8, 8), 0 to 16, bright ink on a dark background.

    Returns:
        uint8 (28, 28), 0 to 255, bright ink on a dark background.
    """
    side = len(pixels) * _ENLARGEMENT
    levels = Image.fromarray((pixels.astype(np.float32) * (255 / _FULL_INK)).astype(np.uint8))
    smooth = np.asarray(levels.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32) / 255
    # Enlarging blurs the strokes, but MNIST's strokes have steep edges.
    ink: Floats = np.clip((smooth - 0.3) / 0.55, 0, 1)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return place_ink(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
