"""The limits that scanned documents are opened with; apart, so that an ingest need not import a network."""

from __future__ import annotations

from lenet_pipeline.forms.documents.documents import PageLimits
from lenet_pipeline.settings import Settings


def page_limits(settings: Settings) -> PageLimits:
    """Return the limits that documents are opened with."""
    return PageLimits(settings.image_max_bytes, settings.image_max_pixels, settings.form_max_pages)
