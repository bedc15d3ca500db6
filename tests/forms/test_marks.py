"""Choices in templates: the boxes and bubbles that they expand to, and the message for every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.rules.across_rules import AgreementRule
from lenet_pipeline.forms.templates.content import read_content
from lenet_pipeline.forms.templates.json_schema import template_schema
from lenet_pipeline.forms.templates.model import Choice, Rectangle, Template
from lenet_pipeline.forms.templates.template_file import read_template

HEAD = """\
form: survey
page: A4
fields:
  - name: student
    cells: {x: 20, y: 30, width: 6, height: 7, pitch: 6, count: 4}
marks:
"""
SMOKER = """\
  - name: smoker
    choose: one
    options: {yes: [20, 50, 4, 4], no: [40, 50, 5, 4]}
"""
GRID = """\
  - name: number
    digits: 4
    bubbles: {x: 20, y: 100, width: 4, height: 4, pitch: 6, row_pitch: 5}
    checks: student
"""
ROWS = """\
  - name: course
    choose: one
    rows: [clear, useful]
    options: [1, 2, yes]
    bubbles: {x: 20, y: 70, width: 4, height: 4, pitch: 12, row_pitch: 8}
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Return a function that writes a template and returns its path."""

    def write_template(text: str) -> Path:
        path = tmp_path / "form.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_template


@pytest.fixture
def read(write: Any) -> Any:
    def read_text(text: str) -> Template:
        return read_template(write(text))

    return read_text


def fault(path: Path) -> str:
    with pytest.raises(IngestError) as caught:
        read_template(path)
    return str(caught.value).partition("line ")[2]


def places(choice: Choice) -> list[tuple[str, int, float, float]]:
    return [(each.name, each.position, each.place.x, each.place.y) for each in choice.options]


def test_named_boxes_keep_their_names_and_places(read: Any) -> None:
    (choice,) = read(HEAD + SMOKER).choices
    assert (choice.name, choice.kind, choice.checks) == ("smoker", "one", None)
    assert [each.name for each in choice.options] == ["yes", "no"]
    assert choice.options[1].place == Rectangle(40, 50, 5, 4)
    assert choice.outline == Rectangle(20, 50, 25, 4)


def test_rows_of_bubbles_become_a_choice_each_with_options_as_the_file_writes_them(read: Any) -> None:
    clear, useful = read(HEAD + ROWS).choices
    assert (clear.name, useful.name) == ("course.clear", "course.useful")
    assert places(clear) == [("1", 0, 20, 70), ("2", 0, 32, 70), ("yes", 0, 44, 70)]
    assert places(useful)[0] == ("1", 0, 20, 78)


def test_bubbles_with_a_row_pitch_alone_go_down(read: Any) -> None:
    bubbles = "{x: 9, y: 60, width: 4, height: 4, row_pitch: 6}"
    text = f"  - {{name: bus, choose: many, options: [a, b], bubbles: {bubbles}}}\n"
    (choice,) = read(HEAD + text).choices
    assert choice.kind == "many"
    assert places(choice) == [("a", 0, 9, 60), ("b", 0, 9, 66)]


def test_grid_of_digits_has_ten_bubbles_for_each_position(read: Any) -> None:
    template = read(HEAD + GRID)
    (choice,) = template.choices
    assert (choice.kind, choice.fewest, choice.checks) == ("digits", 4, "student")
    assert len(choice.options) == 40
    assert places(choice)[12] == ("2", 1, 26, 110)
    assert template.rules == (AgreementRule(field="student", choice="number"),)


def test_grid_may_start_with_one_and_go_down(read: Any) -> None:
    text = GRID.replace("digits: 4", "digits: [2, 4]\n    first_digit: 1\n    positions: down")
    (choice,) = read(HEAD + text).choices
    assert choice.fewest == 2
    assert places(choice)[9] == ("0", 0, 74, 100)
    assert places(choice)[10] == ("1", 1, 20, 105)


def test_form_may_have_marks_alone(read: Any) -> None:
    template = read(f"form: survey\npage: A4\nmarks:\n{SMOKER}")
    assert template.fields == ()
    assert len(template.choices) == 1
    assert read_content(template.text).fields == ()


def test_agreement_of_digits_and_bubbles_is_a_rule_of_the_recorded_template(read: Any) -> None:
    assert read_content(read(HEAD + GRID).text).rules == (AgreementRule("student", "number"),)


def test_fingerprint_depends_on_the_places_of_options(read: Any) -> None:
    one, other = read(HEAD + SMOKER), read(HEAD + SMOKER.replace("[20, 50", "[21, 50"))
    assert one.fingerprint != other.fingerprint
    assert one.fingerprint == read(HEAD + SMOKER + "# a comment\n").fingerprint


def test_schema_for_editors_accepts_what_the_reader_accepts() -> None:
    text = yaml.safe_load(HEAD + SMOKER.replace("yes:", '"yes":').replace("no:", '"no":') + ROWS + GRID)
    jsonschema.validate(text, template_schema())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SMOKER.replace("    choose: one\n", ""), "8: 'options' in the choice also needs 'choose'"),
        (SMOKER.replace("one", "two"), "8: choose is 'two'; expected one or many"),
        (SMOKER.replace("[20, 50, 4, 4]", "[20, 50, 4]"), "9: yes is a list of 3 items; expected a box"),
        (
            SMOKER.replace("[20, 50, 4, 4]", "[20, 50, 0, 4]"),
            "9: the box is [20, 50, 0, 4]; expected a width",
        ),
        (SMOKER.replace("[20, 50", "[200, 50, 40, 4], x: [20, 50"), "7: smoker extends to 240.0 mm across"),
        (SMOKER.replace("[40, 50", "[22, 50"), "7: the options 'yes' and 'no' of smoker overlap"),
        (SMOKER.replace("[20, 50", "[20, 33"), "7: smoker overlaps student in line 4"),
        (
            SMOKER.replace("[20, 50, 4, 4]", "[20, 50, 0.5, 4]"),
            "7: smoker is 0.50 x 4.00 mm, too small to mark",
        ),
        (SMOKER.replace("smoker", "Student"), "7: the name 'Student' is already used in line 4"),
        (
            SMOKER.replace("yes:", "'a, b':"),
            "9: options have 'a, b'; expected the name of an option: 1 to 63 characters without commas",
        ),
        (ROWS.replace(", pitch: 12", ""), "11: 'pitch' is missing from bubbles, which have 3 columns"),
        (ROWS.replace(", row_pitch: 8", ""), "11: 'row_pitch' is missing from bubbles, which have 2 rows"),
        (ROWS.replace("clear, useful", "clear, clear"), "9: the row 'clear' is named twice"),
        (ROWS.replace("[1, 2, yes]", "[1, 2, 1]"), "10: the option '1' is named twice"),
        (
            ROWS.replace("  bubbles", "  bubble"),
            "unknown key 'bubble' in the choice; did you mean 'bubbles'?",
        ),
        (GRID.replace("checks: student", "checks: studnt"), "unknown field 'studnt' in checks; did you mean"),
        (
            GRID.replace("digits: 4", "digits: [5, 4]"),
            "8: digits is [5, 4]; expected the smaller number first",
        ),
        (GRID.replace("digits: 4", "digits: 0"), "8: digits is 0; expected the number of positions"),
        (SMOKER + "    checks: student\n", "'checks' in the choice also needs 'digits'"),
        (
            GRID.replace("    digits: 4\n", "").replace("    checks: student\n", ""),
            "the choice needs one of options, digits",
        ),
    ],
)
def test_mistake_is_reported_in_one_line_with_its_place(write: Any, text: str, message: str) -> None:
    found = fault(write(HEAD + text))
    assert message in found
    assert "\n" not in found


def test_options_without_places_say_how_to_give_them(write: Any) -> None:
    text = HEAD + "  - {name: a, choose: one, options: [x, y]}\n"
    assert "the options have no places; add bubbles" in fault(write(text))
