"""Read the size of a blank form, on paper and in pixels, without rendering it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import ExifTags, Image

from lenet_pipeline.forms.documents.pdf import is_pdf, open_pdf, open_pdf_page
from lenet_pipeline.forms.documents.resolution import judge_resolution
from lenet_pipeline.forms.page import MM_PER_INCH
from lenet_pipeline.forms.templates.model import Reference
from lenet_pipeline.ingest import (
    HEAD_BYTES,
    UnreadableImageError,
    decoding,
    is_tiff,
    locate_tiff_pages,
    move_page_first,
    read_content,
)

_POINTS_PER_INCH = 72
_MOST_BYTES = 100_000_000  # the limit for rendering, too
_MOST_PIXELS = 100_000_000
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP")
_TURNED_SIDEWAYS = frozenset({5, 6, 7, 8})
_SQUARE = 1.02  # pixels count as square up to this ratio of the two resolutions
_LEAST_DPI = 50.0


@dataclass(frozen=True)
class ReferenceSize:
    """The size of one page of a blank form, with the orientation that its file states applied.

    Attributes:
        paper: (width, height) in millimetres, or None for an image that does not state its resolution.
        pixels: (width, height) of an image, or None for a PDF.
        sha256: the hash of the file's bytes.
    """

    paper: tuple[float, float] | None
    pixels: tuple[int, int] | None
    sha256: str


def read_reference_size(reference: Reference) -> ReferenceSize:
    """Read the size of a page of a blank form.

    Raises:
        UnreadableImageError: the file is not a PDF or image, is damaged, or lacks the page.
    """
    content = read_content(reference.path, max_bytes=_MOST_BYTES, noun="reference")
    sha256 = hashlib.sha256(content).hexdigest()
    if is_pdf(content):
        with open_pdf(reference.path) as document:
            check_page_exists(reference, len(document))
            with open_pdf_page(document, reference.page) as page:
                width, height = (side / _POINTS_PER_INCH * MM_PER_INCH for side in page.get_size())
        return ReferenceSize((width, height), None, sha256)
    return _image_size(reference, content, sha256)


def _image_size(reference: Reference, content: bytes, sha256: str) -> ReferenceSize:
    suffix = reference.path.suffix
    places = locate_tiff_pages(BytesIO(content)) if is_tiff(content) else []
    # Only a TIFF has pages. A camera's JPEG may contain previews after its picture (MPO).
    check_page_exists(reference, max(len(places), 1))
    if places:
        content = move_page_first(content, places[reference.page - 1])
    with (
        decoding(content[:HEAD_BYTES], len(content), suffix=suffix, max_pixels=_MOST_PIXELS),
        Image.open(BytesIO(content), formats=_FORMATS) as image,
    ):
        (width, height), stated = image.size, image.info.get("dpi")
        if image.getexif().get(ExifTags.Base.Orientation) in _TURNED_SIDEWAYS:
            width, height, stated = height, width, stated and stated[::-1]
    resolution = _resolution(width, height, stated)
    paper = None
    if resolution is not None:
        paper = width / resolution[0] * MM_PER_INCH, height / resolution[1] * MM_PER_INCH
    return ReferenceSize(paper, (width, height), sha256)


def _resolution(width: int, height: int, stated: Any) -> tuple[float, float] | None:
    """Return the pixels per inch across and down, or None if the resolution is unknown."""
    try:
        across, down = (float(value) for value in stated)
        is_square = max(across, down) <= _SQUARE * min(across, down)
    except (TypeError, ValueError, ZeroDivisionError):
        across, down, is_square = 0.0, 0.0, True
    if not is_square:
        return (across, down) if min(across, down) >= _LEAST_DPI else None
    judged = judge_resolution(width, height, (across + down) / 2)
    return None if judged is None else (judged, judged)


def check_page_exists(reference: Reference, pages: int) -> None:
    """Check that the file of a reference has the page that the template names.

    Raises:
        UnreadableImageError: the file has fewer pages.
    """
    if not 1 <= reference.page <= pages:
        counted = "1 page" if pages == 1 else f"{pages} pages"
        raise UnreadableImageError(
            "missing_page", f"it has {counted}, counted from 1; correct the page of the reference"
        )
