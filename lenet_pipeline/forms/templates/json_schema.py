"""The shape of a template file as a JSON Schema: what editors complete, and what files are checked against.

Each description says what is expected, and ends the message about a value that is something else.
"""

from __future__ import annotations

from typing import Any

from lenet_pipeline.forms.rules.checksums import CHECKSUMS
from lenet_pipeline.forms.templates.page_sizes import PAGE_SIZES

MOST_COLUMNS = 100
MOST_ROWS = 200
MOST_DIGITS = 60

_Schema = dict[str, Any]

_NAME = "^[A-Za-z][A-Za-z0-9_]*$"


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
            "form": _text("the name of the form, a text of 1 to 100 characters", minLength=1, maxLength=100),
            "page": {"$ref": "#/$defs/page"},
            "reference": {"$ref": "#/$defs/reference"},
            "register": _choice("how a scan is laid onto the template", ["features", "markers", "scale"]),
            "max_residual_px": {
                "description": "a number above 0 and up to 50: how many pixels of a page at 200 dpi a "
                "scan's print may lie off its place before the page is rejected",
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 50,
            },
            "units": _choice("what places are given in", ["mm", "px"], default="mm"),
            "fields": {
                "description": "a list of at least one field",
                "type": "array",
                "minItems": 1,
                "maxItems": 1000,
                "items": {"$ref": "#/$defs/field"},
            },
            "rules": _list_of("#/$defs/across_rule", "a list of rules across fields"),
        },
        "$defs": {
            "page": _page(),
            "reference": _reference(),
            "field": _field(),
            "cells": _cells(),
            "box": _box(),
            "field_rule": _field_rule(),
            "across_rule": _across_rule(),
        },
    }


def _page() -> _Schema:
    names = "|".join(PAGE_SIZES)
    return {
        "description": f"a page size in mm, {{width: 210, height: 297}}, or its name: "
        f"{', '.join(PAGE_SIZES)}, with landscape behind it where it lies so",
        "oneOf": [
            {"type": "string", "pattern": f"^({names})( landscape| portrait)?$"},
            {
                "type": "object",
                "additionalProperties": False,
                "required": ["width", "height"],
                "properties": {
                    "width": _size("the page's width in mm, 10 to 2000", 10, 2000),
                    "height": _size("the page's height in mm, 10 to 2000", 10, 2000),
                },
            },
        ],
    }


def _reference() -> _Schema:
    file = _text("the file of the blank form: a PDF, TIFF, PNG or JPEG", minLength=1)
    return {
        "description": "a file name, or {file: blank.pdf, page: 1}",
        "oneOf": [
            file,
            {
                "type": "object",
                "additionalProperties": False,
                "required": ["file"],
                "properties": {
                    "file": file,
                    "page": _count("the page of the file, from 1", 1, 100_000),
                    "dpi": {
                        "description": "a number from 10 to 2400: the pixels an inch of an image that does "
                        "not state them; with units px, those of the picture of a PDF they were measured in",
                        "type": "number",
                        "minimum": 10,
                        "maximum": 2400,
                    },
                },
            },
        ],
    }


def _field() -> _Schema:
    return {
        "description": "a field: a mapping with name, and cells or box",
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "oneOf": [{"required": ["cells"]}, {"required": ["box"]}],
        "properties": {
            "name": _field_name("a name of letters, digits and _, a letter first: it becomes a column"),
            "cells": {"$ref": "#/$defs/cells"},
            "box": {"$ref": "#/$defs/box"},
            "blank": _choice(
                "whether the field may be left empty", ["allowed", "forbidden"], default="allowed"
            ),
            "unused": _choice(
                "what writers put into cells they leave out, in quotes where it is -", ["X", "-", "none"]
            ),
            "rules": _list_of("#/$defs/field_rule", "a list of rules"),
        },
    }


def _cells() -> _Schema:
    return {
        "description": "a row or grid of boxes for one digit each: "
        "{x: 40.2, y: 91, width: 6.2, height: 6.5, pitch: 6.35, count: 10}",
        "type": "object",
        "additionalProperties": False,
        "required": ["x", "y", "width", "height"],
        "dependentRequired": {"pitch": ["count"], "row_pitch": ["rows"]},
        "properties": {
            **_place("the first cell's"),
            "pitch": _above_zero("from one cell's left edge to the next one's"),
            "count": _count("how many cells a row has", 1, MOST_COLUMNS),
            "row_pitch": _above_zero("from one row's top edge to the next one's"),
            "rows": _count("how many rows there are", 1, MOST_ROWS),
        },
    }


def _box() -> _Schema:
    return {
        "description": "one box for several digits: {x: 40.2, y: 91, width: 60, height: 9, digits: [1, 6]}",
        "type": "object",
        "additionalProperties": False,
        "required": ["x", "y", "width", "height", "digits"],
        "properties": {
            **_place("the box's"),
            "digits": _pair(
                "the fewest and most digits, from 1, such as [1, 6]", lowest=1, highest=MOST_DIGITS
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
                "a regular expression in quotes, for the whole value", minLength=1, maxLength=500
            ),
            "range": _pair("the lowest and highest number, such as [0, 999]", lowest=0),
            "length": _pair("the fewest and most digits, such as [6, 10]", lowest=1, highest=MOST_DIGITS),
            "values": {
                "description": 'the values allowed, digits in quotes, such as ["1", "02"]',
                "type": "array",
                "minItems": 1,
                "maxItems": 10_000,
                "items": {"description": 'digits in quotes, such as "02"', "type": ["string", "integer"]},
            },
            "checksum": _choice("a checksum", list(CHECKSUMS)),
            "weights": {
                "description": "a list of whole numbers, one a digit, for weighted-mod-11",
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_DIGITS,
                "items": {"description": "a whole number", "type": "integer"},
            },
        },
    }


def _across_rule() -> _Schema:
    field = _field_name("the name of a field")
    fields = {"description": "a list of names of fields", "type": "array", "items": field, "maxItems": 1000}
    return {
        "description": "a rule such as {sum: {of: [a, b], equals: total}}, {equal: [a, b]} or {unique: a}",
        "type": "object",
        "additionalProperties": False,
        "oneOf": [{"required": [kind]} for kind in ("sum", "equal", "unique")],
        "properties": {
            "sum": {
                "description": "what is added up and what it equals: {of: [a, b], equals: total}",
                "type": "object",
                "additionalProperties": False,
                "required": ["of", "equals"],
                "properties": {"of": {**fields, "minItems": 1}, "equals": field},
            },
            "equal": {**fields, "minItems": 2},
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
    text = f"{description}: {', '.join(values[:-1])} or {values[-1]}"
    schema: _Schema = {"description": text, "type": "string", "enum": values}
    return schema if default is None else {**schema, "default": default}


def _pair(description: str, *, lowest: int, highest: int | None = None) -> _Schema:
    number: _Schema = {"description": "a whole number", "type": "integer", "minimum": lowest}
    if highest is not None:
        number |= {"description": f"a whole number up to {highest}", "maximum": highest}
    return {"description": description, "type": "array", "items": number, "minItems": 2, "maxItems": 2}


def _list_of(reference: str, description: str) -> _Schema:
    return {"description": description, "type": "array", "maxItems": 1000, "items": {"$ref": reference}}
