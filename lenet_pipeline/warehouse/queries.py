"""Questions to the database: audits and a person's own select, none of which can change it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import UTC
from pathlib import Path

import duckdb
import pyarrow as pa

from lenet_pipeline.errors import UnknownNameError, WarehouseError
from lenet_pipeline.warehouse.connection import Warehouse, first_line
from lenet_pipeline.warehouse.migrations import reading
from lenet_pipeline.warehouse.parameters import bind_parameters, describe_audit_error
from lenet_pipeline.warehouse.records import GateEvidence, PromotionRecord
from lenet_pipeline.warehouse.snapshot import AsOf, asking
from lenet_pipeline.warehouse.statements import Query, list_audits, read_statement

# These parameters name something, some by its beginning: it is looked up before the query is asked.
_RUN, _DIGIT, _POLICY = "run", "digit", "policy"
_OF_FIELDS = "field_decisions"  # the audit whose policy is of fields; the others' are of digits
_BEGINNING = re.compile(r"[0-9a-f]{1,31}")


def run_audit(
    warehouse: Warehouse,
    name: str,
    parameters: Mapping[str, str],
    as_of: AsOf | None = None,
) -> pa.Table:
    """Ask one audit; parameters are given as text.

    Where somebody writes to the database and ``as_of`` is given, the snapshot is asked: see `AsOf`.

    Returns:
        The columns that the audit's header names; ids as text, times in UTC.

    Raises:
        UnknownNameError: there is no such audit, or it takes no such parameter.
        WarehouseError: a parameter is missing or malformed, or the database cannot be read.
        DatabaseBusyError: the database was still held after ``warehouse.wait_s`` seconds.
    """
    query = find_query("audit", name, list_audits())
    values = bind_parameters(query, parameters)
    with asking(warehouse, as_of) as connection:
        if _RUN in values:
            values[_RUN] = find_run(connection, warehouse.path, values[_RUN])
        if _DIGIT in values:
            values[_DIGIT] = _find_digit(connection, values[_DIGIT])
        if values.get(_POLICY, "latest") != "latest":
            _require_policy(connection, values, "field" if name == _OF_FIELDS else "digit")
        try:
            answer = ask(connection, query.path.read_text(encoding="utf-8"), values)
        except duckdb.Error as exc:
            raise WarehouseError(describe_audit_error(query, values, exc)) from exc
    return _spread(answer, *query.pivot) if query.pivot else answer


def _spread(answer: pa.Table, names: str, values: str) -> pa.Table:
    """Give each name of one column a column of its own, in the order in which the names come.

    DuckDB's own pivot takes no parameters, and a name in a statement's text would be a value in SQL.
    """
    rest = [name for name in answer.column_names if name not in (names, values)]
    spread: dict[str, list[object]] = {name: [] for name in dict.fromkeys(answer[names].to_pylist())}
    keys: dict[tuple[object, ...], None] = {}
    columns = zip(*(answer[name].to_pylist() for name in rest), strict=True)
    for key, name, value in zip(columns, answer[names].to_pylist(), answer[values].to_pylist(), strict=True):
        if key not in keys:
            keys[key] = None
            for column in spread.values():
                column.append(None)
        spread[name][-1] = value
    table = pa.Table.from_pylist(
        [dict(zip(rest, key, strict=True)) for key in keys], schema=answer.select(rest).schema
    )
    for name, column in spread.items():
        table = table.append_column(name, pa.array(column, answer[values].type))
    return table


def run_select(warehouse: Warehouse, statement: str, as_of: AsOf | None = None) -> pa.Table:
    """Answer a person's own select; it can change nothing and reach no file but the database.

    Where somebody writes to the database and ``as_of`` is given, the snapshot is asked: see `AsOf`.

    Raises:
        WarehouseError: it is not one select statement, DuckDB refused it, or the database cannot be read.
        DatabaseBusyError: the database was still held after ``warehouse.wait_s`` seconds.
    """
    with asking(warehouse, as_of) as connection:
        try:
            _require_one_query(connection, statement)
            return ask(connection, statement, {})
        except duckdb.Error as exc:
            raise WarehouseError(f"the statement was refused: {first_line(str(exc))}") from exc


def list_promotions(warehouse: Warehouse) -> list[PromotionRecord]:
    """Return every promotion event, in the order they were recorded.

    Raises:
        WarehouseError: there is no database yet, or it cannot be read.
        DatabaseBusyError: the database was still held after ``warehouse.wait_s`` seconds.
    """
    with reading(warehouse) as connection:
        rows = ask_statement(connection, "load/list_promotions.sql", {}).to_pylist()
    return [_promotion(row) for row in rows]


def _require_one_query(connection: duckdb.DuckDBPyConnection, statement: str) -> None:
    """Raise a WarehouseError unless the text is one statement and that only asks."""
    statements = connection.extract_statements(statement)
    if len(statements) != 1:
        found = f"found {len(statements)}" if statements else "found none"
        raise WarehouseError(f"expected one statement, {found}; run them one by one")
    try:
        is_query = statements[0].type == duckdb.StatementType.SELECT
    except ValueError:  # a kind of statement that DuckDB's Python package has no name for yet
        is_query = False
    if not is_query:
        raise WarehouseError(
            "only a query can be asked here: begin with select, with, from, values, describe, show or "
            "summarize; the database is never changed this way"
        )


def ask(connection: duckdb.DuckDBPyConnection, statement: str, values: Mapping[str, str]) -> pa.Table:
    """Answer a statement's text, with named values."""

    def answer() -> pa.Table:
        return connection.sql(statement, params=dict(values) or None).to_arrow_table()

    # Not on this thread: DuckDB 2.0 hangs one time in three when Ctrl-C meets a query of two threads there.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="query") as other_thread:
        answering = other_thread.submit(answer)
        try:
            return answering.result()
        except KeyboardInterrupt:
            connection.interrupt()
            raise


def ask_statement(
    connection: duckdb.DuckDBPyConnection, statement: str, values: Mapping[str, str]
) -> pa.Table:
    """Answer one of the statements under ``sql/``, named by its path there."""
    return ask(connection, read_statement(statement), values)


def find_query(kind: str, name: str, queries: Sequence[Query]) -> Query:
    """Return the query of a name.

    Raises:
        UnknownNameError: there is none.
    """
    for query in queries:
        if query.name == name:
            return query
    raise UnknownNameError(kind, name, [query.name for query in queries])


def find_run(connection: duckdb.DuckDBPyConnection, database: Path, run: str) -> str:
    """Return the id of the run that is meant by 'latest', by an id or by the beginning of one."""
    found = connection.execute(read_statement("load/find_runs.sql"), {"run": run}).fetchall()
    if run == "latest":
        if not found:
            raise WarehouseError(f"{database} has no scoring run yet; run `lenet score` first")
    elif len(found) != 1:
        runs = f"{len(found)} scoring runs begin" if found else "no scoring run begins"
        raise WarehouseError(f"{runs} with {run!r}; `lenet audit runs` lists them")
    return str(found[0][0])


def _find_digit(connection: duckdb.DuckDBPyConnection, digit: str) -> str:
    """Return the digit_id that a beginning of one means; a whole one, or no such thing, as it is."""
    beginning = digit.strip().lower().replace("-", "")
    if not _BEGINNING.fullmatch(beginning):
        return digit
    bounds = {"first": beginning.ljust(32, "0"), "last": beginning.ljust(32, "f")}
    found = connection.execute(read_statement("load/find_digits.sql"), bounds).fetchall()
    if len(found) != 1:
        digits = "several digits that were read begin" if found else "no digit that was read begins"
        raise WarehouseError(f"{digits} with {digit!r}; `lenet audit predictions_of_run` lists them")
    return str(found[0][0])


def _require_policy(connection: duckdb.DuckDBPyConnection, values: Mapping[str, str], subject: str) -> None:
    """Raise a WarehouseError unless a policy can decide on a run: with none, everything is for review."""
    asked = {name: values[name] for name in (_RUN, _POLICY)}
    found = connection.execute(read_statement("load/find_policy.sql"), asked).fetchall()
    policy = values[_POLICY]
    if not found:
        raise WarehouseError(f"there is no policy {policy!r}; `lenet policy` lists them")
    of, reader, reader_of_run = found[0]
    if (of, reader) != (subject, reader_of_run):
        raise WarehouseError(
            f"policy {policy} is for {of}s read by {reader}, and this asks of {subject}s read by "
            f"{reader_of_run}; `lenet policy` lists them"
        )


def _promotion(row: dict[str, object]) -> PromotionRecord:
    evidence = {field.name: row.pop(field.name) for field in fields(GateEvidence)}
    gate = None if evidence["gate_digits"] is None else GateEvidence(**evidence)  # type: ignore[arg-type]
    row["recorded_at"] = row["recorded_at"].astimezone(UTC)  # type: ignore[attr-defined]
    return PromotionRecord(**row, gate=gate)  # type: ignore[arg-type]
