"""Every table, view, column, macro and sequence of the schema has a comment, in new and older databases."""

from __future__ import annotations

from typing import Any

import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.warehouse.connection import Warehouse, opened
from lenet_pipeline.warehouse.statements import read_statement, sql_directory

WAIT_S = 5.0

COMMENTED = {
    "tables": "select table_name, comment from duckdb_tables() where not internal",
    "views": "select view_name, comment from duckdb_views() where not internal",
    "columns": "select table_name || '.' || column_name, comment from duckdb_columns() where not internal",
    "macros": "select function_name, comment from duckdb_functions() where not internal",
    "sequences": "select sequence_name, comment from duckdb_sequences()",
}


def list_comments(builder: Any, kind: str) -> dict[str, str | None]:
    with builder.by_hand() as connection:
        return dict(connection.execute(COMMENTED[kind]).fetchall())


@pytest.mark.parametrize("kind", COMMENTED)
def test_everything_in_the_schema_has_a_comment(builder: Any, kind: str) -> None:
    warehouse.migrate(Warehouse(builder.database, WAIT_S))
    comments = list_comments(builder, kind)
    assert comments
    assert [name for name, comment in comments.items() if not comment] == []
    assert [name for name, comment in comments.items() if not str(comment).endswith(".")] == []


def test_comment_of_a_time_names_its_zone(builder: Any) -> None:
    warehouse.migrate(Warehouse(builder.database, WAIT_S))
    for name, comment in list_comments(builder, "columns").items():
        assert name.endswith("_at") == ("(UTC)" in str(comment)), name


def test_comment_of_a_nullable_column_says_what_null_means(builder: Any) -> None:
    warehouse.migrate(Warehouse(builder.database, WAIT_S))
    with builder.by_hand() as connection:
        nullable = connection.execute(
            "select table_name || '.' || column_name, comment from duckdb_columns() "
            "semi join duckdb_tables() using (table_oid) where not internal and is_nullable"
        ).fetchall()
    assert nullable
    assert [name for name, comment in nullable if "Null " not in comment] == []


def test_database_without_comments_gets_them(builder: Any) -> None:
    """A database of the release before has rows, views and macros, and no comment yet."""
    released = sorted((sql_directory() / "schema").glob("00[1-8]_*.sql"))
    builder.database.parent.mkdir()
    with opened(Warehouse(builder.database, WAIT_S), read_only=False) as connection:
        for path in released:
            connection.execute(path.read_text())
            connection.execute(
                read_statement("load/insert_migration.sql"),
                {"version": int(path.name[:3]), "name": path.name},
            )
        connection.execute("insert into reviews values (1, uuid(), uuid(), uuid(), '7', null, now(), 'ada')")
    assert not any(list_comments(builder, "columns").values())
    warehouse.migrate(Warehouse(builder.database, WAIT_S))
    assert all(list_comments(builder, "columns").values())
    assert builder.count("reviews") == 1
    assert builder.violations("definitions_are_as_shipped") == []
