"""Final values in the database: verdicts, undo, policies, and the check that nothing else changes them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa
import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.audit import revise
from lenet_pipeline.errors import ReviewError
from lenet_pipeline.schema import NEW_FIELD_REVIEWS, NEW_REVIEWS
from lenet_pipeline.warehouse import VerdictBatch, Warehouse
from tests.warehouse.form_builders import WAIT_S, FormBuilder, Given, GivenPage

Row = dict[str, Any]

TEMPLATE_TEXT = """
form: note
page: {width: 100, height: 50}
reference: {file: gone.png, dpi: 150}
units: px
fields:
  - name: amount
    cells: {x: 10, y: 10, width: 8, height: 10, pitch: 8, count: 3}
    rules: [{range: [0, 499]}]
  - name: total
    cells: {x: 10, y: 30, width: 8, height: 10, pitch: 8, count: 3}
rules:
  - equal: [amount, total]
"""
UNEQUAL = "rule_failed: amount = total"
PAGE = GivenPage("ark", 1, (Given("amount", "123", reason=UNEQUAL), Given("total", "_78", reason=UNEQUAL)))


@pytest.fixture(scope="session")
def noted_once(make_builder: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a database, to copy: a page of two fields that version 1 has read."""
    folder = tmp_path_factory.mktemp("noted")
    forms = FormBuilder(make_builder(folder))
    forms.add_template("note-1", "note", ["amount", "total"], text=TEMPLATE_TEXT)
    forms.add_document("ark", 1)
    forms.store(PAGE)
    forms.read(failures={PAGE: ["amount = total"]})
    return folder


@pytest.fixture
def noted(noted_once: Path, make_builder: Any, tmp_path: Path) -> FormBuilder:
    folder = Path(shutil.copytree(noted_once, tmp_path, dirs_exist_ok=True))
    return FormBuilder(make_builder(folder), [PAGE])


def place(forms: FormBuilder) -> Warehouse:
    return Warehouse(forms.builder.database, WAIT_S)


def ask(forms: FormBuilder, statement: str) -> list[Row]:
    return warehouse.run_select(place(forms), statement).to_pylist()


def digit_rows(forms: FormBuilder, verdicts: Mapping[tuple[str, int], str]) -> pa.Table:
    """Return verdicts, given by field and position, on the predictions that the cells were read with."""
    known = ask(forms, "select field, cells_read from field_readings")
    scores = {
        (row["field"], cell["position"]): cell["shard_score_id"]
        for row in known
        for cell in row["cells_read"]
    }
    rows = [
        {
            "digit_id": PAGE.digit_id(*where).bytes,
            "shard_score_id": UUID(str(scores[where])).bytes,
            "verdict": verdict,
            "note": None,
        }
        for where, verdict in verdicts.items()
    ]
    return pa.Table.from_pylist(rows, schema=NEW_REVIEWS)


def field_rows(name: str, value: str | None, *, has_all_digits: bool = False) -> pa.Table:
    row = {
        "field_id": PAGE.field_id(name).bytes,
        "page_id": PAGE.page_id.bytes,
        "verdict": "blank" if value is None else "unreadable" if "?" in value else "value",
        "value": value,
        "has_all_digits": has_all_digits,
        "note": None,
    }
    return pa.Table.from_pylist([row], schema=NEW_FIELD_REVIEWS)


def decide(forms: FormBuilder, actor: str = "ada", batch_id: UUID | None = None, **tables: pa.Table) -> UUID:
    batch = VerdictBatch(batch_id or uuid4(), actor, "fields", seconds=1.5, **tables)
    warehouse.record_verdicts(place(forms), batch, revise)
    return batch.batch_id


def values(forms: FormBuilder) -> dict[str, Row]:
    return {row["field"]: row for row in ask(forms, "from final_values")}


def test_a_verdict_on_a_digit_changes_the_final_value_and_never_the_value_read(noted: FormBuilder) -> None:
    before = ask(noted, "select * from values_read order by field_id")
    decide(noted, digits=digit_rows(noted, {("total", 1): "2"}))
    total = values(noted)["total"]
    assert (total["value"], total["value_read"], total["origin"]) == ("28", "78", "reviewed by ada")
    assert (total["decision"], total["is_doubtful"]) == ("review", True)
    assert total["reviewed_at"] == total["decided_at"]
    assert ask(noted, "select * from values_read order by field_id") == before
    assert [row["value"] for row in noted.builder.audit("document_values", document="ark")] == ["123", "28"]
    assert noted.builder.audit("documents_wide")[0]["total"] == "28"


def test_rules_are_checked_again_on_final_values(noted: FormBuilder) -> None:
    assert [row["rule"] for row in noted.builder.audit("rule_failures")] == ["amount = total"]
    decide(noted, fields=field_rows("total", "123"))
    assert noted.builder.audit("rule_failures") == []
    assert values(noted)["amount"]["is_doubtful"] is False
    decide(noted, fields=field_rows("amount", "777"))
    assert [(row["rule"], row["field"], row["value"]) for row in noted.builder.audit("rule_failures")] == [
        ("0 to 499", "amount", "777"),
        ("amount = total", None, None),
    ]
    # People have seen both fields, so the broken rules are facts about the paper and nothing to look at.
    assert {row["decision"] for row in values(noted).values()} == {"reviewed"}
    assert noted.builder.audit("review_queue") == []


def test_the_newest_verdict_counts_whether_on_a_field_or_a_digit(noted: FormBuilder) -> None:
    decide(noted, fields=field_rows("total", "456"))
    decide(noted, "bob", digits=digit_rows(noted, {("total", 1): "9"}))
    # The value that Ada typed has a digit in a cell that was read as blank, so a digit cannot replace it.
    assert (values(noted)["total"]["value"], values(noted)["total"]["reviewed_by"]) == ("456", "ada")
    digits = digit_rows(noted, {("total", 1): "4", ("total", 2): "5"})
    decide(noted, fields=field_rows("total", "45", has_all_digits=True), digits=digits)
    decide(noted, "bob", digits=digit_rows(noted, {("total", 2): "9"}))
    total = values(noted)["total"]
    # Bob saw one digit, not that the value breaks a rule now.
    assert (total["value"], total["reviewed_by"], total["decision"]) == ("49", "bob", "review")


def test_an_undone_batch_no_longer_counts_but_stays_on_record(noted: FormBuilder) -> None:
    before = values(noted)
    batch = decide(noted, fields=field_rows("total", "123"))
    with pytest.raises(ReviewError, match="are by ada, so bob cannot undo them"):
        warehouse.undo_verdicts(place(noted), batch, uuid4(), "bob", revise)
    assert warehouse.undo_verdicts(place(noted), batch, uuid4(), "ada", revise) == 1
    assert warehouse.undo_verdicts(place(noted), batch, uuid4(), "ada", revise) == 0
    assert values(noted) == before
    assert noted.builder.count("field_reviews") == noted.builder.count("review_undos") == 1
    for check in ("chain_covers_what_happened", "chain_is_unbroken", "final_value_follows_from_verdicts"):
        assert noted.builder.violations(check) == []
    with pytest.raises(ReviewError, match="there is no batch of verdicts"):
        warehouse.undo_verdicts(place(noted), uuid4(), uuid4(), "ada", revise)


def test_a_batch_that_is_sent_twice_is_recorded_once(noted: FormBuilder) -> None:
    batch = decide(noted, fields=field_rows("total", "123"))
    decide(noted, batch_id=batch, fields=field_rows("total", "123"))
    assert noted.builder.count("field_reviews") == noted.builder.count("page_revisions") == 1


def test_a_later_version_gets_the_verdicts_with_its_own_readings(noted: FormBuilder) -> None:
    decide(noted, digits=digit_rows(noted, {("total", 1): "2"}))
    noted.read(version=2, hours=9, total=Given("total", "_71", confidence=0.8))
    total = values(noted)["total"]
    assert total["model_version"] == 2
    assert (total["value"], total["origin"]) == ("21", "reviewed by ada")


def test_refused_and_unsure_digits_make_their_field_doubtful_whatever_its_confidence(
    noted: FormBuilder,
) -> None:
    decide(noted, fields=field_rows("total", "123"))  # so that no rule is broken
    noted.accept_digits(0.85)
    assert values(noted)["amount"]["decision"] == "accept"
    noted.accept_digits(0.95)
    amount = values(noted)["amount"]
    assert amount["reason"].split("; ")[0] == "unsure: position 0, confidence 0.90"
    assert (amount["decision"], amount["is_doubtful"]) == ("review", True)
    with noted.builder.by_hand() as connection:
        connection.execute(
            "update values_read set cells_read = list_transform(cells_read, "
            "lambda cell: struct_update(cell, not_a_digit := 0.75::float))"
        )
    noted.accept_digits(0.85, not_a_digit_from=0.7)
    assert values(noted)["amount"]["reason"].startswith("not_a_digit: position 0, score 0.75; ")
    noted.accept_digits(0.85, not_a_digit_from=0.8)
    assert values(noted)["amount"]["decision"] == "accept"


def test_a_reviewed_digit_casts_no_doubt(noted: FormBuilder) -> None:
    noted.accept_digits(0.95)
    decide(noted, digits=digit_rows(noted, {("amount", 0): "1", ("amount", 1): "2"}))
    reasons = values(noted)["amount"]["reason"].split("; ")
    assert reasons == ["rule_failed: amount = total", "unsure: position 2, confidence 0.90"]


def test_only_what_a_policy_accepts_is_accepted(noted: FormBuilder) -> None:
    decide(noted, fields=field_rows("total", "123"))
    amount = values(noted)["amount"]
    assert (amount["decision"], amount["reason"]) == (
        "review",
        "no_policy: no policy accepts readings of digits/1",
    )
    assert amount["is_doubtful"] is False
    noted.accept_digits(0.99, subject="field")
    assert values(noted)["amount"]["reason"] == "unsure: confidence 0.95 of the value"
    noted.accept_digits(0.9, subject="field")
    assert (values(noted)["amount"]["decision"], values(noted)["amount"]["reason"]) == ("accept", None)
    noted.accept_digits(0.9, subject="field", review_rate=1.0)
    assert values(noted)["amount"]["reason"] == "sample: drawn to measure the error rate"


def test_a_run_records_the_policies_in_force_when_it_finishes(noted: FormBuilder) -> None:
    digit, field = noted.accept_digits(0.9), noted.accept_digits(0.9, subject="field")
    first, second = ask(noted, "select digit_policy, field_policy from scoring_runs") * 2
    assert first == second == {"digit_policy": None, "field_policy": None}
    noted.add_page("bay", 1, Given("amount", "1"), Given("total", "1"))
    noted.read(hours=9)
    runs = ask(noted, "select digit_policy, field_policy from scoring_runs order by started_at")
    assert runs[-1] == {"digit_policy": digit, "field_policy": field}
    assert noted.builder.violations("chain_covers_what_happened") == []
    with noted.builder.by_hand() as connection:
        connection.execute("update scoring_runs set digit_policy = 99 where digit_policy is not null")
    assert [row["problem"] for row in noted.builder.violations("chain_covers_what_happened")] == [
        "the event was altered"
    ]


# check, what someone changes by hand, the problems that must be named
VIOLATIONS = [
    (
        "final_value_follows_from_verdicts",
        "update revised_values set value = '999'",
        ["the value does not follow from the verdicts"] * 2,
    ),
    (
        "final_value_follows_from_verdicts",
        "update revised_values set reviewed_by = 'eve'",
        ["the reviewer is another person"] * 2,
    ),
    (
        "final_value_follows_from_verdicts",
        "delete from revised_values",
        ["the review is missing"] * 2,
    ),
    (
        "final_value_follows_from_verdicts",
        "delete from reviews; delete from field_reviews",
        ["the field has no verdict"] * 2,
    ),
    (
        "chain_covers_what_happened",
        "update field_reviews set value = '999'",
        ["the event was altered"],
    ),
    (
        "chain_covers_what_happened",
        "update reviews set seconds = 0",
        ["the event was altered"],
    ),
]


@pytest.mark.parametrize(("check", "change", "problems"), VIOLATIONS)
def test_a_verdict_or_final_value_that_was_changed_by_hand_is_found(
    noted: FormBuilder, check: str, change: str, problems: list[str]
) -> None:
    decide(noted, digits=digit_rows(noted, {("amount", 0): "4"}))
    decide(noted, fields=field_rows("total", "777"))
    assert noted.builder.violations(check) == []
    with noted.builder.by_hand() as connection:
        connection.execute(change)
    assert [row["problem"] for row in noted.builder.violations(check)] == problems
