"""An exported folder answers the same questions in plain DuckDB as the database."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pyarrow.parquet as pq
import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.warehouse.definitions import read_definitions

_VIEWS = "select view_name from duckdb_views() where not internal and schema_name = 'main' order by all"
_MACROS = "select function_name from duckdb_functions() where not internal and macro_definition is not null"

# A fresh process: it runs views.sql in the folder, as `duckdb -init views.sql` does.
_OPEN = """
import sys, duckdb
connection = duckdb.connect()
connection.execute(open("views.sql").read())
print(connection.execute(sys.argv[1]).fetchall())
"""


@pytest.fixture(scope="module")
def exported(auditor_home: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    warehouse.export_tables(auditor_home.warehouse, folder)
    return folder


@pytest.fixture
def opened(exported: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(exported)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute((exported / "views.sql").read_text(encoding="utf-8"))
        yield connection


def same_rows(opened: Any, home: Any, statement: str) -> int:
    """Compare the answers of the export and the database; return their number of rows."""
    found = opened.sql(statement).to_arrow_table().to_pylist()
    with duckdb.connect(str(home.builder.database), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        assert found == connection.sql(statement).to_arrow_table().to_pylist()
    return len(found)


def test_every_view_and_macro_of_the_database_is_in_the_export(opened: Any, auditor_home: Any) -> None:
    tables = set(warehouse.run_select(auditor_home.warehouse, "show tables")["name"].to_pylist())
    assert {name for (name,) in opened.execute(_VIEWS).fetchall()} == tables
    with auditor_home.builder.by_hand() as connection:
        macros = connection.execute(_MACROS).fetchall()
    assert sorted(opened.execute(_MACROS).fetchall()) == sorted(macros)
    assert len(read_definitions()) == len(macros) + len(
        warehouse.run_select(auditor_home.warehouse, _VIEWS)["view_name"]
    )


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("final_values", 5),
        ("field_values", 9),
        ("field_readings", 9),
        ("predictions_full", 36),
        ("current_decisions", 20),
        ("champion_history", 3),
        ("acts", 30),
        ("review_queue", 4),
        ("chain_events", 22),
        ("current_documents", 3),
        ("digit_verdicts", 4),
        ("run_decisions('latest', 'latest')", 3),
        ("run_decisions('latest', '1')", 3),
    ],
)
def test_view_of_the_export_has_the_rows_of_the_database(
    name: str, rows: int, opened: Any, auditor_home: Any
) -> None:
    assert same_rows(opened, auditor_home, f"from {name} order by all") == rows


def test_decisions_of_a_run_by_id_are_those_of_the_database(opened: Any, auditor_home: Any) -> None:
    run = str(auditor_home.form_run)
    statement = f"from run_decisions('{run[:9]}', 'latest') order by all"
    assert same_rows(opened, auditor_home, statement) == 11
    assert same_rows(opened, auditor_home, f"from run_pages('{run}') order by all") == 3


def test_export_opens_in_a_process_of_its_own(exported: Path) -> None:
    asked = "select count(*), count(*) filter (where origin = 'reviewed by bob') from final_values"
    done = subprocess.run(
        [sys.executable, "-c", _OPEN, asked], cwd=exported, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[(5, 1)]\n"


def test_final_values_are_a_file_with_value_read_origin_and_time(exported: Path, auditor_home: Any) -> None:
    rows = pq.read_table(exported / "final_values.parquet").to_pylist()
    (changed,) = [row for row in rows if row["origin"] == "reviewed by bob"]
    assert (changed["value_read"], changed["value"], changed["field"]) == ("45", "46", "amount")
    assert changed["decided_at"] == datetime(2026, 12, 6, 9, 30, tzinfo=UTC)
    assert len(rows) == 5


def test_a_view_that_someone_added_to_the_database_is_not_exported(scored: Any, tmp_path: Path) -> None:
    with scored.by_hand() as connection:
        connection.execute("create view digit_secrets as from read_text('/etc/hostname')").fetchall()
        connection.execute("create or replace view champion_history as select 1 as model_version").fetchall()
    warehouse.export_tables(warehouse.Warehouse(scored.database, 5.0), tmp_path / "out")
    text = (tmp_path / "out" / "views.sql").read_text()
    assert "digit_secrets" not in text
    assert "lag(model_version)" in text


def test_statements_come_after_those_that_they_use() -> None:
    texts = "\n".join(read_definitions())
    for first, second in (
        ("macro is_sampled", "macro decide_digit"),
        ("macro decide_digit", "view current_decisions"),
        ("view policies_in_force", "view field_values"),
        ("view field_values", "view field_readings"),
        ("view field_readings", "view final_values"),
        ("macro find_run", "macro run_decisions"),
        ("view final_values", "view review_queue"),
    ):
        assert texts.index(f" {first}") < texts.index(f" {second}")
    assert texts.count("macro run_decisions(") == 1  # the newest definition only


def test_a_recorded_export_is_an_act(scored: Any) -> None:
    home = warehouse.Warehouse(scored.database, 5.0)
    now = datetime(2026, 11, 5, tzinfo=UTC)
    run = warehouse.run_select(home, "select find_run('latest') as run")["run"][0].as_py()
    for kind, scoring_run_id in (("tables", None), ("reviews", run)):
        warehouse.record_export(
            home, warehouse.ExportRecord(uuid4(), kind, Path("/out"), 7, now, "bob", scoring_run_id)
        )
    rows = warehouse.run_select(
        home, "select acted_at, actor, subject, detail from acts where act = 'export' order by detail"
    ).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (now, "bob", "/out", f"reviews; rows: 7; run {run}"),
        (now, "bob", "/out", "tables; rows: 7"),
    ]


def test_export_command_records_itself(lenet: Any, scored: Any, tmp_path: Path) -> None:
    home = str(scored.database.parent)
    done = lenet("export", str(tmp_path / "out"), "--home", home, "--actor", "bob")
    assert done.returncode == 0, done.stderr
    assert "final" not in done.stderr
    rows = warehouse.run_select(
        warehouse.Warehouse(scored.database, 5.0), "select kind, folder, actor, rows from exports"
    ).to_pylist()
    total = sum(pq.ParquetFile(path).metadata.num_rows for path in (tmp_path / "out").glob("*.parquet"))
    assert rows == [{"kind": "tables", "folder": str(tmp_path / "out"), "actor": "bob", "rows": total}]


def test_export_from_a_busy_database_warns_that_it_is_not_recorded(
    lenet: Any, scored: Any, tmp_path: Path
) -> None:
    from tests.warehouse.test_connection import HOLD, other_process

    with other_process(HOLD, str(scored.database), "reader", "60"):
        done = lenet(
            "export",
            str(tmp_path / "out"),
            "--home",
            str(scored.database.parent),
            LENET_DATABASE_WAIT_S="0.2",
        )
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("warning: the export is not recorded: ")
    assert (tmp_path / "out" / "final_values.parquet").exists()
