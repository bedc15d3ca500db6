"""A user's own select cannot change anything or access any other file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.errors import WarehouseError
from lenet_pipeline.warehouse import Warehouse
from lenet_pipeline.warehouse.migrations import reading

WAIT_S = 5.0

REFUSED = [
    "create table more (a integer)",
    "create or replace view more as select 1",
    "create temporary table more (a integer)",
    "create macro more() as 1",
    "create secret more (type s3)",
    "insert into rejects select * from rejects",
    "update predictions set label = 1",
    "delete from predictions",
    "truncate predictions",
    "drop table predictions",
    "alter table predictions add column note varchar",
    "merge into predictions using (select 1) on true when matched then delete",
    "with gone as (select 1) delete from predictions",
    "copy predictions to 'out.csv'",
    "copy (select 1) to '/dev/stdout'",
    "copy predictions from 'secret.csv'",
    "export database 'out'",
    "import database 'out'",
    "attach 'other.duckdb'",
    "attach ':memory:'",
    "detach audit",
    "use memory",
    "connect",
    "install httpfs",
    "load json",
    "update extensions",
    "set threads = 1",
    "set enable_external_access = true",
    "set variable a = 1",
    "reset threads",
    "pragma threads = 1",
    "pragma database_list",
    "pragma enable_profiling",
    "checkpoint",
    "force checkpoint",
    "vacuum",
    "analyze",
    "begin",
    "commit",
    "prepare more as select 1",
    "execute more",
    "call pragma_version()",
    "call enable_logging()",
    "explain analyze delete from predictions",
    "select * from read_text('secret.csv')",
    "select * from read_blob('secret.csv')",
    "select * from read_csv('secret.csv')",
    "select * from read_json('secret.csv')",
    "select * from read_parquet('ark.parquet')",
    "select * from parquet_metadata('ark.parquet')",
    "select * from read_duckdb('other.duckdb')",
    "select * from sniff_csv('secret.csv')",
    "select * from 'secret.csv'",
    "select * from 'ark.parquet'",
    "from 'secret.csv'",
    "select * from glob('*')",
    "select * from query('copy predictions to ''out.csv''')",
    "select * from enable_logging()",
    "select * from force_checkpoint()",
    "select nextval('promotion_numbers')",
    "select * from local_variable",
    "select 1; select 2",
    "select 1; drop table predictions",
    "",
    "   ",
    ";",
    "-- nothing",
    "selec 1",
    "select",
    "select nonsense from predictions",
    "select cast('a' as integer)",
    "select error('boo')",
]


def folder_state(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def lone(scored: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(scored.folder)
    (scored.folder / "secret.csv").write_text("a,b\n1,2\n")
    (scored.folder / "other.duckdb").write_bytes(scored.database.read_bytes())
    return scored


def test_every_statement_other_than_a_plain_select_is_refused(lone: Any) -> None:
    """One database for all: each must leave the folder to the bit as it was, and say one line."""
    local_variable = pa.table({"a": [1]})
    before = folder_state(lone.folder)
    for statement in REFUSED:
        with pytest.raises(WarehouseError) as failure:
            warehouse.run_select(Warehouse(lone.database, WAIT_S), statement)
        message = str(failure.value)
        assert message and "\n" not in message, statement
        assert folder_state(lone.folder) == before, statement
    assert local_variable.num_rows == 1


@pytest.mark.parametrize(
    "statement",
    [
        "insert into rejects select * from rejects",
        "create table more (a integer)",
        "copy predictions to 'out.csv'",
        "export database 'out'",
        "attach 'other.duckdb'",
        "attach 'new.duckdb'",
        "install httpfs",
        "set enable_external_access = true",
        "set lock_configuration = false",
        "select * from read_text('secret.csv')",
        "select * from local_variable",
    ],
)
def test_the_connection_itself_refuses_writes_and_file_access(lone: Any, statement: str) -> None:
    local_variable = pa.table({"a": [1]})
    before = folder_state(lone.folder)
    with pytest.raises(WarehouseError), reading(Warehouse(lone.database, WAIT_S)) as connection:
        connection.execute(statement).fetchall()
    assert folder_state(lone.folder) == before
    assert local_variable.num_rows == 1


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("select count(*) as n from predictions", {"n": [6]}),
        ("SELECT 1 AS one;", {"one": [1]}),
        ("with t as (select 2 as two) select two from t", {"two": [2]}),
        ("from range(2) as t(n)", {"n": [0, 1]}),
        ("values (1)", {"col0": [1]}),
        ("select label from predictions where false", {"label": []}),
    ],
)
def test_query_returns_rows(scored: Any, statement: str, expected: dict[str, list[int]]) -> None:
    assert warehouse.run_select(Warehouse(scored.database, WAIT_S), statement).to_pydict() == expected


@pytest.mark.parametrize("statement", ["describe predictions", "show tables", "summarize rejects"])
def test_tables_can_be_described(scored: Any, statement: str) -> None:
    assert warehouse.run_select(Warehouse(scored.database, WAIT_S), statement).num_rows > 0


def test_ids_and_times_are_readable(scored: Any) -> None:
    table = warehouse.run_select(
        Warehouse(scored.database, WAIT_S), "select scoring_run_id, started_at from scoring_runs"
    )
    assert table.schema.types == [pa.string(), pa.timestamp("us", tz="UTC")]


def test_error_suggests_similar_names(scored: Any) -> None:
    with pytest.raises(WarehouseError, match=r'"labl" not found.*\(Candidate bindings: .*"label"'):
        warehouse.run_select(Warehouse(scored.database, WAIT_S), "select labl from digits")
    with pytest.raises(WarehouseError, match=r'predictionz does not exist! \(Did you mean "predictions"'):
        warehouse.run_select(Warehouse(scored.database, WAIT_S), "select * from predictionz")
    with pytest.raises(WarehouseError, match=r"syntax error .*\(LINE 1: select from from"):
        warehouse.run_select(Warehouse(scored.database, WAIT_S), "select from from")


def test_statement_that_writes_lists_the_allowed_statements(scored: Any) -> None:
    with pytest.raises(WarehouseError, match="only read-only queries are allowed: start with select"):
        warehouse.run_select(Warehouse(scored.database, WAIT_S), "delete from predictions")


def test_several_statements_are_counted(scored: Any) -> None:
    with pytest.raises(WarehouseError, match="expected one statement, found 2"):
        warehouse.run_select(Warehouse(scored.database, WAIT_S), "select 1; select 2")
