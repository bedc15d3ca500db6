"""The SQL files that ship with the package, and the headers that describe their queries."""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from lenet_pipeline.errors import WarehouseError

_HEADER_LINE = re.compile(
    r"-- (?P<kind>question|grain|pivot|param (?P<param>\w+)|column (?P<column>\w+)): (?P<text>.+)"
)
_DEFAULT = re.compile(r"(?P<description>.*) \(default: (?P<default>.*)\)")


@dataclass(frozen=True)
class Parameter:
    """A named parameter of a query, given as text; it is required unless it has a default."""

    name: str
    description: str
    default: str | None


@dataclass(frozen=True)
class Query:
    """A query and its header: the question, the meaning of a row, the parameters and the columns in order.

    If ``pivot`` is given, it names two columns of the statement. Each distinct value of the first becomes a
    column, which holds the values of the second.
    """

    name: str
    question: str
    grain: str
    parameters: tuple[Parameter, ...]
    columns: dict[str, str]
    path: Path
    pivot: tuple[str, str] | None = None


def sql_directory() -> Path:
    """Return the folder of the SQL files: inside the installed package, or next to it in a checkout."""
    installed = Path(str(importlib.resources.files("lenet_pipeline"))) / "sql"
    return installed if installed.is_dir() else installed.parent.parent / "sql"


@cache
def read_statement(path: str) -> str:
    """Return the text of a file in the SQL folder, such as ``load/insert_digits.sql``."""
    return (sql_directory() / path).read_text(encoding="utf-8")


def run_statement(
    connection: duckdb.DuckDBPyConnection, statement: str, values: Mapping[str, object]
) -> list[tuple[Any, ...]]:
    """Run a statement of ``sql/load`` with named values, and return all its rows."""
    return connection.execute(read_statement(f"load/{statement}.sql"), dict(values) or None).fetchall()


def list_audits() -> list[Query]:
    """Return the audits, sorted by name."""
    return _list_queries("audit")


def list_checks() -> list[Query]:
    """Return the checks, sorted by name."""
    return _list_queries("checks")


def _list_queries(folder: str) -> list[Query]:
    return [read_query(path) for path in sorted((sql_directory() / folder).glob("*.sql"))]


def read_query(path: Path) -> Query:
    """Read a query's header, the comment lines at the top of its file.

    Raises:
        WarehouseError: A header line is malformed, or the question or the grain is missing.
    """
    single: dict[str, str] = {}
    parameters: list[Parameter] = []
    columns: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.startswith("--"):
            break
        found = _HEADER_LINE.fullmatch(line)
        if found is None:
            raise WarehouseError(f"{path}, line {number}: not a header line: {line}")
        if found["param"]:
            parameters.append(_parse_parameter(found["param"], found["text"]))
        elif found["column"]:
            columns[found["column"]] = found["text"]
        else:
            single[found["kind"]] = found["text"]
    missing = {"question", "grain"} - set(single)
    if missing:
        raise WarehouseError(f"{path}: the header does not say the {' and the '.join(sorted(missing))}")
    names = single.get("pivot", "").split()
    pivot = (names[0], names[1]) if len(names) == 2 else None
    return Query(path.stem, single["question"], single["grain"], tuple(parameters), columns, path, pivot)


def _parse_parameter(name: str, text: str) -> Parameter:
    found = _DEFAULT.fullmatch(text)
    return Parameter(name, found["description"], found["default"]) if found else Parameter(name, text, None)
