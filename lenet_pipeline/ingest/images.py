"""One image file to one grey picture, within limits; whatever is wrong with it becomes one exception."""

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
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError, _imaging

from lenet_pipeline.ingest.normalisation import Pixels

_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
_READABLE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff", ".bmp", ".dib"})
_OTHER_SUFFIXES = frozenset(
    {".gif", ".webp", ".heic", ".heif", ".avif", ".jp2", ".j2k", ".jxl", ".svg", ".psd", ".ico", ".icns"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".pcx", ".exr", ".hdr", ".dng", ".cr2", ".nef", ".arw", ".eps"}
    | {".pdf", ".xcf", ".dcm", ".apng", ".jpf", ".jpx", ".dds"}
)
_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
}
_OTHER_SIGNATURES = {b"GIF87a": "GIF", b"GIF89a": "GIF", b"%PDF-": "PDF", b"8BPS": "Photoshop"}
HEAD_BYTES = 64  # of a file, which tell what it is
_CONVERT = "convert it to PNG, JPEG, TIFF or BMP"

# Pillow's decoders raise whatever a damaged file trips them into, in Python and from C, and it documents
# no common base, so all their families are named here; a fuzz test over damaged files holds the list to be
# complete. MemoryError: sizes that a header made up.
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


# What Pillow logs about a damaged file is for those who set up logging; its reject says what was wrong.
logging.getLogger("PIL").addHandler(logging.NullHandler())


class UnreadableImageError(Exception):
    """One image could not be read; ``kind`` and the message are what its reject says.

    It never leaves the library: one bad image is a reject, not an error.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class NotAnImageError(UnreadableImageError):
    """A file is no image, neither by its name nor by its content."""


def read_content(path: Path, *, max_bytes: int, noun: str = "image") -> bytes:
    """Return the bytes of one regular file.

    Args:
        path: of the file.
        max_bytes: the largest file that is opened.
        noun: what the file should be, for the message.

    Raises:
        UnreadableImageError: it has gone, may not be read, is no regular file, is empty, or is larger
            than ``max_bytes``.
    """
    with open_content(path, max_bytes=max_bytes, noun=noun) as stream:
        return stream.read()


@contextmanager
def open_content(path: Path, *, max_bytes: int, noun: str = "image") -> Iterator[BufferedReader]:
    """Open one regular file for reading in this block; arguments and errors are those of ``read_content``."""
    try:
        found = path.stat()
        # A named pipe would wait for a writer for ever.
        if not stat.S_ISREG(found.st_mode):
            raise UnreadableImageError("not_a_file", f"it is no regular file; give {noun} files")
        if found.st_size > max_bytes:
            raise UnreadableImageError(
                "too_many_bytes",
                f"the file has {found.st_size:,} bytes and at most {max_bytes:,} are opened; "
                f"give a smaller {noun}, or raise LENET_IMAGE_MAX_BYTES",
            )
        if found.st_size == 0:
            raise UnreadableImageError(
                "empty_file", "the file has no bytes; copy it again from where it came"
            )
        with path.open("rb") as stream:
            yield stream
    except FileNotFoundError:
        raise UnreadableImageError("missing_file", "there is no such file; correct its path") from None
    except PermissionError:
        raise UnreadableImageError("unreadable_file", "permission denied; correct the permissions") from None
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        raise UnreadableImageError(
            "unreadable_file", f"it cannot be read ({reason}); check the disk"
        ) from None
    except ValueError as exc:  # a NUL in a path that a CSV gave
        raise UnreadableImageError("missing_file", f"it is no possible path ({exc}); correct it") from None


def decode_image(content: bytes, *, suffix: str, max_pixels: int) -> Pixels:
    """Decode a PNG, JPEG, TIFF or BMP, told by its content.

    Args:
        content: the bytes of the file.
        suffix: how its name ends, such as ``.png``; it only decides what a file without an image in it is.
        max_pixels: the largest picture that is decoded.

    Returns:
        Grey levels (height, width), 0 to 255, upright, ink of either polarity.

    Raises:
        NotAnImageError: it is no image, neither by its name nor by its content.
        UnreadableImageError: it is one that cannot be read.
    """
    with (
        decoding(content[:HEAD_BYTES], len(content), suffix=suffix, max_pixels=max_pixels),
        Image.open(BytesIO(content), formats=_FORMATS) as image,
    ):
        check_single_frame(image)
        return decode_frame(image, max_pixels)


@contextmanager
def decoding(head: bytes, size: int, *, suffix: str, max_pixels: int) -> Iterator[None]:
    """Turn whatever opening or decoding an image raises in this block into ``UnreadableImageError``.

    Args:
        head: the first ``HEAD_BYTES`` of the file, and ``size`` how many it has; both for the message.
        size: see ``head``.
        suffix: how its name ends, such as ``.png``; it only decides what a file without an image in it is.
        max_pixels: the largest picture that is decoded, for the message.
    """
    if head.startswith(b"BM") and not _has_bmp_header(head):
        raise _explain_unidentified(head, size, suffix.lower())
    with warnings.catch_warnings():
        # Pillow warns of odd metadata, which says nothing about the picture, and of decompression bombs.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except UnidentifiedImageError:
            raise _explain_unidentified(head, size, suffix.lower()) from None
        except (Image.DecompressionBombWarning, Image.DecompressionBombError) as exc:
            raise _too_many_pixels(str(exc).split(",")[0], max_pixels) from None
        except _DECODER_ERRORS as exc:
            raise _explain_decoder(exc) from exc


@contextmanager
def open_image(stream: BinaryIO) -> Iterator[ImageFile.ImageFile]:
    """Open a PNG, JPEG, TIFF or BMP of any size in this block, which is to be one within ``decoding``."""
    pillow_limit = Image.MAX_IMAGE_PIXELS
    try:
        # Pillow's own limit would hold whatever the setting says.
        Image.MAX_IMAGE_PIXELS = None
        with Image.open(stream, formats=_FORMATS) as image:
            yield image
    finally:
        Image.MAX_IMAGE_PIXELS = pillow_limit


def check_single_frame(image: ImageFile.ImageFile) -> None:
    """Check that an opened image is one picture; call it within ``decoding``.

    Raises:
        UnreadableImageError: it has several frames or pages.
    """
    # A camera's JPEG may hold previews and gain maps behind its picture (MPO): those are no frames.
    frames = 1 if image.format in ("JPEG", "MPO") else getattr(image, "n_frames", 1)
    if frames > 1:
        raise UnreadableImageError(
            "several_frames",
            f"the {image.format} has {frames} frames or pages and one is expected; save each as its own file",
        )


def decode_frame(image: ImageFile.ImageFile, max_pixels: int) -> Pixels:
    """Decode the current frame of an opened image; call it within ``decoding``.

    Returns:
        Grey levels (height, width), 0 to 255, upright.

    Raises:
        UnreadableImageError: it has more than ``max_pixels``; nothing of it has been decoded then.
    """
    pixels = image.width * image.height
    if pixels > max_pixels:
        raise _too_many_pixels(
            f"the image has {image.width} x {image.height} = {pixels:,} pixels", max_pixels
        )
    if image.format == "TIFF":
        _silence_libtiff()
    image.load()
    return _grey_levels(ImageOps.exif_transpose(image))


@functools.cache
def _silence_libtiff() -> None:
    """Keep libtiff from writing to the terminal what is wrong with a file: its reject says that.

    Pillow raises the fault too, and gives no way to turn libtiff's own lines off. Where libtiff cannot be
    reached (it is linked in some other way), the lines stay.
    """
    try:
        libtiff = ctypes.CDLL(_imaging.__file__)
        for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
            setter = getattr(libtiff, name)
            setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
            setter(None)
    except (OSError, AttributeError):
        return


def _grey_levels(image: Image.Image) -> Pixels:
    """Return the grey levels of an image of any mode, (height, width), 0 to 255."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.float32) / np.float32(257)
    if image.mode in ("I", "F"):
        return _stretch_range(np.asarray(image, dtype=np.float64))
    if image.has_transparency_data:
        with_alpha = image.convert("RGBA")
        if with_alpha.getchannel("A").getextrema() == (255, 255):
            return np.asarray(with_alpha.convert("L"))
        return _composite(with_alpha)
    if image.mode == "LAB":
        return np.asarray(image.getchannel("L"))
    if image.mode not in ("1", "L", "RGB"):
        image = image.convert("RGB")
    return np.asarray(image.convert("L"))


def _stretch_range(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scale 32-bit values, which have no agreed white, from their own range to 0 to 255."""
    if not np.isfinite(values).all():
        raise ValueError("some pixels are infinite or no number")
    low, high = values.min(), values.max()
    scaled: NDArray[np.float64] = (values - low) * (255 / max(high - low, 1e-30))
    return scaled.astype(np.float32)


def _composite(image: Image.Image) -> NDArray[np.float32]:
    """Lay an RGBA image on the background that its ink stands out from.

    What is opaque is the ink, and the background its opposite; unless most of the image is opaque and
    has light and dark in it: then the paper is in the image, and goes on where the image is transparent.
    """
    grey = np.asarray(image.convert("L"), dtype=np.float32)
    alpha = np.asarray(image.getchannel("A"), dtype=np.float32) / 255
    opaque = grey[alpha >= 0.5]
    if not opaque.size:
        opaque = grey[alpha > 0]
    middle = float(np.median(opaque)) if opaque.size else 0.0
    holds_paper = opaque.size > 0.6 * grey.size and float(np.ptp(opaque)) > 64
    background = middle if holds_paper else (255.0 if middle < 128 else 0.0)
    return (grey * alpha + background * (1 - alpha)).astype(np.float32, copy=False)


def _too_many_pixels(found: str, max_pixels: int) -> UnreadableImageError:
    return UnreadableImageError(
        "too_many_pixels",
        f"{found} and at most {max_pixels:,} pixels are decoded; shrink it, or raise LENET_IMAGE_MAX_PIXELS",
    )


def is_named_as_image(path: Path) -> bool:
    """Tell whether a file's name ends as that of an image does, of a format that is read or any other."""
    return path.suffix.lower() in _READABLE_SUFFIXES | _OTHER_SUFFIXES


def is_image_content(head: bytes) -> bool:
    """Tell a PNG, JPEG or TIFF by the first bytes of the file."""
    return head.startswith(tuple(_SIGNATURES))


def _has_bmp_header(content: bytes) -> bool:
    """Tell a BMP from a text that begins with BM: the length of its second header is one of a few."""
    return int.from_bytes(content[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124)


def _explain_unidentified(head: bytes, size: int, suffix: str) -> UnreadableImageError:
    """Say what a file is that Pillow did not take for one of the formats read."""
    # Two letters tell a damaged BMP only where its name says so too.
    signatures = _SIGNATURES | ({b"BM": "BMP"} if suffix in _READABLE_SUFFIXES else {})
    for signature, name in signatures.items():
        if head.startswith(signature):
            return UnreadableImageError(
                "damaged_image",
                f"it begins as a {name} and its header cannot be read, so it is truncated or damaged "
                f"({size:,} bytes); copy or scan it again",
            )
    for signature, name in _OTHER_SIGNATURES.items():
        if head.startswith(signature):
            return UnreadableImageError("unsupported_format", f"it is a {name} file; {_CONVERT}")
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return UnreadableImageError("unsupported_format", f"it is a WebP file; {_CONVERT}")
    if suffix in _OTHER_SUFFIXES:
        return UnreadableImageError("unsupported_format", f"{suffix} files are not read; {_CONVERT}")
    if suffix in _READABLE_SUFFIXES:
        return UnreadableImageError(
            "not_an_image",
            f"it is named {suffix} and holds no PNG, JPEG, TIFF or BMP (its first bytes are "
            f"{head[:8].hex(' ')}); check what it is",
        )
    return NotAnImageError("not_an_image", "it is no PNG, JPEG, TIFF or BMP; remove it from the list")


def _explain_decoder(error: BaseException) -> UnreadableImageError:
    """Say in one line what a decoder found wrong."""
    if isinstance(error, MemoryError):
        return UnreadableImageError("too_many_pixels", "it does not fit into memory when decoded; shrink it")
    said = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in said.lower():
        return UnreadableImageError("truncated_image", f"its end is missing ({said}); copy or scan it again")
    return UnreadableImageError("damaged_image", f"it cannot be decoded ({said}); copy or scan it again")
