"""Read-only queries: audits and a user's own select statements."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC
from pathlib import Path

import duckdb
import pyarrow as pa

from lenet_pipeline.errors import UnknownNameError, WarehouseError
from lenet_pipeline.warehouse.connection import Warehouse, first_line
from lenet_pipeline.warehouse.fetching import fetch, fetch_statement
from lenet_pipeline.warehouse.migrations import reading
from lenet_pipeline.warehouse.parameters import bind_parameters, describe_audit_error
from lenet_pipeline.warehouse.records import GateEvidence, PromotionRecord
from lenet_pipeline.warehouse.snapshot import AsOf, querying
from lenet_pipeline.warehouse.statements import Query, list_audits, read_statement

# These parameters are names or beginnings of ids, which are resolved before the query runs.
_RUN, _DIGIT, _POLICY = "run", "digit", "policy"
_OF_FIELDS = "field_decisions"  # the only audit that takes a policy for fields; others take one for digits
_BEGINNING = re.compile(r"[0-9a-f]{1,31}")


def run_audit(
    warehouse: Warehouse,
    name: str,
    parameters: Mapping[str, str],
    as_of: AsOf | None = None,
) -> pa.Table:
    """Run an audit; its parameters are text.

    With ``as_of``, the snapshot answers if the database is busy; see `AsOf`.

    Returns:
        The columns that the audit's header lists; ids are text, and times are in UTC.

    Raises:
        UnknownNameError: The audit does not exist or does not have a given parameter.
        WarehouseError: A parameter is missing or invalid, or the database cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    query = find_query("audit", name, list_audits())
    values = bind_parameters(query, parameters)
    with querying(warehouse, as_of) as connection:
        if _RUN in values and values[_RUN] != "all":
            values[_RUN] = find_run(connection, warehouse.path, values[_RUN])
        if _DIGIT in values:
            values[_DIGIT] = _find_digit(connection, values[_DIGIT])
        if values.get(_POLICY, "latest") != "latest":
            _require_policy(connection, values, "field" if name == _OF_FIELDS else "digit")
        try:
            table = fetch(connection, query.path.read_text(encoding="utf-8"), values)
        except duckdb.Error as exc:
            raise WarehouseError(describe_audit_error(query, values, exc)) from exc
    return _pivot(table, *query.pivot) if query.pivot else table


def _pivot(table: pa.Table, names: str, values: str) -> pa.Table:
    """Pivot: each distinct value of the column ``names`` becomes a column that holds ``values``.

    The new columns keep the order of the names. DuckDB's own pivot would need the names as literals in the
    statement, and values are never formatted into SQL.
    """
    rest = [name for name in table.column_names if name not in (names, values)]
    pivoted: dict[str, list[object]] = {name: [] for name in dict.fromkeys(table[names].to_pylist())}
    keys: dict[tuple[object, ...], None] = {}
    columns = zip(*(table[name].to_pylist() for name in rest), strict=True)
    for key, name, value in zip(columns, table[names].to_pylist(), table[values].to_pylist(), strict=True):
        if key not in keys:
            keys[key] = None
            for column in pivoted.values():
                column.append(None)
        pivoted[name][-1] = value
    result = pa.Table.from_pylist(
        [dict(zip(rest, key, strict=True)) for key in keys], schema=table.select(rest).schema
    )
    for name, column in pivoted.items():
        result = result.append_column(name, pa.array(column, table[values].type))
    return result


def run_select(warehouse: Warehouse, statement: str, as_of: AsOf | None = None) -> pa.Table:
    """Run a user's own select statement; it cannot change anything or access any other file.

    With ``as_of``, the snapshot answers if the database is busy; see `AsOf`.

    Raises:
        WarehouseError: The text is not a single select statement, DuckDB cannot run it, or the database
            cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with querying(warehouse, as_of) as connection:
        try:
            _require_one_query(connection, statement)
            return fetch(connection, statement, {})
        except duckdb.Error as exc:
            raise WarehouseError(f"DuckDB cannot run the statement: {first_line(str(exc))}") from exc


def list_promotions(warehouse: Warehouse) -> list[PromotionRecord]:
    """Return all promotion events, oldest first.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        rows = fetch_statement(connection, "load/list_promotions.sql", {}).to_pylist()
    return [_promotion(row) for row in rows]


def list_named_versions(warehouse: Warehouse) -> list[tuple[str, int]]:
    """Return the model name and number of every model version that a row names.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
    """
    rows = ask(warehouse, "list_named_versions", {}).to_pylist()
    return [(row["model_name"], row["model_version"]) for row in rows]


def _require_one_query(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Raise a WarehouseError unless the text is a single read-only statement."""
    statements = connection.extract_statements(statement)
    if len(statements) != 1:
        found = f"found {len(statements)}" if statements else "found none"
        raise WarehouseError(f"expected one statement, {found}; enter one statement at a time")
    try:
        is_query = statements[0].type == duckdb.StatementType.SELECT
    except ValueError:  # DuckDB's Python package does not know this kind of statement yet
        is_query = False
    if not is_query:
        raise WarehouseError(
            "only read-only queries are allowed: start with select, with, from, values, describe, show or "
            "summarize"
        )


def ask(warehouse: Warehouse, statement: str, values: Mapping[str, object]) -> pa.Table:
    """Run a statement of ``sql/load`` on the database itself: its snapshot lacks the newest verdicts.

    Raises:
        WarehouseError: The database does not exist or cannot be read.
        DatabaseBusyError: The database is still in use after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        return fetch_statement(connection, f"load/{statement}.sql", values)


def find_query(kind: str, name: str, queries: Sequence[Query]) -> Query:
    """Return the query with a name.

    Raises:
        UnknownNameError: No query has this name.
    """
    for query in queries:
        if query.name == name:
            return query
    raise UnknownNameError(kind, name, [query.name for query in queries])


def find_run(connection: duckdb.DuckDBPyConnection, database: Path, run: str) -> str:
    """Return the id of a run, given as 'latest', a dataset (its newest run), an id, or the beginning of one.

    Raises:
        WarehouseError: There is no such run, or there are several.
    """
    found = connection.execute(read_statement("load/find_runs.sql"), {"run": run}).fetchall()
    if run == "latest":
        if not found:
            raise WarehouseError(f"{database} has no scoring run yet; run `lenet score` first")
    elif not found:
        raise WarehouseError(
            f"no scoring run begins with {run!r}, and no dataset of this name was scored; "
            "`lenet audit runs` lists them"
        )
    elif len(found) > 1 and not found[0][1]:
        raise WarehouseError(f"{len(found)} scoring runs begin with {run!r}; give more of the id")
    return str(found[0][0])


def _find_digit(connection: duckdb.DuckDBPyConnection, digit: str) -> str:
    """Return the digit_id for a beginning of one; return any other text unchanged."""
    beginning = digit.strip().lower().replace("-", "")
    if not _BEGINNING.fullmatch(beginning):
        return digit
    bounds = {"first": beginning.ljust(32, "0"), "last": beginning.ljust(32, "f")}
    found = connection.execute(read_statement("load/find_digits.sql"), bounds).fetchall()
    if len(found) != 1:
        if found:
            raise WarehouseError(
                f"the ids of several digits begin with {digit!r}; give more characters of it"
            )
        raise WarehouseError(
            f"no digit that was read has an id beginning with {digit!r}; "
            "`lenet audit predictions_of_run` lists the ids"
        )
    return str(found[0][0])


def _require_policy(connection: duckdb.DuckDBPyConnection, values: Mapping[str, str], subject: str) -> None:
    """Raise a WarehouseError unless the policy applies to the run; if not, all rows would be for review."""
    asked = {name: values[name] for name in (_RUN, _POLICY)}
    found = connection.execute(read_statement("load/find_policy.sql"), asked).fetchall()
    policy = values[_POLICY]
    if not found:
        raise WarehouseError(f"there is no policy {policy!r}; `lenet policy` lists the policies")
    policy_subject, policy_reader, run_reader = found[0]
    if (policy_subject, policy_reader) != (subject, run_reader):
        raise WarehouseError(
            f"policy {policy} is for {policy_subject}s read by {policy_reader}, but this audit shows "
            f"{subject}s read by {run_reader}; `lenet policy` lists the policies"
        )


def _promotion(row: dict[str, object]) -> PromotionRecord:
    evidence = {field.name: row.pop(field.name) for field in fields(GateEvidence)}
    gate = None if evidence["gate_digits"] is None else GateEvidence(**evidence)  # type: ignore[arg-type]
    row["recorded_at"] = row["recorded_at"].astimezone(UTC)  # type: ignore[attr-defined]
    return PromotionRecord(**row, gate=gate)  # type: ignore[arg-type]
