"""Columns of digits as numpy arrays, without a copy if the column is one chunk."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from lenet_pipeline.lake.fingerprints import fixed_size_bytes, one_array
from lenet_pipeline.schema import IMAGE_SIDE, Images


def images_array(digits: pa.Table) -> Images:
    """Return the images of a table of digits as uint8 (n, 28, 28), bright ink on a dark background."""
    pixels = np.frombuffer(fixed_size_bytes(one_array(digits["image"])), np.uint8)
    return pixels.reshape(len(digits), IMAGE_SIDE, IMAGE_SIDE)


def digit_ids_array(digits: pa.Table) -> npt.NDArray[np.uint8]:
    """Return the identifiers of a table of digits as uint8 (n, 16)."""
    identifiers = np.frombuffer(fixed_size_bytes(one_array(digits["digit_id"]).storage), np.uint8)
    return identifiers.reshape(len(digits), 16)
