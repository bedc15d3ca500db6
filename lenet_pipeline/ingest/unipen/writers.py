"""Divide the writers of UNIPEN into those for training and those for the test."""

from __future__ import annotations

from collections.abc import Sequence

from lenet_pipeline.ingest.unipen.trajectories import WrittenDigit
from lenet_pipeline.lake import hash_fractions

_TEST_SHARE = 0.2
_SPLIT_SALT = "lenet-pipeline/unipen-writer"


def split_writers(digits: Sequence[WrittenDigit]) -> dict[str, list[WrittenDigit]]:
    """Divide digits into ``train`` and ``test`` by a hash of the writer's name.

    About a fifth of the writers are for the test. A writer is on the same side in every call. One side may
    be empty if there are few writers.
    """
    writers = sorted({digit.writer for digit in digits})
    fractions = hash_fractions([writer.encode() for writer in writers], _SPLIT_SALT)
    tested = {writer for writer, fraction in zip(writers, fractions, strict=True) if fraction < _TEST_SHARE}
    return {
        "train": [digit for digit in digits if digit.writer not in tested],
        "test": [digit for digit in digits if digit.writer in tested],
    }
