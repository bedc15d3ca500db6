"""Recognise image files by name and content, and explain why a file cannot be read as an image."""

from __future__ import annotations

from pathlib import Path

FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
HEAD_BYTES = 64  # the first bytes of a file, which identify its format

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
_CONVERT = "convert it to PNG, JPEG, TIFF or BMP"


class UnreadableImageError(Exception):
    """An image could not be read. ``kind`` and the message become the kind and reason of its reject.

    Jobs never raise it: one bad image is a reject, not an error.
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class NotAnImageError(UnreadableImageError):
    """A file is not an image, by name or content."""


def is_named_as_image(path: Path) -> bool:
    """Return whether the suffix of a file is that of an image format, supported or not."""
    return path.suffix.lower() in _READABLE_SUFFIXES | _OTHER_SUFFIXES


def is_image_content(head: bytes) -> bool:
    """Return whether a file is a PNG, JPEG or TIFF, by its first bytes."""
    return head.startswith(tuple(_SIGNATURES))


def has_bmp_header(content: bytes) -> bool:
    """Distinguish a BMP from text that begins with BM, by the length of its second header."""
    return int.from_bytes(content[14:18], "little") in (12, 16, 40, 52, 56, 64, 108, 124)


def explain_unidentified(head: bytes, size: int, suffix: str) -> UnreadableImageError:
    """Return the error for a file that Pillow does not recognise as a supported format.

    Args:
        head: the first ``HEAD_BYTES`` of the file.
        size: its number of bytes.
        suffix: the end of its name in lower case, such as ``.png``.
    """
    # The two letters BM identify a damaged BMP only if the suffix agrees.
    signatures = _SIGNATURES | ({b"BM": "BMP"} if suffix in _READABLE_SUFFIXES else {})
    for signature, name in signatures.items():
        if head.startswith(signature):
            return UnreadableImageError(
                "damaged_image",
                f"the {name} header cannot be read, so the file is truncated or damaged "
                f"({size:,} bytes); copy or scan it again",
            )
    for signature, name in _OTHER_SIGNATURES.items():
        if head.startswith(signature):
            return UnreadableImageError("unsupported_format", f"{name} files are not supported; {_CONVERT}")
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return UnreadableImageError("unsupported_format", f"WebP files are not supported; {_CONVERT}")
    if suffix in _OTHER_SUFFIXES:
        return UnreadableImageError("unsupported_format", f"{suffix} files are not supported; {_CONVERT}")
    if suffix in _READABLE_SUFFIXES:
        return UnreadableImageError(
            "not_an_image",
            f"the name ends in {suffix}, but the file is not a PNG, JPEG, TIFF or BMP (first bytes: "
            f"{head[:8].hex(' ')}); check the file",
        )
    return NotAnImageError(
        "not_an_image", "the file is not a PNG, JPEG, TIFF or BMP; remove it from the list"
    )


def explain_decoder_error(error: BaseException) -> UnreadableImageError:
    """Return the error for an image that a decoder failed on."""
    if isinstance(error, MemoryError):
        return UnreadableImageError(
            "too_many_pixels", "the decoded image does not fit into memory; shrink the image"
        )
    message = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in message.lower():
        return UnreadableImageError(
            "truncated_image", f"the end of the file is missing ({message}); copy or scan it again"
        )
    return UnreadableImageError(
        "damaged_image", f"the image cannot be decoded ({message}); copy or scan it again"
    )


def too_many_pixels(found: str, max_pixels: int) -> UnreadableImageError:
    """Return the error for an image that is too large; ``found`` is a clause about its size."""
    return UnreadableImageError(
        "too_many_pixels",
        f"{found}, and the limit is {max_pixels:,}; shrink the image, or raise LENET_IMAGE_MAX_PIXELS",
    )
