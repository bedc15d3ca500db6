"""Builders of forms in a small warehouse: pages, their cells, and the values read from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from lenet_pipeline import warehouse
from lenet_pipeline.audit import revise
from lenet_pipeline.schema import (
    CELLS,
    CHOICE_OPTIONS,
    CHOICES,
    DIGITS,
    DOCUMENTS,
    FIELD_TRUTHS,
    FIELD_VALUES,
    FIELDS,
    IMAGE_BYTES,
    PAGES,
    RULE_FAILURES,
    derive_uuid,
)
from lenet_pipeline.warehouse import Warehouse
from tests.warehouse.policy_builders import record_policy

START = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
WAIT_S = 5.0
DATASET = "forms/march"
BOX = {"x": 1, "y": 2, "width": 30, "height": 40}
TEMPLATE = "note-1"  # stands for a fingerprint, as names do for those of documents


@dataclass(frozen=True)
class Given:
    """One field as it was read.

    ``cells`` shows them in order: a digit as it was read, ``_`` where blank, ``X`` a mark. The raw value and
    the value are its digits unless others are given.
    """

    name: str
    cells: str
    status: str = "read"
    value: str | None = "as read"
    confidence: float | None = 0.95
    rule: str | None = None
    reason: str | None = None
    extra_ink: str | None = None
    written: str | None = None
    loose_ink: tuple[dict[str, Any], ...] = ()

    @property
    def raw_value(self) -> str | None:
        if self.written is not None:
            return self.written
        return "".join(sign for sign in self.cells if sign.isdigit()) or None


@dataclass(frozen=True)
class GivenPage:
    """One page with its fields, and the template that it was read with."""

    source: str
    number: int
    fields: tuple[Given, ...]
    template: str = TEMPLATE
    form: str = "note"
    hours: float = 0

    @property
    def page_id(self) -> UUID:
        return derive_uuid("page", DATASET, self.source, self.number, self.template)

    def field_id(self, name: str) -> UUID:
        return derive_uuid("field", self.page_id, name)

    def digit_id(self, name: str, position: int) -> UUID:
        return derive_uuid(self.source, self.number, name, position, self.template)


@dataclass
class FormBuilder:
    """Puts pages of forms into the database of a ``builder`` and has model versions read them."""

    builder: Any
    pages: list[GivenPage] = field(default_factory=list)

    def add_template(
        self,
        template: str,
        form: str,
        fields: Sequence[str],
        unique: Sequence[str] = (),
        text: str | None = None,
    ) -> None:
        record = warehouse.TemplateRecord(
            template, form, text or f"form: {form}", tuple(fields), frozenset(unique), START, "ada"
        )
        warehouse.record_templates(Warehouse(self.builder.database, WAIT_S), [record])

    def add_document(self, source: str, pages: int, dataset: str = DATASET) -> None:
        row = {
            "dataset": dataset,
            "source_sha256": source,
            "source": f"inbox/{source}.pdf",
            "pages": pages,
            "size_bytes": 1000,
            "recorded_at": START,
            "actor": "ada",
        }
        table = pa.Table.from_pylist([row], schema=DOCUMENTS)
        warehouse.record_documents(Warehouse(self.builder.database, WAIT_S), table)

    def add_page(
        self,
        source: str,
        number: int,
        *fields: Given,
        template: str = TEMPLATE,
        form: str = "note",
        hours: float = 0,
    ) -> GivenPage:
        """Add a page that was read, ``hours`` after the first."""
        page = GivenPage(source, number, fields, template, form, hours)
        self.store(page)
        return page

    def store(self, page: GivenPage, **cell_columns: object) -> None:
        """Load a page that was read; ``cell_columns`` replace what its cells have there."""
        self.pages.append(page)
        row = self._page_row(page.source, page.number, "read", page.hours, page.page_id)
        row |= {"form": page.form, "template": page.template, "rotation": 0, "residual_px": 0.25}
        self.load([row], _field_rows(page), [cell | cell_columns for cell in _cell_rows(page)])

    def load_given(
        self, page: GivenPage, choices: Sequence[dict[str, Any]], options: Sequence[dict[str, Any]]
    ) -> None:
        """Load a page that was read, with its choices and their options."""
        row = self._page_row(page.source, page.number, "read", page.hours, page.page_id)
        row |= {"form": page.form, "template": page.template, "rotation": 0, "residual_px": 0.25}
        self.load([row], _field_rows(page), _cell_rows(page), choices, options)

    def add_unread_page(
        self, source: str, number: int, status: str, reason: str, hours: float = 0, **columns: object
    ) -> None:
        """Add a page that was not read."""
        templates = str(columns.get("templates", "set-1"))
        page_id = derive_uuid("page", DATASET, source, number, templates)
        row = self._page_row(source, number, status, hours, page_id) | {"reason": reason, **columns}
        self.load([row], [], [])

    def load(
        self,
        pages: list[dict[str, Any]],
        fields: list[dict[str, Any]],
        cells: list[dict[str, Any]],
        choices: Sequence[dict[str, Any]] = (),
        options: Sequence[dict[str, Any]] = (),
    ) -> None:
        tables = warehouse.PageTables(
            pa.Table.from_pylist(pages, schema=PAGES),
            pa.Table.from_pylist(fields, schema=FIELDS),
            pa.Table.from_pylist(cells, schema=CELLS),
            pa.Table.from_pylist(list(choices), schema=CHOICES),
            pa.Table.from_pylist(list(options), schema=CHOICE_OPTIONS),
        )
        warehouse.load_pages(Warehouse(self.builder.database, WAIT_S), tables)

    def score(self, version: int = 1, hours: float = 1) -> UUID:
        """Have a version read the digits of every page, one shard a page; return the run."""
        readings = {}
        for page in filter(_written, self.pages):
            shard = f"{page.source}-{page.number}-{page.template}"
            digits = _digits(page)
            path = self.builder.folder / f"{shard}.parquet"
            pq.write_table(digits, path)
            self.builder.shards[shard] = path, digits
            readings[shard] = [(label, None, 0.9) for *_, label in _written(page)]
        return self.builder.score(version, readings, dataset=DATASET, hours=hours)

    def read(
        self,
        version: int = 1,
        hours: float = 1,
        failures: Mapping[GivenPage, Sequence[str]] | None = None,
        **corrections: Given,
    ) -> UUID:
        """Score, and store the values as given; ``corrections`` replace those of fields by their names."""
        run = self.score(version, hours)
        values = [
            _value_row(page, corrections.get(given.name, given))
            for page in self.pages
            for given in page.fields
        ]
        rules = [
            {"page_id": page.page_id.bytes, "rule": rule}
            for page, broken in (failures or {}).items()
            for rule in broken
        ]
        self.load_values(run, values, rules)
        return run

    def load_values(
        self, run: UUID, values: list[dict[str, Any]], rules: Sequence[dict[str, Any]] = ()
    ) -> None:
        warehouse.load_field_values(
            Warehouse(self.builder.database, WAIT_S),
            run,
            pa.Table.from_pylist(values, schema=FIELD_VALUES),
            pa.Table.from_pylist(list(rules), schema=RULE_FAILURES),
            revise,
        )

    def accept_digits(self, threshold: float, **changes: Any) -> int:
        """Put a policy for digits in force that accepts a confidence of ``threshold`` or more."""
        return record_policy(self.builder, threshold=threshold, **changes)

    def tell_truth(self, page: GivenPage, **truths: str) -> None:
        """Record what fields of a page truly say."""
        rows = [
            {
                "field_id": page.field_id(name).bytes,
                "page_id": page.page_id.bytes,
                "truth": truth,
                "recorded_at": START,
                "actor": "ada",
            }
            for name, truth in truths.items()
        ]
        table = pa.Table.from_pylist(rows, schema=FIELD_TRUTHS)
        warehouse.record_field_truths(Warehouse(self.builder.database, WAIT_S), table)

    def _page_row(self, source: str, number: int, status: str, hours: float, page_id: UUID) -> dict[str, Any]:
        return {
            "page_id": page_id.bytes,
            "dataset": DATASET,
            "source": f"inbox/{source}.pdf",
            "source_sha256": source,
            "page": number,
            "page_fingerprint": f"{source} {number}",
            "status": status,
            "templates": "set-1",
            "read_at": START + timedelta(hours=hours),
            "actor": "ada",
        }


def _written(page: GivenPage) -> list[tuple[str, int, int]]:
    """Return field, position and label of every cell that holds ink: a mark is read too, as 8."""
    return [
        (given.name, position, int(sign) if sign.isdigit() else 8)
        for given in page.fields
        for position, sign in enumerate(given.cells)
        if sign != "_"
    ]


def _digits(page: GivenPage) -> pa.Table:
    rows = [
        {
            "digit_id": page.digit_id(name, position).bytes,
            "image": bytes(IMAGE_BYTES),
            "source": f"inbox/{page.source}.pdf",
            "source_sha256": page.source,
            "page": page.number,
            "field": name,
            "position": position,
            "polarity": "dark_on_bright",
            "template": page.template,
        }
        for name, position, _ in _written(page)
    ]
    return pa.Table.from_pylist(rows, schema=DIGITS)


def _field_rows(page: GivenPage) -> list[dict[str, Any]]:
    return [
        {
            "field_id": page.field_id(given.name).bytes,
            "page_id": page.page_id.bytes,
            "template": page.template,
            "field": given.name,
            "field_number": number,
            "box": BOX,
            "source_box": BOX,
            "picture": b"picture",
            "extra_ink": given.extra_ink,
            "loose_ink": list(given.loose_ink) or None,
        }
        for number, given in enumerate(page.fields)
    ]


def _cell_rows(page: GivenPage) -> list[dict[str, Any]]:
    states = {"_": "blank", "X": "mark"}
    return [
        {
            "field_id": page.field_id(given.name).bytes,
            "page_id": page.page_id.bytes,
            "position": position,
            "state": states.get(sign, "digit"),
            "digit_id": None if sign == "_" else page.digit_id(given.name, position).bytes,
            "ink": 0.0 if sign == "_" else 4.5,
            "box": BOX,
            "source_box": BOX,
        }
        for given in page.fields
        for position, sign in enumerate(given.cells)
    ]


def _value_row(page: GivenPage, given: Given) -> dict[str, Any]:
    value = given.raw_value if given.value == "as read" else given.value
    return {
        "field_id": page.field_id(given.name).bytes,
        "page_id": page.page_id.bytes,
        "status": given.status,
        "raw_value": given.raw_value,
        "value": value,
        "confidence": given.confidence,
        "raw_probability": given.confidence and 0.5,
        "probability": given.confidence,
        "posterior": given.confidence,
        "broken_rule": given.rule,
        "is_doubtful": given.reason is not None,
        "reason": given.reason,
    }
