"""Read each sheet of a scan as a page of its own, with its own number.

The first sheet of a page has the page's own number. In a document of p pages, the second sheet of page n is
page n + p, and the third is page n + 2p. The second form on a scan of one page is therefore page 2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.alignment.aligned_pages import AlignedPage, Unaligned
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate
from lenet_pipeline.forms.alignment.sheets import align_sheets
from lenet_pipeline.forms.documents.reader import PageLimits, inspect_document, read_page
from lenet_pipeline.forms.page import Page
from lenet_pipeline.ingest import Reject


def locate_sheet(number: int, pages: int) -> tuple[int, int]:
    """Return the scanned page of a sheet, from 1, and the place of the sheet on it, from 0.

    Args:
        number: the page number of the sheet.
        pages: number of pages in the document.
    """
    place, page = divmod(number - 1, pages)
    return page + 1, place


def read_sheets(
    page: Page, prepared: Sequence[PreparedTemplate], pages: int
) -> Iterator[tuple[Page, AlignedPage | Unaligned]]:
    """Align every sheet of a page. Yield the page under the sheet's number, and the result.

    The fingerprints differ too, because the sheets of one scan are not copies of each other.

    Args:
        page: the scanned page.
        prepared: the templates to try, with ``register: scale`` templates last.
        pages: number of pages in the document.
    """
    sheets = align_sheets(page, prepared)
    for place, found in enumerate(sheets):
        if isinstance(found, Unaligned) and len(sheets) > 1:
            found = replace(found, reason=f"sheet {place + 1} of page {page.number}: {found.reason}")
        if place == 0:
            yield page, found
            continue
        fingerprint = hashlib.sha256(f"{page.fingerprint} {place}".encode()).hexdigest()
        yield replace(page, number=page.number + place * pages, fingerprint=fingerprint), found


def read_scan(path: Path, number: int, limits: PageLimits) -> Page:
    """Read the scanned page of a sheet, by the sheet's page number.

    Raises:
        IngestError: the document or the page is unreadable.
    """
    return read_page(path, locate_sheet(number, _count_pages(path, limits))[0], limits)


def align_sheet(
    path: Path, number: int, prepared: PreparedTemplate, limits: PageLimits
) -> AlignedPage | Unaligned:
    """Read and align the sheet with this page number.

    Raises:
        IngestError: the document or the page is unreadable, or there is no such sheet.
    """
    pages = _count_pages(path, limits)
    scanned, _ = locate_sheet(number, pages)
    page = read_page(path, scanned, limits)
    numbers = []
    for sheet, found in read_sheets(page, [prepared], pages):
        if sheet.number == number:
            return found
        numbers.append(str(sheet.number))
    counted = "1 page" if pages == 1 else f"{pages} pages"
    raise IngestError(
        f"{path} has {counted}, so there is no page {number}; correct the page number (the forms on page "
        f"{scanned} are {' and '.join(numbers)})"
    )


def _count_pages(path: Path, limits: PageLimits) -> int:
    document = inspect_document(path, limits)
    if isinstance(document, Reject):
        raise IngestError(f"{document.source}: {document.reason}")
    return document.pages
