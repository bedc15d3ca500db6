"""Assemble the values of fields from the scored cells of whole pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa

from lenet_pipeline.forms.rules.across_rules import AcrossRule, rule_fields
from lenet_pipeline.forms.templates.content import TemplateContent
from lenet_pipeline.forms.values.cell_states import CellState
from lenet_pipeline.forms.values.field_values import (
    Cutting,
    FieldValue,
    apply_across_rules,
    read_field_value,
    sum_to_one,
)
from lenet_pipeline.forms.values.number_forms import NumberInk
from lenet_pipeline.schema import FIELD_VALUES, identifier_bytes

Row = dict[str, Any]


@dataclass(frozen=True)
class AssembledPages:
    """The field values of some pages.

    Attributes:
        values: a table of schema ``FIELD_VALUES``.
        rule_failures: pairs of a page's id and the name of a rule across fields that it breaks.
        pages: the number of pages.
    """

    values: pa.Table
    rule_failures: tuple[tuple[bytes, str], ...]
    pages: int


def assemble_pages(cells: pa.Table, templates: Mapping[str, TemplateContent]) -> AssembledPages:
    """Assemble the values of every field of some pages.

    Args:
        cells: the result of ``warehouse.read_unassembled_cells``, grouped by page and field.
        templates: the fields and rules of each template, by its fingerprint.
    """
    values: list[Row] = []
    failures: list[tuple[bytes, str]] = []
    pages = 0
    for page_id, page_rows in groupby(cells.to_pylist(), key=itemgetter("page_id")):
        rows = list(page_rows)
        content = templates[rows[0]["template"]]
        found = dict(_field_values(rows, content))
        marks = {each["choice"]: each["value"] for each in rows[0]["marks"] or []}
        broken = apply_across_rules(content.rules, {name: value for (_, name), value in found.items()}, marks)
        failures += [(identifier_bytes(page_id), rule) for rule in broken]
        doubts = _doubts_by_field([rule for rule in content.rules if rule.name in broken])
        values += [
            _value_row(page_id, field_id, replace(value, reasons=(*value.reasons, *doubts.get(name, ()))))
            for (field_id, name), value in found.items()
        ]
        pages += 1
    return AssembledPages(pa.Table.from_pylist(values, schema=FIELD_VALUES), tuple(failures), pages)


def _doubts_by_field(broken: Sequence[AcrossRule]) -> dict[str, list[str]]:
    """Return the reasons to review fields, by name: each field in a broken rule may be the wrong one."""
    doubts: dict[str, list[str]] = {}
    for rule in broken:
        for name in rule_fields(rule):
            doubts.setdefault(name, []).append(f"rule_failed: {rule.name}")
    return doubts


def _field_values(
    rows: Sequence[Row], content: TemplateContent
) -> Iterator[tuple[tuple[str, str], FieldValue]]:
    fields = {field.name: field for field in content.fields}
    for (field_id, name), cells_of_field in groupby(rows, key=itemgetter("field_id", "field")):
        cells = list(cells_of_field)
        first = cells[0]
        states = [_cell_state(cell) for cell in cells if cell["state"] is not None]
        value = read_field_value(
            fields[name],
            states,
            extra_ink=first["extra_ink"],
            ink=_number_ink(first["loose_ink"] or ()),
            cutting=Cutting(first["cut_probability"], first["cut_doubt"]),
        )
        yield (field_id, name), value


def _number_ink(found: Sequence[Row]) -> NumberInk:
    separators = [one["position"] for one in found if one["kind"] != "minus"]
    return NumberInk(separators[0] if separators else None, len(separators) < len(found))


def _cell_state(cell: Row) -> CellState:
    probabilities = cell["probabilities"]
    known = None if probabilities is None else sum_to_one(probabilities)
    return CellState(
        cell["position"],
        cell["state"],
        known,
        cell["not_a_digit"],
        cell["mark"],
        cell["possible_mark"],
        bool(cell["is_like_mark"]),
    )


def _value_row(page_id: str, field_id: str, value: FieldValue) -> Row:
    return {
        "field_id": identifier_bytes(field_id),
        "page_id": identifier_bytes(page_id),
        "status": value.status,
        "raw_value": value.raw_value,
        "value": value.value,
        "confidence": value.confidence,
        "raw_probability": value.raw_probability,
        "probability": value.probability,
        "posterior": value.posterior,
        "broken_rule": value.broken_rule,
        "is_doubtful": value.is_doubtful,
        "reason": value.reason,
    }
