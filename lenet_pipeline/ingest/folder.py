"""Read image files of one digit each. Every listed file becomes a digit, a reject or a count."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from lenet_pipeline.ingest.batch import Reject, SourceBatch, digits_table, path_text
from lenet_pipeline.ingest.drawn_tables import ignore_progress
from lenet_pipeline.ingest.image_formats import NotAnImageError, UnreadableImageError
from lenet_pipeline.ingest.images import decode_image, read_content
from lenet_pipeline.ingest.listing import ListedImage, list_images
from lenet_pipeline.ingest.normalisation import NormalisedDigit, normalise_digit
from lenet_pipeline.schema import IMAGE_SIDE, derive_digit_id

__all__ = ["ListedImage", "list_images", "read_images"]


@dataclass(frozen=True)
class _ReadImage:
    """An image that was read: its entry in the list, the sha256 of its file, and its digit."""

    listed: ListedImage
    sha256: str
    digit: NormalisedDigit


def read_images(
    listed: Sequence[ListedImage],
    *,
    max_pixels: int,
    max_bytes: int,
    advance: Callable[[int], None] = ignore_progress,
) -> SourceBatch:
    """Read and normalise images. An image that cannot be read becomes a reject.

    Args:
        listed: the list from ``list_images`` or a part of it. The digits of one call are held in memory.
        max_pixels: the maximum size of an image.
        max_bytes: the maximum size of a file.
        advance: called with 1 after every file, read or rejected.
    """
    read: list[_ReadImage] = []
    rejects: list[Reject] = []
    unrecognised = 0
    for item in listed:
        outcome = _read_image(item, max_pixels=max_pixels, max_bytes=max_bytes)
        if isinstance(outcome, _ReadImage):
            read.append(outcome)
        elif isinstance(outcome, Reject):
            rejects.append(outcome)
        else:
            unrecognised += 1
        advance(1)
    return SourceBatch(_table(read), tuple(rejects), unrecognised)


def _read_image(item: ListedImage, *, max_pixels: int, max_bytes: int) -> _ReadImage | Reject | None:
    """Read one image; return None for a file in the folder that is not an image."""
    sha256 = None
    try:
        if item.problem is not None:
            raise UnreadableImageError(item.problem_kind, item.problem)
        content = read_content(item.path, max_bytes=max_bytes)
        sha256 = hashlib.sha256(content).hexdigest()
        grey = decode_image(content, suffix=item.path.suffix, max_pixels=max_pixels)
        digit = normalise_digit(grey)
        if digit is None:
            raise UnreadableImageError(
                "no_ink", "no ink stands out from the background; check that the image shows a digit"
            )
        return _ReadImage(item, sha256, digit)
    except UnreadableImageError as exc:
        if isinstance(exc, NotAnImageError) and not item.is_named:
            return None
        return Reject(path_text(item.path), exc.kind, str(exc), source_sha256=sha256)


def _table(read: Sequence[_ReadImage]) -> pa.Table:
    """Return the digits as a table of schema ``DIGITS``."""
    ids = b"".join(derive_digit_id(image.sha256, 1, None, 0).bytes for image in read)
    images = [image.digit.image for image in read]
    return digits_table(
        np.stack(images) if images else np.empty((0, IMAGE_SIDE, IMAGE_SIDE), np.uint8),
        [image.listed.label for image in read],
        digit_ids=np.frombuffer(ids, np.uint8).reshape(len(read), 16),
        sources=[path_text(image.listed.path) for image in read],
        source_sha256s=[image.sha256 for image in read],
        positions=[0] * len(read),
        polarities=[image.digit.polarity for image in read],
        source_boxes=[image.digit.ink for image in read],
        writers=[image.listed.writer for image in read],
    )
