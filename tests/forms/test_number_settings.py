"""Tests of the template settings ``decimals`` and ``sign``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.rules.numerals import NumberForm
from lenet_pipeline.forms.templates.content import read_content
from lenet_pipeline.forms.templates.number_formats import NumberFormat
from lenet_pipeline.forms.templates.template_file import read_template

TEXT = """form: a
page: A4
fields:
  - name: amount
    box: {x: 20, y: 30, width: 60, height: 9, digits: [3, 6]}
"""
PLACES = "decimals: {separator: comma, places: 2}"


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read_text(settings: str = "", text: str = TEXT) -> Any:
        path = tmp_path / "a.yaml"
        path.write_text(text + "".join(f"    {line}\n" for line in settings.split("; ") if line))
        return read_template(path)

    return read_text


@pytest.mark.parametrize(
    ("settings", "numbers", "name"),
    [
        ("", NumberFormat(), "no decimal places, no minus"),
        ("decimals: comma", NumberFormat("comma"), "digits with or without decimal places, no minus"),
        (
            "decimals: {separator: either, places: 2}",
            NumberFormat("either", 2, 2),
            "2 decimal places, no minus",
        ),
        (
            "decimals: {separator: point, places: [0, 1]}; sign: allowed",
            NumberFormat("point", 0, 1, True),
            "0 to 1 decimal places",
        ),
        ("sign: allowed", NumberFormat(may_be_negative=True), "no decimal places"),
    ],
)
def test_a_field_takes_the_numbers_that_its_template_declares(
    read: Any, settings: str, numbers: NumberFormat, name: str
) -> None:
    (field,) = read(settings).fields
    assert field.numbers == numbers
    assert numbers.name == name
    (recorded,) = read_content(read(settings).text).fields
    assert recorded.numbers == numbers


@pytest.mark.parametrize(
    ("settings", "line", "words"),
    [
        ("decimals: dot", 6, "decimals is 'dot'; expected comma, point or either"),
        ("decimals: {places: 2}", 6, "'separator' is missing from decimals"),
        (
            "decimals: {separator: comma, places: 21}",
            6,
            "places is 21; expected the number of",
        ),
        ("decimals: {separator: comma, places: [2, 1]}", 6, "expected the smaller number first"),
        ("decimals: {separator: comma, places: 6}", 6, "the field has room for 6 digits"),
        ('sign: allowed; unused: "-"', 6, "a dash may be a minus or mark an unused cell"),
        ("sign: maybe", 6, "sign is 'maybe'; expected allowed or forbidden"),
        ("rules: [{range: [-1, 9]}]", 6, "range is -1; expected a whole number, 0 or more, or add sign"),
        ("rules: [{range: [0, 9.5]}]", 6, "range is 9.5; expected a whole number, 0 or more, or add dec"),
        ('decimals: comma; rules: [{values: ["1"]}]', 7, "takes no values; use a pattern"),
        (f"{PLACES}; rules: [{{range: [5000, 9000]}}, {{length: [3, 5]}}]", 4, "no such value"),
    ],
)
def test_a_fault_in_these_settings_is_reported_with_its_line(
    read: Any, settings: str, line: int, words: str
) -> None:
    with pytest.raises(IngestError, match=f"line {line}: ") as caught:
        read(settings)
    assert words in str(caught.value)


def test_only_templates_with_these_settings_have_another_fingerprint(read: Any) -> None:
    plain = read().fingerprint
    assert read("sign: forbidden").fingerprint == plain
    assert plain == "1c12cfc1eacf6fe10b28868810c64087897e253e7bb38709bc0b30a44afbb046"
    others = {read(one).fingerprint for one in ("decimals: comma", "decimals: point", "sign: allowed")}
    assert len(others | {plain}) == 4


def test_columns_of_a_table_hand_these_settings_to_their_fields(read: Any) -> None:
    template = read(
        text="form: a\npage: A4\ntables:\n  - {x: 10, y: 10, row_height: 9, rows: 2, columns: "
        f"[{{name: price, width: 30, digits: [3, 5], {PLACES}, sign: allowed}}]}}\n"
    )
    assert [field.numbers for field in template.fields] == [
        NumberFormat("comma", 2, 2, may_be_negative=True)
    ] * 2


def test_range_with_decimals_and_a_sign_keeps_exact_ends(read: Any) -> None:
    (field,) = read(f"{PLACES}; sign: allowed; rules: [{{range: [-0.1, 9.99]}}]").fields
    assert field.rules[0].name == "-0.1 to 9.99"


@pytest.mark.parametrize(
    ("numbers", "allowed"),
    [
        (NumberFormat(), [True, False, False, False]),
        (NumberFormat("comma", 2, 2), [False, False, True, False]),
        (NumberFormat("comma"), [True, True, True, False]),
        (NumberFormat(may_be_negative=True), [True, False, False, True]),
    ],
)
def test_a_format_allows_its_places_and_its_sign(numbers: NumberFormat, allowed: list[bool]) -> None:
    forms = [NumberForm(), NumberForm(1), NumberForm(2), NumberForm(is_negative=True)]
    assert [numbers.allows(form) for form in forms] == allowed
