"""The JSON Schema of a template file. Editors complete with it, and the reader checks files against it.

Each description says which value is expected. Editors show it, and messages about a wrong value end with it.
"""

from __future__ import annotations

from lenet_pipeline.forms.rules.checksums import CHECKSUMS
from lenet_pipeline.forms.templates.mark_schema import MOST_CHOICES, choice_schema
from lenet_pipeline.forms.templates.number_formats import decimals_schema, sign_schema
from lenet_pipeline.forms.templates.page_sizes import PAGE_SIZES
from lenet_pipeline.forms.templates.schema_parts import (
    END,
    Schema,
    above_zero,
    arithmetic,
    choice,
    count,
    field_name,
    list_of,
    name,
    number_pair,
    pair,
    place,
    size,
    text,
)
from lenet_pipeline.forms.templates.table_schema import table_schema

MOST_COLUMNS = 100
MOST_ROWS = 200
MOST_DIGITS = 60


def template_schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of a template file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "lenet form template",
        "description": "a mapping with form, page or reference, and fields, tables or marks",
        "type": "object",
        "additionalProperties": False,
        "required": ["form"],
        "anyOf": [{"required": ["fields"]}, {"required": ["tables"]}, {"required": ["marks"]}],
        "properties": {
            "form": text("the name of the form, 1 to 100 characters", minLength=1, maxLength=100),
            "page": _page(),
            "reference": _reference(),
            "register": choice("how to align a scan with the template", ["features", "markers", "scale"]),
            "max_residual_px": {
                "description": "a number above 0 and up to 50: the page is rejected if its print is farther "
                "out of place than this, in pixels at 200 dpi",
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 50,
            },
            "units": choice("the unit of every position and size in fields", ["mm", "px"], default="mm"),
            "fields": {
                "description": "a list of at least one field",
                "type": "array",
                "minItems": 1,
                "maxItems": 1000,
                "items": _field(),
            },
            "tables": {
                "description": "a list of at least one table",
                "type": "array",
                "minItems": 1,
                "maxItems": 100,
                "items": table_schema(_field_rule()),
            },
            "marks": {
                "description": "a list of at least one choice of boxes or bubbles to mark",
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_CHOICES,
                "items": choice_schema(),
            },
            "rules": list_of(_across_rule(), "a list of rules across fields"),
        },
    }


def _page() -> Schema:
    names = "|".join(PAGE_SIZES)
    return {
        "description": "a page size in mm, such as {width: 210, height: 297}, or one of the names "
        f"{', '.join(PAGE_SIZES)}, optionally followed by landscape or portrait",
        "type": ["string", "object"],
        "pattern": f"^({names})( landscape| portrait)?{END}",
        "additionalProperties": False,
        "required": ["width", "height"],
        "properties": {
            "width": size("the page's width in mm, 10 to 2000", 10, 2000),
            "height": size("the page's height in mm, 10 to 2000", 10, 2000),
        },
    }


def _reference() -> Schema:
    return {
        "description": "the file name of the blank form, or a mapping such as {file: blank.pdf, page: 1}",
        "type": ["string", "object"],
        "minLength": 1,
        "additionalProperties": False,
        "required": ["file"],
        "properties": {
            "file": text("the file name of the blank form: a PDF, TIFF, PNG or JPEG", minLength=1),
            "page": count("the page of the file, counted from 1", 1, 100_000),
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


def _field() -> Schema:
    return {
        "description": "a field: a mapping with name, and cells or box",
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "oneOf": [{"required": ["cells"]}, {"required": ["box"]}],
        "properties": {
            "name": name(
                "a name of letters, digits and _ that starts with a letter; it becomes a column name"
            ),
            "cells": _cells(),
            "box": _box(),
            "blank": choice(
                "whether writers may leave the field empty", ["allowed", "forbidden"], default="allowed"
            ),
            "unused": choice(
                'the mark that writers put into unused cells ("-" needs quotes)', ["X", "-", "none"]
            ),
            "decimals": decimals_schema(),
            "sign": sign_schema(),
            "rules": list_of(_field_rule(), "a list of rules"),
        },
    }


def _cells() -> Schema:
    return {
        "description": "a row or grid of boxes for one digit each, such as "
        "{x: 40.2, y: 91, width: 6.2, height: 6.5, pitch: 6.35, count: 10}",
        "type": "object",
        "additionalProperties": False,
        "required": ["x", "y", "width", "height"],
        "dependentRequired": {"pitch": ["count"], "row_pitch": ["rows"]},
        "properties": {
            **place("the first cell's"),
            "pitch": above_zero("the distance between the left edges of neighbouring cells"),
            "count": count("the number of cells in a row", 1, MOST_COLUMNS),
            "row_pitch": above_zero("the distance between the top edges of neighbouring rows"),
            "rows": count("the number of rows", 1, MOST_ROWS),
        },
    }


def _box() -> Schema:
    return {
        "description": "one box for several digits, such as "
        "{x: 40.2, y: 91, width: 60, height: 9, digits: [1, 6]}",
        "type": "object",
        "additionalProperties": False,
        "required": ["x", "y", "width", "height", "digits"],
        "properties": {
            **place("the box's"),
            "digits": pair(
                "the smallest and largest number of digits, such as [1, 6]", lowest=1, highest=MOST_DIGITS
            ),
        },
    }


def _field_rule() -> Schema:
    kinds = ["pattern", "range", "length", "values", "checksum"]
    return {
        "description": "a rule such as {length: [6, 10]}, {range: [0, 999]}, {checksum: luhn}, "
        '{pattern: "1[0-9]*"} or {values: ["1", "2"]}',
        "type": "object",
        "additionalProperties": False,
        "oneOf": [{"required": [kind]} for kind in kinds],
        "dependentRequired": {"weights": ["checksum"]},
        "properties": {
            "pattern": text(
                "a regular expression in quotes that matches the whole value", minLength=1, maxLength=500
            ),
            "range": number_pair("the lowest and highest number, such as [0, 999]"),
            "length": pair(
                "the smallest and largest number of digits, such as [6, 10]", lowest=1, highest=MOST_DIGITS
            ),
            "values": {
                "description": 'a list of the allowed values, digits in quotes, such as ["1", "02"]',
                "type": "array",
                "minItems": 1,
                "maxItems": 10_000,
                "items": {"description": 'digits in quotes, such as "02"', "type": ["string", "integer"]},
            },
            "checksum": choice("the checksum method", list(CHECKSUMS)),
            "weights": {
                "description": "a list of whole numbers, one for each digit, for weighted-mod-11",
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_DIGITS,
                "items": {"description": "a whole number", "type": "integer"},
            },
        },
    }


def _across_rule() -> Schema:
    field = field_name("the name of a field")
    fields = {"description": "a list of field names", "type": "array", "items": field, "maxItems": 1000}
    return {
        "description": "a rule such as {sum: {of: [a, b], equals: total}}, {product: {of: [a, b], "
        "equals: amount}}, {equal: [a, b]} or {unique: a}",
        "type": "object",
        "additionalProperties": False,
        "oneOf": [{"required": [kind]} for kind in ("sum", "product", "equal", "unique")],
        "properties": {
            "sum": arithmetic("the fields to add and the field that holds the total", fields, field),
            "product": arithmetic(
                "the fields to multiply and the field that holds the product", fields, field
            ),
            "equal": {**fields, "description": "a list of at least two field names", "minItems": 2},
            "unique": field,
        },
    }
