"""Print how well forms were read: overall, by column of tables, and by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lenet_pipeline.audit import counted
from lenet_pipeline.cli.output import Format, print_line, print_records, print_rows

if TYPE_CHECKING:
    from lenet_pipeline.jobs import FormEvaluation

_SHOWN = ["field", "fields", "field_accuracy_pct", "digit_accuracy_pct", "straight_through_pct"]
_MOST_FIELDS = 100  # of a form with a table, which has dozens of fields


def print_evaluation(outcome: FormEvaluation) -> None:
    """Print the accuracy of the readings: overall, by column of tables, by field, and by choice."""
    if len(outcome.accuracy):
        _print_fields(outcome)
    if len(outcome.choices):
        _print_choices(outcome)
    if outcome.unknown:
        first = outcome.unknown[0]
        print_line(
            f"{counted(len(outcome.unknown), 'true value')} without a reading, such as {first.field} on page "
            f"{first.page} of {first.source}"
        )
    if outcome.picture:
        print_line(f"{counted(outcome.mistakes, 'mistake')} drawn in {outcome.picture}")


def _print_fields(outcome: FormEvaluation) -> None:
    overall, *by_field = outcome.accuracy.to_pylist()
    right, fields = overall["fields_right"], overall["fields"]
    print_line(
        f"right: {overall['field_accuracy_pct']:.2f}% of fields ({right:,} of {fields:,}), "
        f"{overall['digit_accuracy_pct'] or 0:.2f}% of digits "
        f"({overall['digits_right']:,} of {overall['digits']:,})"
    )
    print_line(
        f"straight through: {overall['straight_through_pct']:.2f}% of fields, "
        f"{overall['straight_through_wrong']:,} of them wrong; "
        f"{counted(overall['wrong_corrections'], 'wrong correction')}"
    )
    if columns := sum_by_column(by_field):
        print_records(columns, Format.TABLE)
    if by_field:
        print_rows(outcome.accuracy.slice(1).select(_SHOWN), Format.TABLE, most_rows=_MOST_FIELDS)


def _print_choices(outcome: FormEvaluation) -> None:
    overall = outcome.choices.to_pylist()[0]
    print_line(
        f"boxes and bubbles: {overall['choices_right_pct']:.2f}% of choices right "
        f"({overall['choices_right']:,} of {overall['choices']:,}), {overall['in_doubt']:,} in doubt, "
        f"{overall['silent_errors']:,} wrong without a doubt"
    )
    print_rows(outcome.choices.slice(1).drop_columns("form"), Format.TABLE)


def sum_by_column(by_field: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return one row for each column of the tables in an evaluation, in the order of the fields.

    Args:
        by_field: rows of the audit ``form_accuracy``, one for each field. Fields named ``row.column`` are
            those of tables.
    """
    columns: dict[str, list[Mapping[str, Any]]] = {}
    for row in by_field:
        _, dot, column = row["field"].partition(".")
        if dot:
            columns.setdefault(column, []).append(row)
    return [_sum(column, rows) for column, rows in columns.items()]


def _sum(column: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    fields, digits = (sum(row[name] for row in rows) for name in ("fields", "digits"))
    straight_through = sum(row["straight_through_pct"] * row["fields"] for row in rows)
    digits_right = sum(row["digits_right"] for row in rows)
    return {
        "column": column,
        "fields": fields,
        "field_accuracy_pct": round(100 * sum(row["fields_right"] for row in rows) / fields, 2),
        "digit_accuracy_pct": round(100 * digits_right / digits, 2) if digits else None,
        "straight_through_pct": round(straight_through / fields, 2),
    }
