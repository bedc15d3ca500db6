"""Values with a separator and a sign in the database: checked, reviewed and compared with known values."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa
import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.audit import revise
from lenet_pipeline.schema import NEW_REVIEWS
from lenet_pipeline.warehouse import VerdictBatch, Warehouse, migrations
from tests.warehouse.form_builders import BOX, WAIT_S, FormBuilder, Given, GivenPage

TEXT = """
form: note
page: {width: 100, height: 50}
fields:
  - name: amount
    box: {x: 10, y: 10, width: 50, height: 10, digits: [3, 6]}
    decimals: {separator: comma, places: 2}
    sign: allowed
"""
PAGE = GivenPage("ark", 1, (Given("amount", "12345", written="-123.45"),))
BATCH = UUID("00000000-0000-4000-8000-000000000001")


@pytest.fixture
def forms(make_builder: Any, tmp_path: Any) -> FormBuilder:
    """A database with a page whose amount was read as -123.45."""
    built = FormBuilder(make_builder(tmp_path))
    built.add_template("note-1", "note", ["amount"], text=TEXT)
    built.add_document("ark", 1)
    built.store(PAGE)
    built.read()
    return built


def ask(forms: FormBuilder, statement: str) -> list[dict[str, Any]]:
    return warehouse.run_select(Warehouse(forms.builder.database, WAIT_S), statement).to_pylist()


def decide(forms: FormBuilder, position: int, verdict: str) -> None:
    (row,) = ask(forms, "select cells_read from field_readings")
    score = next(cell for cell in row["cells_read"] if cell["position"] == position)["shard_score_id"]
    digit = {
        "digit_id": PAGE.digit_id("amount", position).bytes,
        "shard_score_id": UUID(str(score)).bytes,
        "verdict": verdict,
        "note": None,
    }
    batch = VerdictBatch(BATCH, "ada", "fields", digits=pa.Table.from_pylist([digit], schema=NEW_REVIEWS))
    warehouse.record_verdicts(Warehouse(forms.builder.database, WAIT_S), batch, revise)


def test_separator_and_sign_are_no_predicted_digits(forms: FormBuilder) -> None:
    assert forms.builder.violations("field_value_is_what_was_predicted") == []
    with forms.builder.by_hand() as connection:
        connection.execute("update values_read set raw_value = '-123.46'")
    (found,) = forms.builder.violations("field_value_is_what_was_predicted")
    assert found["problem"] == "the raw value differs from the predicted digits"


@pytest.mark.parametrize(
    ("position", "verdict", "value"),
    [(2, "9", "-129.45"), (2, "blank", "-12.45"), (4, "blank", "-123.4"), (0, "7", "-723.45")],
)
def test_verdict_on_a_digit_gives_a_value_that_the_check_expects(
    forms: FormBuilder, position: int, verdict: str, value: str
) -> None:
    decide(forms, position, verdict)
    assert [row["value"] for row in ask(forms, "from final_values")] == [value]
    assert forms.builder.violations("final_value_follows_from_verdicts") == []
    with forms.builder.by_hand() as connection:
        connection.execute("update revised_values set value = replace(value, '.', '')")
    (found,) = forms.builder.violations("final_value_follows_from_verdicts")
    assert (found["expected"], found["value"]) == (value, value.replace(".", ""))


def test_values_cast_to_decimals(forms: FormBuilder) -> None:
    (row,) = ask(forms, "select cast(value as decimal(18, 2)) = -123.45 as is_equal from final_values")
    assert row["is_equal"]


def test_accuracy_counts_digits_and_compares_values_with_separator_and_sign(forms: FormBuilder) -> None:
    run = str(ask(forms, "select scoring_run_id from scoring_runs")[0]["scoring_run_id"])
    for truth, right, digits_right in (("-123.45", 1, 5), ("123.45", 0, 5), ("-123.99", 0, 3)):
        forms.tell_truth(PAGE, amount=truth)
        overall, _ = forms.builder.audit("form_accuracy", run=run)
        assert (overall["fields_right"], overall["digits"], overall["digits_right"]) == (
            right,
            5,
            digits_right,
        )
    by_position = forms.builder.audit("accuracy_by_position", run=run)
    assert [row["correct"] for row in by_position] == [1, 1, 1, 0, 0]


def test_ink_that_is_part_of_the_value_comes_with_the_cells_of_its_field(
    make_builder: Any, tmp_path: Any
) -> None:
    forms = FormBuilder(make_builder(tmp_path))
    forms.add_template("note-1", "note", ["amount"], text=TEXT)
    forms.add_document("ark", 1)
    inks = tuple(
        {"kind": kind, "position": position, "box": BOX, "is_read": is_read}
        for kind, position, is_read in (("minus", 0, True), ("comma", 2, True), ("point", 1, False))
    )
    forms.store(GivenPage("ark", 1, (Given("amount", "12345", loose_ink=inks),)))
    run = forms.score()
    rows = warehouse.read_unassembled_cells(Warehouse(forms.builder.database, WAIT_S), run, 5).to_pylist()
    assert {tuple(ink["kind"] for ink in row["loose_ink"]) for row in rows} == {("minus", "comma")}
    assert rows[0]["loose_ink"][1]["position"] == 2


def test_blind_answers_of_earlier_releases_stay_and_new_ones_may_be_decimals(
    builder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = [each for each in migrations.list_migrations() if each[0] < 26]
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "list_migrations", lambda: former)
        warehouse.migrate(Warehouse(builder.database, WAIT_S))
    insert = (
        "insert into blind_answers (batch_id, sample_id, item_number, attempt, answer, answered_at, actor) "
        "values (uuid(), uuid(), 1, 1, $answer, timestamptz '2026-01-01', 'ada')"
    )
    with builder.by_hand() as connection:
        connection.execute(insert, {"answer": "12?"})
        with pytest.raises(duckdb.ConstraintException):
            connection.execute(insert, {"answer": "1.2"})
        answers = connection.execute("select * from blind_answers").fetchall()
        events = connection.execute("select * from chain_events").fetchall()
    warehouse.migrate(Warehouse(builder.database, WAIT_S))
    with builder.by_hand() as connection:
        assert connection.execute("select * from blind_answers").fetchall() == answers
        assert connection.execute("select * from chain_events").fetchall() == events
        connection.execute(insert, {"answer": "-1.2"})
        number = connection.execute("select max(answer_number) from blind_answers").fetchall()
        assert number[0][0] > answers[0][0]
        for answer in ("1.", "--1", "1,2"):
            with pytest.raises(duckdb.ConstraintException):
                connection.execute(insert, {"answer": answer})
