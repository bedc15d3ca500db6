"""Choices in the database: their values by the marks, their audits and their check."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.schema import CHOICE_TRUTHS, derive_uuid
from lenet_pipeline.warehouse import ChoiceRecord, TemplateRecord, Warehouse
from tests.warehouse.form_builders import BOX, START, WAIT_S, FormBuilder, Given, GivenPage

Row = dict[str, Any]

SURVEY = "survey-1"
CHOICES = (
    ChoiceRecord("smoker", "one", 0, None),
    ChoiceRecord("transport", "many", 0, None),
    ChoiceRecord("bubbles", "digits", 2, "number"),
)
OPTIONS = {"smoker": ["yes", "no"], "transport": ["walk", "bus", "car"]}
SIGNS = {"x": "marked", "_": "empty", "f": "doubtful", "t": "doubtful"}
DOUBTS = {"f": "faint", "t": "touch"}


@pytest.fixture
def survey(
    make_builder: Any, tmp_path_factory: pytest.TempPathFactory, empty_survey: Path, tmp_path: Path
) -> FormBuilder:
    return FormBuilder(make_builder(Path(shutil.copytree(empty_survey, tmp_path, dirs_exist_ok=True))))


@pytest.fixture(scope="session")
def empty_survey(make_builder: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a database, to copy: a template of a field and three choices, and a document."""
    folder = tmp_path_factory.mktemp("survey")
    forms = FormBuilder(make_builder(folder))
    record = TemplateRecord(SURVEY, "survey", "form: survey", ("number",), frozenset(), START, "ada", CHOICES)
    warehouse.record_templates(Warehouse(forms.builder.database, WAIT_S), [record])
    forms.add_document("ark", 9)
    return folder


def store(
    forms: FormBuilder, number: int, smoker: str, transport: str, bubbles: Sequence[str], written: str = "12"
) -> GivenPage:
    """Load a page. Signs of options: ``x`` marked, ``_`` empty, ``f`` faint, ``t`` touched.

    ``bubbles`` has the marked digits of each position, with a sign after a doubtful one, such as ``3f``.
    """
    page = GivenPage("ark", number, (Given("number", written),), SURVEY, "survey")
    forms.pages.append(page)
    options = [*_row(page, "smoker", smoker), *_row(page, "transport", transport), *_grid(page, bubbles)]
    choices = [
        {
            "choice_id": choice_id(page, each.choice),
            "page_id": page.page_id.bytes,
            "template": SURVEY,
            "choice": each.choice,
            "choice_number": place,
            "box": BOX,
            "source_box": BOX,
            "picture": b"picture",
        }
        for place, each in enumerate(CHOICES)
    ]
    forms.load_given(page, choices, options)
    return page


def choice_id(page: GivenPage, choice: str) -> bytes:
    return derive_uuid("choice", page.page_id.hex, choice).bytes


def _row(page: GivenPage, choice: str, signs: str) -> list[Row]:
    names = OPTIONS[choice]
    return [
        _option(page, choice, n, name, 0, sign)
        for n, (name, sign) in enumerate(zip(names, signs, strict=True))
    ]


def _grid(page: GivenPage, bubbles: Sequence[str]) -> list[Row]:
    rows = []
    for position, marks in enumerate(bubbles):
        signs = dict.fromkeys("0123456789", "_")
        for place, sign in enumerate(marks):
            if sign.isdigit():
                after = marks[place + 1 : place + 2]
                signs[sign] = after if after in DOUBTS else "x"
        rows += [
            _option(page, "bubbles", 10 * position + int(digit), digit, position, sign)
            for digit, sign in signs.items()
        ]
    return rows


def _option(page: GivenPage, choice: str, number: int, name: str, position: int, sign: str) -> Row:
    return {
        "choice_id": choice_id(page, choice),
        "page_id": page.page_id.bytes,
        "option_number": number,
        "option": name,
        "position": position,
        "state": SIGNS[sign],
        "is_marked": sign in "xf",
        "doubt": DOUBTS.get(sign),
        "coverage": 0.0 if sign == "_" else 0.3,
        "darkness": 0.0 if sign == "_" else 0.6,
        "confidence": 0.75 if sign in DOUBTS else 1.0,
        "box": BOX,
        "source_box": BOX,
    }


def values(forms: FormBuilder, choice: str) -> list[tuple[Any, ...]]:
    """Return value, value read, status and reason of a choice on each page."""
    with forms.builder.by_hand() as connection:
        return connection.execute(
            "select value, value_read, choice_values.status, choice_values.reason "
            "from choice_values inner join pages using (page_id) "
            "where choice = $choice order by page",
            {"choice": choice},
        ).fetchall()


def test_one_option_is_the_value_and_anything_else_is_blank_or_doubtful(survey: FormBuilder) -> None:
    for number, signs in enumerate(("x_", "__", "xx", "_f", "xf", "_t"), 1):
        store(survey, number, signs, "___", ["", ""])
    assert values(survey, "smoker") == [
        ("yes", "yes", "marked", None),
        (None, None, "blank", None),
        (None, "?", "doubtful", "several: yes, no"),
        (None, "?", "doubtful", "faint: no"),
        ("yes", "yes", "doubtful", "faint: no"),
        (None, "?", "doubtful", "touch: no"),
    ]


def test_many_options_are_a_list_in_the_order_of_the_form(survey: FormBuilder) -> None:
    for number, signs in enumerate(("x_x", "___", "_xt", "t__"), 1):
        store(survey, number, "__", signs, ["", ""])
    assert values(survey, "transport") == [
        ("walk, car", "walk, car", "marked", None),
        (None, None, "blank", None),
        ("bus", "bus", "doubtful", "touch: car"),
        (None, "?", "doubtful", "touch: walk"),
    ]


@pytest.mark.parametrize(
    ("bubbles", "expected"),
    [
        (["1", "2"], ("12", "12", "marked", None)),
        (["", ""], (None, None, "blank", None)),
        (["1", ""], ("1", "1", "doubtful", "short: 1 of 2 digits")),
        (["1", "", "2"], ("12", "12", "doubtful", "gap: a position between digits is empty")),
        (["", "1", "2"], ("12", "12", "marked", None)),
        (["14", "2"], (None, "?2", "doubtful", "several: 1, 4 at position 0")),
        (["1", "2f"], (None, "1?", "doubtful", "faint: 2 at position 1")),
        (["1", "24t"], ("12", "12", "doubtful", "touch: 4 at position 1")),
    ],
)
def test_bubbles_give_a_digit_for_each_position(
    survey: FormBuilder, bubbles: list[str], expected: tuple[Any, ...]
) -> None:
    store(survey, 1, "__", "___", bubbles)
    assert values(survey, "bubbles") == [expected]


def test_confidence_of_a_choice_is_the_product_of_its_options(survey: FormBuilder) -> None:
    store(survey, 1, "xf", "x__", ["1", "2"])
    with survey.builder.by_hand() as connection:
        found = connection.execute(
            "select choice, confidence from choice_values order by choice_number"
        ).fetchall()
    assert found == [("smoker", 0.75), ("transport", 1.0), ("bubbles", 1.0)]


def test_only_certain_marks_check_a_field(survey: FormBuilder) -> None:
    for number, bubbles in enumerate((["1", "2"], ["", ""], ["1", "2f"]), 1):
        store(survey, number, "__", "___", bubbles)
    with survey.builder.by_hand() as connection:
        found = connection.execute(
            "select page, marks from checking_marks inner join pages using (page_id) order by page"
        ).fetchall()
    assert found == [
        (1, [{"choice": "bubbles", "value": "12"}]),
        (2, [{"choice": "bubbles", "value": None}]),
    ]


def test_choices_in_doubt_lists_reasons_and_what_was_written(survey: FormBuilder) -> None:
    differing = store(survey, 1, "x_", "x__", ["1", "3"])
    store(survey, 2, "xx", "x__", ["1", "2"])
    survey.read(failures={differing: ["number = bubbles"]})
    rows = survey.builder.audit("choices_in_doubt")
    assert [
        (row["page"], row["choice"], row["value"], row["value_read"], row["reason"], row["written"])
        for row in rows
    ] == [
        (1, "bubbles", "13", "13", "differs: the digits of number are others", "12"),
        (2, "smoker", None, "?", "several: yes, no", None),
    ]


def test_document_choices_lists_every_choice_with_its_decision(survey: FormBuilder) -> None:
    store(survey, 1, "x_", "___", ["1", "2f"])
    survey.read()
    rows = survey.builder.audit("document_choices", document="ark")
    assert [(row["choice"], row["kind"], row["value"], row["decision"]) for row in rows] == [
        ("smoker", "one", "yes", "accept"),
        ("transport", "many", None, "blank"),
        ("bubbles", "digits", None, "review"),
    ]
    assert survey.builder.audit("document_choices", document="noah") == []


def test_documents_wide_has_choices_after_fields_and_counts_doubts(survey: FormBuilder) -> None:
    store(survey, 1, "x_", "x_x", ["1", "2f"])
    survey.read()
    (row,) = survey.builder.audit("documents_wide")
    assert list(row)[-4:] == ["number", "smoker", "transport", "bubbles"]
    assert (row["number"], row["smoker"], row["transport"], row["bubbles"]) == (
        "12",
        "yes",
        "walk, car",
        None,
    )
    assert (row["to_review"], row["is_doubtful"], row["least_confidence"]) == (2, True, 0.75)


def test_choice_accuracy_tells_doubts_from_silent_errors(survey: FormBuilder) -> None:
    pages = [store(survey, n, signs, "___", ["", ""]) for n, signs in enumerate(("x_", "_x", "xx", "__"), 1)]
    survey.read()
    rows = [
        {
            "choice_id": choice_id(page, "smoker"),
            "page_id": page.page_id.bytes,
            "truth": truth,
            "recorded_at": START,
            "actor": "ada",
        }
        for page, truth in zip(pages, ("yes", "yes", "no", ""), strict=True)
    ]
    table = pa.Table.from_pylist(rows, schema=CHOICE_TRUTHS)
    warehouse.record_choice_truths(Warehouse(survey.builder.database, WAIT_S), table)
    overall, smoker = survey.builder.audit("choice_accuracy")
    assert {**overall, "form": "survey", "choice": "smoker"} == smoker
    assert smoker == {
        "form": "survey",
        "choice": "smoker",
        "choices": 4,
        "choices_right": 2,
        "choices_right_pct": 50.0,
        "in_doubt": 1,
        "silent_errors": 1,
    }


VIOLATIONS = [
    (
        "page_read_has_its_choices",
        "delete from choices where choice = 'smoker' "
        "and page_id in (select page_id from pages where page = 1)",
        [
            "options belong to a choice that their page does not have",
            "the choices differ from the template's",
        ],
    ),
    (
        "page_read_has_its_choices",
        "insert into choices select * from choices where choice = 'smoker'",
        [
            "several options have the same number in a choice",
            "the choices differ from the template's",
            "several options have the same number in a choice",
            "the choices differ from the template's",
        ],
    ),
    (
        "page_read_has_its_choices",
        "update pages set status = 'blank', template = null where page = 2",
        ["the page was not read but has choices"],
    ),
    (
        "page_read_has_its_choices",
        "delete from pages where page = 2",
        ["choices belong to a page that does not exist"],
    ),
    (
        "page_read_has_its_choices",
        "delete from choice_options where \"option\" = 'yes' "
        "and page_id in (select page_id from pages where page = 1)",
        ["options of a choice are missing"],
    ),
    (
        "page_read_has_its_choices",
        "update choice_options set option_number = 1 where \"option\" = 'yes'",
        [
            "several options have the same number in a choice",
            "several options have the same number in a choice",
        ],
    ),
]


@pytest.mark.parametrize(("check", "change", "problems"), VIOLATIONS)
def test_check_finds_choices_that_were_changed_by_hand(
    survey: FormBuilder, check: str, change: str, problems: list[str]
) -> None:
    store(survey, 1, "x_", "___", ["1", "2"])
    store(survey, 2, "_x", "___", ["1", "2"])
    assert survey.builder.violations(check) == []
    with survey.builder.by_hand() as connection:
        connection.execute(change)
    found = [row["problem"] for row in survey.builder.violations(check)]
    assert sorted(found) == sorted(problems)


def test_existing_pages_keep_their_choices(survey: FormBuilder) -> None:
    store(survey, 1, "x_", "___", ["1", "2"])
    store(survey, 1, "_x", "___", ["1", "2"])
    assert values(survey, "smoker") == [("yes", "yes", "marked", None)]
