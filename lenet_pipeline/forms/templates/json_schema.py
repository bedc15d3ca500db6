"""The JSON Schema of a template file. Editors complete with it, and the reader checks files against it.

Each description says which value is expected. Editors show it, and messages about a wrong value end with it.
"""

from __future__ import annotations

from typing import Any

from lenet_pipeline.forms.rules.checksums import CHECKSUMS
from lenet_pipeline.forms.templates.page_sizes import PAGE_SIZES

MOST_COLUMNS = 100
MOST_ROWS = 200
MOST_DIGITS = 60

_Schema = dict[str, Any]

_END = r"$(?!\n)"  # in Python, $ alone also matches before a final line break
_NAME = "^[A-Za-z][A-Za-z0-9_]*" + _END


def template_schema() -> _Schema:
    """Return the JSON Schema (draft 2020-12) of a template file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "lenet form template",
        "description": "a mapping with form, page or reference, and fields",
        "type": "object",
        "additionalProperties": False,
        "required": ["form", "fields"],
        "properties": {
            "form": _text("the name of the form, 1 to 100 characters", minLength=1, maxLength=100),
            "page": _page(),
            "reference": _reference(),
            "register": _choice("how to align a scan with the template", ["features", "markers", "scale"]),
            "max_residual_px": {
                "description": "a number above 0 and up to 50: the page is rejected if its print is farther "
                "out of place than this, in pixels at 200 dpi",
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 50,
            },
            "units": _choice("the unit of every position and size in fields", ["mm", "px"], default="mm"),
            "fields": {
                "description": "a list of at least one field",
                "type": "array",
                "minItems": 1,
                "maxItems": 1000,
                "items": _field(),
            },
            "rules": _list_of(_across_rule(), "a list of rules across fields"),
        },
    }


def _page() -> _Schema:
    names = "|".join(PAGE_SIZES)
    return {
        "description": "a page size in mm, such as {width: 210, height: 297}, or one of the names "
        f"{', '.join(PAGE_SIZES)}, optionally followed by landscape or portrait",
        "type": ["string", "object"],
        "pattern": f"^({names})( landscape| portrait)?{_END}",
        "additionalProperties": False,
        "required": ["width", "height"],
        "properties": {
            "width": _size("the page's width in mm, 10 to 2000", 10, 2000),
            "height": _size("the page's height in mm, 10 to 2000", 10, 2000),
        },
    }


def _reference() -> _Schema:
    return {
        "description": "the file name of the blank form, or a mapping such as {file: blank.pdf, page: 1}",
        "type": ["string", "object"],
        "minLength": 1,
        "additionalProperties": False,
        "required": ["file"],
        "properties": {
            "file": _text("the file name of the blank form: a PDF, TIFF, PNG or JPEG", minLength=1),
            "page": _count("the page of the file, counted from 1", 1, 100_000),
            "dpi": {
                "description": "a number from 10 to 2400: the resolution of an image that does not state "
                "it; for a PDF with units px, the resolution of the picture that you measured in",
                "type": "number",
                "minimum": 10,
                "maximum": 2400,
            },
            "print_in_cells": {
                "description": "true or false: whether the blank form itself has large print inside its "
                "cells, which is otherwise taken for writing",
                "type": "boolean",
                "default": False,
            },
        },
    }


def _field() -> _Schema:
    return {
        "description": "a field: a mapping with name, and cells or box",
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "oneOf": [{"required": ["cells"]}, {"required": ["box"]}],
        "properties": {
            "name": _field_name(
                "a name of letters, digits and _ that starts with a letter; it becomes a column name"
            ),
            "cells": _cells(),
            "box": _box(),
            "blank": _choice(
                "whether writers may leave the field empty", ["allowed", "forbidden"], default="allowed"
            ),
            "unused": _choice(
                'the mark that writers put into unused cells ("-" needs quotes)', ["X", "-", "none"]
            ),
            "rules": _list_of(_field_rule(), "a list of rules"),
        },
    }


def _cells() -> _Schema:
    return {
        "description": "a row or grid of boxes for one digit each, such as "
        "{x: 40.2, y: 91, width: 6.2, height: 6.5, pitch: 6.35, count: 10}",
        "type": "object",
        "additionalProperties": False,
        "required": ["x", "y", "width", "height"],
        "dependentRequired": {"pitch": ["count"], "row_pitch": ["rows"]},
        "properties": {
            **_place("the first cell's"),
            "pitch": _above_zero("the distance between the left edges of neighbouring cells"),
            "count": _count("the number of cells in a row", 1, MOST_COLUMNS),
            "row_pitch": _above_zero("the distance between the top edges of neighbouring rows"),
            "rows": _count("the number of rows", 1, MOST_ROWS),
        },
    }


def _box() -> _Schema:
    return {
        "description": "one box for several digits, such as "
        "{x: 40.2, y: 91, width: 60, height: 9, digits: [1, 6]}",
        "type": "object",
        "additionalProperties": False,
        "required": ["x", "y", "width", "height", "digits"],
        "properties": {
            **_place("the box's"),
            "digits": _pair(
                "the smallest and largest number of digits, such as [1, 6]", lowest=1, highest=MOST_DIGITS
            ),
        },
    }


def _field_rule() -> _Schema:
    kinds = ["pattern", "range", "length", "values", "checksum"]
    return {
        "description": "a rule such as {length: [6, 10]}, {range: [0, 999]}, {checksum: luhn}, "
        '{pattern: "1[0-9]*"} or {values: ["1", "2"]}',
        "type": "object",
        "additionalProperties": False,
        "oneOf": [{"required": [kind]} for kind in kinds],
        "dependentRequired": {"weights": ["checksum"]},
        "properties": {
            "pattern": _text(
                "a regular expression in quotes that matches the whole value", minLength=1, maxLength=500
            ),
            "range": _pair("the lowest and highest number, such as [0, 999]", lowest=0),
            "length": _pair(
                "the smallest and largest number of digits, such as [6, 10]", lowest=1, highest=MOST_DIGITS
            ),
            "values": {
                "description": 'a list of the allowed values, digits in quotes, such as ["1", "02"]',
                "type": "array",
                "minItems": 1,
                "maxItems": 10_000,
                "items": {"description": 'digits in quotes, such as "02"', "type": ["string", "integer"]},
            },
            "checksum": _choice("the checksum method", list(CHECKSUMS)),
            "weights": {
                "description": "a list of whole numbers, one for each digit, for weighted-mod-11",
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_DIGITS,
                "items": {"description": "a whole number", "type": "integer"},
            },
        },
    }


def _across_rule() -> _Schema:
    field = _field_name("the name of a field")
    fields = {"description": "a list of field names", "type": "array", "items": field, "maxItems": 1000}
    return {
        "description": "a rule such as {sum: {of: [a, b], equals: total}}, {equal: [a, b]} or {unique: a}",
        "type": "object",
        "additionalProperties": False,
        "oneOf": [{"required": [kind]} for kind in ("sum", "equal", "unique")],
        "properties": {
            "sum": {
                "description": "the fields to add and the field that holds the total, such as "
                "{of: [a, b], equals: total}",
                "type": "object",
                "additionalProperties": False,
                "required": ["of", "equals"],
                "properties": {
                    "of": {**fields, "description": "a list of at least one field name", "minItems": 1},
                    "equals": field,
                },
            },
            "equal": {**fields, "description": "a list of at least two field names", "minItems": 2},
            "unique": field,
        },
    }


def _place(whose: str) -> _Schema:
    return {
        "x": _number(f"{whose} left edge, from the page's left edge: a number, 0 or more", minimum=0),
        "y": _number(f"{whose} top edge, from the page's top edge: a number, 0 or more", minimum=0),
        "width": _above_zero(f"{whose} width"),
        "height": _above_zero(f"{whose} height"),
    }


def _number(description: str, **limits: float) -> _Schema:
    return {"description": description, "type": "number", **limits}


def _above_zero(description: str) -> _Schema:
    return _number(f"{description}: a number above 0", exclusiveMinimum=0)


def _size(description: str, lowest: float, highest: float) -> _Schema:
    return _number(description, minimum=lowest, maximum=highest)


def _count(description: str, lowest: int, highest: int) -> _Schema:
    text = f"{description}: a whole number from {lowest} to {highest}"
    return {"description": text, "type": "integer", "minimum": lowest, "maximum": highest}


def _text(description: str, **limits: int) -> _Schema:
    return {"description": description, "type": "string", **limits}


def _field_name(description: str) -> _Schema:
    return {"description": description, "type": "string", "pattern": _NAME, "maxLength": 63}


def _choice(description: str, values: list[str], default: str | None = None) -> _Schema:
    text = f"{', '.join(values[:-1])} or {values[-1]}: {description}"
    schema: _Schema = {"description": text, "type": "string", "enum": values}
    return schema if default is None else {**schema, "default": default}


def _pair(description: str, *, lowest: int, highest: int | None = None) -> _Schema:
    text = (
        f"a whole number, {lowest} or more" if highest is None else f"a whole number, {lowest} to {highest}"
    )
    number: _Schema = {"description": text, "type": "integer", "minimum": lowest}
    if highest is not None:
        number["maximum"] = highest
    return {"description": description, "type": "array", "items": number, "minItems": 2, "maxItems": 2}


def _list_of(items: _Schema, description: str) -> _Schema:
    return {"description": description, "type": "array", "maxItems": 1000, "items": items}
