"""Values with a separator and a sign in the review pages: shown, typed, checked and recorded."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.exceptions import HTTPException

from lenet_pipeline.audit import read_template_content
from lenet_pipeline.review.blind import _FIELD_ANSWER, _signs
from lenet_pipeline.review.field_records import propose_signs
from lenet_pipeline.review.inputs import read_signs
from lenet_pipeline.review.number_signs import add_number_signs, pair_signs
from lenet_pipeline.review.page_rules import check_rules
from lenet_pipeline.review.verdicts import judge_field
from tests.jobs.test_decimal_forms import AMOUNTS

ID = "00000000-0000-4000-8000-00000000000{}"


def cells(states: str) -> list[dict[str, Any]]:
    """Return cells with the digits 1, 2, 3 and so on; ``m`` for a mark and ``_`` for blank."""
    names = {"d": "digit", "m": "mark", "_": "blank"}
    return [
        {
            "position": place,
            "state": names[state],
            "label": place + 1,
            "verdict": None,
            "digit_id": None if state == "_" else ID.format(place),
            "shard_score_id": None if state == "_" else ID.format(9),
        }
        for place, state in enumerate(states)
    ]


def row(value: str) -> dict[str, Any]:
    return {"reason": None, "value_read": value, "value_corrected": value}


def test_separator_and_minus_are_signs_between_those_of_the_cells() -> None:
    assert propose_signs(row("-123.45"), cells("ddddd"), None) == ["-", "1", "2", "3", ".", "4", "5"]
    assert propose_signs(row("-2.34"), cells("mddd__"), None) == ["-", "2", ".", "3", "4", "", ""]
    assert propose_signs(row("123"), cells("ddd"), None) == ["1", "2", "3"]


def test_separator_stays_after_its_cell_if_a_person_decided_on_a_digit() -> None:
    decided = [{**cells("d")[0], "verdict": "blank"}, *cells("dddd")[1:]]
    assert propose_signs(row("12.34"), decided, None) == ["", "2", ".", "3", "4"]


def test_typed_value_is_shown_with_its_separator_and_minus() -> None:
    assert propose_signs(row("1234"), cells("dddd"), "-12.34") == ["-", "1", "2", ".", "3", "4"]
    assert propose_signs(row("12.34"), cells("dddd"), "123.40") == ["1", "2", "3", ".", "4", "0"]
    assert add_number_signs(["", "1", "2"], cells("_dd"), "-1.2", is_typed=True) == ["-", "1", ".", "2"]


@pytest.mark.parametrize(
    ("states", "signs", "value", "verdicts"),
    [
        ("dddd", "12.34", "12.34", "1234"),
        ("dddd", "-12.34", "-12.34", "1234"),
        ("mddd", "-1.23", "-1.23", "n123"),
        ("ddd", "12.34", "12.34", ""),
    ],
)
def test_digits_of_a_value_with_a_separator_teach_too(
    states: str, signs: str, value: str, verdicts: str
) -> None:
    field, digits = judge_field(cells(states), list(signs))
    assert (field["verdict"], field["value"]) == ("value", value)
    assert "".join(each["verdict"][0] for each in digits) == verdicts
    assert field["has_all_digits"] == bool(verdicts)


def test_separator_and_minus_alone_are_no_value() -> None:
    assert judge_field(cells("d"), ["-", "", "."])[0]["verdict"] == "blank"


def test_signs_are_read_strictly() -> None:
    assert read_signs(["-", "1", ".", "2"]) == ["-", "1", ".", "2"]
    for wrong in (",", "+", "1.", "--"):
        with pytest.raises(HTTPException):
            read_signs([wrong])


def test_rules_are_checked_with_the_separator_and_name_the_places() -> None:
    content = read_template_content(AMOUNTS)
    values: dict[str, tuple[str, str | None]] = {each.name: ("blank", None) for each in content.fields}
    values |= {"price": ("read", "1.50"), "discount": ("read", "0.25")}

    def states(field: str, signs: str) -> dict[str, str]:
        return {
            each["name"]: each["state"] for each in check_rules(content, field, values, list(signs))["rules"]
        }

    assert states("total", "1.75") == {
        "2 decimal places, no minus": "kept",
        "length 3 to 6": "kept",
        "price + discount = total": "kept",
    }
    assert states("total", "175")["2 decimal places, no minus"] == "broken"
    assert states("total", "175")["price + discount = total"] == "broken"
    assert states("balance", "-17.5")["2 decimal places"] == "broken"
    assert states("balance", "-7.50")["2 decimal places"] == "kept"


def test_blind_answer_with_a_separator_gives_each_cell_its_digit() -> None:
    assert _signs(cells("dddd"), "-12.34") == ["-", "1", "2", ".", "3", "4"]
    assert [cell["position"] for cell, _ in pair_signs(cells("dddd"), _signs(cells("dddd"), "12.34"))] == [
        0,
        1,
        2,
        3,
    ]
    for answer in ("", "-12.34", "1?.5", "12"):
        assert _FIELD_ANSWER.fullmatch(answer)
    for answer in ("12.", "1-2", "1.2.3", "1,2", "X"):
        assert not _FIELD_ANSWER.fullmatch(answer)
