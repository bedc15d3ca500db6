"""Turn the fields and cells of an aligned page into rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from lenet_pipeline.forms.alignment.aligned_pages import AlignedPage
from lenet_pipeline.forms.reading.field_pictures import field_picture
from lenet_pipeline.forms.reading.page_reading import locate_in_scan
from lenet_pipeline.forms.reading.readings import CellReading, FieldReading, InkReading
from lenet_pipeline.schema import CELLS, FIELDS


def field_table(
    found: AlignedPage, page_id: bytes, field_ids: dict[str, bytes], readings: Sequence[FieldReading]
) -> pa.Table:
    """Return the fields of an aligned page as a table of schema ``FIELDS``."""
    template = found.prepared.template
    boxes = [field.outline.pixel_box() for field in template.fields]
    scan_boxes = locate_in_scan(boxes, found.to_scan, found.warp)
    return pa.Table.from_pylist(
        [
            {
                "field_id": field_ids[field.name],
                "page_id": page_id,
                "template": template.fingerprint,
                "field": field.name,
                "field_number": number,
                "box": vars(boxes[number]),
                "source_box": vars(scan_boxes[number]),
                "picture": field_picture(found.image, field, template),
                "extra_ink": reading.extra_ink,
                "cut_probability": reading.cut_probability,
                "cut_doubt": reading.cut_doubt,
                "loose_ink": [_ink_row(one) for one in reading.loose_ink] or None,
            }
            for number, (field, reading) in enumerate(zip(template.fields, readings, strict=True))
        ],
        schema=FIELDS,
    )


def _ink_row(found: InkReading) -> dict[str, Any]:
    return {**vars(found), "box": vars(found.box)}


def cell_table(
    page_id: bytes,
    field_ids: dict[str, bytes],
    cells: Sequence[CellReading],
    digit_ids: Sequence[bytes | None],
) -> pa.Table:
    """Return the cells of a page as a table of schema ``CELLS``."""
    return pa.Table.from_pylist(
        [
            {
                "field_id": field_ids[cell.field],
                "page_id": page_id,
                "position": cell.position,
                "state": cell.state,
                "mark": cell.mark,
                "possible_mark": cell.possible_mark and cell.possible_mark.mark,
                "is_like_mark": cell.possible_mark and cell.possible_mark.is_likely,
                "digit_id": digit_id,
                "ink": cell.ink,
                "box": vars(cell.box),
                "source_box": vars(cell.source_box),
            }
            for cell, digit_id in zip(cells, digit_ids, strict=True)
        ],
        schema=CELLS,
    )
