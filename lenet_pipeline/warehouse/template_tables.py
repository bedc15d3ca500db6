"""Templates in the database: their text, their fields, and their choices of boxes and bubbles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from lenet_pipeline.warehouse.connection import Warehouse
from lenet_pipeline.warehouse.migrations import writing
from lenet_pipeline.warehouse.statements import run_statement


@dataclass(frozen=True)
class ChoiceRecord:
    """A choice of a template: its name, its kind, its fewest digits, and the field that it checks."""

    choice: str
    kind: str
    fewest: int
    checks: str | None


@dataclass(frozen=True)
class TemplateRecord:
    """A template: its fingerprint, its form, its YAML text, and its fields and choices in order.

    The values of ``unique_fields`` must not repeat within a scoring run.
    """

    template: str
    form: str
    text: str
    fields: tuple[str, ...]
    unique_fields: frozenset[str]
    recorded_at: datetime
    actor: str
    choices: tuple[ChoiceRecord, ...] = ()


def record_templates(warehouse: Warehouse, records: Sequence[TemplateRecord]) -> None:
    """Record templates; existing ones are not changed.

    Raises:
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with writing(warehouse) as connection:
        for record in records:
            values = asdict(record)
            fields, unique = values.pop("fields"), values.pop("unique_fields")
            choices = values.pop("choices")
            run_statement(connection, "insert_template", values)
            for number, field in enumerate(fields):
                field_values = {
                    "template": record.template,
                    "field": field,
                    "field_number": number,
                    "is_unique": field in unique,
                }
                run_statement(connection, "insert_template_field", field_values)
            for number, choice in enumerate(choices):
                choice_values = choice | {"template": record.template, "choice_number": number}
                run_statement(connection, "insert_template_choice", choice_values)
