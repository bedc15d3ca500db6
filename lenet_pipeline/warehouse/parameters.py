"""The parameters of an audit: check the given values against its header, and fill in defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping

import duckdb

from lenet_pipeline.errors import UnknownNameError, WarehouseError
from lenet_pipeline.system import first_line
from lenet_pipeline.warehouse.statements import Parameter, Query

_LIMIT = "limit"
_COUNT = re.compile(r"0*[1-9][0-9]*")
_CHOICES = re.compile(r"(\w+(?:, \w+)+) or '(\w+)'")  # as in: accept, review, blank or 'all'


def bind_parameters(query: Query, given: Mapping[str, str]) -> dict[str, str]:
    """Return a value for each parameter of an audit: the given one or its default.

    Raises:
        UnknownNameError: The audit does not have a given parameter.
        WarehouseError: A parameter is missing, or its value is outside the range in the header.
    """
    known = [parameter.name for parameter in query.parameters]
    for name in given:
        if name not in known:
            raise UnknownNameError("parameter", name, known, owner=query.name)
    values = {}
    for parameter in query.parameters:
        value = given.get(parameter.name, parameter.default)
        if value is None:
            raise WarehouseError(
                f"{query.name} needs the parameter {parameter.name}: {parameter.description}; "
                f"give it with --param {parameter.name}=..."
            )
        if not _is_in_range(parameter, value):
            raise WarehouseError(_malformed(query, parameter, value))
        values[parameter.name] = value
    return values


def describe_audit_error(query: Query, values: Mapping[str, str], error: duckdb.Error) -> str:
    """Describe why DuckDB could not run an audit; name the parameter if it could not be converted."""
    message = str(error)
    if isinstance(error, duckdb.ConversionException):
        for parameter in query.parameters:
            if f"'{values[parameter.name]}'" in message:
                return _malformed(query, parameter, values[parameter.name])
    given = ", ".join(f"{name}={value}" for name, value in values.items())
    return f"{query.name} with {given or 'no parameters'} failed: {first_line(error)}"


def _is_in_range(parameter: Parameter, value: str) -> bool:
    """Tell whether a value is in the range that the parameter's description states, if it states one."""
    if parameter.name == _LIMIT:
        return _COUNT.fullmatch(value) is not None
    if parameter.description.endswith("0 to 1"):
        try:
            return 0 <= float(value) <= 1
        except ValueError:
            return False
    choices = _CHOICES.fullmatch(parameter.description)
    return choices is None or value in (*choices[1].split(", "), choices[2])


def _malformed(query: Query, parameter: Parameter, value: str) -> str:
    takes = f"{parameter.description}{', 1 or more' if parameter.name == _LIMIT else ''}"
    return f"{query.name} cannot take {parameter.name}={value!r}; expected: {takes}"
