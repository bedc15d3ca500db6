"""Turn the choices of an aligned page into rows."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from lenet_pipeline.forms.alignment.aligned_pages import AlignedPage
from lenet_pipeline.forms.reading.choice_reading import ChoiceReading, read_choices
from lenet_pipeline.forms.reading.field_pictures import field_picture
from lenet_pipeline.forms.reading.page_reading import locate_in_scan
from lenet_pipeline.schema import CHOICE_OPTIONS, CHOICES, derive_uuid


def choice_tables(found: AlignedPage, page_id: bytes) -> tuple[pa.Table, pa.Table]:
    """Return the choices of an aligned page as tables of the schemas ``CHOICES`` and ``CHOICE_OPTIONS``."""
    template = found.prepared.template
    readings = read_choices(found.image, found.prepared.reference, template, found.to_scan, found.warp)
    ids = [derive_uuid("choice", page_id.hex(), reading.choice.name).bytes for reading in readings]
    return _choices(found, page_id, ids, readings), _options(page_id, ids, readings)


def _choices(
    found: AlignedPage, page_id: bytes, ids: Sequence[bytes], readings: Sequence[ChoiceReading]
) -> pa.Table:
    template = found.prepared.template
    boxes = [reading.choice.outline.pixel_box() for reading in readings]
    scan_boxes = locate_in_scan(boxes, found.to_scan, found.warp)
    return pa.Table.from_pylist(
        [
            {
                "choice_id": ids[number],
                "page_id": page_id,
                "template": template.fingerprint,
                "choice": reading.choice.name,
                "choice_number": number,
                "box": vars(boxes[number]),
                "source_box": vars(scan_boxes[number]),
                "picture": field_picture(found.image, reading.choice, template),
            }
            for number, reading in enumerate(readings)
        ],
        schema=CHOICES,
    )


def _options(page_id: bytes, ids: Sequence[bytes], readings: Sequence[ChoiceReading]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "choice_id": choice_id,
                "page_id": page_id,
                "option_number": number,
                "option": each.option.name,
                "position": each.option.position,
                "state": each.verdict.state,
                "is_marked": each.verdict.is_marked,
                "doubt": each.verdict.doubt,
                "coverage": each.ink.coverage,
                "darkness": each.ink.darkness,
                "confidence": each.verdict.confidence,
                "box": vars(each.box),
                "source_box": vars(each.source_box),
            }
            for choice_id, reading in zip(ids, readings, strict=True)
            for number, each in enumerate(reading.options)
        ],
        schema=CHOICE_OPTIONS,
    )
