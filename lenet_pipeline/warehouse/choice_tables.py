"""Choices in the database: the boxes and bubbles of templates, and their true values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import duckdb

from lenet_pipeline.warehouse.statements import run_statement


@dataclass(frozen=True)
class ChoiceRecord:
    """A choice of a template: its name, its kind, its fewest digits, and the field that it checks."""

    choice: str
    kind: str
    fewest: int
    checks: str | None


def insert_template_choices(
    connection: duckdb.DuckDBPyConnection, template: str, choices: Sequence[ChoiceRecord]
) -> None:
    """Record the choices of a template within a transaction; existing ones are not changed."""
    for number, choice in enumerate(choices):
        values = asdict(choice) | {"template": template, "choice_number": number}
        run_statement(connection, "insert_template_choice", values)
