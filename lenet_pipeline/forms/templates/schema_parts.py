"""Parts of the JSON Schema of a template file: numbers, texts, choices and lists, each with a description."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

END = r"$(?!\n)"  # in Python, $ alone also matches before a final line break

_NAME = "[A-Za-z][A-Za-z0-9_]*"
_LONGEST_NAME = 63


def place(whose: str) -> Schema:
    return {
        "x": number(f"{whose} left edge, from the page's left edge: a number, 0 or more", minimum=0),
        "y": number(f"{whose} top edge, from the page's top edge: a number, 0 or more", minimum=0),
        "width": above_zero(f"{whose} width"),
        "height": above_zero(f"{whose} height"),
    }


def number(description: str, **limits: float) -> Schema:
    return {"description": description, "type": "number", **limits}


def above_zero(description: str) -> Schema:
    return number(f"{description}: a number above 0", exclusiveMinimum=0)


def size(description: str, lowest: float, highest: float) -> Schema:
    return number(description, minimum=lowest, maximum=highest)


def count(description: str, lowest: int, highest: int) -> Schema:
    words = f"{description}: a whole number from {lowest} to {highest}"
    return {"description": words, "type": "integer", "minimum": lowest, "maximum": highest}


def text(description: str, **limits: int) -> Schema:
    return {"description": description, "type": "string", **limits}


def name(description: str) -> Schema:
    return {
        "description": description,
        "type": "string",
        "pattern": f"^{_NAME}{END}",
        "maxLength": _LONGEST_NAME,
    }


def field_name(description: str) -> Schema:
    """Return the schema of a field's name in a rule. Fields of tables are named ``row.column``."""
    return {
        "description": description,
        "type": "string",
        "pattern": rf"^{_NAME}(\.{_NAME})?{END}",
        "maxLength": 2 * _LONGEST_NAME + 1,
    }


def choice(description: str, values: list[str], default: str | None = None) -> Schema:
    words = f"{', '.join(values[:-1])} or {values[-1]}: {description}"
    schema: Schema = {"description": words, "type": "string", "enum": values}
    return schema if default is None else {**schema, "default": default}


def pair(description: str, *, lowest: int, highest: int | None = None) -> Schema:
    words = (
        f"a whole number, {lowest} or more" if highest is None else f"a whole number, {lowest} to {highest}"
    )
    item: Schema = {"description": words, "type": "integer", "minimum": lowest}
    if highest is not None:
        item["maximum"] = highest
    return {"description": description, "type": "array", "items": item, "minItems": 2, "maxItems": 2}


def number_pair(description: str) -> Schema:
    item: Schema = {
        "description": "a whole number, 0 or more, or any number if the field has decimals or a sign",
        "type": "number",
    }
    return {"description": description, "type": "array", "items": item, "minItems": 2, "maxItems": 2}


def list_of(items: Schema, description: str) -> Schema:
    return {"description": description, "type": "array", "maxItems": 1000, "items": items}


def arithmetic(description: str, names: Schema, result: Schema) -> Schema:
    """Return the schema of a sum or product of some names that equals a result."""
    return {
        "description": f"{description}, such as {{of: [a, b], equals: total}}",
        "type": "object",
        "additionalProperties": False,
        "required": ["of", "equals"],
        "properties": {
            "of": {**names, "description": "a list of at least one name", "minItems": 1},
            "equals": result,
        },
    }
