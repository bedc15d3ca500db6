"""Assemble the values of form fields from the digits that a run scored."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pyarrow as pa

from lenet_pipeline.audit import revise
from lenet_pipeline.schema import RULE_FAILURES
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import (
    load_field_values,
    read_template_texts,
    read_unassembled_cells,
)

if TYPE_CHECKING:
    from lenet_pipeline.forms import AssembledPages

_PAGES_AT_ONCE = 1_000  # about a hundred thousand cells: they take seconds, and fit into memory


def assemble_fields(scoring_run_id: UUID, settings: Settings) -> int:
    """Assemble the field values of every page whose digits a run scored. Skip pages that have values.

    Returns:
        The number of pages that got values.

    Raises:
        WarehouseError: the database cannot be read or written.
    """
    warehouse = settings.warehouse
    texts = read_template_texts(warehouse, scoring_run_id)
    if not texts:  # the dataset has no forms
        return 0
    from lenet_pipeline.forms import assemble_pages, read_content  # takes 80 MB; most runs have no forms

    templates = {fingerprint: read_content(text) for fingerprint, text in texts.items()}
    pages = 0
    while True:
        cells = read_unassembled_cells(warehouse, scoring_run_id, _PAGES_AT_ONCE)
        if not len(cells):
            return pages
        assembled = assemble_pages(cells, templates)
        load_field_values(warehouse, scoring_run_id, assembled.values, _rule_failures(assembled), revise)
        pages += assembled.pages


def _rule_failures(assembled: AssembledPages) -> pa.Table:
    rows = [{"page_id": page_id, "rule": rule} for page_id, rule in assembled.rule_failures]
    return pa.Table.from_pylist(rows, schema=RULE_FAILURES)
