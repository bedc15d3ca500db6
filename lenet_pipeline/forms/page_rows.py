"""Turn the pages of a document into rows. Each process of an ingest does this for a part of the pages."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from lenet_pipeline.forms.alignment.aligned_pages import AlignedPage, Unaligned
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate, prepare_template
from lenet_pipeline.forms.choice_rows import choice_tables
from lenet_pipeline.forms.documents.reader import Document, PageLimits, read_pages
from lenet_pipeline.forms.field_rows import cell_table, field_table
from lenet_pipeline.forms.page import Page
from lenet_pipeline.forms.reading.page_reading import read_fields
from lenet_pipeline.forms.reading.piece_lattice import ReadPieces
from lenet_pipeline.forms.reading.readings import CellReading
from lenet_pipeline.forms.sheet_pages import read_sheets
from lenet_pipeline.forms.templates.model import Template
from lenet_pipeline.ingest import Reject, digits_table
from lenet_pipeline.schema import (
    CELLS,
    CHOICE_OPTIONS,
    CHOICES,
    DIGITS,
    FIELDS,
    derive_digit_id,
    derive_uuid,
)

# The status of a page that was not aligned, by the kind of its problem.
_STATUSES = {
    "blank_page": "blank",
    "unmatched_page": "unmatched",
    "poor_registration": "rejected",
    "poor_scan": "rejected",
}


@dataclass(frozen=True)
class FormJob:
    """The values that every process of an ingest needs.

    ``templates_fingerprint`` identifies the set of templates. ``read_pieces`` scores the pieces of touching
    digits; without it, their shapes alone decide on the cuts.
    """

    dataset: str
    templates: tuple[Template, ...]
    templates_fingerprint: str
    limits: PageLimits
    read_pieces: ReadPieces | None = None


@dataclass(frozen=True)
class PagePart:
    """Some pages of one document, by their numbers from 1."""

    document: Document
    numbers: range


@dataclass(frozen=True)
class PageRows:
    """One page as rows.

    Attributes:
        page: a row of ``PAGES`` without the columns on time and actor.
        digits: a table of schema ``DIGITS``.
        fields: a table of schema ``FIELDS``.
        cells: a table of schema ``CELLS``.
        choices: a table of schema ``CHOICES``.
        options: a table of schema ``CHOICE_OPTIONS``.
    """

    page: dict[str, Any]
    digits: pa.Table
    fields: pa.Table
    cells: pa.Table
    choices: pa.Table
    options: pa.Table

    @property
    def size_bytes(self) -> int:
        """Return the size of the tables in memory."""
        tables = (self.digits, self.fields, self.cells, self.choices, self.options)
        return sum(int(table.nbytes) for table in tables)


@dataclass(frozen=True)
class ReadPart:
    """The rows of the pages in a part, one for each sheet on them, and the rejects among them."""

    part: PagePart
    pages: tuple[PageRows, ...]
    rejects: tuple[Reject, ...]


def read_part(part: PagePart, job: FormJob) -> ReadPart:
    """Read and align the pages of a part, and cut out their digits. Unreadable pages become rejects."""
    pages, rejects = [], []
    for page in read_pages(part.document, job.limits, part.numbers):
        if isinstance(page, Reject):
            rejects.append(page)
            pages.append(rejected_page(job, part.document, page))
            continue
        for sheet, outcome in read_sheets(page, _prepare(job.templates), part.document.pages):
            if isinstance(outcome, Unaligned):
                rows = _unaligned_page(job, part.document, sheet, outcome)
                if rows.page["status"] == "rejected":
                    rejects.append(_reject_of(part.document, sheet, outcome))
            else:
                rows = _aligned_page(job, part.document, sheet, outcome)
            pages.append(rows)
    return ReadPart(part, tuple(pages), tuple(rejects))


def rejected_page(job: FormJob, document: Document, reject: Reject) -> PageRows:
    """Return the rows of an unreadable page."""
    number = reject.page or 1
    return _without_fields(_page_row(job, document, number, "rejected", reject.reason))


def duplicate_page(rows: PageRows, original: Any) -> PageRows:
    """Return the rows of a duplicate page, without fields.

    Args:
        rows: the rows of the page.
        original: the id of the page with the same picture.
    """
    page = rows.page | {
        "page_id": _page_id_bytes(
            rows.page["dataset"], rows.page["source_sha256"], rows.page["page"], rows.page["templates"]
        ),
        "status": "duplicate",
        "reason": "an earlier page has the same picture, pixel for pixel",
        "template": None,
        "duplicate_of": original,
    }
    return _without_fields(page)


@functools.lru_cache(maxsize=1)
def _prepare(templates: tuple[Template, ...]) -> list[PreparedTemplate]:
    cv2.setNumThreads(1)  # other processes already use the other cores
    return [prepare_template(template) for template in templates]


def _page_id_bytes(dataset: str, source_sha256: str, number: int, read_with: str) -> bytes:
    return derive_uuid("page", dataset, source_sha256, number, read_with).bytes


def _page_row(
    job: FormJob,
    document: Document,
    number: int,
    status: str,
    reason: str | None,
    template: str | None = None,
) -> dict[str, Any]:
    read_with = template or job.templates_fingerprint
    return {
        "page_id": _page_id_bytes(job.dataset, document.sha256, number, read_with),
        "dataset": job.dataset,
        "source": document.source,
        "source_sha256": document.sha256,
        "page": number,
        "status": status,
        "reason": reason,
        "template": template,
        "templates": job.templates_fingerprint,
    }


def _without_fields(page: dict[str, Any]) -> PageRows:
    schemas = (DIGITS, FIELDS, CELLS, CHOICES, CHOICE_OPTIONS)
    return PageRows(page, *(schema.empty_table() for schema in schemas))


def _picture_columns(page: Page) -> dict[str, Any]:
    return {
        "page_fingerprint": page.fingerprint,
        "height_px": page.image.shape[0],
        "width_px": page.image.shape[1],
        "dpi": page.dpi,
    }


def _unaligned_page(job: FormJob, document: Document, page: Page, outcome: Unaligned) -> PageRows:
    row = _page_row(job, document, page.number, _STATUSES[outcome.kind], outcome.reason)
    return _without_fields(
        row | _picture_columns(page) | {"form": outcome.nearest, "residual_px": outcome.residual_px}
    )


def _reject_of(document: Document, page: Page, outcome: Unaligned) -> Reject:
    return Reject(document.source, outcome.kind, outcome.reason, document.sha256, page.number)


def _aligned_page(job: FormJob, document: Document, page: Page, found: AlignedPage) -> PageRows:
    template = found.prepared.template
    row = _page_row(job, document, page.number, "read", None, template.fingerprint)
    row |= _picture_columns(page) | {
        "form": template.form,
        "rotation": found.rotation,
        "residual_px": found.residual_px,
        "to_scan": found.to_scan.ravel().tolist(),
        "warp": None if found.warp is None else found.warp.shifts.tolist(),
    }
    fields = read_fields(
        found.image, found.prepared.reference, template, found.to_scan, found.warp, job.read_pieces
    )
    cells = [cell for field in fields for cell in field.cells]
    field_ids = {
        field.name: derive_uuid("field", row["page_id"].hex(), field.name).bytes for field in template.fields
    }
    digit_ids = [_digit_id(document, page, template, cell) for cell in cells]
    choices, options = choice_tables(found, row["page_id"])
    return PageRows(
        page=row,
        digits=_digits(document, page, template, cells, digit_ids),
        fields=field_table(found, row["page_id"], field_ids, fields),
        cells=cell_table(row["page_id"], field_ids, cells, digit_ids),
        choices=choices,
        options=options,
    )


def _digit_id(document: Document, page: Page, template: Template, cell: CellReading) -> bytes | None:
    if cell.image is None:
        return None
    return derive_digit_id(
        document.sha256, page.number, cell.field, cell.position, template.fingerprint
    ).bytes


def _digits(
    document: Document,
    page: Page,
    template: Template,
    cells: Sequence[CellReading],
    digit_ids: Sequence[bytes | None],
) -> pa.Table:
    """Return the cells with ink as a table of schema ``DIGITS``."""
    written = [
        (cell, cell.image, digit_id)
        for cell, digit_id in zip(cells, digit_ids, strict=True)
        if cell.image is not None and digit_id is not None
    ]
    if not written:
        return DIGITS.empty_table()
    rows = len(written)
    table = digits_table(
        np.stack([image for _, image, _ in written]),
        [None] * rows,
        digit_ids=np.frombuffer(b"".join(digit_id for *_, digit_id in written), np.uint8).reshape(rows, 16),
        sources=document.source,
        source_sha256s=document.sha256,
        positions=[cell.position for cell, *_ in written],
        polarities=[cell.polarity for cell, *_ in written],
        source_boxes=[cell.source_box for cell, *_ in written],
    )
    columns = {
        "page": [page.number] * rows,
        "field": [cell.field for cell, *_ in written],
        "box": [vars(cell.box) for cell, *_ in written],
        "template": [template.fingerprint] * rows,
    }
    for name, values in columns.items():
        place = DIGITS.get_field_index(name)
        table = table.set_column(place, DIGITS.field(name), pa.array(values, DIGITS.field(name).type))
    return table
