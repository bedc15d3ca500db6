"""The values of forms: after digits are scored, the fields that they are part of."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE

from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import (
    RULE_FAILURES,
    load_field_values,
    read_template_texts,
    read_unassembled_cells,
)

if TYPE_CHECKING:
    from lenet_pipeline.forms.values.assembly import AssembledPages

_PAGES_AT_ONCE = 1_000  # some hundred thousand cells: seconds of work, and what memory bears


@task(task_run_name="assemble-fields", cache_policy=NO_CACHE)
def assemble_fields(scoring_run_id: UUID, settings: Settings) -> int:
    """Make the values of every page whose digits a run has read, unless its reader made them before.

    Returns:
        How many pages have values now that had none.
    """
    database, wait_s = settings.database, settings.database_wait_s
    texts = read_template_texts(database, wait_s, scoring_run_id)
    if not texts:  # no dataset of forms
        return 0
    from lenet_pipeline.forms.templates.content import read_content  # what most runs never need: 80 MB
    from lenet_pipeline.forms.values.assembly import assemble_pages

    templates = {fingerprint: read_content(text) for fingerprint, text in texts.items()}
    pages = 0
    while True:
        cells = read_unassembled_cells(database, wait_s, scoring_run_id, _PAGES_AT_ONCE)
        if not len(cells):
            return pages
        assembled = assemble_pages(cells, templates)
        load_field_values(database, wait_s, scoring_run_id, assembled.values, _rule_failures(assembled))
        pages += assembled.pages


def _rule_failures(assembled: AssembledPages) -> pa.Table:
    rows = [{"page_id": page_id, "rule": rule} for page_id, rule in assembled.rule_failures]
    return pa.Table.from_pylist(rows, schema=RULE_FAILURES)
