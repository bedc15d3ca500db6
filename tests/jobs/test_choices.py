"""A questionnaire end to end: a template with choices, scans in, marks in SQL, checked by written digits."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import cv2
import numpy as np
import pytest

from lenet_pipeline.forms.filling.habits import Habits, MarkHabits
from lenet_pipeline.forms.filling.severities import SEVERITIES
from lenet_pipeline.forms.templates.template_file import read_template
from lenet_pipeline.jobs import (
    FillingJob,
    FormIngestJob,
    ScoringJob,
    evaluate_forms,
    fill_forms,
    ingest_forms,
    score,
)
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.warehouse import count_doubtful_choices
from tests.jobs.form_builders import Row, ask, audit, broken_checks, count, pick, read_truth, write_template

pytestmark = pytest.mark.slow

SURVEY = """
form: survey
page: {width: 100, height: 80}
register: scale
reference: blank.png
fields:
  - name: number
    cells: {x: 6, y: 6, width: 6, height: 8, pitch: 6, count: 3}
    rules: [{length: [3, 3]}]
marks:
  - name: number_bubbles
    digits: 3
    bubbles: {x: 7, y: 18, width: 4, height: 4, pitch: 6, row_pitch: 6}
    checks: number
  - name: smoker
    choose: one
    options: {yes: [50, 10, 4, 4], no: [70, 10, 4, 4]}
  - name: transport
    choose: many
    options: [walk, bus, car]
    bubbles: {x: 50, y: 24, width: 4, height: 4, row_pitch: 7}
  - name: course
    choose: one
    rows: [clear, fun]
    options: [1, 2, 3]
    bubbles: {x: 50, y: 52, width: 4, height: 4, pitch: 9, row_pitch: 9}
"""
CHOICES = ("number_bubbles", "smoker", "transport", "course.clear", "course.fun")
CLEAN = MarkHabits(faint_rate=0, erased_rate=0, blackened_rate=0, stray_rate=0)


@dataclass(frozen=True)
class Survey:
    """A home in which surveys were ingested and scored."""

    settings: Settings
    folder: Path
    template: Path

    @property
    def wide(self) -> list[Row]:
        return audit(self.settings, "documents_wide")


def draw_blank(path: Path, text: str = SURVEY) -> None:
    """Draw the blank form of a template: the outlines of its cells, boxes and bubbles."""
    bare = path.with_name("bare.yaml")
    bare.write_text(text.replace("reference: blank.png\n", ""))
    template = read_template(bare)
    page = np.full(template.aligned_size, 255, np.uint8)
    for placed in template.placed:
        for place in placed.rectangles():
            left, top, right, bottom = (round(edge) for edge in place.pixels())
            cv2.rectangle(page, (left, top), (right, bottom), (120,), 2)
    cv2.imwrite(str(path), page)


def read_surveys(
    trained: Settings, base: Path, marks: MarkHabits, pages: int = 6, text: str = SURVEY
) -> Survey:
    base.mkdir(parents=True, exist_ok=True)
    draw_blank(base / "blank.png", text)
    template = write_template(base, text, "survey.yaml")
    job = FillingJob(
        read_template(template),
        "optdigits/test",
        pages,
        3,
        SEVERITIES["none"],
        base / "scans",
        Habits(marks=marks),
    )
    fill_forms(trained, job)
    settings = read_settings(Path(shutil.copytree(trained.home, base / "home")), "tester")
    ingest_forms(settings, FormIngestJob(base / "scans", (template,), "survey/all"))
    score(settings, ScoringJob("survey/all"))
    return Survey(settings, base / "scans", template)


@pytest.fixture(scope="module")
def clean(trained: Settings, tmp_path_factory: pytest.TempPathFactory) -> Survey:
    return read_surveys(trained, tmp_path_factory.mktemp("clean"), CLEAN)


@pytest.fixture(scope="module")
def slips(trained: Settings, tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """Surveys in which every number has a wrong bubble."""
    habits = MarkHabits(faint_rate=0, erased_rate=0, blackened_rate=0, stray_rate=0, slip_rate=1)
    return read_surveys(trained, tmp_path_factory.mktemp("slips"), habits)


@pytest.fixture(scope="module")
def messy(trained: Settings, tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """Surveys in which most marks are hard to judge."""
    habits = MarkHabits(faint_rate=0.5, erased_rate=0.5, blackened_rate=0.3, stray_rate=0)
    return read_surveys(trained, tmp_path_factory.mktemp("messy"), habits)


def test_marks_become_columns_after_the_fields(clean: Survey) -> None:
    truth = read_truth(clean.folder)
    assert len(clean.wide) == 6
    assert [*clean.wide[0]][-6:] == ["number", *CHOICES]
    for row in clean.wide:
        name = Path(row["source"]).name
        assert {choice: row[choice] or "" for choice in CHOICES} == {
            choice: truth[name, choice] for choice in CHOICES
        }


def test_options_keep_their_ink_places_and_confidence(clean: Survey) -> None:
    assert count(clean.settings, "choice_options") == 6 * (30 + 2 + 3 + 6)
    options = ask(clean.settings, "select * from choice_options order by all")
    assert {row["state"] for row in options} == {"marked", "empty"}
    assert min(row["confidence"] for row in options) > 0.9
    assert all((row["coverage"] > 0.05) == row["is_marked"] for row in options)
    assert {(row["box"]["width"], row["box"]["height"]) for row in options} <= {
        (31, 31),
        (31, 32),
        (32, 31),
        (32, 32),
    }


def test_every_choice_has_a_picture(clean: Survey) -> None:
    pictures = ask(clean.settings, "select picture from choices")
    assert len(pictures) == 6 * len(CHOICES)
    assert all(row["picture"].startswith(b"\xff\xd8") for row in pictures)


def test_blank_choice_is_blank_and_not_doubtful(clean: Survey) -> None:
    rows = ask(clean.settings, "select * from choice_values")
    assert {row["status"] for row in rows} == {"marked", "blank"}
    assert not any(row["is_doubtful"] for row in rows)
    assert all((row["value"] is None) == (row["status"] == "blank") for row in rows)


def test_agreeing_bubbles_leave_the_field_as_it_is(clean: Survey) -> None:
    rows = ask(
        clean.settings,
        "select field_values.value, field_values.broken_rule, choice_values.value as marked "
        "from field_values inner join choice_values on field_values.page_id = choice_values.page_id "
        "and choice_values.checks is not null",
    )
    agreeing = [row for row in rows if row["value"] == row["marked"]]
    assert len(agreeing) >= 4
    assert audit(clean.settings, "rule_failures") == [
        row for row in audit(clean.settings, "rule_failures") if row["rule"] == "number = number_bubbles"
    ]


def test_checks_hold_on_a_home_with_choices(clean: Survey, slips: Survey) -> None:
    assert broken_checks(clean.settings) == []
    assert broken_checks(slips.settings) == []


def test_disagreement_makes_the_field_and_the_bubbles_doubtful(slips: Survey) -> None:
    run = "latest"
    fields = audit(slips.settings, "document_values", document=str(slips.folder), run=run)
    written = {row["source"]: row for row in fields if row["field"] == "number"}
    doubts = audit(slips.settings, "choices_in_doubt", run=run)
    differing = {row["source"] for row in doubts if "differs: the digits of number" in row["reason"]}
    blank = {source for source, row in written.items() if row["value"] is None}
    assert len(differing) >= 4
    assert differing | blank == set(written)
    for source in differing:
        assert "rule_failed: number = number_bubbles" in written[source]["reason"]
        assert written[source]["decision"] == "review"
    assert {row["choice"] for row in doubts} == {"number_bubbles"}
    assert all(
        row["is_doubtful"] and row["to_review"] == 2 for row in slips.wide if row["source"] in differing
    )
    assert {row["rule"] for row in audit(slips.settings, "rule_failures")} == {"number = number_bubbles"}


def test_doubtful_marks_are_listed_with_their_reasons_and_never_accepted(messy: Survey) -> None:
    doubts = audit(messy.settings, "choices_in_doubt")
    words = {part.split(":")[0] for row in doubts for part in row["reason"].split("; ")}
    assert (
        {"faint", "blackened"}
        <= words
        <= {"faint", "blackened", "touch", "several", "short", "gap", "differs"}
    )
    documents = {row["source"] for row in doubts}
    assert all(row["is_doubtful"] == (row["source"] in documents) or row["to_review"] for row in messy.wide)
    accuracy = evaluate(messy)
    assert accuracy[0]["silent_errors"] == 0
    assert accuracy[0]["in_doubt"] == len(doubts)


def test_doubtful_choices_of_documents_are_counted(messy: Survey, clean: Survey) -> None:
    for survey, least in ((messy, 1), (clean, 0)):
        (run,) = ask(survey.settings, "select distinct scoring_run_id from choice_readings")
        digests = [
            row["source_sha256"] for row in ask(survey.settings, "select source_sha256 from documents")
        ]
        doubts = len(audit(survey.settings, "choices_in_doubt"))
        run_id = UUID(str(run["scoring_run_id"]))
        assert count_doubtful_choices(survey.settings.warehouse, [run_id], digests) == doubts >= least
        assert count_doubtful_choices(survey.settings.warehouse, [run_id], []) == 0


def evaluate(survey: Survey) -> list[Row]:
    found = evaluate_forms(survey.settings, "survey/all", survey.folder / "truth.csv", 0.9)
    assert found.unknown == ()
    return list(found.choices.to_pylist())


def test_choices_are_compared_with_known_values(clean: Survey) -> None:
    overall, *by_choice = evaluate(clean)
    assert (overall["choice"], overall["choices"], overall["choices_right"]) == (None, 30, 30)
    assert pick(by_choice, "choice", "choices", "silent_errors") == [(name, 6, 0) for name in sorted(CHOICES)]


def test_choices_of_a_document_are_listed_in_the_order_of_the_template(clean: Survey) -> None:
    (first, *_) = sorted(row["source"] for row in clean.wide)
    rows = audit(clean.settings, "document_choices", document=first)
    assert [row["choice"] for row in rows] == list(CHOICES)
    assert {row["decision"] for row in rows} <= {"accept", "blank", "review"}


def test_pages_are_not_read_twice(clean: Survey) -> None:
    before = count(clean.settings, "choice_options")
    again = ingest_forms(clean.settings, FormIngestJob(clean.folder, (clean.template,), "survey/all"))
    assert (again.read, again.known) == (0, 6)
    assert count(clean.settings, "choice_options") == before


def test_form_of_boxes_alone_is_read_and_its_document_is_a_row(trained: Settings, tmp_path: Path) -> None:
    head, _, rest = SURVEY.partition("fields:\n")
    text = head + "marks:\n" + rest[rest.index("  - name: smoker") :]
    survey = read_surveys(trained, tmp_path / "boxes", CLEAN, 3, text)
    truth = read_truth(survey.folder)
    assert [row["smoker"] or "" for row in survey.wide] == [
        truth[Path(row["source"]).name, "smoker"] for row in survey.wide
    ]
    assert len(survey.wide) == 3
    assert broken_checks(survey.settings) == []


def test_truth_file_has_the_choices(clean: Survey) -> None:
    with (clean.folder / "truth.csv").open(newline="") as file:
        names = {row["field"] for row in csv.DictReader(file)}
    assert names == {"number", *CHOICES}
