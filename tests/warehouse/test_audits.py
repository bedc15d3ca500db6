"""Each audit with given predictions and the rows it must answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.errors import UnknownNameError, WarehouseError
from lenet_pipeline.schema import derive_uuid
from lenet_pipeline.warehouse import Warehouse

WAIT_S = 5.0
START = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def pick(rows: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def rounded(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(round(value, 4) if isinstance(value, float) else value for value in row) for row in rows]


def test_every_audit_returns_the_columns_its_header_documents(scored: Any) -> None:
    given = {"digit": str(scored.digit_id("ark", 0)), "first": "1", "second": "1", "document": "ark"}
    for query in warehouse.list_audits():
        names = {parameter.name for parameter in query.parameters}
        table = warehouse.run_audit(
            Warehouse(scored.database, WAIT_S),
            query.name,
            {name: value for name, value in given.items() if name in names},
        )
        spread = query.pivot or ()  # their names and values are columns of the answer, as many as there are
        assert table.column_names == [name for name in query.columns if name not in spread], query.name
        # What a person exports is plain: no 128-bit sums, and every time in UTC.
        for column in table.schema:
            assert not pa.types.is_decimal(column.type), (query.name, column.name)
            if column.name.endswith("_at"):
                assert column.type == pa.timestamp("us", tz="UTC"), (query.name, column.name)
            if column.name.endswith("_pct"):
                assert column.type == pa.float64(), (query.name, column.name)
            assert column.name.startswith(("is_", "has_")) == pa.types.is_boolean(column.type)


def test_every_audit_answers_on_a_new_database_or_says_what_is_missing(builder: Any) -> None:
    warehouse.migrate(Warehouse(builder.database, WAIT_S))
    given = {"digit": str(builder.digit_id("ark", 0)), "first": "1", "second": "2", "document": "ark"}
    for query in warehouse.list_audits():
        names = {parameter.name for parameter in query.parameters}
        parameters = {name: value for name, value in given.items() if name in names}
        if any(each.name == "run" and each.default == "latest" for each in query.parameters):
            with pytest.raises(WarehouseError, match="no scoring run yet; run `lenet score` first"):
                warehouse.run_audit(Warehouse(builder.database, WAIT_S), query.name, parameters)
        else:
            warehouse.run_audit(Warehouse(builder.database, WAIT_S), query.name, parameters)


def test_predictions_of_run_lists_digits_with_their_place_in_shard_order(scored: Any) -> None:
    rows = scored.audit("predictions_of_run")
    assert pick(rows, "source", "page", "position", "label", "truth", "is_right") == [
        ("scans/ark.tiff", 2, 0, 3, 3, True),
        ("scans/ark.tiff", 2, 1, 5, 3, False),
        ("scans/ark.tiff", 2, 2, 7, None, None),
        ("scans/bay.tiff", 2, 0, 0, 0, True),
        ("scans/bay.tiff", 2, 1, 5, 5, True),
        ("scans/bay.tiff", 2, 2, 1, 7, False),
    ]
    assert rows[0]["digit_id"] == str(scored.digit_id("ark", 0))
    assert len(scored.audit("predictions_of_run", limit="2")) == 2


def test_latest_is_the_run_that_started_last(scored: Any) -> None:
    scored.score(2, {"cove": [(4, 4, 0.5)]}, dataset="scans/april", hours=-3)
    assert len(scored.audit("predictions_of_run")) == 6
    scored.score(2, {"dale": [(4, 4, 0.5)]}, dataset="scans/may", hours=3)
    assert pick(scored.audit("predictions_of_run"), "source") == [("scans/dale.tiff",)]


def test_run_is_found_by_its_id_and_by_the_beginning_of_it(scored: Any, readings: Any) -> None:
    first = str(scored.run_record("scans/march", 1, readings).scoring_run_id)
    scored.score(2, {"dale": [(4, 4, 0.5)]}, dataset="scans/may", hours=3)
    for given in (first, first[:8], first[:8].upper()):
        assert len(scored.audit("predictions_of_run", run=given)) == 6


def test_a_dataset_stands_for_its_newest_run(scored: Any) -> None:
    for version, cell in ((2, "dale"), (3, "elm")):
        scored.score(version, {cell: [(4, 4, 0.5)]}, dataset=f"scans/{cell}", hours=version)
    scored.score(4, {"dale": [(4, 4, 0.5)]}, dataset="scans/dale", hours=1)
    newest = {name: scored.audit("summary", run=f"scans/{name}") for name in ("dale", "elm")}
    assert {name: row["model_version"] for name, (row,) in newest.items()} == {"dale": 2, "elm": 3}


@pytest.mark.parametrize("run", ["0000", "nonsense", "%", "' or true --"])
def test_unknown_run_is_an_error_and_not_an_empty_answer(scored: Any, run: str) -> None:
    with pytest.raises(WarehouseError, match=r"no scoring run begins with .*`lenet audit runs` lists them"):
        scored.audit("low_confidence", run=run)


def test_ambiguous_run_is_an_error(scored: Any) -> None:
    scored.score(2, {"dale": [(4, 4, 0.5)]}, dataset="scans/may", hours=3)
    with pytest.raises(WarehouseError, match="2 scoring runs begin with ''"):
        scored.audit("low_confidence", run="")


def test_low_confidence_lists_the_least_sure_first(scored: Any) -> None:
    rows = scored.audit("low_confidence")
    assert rounded(pick(rows, "source", "position", "label", "confidence")) == [
        ("scans/ark.tiff", 1, 5, 0.6),
        ("scans/ark.tiff", 2, 7, 0.7),
        ("scans/bay.tiff", 1, 5, 0.8),
    ]
    assert len(scored.audit("low_confidence", below="0.7")) == 1
    assert len(scored.audit("low_confidence", below="1", limit="4")) == 4


def test_who_scored_digit_names_each_model_version_and_its_lineage(scored: Any, readings: Any) -> None:
    scored.score(2, readings, hours=2)
    rows = scored.audit("who_scored_digit", digit=str(scored.digit_id("bay", 2)))
    assert pick(rows, "model_name", "model_version", "training_run_id", "weights_sha256", "predictions") == [
        ("digits", 2, "training-2", "2" * 64, 1),
        ("digits", 1, "training-1", "1" * 64, 1),
    ]
    assert pick(rows, "first_scored_at", "source", "page", "position") == [
        (START + timedelta(hours=2), "scans/bay.tiff", 2, 2),
        (START, "scans/bay.tiff", 2, 2),
    ]


def test_digit_history_lists_every_prediction_with_its_runs(scored: Any, readings: Any) -> None:
    second = scored.score(2, {**readings, "ark": [(3, 3, 0.9), (3, 3, 0.9), (7, None, 0.9)]}, hours=2)
    # A later version of the dataset reuses the shard that version 2 has read already.
    third = scored.score(2, {"ark": readings["ark"]}, dataset="scans/april", hours=4)
    first = scored.run_record("scans/march", 1, readings).scoring_run_id
    rows = scored.audit("digit_history", digit=str(scored.digit_id("ark", 1)))
    assert rounded(pick(rows, "scored_at", "model_version", "label", "confidence", "truth", "actor")) == [
        (START, 1, 5, 0.6, 3, "ada"),
        (START + timedelta(hours=2), 2, 3, 0.9, 3, "ada"),
    ]
    assert pick(rows, "runs", "datasets", "source", "position") == [
        (str(first), "scans/march", "scans/ark.tiff", 1),
        (f"{second}, {third}", "scans/april, scans/march", "scans/ark.tiff", 1),
    ]


def test_digit_that_was_never_scored_has_no_history(scored: Any) -> None:
    assert scored.audit("digit_history", digit=str(derive_uuid("unknown"))) == []


def test_a_digit_is_found_by_the_beginning_of_its_id(scored: Any) -> None:
    whole = str(scored.digit_id("ark", 1))
    assert scored.audit("digit_history", digit=whole[:13]) == scored.audit("digit_history", digit=whole)
    with pytest.raises(WarehouseError, match="no digit that was read has an id beginning with '0000000000'"):
        scored.audit("digit_history", digit="0000000000")


def test_a_beginning_that_several_digits_share_is_an_error(scored: Any) -> None:
    scored.score(1, {"elm": [(digit % 10, None, 0.9) for digit in range(17)]}, dataset="scans/may", hours=1)
    first_letters = [str(scored.digit_id("elm", position))[0] for position in range(17)]
    shared = next(letter for letter in first_letters if first_letters.count(letter) > 1)
    with pytest.raises(WarehouseError, match=f"the ids of several digits begin with '{shared}'"):
        scored.audit("digit_history", digit=shared)


def test_confusion_counts_pairs_of_known_truth(scored: Any) -> None:
    assert pick(scored.audit("confusion"), "truth", "label", "count", "truth_pct") == [
        (0, 0, 1, 100.0),
        (3, 3, 1, 50.0),
        (3, 5, 1, 50.0),
        (5, 5, 1, 100.0),
        (7, 1, 1, 100.0),
    ]


def test_class_precision_recall_has_a_row_for_each_of_the_ten_digits(scored: Any) -> None:
    rows = scored.audit("class_precision_recall")
    assert [row["label"] for row in rows] == list(range(10))
    names = ("support", "predicted", "digits_right", "precision_pct", "recall_pct", "f1_pct")
    picked = pick(rows, *names)
    assert picked[0] == (1, 1, 1, 100.0, 100.0, 100.0)
    assert picked[1] == (0, 1, 0, 0.0, None, 0.0)
    assert picked[2] == (0, 0, 0, None, None, None)
    assert picked[3] == (2, 1, 1, 100.0, 50.0, 66.67)
    assert picked[5] == (1, 2, 1, 50.0, 100.0, 66.67)
    assert picked[7] == (1, 0, 0, None, 0.0, 0.0)


def test_confidence_histogram_counts_digits_and_right_ones_by_twentieths(scored: Any) -> None:
    readings = [(3, 3, 0.62), (3, 4, 0.64), (7, None, 0.6), (1, 1, 1.0), (1, 1, 0.96)]
    scored.score(1, {"fern": readings}, dataset="scans/june", hours=9)
    names = (
        "confidence_from",
        "confidence_to",
        "digits",
        "digits_with_truth",
        "digits_right",
        "accuracy_pct",
    )
    assert pick(scored.audit("confidence_histogram"), *names) == [
        (0.6, 0.65, 3, 2, 1, 50.0),
        (0.95, 1.0, 2, 2, 2, 100.0),
    ]


def test_model_agreement_compares_the_shards_both_versions_scored(scored: Any) -> None:
    scored.score(
        2,
        {"ark": [(3, 3, 0.9), (3, 3, 0.9), (1, None, 0.9)], "cove": [(8, 8, 0.9)]},
        dataset="scans/april",
    )
    (row,) = scored.audit("model_agreement", first="1", second="2")
    assert row == {
        "first_version": 1,
        "second_version": 2,
        "shards": 1,
        "digits": 3,
        "agreeing": 1,
        "agreement_pct": 33.33,
        "digits_with_truth": 2,
        "both_right": 1,
        "first_only_right": 0,
        "second_only_right": 1,
        "both_wrong": 0,
    }


def test_model_agreement_without_a_shared_shard_is_a_row_of_zeros(scored: Any) -> None:
    (row,) = scored.audit("model_agreement", first="1", second="9")
    assert (row["shards"], row["digits"], row["agreement_pct"]) == (0, 0, None)


def test_promotions_say_who_was_champion_before_and_after(builder: Any, make_promotion: Any) -> None:
    gate = warehouse.GateEvidence(900, 880, 884, 3, 7, 0.34375, 8)
    for event in (
        make_promotion("register", 1, hours=0),
        make_promotion("promote", 1, hours=1),
        make_promotion("refuse", 2, 1, hours=2, gate=gate),
        make_promotion("promote", 3, 1, hours=3),
        make_promotion("rollback", 1, 3, hours=4),
        make_promotion("promote", 5, None, hours=5, model_name="letters"),
    ):
        warehouse.record_promotion(Warehouse(builder.database, WAIT_S), event)
    rows = builder.audit("promotions")
    assert pick(rows, "action", "model_version", "champion_before", "champion_after") == [
        ("register", 1, None, None),
        ("promote", 1, None, 1),
        ("refuse", 2, 1, 1),
        ("promote", 3, 1, 3),
        ("rollback", 1, 3, 1),
        ("promote", 5, None, 5),
    ]
    assert pick(rows, "gate_digits", "champion_right", "challenger_right", "p_value")[2] == (
        900,
        880,
        884,
        0.34375,
    )
    assert len(builder.audit("promotions", model="digits")) == 5


def test_rejects_by_reason_counts_the_most_frequent_first(builder: Any, make_rejects: Any) -> None:
    rejects = make_rejects(
        ("c.png", "too_large", "more than 50 million pixels"),
        ("b.png", "empty", "the file is empty"),
        ("a.png", "empty", "the file is empty"),
    )
    warehouse.load_rejects(Warehouse(builder.database, WAIT_S), rejects)
    rows = builder.audit("rejects_by_reason")
    assert pick(rows, "dataset", "kind", "reason", "rejects", "example_source", "last_rejected_at") == [
        ("scans/march", "empty", "the file is empty", 2, "a.png", START),
        ("scans/march", "too_large", "more than 50 million pixels", 1, "c.png", START),
    ]
    assert builder.audit("rejects_by_reason", dataset="scans/april") == []


def test_rejects_lists_each_input(builder: Any, make_rejects: Any) -> None:
    rejects = make_rejects(("b.png", "empty", "the file is empty"), ("a.png", "empty", "the file is empty"))
    warehouse.load_rejects(Warehouse(builder.database, WAIT_S), rejects)
    rows = builder.audit("rejects", dataset="scans/march")
    assert pick(rows, "source", "kind", "reason", "actor", "rejected_at") == [
        ("a.png", "empty", "the file is empty", "ada", START),
        ("b.png", "empty", "the file is empty", "ada", START),
    ]


def test_a_rejected_shard_tells_whether_it_was_scored_since(builder: Any, make_rejects: Any) -> None:
    reject = make_rejects(("shard.parquet", "bad_shard", "its content is not what its manifest says"))
    column = pa.array(["north" * 8])
    rejects = reject.set_column(reject.schema.get_field_index("source_sha256"), "source_sha256", column)
    warehouse.load_rejects(Warehouse(builder.database, WAIT_S), rejects)
    assert pick(builder.audit("rejects"), "is_scored_since") == [(False,)]
    builder.score(1, {"north": [(1, 1, 0.9)]}, hours=1)
    assert pick(builder.audit("rejects"), "is_scored_since") == [(True,)]


def test_runs_derive_status_and_throughput_from_the_ledger(builder: Any, readings: Any) -> None:
    builder.score(1, readings, hours=0)
    partial = builder.run_record("scans/april", 1, {**readings, "cove": [(1, 1, 0.9)]}, hours=1)
    warehouse.start_scoring_run(Warehouse(builder.database, WAIT_S), partial)
    recent = builder.run_record("scans/may", 1, {"dale": [(1, 1, 0.9)]})
    recent = warehouse.ScoringRunRecord(**{**vars(recent), "started_at": datetime.now(UTC)})
    warehouse.start_scoring_run(Warehouse(builder.database, WAIT_S), recent)
    rows = builder.audit("runs")
    assert pick(rows, "dataset", "status", "shards", "shards_scored", "rows", "rows_scored") == [
        ("scans/may", "running", 1, 0, 1, 0),
        ("scans/april", "partial", 3, 2, 7, 6),
        ("scans/march", "done", 2, 2, 6, 6),
    ]
    assert pick(rows, "seconds", "images_per_second", "finished_at") == [
        (0.0, None, None),
        (1.0, 6.0, None),
        (1.0, 6.0, START + timedelta(minutes=1)),
    ]


def test_summary_is_one_row_about_the_run(scored: Any, make_rejects: Any) -> None:
    warehouse.load_rejects(
        Warehouse(scored.database, WAIT_S), make_rejects(("a.png", "empty", "the file is empty"))
    )
    (row,) = scored.audit("summary")
    assert rounded(
        pick([row], "dataset", "model_name", "model_version", "digits", "digits_with_truth", "accuracy_pct")
    ) == [("scans/march", "digits", 1, 6, 5, 60.0)]
    assert rounded(pick([row], "mean_confidence", "low_confidence", "rejects", "actor")) == [
        (0.825, 3, 1, "ada")
    ]


def test_accuracy_by_source_lists_the_worst_first(scored: Any) -> None:
    assert pick(scored.audit("accuracy_by_source"), "source", "digits", "digits_right", "accuracy_pct") == [
        ("scans/ark.tiff", 2, 1, 50.0),
        ("scans/bay.tiff", 3, 2, 66.67),
    ]


def test_accuracy_by_writer_lists_the_worst_first_and_only_known_writers(builder: Any) -> None:
    builder.write_shard("ark", [3, 4, None], writer="ada")
    builder.write_shard("bay", [1, 2, 3], writer="bob")
    builder.write_shard("cay", [5], writer=None)
    builder.score(
        1,
        {
            "ark": [(3, 3, 0.9), (4, 4, 0.7), (8, None, 0.9)],
            "bay": [(1, 1, 0.9), (2, 2, 0.9), (5, 3, 0.6)],
            "cay": [(6, 5, 0.5)],
        },
    )
    rows = builder.audit("accuracy_by_writer")
    assert pick(rows, "writer", "digits", "digits_right", "accuracy_pct") == [
        ("bob", 3, 2, 66.67),
        ("ada", 2, 2, 100.0),
    ]
    assert rounded(pick(rows, "mean_confidence")) == [(0.8,), (0.8,)]


def test_confidence_at_the_threshold_is_not_below_it(builder: Any) -> None:
    """0.9 as a 32-bit float is a little less than 0.9 as a 64-bit one."""
    builder.score(1, {"ark": [(3, 3, 0.9)]})
    assert builder.audit("low_confidence", below="0.9") == []
    assert builder.audit("summary")[0]["low_confidence"] == 0


def test_unknown_audit_names_those_there_are(scored: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"there is no audit 'confusoin'; available: .*confusion"):
        scored.audit("confusoin")


def test_unknown_parameter_names_those_there_are(scored: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"confusion has no parameter 'runn'; available: run"):
        scored.audit("confusion", runn="latest")


def test_missing_parameter_says_what_it_takes(scored: Any) -> None:
    with pytest.raises(
        WarehouseError, match=r"digit_history needs the parameter digit: digit_id, or its beginning; give it"
    ):
        scored.audit("digit_history")


@pytest.mark.parametrize(
    ("audit", "parameters", "message"),
    [
        (
            "low_confidence",
            {"below": "half"},
            r"low_confidence cannot take below='half'; expected: conf",
        ),
        (
            "low_confidence",
            {"limit": "many"},
            r"low_confidence cannot take limit='many'; expected: max",
        ),
        (
            "low_confidence",
            {"limit": "-1"},
            r"low_confidence cannot take limit='-1'; expected: maximum number of rows, 1 or more",
        ),
        (
            "runs",
            {"limit": "0"},
            r"runs cannot take limit='0'; expected: maximum number of rows, 1 or more",
        ),
        ("runs", {"limit": "9" * 20}, r"runs cannot take limit='9+'; expected: maximum number of rows"),
        ("summary", {"below": "7"}, r"summary cannot take below='7'; expected: .*, 0 to 1"),
        ("low_confidence", {"below": "nan"}, r".* cannot take below='nan'; expected: .*, 0 to 1"),
        (
            "decisions",
            {"decision": "accepted"},
            r"cannot take decision='accepted'; expected: accept, review, not_a_digit, bl",
        ),
        ("digit_history", {"digit": "it's 12"}, r"digit_history cannot take digit=.*; expected: digit_id"),
        (
            "model_agreement",
            {"first": "1", "second": "two"},
            r".* cannot take second=.*; expected: number of another model",
        ),
        (
            "model_agreement",
            {"first": "1", "second": "9" * 20},
            r".* cannot take second=.*; expected: number of another model",
        ),
    ],
)
def test_malformed_parameter_is_one_line_that_names_it(
    scored: Any, audit: str, parameters: dict[str, str], message: str
) -> None:
    with pytest.raises(WarehouseError, match=message) as failure:
        scored.audit(audit, **parameters)
    assert "\n" not in str(failure.value)
