"""Render the pages of a PDF as grey pixels with PDFium.

PDFium keeps global state and is not thread-safe. Call it from one thread of a process at a time, and use
several processes to read pages in parallel.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Self

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from lenet_pipeline.forms.documents.resolution import judge_resolution
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey
from lenet_pipeline.ingest import UnreadableImageError

_POINTS_PER_INCH = 72
_DRAWN_DPI = 300.0  # for pages that are drawn instead of scanned
PDF_HEAD_BYTES = 1024  # PDFium and other readers look for %PDF- within these bytes
_SCAN_COVERS = 0.9  # of the area of a page, for its images to count as a scan of the whole page
_LEAST_PART = 0.01  # of the area of a page: smaller images are not part of the scan
_INSET_PX = 0.01
# PDFium keeps every stream in memory until the document closes: 0.7 MB for a page of 300 dpi grey JPEG.
_PAGES_PER_OPENING = 50

Corners = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]


def is_pdf(head: bytes) -> bool:
    """Return whether a file is a PDF, given its first 1024 bytes."""
    return b"%PDF-" in head[:PDF_HEAD_BYTES]


@contextmanager
def open_pdf(path: Path) -> Iterator[pdfium.PdfDocument]:
    """Open a PDF for the duration of a block. PDFium reads only the parts that each page needs.

    Raises:
        UnreadableImageError: the PDF is encrypted, truncated or damaged.
    """
    handle = pdfium_c.FPDF_LoadDocument(os.fsencode(path) + b"\0", None)
    if not handle:
        raise _explain_refusal(pdfium_c.FPDF_GetLastError())
    with pdfium.PdfDocument(handle) as document:
        _open_form(document)
        if not len(document):
            raise UnreadableImageError("damaged_pdf", "the PDF has no pages; save or scan it again")
        yield document


def _open_form(document: pdfium.PdfDocument) -> None:
    """Make the pages of a document show its form fields. Call it before any page is opened.

    ``PdfDocument.init_forms`` skips documents without a form. But programs that copy pages often leave the
    form behind, and the fields of the pages still have their values.
    """
    settings = pdfium_c.FPDF_FORMFILLINFO(version=2)
    form = pdfium_c.FPDFDOC_InitFormFillEnvironment(document, settings)
    document.formenv = pdfium.PdfFormEnv(form, settings)


class PdfPages:
    """The pages of one PDF, read one at a time."""

    def __init__(self, path: Path, *, max_pixels: int) -> None:
        self._path = path
        self._max_pixels = max_pixels
        self._read = 0
        self._opened = ExitStack()
        self._document: pdfium.PdfDocument | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, number: int) -> tuple[Grey, float | None]:
        """Read one page and its resolution, as ``read_pdf_page`` does."""
        if self._read % _PAGES_PER_OPENING == 0:
            self.close()
        self._read += 1
        if self._document is None:
            self._document = self._opened.enter_context(open_pdf(self._path))
        return read_pdf_page(self._document, number, self._max_pixels)

    def close(self) -> None:
        """Close the file."""
        self._opened.close()
        self._document = None


def read_pdf_page(document: pdfium.PdfDocument, number: int, max_pixels: int) -> tuple[Grey, float | None]:
    """Render one page, rotated as the PDF states, and return it with its resolution in pixels per inch.

    A scanned page, stored as one image or as strips, renders at the resolution of the scan, which keeps its
    pixels unchanged. Any other page renders at 300 dpi. A page above the pixel limit renders at a lower
    resolution, but never below ``ALIGNED_DPI`` or, if that is lower, the resolution of the scan.

    Args:
        document: the open PDF.
        number: the page's number, from 1.
        max_pixels: the largest number of pixels to render.

    Raises:
        UnreadableImageError: PDFium cannot read the page, or the page needs more than ``max_pixels``.
    """
    with open_pdf_page(document, number) as page:
        images = _scanned_images(page)
        own = _scan_resolution(page, images)
        width, height, dpi = _pixel_size(page, own, max_pixels)
        grey = render_pdf_page(page, width=width, height=height)
        if images and grey.min() == grey.max():
            _check_images(images, is_black=not grey.any())
    return grey, dpi if own is None else judge_resolution(width, height, dpi)


@contextmanager
def open_pdf_page(document: pdfium.PdfDocument, number: int) -> Iterator[pdfium.PdfPage]:
    """Open one page, counted from 1, for the duration of a block.

    Raises:
        UnreadableImageError: PDFium cannot read this page.
    """
    try:
        with closing(document[number - 1]) as page:
            yield page
    except pdfium.PdfiumError as exc:
        raise UnreadableImageError(
            "damaged_page", f"PDFium cannot read this page ({exc}); save or scan it again"
        ) from exc


def render_pdf_page(page: pdfium.PdfPage, *, width: int, height: int) -> Grey:
    """Render a page with its annotations and fields, in grey on white, at exactly this size in pixels."""
    bitmap = pdfium.PdfBitmap.new_native(width, height, format=pdfium_c.FPDFBitmap_Gray)
    try:
        bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
        # PDFium expands an image to whole pixels. A rounding error would add a pixel and blur the scan, so
        # shrink the page by a hundredth of a pixel on each side.
        across = (width - 2 * _INSET_PX) / page.get_width()
        down = (height - 2 * _INSET_PX) / page.get_height()
        matrix = pdfium_c.FS_MATRIX(across, 0, 0, down, _INSET_PX, _INSET_PX)
        clip = pdfium_c.FS_RECTF(0, 0, width, height)
        flags = pdfium_c.FPDF_GRAYSCALE | pdfium_c.FPDF_ANNOT
        pdfium_c.FPDF_RenderPageBitmapWithMatrix(bitmap, page, matrix, clip, flags)
        pdfium_c.FPDF_FFLDraw(page.formenv, bitmap, page, 0, 0, width, height, 0, flags)
        # Copy, because closing the bitmap frees its memory.
        return np.array(bitmap.to_numpy(), dtype=np.uint8).reshape(height, width)
    finally:
        bitmap.close()


def _pixel_size(page: pdfium.PdfPage, own: float | None, max_pixels: int) -> tuple[int, int, float]:
    """Return the width and height in pixels to render a page at, and the resolution that they imply."""
    inches = [side / _POINTS_PER_INCH for side in page.get_size()]
    if not all(0 < side < math.inf for side in inches):
        raise UnreadableImageError("damaged_page", "the page has no valid size; save or scan it again")
    wanted = _DRAWN_DPI if own is None else own
    fitting = math.sqrt(max_pixels / (inches[0] * inches[1]))
    # Stay a thousandth below the limit, because the sides round up.
    dpi = wanted if fitting >= wanted else fitting * 0.999
    if dpi < min(wanted, ALIGNED_DPI):
        least = min(wanted, ALIGNED_DPI)
        width, height = (round(side * least) for side in inches)
        across, down = (side * MM_PER_INCH for side in inches)
        raise UnreadableImageError(
            "too_many_pixels",
            f"the page is {across:,.0f} x {down:,.0f} mm, which at {least:.0f} dpi takes "
            f"{width} x {height} = {width * height:,} pixels, and the limit is {max_pixels:,}; check its "
            "size, or raise LENET_IMAGE_MAX_PIXELS",
        )
    width, height = (max(1, round(side * dpi)) for side in inches)
    return width, height, dpi


def _scanned_images(page: pdfium.PdfPage) -> list[tuple[pdfium.PdfImage, Corners]]:
    """Return the images of a page and their corners, or an empty list if anything else is visible.

    The invisible text that character recognition adds to a scan does not count.
    """
    images = []
    for item in page.get_objects():
        if item.type == pdfium_c.FPDF_PAGEOBJ_IMAGE:
            images.append((item, _corners(item)))
        elif item.type == pdfium_c.FPDF_PAGEOBJ_TEXT:
            if pdfium_c.FPDFTextObj_GetTextRenderMode(item) != pdfium_c.FPDF_TEXTRENDERMODE_INVISIBLE:
                return []
        elif item.type != pdfium_c.FPDF_PAGEOBJ_FORM:
            return []
    return images


def _corners(image: pdfium.PdfImage) -> Corners:
    """Return the lower left, lower right and upper left corners of an image, in points of the page."""
    matrix = image.get_matrix()
    container = image.container
    while container is not None:  # an image in a form object also has the form's matrix applied
        matrix = matrix.multiply(container.get_matrix())
        container = container.container
    return (
        (matrix.e, matrix.f),
        (matrix.e + matrix.a, matrix.f + matrix.b),
        (matrix.e + matrix.c, matrix.f + matrix.d),
    )


def _scan_resolution(page: pdfium.PdfPage, images: list[tuple[pdfium.PdfImage, Corners]]) -> float | None:
    """Return the finest resolution among the images of a scanned page, or None if it is not a scan."""
    left, bottom, right, top = page.get_bbox()
    area = (right - left) * (top - bottom)
    covered, finest = 0.0, 0.0
    for image, (origin, along, up) in images:
        fourth = (along[0] + up[0] - origin[0], along[1] + up[1] - origin[1])
        xs, ys = zip(origin, along, up, fourth, strict=True)
        across = min(max(xs), right) - max(min(xs), left)
        down = min(max(ys), top) - max(min(ys), bottom)
        lengths = math.dist(origin, along), math.dist(origin, up)
        if min(across, down, *lengths) <= 0 or across * down < _LEAST_PART * area:
            continue
        covered += across * down
        for pixels, length in zip(image.get_px_size(), lengths, strict=True):
            finest = max(finest, _POINTS_PER_INCH * pixels / length)
    return finest if finest and covered >= _SCAN_COVERS * area else None


def _check_images(images: list[tuple[pdfium.PdfImage, Corners]], *, is_black: bool) -> None:
    """Check that PDFium decoded the images of a page that came out in a single colour.

    PDFium does not report an image that it cannot decode: it omits the image or renders it black.

    Raises:
        UnreadableImageError: an image is damaged.
    """
    damage = UnreadableImageError(
        "damaged_page", "the image on this page is damaged and cannot be decoded; save or scan it again"
    )
    if is_black:
        raise damage
    for image, _ in images:
        try:
            image.get_bitmap()
        except pdfium.PdfiumError as exc:
            raise damage from exc


def _explain_refusal(code: int) -> UnreadableImageError:
    """Return an error that explains why PDFium refused a file."""
    if code in (pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY):
        return UnreadableImageError(
            "encrypted_pdf", "the PDF is encrypted and needs a password; save it without a password"
        )
    return UnreadableImageError(
        "damaged_pdf",
        f"the PDF is damaged and does not open (PDFium error {code}); save or scan it again",
    )
