"""The exported Parquet files have the same rows as the audit tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.errors import WarehouseError
from lenet_pipeline.warehouse import Warehouse

WAIT_S = 5.0


def test_every_table_is_a_file_with_the_same_rows(scored: Any, tmp_path: Path) -> None:
    rows = warehouse.export_tables(Warehouse(scored.database, WAIT_S), tmp_path / "out")
    assert rows["predictions"] == 6
    assert {path.stem for path in (tmp_path / "out").glob("*.parquet")} == set(rows)
    for name, count in rows.items():
        assert pq.ParquetFile(tmp_path / "out" / f"{name}.parquet").metadata.num_rows == count
    with scored.by_hand() as connection:
        expected = connection.table("predictions").order("digit_id").to_df()
    found = pd.read_parquet(tmp_path / "out" / "predictions.parquet").sort_values("digit_id")
    assert found["confidence"].tolist() == expected["confidence"].tolist()
    assert [str(each) for each in found["digit_id"]] == [str(each) for each in expected["digit_id"]]


def test_the_views_show_the_files_to_duckdb(scored: Any, tmp_path: Path, monkeypatch: Any) -> None:
    warehouse.export_tables(Warehouse(scored.database, WAIT_S), tmp_path / "out")
    monkeypatch.chdir(tmp_path / "out")
    with duckdb.connect() as connection:
        connection.execute((tmp_path / "out" / "views.sql").read_text())
        asked = "select count(*) from predictions join shard_scores on predictions.shard_score_id = "
        assert connection.execute(f"{asked} shard_scores.shard_score_id").fetchall() == [(6,)]


def test_a_foreign_table_is_not_exported(scored: Any, tmp_path: Path) -> None:
    with scored.by_hand() as connection:
        connection.execute('create table "../evil" (a integer)').fetchall()
    assert "../evil" not in warehouse.export_tables(Warehouse(scored.database, WAIT_S), tmp_path / "out")
    assert not (tmp_path / "evil.parquet").exists()


def test_a_second_export_replaces_the_first(scored: Any, tmp_path: Path) -> None:
    for _ in range(2):
        rows = warehouse.export_tables(Warehouse(scored.database, WAIT_S), tmp_path / "out")
    assert rows["promotions"] == 3
    assert not list((tmp_path / "out").glob("*.tmp*"))


def test_a_folder_that_cannot_be_created_is_reported_in_one_line(scored: Any, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(WarehouseError, match=r"cannot export to .*out"):
        warehouse.export_tables(Warehouse(scored.database, WAIT_S), tmp_path / "out")
