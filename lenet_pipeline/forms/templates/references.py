"""Render the blank form of a template, which scans are aligned with."""

from __future__ import annotations

import cv2
import numpy as np

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.documents.image_pages import ImagePages
from lenet_pipeline.forms.documents.pdf import (
    PDF_HEAD_BYTES,
    is_pdf,
    open_pdf,
    open_pdf_page,
    render_pdf_page,
)
from lenet_pipeline.forms.page import MM_PER_INCH, Grey
from lenet_pipeline.forms.templates.model import Reference, Template
from lenet_pipeline.forms.templates.reference_size import check_page_exists
from lenet_pipeline.ingest import NotAnImageError, UnreadableImageError, open_content, path_text

# A blank form is one page that the user chose, so these limits only catch a wrong file.
_MOST_BYTES = 100_000_000
_MOST_PIXELS = 100_000_000


def render_reference(template: Template, dpi: float) -> Grey | None:
    """Render the blank form of a template at its page size.

    Args:
        template: the template whose blank form to render.
        dpi: the resolution in pixels per inch.

    Returns:
        uint8 (height, width), 0 black to 255 white, ``round(height_mm * dpi / 25.4)`` by
        ``round(width_mm * dpi / 25.4)``; None if the template has no reference.

    Raises:
        IngestError: the reference is missing, unreadable or too large, or lacks the page.
    """
    reference = template.reference
    if reference is None:
        return None
    height, width = (round(side * dpi / MM_PER_INCH) for side in (template.height, template.width))
    try:
        if height * width > _MOST_PIXELS:
            raise UnreadableImageError(
                "too_many_pixels",
                f"at {dpi:g} dpi its page of {template.width:g} x {template.height:g} mm has "
                f"{width} x {height} pixels, and the limit is {_MOST_PIXELS:,}; correct the page size",
            )
        return render_page(reference, width=width, height=height)
    except UnreadableImageError as exc:
        is_other = isinstance(exc, NotAnImageError)
        reason = "it is not a PDF, TIFF, PNG or JPEG; correct its path" if is_other else str(exc)
        raise IngestError(
            f"cannot read the reference of template {template.form!r}, page {reference.page} of "
            f"{path_text(reference.path)}: {reason}"
        ) from exc


def render_page(reference: Reference, *, width: int, height: int) -> Grey:
    """Render the page of a PDF or image file at exactly this width and height in pixels.

    Raises:
        UnreadableImageError: the file is unreadable or too large, or lacks the page.
    """
    with open_content(reference.path, max_bytes=_MOST_BYTES, noun="reference") as stream:
        if is_pdf(stream.read(PDF_HEAD_BYTES)):
            with open_pdf(reference.path) as document:
                check_page_exists(reference, len(document))
                with open_pdf_page(document, reference.page) as page:
                    return render_pdf_page(page, width=width, height=height)
        images = ImagePages(stream, reference.path, max_pixels=_MOST_PIXELS)
        check_page_exists(reference, images.count())
        grey, _ = images.read(reference.page)
    # Averaging keeps thin lines when the picture shrinks, but only repeats pixels when it grows.
    method = cv2.INTER_AREA if width < grey.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, (width, height), interpolation=method), dtype=np.uint8)
