"""Blind second readings: the draw, the answers that settle an item, and the agreement of people."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.errors import ReviewError
from lenet_pipeline.schema import NEW_FIELD_REVIEWS, NEW_REVIEWS, PAGE_REVISIONS, REVISED_VALUES, derive_uuid
from lenet_pipeline.warehouse import BlindAnswer, BlindDraw, Revisions, VerdictBatch, Warehouse
from tests.warehouse.form_builders import TEMPLATE, WAIT_S, FormBuilder, Given, GivenPage

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
SIX = ("amount", "number", "total")


def given_pages() -> list[GivenPage]:
    """Return two pages of three fields: a corrected value, a blank one, and a cell with a mark."""
    return [
        GivenPage("ark", 1, (Given("number", "123"), Given("amount", "45_"), Given("total", "45X"))),
        GivenPage(
            "ark",
            2,
            (
                Given("number", "124", "corrected", "125", 0.3, "luhn", "corrected: 124 breaks luhn"),
                Given("amount", "77_"),
                Given("total", "___", "blank", None, None),
            ),
        ),
    ]


@pytest.fixture(scope="session")
def read_for_blind(make_builder: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a database, to copy: two pages as version 1 has read them."""
    folder = tmp_path_factory.mktemp("read-for-blind")
    forms = FormBuilder(make_builder(folder))
    forms.add_template(TEMPLATE, "note", ["number", "amount", "total"])
    forms.add_document("ark", 2)
    for page in given_pages():
        forms.store(page)
    forms.read()
    return folder


@pytest.fixture
def forms(read_for_blind: Path, make_builder: Any, tmp_path: Path) -> FormBuilder:
    folder = Path(shutil.copytree(read_for_blind, tmp_path, dirs_exist_ok=True))
    return FormBuilder(make_builder(folder), given_pages())


def warehouse_of(forms: FormBuilder) -> Warehouse:
    return Warehouse(forms.builder.database, WAIT_S)


def no_revisions(*_: object) -> Revisions:
    return Revisions(PAGE_REVISIONS.empty_table(), REVISED_VALUES.empty_table())


def rows(forms: FormBuilder, view: str, *columns: str) -> list[tuple[Any, ...]]:
    with forms.builder.by_hand() as connection:
        connection.execute("set TimeZone = 'UTC'")
        return list(connection.table(view).select(*columns).order("all").fetchall())


def draw(forms: FormBuilder, **terms: Any) -> UUID:
    return warehouse.draw_blind_sample(warehouse_of(forms), BlindDraw(**terms), "ada").sample_id


def items_of(forms: FormBuilder, sample_id: UUID) -> dict[tuple[str, int], int]:
    """Return item numbers by the field's name and the page."""
    with forms.builder.by_hand() as connection:
        found = connection.execute(
            "select field, page, item_number from blind_items inner join pages using (page_id) "
            "where sample_id = ?",
            [sample_id],
        ).fetchall()
    return {(field, page): number for field, page, number in found}


def verdict_on(forms: FormBuilder, answer: BlindAnswer) -> VerdictBatch:
    found = warehouse.find_blind_item(warehouse_of(forms), answer.sample_id, answer.item_number)
    assert found is not None
    field_row = {
        "field_id": UUID(found["field_id"]).bytes,
        "page_id": UUID(found["page_id"]).bytes,
        "verdict": "value" if answer.answer else "blank",
        "value": answer.answer or None,
        "has_all_digits": False,
        "note": None,
    }
    fields = NEW_FIELD_REVIEWS.empty_table().from_pylist([field_row], schema=NEW_FIELD_REVIEWS)
    return VerdictBatch(answer.verdict_id, answer.actor, "blind", NEW_REVIEWS.empty_table(), fields)


def give(
    forms: FormBuilder, sample_id: UUID, item: int, actor: str, value: str, batch_id: UUID | None = None
) -> bool:
    """Answer an item; the return value tells whether it is settled."""
    answer = BlindAnswer(batch_id or uuid4(), sample_id, item, value, actor, 2.5, NOW)
    return warehouse.record_blind_answer(warehouse_of(forms), answer, verdict_on(forms, answer), no_revisions)


def test_a_draw_depends_on_the_seed_alone_and_is_stored_once(forms: FormBuilder) -> None:
    first = warehouse.draw_blind_sample(warehouse_of(forms), BlindDraw(size=4), "ada")
    again = warehouse.draw_blind_sample(warehouse_of(forms), BlindDraw(size=4), "bob")
    other = warehouse.draw_blind_sample(warehouse_of(forms), BlindDraw(size=4, seed=1), "ada")
    assert (first.items, first.is_new, again.is_new) == (4, True, False)
    assert first.sample_id == again.sample_id != other.sample_id
    assert items_of(forms, first.sample_id) != items_of(forms, other.sample_id)
    larger = draw(forms, size=5)
    assert items_of(forms, larger).items() > items_of(forms, first.sample_id).items(), "a sample only grows"
    assert forms.builder.violations("chain_covers_what_happened") == []


def test_a_draw_keeps_to_the_field_and_the_reason(forms: FormBuilder) -> None:
    assert set(items_of(forms, draw(forms, field="total"))) == {("total", 1), ("total", 2)}
    assert set(items_of(forms, draw(forms, is_queue=True, reason="corrected"))) == {("number", 2)}
    with pytest.raises(ReviewError, match="nothing was drawn"):
        draw(forms, field="unknown")
    assert len(rows(forms, "blind_samples", "sample_id")) == 2


def test_a_sample_of_digits_outside_forms_has_the_predicted_digits(scored: Any) -> None:
    drawn = warehouse.draw_blind_sample(Warehouse(scored.database, WAIT_S), BlindDraw(size=9), "ada")
    assert drawn.items == 6
    with scored.by_hand() as connection:
        found = connection.table("blind_items").select("value_read", "form").order("all").fetchall()
    assert found == [(digit, None) for digit in "013557"]
    digits = warehouse.list_blind_digits(Warehouse(scored.database, WAIT_S), drawn.sample_id)
    assert set(digits["dataset"].to_pylist()) == {"scans/march"}


def test_two_equal_answers_settle_an_item_with_the_verdict_of_the_second_person(forms: FormBuilder) -> None:
    sample = draw(forms)
    item = items_of(forms, sample)["number", 2]
    assert give(forms, sample, item, "ada", "124") is False
    assert rows(forms, "field_reviews", "actor") == []
    assert give(forms, sample, item, "bob", "124") is True
    assert rows(forms, "field_reviews", "field_id", "value", "actor", "mode") == [
        (forms.pages[1].field_id("number"), "124", "bob", "blind")
    ]
    columns = ("item_number", "settled_value", "settled_by", "settled_at")
    results = {row[0]: row[1:] for row in rows(forms, "blind_results", *columns)}
    assert results[item] == ("124", "bob", NOW)
    with pytest.raises(ReviewError, match="already settled"):
        give(forms, sample, item, "cy", "125")
    assert forms.builder.violations("chain_covers_what_happened") == []


def test_a_third_person_settles_a_disagreement(forms: FormBuilder) -> None:
    sample = draw(forms)
    item = items_of(forms, sample)["amount", 1]
    give(forms, sample, item, "ada", "45")
    assert give(forms, sample, item, "bob", "46") is False
    for actor in ("ada", "bob"):
        with pytest.raises(ReviewError, match="has already answered"):
            give(forms, sample, item, actor, "46")
    assert give(forms, sample, item, "cy", "4") is True
    (settled,) = (row for row in rows(forms, "blind_results", "item_number", "*") if row[0] == item)
    assert set(settled) >= {"45", "ada", "46", "bob", "4", "cy", False, True}
    assert rows(forms, "field_reviews", "value", "actor") == [("4", "cy")]


def test_an_answer_is_recorded_once_however_often_it_is_sent(forms: FormBuilder) -> None:
    sample, batch_id = draw(forms), uuid4()
    give(forms, sample, 1, "ada", "1")
    assert [give(forms, sample, 1, "bob", "1", batch_id) for _ in range(3)] == [True, True, True]
    assert len(rows(forms, "blind_answers", "answer_number")) == 2
    assert len(rows(forms, "field_reviews", "review_number")) == 1


def test_an_answer_can_be_taken_back_until_another_person_answers(forms: FormBuilder) -> None:
    sample = draw(forms)

    def take_back(actor: str) -> bool:
        return warehouse.withdraw_blind_answer(warehouse_of(forms), sample, 1, uuid4(), actor)

    assert take_back("ada") is False
    give(forms, sample, 1, "ada", "9")
    assert take_back("ada") is True
    give(forms, sample, 1, "ada", "8")
    give(forms, sample, 1, "bob", "9")
    for actor in ("ada", "bob"):
        with pytest.raises(ReviewError, match="another person has answered"):
            take_back(actor)
    assert rows(forms, "blind_turns", "turn", "answer", "actor") == [(1, "8", "ada"), (2, "9", "bob")]
    assert len(rows(forms, "blind_answers", "answer_number")) == 3, "nothing is deleted"
    assert forms.builder.violations("chain_covers_what_happened") == []


def test_a_person_sees_only_items_they_may_answer_and_no_reading(forms: FormBuilder) -> None:
    sample = draw(forms)

    def open_to(actor: str) -> dict[int, int]:
        table = warehouse.list_blind_items(warehouse_of(forms), sample, actor)
        assert table.column_names == ["item_number", "form", "field", "kind", "seats"]
        return {row["item_number"]: row["seats"] for row in table.to_pylist()}

    assert open_to("ada") == dict.fromkeys(range(1, 7), 2)
    give(forms, sample, 1, "ada", "1")
    give(forms, sample, 2, "ada", "2")
    give(forms, sample, 2, "bob", "2")
    give(forms, sample, 3, "ada", "3")
    give(forms, sample, 3, "bob", "4")
    assert open_to("ada") == {4: 2, 5: 2, 6: 2}
    assert open_to("bob") == {1: 1, 4: 2, 5: 2, 6: 2}
    assert open_to("cy") == {1: 1, 3: 1, 4: 2, 5: 2, 6: 2}


def test_an_item_that_a_person_reviewed_with_the_prediction_is_for_others(forms: FormBuilder) -> None:
    sample = draw(forms, field="amount")
    items = items_of(forms, sample)
    reviewed = {
        "digit_id": forms.pages[0].digit_id("amount", 0).bytes,
        "shard_score_id": derive_uuid("score", f"ark-1-{TEMPLATE}", 1).bytes,
        "verdict": "4",
        "note": None,
    }
    digits = NEW_REVIEWS.empty_table().from_pylist([reviewed], schema=NEW_REVIEWS)
    warehouse.record_verdicts(
        warehouse_of(forms), VerdictBatch(uuid4(), "ada", "groups", digits), no_revisions
    )
    for actor, expected in (("ada", {items["amount", 2]}), ("bob", set(items.values()))):
        found = warehouse.list_blind_items(warehouse_of(forms), sample, actor)
        assert set(found["item_number"].to_pylist()) == expected


def test_agreement_between_people_counts_independent_answers_and_corrects_for_chance(
    forms: FormBuilder,
) -> None:
    sample = draw(forms)
    items = items_of(forms, sample)
    for page, first, second in ((1, "11", "12"), (2, "22", "22")):
        give(forms, sample, items["amount", page], "bob", first)
        give(forms, sample, items["amount", page], "ada", second)
    give(forms, sample, items["amount", 1], "cy", "12")
    give(forms, sample, items["total", 2], "cy", "")
    give(forms, sample, items["total", 2], "ada", "7")
    give(forms, sample, items["number", 1], "ada", "123")
    columns = ("first_person", "second_person", "field", "items", "agreed", "agreed_pct", "characters")
    assert rows(forms, "agreement_between_people", *columns) == [
        ("ada", "bob", "amount", 2, 1, 50.0, 4),
        ("ada", "cy", "total", 1, 0, 0.0, 1),
    ]
    # Ada: 1 2 2 2, Bob: 1 1 2 2. Three of four are equal; by chance (1 * 2 + 3 * 2) / 16 = 0.5 would be.
    assert rows(forms, "agreement_between_people", "kappa")[1] == (pytest.approx(0.5),)


def test_agreement_with_the_model_compares_values_before_and_after_the_rules(forms: FormBuilder) -> None:
    sample = draw(forms)
    items = items_of(forms, sample)
    for page, value in ((1, "123"), (2, "125")):
        give(forms, sample, items["number", page], "ada", value)
    give(forms, sample, items["number", 2], "bob", "124")
    give(forms, sample, items["total", 2], "bob", "")
    columns = ("actor", "field", "answers", "equal_read", "equal_read_pct", "equal_corrected")
    assert rows(forms, "agreement_with_model", *columns) == [
        ("ada", "number", 2, 1, 50.0, 2),
        ("bob", "number", 1, 1, 100.0, 0),
        ("bob", "total", 1, 1, 100.0, 1),
    ]
    give(forms, sample, items["number", 2], "cy", "12?")
    judged = rows(forms, "blind_results", "settled_value", "is_model_right")
    assert ("12?", None) in judged, "an unreadable character judges no reading"


def test_samples_are_listed_with_their_progress(forms: FormBuilder) -> None:
    sample = draw(forms, size=3, name="March")
    number = items_of(forms, sample)
    item, *others = number.values()
    for actor, value in (("ada", "0"), ("bob", "0")):
        give(forms, sample, item, actor, value)
    for actor, value in (("ada", "0"), ("bob", "1")):
        give(forms, sample, others[0], actor, value)
    (row,) = warehouse.list_blind_samples(warehouse_of(forms), "ada").to_pylist()
    counted = {
        name: row[name] for name in ("name", "items", "settled", "disagreed", "misread", "own_answers")
    }
    assert counted == {
        "name": "March",
        "items": 3,
        "settled": 1,
        "disagreed": 1,
        "misread": 1,
        "own_answers": 2,
    }
    assert NOW - row["created_at"] < timedelta(days=3650)


@pytest.mark.parametrize("column", ["answer = '9'", "actor = 'eve'", "item_number = 2", "seconds = 0"])
def test_an_altered_answer_breaks_the_chain(forms: FormBuilder, column: str) -> None:
    sample = draw(forms)
    give(forms, sample, 1, "ada", "1")
    with forms.builder.by_hand() as connection:
        connection.execute(f"update blind_answers set {column}")  # noqa: S608
    assert [row["problem"] for row in forms.builder.violations("chain_covers_what_happened")] == [
        "the event was altered"
    ]


def test_a_removed_item_breaks_the_chain(forms: FormBuilder) -> None:
    draw(forms)
    with forms.builder.by_hand() as connection:
        connection.execute("delete from blind_items where item_number = 3")
    assert len(forms.builder.violations("chain_covers_what_happened")) == 1


def test_audit_of_agreement_lists_people_and_the_model(forms: FormBuilder) -> None:
    sample = draw(forms, field="number")
    item = items_of(forms, sample)["number", 2]
    give(forms, sample, item, "ada", "125")
    give(forms, sample, item, "bob", "124")
    found = forms.builder.audit("agreement")
    assert list(found[0]) == list(columns_of("agreement"))
    names = ("kind", "person", "compared_with", "items", "equal", "equal_pct", "equal_corrected")
    assert [tuple(row[name] for name in names) for row in found] == [
        ("people", "ada", "bob", 1, 0, 0.0, None),
        ("model", "ada", "digits/1", 1, 0, 0.0, 1),
        ("model", "bob", "digits/1", 1, 1, 100.0, 0),
    ]
    assert forms.builder.audit("agreement", field="total") == []


def test_audit_of_progress_counts_verdicts_corrections_and_known_values(forms: FormBuilder) -> None:
    first, second = forms.pages
    forms.tell_truth(first, number="123")
    forms.tell_truth(second, number="124")
    for batch, (page, value, seconds) in enumerate(
        [(first, "123", 2.0), (second, "129", 4.0), (second, "124", 6.0), (first, "999", 8.0)]
    ):
        row = {
            "field_id": page.field_id("number").bytes,
            "page_id": page.page_id.bytes,
            "verdict": "value",
            "value": value,
            "has_all_digits": False,
            "note": None,
        }
        fields = NEW_FIELD_REVIEWS.empty_table().from_pylist([row], schema=NEW_FIELD_REVIEWS)
        verdicts = VerdictBatch(
            UUID(int=batch + 1), "ada", "fields", fields=fields, seconds=seconds, reviewed_at=NOW
        )
        warehouse.record_verdicts(warehouse_of(forms), verdicts, no_revisions)
    warehouse.undo_verdicts(warehouse_of(forms), UUID(int=4), uuid4(), "ada", no_revisions)
    sample = draw(forms, field="amount")
    item = items_of(forms, sample)["amount", 1]
    for actor, value in (("bob", "45"), ("ada", "46"), ("cy", "46")):
        give(forms, sample, item, actor, value)
    found = {row["person"]: row for row in forms.builder.audit("review_progress", day="2026-11-05")}
    names = ("verdicts", "fields", "digits", "blind", "changed", "known", "correct", "accuracy_pct", "undone")
    assert {person: tuple(row[name] for name in names) for person, row in found.items()} == {
        "ada": (4, 3, 0, 1, 2, 4, 3, 75.0, 1),
        "bob": (1, 0, 0, 1, 0, 1, 0, 0.0, 0),
        "cy": (1, 0, 0, 1, 0, 0, 0, None, 0),
    }
    assert list(found["ada"]) == list(columns_of("review_progress"))
    ada = found["ada"]
    # Verdicts of 2, 4 and 6 seconds, and a blind answer of 2.5 seconds.
    assert (ada["median_seconds"], ada["verdicts_on_day"]) == (3.25, 4)
    assert ada["per_hour_on_day"] == round(3600 * 4 / 14.5)
    assert ada["last_at"] == NOW
    assert forms.builder.audit("review_progress", day="2026-11-06")[0]["verdicts_on_day"] == 0


def test_audit_of_progress_counts_digits_outside_fields(scored: Any) -> None:
    rows = [
        {
            "digit_id": scored.digit_id("ark", position).bytes,
            "shard_score_id": derive_uuid("score", "ark", 1).bytes,
            "verdict": verdict,
            "note": None,
        }
        for position, verdict in enumerate(["3", "3", "unreadable"])
    ]
    digits = NEW_REVIEWS.empty_table().from_pylist(rows, schema=NEW_REVIEWS)
    warehouse.record_verdicts(
        Warehouse(scored.database, WAIT_S), VerdictBatch(uuid4(), "ada", "groups", digits), no_revisions
    )
    (row,) = scored.audit("review_progress")
    assert (row["digits"], row["changed"], row["known"], row["accuracy_pct"]) == (3, 1, 2, 100.0)
    assert row["median_seconds"] is None


def columns_of(audit: str) -> dict[str, str]:
    (query,) = [query for query in warehouse.list_audits() if query.name == audit]
    return query.columns


def test_acts_list_draws_answers_and_answers_that_were_taken_back(forms: FormBuilder) -> None:
    sample = draw(forms, name="March")
    give(forms, sample, 1, "bob", "")
    warehouse.withdraw_blind_answer(warehouse_of(forms), sample, 1, uuid4(), "bob")
    give(forms, sample, 1, "bob", "12")
    found = rows(forms, "acts", "actor", "act", "subject", "detail")
    assert [row for row in found if row[0] == "bob" and row[1] == "blind answer"] == [
        ("bob", "blind answer", "March", "item 1: 12"),
        ("bob", "blind answer", "March", "item 1: blank"),
    ]
    assert ("ada", "draw", "March", "blind sample of up to 100 items") in found
    assert [row[3] for row in found if row[:2] == ("bob", "undo")] == ["blind answers: 1"]
