"""Check a file that a person wrote against a JSON Schema, with the line of every fault.

It knows the part of JSON Schema that ``template_schema`` uses, so that editors and this reader agree by
construction; ``jsonschema`` itself says neither lines nor the nearest known key.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator
from typing import Any

from lenet_pipeline.forms.templates.yaml_text import Fault, Located

_Schema = dict[str, Any]

_ITEM_NAMES = {"fields": "the field", "rules": "the rule"}


def find_shape_faults(found: Located, schema: _Schema) -> list[Fault]:
    """Return all faults of a file's shape, in the order of its lines; none where it has the schema's."""
    return sorted(_Checker(schema).faults(found, schema, "the file"), key=lambda fault: fault.line)


class _Checker:
    """One schema's definitions, and the checks against its parts."""

    def __init__(self, schema: _Schema) -> None:
        self._definitions: dict[str, _Schema] = schema.get("$defs", {})

    def faults(self, found: Located, schema: _Schema, what: str) -> Iterator[Fault]:
        """Yield what is wrong with one value; ``what`` is how messages call it."""
        if "$ref" in schema:
            yield from self.faults(found, self._definitions[schema["$ref"].removeprefix("#/$defs/")], what)
            return
        if "type" not in schema:
            branch = next((each for each in schema["oneOf"] if _has_type(found, each)), None)
            if branch is None:
                yield _unexpected(found, schema, what)
            else:
                yield from self.faults(found, {"description": schema["description"], **branch}, what)
            return
        if not _has_type(found, schema):
            yield _unexpected(found, schema, what)
        elif isinstance(found.value, dict):
            yield from self._mapping_faults(found, schema, what)
        elif isinstance(found.value, list):
            yield from self._list_faults(found, schema, what)
        elif not _within_limits(found.value, schema):
            yield _unexpected(found, schema, what)

    def _mapping_faults(self, found: Located, schema: _Schema, what: str) -> Iterator[Fault]:
        known = schema["properties"]
        unknown = [(key, line) for key, line in found.key_lines if key not in known]
        for key, line in unknown:
            yield Fault(line, f"unknown key {key!r} in {what}; {_suggest(key, known)}")
        missing = [key for key in schema.get("required", ()) if key not in found]
        # A misspelt key is one fault, not an unknown and a missing one.
        guessed = {_nearest(key, known) for key, _ in unknown}
        for key in missing:
            if key not in guessed:
                expected = self._description(known[key])
                yield Fault(found.line, f"{key!r} is missing in {what}; expected {expected}")
        yield from _alternative_faults(found, schema, what, guessed)
        for key, needed in schema.get("dependentRequired", {}).items():
            for other in needed:
                if key in found and other not in found and other not in guessed:
                    yield Fault(found[key].line, f"{key!r} in {what} needs {other!r} beside it")
        for key, value in found.value.items():
            if key in known:
                yield from self.faults(value, known[key], key)

    def _list_faults(self, found: Located, schema: _Schema, what: str) -> Iterator[Fault]:
        if not schema.get("minItems", 0) <= len(found.value) <= schema["maxItems"]:
            yield _unexpected(found, schema, what)
            return
        for item in found.items():
            yield from self.faults(item, schema["items"], _ITEM_NAMES.get(what, f"an item of {what}"))

    def _description(self, schema: _Schema) -> str:
        if "$ref" in schema:
            schema = self._definitions[schema["$ref"].removeprefix("#/$defs/")]
        return str(schema["description"])


def _alternative_faults(
    found: Located, schema: _Schema, what: str, guessed: set[str | None]
) -> Iterator[Fault]:
    """Yield a fault where not exactly one of several keys is given."""
    keys = [branch["required"][0] for branch in schema.get("oneOf", ())]
    given = [key for key in keys if key in found]
    if keys and not given and not guessed & set(keys):
        yield Fault(found.line, f"{what} needs one of {', '.join(keys)}; expected {schema['description']}")
    elif len(given) > 1:
        yield Fault(found.line, f"{what} has {' and '.join(given)}; give one of them each")


def _has_type(found: Located, schema: _Schema) -> bool:
    """Tell whether a value has one of the schema's types."""
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return any(_is_type(found.value, each) for each in types)


def _is_type(value: Any, name: str) -> bool:
    match name:
        case "string":
            return isinstance(value, str)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        case "integer":
            return _is_type(value, "number") and float(value).is_integer()
        case "array":
            return isinstance(value, list)
        case _:
            return isinstance(value, dict)


def _within_limits(value: str | float, schema: _Schema) -> bool:
    """Tell whether a plain value keeps the schema's limits."""
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, str):
        within = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf)
        return bool(within) and re.search(schema.get("pattern", ""), value) is not None
    within = schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf)
    return bool(within and value > schema.get("exclusiveMinimum", -math.inf))


def _unexpected(found: Located, schema: _Schema, what: str) -> Fault:
    """Say what a value is and what was expected."""
    if isinstance(found.value, dict):
        said = "a mapping"
    elif isinstance(found.value, list):
        said = f"a list of {len(found.value)}"
    elif found.value is None:
        said = "nothing"
    else:
        said = repr(found.text if len(found.text) <= 60 else found.text[:57] + "...")
        said += _explain(found, schema)
    return Fault(found.line, f"{what} is {said}; expected {schema['description']}")


def _explain(found: Located, schema: _Schema) -> str:
    """Say why a plain value is not what it looks like."""
    wanted = schema.get("type", "")
    if wanted == "string" and not isinstance(found.value, str):
        return ", which YAML does not take for a text; put it in quotes"
    if wanted in ("number", "integer") and isinstance(found.value, str):
        if re.fullmatch(r"\s*-?[0-9]+,[0-9]+\s*", found.value):
            return ", which has a comma where a point is expected"
        return ", which is a text"
    return ""


def _nearest(key: str, known: _Schema) -> str | None:
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(key.lower().replace("-", "_"), lowered, n=1, cutoff=0.6)
    return lowered[close[0]] if close else None


def _suggest(key: str, known: _Schema) -> str:
    """Name the nearest known key, or all of them."""
    if key.isdecimal():
        return "a number has a point, not a comma"
    nearest = _nearest(key, known)
    return f"did you mean {nearest!r}?" if nearest else f"known are {', '.join(known)}"
