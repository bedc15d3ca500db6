"""Read image files as grey pictures, within size limits. Every failure becomes ``UnreadableImageError``."""

from __future__ import annotations

import ctypes
import functools
import logging
import stat
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError, _imaging

from lenet_pipeline.ingest.grey_levels import read_grey_levels
from lenet_pipeline.ingest.image_formats import (
    FORMATS,
    HEAD_BYTES,
    UnreadableImageError,
    explain_decoder_error,
    explain_unidentified,
    has_bmp_header,
    too_many_pixels,
)
from lenet_pipeline.ingest.normalisation import Pixels
from lenet_pipeline.ingest.tiff import is_tiff, locate_tiff_pages, move_page_first

# A damaged file can make Pillow's decoders raise almost any exception, in Python and from C, with no
# documented common base. A fuzz test over damaged files checks that this list is complete. MemoryError
# comes from wrong sizes in a header.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    RuntimeError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
)

_LEAST_HIGH_BYTE = 16  # of the brightest colour, unless the picture has 12 bits or fewer

# Keep Pillow's log messages about damaged files off the terminal; the reject has the reason.
logging.getLogger("PIL").addHandler(logging.NullHandler())


def read_content(path: Path, *, max_bytes: int, noun: str = "image") -> bytes:
    """Return the bytes of a regular file.

    Args:
        path: the file.
        max_bytes: the maximum size of the file.
        noun: the expected type of file, for the error message.

    Raises:
        UnreadableImageError: the file is missing, unreadable, not a regular file, empty, or larger than
            ``max_bytes``.
    """
    with open_content(path, max_bytes=max_bytes, noun=noun) as stream:
        return stream.read()


@contextmanager
def open_content(path: Path, *, max_bytes: int, noun: str = "image") -> Iterator[BufferedReader]:
    """Open a regular file for reading, with the arguments and errors of ``read_content``."""
    try:
        found = path.stat()
        # Opening a named pipe would wait forever for a writer.
        if not stat.S_ISREG(found.st_mode):
            raise UnreadableImageError("not_a_file", f"not a regular file; give {noun} files")
        if found.st_size > max_bytes:
            raise UnreadableImageError(
                "too_many_bytes",
                f"the file has {found.st_size:,} bytes, and the limit is {max_bytes:,}; "
                f"use a smaller {noun}, or raise LENET_IMAGE_MAX_BYTES",
            )
        if found.st_size == 0:
            raise UnreadableImageError("empty_file", "the file is empty; copy it again from its source")
        with path.open("rb") as stream:
            yield stream
    except FileNotFoundError:
        raise UnreadableImageError("missing_file", "the file does not exist; correct its path") from None
    except PermissionError:
        raise UnreadableImageError(
            "unreadable_file", "permission denied; correct the permissions of the file"
        ) from None
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        raise UnreadableImageError(
            "unreadable_file", f"the file cannot be read ({reason}); check the disk"
        ) from None
    except ValueError as exc:  # a NUL in a path from a CSV
        raise UnreadableImageError("missing_file", f"the path is invalid ({exc}); correct it") from None


def decode_image(content: bytes, *, suffix: str, max_pixels: int) -> Pixels:
    """Decode a PNG, JPEG, TIFF or BMP. The content determines the format, not the name.

    Args:
        content: the bytes of the file.
        suffix: the end of the file's name, such as ``.png``, for the error if the content is not an image.
        max_pixels: the maximum size of the image.

    Returns:
        Grey levels (height, width), 0 to 255, uint8 or float32, upright, ink of either polarity.

    Raises:
        NotAnImageError: the file is not an image, by name or content.
        UnreadableImageError: the image cannot be read.
    """
    with (
        decoding(content[:HEAD_BYTES], len(content), suffix=suffix, max_pixels=max_pixels),
        Image.open(BytesIO(_single_picture(content)), formats=FORMATS) as image,
    ):
        check_single_frame(image)
        return decode_frame(image, max_pixels, choose_channel=True)


def _single_picture(content: bytes) -> bytes:
    """Return the bytes of an image file in which its picture comes first. In a TIFF, a copy may come first.

    Raises:
        UnreadableImageError: the TIFF is truncated or has several pages.
    """
    pages = locate_tiff_pages(BytesIO(content)) if is_tiff(content) else []
    if not pages:
        return content
    if pages[-1] >= len(content):
        raise UnreadableImageError("truncated_image", "the end of the file is missing; copy or scan it again")
    _check_frames("TIFF", len(pages))
    return move_page_first(content, pages[0])


@contextmanager
def decoding(head: bytes, size: int, *, suffix: str, max_pixels: int) -> Iterator[None]:
    """Convert any error from opening or decoding an image in this block to ``UnreadableImageError``.

    The arguments only serve the error message.

    Args:
        head: the first ``HEAD_BYTES`` of the file.
        size: the number of bytes of the file.
        suffix: the end of the file's name, such as ``.png``.
        max_pixels: the maximum size of the image.
    """
    if head.startswith(b"BM") and not has_bmp_header(head):
        raise explain_unidentified(head, size, suffix.lower())
    with warnings.catch_warnings():
        # Ignore warnings about odd metadata, which does not affect the picture, but not about huge images.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except UnidentifiedImageError:
            raise explain_unidentified(head, size, suffix.lower()) from None
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as exc:
            raise too_many_pixels(str(exc).split(",")[0], max_pixels) from None
        except _DECODER_ERRORS as exc:
            raise explain_decoder_error(exc) from exc


@contextmanager
def open_image(stream: BinaryIO) -> Iterator[ImageFile.ImageFile]:
    """Open a PNG, JPEG, TIFF or BMP of any size. Use it inside a ``decoding`` block."""
    pillow_limit = Image.MAX_IMAGE_PIXELS
    try:
        # Pillow's own limit would override a larger LENET_IMAGE_MAX_PIXELS.
        Image.MAX_IMAGE_PIXELS = None
        with Image.open(stream, formats=FORMATS) as image:
            yield image
    finally:
        Image.MAX_IMAGE_PIXELS = pillow_limit


def check_single_frame(image: ImageFile.ImageFile) -> None:
    """Check that an opened image has one frame. Call it inside a ``decoding`` block.

    Raises:
        UnreadableImageError: the image has several frames or pages.
    """
    # The JPEG of a camera (MPO) can also contain previews and gain maps, which are not frames. The pages of a
    # TIFF are counted before it is opened.
    if image.format not in ("JPEG", "MPO", "TIFF"):
        _check_frames(image.format, getattr(image, "n_frames", 1))


def _check_frames(kind: str | None, frames: int) -> None:
    if frames > 1:
        raise UnreadableImageError(
            "several_frames",
            f"the {kind} has {frames} frames or pages, expected one; save each as its own file",
        )


def decode_frame(image: ImageFile.ImageFile, max_pixels: int, *, choose_channel: bool = False) -> Pixels:
    """Decode the current frame of an opened image. Call it inside a ``decoding`` block.

    Args:
        image: the opened image.
        max_pixels: the maximum size of the image.
        choose_channel: choose the channel of a coloured image in which its ink stands out most.

    Returns:
        Grey levels (height, width), 0 to 255, uint8 or float32, upright.

    Raises:
        UnreadableImageError: the image has more than ``max_pixels`` pixels, and is not decoded; or its
            colours use 12 of 16 bits or fewer.
    """
    pixels = image.width * image.height
    if pixels > max_pixels:
        raise too_many_pixels(f"the image has {image.width} x {image.height} = {pixels:,} pixels", max_pixels)
    if image.format == "TIFF":
        _silence_libtiff()
    has_deep_colours = image.mode in ("RGB", "RGBA") and ";16" in str(image.tile)
    image.load()
    if has_deep_colours:
        _check_high_bytes(image)
    return read_grey_levels(ImageOps.exif_transpose(image), choose_channel=choose_channel)


def _check_high_bytes(image: Image.Image) -> None:
    """Check that an image of 16 bits per colour is not black, because Pillow keeps only the high bytes."""
    extrema = image.convert("RGB").getextrema()
    if np.max(extrema) < _LEAST_HIGH_BYTE:
        raise UnreadableImageError(
            "unsupported_depth",
            "its 16-bit colours are all below 4096, as if they had 12 bits or fewer; save it in grey, or "
            "with 8 bits per colour",
        )


@functools.cache
def _silence_libtiff() -> None:
    """Stop libtiff from printing its errors to the terminal, because the reject has the reason.

    Pillow raises the same errors but has no option to silence libtiff. If libtiff is linked in a way that
    cannot be reached here, it still prints them.
    """
    try:
        libtiff = ctypes.CDLL(_imaging.__file__)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            setter = getattr(libtiff, name)
            setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
            setter(None)
    except (OSError, AttributeError):
        return
