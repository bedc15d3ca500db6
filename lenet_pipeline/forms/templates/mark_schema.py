"""The JSON Schema of a choice in a template file. ``marks.py`` reads choices."""

from __future__ import annotations

from lenet_pipeline.forms.templates.schema_parts import (
    END,
    Schema,
    above_zero,
    choice,
    count,
    field_name,
    name,
    number,
    place,
)

MOST_CHOICES = 1000
MOST_OPTIONS = 200
MOST_POSITIONS = 40

_OPTION = f"^[^,;?\\s](?:[^,;?\\n]*[^,;?\\s])?{END}"
_LONGEST_OPTION = 63
_OPTION_RULE = "1 to 63 characters without commas, semicolons and question marks"


def choice_schema() -> Schema:
    """Return the JSON Schema of a choice: boxes or bubbles that people mark."""
    return {
        "description": "a choice such as {name: smoker, choose: one, options: {yes: [20, 30, 4, 4], "
        "no: [40, 30, 4, 4]}}",
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "oneOf": [{"required": ["options"]}, {"required": ["digits"]}],
        "dependentRequired": {
            "options": ["choose"],
            "choose": ["options"],
            "rows": ["bubbles"],
            "digits": ["bubbles"],
            "checks": ["digits"],
            "first_digit": ["digits"],
            "positions": ["digits"],
        },
        "properties": {
            "name": name(
                "a name of letters, digits and _ that starts with a letter; it becomes a column name"
            ),
            "choose": choice("how many of the options people may mark", ["one", "many"]),
            "options": _options(),
            "rows": {
                "description": "a list of names; each row of bubbles becomes a choice named name.row",
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_OPTIONS,
                "items": name("the name of a row: letters, digits and _, first a letter"),
            },
            "bubbles": _bubbles(),
            "digits": _digits(),
            "first_digit": count("the digit of the first bubble, before the others in order", 0, 1),
            "positions": choice(
                "the direction from one position of the number to the next", ["across", "down"], "across"
            ),
            "checks": field_name("the name of the field with the same digits in handwriting"),
        },
    }


def _options() -> Schema:
    box = {
        "description": "a box or bubble: a list of its left and top edge, width and height, such as "
        "[20, 30, 4, 4]",
        "type": "array",
        "minItems": 4,
        "maxItems": 4,
        "items": number("a number, 0 or more", minimum=0),
    }
    return {
        "description": "a mapping of names to boxes, such as {yes: [20, 30, 4, 4], no: [40, 30, 4, 4]}, or, "
        "with bubbles, a list of names, such as [poor, fair, good]",
        "type": ["object", "array"],
        "minProperties": 1,
        "maxProperties": MOST_OPTIONS,
        "minItems": 1,
        "maxItems": MOST_OPTIONS,
        "additionalProperties": box,
        "propertyNames": {
            "description": f"the name of an option: {_OPTION_RULE}",
            "type": "string",
            "pattern": _OPTION,
            "maxLength": _LONGEST_OPTION,
        },
        "items": {
            "description": f"the name of an option: {_OPTION_RULE}",
            # YAML reads [yes, 1] as true and a number. The reader takes the text of the file.
            "type": ["string", "integer", "boolean"],
            "pattern": _OPTION,
            "maxLength": _LONGEST_OPTION,
        },
    }


def _bubbles() -> Schema:
    return {
        "description": "the first box or bubble and the distances to the others, such as "
        "{x: 20, y: 60, width: 4, height: 4, pitch: 6, row_pitch: 6}",
        "type": "object",
        "additionalProperties": False,
        "required": ["x", "y", "width", "height"],
        "properties": {
            **place("the first bubble's"),
            "pitch": above_zero("the distance between the left edges of neighbouring bubbles"),
            "row_pitch": above_zero("the distance between the top edges of neighbouring rows"),
        },
    }


def _digits() -> Schema:
    words = f"a whole number from 1 to {MOST_POSITIONS}"
    item: Schema = {"description": words, "type": "integer", "minimum": 1, "maximum": MOST_POSITIONS}
    return {
        "description": f"the number of positions, each with ten bubbles: {words}, or the fewest that must be "
        "marked and the number of positions, such as [6, 8]",
        "type": ["integer", "array"],
        "minimum": 1,
        "maximum": MOST_POSITIONS,
        "minItems": 2,
        "maxItems": 2,
        "items": item,
    }
