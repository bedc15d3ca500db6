"""Writes to the database are atomic and can be repeated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.errors import WarehouseError
from lenet_pipeline.warehouse import Warehouse, migrations
from lenet_pipeline.warehouse.migrations import reading_as_is
from lenet_pipeline.warehouse.statements import sql_directory

WAIT_S = 5.0
LATER = datetime(2027, 1, 1, tzinfo=UTC)


def test_migrating_twice_applies_each_migration_once(builder: Any) -> None:
    warehouse.migrate(Warehouse(builder.database, WAIT_S))
    warehouse.migrate(Warehouse(builder.database, WAIT_S))
    migrations = sorted((sql_directory() / "schema").glob("*.sql"))
    with builder.by_hand() as connection:
        applied = connection.execute(
            "select version, name from schema_migrations order by version"
        ).fetchall()
    assert applied == [(int(path.name[:3]), path.name) for path in migrations]


def test_database_file_is_pinned_to_a_storage_version_that_older_duckdbs_read(builder: Any) -> None:
    warehouse.migrate(Warehouse(builder.database, WAIT_S))
    with builder.by_hand() as connection:
        tags = connection.execute("select tags from duckdb_databases() where path is not null").fetchall()
    assert tags == [({"storage_version": "v1.2.0+"},)]


def test_newer_schema_is_refused_by_writers_and_readers(builder: Any) -> None:
    warehouse.migrate(Warehouse(builder.database, WAIT_S))
    with builder.by_hand() as connection:
        connection.execute("insert into schema_migrations values (999, '999_later.sql', now())")
    with pytest.raises(WarehouseError, match=r"schema version 999.*upgrade lenet-pipeline"):
        warehouse.migrate(Warehouse(builder.database, WAIT_S))
    with pytest.raises(WarehouseError, match=r"schema version 999.*upgrade lenet-pipeline"):
        warehouse.run_select(Warehouse(builder.database, WAIT_S), "select 1")


def test_older_schema_is_upgraded_by_readers_and_writers(builder: Any) -> None:
    builder.database.parent.mkdir()
    with builder.by_hand():
        pass  # a DuckDB file without any table: schema version 0
    database = Warehouse(builder.database, WAIT_S)
    with (
        pytest.raises(WarehouseError, match="schema version 0; this release reads"),
        reading_as_is(database),
    ):
        pass
    assert warehouse.run_select(database, "select count(*) as n from predictions").to_pydict() == {"n": [0]}
    with reading_as_is(database) as connection:
        assert connection.execute("select max(version) from schema_migrations").fetchone() == (
            len(list((sql_directory() / "schema").glob("*.sql"))),
        )


def test_the_column_of_writers_keeps_earlier_digits_and_ingests(
    builder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = [each for each in migrations.list_migrations() if each[0] < 20]
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "list_migrations", lambda: former)
        warehouse.migrate(Warehouse(builder.database, WAIT_S))
    insert = (
        "insert into ingests values "
        "(uuid(), 'a/x', $kind, 'list.csv', now(), null, 5, 0, 1, 2, null, null, 'ada', null)"
    )
    with builder.by_hand() as connection:
        connection.execute(insert, {"kind": "images"})
        connection.execute(
            "insert into digits values ('f', uuid(), 's', 'h', 1, null, 0, 'dark_on_bright', 3)"
        )
        before = connection.execute("select * from ingests").fetchall()
        with pytest.raises(duckdb.ConstraintException):
            connection.execute(insert, {"kind": "unipen"})
    warehouse.migrate(Warehouse(builder.database, WAIT_S))
    with builder.by_hand() as connection:
        assert connection.execute("select * from ingests").fetchall() == before
        assert connection.execute("select label, writer from digits").fetchall() == [(3, None)]
        connection.execute(insert, {"kind": "unipen"})
        with pytest.raises(duckdb.ConstraintException):
            connection.execute(insert, {"kind": "tablets"})


def test_database_of_another_program_is_not_changed(builder: Any) -> None:
    builder.database.parent.mkdir()
    with builder.by_hand() as connection:
        connection.execute("create table invoices (total integer)")
    with pytest.raises(WarehouseError, match="another program: it has a table invoices"):
        warehouse.migrate(Warehouse(builder.database, WAIT_S))
    with builder.by_hand() as connection:
        assert connection.execute("show tables").fetchall() == [("invoices",)]


def test_model_version_is_recorded_once(builder: Any, make_model_version: Any) -> None:
    warehouse.record_model_version(Warehouse(builder.database, WAIT_S), make_model_version())
    warehouse.record_model_version(Warehouse(builder.database, WAIT_S), make_model_version())
    assert builder.count("model_versions") == 1


def test_model_version_with_other_weights_is_refused(builder: Any, make_model_version: Any) -> None:
    warehouse.record_model_version(Warehouse(builder.database, WAIT_S), make_model_version())
    with pytest.raises(WarehouseError, match=r"digits/1 is recorded .* with weights 111111111111, but"):
        warehouse.record_model_version(
            Warehouse(builder.database, WAIT_S), make_model_version(weights_sha256="f" * 64)
        )
    assert builder.count("model_versions") == 1


def test_promotions_come_back_in_order_as_they_were_recorded(builder: Any, make_promotion: Any) -> None:
    gate = warehouse.GateEvidence(900, 880, 884, 3, 7, 0.34375, 8)
    events = [
        make_promotion("register", 1, hours=0),
        make_promotion("promote", 1, hours=1),
        make_promotion("refuse", 2, 1, hours=2, gate=gate, flow_run_id="flow-2"),
    ]
    for event in events:
        warehouse.record_promotion(Warehouse(builder.database, WAIT_S), event)
    assert warehouse.list_promotions(Warehouse(builder.database, WAIT_S)) == events


def test_promotion_is_recorded_once(builder: Any, make_promotion: Any) -> None:
    for _ in range(2):
        warehouse.record_promotion(Warehouse(builder.database, WAIT_S), make_promotion("promote", 1))
    assert builder.count("promotions") == 1


def test_unknown_action_is_refused_by_the_table(builder: Any, make_promotion: Any) -> None:
    with pytest.raises(WarehouseError, match="CHECK constraint failed"):
        warehouse.record_promotion(Warehouse(builder.database, WAIT_S), make_promotion("stage", 1))


def test_starting_a_run_again_keeps_its_first_start_and_returns_scored_shards(
    builder: Any, readings: Any
) -> None:
    run = builder.run_record("scans/march", 1, readings)
    assert warehouse.start_scoring_run(Warehouse(builder.database, WAIT_S), run) == set()
    builder.load("ark", 1, readings["ark"])
    again = builder.run_record("scans/march", 1, readings, hours=5)
    assert warehouse.start_scoring_run(Warehouse(builder.database, WAIT_S), again) == {
        run.shards[0].shard_score_id
    }
    assert builder.count("scoring_runs") == 1
    assert builder.count("scoring_run_shards") == 2
    with builder.by_hand() as connection:
        ((started_at,),) = connection.execute("select epoch(started_at) from scoring_runs").fetchall()
    assert started_at == run.started_at.timestamp()


def test_run_id_of_another_dataset_is_refused(builder: Any, readings: Any) -> None:
    run = builder.run_record("scans/march", 1, readings)
    warehouse.start_scoring_run(Warehouse(builder.database, WAIT_S), run)
    other = warehouse.ScoringRunRecord(**{**vars(run), "dataset": "scans/april"})
    with pytest.raises(WarehouseError, match="recorded with dataset scans/march"):
        warehouse.start_scoring_run(Warehouse(builder.database, WAIT_S), other)


def test_finishing_a_run_again_keeps_its_first_end(scored: Any, readings: Any) -> None:
    run = scored.run_record("scans/march", 1, readings)
    warehouse.finish_scoring_run(Warehouse(scored.database, WAIT_S), run.scoring_run_id, LATER)
    with scored.by_hand() as connection:
        ((finished_at,),) = connection.execute("select epoch(finished_at) from scoring_runs").fetchall()
    assert finished_at == (run.started_at + timedelta(minutes=1)).timestamp()


def test_run_with_missing_shards_is_not_finished(builder: Any, readings: Any) -> None:
    run = builder.run_record("scans/march", 1, readings)
    warehouse.start_scoring_run(Warehouse(builder.database, WAIT_S), run)
    with pytest.raises(WarehouseError, match="2 of its 2 shards are not scored"):
        warehouse.finish_scoring_run(Warehouse(builder.database, WAIT_S), run.scoring_run_id, LATER)


def test_run_that_was_never_started_is_not_finished(builder: Any, readings: Any) -> None:
    run = builder.run_record("scans/march", 1, readings)
    with pytest.raises(WarehouseError, match=r"scoring run .* was never started"):
        warehouse.finish_scoring_run(Warehouse(builder.database, WAIT_S), run.scoring_run_id, LATER)


def test_shard_score_loads_once(builder: Any, readings: Any) -> None:
    assert builder.load("ark", 1, readings["ark"]) is True
    assert builder.load("ark", 1, readings["ark"]) is False
    assert [builder.count(table) for table in ("shard_scores", "predictions", "digits")] == [1, 3, 3]


def test_predictions_are_loaded_bit_for_bit(builder: Any, readings: Any) -> None:
    builder.load("ark", 1, readings["ark"])
    staged = pq.read_table(builder.folder / "ark-1-predictions.parquet")
    loaded = warehouse.run_select(
        Warehouse(builder.database, WAIT_S),
        "select digit_id, label, confidence, probabilities, not_a_digit, truth from predictions",
    )
    assert loaded["digit_id"].to_pylist() == [str(each) for each in staged["digit_id"].to_pylist()]
    for name in ("label", "confidence", "probabilities", "not_a_digit", "truth"):
        assert loaded[name].to_pylist() == staged[name].to_pylist()


def test_provenance_is_loaded_once_for_several_model_versions(builder: Any, readings: Any) -> None:
    builder.load("ark", 1, readings["ark"])
    builder.load("ark", 2, readings["ark"])
    assert builder.count("predictions") == 6
    digits = warehouse.run_select(
        Warehouse(builder.database, WAIT_S), "select * from digits order by position"
    ).to_pylist()
    assert [row["position"] for row in digits] == [0, 1, 2]
    assert digits[1] == {
        "shard_fingerprint": "ark" * 8,
        "digit_id": str(builder.digit_id("ark", 1)),
        "source": "scans/ark.tiff",
        "source_sha256": "ark",
        "page": 2,
        "field": None,
        "position": 1,
        "polarity": "dark_on_bright",
        "label": 3,
        "writer": None,
    }


def test_the_writer_of_each_digit_is_loaded(builder: Any, readings: Any) -> None:
    builder.write_shard("ark", [truth for _, truth, _ in readings["ark"]], writer="ada")
    builder.load("ark", 1, readings["ark"])
    assert writers_of(builder) == ["ada"] * 3


def test_a_shard_from_before_the_column_of_writers_is_loaded_without_them(
    builder: Any, readings: Any
) -> None:
    path = builder.write_shard("ark", [truth for _, truth, _ in readings["ark"]])
    pq.write_table(pq.read_table(path).drop_columns(["writer"]), path)
    builder.load("ark", 1, readings["ark"])
    assert writers_of(builder) == [None] * 3


def writers_of(builder: Any) -> list[str | None]:
    rows = warehouse.run_select(Warehouse(builder.database, WAIT_S), "select writer from digits")
    return rows["writer"].to_pylist()


@pytest.mark.parametrize("rows", [2, 4])
def test_unexpected_number_of_predictions_loads_nothing(builder: Any, readings: Any, rows: int) -> None:
    predictions = builder.stage("ark", 1, readings["ark"])
    record = builder.shard_record("ark", 1, rows)
    digits = builder.shards["ark"][0]
    with pytest.raises(WarehouseError, match=rf"of scans/march: .* holds 3 rows, expected {rows}"):
        warehouse.load_shard_scores(
            Warehouse(builder.database, WAIT_S),
            [warehouse.ShardLoad(record, predictions, digits, "scans/march")],
        )
    assert [builder.count(table) for table in ("shard_scores", "predictions", "digits")] == [0, 0, 0]


def test_unexpected_number_of_digits_loads_nothing(builder: Any, readings: Any) -> None:
    predictions = builder.stage("ark", 1, readings["ark"])
    digits = builder.write_shard("bay", [1])
    record = builder.shard_record("ark", 1, 3)
    with pytest.raises(WarehouseError, match=r"bay.parquet holds 1 rows, expected 3"):
        warehouse.load_shard_scores(
            Warehouse(builder.database, WAIT_S),
            [warehouse.ShardLoad(record, predictions, digits, "scans/march")],
        )
    assert [builder.count(table) for table in ("shard_scores", "predictions", "digits")] == [0, 0, 0]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("confidence", pa.array([0.9, float("nan"), 0.9], pa.float32())),
        ("confidence", pa.array([0.9, None, 0.9], pa.float32())),
        ("confidence", pa.array([0.9, 1.5, 0.9], pa.float32())),
        ("confidence", pa.array([0.9, -0.1, 0.9], pa.float32())),
        ("not_a_digit", pa.array([0.9, float("nan"), 0.9], pa.float32())),
        ("label", pa.array([1, 10, 2], pa.uint8())),
        ("truth", pa.array([1, 10, None], pa.uint8())),
        ("probabilities", pa.array([[0.1] * 10, None, [0.1] * 10], pa.list_(pa.float32()))),
        ("probabilities", pa.array([[0.1] * 10, [0.1] * 9, [0.1] * 10], pa.list_(pa.float32()))),
        ("probabilities", pa.array([[0.1] * 10, [0.1] * 9 + [None], [0.1] * 10], pa.list_(pa.float32()))),
        ("digit_id", pa.array(["one", "two", "three"])),
    ],
)
def test_malformed_prediction_is_refused_by_the_table(
    builder: Any, readings: Any, column: str, values: pa.Array
) -> None:
    predictions = builder.stage("ark", 1, readings["ark"])
    table = pq.read_table(predictions)
    pq.write_table(table.set_column(table.column_names.index(column), column, values), predictions)
    record = builder.shard_record("ark", 1, 3)
    with pytest.raises(WarehouseError, match="is malformed") as failure:
        warehouse.load_shard_scores(
            Warehouse(builder.database, WAIT_S),
            [warehouse.ShardLoad(record, predictions, builder.shards["ark"][0], "scans/march")],
        )
    assert "\n" not in str(failure.value)
    assert [builder.count(table) for table in ("shard_scores", "predictions", "digits")] == [0, 0, 0]


def test_missing_column_is_named(builder: Any, readings: Any) -> None:
    predictions = builder.stage("ark", 1, readings["ark"])
    pq.write_table(pq.read_table(predictions).drop_columns("truth"), predictions)
    with pytest.raises(WarehouseError, match=r'is malformed .*"truth"'):
        warehouse.load_shard_scores(
            Warehouse(builder.database, WAIT_S),
            [
                warehouse.ShardLoad(
                    builder.shard_record("ark", 1, 3), predictions, builder.shards["ark"][0], "scans/march"
                )
            ],
        )


def test_missing_file_is_named(builder: Any, readings: Any) -> None:
    predictions = builder.stage("ark", 1, readings["ark"])
    predictions.unlink()
    with pytest.raises(
        WarehouseError, match=r"ark-1-predictions.parquet is missing; the shard was not loaded"
    ):
        warehouse.load_shard_scores(
            Warehouse(builder.database, WAIT_S),
            [
                warehouse.ShardLoad(
                    builder.shard_record("ark", 1, 3), predictions, builder.shards["ark"][0], "scans/march"
                )
            ],
        )


@pytest.mark.parametrize("content", [b"", b"PAR1 cut off"])
def test_file_that_is_not_parquet_is_reported_in_one_line(
    builder: Any, readings: Any, content: bytes
) -> None:
    predictions = builder.stage("ark", 1, readings["ark"])
    predictions.write_bytes(content)
    with pytest.raises(WarehouseError, match=r"ark-1-predictions.parquet") as failure:
        warehouse.load_shard_scores(
            Warehouse(builder.database, WAIT_S),
            [
                warehouse.ShardLoad(
                    builder.shard_record("ark", 1, 3), predictions, builder.shards["ark"][0], "scans/march"
                )
            ],
        )
    assert "\n" not in str(failure.value)


def test_path_is_not_treated_as_a_pattern(builder: Any, readings: Any) -> None:
    """DuckDB would take ``scan[1]`` for ``scan1``, whose predictions are others."""
    decoy, meant = builder.folder / "scan1 a=b", builder.folder / "scan[1] a=b"
    decoy.mkdir()
    meant.mkdir()
    builder.stage("ark", 1, [(9, 9, 0.5)] * 3).rename(decoy / "p.parquet")
    builder.stage("ark", 1, readings["ark"]).rename(meant / "p.parquet")
    record = builder.shard_record("ark", 1, 3)
    assert warehouse.load_shard_scores(
        Warehouse(builder.database, WAIT_S),
        [warehouse.ShardLoad(record, meant / "p.parquet", builder.shards["ark"][0], "scans/march")],
    )
    labels = warehouse.run_select(Warehouse(builder.database, WAIT_S), "select label from predictions")
    assert labels["label"].to_pylist() == [3, 5, 7]


def test_rejects_load_once(builder: Any, make_rejects: Any) -> None:
    first = make_rejects(("a.png", "empty", "the file is empty"))
    both = make_rejects(
        ("a.png", "empty", "the file is empty"),
        ("b.png", "empty", "the file is empty"),
        ("b.png", "empty", "the file is empty"),
    )
    assert warehouse.load_rejects(Warehouse(builder.database, WAIT_S), first) == 1
    assert warehouse.load_rejects(Warehouse(builder.database, WAIT_S), both) == 1
    assert warehouse.load_rejects(Warehouse(builder.database, WAIT_S), both) == 0
    assert builder.count("rejects") == 2


def test_rejects_of_another_schema_are_refused(builder: Any, make_rejects: Any) -> None:
    table = make_rejects(("a.png", "empty", "the file is empty")).drop_columns("reason")
    with pytest.raises(WarehouseError, match="reason"):
        warehouse.load_rejects(Warehouse(builder.database, WAIT_S), table)


def test_error_inside_a_transaction_leaves_nothing(builder: Any, readings: Any) -> None:
    """The ledger row refuses a negative time after predictions and digits are in: all of it goes."""
    predictions = builder.stage("ark", 1, readings["ark"])
    record = warehouse.ShardScoreRecord(**{**vars(builder.shard_record("ark", 1, 3)), "seconds": -1.0})
    with pytest.raises(WarehouseError, match="CHECK constraint failed"):
        warehouse.load_shard_scores(
            Warehouse(builder.database, WAIT_S),
            [warehouse.ShardLoad(record, predictions, builder.shards["ark"][0], "scans/march")],
        )
    assert [builder.count(table) for table in ("shard_scores", "predictions", "digits")] == [0, 0, 0]
    assert builder.load("ark", 1, readings["ark"]) is True


def test_times_are_stored_in_utc_in_any_time_zone(scored: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    (row,) = scored.audit("runs")
    assert row["started_at"].isoformat() == "2026-11-02T09:30:00+00:00"
