"""Digits from a pair of IDX files: images of 28x28 pixels, and their labels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa

from lenet_pipeline.errors import IngestError
from lenet_pipeline.ingest.batch import derive_row_ids, digits_table, path_text
from lenet_pipeline.ingest.idx import IdxFile, read_idx
from lenet_pipeline.schema import BRIGHT_ON_DARK, IMAGE_SIDE


def read_idx_digits(images: Path, labels: Path | None) -> pa.Table:
    """Read a file of images and its file of labels as a table of digits.

    The images are taken as they are: upright, bright ink on a dark background. Files with the suffix ``.gz``
    are decompressed.

    Args:
        images: an IDX file of bytes with three axes, n images of 28x28 pixels.
        labels: an IDX file of n bytes, 0 to 9; None if the labels are unknown.

    Raises:
        IngestError: a file cannot be read or is damaged, or the two do not fit together.
    """
    return idx_digits_table(read_idx(images, axes=3), read_idx(labels, axes=1) if labels else None)


def idx_digits_table(images: IdxFile, labels: IdxFile | None) -> pa.Table:
    """Return images and labels as a table of digits.

    Raises:
        IngestError: the images have another size, or their number differs from that of the labels, or a label
            is not a digit.
    """
    count = len(images.values)
    if images.values.shape[1:] != (IMAGE_SIDE, IMAGE_SIDE):
        size = " x ".join(str(side) for side in images.values.shape[1:])
        raise IngestError(
            f"{images.path} has images of {size} pixels, expected 28 x 28; convert them to that size"
        )
    if labels is not None:
        _check_labels(images, labels)
    return digits_table(
        images.values,
        [None] * count if labels is None else labels.values,
        digit_ids=derive_row_ids(images.sha256, count),
        sources=path_text(Path(os.path.abspath(images.path))),  # noqa: PTH100  # resolve() would follow links
        source_sha256s=images.sha256,
        positions=np.arange(count, dtype=np.int32),
        polarities=BRIGHT_ON_DARK,
    )


def _check_labels(images: IdxFile, labels: IdxFile) -> None:
    if len(images.values) != len(labels.values):
        raise IngestError(
            f"{images.path} has {len(images.values):,} images, but {labels.path} has {len(labels.values):,} "
            "labels; use two files that belong together"
        )
    outside = np.flatnonzero(labels.values > 9)
    if outside.size:
        raise IngestError(
            f"{labels.path} has {outside.size:,} of {labels.values.size:,} labels outside 0 to 9; the first "
            f"is {labels.values[outside[0]]} in row {outside[0]}; use a set of digits"
        )
