"""The JSON Schema of a table in a template file. ``tables.py`` expands tables to fields."""

from __future__ import annotations

from lenet_pipeline.forms.templates.number_formats import decimals_schema, sign_schema
from lenet_pipeline.forms.templates.schema_parts import (
    Schema,
    above_zero,
    arithmetic,
    choice,
    count,
    field_name,
    list_of,
    name,
    number,
    pair,
)

MOST_TABLE_ROWS = 200
MOST_TABLE_COLUMNS = 60
MOST_CELLS = 60
_FIELD_KEYS = ("digits", "cells", "blank", "unused", "decimals", "sign", "rules")  # of a column with a name


def table_schema(field_rule: Schema) -> Schema:
    """Return the JSON Schema of a table.

    Args:
        field_rule: the schema of a rule of one field.
    """
    return {
        "description": "a table such as {x: 20, y: 60, row_height: 8, rows: [tea, milk], "
        "columns: [{name: price, width: 30, digits: [1, 5]}]}",
        "type": "object",
        "additionalProperties": False,
        "required": ["x", "y", "rows", "columns"],
        "dependentRequired": {"lines": ["width", "height"], "width": ["lines"], "height": ["lines"]},
        "properties": {
            "x": number(
                "the left edge of the first column, from the page's left edge: a number, 0 or more", minimum=0
            ),
            "y": number(
                "the top edge of the first row, from the page's top edge: a number, 0 or more", minimum=0
            ),
            "row_height": above_zero("the height of each row without a height of its own"),
            "lines": {
                "description": "printed: take the places of rows and columns from lines of the blank form; "
                "without lines, give row_height and the width of each column",
                "type": "string",
                "enum": ["printed"],
            },
            "width": above_zero("the width of all columns together, with lines: printed"),
            "height": above_zero("the height of all rows together, with lines: printed"),
            "rows": _rows(),
            "columns": {
                "description": "a list of columns, such as [{name: price, width: 30, digits: [1, 5]}]",
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_TABLE_COLUMNS,
                "items": _column(field_rule),
            },
            "row_rules": list_of(_line_rule("column", "rows"), "a list of rules for every row"),
            "column_rules": list_of(_line_rule("row", "columns"), "a list of rules for every column"),
        },
    }


def _rows() -> Schema:
    return {
        "description": "the names of the rows, such as [tea, milk], or their number: a whole number from 1 "
        f"to {MOST_TABLE_ROWS}, for rows named row1, row2 and so on",
        "type": ["integer", "array"],
        "minimum": 1,
        "maximum": MOST_TABLE_ROWS,
        "minItems": 1,
        "maxItems": MOST_TABLE_ROWS,
        "items": {
            **name(
                "the name of a row (letters, digits and _, first a letter), or a mapping such as "
                "{name: tea, height: 8}; a row without a name is not read"
            ),
            "type": ["string", "object"],
            "additionalProperties": False,
            "properties": {
                "name": name("the name of a row: letters, digits and _, first a letter"),
                "height": above_zero("the height of the row"),
            },
        },
    }


def _column(field_rule: Schema) -> Schema:
    return {
        "description": "a column: a mapping with name, width, and digits or cells; a column without a name "
        "is not read",
        "type": "object",
        "additionalProperties": False,
        "dependentRequired": {key: ["name"] for key in _FIELD_KEYS},
        "properties": {
            "name": name("the name of a column: letters, digits and _, first a letter"),
            "width": above_zero("the width of the column"),
            "digits": pair(
                "the smallest and largest number of digits in an undivided box, such as [1, 6]",
                lowest=1,
                highest=MOST_CELLS,
            ),
            "cells": count("the number of cells that divide each box evenly", 1, MOST_CELLS),
            "blank": choice(
                "whether writers may leave a field of the column empty", ["allowed", "forbidden"], "allowed"
            ),
            "unused": choice(
                'the mark that writers put into unused cells ("-" needs quotes)', ["X", "-", "none"]
            ),
            "decimals": decimals_schema(),
            "sign": sign_schema(),
            "rules": list_of(field_rule, "a list of rules for each field of the column"),
        },
    }


def _line_rule(item: str, restricted: str) -> Schema:
    """Return the schema of a rule for every row or column.

    Args:
        item: the names in the rule: ``column`` in a rule for rows, ``row`` in a rule for columns.
        restricted: the key that restricts the rule to some rows or columns.
    """
    named = field_name(f"the name of a {item} of the table, or of a field of the form")
    names: Schema = {
        "description": f"a list of {item} names",
        "type": "array",
        "items": named,
        "maxItems": 1000,
    }
    total = arithmetic(f"the {item}s to add and the {item} or field that holds the total", names, named)
    properties: Schema = {
        "sum": total,
        "equal": {**names, "description": f"a list of at least two {item} names", "minItems": 2},
        restricted: {
            "description": f"the names of the {restricted} with this rule; all {restricted} without it",
            "type": "array",
            "items": name(f"the name of one of the {restricted}"),
            "minItems": 1,
            "maxItems": 1000,
        },
    }
    if item == "row":
        total["required"] = ["equals"]  # without "of", every other row is added
    else:
        properties["product"] = arithmetic(
            "the columns to multiply and the column that holds the product", names, named
        )
    kinds = [kind for kind in ("sum", "product", "equal") if kind in properties]
    return {
        "description": f"a rule such as {{sum: {{of: [a, b], equals: total}}}}, with names of {item}s",
        "type": "object",
        "additionalProperties": False,
        "oneOf": [{"required": [kind]} for kind in kinds],
        "properties": properties,
    }
