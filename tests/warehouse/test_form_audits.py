"""Each audit and check of forms, with given pages and the expected rows."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.errors import WarehouseError
from lenet_pipeline.warehouse import Warehouse
from tests.warehouse.form_builders import DATASET, TEMPLATE, WAIT_S, FormBuilder, Given, GivenPage

Row = dict[str, Any]


def pick(rows: list[Row], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def given_pages() -> list[GivenPage]:
    """Return two pages: one without a fault, and one with every kind."""
    return [
        GivenPage("ark", 1, (Given("number", "123"), Given("amount", "45_"), Given("total", "45X"))),
        GivenPage(
            "ark",
            2,
            (
                Given("number", "124", "corrected", "125", 0.3, "luhn", "corrected: 124 breaks luhn"),
                Given("amount", "7_7", "rule_failed", "77", 0.8, "at most 9", "rule_failed: 77 breaks it"),
                Given("total", "___", "blank", None, None),
            ),
        ),
    ]


@pytest.fixture(scope="session")
def empty_once(make_builder: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a database, to copy: one template of three fields, and a document of nine pages."""
    folder = tmp_path_factory.mktemp("empty")
    forms = FormBuilder(make_builder(folder))
    forms.add_template(TEMPLATE, "note", ["number", "amount", "total"], unique=["number"])
    forms.add_document("ark", 9)
    return folder


@pytest.fixture(scope="session")
def read_once(make_builder: Any, empty_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a database, to copy: the given pages as version 1 has read them."""
    folder = Path(shutil.copytree(empty_once, tmp_path_factory.mktemp("read"), dirs_exist_ok=True))
    forms = FormBuilder(make_builder(folder))
    first, second = given_pages()
    forms.store(first)
    forms.store(second)
    forms.read(failures={second: ["amount = total"]})
    return folder


@pytest.fixture
def empty(empty_once: Path, make_builder: Any, tmp_path: Path) -> FormBuilder:
    """A copy of the database without pages, for the use of a single test."""
    return FormBuilder(make_builder(Path(shutil.copytree(empty_once, tmp_path, dirs_exist_ok=True))))


@pytest.fixture
def forms(read_once: Path, make_builder: Any, tmp_path: Path) -> FormBuilder:
    """A copy of the database with two pages that version 1 has read."""
    folder = Path(shutil.copytree(read_once, tmp_path, dirs_exist_ok=True))
    return FormBuilder(make_builder(folder), given_pages())


def audit(forms: FormBuilder, name: str, **parameters: str) -> list[Row]:
    return forms.builder.audit(name, **parameters)


def test_document_values_lists_the_fields_of_a_document_in_the_order_of_its_pages(
    forms: FormBuilder,
) -> None:
    rows = audit(forms, "document_values", document="ark.pdf")
    assert pick(rows, "page", "field", "status", "value_read", "value", "confidence", "broken_rule") == [
        (1, "number", "read", "123", "123", 0.95, None),
        (1, "amount", "read", "45", "45", 0.95, None),
        (1, "total", "read", "45", "45", 0.95, None),
        (2, "number", "corrected", "124", "125", 0.3, "luhn"),
        (2, "amount", "rule_failed", "77", "77", 0.8, "at most 9"),
        (2, "total", "blank", None, None, None, None),
    ]
    assert rows[0]["field_id"] == str(forms.pages[0].field_id("number"))
    assert rows[0]["source_box"] == {"x": 1, "y": 2, "width": 30, "height": 40}
    assert len(audit(forms, "document_values", document="ARK"[:2])) == 6  # sha256s are lower case
    assert audit(forms, "document_values", document="noah") == []


def test_document_values_keeps_both_readings_of_a_page_read_with_a_corrected_template(
    forms: FormBuilder,
) -> None:
    read_again(forms)
    rows = audit(forms, "document_values", document="ark")
    assert pick(rows, "page", "field", "value")[:3] == [
        (1, "number", "123"),
        (1, "number", "129"),
        (1, "amount", "45"),
    ]
    assert len({row["field_id"] for row in rows}) == len(rows) == 7


def read_again(forms: FormBuilder) -> None:
    """Read page 1 once more, with a corrected template that has only one field, as 129."""
    forms.add_template("note-2", "note", ["number"], unique=["number"])
    page = forms.add_page("ark", 1, Given("number", "129", confidence=0.7), template="note-2", hours=2)
    forms.tell_truth(page, number="129")
    forms.read(hours=3)


def test_document_cells_lists_every_cell_with_what_was_read_in_it(forms: FormBuilder) -> None:
    rows = audit(forms, "document_cells", document="ark", field="amount")
    assert pick(rows, "page", "position", "state", "label", "ink") == [
        (1, 0, "digit", 4, 4.5),
        (1, 1, "digit", 5, 4.5),
        (1, 2, "blank", None, 0.0),
        (2, 0, "digit", 7, 4.5),
        (2, 1, "blank", None, 0.0),
        (2, 2, "digit", 7, 4.5),
    ]
    assert rows[0]["digit_id"] == str(forms.pages[0].digit_id("amount", 0))
    assert rows[2]["digit_id"] is None


def test_review_queue_gives_reasons_and_starts_with_the_least_confident(forms: FormBuilder) -> None:
    rows = audit(forms, "review_queue")
    assert pick(rows, "page", "field", "value", "reason") == [
        (2, "number", "125", "corrected: 124 breaks luhn"),
        (2, "amount", "77", "rule_failed: 77 breaks it"),
        (1, "amount", "45", "no_policy: no policy accepts readings of digits/1"),
        (1, "number", "123", "no_policy: no policy accepts readings of digits/1"),
        (1, "total", "45", "no_policy: no policy accepts readings of digits/1"),
    ]
    assert len(audit(forms, "review_queue", limit="1")) == 1
    assert pick(audit(forms, "review_queue", reason="rule_failed"), "field") == [("amount",)]
    assert len(audit(forms, "review_queue", run=rows[0]["scoring_run_id"])) == 5


def test_review_queue_leaves_out_what_a_corrected_template_has_read_since(forms: FormBuilder) -> None:
    read_again(forms)
    rows = audit(forms, "review_queue")
    assert pick(rows, "page", "field", "value") == [
        (2, "number", "125"),
        (1, "number", "129"),
        (2, "amount", "77"),
    ]


def test_corrected_fields_shows_both_values_and_probabilities_and_the_rule(forms: FormBuilder) -> None:
    rows = audit(forms, "corrected_fields")
    names = ("page", "field", "value_read", "value", "rule", "raw_probability", "probability", "posterior")
    assert pick(rows, *names) == [(2, "number", "124", "125", "luhn", 0.5, 0.3, 0.3)]


def test_rule_failures_names_rules_of_fields_of_pages_and_values_that_repeat(forms: FormBuilder) -> None:
    forms.add_document("bay", 1)
    forms.add_page("bay", 1, Given("number", "123"), Given("amount", "1"), Given("total", "1"))
    forms.read(hours=2)
    rows = audit(forms, "rule_failures")
    assert pick(rows, "rule", "source", "page", "field", "value", "is_corrected") == [
        ("amount = total", "inbox/ark.pdf", 2, None, None, False),
        ("at most 9", "inbox/ark.pdf", 2, "amount", "77", False),
        ("luhn", "inbox/ark.pdf", 2, "number", "124", True),
        ("unique", "inbox/ark.pdf", 1, "number", "123", False),
        ("unique", "inbox/bay.pdf", 1, "number", "123", False),
    ]
    assert len(audit(forms, "rule_failures", limit="2")) == 2


def test_a_page_read_again_with_a_corrected_template_repeats_no_value_of_its_own(forms: FormBuilder) -> None:
    forms.add_template("note-2", "note", ["number"], unique=["number"])
    forms.add_page("ark", 1, Given("number", "123"), template="note-2", hours=2)
    forms.read(hours=3)
    assert "unique" not in {row["rule"] for row in audit(forms, "rule_failures")}


def test_rules_that_another_version_found_broken_are_excluded(forms: FormBuilder) -> None:
    forms.read(2, hours=4)  # to version 2 no rule across fields is broken
    assert "amount = total" not in {row["rule"] for row in audit(forms, "rule_failures")}
    first = str(forms.score(1))
    assert "amount = total" in {row["rule"] for row in audit(forms, "rule_failures", run=first)}


def test_pages_not_read_gives_the_reason_and_the_original_of_a_duplicate(forms: FormBuilder) -> None:
    first = forms.pages[0].page_id
    forms.add_unread_page("ark", 3, "unmatched", "fits no template", form="note", residual_px=7.5)
    forms.add_unread_page("ark", 4, "blank", "no ink", hours=1)
    forms.add_unread_page("ark", 5, "duplicate", "read before", hours=2, duplicate_of=first.bytes)
    rows = audit(forms, "pages_not_read")
    assert pick(rows, "page", "status", "reason", "form", "residual_px", "duplicate_of") == [
        (5, "duplicate", "read before", None, None, str(first)),
        (4, "blank", "no ink", None, None, None),
        (3, "unmatched", "fits no template", "note", 7.5, None),
    ]
    assert len(audit(forms, "pages_not_read", dataset=DATASET, limit="2")) == 2
    assert audit(forms, "pages_not_read", dataset="forms/april") == []


def test_pages_not_read_omits_pages_read_since_and_gives_the_last_reason(
    forms: FormBuilder,
) -> None:
    forms.add_unread_page("ark", 1, "unmatched", "fits neither", hours=5, templates="set-2")
    forms.add_unread_page("ark", 3, "unmatched", "fits no template")
    forms.add_unread_page("ark", 3, "rejected", "lies off its place", hours=5, templates="set-2")
    assert pick(audit(forms, "pages_not_read"), "page", "reason") == [(3, "lies off its place")]


def test_straight_through_counts_accepted_fields_by_day(forms: FormBuilder) -> None:
    forms.accept_digits(0.85)
    names = ("read_on", "template", "pages", "fields", "accepted", "accepted_pct")
    counts = ("corrected", "unreadable", "rule_failed")
    rows = audit(forms, "straight_through")
    # A field that may be blank, and is, is nothing that could have been read.
    assert pick(rows, *names) == [(date(2026, 11, 2), TEMPLATE, 2, 5, 3, 60.0)]
    assert pick(rows, *counts) == [(1, 0, 1)]
    forms.accept_digits(0.96)
    assert pick(audit(forms, "straight_through"), "accepted", "to_review") == [(0, 5)]
    forms.add_page("ark", 3, Given("number", "9"), Given("amount", "1"), Given("total", "1"), hours=20)
    forms.read(hours=21)
    assert pick(audit(forms, "straight_through"), *names[:3]) == [
        (date(2026, 11, 3), TEMPLATE, 1),
        (date(2026, 11, 2), TEMPLATE, 2),
    ]


def test_accuracy_by_position_compares_digit_by_digit_before_any_correction(forms: FormBuilder) -> None:
    first, second = forms.pages
    forms.tell_truth(first, number="123", amount="456", total="45")
    forms.tell_truth(second, number="125", total="")
    rows = audit(forms, "accuracy_by_position")
    # The amount was read with a digit too few: which one is missing, nobody can tell.
    assert pick(rows, "field", "position", "digits", "correct", "accuracy_pct") == [
        ("number", 1, 2, 2, 100.0),
        ("number", 2, 2, 2, 100.0),
        ("number", 3, 2, 1, 50.0),
        ("total", 1, 1, 1, 100.0),
        ("total", 2, 1, 1, 100.0),
    ]


def test_form_accuracy_counts_values_digits_and_wrong_corrections(forms: FormBuilder) -> None:
    first, second = forms.pages
    forms.tell_truth(first, number="123", amount="456", total="46")
    forms.tell_truth(second, number="124", amount="77", total="")
    overall, amount, number, total = audit(forms, "form_accuracy")
    names = ("fields", "fields_right", "field_accuracy_pct", "raw_right", "digits", "digits_right")
    assert pick([overall], *names) == [(6, 3, 50.0, 4, 13, 11)]
    assert (overall["form"], overall["field"], overall["digit_accuracy_pct"]) == (None, None, 84.62)
    # Through went the first page's three, two of them wrong, and the blank field of the second.
    assert pick([overall], "straight_through_pct", "straight_through_wrong", "wrong_corrections") == [
        (66.67, 2, 1)
    ]
    assert pick([amount, number, total], "field", "fields", "fields_right", "digits_right") == [
        ("amount", 2, 1, 4),
        ("number", 2, 1, 6),
        ("total", 2, 1, 1),
    ]
    assert audit(forms, "form_accuracy", at_least="1")[0]["straight_through_wrong"] == 0


def test_a_page_read_again_with_a_corrected_template_counts_as_it_was_read_last(forms: FormBuilder) -> None:
    forms.tell_truth(forms.pages[0], number="129", amount="45", total="45")
    assert audit(forms, "form_accuracy")[0]["fields_right"] == 2
    read_again(forms)
    assert pick(audit(forms, "form_accuracy"), "field", "fields", "fields_right") == [
        (None, 1, 1),
        ("number", 1, 1),
    ]
    assert pick(audit(forms, "accuracy_by_position"), "digits", "correct") == [(1, 1)] * 3


def test_form_accuracy_has_no_row_without_known_truths(forms: FormBuilder) -> None:
    assert audit(forms, "form_accuracy") == []


WIDE = ("source", "copy", "pages", "is_doubtful", "least_confidence", "number", "amount", "total")


def test_documents_wide_has_a_row_per_copy_and_a_column_per_field(forms: FormBuilder) -> None:
    rows = audit(forms, "documents_wide")
    people = ("to_review", "reviewed_by", "decided_at")
    assert list(rows[0]) == [*WIDE[:3], *people, *WIDE[3:5], "source_sha256", *WIDE[5:]]
    assert pick(rows, "to_review", "reviewed_by") == [(3, None), (2, None)]
    assert pick(rows, *WIDE) == [
        ("inbox/ark.pdf", 1, 1, False, 0.95, "123", "45", "45"),
        ("inbox/ark.pdf", 2, 1, True, 0.3, "125", "77", None),
    ]


def test_documents_wide_puts_the_forms_of_a_document_into_one_row(empty: FormBuilder) -> None:
    empty.add_template("slip-1", "slip", ["number", "weight"])
    empty.add_template("never-1", "never", ["unseen"])
    page = (Given("number", "1"), Given("amount", "2"), Given("total", "2"))
    empty.add_page("ark", 1, *page)
    empty.add_page("ark", 2, Given("number", "1"), Given("weight", "60"), template="slip-1", form="slip")
    empty.add_document("bay", 2)
    empty.add_page("bay", 1, Given("number", "5"), Given("weight", "61"), template="slip-1", form="slip")
    empty.add_page("bay", 2, *page)
    empty.read()
    rows = audit(empty, "documents_wide")
    names = ("source", "copy", "pages", "is_doubtful", "number", "amount", "weight")
    # Where two forms of a document disagree, none of both is chosen in silence.
    assert pick(rows, *names) == [
        ("inbox/ark.pdf", 1, 2, False, "1", "2", "60"),
        ("inbox/bay.pdf", 1, 2, True, "1 or 5", "2", "61"),
    ]
    assert "unseen" not in rows[0]


def test_documents_wide_shows_a_page_as_it_was_read_last(forms: FormBuilder) -> None:
    read_again(forms)
    rows = audit(forms, "documents_wide")
    assert pick(rows, "copy", "number", "amount") == [(1, "129", None), (2, "125", "77")]


def test_a_field_may_have_the_name_of_an_audit_column(empty: FormBuilder) -> None:
    empty.add_template("odd-1", "odd", ["source", "copy"])
    empty.add_page("ark", 1, Given("source", "12"), Given("copy", "34"), template="odd-1", form="odd")
    empty.read()
    table = warehouse.run_audit(Warehouse(empty.builder.database, WAIT_S), "documents_wide", {})
    assert table.column_names[-2:] == ["source", "copy"]
    assert [table[number][0].as_py() for number in (0, -2, -1)] == ["inbox/ark.pdf", "12", "34"]


def test_audits_of_a_run_over_no_forms_are_empty(scored: Any) -> None:
    for name in ("documents_wide", "straight_through", "form_accuracy", "rule_failures"):
        assert scored.audit(name) == [], name


def test_a_malformed_parameter_is_reported_in_one_line(forms: FormBuilder) -> None:
    with pytest.raises(WarehouseError, match="form_accuracy cannot take at_least='unsure'"):
        audit(forms, "form_accuracy", at_least="unsure")


# check, what someone changes by hand, the problems that must be named
VIOLATIONS = [
    (
        "page_read_has_its_fields",
        "delete from fields where field = 'total' and page_id in (select page_id from pages where page = 1)",
        [
            "cells belong to a field that their page does not have",
            "the fields differ from those of the template",
        ],
    ),
    (
        "page_read_has_its_fields",
        "insert into fields select * from fields where field = 'total'",
        ["the fields differ from those of the template"] * 2,
    ),
    (
        "page_read_has_its_fields",
        "update pages set status = 'blank', template = null where page = 2",
        ["the page was not read but has fields"],
    ),
    (
        "page_read_has_its_fields",
        "delete from pages where page = 2",
        ["fields belong to a page that does not exist"],
    ),
    (
        "page_read_has_its_fields",
        "update cells set position = 0 where position = 1 and state = 'blank'",
        ["several cells have the same position in a field"],
    ),
    ("page_read_has_its_fields", "delete from documents", ["the document is not recorded"] * 2),
    (
        "page_read_has_its_fields",
        "update documents set pages = 1; update pages set page = 2 where page = 1",
        ["the document has no such page"] * 2,
    ),
    (
        "page_read_has_its_fields",
        "update pages set page = 0 where page = 2",
        ["the document has no such page"],
    ),
    (
        "correction_is_never_silent",
        "update values_read set value = '999' where raw_value = '123'",
        ["the value differs from the raw value but is not marked as corrected"],
    ),
    (
        "correction_is_never_silent",
        "update values_read set value = '0' where status = 'blank'",
        ["a blank or unreadable field has a value"],
    ),
    (
        "correction_is_never_silent",
        "update values_read set value = raw_value where status = 'corrected'",
        ["the corrected value equals the raw value"],
    ),
    (
        "correction_is_never_silent",
        "update values_read set broken_rule = null",
        ["the broken rule is missing"] * 2,
    ),
    (
        "correction_is_never_silent",
        "update values_read set broken_rule = 'luhn' where raw_value = '123'",
        ["the value breaks a rule but is marked as read"],
    ),
    (
        "correction_is_never_silent",
        "update values_read set is_doubtful = false where status = 'corrected'",
        ["the field is not marked as doubtful with a reason"],
    ),
    (
        "correction_is_never_silent",
        "update values_read set raw_probability = null where status = 'corrected'",
        ["a probability is missing"],
    ),
    (
        "field_value_is_what_was_predicted",
        "update values_read set raw_value = '321', value = '321' where raw_value = '123'",
        ["the raw value differs from the predicted digits"],
    ),
    (
        "field_value_is_what_was_predicted",
        "insert into values_read select * from values_read where raw_value = '123'",
        ["the field has several values"],
    ),
    (
        "field_value_is_what_was_predicted",
        "delete from predictions where label = 3",
        ["a digit of the field has no prediction"],
    ),
    (
        "field_value_is_what_was_predicted",
        "update values_read set raw_value = null, value = null, status = 'blank' where raw_value = '123'",
        ["the field has predicted digits but no raw value"],
    ),
]


def test_a_second_sheet_on_the_only_page_of_a_document_is_no_violation(forms: FormBuilder) -> None:
    with forms.builder.by_hand() as connection:
        connection.execute("update documents set pages = 1")
    assert forms.builder.violations("page_read_has_its_fields") == []


@pytest.mark.parametrize(("check", "change", "problems"), VIOLATIONS)
def test_check_finds_what_was_changed_by_hand(
    forms: FormBuilder, check: str, change: str, problems: list[str]
) -> None:
    assert forms.builder.violations(check) == []
    with forms.builder.by_hand() as connection:
        connection.execute(change)
    assert sorted(row["problem"] for row in forms.builder.violations(check)) == sorted(problems)


def test_every_check_passes_on_forms_read_twice_by_two_versions(forms: FormBuilder) -> None:
    read_again(forms)
    forms.read(2, hours=5)
    results = warehouse.run_checks(Warehouse(forms.builder.database, WAIT_S), [])
    assert [item.query.name for item in results if len(item.violations)] == []


def test_every_check_passes_while_pages_are_not_scored_yet(empty: FormBuilder, tmp_path: Path) -> None:
    empty.add_page("ark", 1, Given("number", "1"), Given("amount", "2"), Given("total", "2"))
    empty.score()
    results = warehouse.run_checks(Warehouse(empty.builder.database, WAIT_S), [])
    assert [item.query.name for item in results if len(item.violations)] == []


def test_blank_cells_of_the_pages_that_a_run_read_are_among_its_decisions(forms: FormBuilder) -> None:
    forms.store(GivenPage("ark", 3, (Given("number", "1__"), Given("amount", "___"), Given("total", "___"))))
    blank = audit(forms, "decisions", decision="blank")
    assert pick(blank, "page", "field", "position") == [
        (1, "amount", 2),
        (2, "amount", 1),
        *((2, "total", position) for position in range(3)),
    ]
    counts = {row["decision"]: row["digits"] for row in audit(forms, "decision_counts")}
    assert counts["blank"] == 5
    # The page that comes later is of the run that reads it, and of that alone.
    former = str(audit(forms, "runs")[0]["scoring_run_id"])
    forms.read()
    assert {row["digits"] for row in audit(forms, "decision_counts") if row["decision"] == "blank"} == {13}
    assert {
        row["digits"] for row in audit(forms, "decision_counts", run=former) if row["decision"] == "blank"
    } == {5}
