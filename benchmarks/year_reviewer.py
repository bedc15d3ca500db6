"""The reviewer of a simulated year: answers everything that waits with the truth, apart from a few slips."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import PurePath
from typing import Any
from uuid import UUID, uuid5

import pyarrow as pa

from benchmarks.year_forms import Place
from lenet_pipeline.audit import revise
from lenet_pipeline.review.verdicts import judge_field
from lenet_pipeline.schema import NEW_FIELD_REVIEWS, NEW_REVIEWS
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import VerdictBatch, read_review_records, record_verdicts, run_select

_NAMESPACE = UUID("5a7f2c1e-0f5b-4b7e-9a55-6f3d0c1e2016")
_ONE_SLIP_IN = 100
_SECONDS = 2.0
_WAITING = "select cast(field_id as varchar) as field_id from review_queue where kind = 'field' order by all"


def answer_queue(settings: Settings, truth: Mapping[Place, int], week: int) -> tuple[int, int]:
    """Answer every field that waits, as the review pages do. Return the numbers of fields and of slips.

    All answers of a week are one batch, so answering again changes nothing.
    """
    waiting = run_select(settings.warehouse, _WAITING)["field_id"].to_pylist()
    if not waiting:
        return 0, 0
    records = read_review_records(settings.warehouse, waiting)
    cells = {
        field_id: list(rows)
        for field_id, rows in groupby(
            sorted(records.cells, key=itemgetter("field_id", "position")), itemgetter("field_id")
        )
    }
    asked = set(waiting)
    digit_rows, field_rows, slips = list[dict[str, Any]](), list[dict[str, Any]](), 0
    for row in sorted(records.fields, key=itemgetter("field_id")):
        if row["field_id"] not in asked:
            continue
        own = cells[row["field_id"]]
        signs, wrong = _read(row, own, truth)
        slips += wrong
        verdict, digits = judge_field(own, signs)
        digit_rows += digits
        field_rows.append(
            {"field_id": UUID(row["field_id"]).bytes, "page_id": UUID(row["page_id"]).bytes, **verdict}
        )
    batch = VerdictBatch(
        uuid5(_NAMESPACE, f"week {week}"),
        "reviewer",
        "fields",
        digits=pa.Table.from_pylist(digit_rows, schema=NEW_REVIEWS),
        fields=pa.Table.from_pylist(field_rows, schema=NEW_FIELD_REVIEWS),
        seconds=_SECONDS,
    )
    record_verdicts(settings.warehouse, batch, revise)
    return len(field_rows), slips


def _read(
    field: Mapping[str, Any], cells: Sequence[Mapping[str, Any]], truth: Mapping[Place, int]
) -> tuple[list[str], int]:
    """Return what the reviewer reads in each cell, and the number of slips."""
    signs, slips = list[str](), 0
    for cell in cells:
        digit = truth[PurePath(field["source"]).name, field["page"], field["field"], cell["position"]]
        if _slips(cell["digit_id"]):
            digit, slips = (digit + 1) % 10, slips + 1
        signs.append(str(digit))
    return signs, slips


def _slips(digit_id: str | None) -> bool:
    """Tell whether the reviewer misreads a digit: always the same ones, one in a hundred."""
    digest = hashlib.sha256(f"slip {digit_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % _ONE_SLIP_IN == 0
