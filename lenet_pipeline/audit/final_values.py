"""Derive the final values of reviewed pages: what people decided, or else what was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lenet_pipeline.schema import PAGE_REVISIONS, REVISED_VALUES, identifier_bytes
from lenet_pipeline.warehouse import Revisions

if TYPE_CHECKING:
    from lenet_pipeline.forms import ReviewedField, TemplateContent

Row = dict[str, Any]

_READER = ("page_id", "model_name", "model_version", "preprocessing_fingerprint", "precision")


def revise(fields: pa.Table, texts: Mapping[str, str]) -> Revisions:
    """Derive the final values of every page and reader; see ``warehouse.Revise``.

    Raises:
        IngestError: a recorded template is no longer valid.
    """
    from lenet_pipeline.forms import derive_final_values  # loads OpenCV

    pages: list[Row] = []
    values: list[Row] = []
    for number, (reader, grouped) in enumerate(groupby(fields.to_pylist(), key=itemgetter(*_READER))):
        rows = list(grouped)
        reviewed = {row["field"]: _reviewed_field(row) for row in rows}
        marks = {each["choice"]: each["value"] for each in rows[0]["marks"] or []}
        content = read_template_content(texts[rows[0]["template"]])
        final, broken = derive_final_values(content, reviewed, marks)
        page = dict(zip(_READER, reader, strict=True))
        pages.append(
            page
            | {
                "revision_number": number,
                "page_id": identifier_bytes(page["page_id"]),
                "broken_rules": broken,
            }
        )
        for row in rows:
            value = final[row["field"]]
            reason = "; ".join(value.reasons) or None
            if not reviewed[row["field"]].is_reviewed and reason == row["reason"]:
                continue  # as it was read
            values.append(
                {
                    "revision_number": number,
                    "field_id": identifier_bytes(row["field_id"]),
                    "status": value.status,
                    "value": value.value,
                    "broken_rule": value.broken_rules[0] if value.broken_rules else None,
                    "reason": reason,
                    "reviewed_positions": list(value.reviewed_positions),
                    "is_settled": value.is_settled,
                    **_newest_review(row),
                }
            )
    return Revisions(
        pages=pa.Table.from_pylist(pages, schema=PAGE_REVISIONS),
        values=pa.Table.from_pylist(values, schema=REVISED_VALUES),
    )


@lru_cache(maxsize=64)
def read_template_content(text: str) -> TemplateContent:
    """Return the fields and rules of a recorded template; reading it takes longer than applying it."""
    from lenet_pipeline.forms import read_content

    return read_content(text)


def _reviewed_field(row: Row) -> ReviewedField:
    from lenet_pipeline.forms import FieldVerdict, ReadCell, ReviewedField

    digits: Sequence[Row] = row["digit_verdicts"] or []
    verdict = None
    if row["verdict"] is not None and not _is_superseded(row):
        verdict = FieldVerdict(row["verdict"], row["verdict_value"])
    return ReviewedField(
        status=row["status"],
        raw_value=row["raw_value"],
        value=row["value"],
        broken_rule=row["broken_rule"],
        reason=row["reason"],
        cells=tuple(
            ReadCell(cell["position"], cell["state"], cell["label"]) for cell in row["cells_read"] or []
        ),
        digits={each["position"]: each["verdict"] for each in digits},
        verdict=verdict,
    )


def _is_superseded(row: Row) -> bool:
    """Return whether newer verdicts on digits replace a verdict on the field.

    They cannot if the person typed a value whose characters do not belong to one digit each.
    """
    newest = max((each["review_number"] for each in row["digit_verdicts"] or []), default=0)
    return bool(row["has_all_digits"]) and newest > row["review_number"]


def _newest_review(row: Row) -> Row:
    """Return who reviewed a field or its digits last, and when; None without a review."""
    reviews = list(_reviews(row))
    newest = max(reviews, key=itemgetter("review_number"), default=None)
    if newest is None:
        return {"review_number": None, "reviewed_by": None, "reviewed_at": None}
    return {
        "review_number": newest["review_number"],
        "reviewed_by": newest["actor"],
        "reviewed_at": newest["reviewed_at"],
    }


def _reviews(row: Row) -> Iterator[Row]:
    if row["verdict"] is not None:
        yield row
        if not _is_superseded(row):
            return
    yield from row["digit_verdicts"] or []
