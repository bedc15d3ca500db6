"""Check a YAML file against a JSON Schema and report each fault with its line.

The ``jsonschema`` library finds the errors. This module maps each error to the line that causes it, and
words it for the person who wrote the file.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from lenet_pipeline.forms.templates.yaml_text import Fault, Located

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_Schema = dict[str, Any]

_ITEM_NAMES = {
    "fields": "the field",
    "tables": "the table",
    "columns": "the column",
    "marks": "the choice",
    "rules": "the rule",
    "row_rules": "the rule",
    "column_rules": "the rule",
}
_LONGEST_QUOTE = 60


def find_shape_faults(found: Located, schema: _Schema) -> list[Fault]:
    """Return every fault in a file's shape, in line order.

    Args:
        found: the whole file.
        schema: a JSON Schema without references. Every subschema has a description of the expected value,
            which ends the messages.
    """
    errors = _validator_class()(schema).iter_errors(found.plain())
    faults = (fault for error in errors for fault in _error_faults(error, found))
    # A value with the wrong type often breaks other keywords too, such as enum: report it once.
    return sorted(dict.fromkeys(faults), key=lambda fault: fault.line)


@cache
def _validator_class() -> Any:
    # The import takes 60 ms, and most commands read no template.
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    types = Draft202012Validator.TYPE_CHECKER.redefine("number", _is_finite_number)
    return extend(Draft202012Validator, type_checker=types)


def _is_finite_number(_checker: Any, value: Any) -> bool:
    """Exclude YAML's .inf and .nan, which ``jsonschema`` accepts as numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _error_faults(error: ValidationError, root: Located) -> Iterator[Fault]:
    """Yield the faults behind one schema error.

    The library reports keys that are missing from the same mapping as separate errors without naming the
    keys, so each of these errors yields all of them; the caller drops the repeats.
    """
    found = root
    for step in error.absolute_path:
        found = found.value[step]
    name = _name_of(list(error.absolute_path))
    if isinstance(found.value, dict) and isinstance(error.instance, str):  # a key of the mapping is at fault
        line = dict(found.key_lines)[error.instance]
        yield Fault(line, f"{name} have {error.instance!r}; expected {error.schema['description']}")
        return
    match error.validator:
        case "additionalProperties":
            known = error.schema["properties"]
            for key, line in found.key_lines:
                if key not in known:
                    yield Fault(line, f"unknown key {key!r} in {name}; {suggest(key, known)}")
        case "required":
            for key in _missing_keys(found, error.schema, error.validator_value):
                expected = error.schema["properties"][key]["description"]
                yield Fault(found.line, f"{key!r} is missing from {name}; expected {expected}")
        case "dependentRequired":
            for key, needed in error.validator_value.items():
                for other in _missing_keys(found, error.schema, needed) if key in found else ():
                    expected = error.schema["properties"][other]["description"]
                    reason = f"{key!r} in {name} also needs {other!r}; expected {expected}"
                    yield Fault(found[key].line, reason)
        case "oneOf" | "anyOf":
            yield from _alternative_faults(found, error, name)
        case _:
            yield _value_fault(found, error.schema, name)


def _name_of(path: list[str | int]) -> str:
    """Return the name that messages use for the value at a path."""
    if not path:
        return "the file"
    if isinstance(path[-1], str):
        return path[-1]
    return _ITEM_NAMES.get(str(path[-2]), f"an item of {path[-2]}")


def _missing_keys(found: Located, schema: _Schema, wanted: Collection[str]) -> list[str]:
    """Return the wanted keys that a mapping lacks, unless an unknown key looks like a misspelling of one."""
    known = schema["properties"]
    misspelt = {_nearest(key, known) for key, _ in found.key_lines if key not in known}
    return [key for key in wanted if key not in found and key not in misspelt]


def _alternative_faults(found: Located, error: ValidationError, name: str) -> Iterator[Fault]:
    """Yield a fault if a mapping has none, or more than one, of several alternative keys."""
    keys = [alternative["required"][0] for alternative in error.validator_value]
    given = [key for key in keys if key in found]
    if given:
        reason = f"{name} has {' and '.join(given)}; expected only one of {', '.join(keys)}"
        yield Fault(found.line, reason)
    elif _missing_keys(found, error.schema, keys) == keys:
        expected = error.schema["description"]
        yield Fault(found.line, f"{name} needs one of {', '.join(keys)}; expected {expected}")


def _value_fault(found: Located, schema: _Schema, name: str) -> Fault:
    if isinstance(found.value, dict):
        text = "a mapping"
    elif isinstance(found.value, list):
        count = len(found.value)
        text = f"a list of {count} item{'' if count == 1 else 's'}" if count else "an empty list"
    elif found.value is None:
        text = "empty"
    else:
        text = _describe_scalar(found, schema)
    return Fault(found.line, f"{name} is {text}; expected {schema['description']}")


def _describe_scalar(found: Located, schema: _Schema) -> str:
    """Return a scalar as the file has it, and why its type is wrong if the file does not show it."""
    wanted = schema["type"]
    if not isinstance(found.value, str):
        if "string" not in wanted:
            return found.text
        read_as = "true or false" if isinstance(found.value, bool) else "a number"
        hint = "; put it in quotes" if _validator_class()(schema).is_valid(found.text) else ""
        return f"{found.text}, which YAML reads as {read_as}{hint}"
    short = len(found.text) <= _LONGEST_QUOTE
    quoted = repr(found.text if short else found.text[: _LONGEST_QUOTE - 3] + "...")
    if wanted not in ("number", "integer"):
        return quoted
    if re.fullmatch(r"\s*-?[0-9]+,[0-9]+\s*", found.value):
        return f"{quoted}, which has a comma instead of a point"
    return f"{quoted}, which is not a number"


def _nearest(key: str, known: Collection[str]) -> str | None:
    """Return the known key that a misspelt one is closest to."""
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(key.lower().replace("-", "_"), lowered, n=1, cutoff=0.6)
    return lowered[close[0]] if close else None


def suggest(key: str, known: Collection[str]) -> str:
    """Return advice on an unknown key or name: the closest known one, or all of them."""
    if key.isdecimal():  # the 5 of {x: 20,5}
        return "write decimals with a point, not a comma"
    nearest = _nearest(key, known)
    return f"did you mean {nearest!r}?" if nearest else f"expected one of {', '.join(known)}"
