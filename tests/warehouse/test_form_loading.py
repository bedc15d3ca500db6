"""Pages, fields and values are loaded once, each page completely or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.errors import PipelineError
from lenet_pipeline.warehouse import Warehouse
from tests.warehouse.form_builders import DATASET, TEMPLATE, WAIT_S, FormBuilder, Given, GivenPage

PAGE = GivenPage("ark", 1, (Given("number", "12_"), Given("amount", "3X")))
BLANK_PAGE = GivenPage("ark", 2, (Given("number", "___"), Given("amount", "__")))


@pytest.fixture(scope="session")
def empty_once(make_builder: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a database, to copy, with a template and a document."""
    forms = FormBuilder(make_builder(tmp_path_factory.mktemp("empty")))
    forms.add_template(TEMPLATE, "note", ["number", "amount"], unique=["number"])
    forms.add_document("ark", 2)
    return Path(forms.builder.folder)


@pytest.fixture
def forms(empty_once: Path, make_builder: Any, tmp_path: Path) -> FormBuilder:
    return FormBuilder(make_builder(Path(shutil.copytree(empty_once, tmp_path, dirs_exist_ok=True))))


def unassembled(forms: FormBuilder, run: UUID, pages: int = 100) -> list[dict[str, Any]]:
    table = warehouse.read_unassembled_cells(Warehouse(forms.builder.database, WAIT_S), run, pages)
    return list(table.to_pylist())


def counts(forms: FormBuilder) -> dict[str, int]:
    return {table: forms.builder.count(table) for table in ("pages", "fields", "cells")}


def test_a_page_loaded_twice_is_stored_once_and_not_changed(forms: FormBuilder) -> None:
    forms.store(PAGE)
    once = counts(forms)
    assert once == {"pages": 1, "fields": 2, "cells": 5}
    forms.store(GivenPage("ark", 1, (Given("number", "99"),), hours=7))  # the same page, said otherwise
    assert counts(forms) == once
    (page,) = warehouse.list_pages(Warehouse(forms.builder.database, WAIT_S), DATASET).to_pylist()
    assert (page["source_sha256"], page["page"], page["status"]) == ("ark", 1, "read")


def test_a_page_with_an_invalid_cell_is_not_loaded_at_all(forms: FormBuilder) -> None:
    forms.store(PAGE)
    before = counts(forms)
    with pytest.raises(PipelineError) as caught:
        forms.store(GivenPage("ark", 2, PAGE.fields), state="scribble")
    assert "\n" not in str(caught.value)
    assert counts(forms) == before


@pytest.mark.parametrize(
    ("column", "value"),
    [("status", "read"), ("status", "lost"), ("rotation", 45), ("residual_px", -1.0)],
)
def test_an_invalid_page_is_refused(forms: FormBuilder, column: str, value: object) -> None:
    forms.add_unread_page("ark", 1, "blank", "no ink")
    with pytest.raises(PipelineError):
        forms.add_unread_page("ark", 2, **{"status": "blank", "reason": "no ink", column: value})
    assert counts(forms)["pages"] == 1


def test_a_document_is_recorded_once_per_dataset_by_its_content(forms: FormBuilder) -> None:
    forms.add_document("ark", 5)
    forms.add_document("ark", 2, "forms/april")
    with forms.builder.by_hand() as connection:
        rows = connection.execute("select dataset, pages from documents order by dataset").fetchall()
    assert rows == [("forms/april", 2), (DATASET, 2)]


def test_a_template_is_recorded_once_with_its_fields_in_their_order(forms: FormBuilder) -> None:
    forms.add_template(TEMPLATE, "other", ["number", "later"])
    with forms.builder.by_hand() as connection:
        (templates,) = connection.execute("select form, text from templates").fetchall()
        fields = connection.execute(
            "select field, field_number, is_unique from template_fields order by field_number, field"
        ).fetchall()
    assert templates == ("note", "form: note")
    assert fields[:2] == [("number", 0, True), ("amount", 1, False)]


def test_pages_are_listed_oldest_first_and_those_of_other_datasets_are_not(forms: FormBuilder) -> None:
    forms.store(GivenPage("ark", 2, PAGE.fields, hours=2))
    forms.store(PAGE)
    forms.add_unread_page("ark", 3, "blank", "no ink", hours=1)
    pages = warehouse.list_pages(Warehouse(forms.builder.database, WAIT_S), DATASET)
    assert pages["page"].to_pylist() == [1, 3, 2]
    assert len(warehouse.list_pages(Warehouse(forms.builder.database, WAIT_S), "forms/april")) == 0


def test_cells_are_sorted_by_page_and_field_with_their_readings(forms: FormBuilder) -> None:
    forms.store(PAGE)
    forms.store(BLANK_PAGE)
    rows = unassembled(forms, forms.score())
    by_page = {str(page.page_id): page.number for page in (PAGE, BLANK_PAGE)}
    places = [(by_page[row["page_id"]], row["field_number"], row["position"]) for row in rows]
    own = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    assert sorted(places) == [(page, *place) for page in (1, 2) for place in own]
    assert [place[1:] for place in places] == own * 2
    read = {(row["field"], row["position"]): row for row in rows if row["probabilities"] is not None}
    assert {place: row["state"] for place, row in read.items()} == {
        ("number", 0): "digit",
        ("number", 1): "digit",
        ("amount", 0): "digit",
        ("amount", 1): "mark",
    }
    assert read["number", 1]["probabilities"].index(max(read["number", 1]["probabilities"])) == 2


def test_extra_ink_and_marks_come_with_the_cells_of_their_field(forms: FormBuilder) -> None:
    forms.store(GivenPage("ark", 1, (Given("number", "12_", extra_ink="a stroke"), Given("amount", "3X"))))
    forms.store(GivenPage("ark", 2, (Given("number", "1"),)), mark="-")
    rows = unassembled(forms, forms.score())
    inks = {(row["page_id"], row["field"]): row["extra_ink"] for row in rows}
    assert sorted(inks.values(), key=str) == [None, None, "a stroke"]
    assert {row["extra_ink"] for row in rows if row["mark"] == "-"} == {None}
    assert len([row for row in rows if row["mark"] == "-"]) == 1


def test_a_page_of_mostly_blank_cells_is_returned_whole(forms: FormBuilder) -> None:
    """DuckDB 2.0 returns garbage for an array that a left join leaves null in most rows."""
    page = GivenPage("ark", 1, (Given("number", "_______7"), Given("amount", "________")))
    forms.store(page)
    forms.store(BLANK_PAGE)
    rows = unassembled(forms, forms.score())
    (read,) = (row for row in rows if row["probabilities"] is not None)
    assert (read["field"], read["position"]) == ("number", 7)
    assert read["probabilities"][7] == pytest.approx(0.9)
    assert sum(read["probabilities"]) == pytest.approx(1)
    cells = forms.builder.audit("document_cells", document="ark")
    assert [cell["probabilities"] for cell in cells if cell["state"] == "digit"] == [read["probabilities"]]


def test_a_field_without_cells_is_listed(forms: FormBuilder) -> None:
    """A box without dividers has a cell for each digit found in it: none, where it is blank."""
    forms.store(GivenPage("ark", 1, (Given("number", "12"), Given("amount", ""))))
    rows = unassembled(forms, forms.score())
    assert [(row["field"], row["state"]) for row in rows] == [
        ("number", "digit"),
        ("number", "digit"),
        ("amount", None),
    ]


def test_a_page_whose_digits_the_run_does_not_read_waits_for_the_next_run(forms: FormBuilder) -> None:
    forms.store(PAGE)
    run = forms.score()
    forms.store(GivenPage("ark", 2, PAGE.fields))  # an ingest that goes on beside the run
    assert {row["page_id"] for row in unassembled(forms, run)} == {str(PAGE.page_id)}
    assert len({row["page_id"] for row in unassembled(forms, forms.score(hours=2))}) == 2


def test_the_limit_counts_whole_pages(forms: FormBuilder) -> None:
    pages = [GivenPage("ark", number, PAGE.fields) for number in (1, 2, 3)]
    for page in pages:
        forms.store(page)
    rows = unassembled(forms, forms.score(), pages=2)
    assert len(rows) == 2 * 5
    assert {row["page_id"] for row in rows} == set(sorted(str(page.page_id) for page in pages)[:2])


def test_values_are_stored_once(forms: FormBuilder) -> None:
    forms.store(PAGE)
    run = forms.read(failures={PAGE: ["number = amount"]})
    assert unassembled(forms, run) == []
    forms.read(failures={PAGE: ["number = amount"]}, number=Given("number", "98"))
    with forms.builder.by_hand() as connection:
        values = connection.execute("select value from values_read order by value").fetchall()
    assert values == [("12",), ("3",)]
    assert forms.builder.count("page_rule_failures") == 1


def test_every_version_has_its_own_values(forms: FormBuilder) -> None:
    forms.store(PAGE)
    first = forms.read()
    second = forms.read(2, hours=3, number=Given("number", "13"))
    values = [
        [row["value"] for row in forms.builder.audit("document_values", document="ark", run=str(run))]
        for run in (first, second)
    ]
    assert values == [["12", "3"], ["13", "3"]]


def test_a_value_of_impossible_probability_is_refused_with_its_whole_page(forms: FormBuilder) -> None:
    forms.store(PAGE)
    for wrong in (1.5, float("nan")):
        with pytest.raises(PipelineError):
            forms.read(number=Given("number", "12", confidence=wrong))
    assert forms.builder.count("values_read") == forms.builder.count("page_rule_failures") == 0
    assert len(unassembled(forms, forms.score())) == 5


def test_the_newest_truth_of_a_field_counts(forms: FormBuilder) -> None:
    forms.store(PAGE)
    forms.read()
    forms.tell_truth(PAGE, number="12", amount="3")
    forms.tell_truth(PAGE, number="21")
    with forms.builder.by_hand() as connection:
        truths = connection.execute("select truth from field_truths order by truth").fetchall()
    assert truths == [("21",), ("3",)]


def test_misread_fields_start_with_the_most_confident_and_have_pictures(forms: FormBuilder) -> None:
    forms.store(PAGE)
    run = forms.read(number=Given("number", "12", confidence=0.5))
    forms.tell_truth(PAGE, number="13", amount="4")
    rows = warehouse.list_misread_fields(Warehouse(forms.builder.database, WAIT_S), run).to_pylist()
    assert [(row["field"], row["value"], row["truth"]) for row in rows] == [
        ("amount", "3", "4"),
        ("number", "12", "13"),
    ]
    assert rows[0]["picture"] == b"picture"


def test_misread_fields_of_a_page_are_those_of_its_last_reading(forms: FormBuilder) -> None:
    forms.store(PAGE)
    forms.add_template("note-2", "note", ["number"])
    again = GivenPage("ark", 1, (Given("number", "13"),), template="note-2", hours=2)
    forms.store(again)
    run = forms.read()
    for page in (PAGE, again):
        forms.tell_truth(page, number="13")
    assert len(warehouse.list_misread_fields(Warehouse(forms.builder.database, WAIT_S), run)) == 0


def test_the_templates_of_a_runs_pages_are_found_by_their_fingerprints(forms: FormBuilder) -> None:
    forms.store(PAGE)
    forms.add_template("never-1", "never", ["unseen"])
    texts = warehouse.read_template_texts(Warehouse(forms.builder.database, WAIT_S), forms.score())
    assert texts == {TEMPLATE: "form: note"}


def test_fields_of_a_dataset_are_listed(forms: FormBuilder) -> None:
    forms.store(PAGE)
    rows = warehouse.list_fields(Warehouse(forms.builder.database, WAIT_S), DATASET).to_pylist()
    assert [(row["source"], row["page"], row["field"]) for row in rows] == [
        ("inbox/ark.pdf", 1, "number"),
        ("inbox/ark.pdf", 1, "amount"),
    ]
    assert rows[0]["field_id"] == str(PAGE.field_id("number"))


def test_the_newest_finished_run_over_a_dataset_is_found(forms: FormBuilder) -> None:
    def found(dataset: str = DATASET) -> UUID | None:
        return warehouse.find_finished_run(Warehouse(forms.builder.database, WAIT_S), dataset)

    assert found() is None
    forms.store(PAGE)
    first, second = forms.score(1, hours=1), forms.score(2, hours=2)
    forms.builder.score(1, {"bay": [(1, None, 0.9)]}, dataset="scans/march", hours=3)
    forms.builder.score(1, {"cove": [(1, None, 0.9)]}, dataset=DATASET, hours=4, finish=False)
    assert first != second == found()
    assert found("forms/april") is None
