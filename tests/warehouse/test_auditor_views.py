"""The views and macros for auditors, over the database of ``build_auditor_home``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.errors import WarehouseError
from tests.warehouse.conftest import READINGS

Row = tuple[Any, ...]

BOX = {"x": 1, "y": 2, "width": 30, "height": 40}


def ask(home: Any, statement: str, *values: object) -> list[Row]:
    with home.builder.by_hand() as connection:
        return list(connection.execute(statement, values).fetchall())


def on(month: int, day: int, hour: int, minute: int) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def test_predictions_full_has_a_row_per_prediction_and_run(auditor_home: Any) -> None:
    rows = ask(
        auditor_home,
        "select dataset, model_version, count(*), count(distinct digit_id) from predictions_full "
        "group by all order by all",
    )
    assert rows == [
        ("forms/march", 1, 11, 11),
        ("forms/march", 2, 10, 10),
        ("scans/april", 1, 3, 3),
        ("scans/march", 1, 6, 6),
        ("scans/march", 2, 6, 6),
    ]


def test_every_view_keeps_to_the_limit_of_a_query(auditor_home: Any) -> None:
    # DuckDB 2.0 ignores a limit over some left joins with an empty table, such as policy_strata here.
    assert ask(auditor_home, "select count(*) from policy_strata") == [(0,)]
    views = ask(auditor_home, "select view_name from duckdb_views() where not internal")
    counts = {
        view: len(ask(auditor_home, f"select * from {view} limit 1"))  # noqa: S608 - names of our views
        for (view,) in views
    }
    assert counts["predictions_full"] == 1
    assert {view: count for view, count in counts.items() if count > 1} == {}


def test_predictions_full_shows_the_decision_the_review_and_the_final_value(auditor_home: Any) -> None:
    rows = ask(
        auditor_home,
        "select source, page, position, label, truth, is_right, policy_number, decision, verdict, "
        "reviewed_by, final_value, form, box from predictions_full "
        "where scoring_run_id = ? order by position",
        auditor_home.april_run,
    )
    assert rows == [
        ("scans/cat.tiff", 2, 0, 1, 1, True, 2, "accept", None, None, "1", None, None),
        ("scans/cat.tiff", 2, 1, 2, None, None, 2, "review", "7", "carol", "7", None, None),
        ("scans/cat.tiff", 2, 2, 9, None, None, 2, "review", None, None, "9", None, None),
    ]


def test_predictions_full_shows_the_place_on_a_form(auditor_home: Any) -> None:
    page = auditor_home.page
    rows = ask(
        auditor_home,
        "select source, page, field, position, form, box, source_box, page_id, field_id, model_version, "
        "decision from predictions_full where digit_id = ? order by model_version",
        page.digit_id("amount", 1),
    )
    place = ("inbox/ark.pdf", 1, "amount", 1, "note", BOX, BOX)
    ids = (page.page_id, page.field_id("amount"))
    assert rows == [(*place, *ids, 1, "accept"), (*place, *ids, 2, "review")]  # version 2 has no policy


def test_predictions_full_shows_each_digit_once_if_two_datasets_have_its_page(
    auditor_home: Any,
) -> None:
    """The same scan in two datasets has the same digits, but two pages."""
    with auditor_home.builder.by_hand() as connection:
        expected = connection.execute("select count(*) from predictions_full").fetchall()
        connection.begin()
        connection.execute(
            "insert into pages select * replace (uuid() as page_id, 'forms/copy' as dataset) from pages"
        )
        connection.execute(
            "insert into cells select cells.* replace (copies.page_id as page_id) from cells "
            "join pages using (page_id) join pages as copies on pages.source = copies.source "
            "and pages.page = copies.page where copies.dataset = 'forms/copy'"
        )
        found = connection.execute("select count(*) from predictions_full").fetchall()
        connection.rollback()
    assert found == expected


def test_current_decisions_covers_the_newest_run_of_each_dataset(auditor_home: Any) -> None:
    rows = ask(
        auditor_home,
        "select dataset, model_version, decision, count(*) from current_decisions group by all order by all",
    )
    assert rows == [
        ("forms/march", 1, "accept", 11),
        ("scans/april", 1, "accept", 1),
        ("scans/april", 1, "review", 1),
        ("scans/april", 1, "reviewed", 1),
        ("scans/march", 2, "review", 3),
        ("scans/march", 2, "reviewed", 3),
    ]
    final = ask(
        auditor_home,
        "select label, final_value, verdict, reviewed_by from current_decisions "
        "where dataset = 'scans/april' and decision = 'reviewed'",
    )
    assert final == [(2, "7", "7", "carol")]


def test_champion_history_has_a_row_per_period(auditor_home: Any) -> None:
    rows = ask(
        auditor_home,
        "select model_version, started_at, ended_at, promoted_by, action, reason, evidence, former_version, "
        "is_rolled_back from champion_history order by started_at",
    )
    first, second, third = on(11, 2, 10, 30), on(11, 3, 10, 30), on(11, 5, 9, 30)
    evidence = "1000 gate digits: challenger 992 right, champion 980 right, p = 0.004"
    assert rows == [
        (1, first, second, "ada", "promote", "no champion yet", None, None, False),
        (2, second, third, "grace", "promote", "better", evidence, 1, True),
        (1, third, None, "grace", "rollback", "misreads sevens", None, 2, False),
    ]


def test_promoting_the_champion_again_or_refusing_another_starts_no_period(
    scored: Any, make_promotion: Any
) -> None:
    home = warehouse.Warehouse(scored.database, 5.0)
    warehouse.record_promotion(home, make_promotion("promote", 1, 1, hours=9))
    rows = warehouse.run_select(
        home, "select model_version, ended_at, promotion_number from champion_history"
    ).to_pylist()
    assert [tuple(row.values()) for row in rows] == [(1, None, 1)]


def test_acts_has_every_act_with_its_person(auditor_home: Any) -> None:
    rows = ask(auditor_home, "select act, actor, count(*) from acts group by all order by all")
    assert rows == [
        ("export", "bob", 1),
        ("ingest", "ada", 2),
        ("invite", "grace", 1),
        ("policy", "grace", 2),
        ("promotion", "ada", 3),
        ("promotion", "grace", 2),
        ("review", "bob", 2),
        ("review", "carol", 5),
        ("revoke", "grace", 1),
        ("run", "ada", 5),
        ("template", "ada", 2),
        ("training", "ada", 2),
        ("truth", "ada", 1),
        ("undo", "carol", 1),
    ]


def test_acts_describe_what_was_done(auditor_home: Any) -> None:
    rows = ask(
        auditor_home,
        "select act, subject, detail from acts where act in ('ingest', 'policy', 'promotion', 'revoke', "
        "'run', 'truth', 'undo') or detail like '%46%' order by act, acted_at, subject",
    )
    assert rows[1][:2] == ("ingest", "scans/march")
    assert rows[1][2] == "images from inbox/scans/march; digits added: 9, relabelled: 0; inputs rejected: 1"
    assert {
        (
            "policy",
            "policy 2",
            "digits of digits/1: accepts a confidence of 0.8500 or more, at most 5% wrong",
        ),
        ("promotion", "digits/1", "rollback as champion: misreads sevens"),
        ("revoke", "bob", "token revoked"),
        ("run", str(auditor_home.april_run), "scans/april with digits/1, float32"),
        ("truth", "forms/march", "fields: 4"),
        ("undo", str(auditor_home.undone_batch), "verdicts: 1"),
    } <= set(rows)
    assert [row[2] for row in rows if row[0] == "review"] == ["fields; fields: 1; verdicts: 46 (1)"] * 2


def test_acts_include_runs_and_ingests_that_did_not_finish(builder: Any) -> None:
    builder.score(1, READINGS, finish=False)
    home = warehouse.Warehouse(builder.database, 5.0)
    ingest = warehouse.IngestRecord(uuid4(), "scans/march", "images", "inbox", on(11, 2, 9, 0), "ada", None)
    warehouse.record_ingest(home, ingest)
    rows = warehouse.run_select(home, "select act from acts where detail like '%; not finished'").to_pylist()
    assert sorted(row["act"] for row in rows) == ["ingest", "run"]


@pytest.mark.parametrize("length", [8, 13, 36])
def test_macros_accept_an_id_and_its_beginning(auditor_home: Any, length: int) -> None:
    run = str(auditor_home.april_run)[:length]
    rows = ask(auditor_home, "select label, decision from run_decisions(?, '1') order by label", run)
    assert rows == [(1, "accept"), (2, "accept"), (9, "review")]
    assert ask(auditor_home, "select find_run(?)", run.upper()) == [(auditor_home.april_run,)]


def test_macros_accept_latest(auditor_home: Any) -> None:
    rows = ask(
        auditor_home,
        "select label, decision, policy_number from run_decisions('latest', 'latest') order by 1",
    )
    assert rows == [(1, "accept", 2), (2, "review", 2), (9, "review", 2)]
    assert ask(auditor_home, "from run_pages('latest')") == []
    assert ask(auditor_home, "select decision from run_decisions('latest', 1) where label = 2") == [
        ("accept",)
    ]


def test_run_pages_accepts_the_beginning_of_an_id(auditor_home: Any) -> None:
    run = str(auditor_home.form_run)[:8]
    rows = ask(auditor_home, "select source, page from run_pages(?) order by all", run)
    assert rows == [("inbox/ark.pdf", 1), ("inbox/ark.pdf", 2), ("inbox/bay.pdf", 1)]


def test_unknown_and_ambiguous_runs_are_named(scored: Any) -> None:
    home = warehouse.Warehouse(scored.database, 5.0)
    with pytest.raises(WarehouseError, match="no scoring run begins with nothing"):
        warehouse.run_select(home, "from run_decisions('nothing', 'latest')")
    ids = [UUID("00000000-0000-8000-8000-00000000000a"), UUID("00000000-0000-8000-8000-00000000000b")]
    with scored.by_hand() as connection:
        for each in ids:
            connection.execute(
                "insert into scoring_runs select * replace (? as scoring_run_id) from scoring_runs limit 1",
                [each],
            )
    with pytest.raises(WarehouseError, match="2 scoring runs begin with 0000"):
        warehouse.run_select(home, "from run_decisions('0000', 'latest')")
    with pytest.raises(WarehouseError, match="2 scoring runs begin with 0000"):
        warehouse.run_select(home, "from run_pages('0000')")


def test_latest_of_a_database_without_runs_has_no_rows(builder: Any) -> None:
    home = warehouse.Warehouse(builder.database, 5.0)
    warehouse.migrate(home)
    assert len(warehouse.run_select(home, "from run_decisions('latest', 'latest')")) == 0
    assert len(warehouse.run_select(home, "from run_pages('latest')")) == 0
