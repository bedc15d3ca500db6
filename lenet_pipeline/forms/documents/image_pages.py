"""Read the pages of a TIFF, PNG, JPEG or BMP as grey pixels."""

from __future__ import annotations

import math
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageFile, TiffImagePlugin

from lenet_pipeline.forms.documents.resolution import is_sensible, judge_resolution
from lenet_pipeline.forms.page import Grey
from lenet_pipeline.ingest import (
    HEAD_BYTES,
    Pixels,
    UnreadableImageError,
    check_single_frame,
    decode_frame,
    decoding,
    is_tiff,
    locate_tiff_pages,
    open_image,
    open_tiff_page,
)

_STRIP_OFFSETS, _TILE_OFFSETS = 273, 324  # TIFF 6.0, sections 8 and 15: where the pixels are in the file
_AGAIN = "copy or scan it again"
_SQUARE = 1.02  # pixels count as square up to this ratio of the two resolutions
_MOST_OBLONG = 4.0  # fax has 204 x 98 and 204 x 391; a larger ratio is not a resolution


class ImagePages:
    """The pages of one image file, read one at a time from an open stream."""

    def __init__(self, stream: BinaryIO, path: Path, *, max_pixels: int) -> None:
        stream.seek(0)
        self._stream = stream
        self._head = stream.read(HEAD_BYTES)
        self._size = stream.seek(0, os.SEEK_END)
        self._suffix = path.suffix
        self._max_pixels = max_pixels
        self._places = locate_tiff_pages(stream) if is_tiff(self._head) else None

    def count(self) -> int:
        """Return the number of pages.

        Raises:
            UnreadableImageError: the file is not an image, or is an animation.
        """
        if self._places:
            return len(self._places)
        with self._decoding(), self._open(1) as image:
            check_single_frame(image)
        return 1

    def read(self, number: int) -> tuple[Grey, float | None]:
        """Read one page: its pixels, rotated as its EXIF states and made square, and its resolution.

        Args:
            number: the page's number, from 1.

        Raises:
            UnreadableImageError: this page is unreadable; the other pages may still be readable.
        """
        with self._decoding(), self._open(number) as image:
            self._check_pixels(image)
            stated = _stated_resolution(image)
            grey = decode_frame(image, self._max_pixels)
        return _square_pixels(round_levels(grey), stated, self._max_pixels)

    def states_resolution(self, number: int) -> bool:
        """Return whether the file states a plausible resolution of a page, so that it need not be guessed.

        Raises:
            UnreadableImageError: this page is unreadable.
        """
        with self._decoding(), self._open(number) as image:
            stated = _stated_resolution(image)
            return stated is not None and is_sensible(*image.size, max(stated))

    def _open(self, number: int) -> AbstractContextManager[ImageFile.ImageFile]:
        """Open one page without decoding it. A page of a TIFF opens as a file of its own."""
        if self._places:
            place = self._places[number - 1]
            if place >= self._size:
                raise UnreadableImageError(
                    "truncated_image",
                    f"the TIFF is truncated at this page, and later pages may be missing; {_AGAIN}",
                )
            return open_image(open_tiff_page(self._stream, place))
        self._stream.seek(0)
        return open_image(self._stream)

    def _check_pixels(self, image: ImageFile.ImageFile) -> None:
        """Check that a TIFF page locates its pixels within the file. Otherwise it would decode as black."""
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            strips = image.tag_v2.get(_STRIP_OFFSETS) or image.tag_v2.get(_TILE_OFFSETS)
            if not strips or max(strips) >= self._size:
                raise UnreadableImageError("damaged_image", f"its pixel data is missing; {_AGAIN}")

    def _decoding(self) -> AbstractContextManager[None]:
        return decoding(self._head, self._size, suffix=self._suffix, max_pixels=self._max_pixels)


def round_levels(grey: Pixels) -> Grey:
    """Round grey levels to a writable uint8 array."""
    if grey.dtype == np.uint8:
        return np.require(grey, np.uint8, ["C", "W"])
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def _stated_resolution(image: Image.Image) -> tuple[float, float] | None:
    """Return the resolution that an image states, in pixels per inch across and down, after rotation."""
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if not (math.isfinite(across) and math.isfinite(down) and across > 0 and down > 0):
        return None
    is_turned = image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
    return (down, across) if is_turned else (across, down)


def _square_pixels(
    grey: Grey, stated: tuple[float, float] | None, max_pixels: int
) -> tuple[Grey, float | None]:
    """Stretch oblong pixels, such as a fax has, to square ones. Return the picture and its resolution."""
    height, width = grey.shape
    if stated is None:
        return grey, judge_resolution(width, height, None)
    across, down = stated
    finer, coarser = max(stated), min(stated)
    if finer / coarser > _MOST_OBLONG:
        return grey, judge_resolution(width, height, None)
    if finer / coarser <= _SQUARE:
        return grey, judge_resolution(width, height, (across + down) / 2)
    width, height = round(width * finer / across), round(height * finer / down)
    if width * height > max_pixels:
        raise UnreadableImageError(
            "too_many_pixels",
            f"its resolution of {across:g} x {down:g} pixels per inch has to be made square, which gives "
            f"{width} x {height} = {width * height:,} pixels, and the limit is {max_pixels:,}; shrink it, "
            "or raise LENET_IMAGE_MAX_PIXELS",
        )
    stretched = cv2.resize(grey, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(stretched, dtype=np.uint8), judge_resolution(width, height, finer)
