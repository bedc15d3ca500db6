"""Tables in templates: the fields and rules that they expand to, and the message for every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import jsonschema
import numpy as np
import pytest
import yaml
from PIL import Image

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.filling.value_generation import generate_values
from lenet_pipeline.forms.rules.across_rules import AcrossRule, ColumnSumRule, EqualRule, ProductRule, SumRule
from lenet_pipeline.forms.rules.field_rules import Pattern
from lenet_pipeline.forms.templates.content import read_content
from lenet_pipeline.forms.templates.json_schema import template_schema
from lenet_pipeline.forms.templates.model import Cells, Rectangle, Template, WritingBox
from lenet_pipeline.forms.templates.template_file import read_template

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
ORDER = """\
form: order
page: A4
tables:
  - x: 20
    y: 40
    row_height: 8
    rows: [tea, milk, {height: 4}, {name: total, height: 10}]
    columns:
      - {name: count, width: 20, digits: [1, 3]}
      - {width: 5}
      - {name: price, width: 30, cells: 5, unused: X, rules: [{pattern: "[1-9][0-9]*"}]}
      - {name: amount, width: 35, digits: [1, 7], blank: forbidden}
    row_rules:
      - product: {of: [count, price], equals: amount}
        rows: [tea, milk]
      - equal: [count, price]
        rows: [total]
    column_rules:
      - sum: {of: [tea, milk], equals: total}
        columns: [amount]
"""
TWELVE = f"""\
form: year
page: A4
tables:
  - {{x: 20, y: 40, row_height: 8, rows: [{", ".join(MONTHS)}], columns: [
      {{name: count, width: 20, digits: [1, 2]}}, {{name: price, width: 25, digits: [1, 4]}},
      {{name: amount, width: 30, digits: [1, 6]}}, {{name: code, width: 28, cells: 4}},
      {{name: team, width: 12, digits: [1, 1]}}],
    row_rules: [product: {{of: [count, price], equals: amount}}],
    column_rules: [{{sum: {{equals: total}}, columns: [amount]}}]}}
fields:
  - {{name: total, box: {{x: 65, y: 140, width: 30, height: 8, digits: [1, 7]}}}}
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Return a function that writes a template and returns its path."""

    def write_template(text: str) -> Path:
        path = tmp_path / "form.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_template


def fault(path: Path) -> str:
    with pytest.raises(IngestError) as caught:
        read_template(path)
    return str(caught.value)


def names(template: Template) -> list[str]:
    return [field.name for field in template.fields]


def test_a_table_of_twelve_by_five_expands_to_sixty_fields_in_reading_order(write: Any) -> None:
    template = read_template(write(TWELVE))
    columns = ["count", "price", "amount", "code", "team"]
    assert names(template) == ["total"] + [f"{month}.{column}" for month in MONTHS for column in columns]
    by_name = {field.name: field for field in template.fields}
    assert by_name["jan.count"].place == WritingBox(Rectangle(20, 40, 20, 8), 1, 2)
    assert by_name["dec.team"].place == WritingBox(Rectangle(123, 128, 12, 8), 1, 1)
    assert by_name["feb.code"].place == Cells(Rectangle(95, 48, 7, 8), 4, 7)
    products = [ProductRule((f"{month}.count", f"{month}.price"), f"{month}.amount") for month in MONTHS]
    total = ColumnSumRule("amount", tuple(f"{month}.amount" for month in MONTHS), "total")
    assert template.rules == (*products, total)


def test_rows_and_columns_without_a_name_take_space_and_are_not_read(write: Any) -> None:
    template = read_template(write(ORDER))
    assert names(template) == [
        f"{row}.{column}" for row in ("tea", "milk", "total") for column in ("count", "price", "amount")
    ]
    by_name = {field.name: field for field in template.fields}
    assert by_name["total.price"].place == Cells(Rectangle(45, 60, 6, 10), 5, 6)
    assert by_name["milk.amount"].place == WritingBox(Rectangle(75, 48, 35, 8), 1, 7)


def test_a_column_hands_its_rules_to_each_of_its_fields(write: Any) -> None:
    template = read_template(write(ORDER))
    for field in template.fields:
        row, column = field.name.split(".")
        assert field.rules == ((Pattern("[1-9][0-9]*"),) if column == "price" else ()), row
        assert field.unused_mark == ("X" if column == "price" else None)
        assert field.may_be_blank == (column != "amount")


def test_rules_of_rows_and_columns_name_the_fields_of_the_table(write: Any) -> None:
    assert read_template(write(ORDER)).rules == (
        ProductRule(("tea.count", "tea.price"), "tea.amount"),
        ProductRule(("milk.count", "milk.price"), "milk.amount"),
        EqualRule(("total.count", "total.price")),
        ColumnSumRule("amount", ("tea.amount", "milk.amount"), "total.amount"),
    )
    every = ORDER.replace(
        "sum: {of: [tea, milk], equals: total}\n        columns: [amount]", "sum: {equals: total}"
    )
    assert read_template(write(every)).rules[3:] == tuple(
        ColumnSumRule(column, (f"tea.{column}", f"milk.{column}"), f"total.{column}")
        for column in ("count", "price", "amount")
    )


def test_rules_of_the_form_may_name_fields_of_a_table(write: Any) -> None:
    text = ORDER + "rules: [{sum: {of: [tea.count, milk.count], equals: total.count}}]\n"
    assert read_template(write(text)).rules[0] == SumRule(("tea.count", "milk.count"), "total.count")
    assert "unknown field 'tee.count' in the rule; did you mean 'tea.count'?" in fault(
        write(text.replace("[tea.count", "[tee.count"))
    )


def test_a_number_of_rows_gives_them_numbered_names(write: Any) -> None:
    text = ORDER.split("    row_rules")[0].replace("[tea, milk, {height: 4}, {name: total, height: 10}]", "3")
    assert names(read_template(write(text)))[::3] == ["row1.count", "row2.count", "row3.count"]


def test_fingerprint_does_not_depend_on_how_a_table_is_written(write: Any) -> None:
    plain = read_template(write(ORDER)).fingerprint
    data = yaml.safe_load(ORDER)
    assert read_template(write(yaml.safe_dump(data))).fingerprint == plain
    assert (
        read_template(write("# a comment\n" + ORDER.replace("width: 20", "width: 20.0"))).fingerprint == plain
    )
    for other in ("milk", "tea"):
        assert read_template(write(ORDER.replace(other, "water"))).fingerprint != plain
    assert read_template(write(ORDER.replace("{width: 5}", "{width: 6}"))).fingerprint != plain
    same_fields = """\
form: order
page: A4
fields:
  - {name: a, box: {x: 20, y: 40, width: 20, height: 8, digits: [1, 3]}}
"""
    table = "{x: 20, y: 40, row_height: 8, rows: [r], columns: [{name: c, width: 20, digits: [1, 3]}]}"
    expanded = read_template(write(f"form: order\npage: A4\ntables: [{table}]\n"))
    listed = read_template(write(same_fields))
    assert expanded.fields[0].place == listed.fields[0].place
    assert expanded.fingerprint != listed.fingerprint  # their names differ


def test_recorded_template_has_the_same_fields_and_rules(write: Any) -> None:
    for text in (ORDER, TWELVE):
        template = read_template(write(text))
        content = read_content(template.text)
        assert [field.name for field in content.fields] == names(template)
        assert content.rules == template.rules
        assert [field.rules for field in content.fields] == [field.rules for field in template.fields]


SHAPE_FAULTS = [
    ("rows: [tea,", "rows: [no,", "an item of rows is no"),
    ("rows: [tea,", "rows: [te a,", "expected the name of a row"),
    ("  - x: 20\n    y", "  - y", "'x' is missing from the table"),
    ("  - x: 20\n", "  - xx: 20\n", "unknown key 'xx' in the table; did you mean 'x'?"),
    ("digits: [1, 3]", "digts: [1, 3]", "unknown key 'digts' in the column; did you mean 'digits'?"),
    ("{width: 5}", "{width: 5, cells: 2}", "'cells' in the column also needs 'name'"),
    ("cells: 5", "cells: 0", "cells is 0; expected the number of cells"),
    ("product: {of", "prodct: {of", "unknown key 'prodct' in the rule; did you mean 'product'?"),
    ("equals: amount}", "equal: amount}", "unknown key 'equal' in product; did you mean 'equals'?"),
    ("columns: [amount]", "rows: [tea]", "unknown key 'rows' in the rule"),
]


@pytest.mark.parametrize(("old", "new", "words"), SHAPE_FAULTS, ids=range(len(SHAPE_FAULTS)))
def test_shape_fault_of_a_table_is_reported_and_refused_by_the_schema(
    write: Any, old: str, new: str, words: str
) -> None:
    text = ORDER.replace(old, new, 1)
    assert words in fault(write(text))
    assert not jsonschema.Draft202012Validator(template_schema()).is_valid(yaml.safe_load(text))


CONTENT_FAULTS = [
    ("digits: [1, 3]", "blank: allowed", 9, "the column 'count' needs digits or cells"),
    ("cells: 5", "cells: 5, digits: [1, 5]", 11, "the column 'price' needs digits or cells"),
    ("width: 20, ", "", 9, "the column 'count' has no width"),
    ("    row_height: 8\n", "", 6, "the row 'tea' has no height; expected its height or a row_height"),
    ("name: price", "name: Count", 11, "the column 'Count' is already named in line 9"),
    ("rows: [tea, milk, ", "rows: [tea, tea, ", 7, "the row 'tea' is already named in line 7"),
    ("width: 35", "width: 350", 12, "the column 'amount' extends to 425.0 mm, beyond the page of 210.0 mm"),
    ("height: 10", "height: 300", 7, "the row 'total' extends to 360.0 mm, beyond the page of 297.0 mm"),
    ("[1-9][0-9]*", "[1-9", 11, "column 'price': the pattern '[1-9' is not a regular expression"),
    ("pattern: \"[1-9][0-9]*\"", "length: [7, 9]", 11, "column 'price': the field has room for 1 to 5"),
    ("digits: [1, 3]", "digits: [3, 1]", 9, "column 'count': digits is [3, 1]; expected the smaller"),
    ("width: 20,", "width: 0.5,", 9, "tea.count is 0.50 x 8.00 mm, too small to write a digit in"),
    ("of: [count, price]", "of: [count, prices]", 14, "unknown column or field 'prices' in the rule; did"),
    ("rows: [tea, milk]", "rows: [tea, milch]", 15, "unknown row 'milch'; did you mean 'milk'?"),
    ("of: [tea, milk]", "of: [tea, water]", 19, "unknown row or field 'water' in the rule"),
    ("columns: [amount]", "columns: [amounts]", 20, "unknown column 'amounts'; did you mean 'amount'?"),
    ("equal: [count, price]", "equal: [count, count]", 16, "expected at least two, each once"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "words"), CONTENT_FAULTS, ids=range(len(CONTENT_FAULTS)))
def test_content_fault_of_a_table_names_its_row_or_column_once(
    write: Any, old: str, new: str, line: int, words: str
) -> None:
    message = fault(write(ORDER.replace(old, new, 1)))
    assert words in message
    assert message.count(words) == 1
    assert f"line {line}: " in message


def test_one_field_is_not_the_total_of_several_columns(write: Any) -> None:
    text = TWELVE.replace(", columns: [amount]}", "}")
    assert "makes the field 'total' the total of 5 columns; add columns: [count]" in fault(write(text))


def test_a_table_without_a_named_column_is_refused(write: Any) -> None:
    text = "form: a\npage: A4\ntables: [{x: 1, y: 1, row_height: 8, rows: 2, columns: [{width: 9}]}]\n"
    assert "the table has no column with a name" in fault(write(text))


def test_a_template_needs_fields_or_tables(write: Any) -> None:
    assert "the file needs one of fields, tables" in fault(write("form: a\npage: A4\n"))


def test_fields_of_a_table_overlap_no_other_field(write: Any) -> None:
    text = ORDER + "fields: [{name: a, box: {x: 30, y: 41, width: 5, height: 5, digits: [1, 2]}}]\n"
    assert "tea.count overlaps a in line 21 by 5.0 x 5.0 mm" in fault(write(text))


RULES: list[tuple[AcrossRule, dict[str, str | None], bool]] = [
    (ProductRule(("a", "b"), "c"), {"a": "12", "b": "03", "c": "36"}, True),
    (ProductRule(("a", "b"), "c"), {"a": "12", "b": "3", "c": "35"}, False),
    (ProductRule(("a", "b"), "c"), {"a": "12", "b": None, "c": "36"}, False),
    (ProductRule(("a", "b"), "c"), {"a": None, "b": None, "c": None}, True),
    (ProductRule(("a", "b"), "c"), {"a": "?", "b": "1", "c": "1"}, False),
    (ColumnSumRule("n", ("a", "b"), "c"), {"a": "7", "b": "8", "c": "15"}, True),
    (ColumnSumRule("n", ("a", "b"), "c"), {"a": "7", "b": None, "c": "007"}, True),
    (ColumnSumRule("n", ("a", "b"), "c"), {"a": "7", "b": None, "c": "8"}, False),
    (ColumnSumRule("n", ("a", "b"), "c"), {"a": "7", "b": None, "c": None}, False),
    (ColumnSumRule("n", ("a", "b"), "c"), {"a": None, "b": None, "c": None}, True),
    (ColumnSumRule("n", ("a", "b"), "c"), {"a": None, "b": None, "c": "0"}, True),
    (ColumnSumRule("n", ("a", "b"), "c"), {"a": None, "b": None, "c": "3"}, False),
    (ColumnSumRule("n", ("a", "b"), "c"), {"a": "?", "b": "1", "c": "1"}, False),
]


@pytest.mark.parametrize(("rule", "values", "is_kept"), RULES, ids=range(len(RULES)))
def test_products_and_column_sums_hold_for_the_right_values_only(
    rule: AcrossRule, values: dict[str, str | None], is_kept: bool
) -> None:
    assert rule.accepts(values) is is_kept


def test_rules_over_columns_have_short_names() -> None:
    assert ProductRule(("a", "b"), "c").name == "a x b = c"
    assert ColumnSumRule("amount", ("jan.amount", "feb.amount"), "total").name == "sum of amount = total"
    with pytest.raises(IngestError, match="each once"):
        ProductRule(("a", "b"), "a")
    with pytest.raises(IngestError, match="each once"):
        ColumnSumRule("n", ("a", "b"), "a")


def test_generated_values_keep_the_products_and_totals_of_a_table(write: Any) -> None:
    template = read_template(write(TWELVE))
    totals = set()
    for seed in range(20):
        page = generate_values(template, np.random.default_rng(seed), blank_rate=0.3)
        written = {name: value or None for name, value in page.items()}
        assert all(rule.accepts(written) for rule in template.rules)
        amounts = [page[f"{month}.amount"] for month in MONTHS]
        assert any(amounts) == bool(page["total"])
        for month in MONTHS:
            blank = [page[f"{month}.{column}"] == "" for column in ("count", "price", "amount")]
            assert len(set(blank)) == 1
        totals.add(page["total"])
    assert len(totals) == 20


def test_totals_that_do_not_fit_are_made_smaller(write: Any) -> None:
    template = read_template(write(TWELVE.replace("digits: [1, 7]", "digits: [1, 3]")))
    page = generate_values(template, np.random.default_rng(0), blank_rate=0)
    amounts = [int(page[f"{month}.amount"]) for month in MONTHS]
    assert sum(amounts) == int(page["total"]) <= 999
    products = [int(page[f"{month}.count"]) * int(page[f"{month}.price"]) for month in MONTHS]
    assert products == amounts


# Lines of the blank form

ACROSS, DOWN = (30, 52, 60, 91, 130), (40, 48.5, 57, 70)
PRINTED = """\
form: printed
reference: blank.png
tables:
  - {x: 29, y: 41, width: 102, height: 28, lines: printed, rows: [a, {}, c], columns: [
      {name: count, digits: [1, 3]}, {}, {name: code, cells: 5}, {name: note, digits: [1, 6]}]}
"""


def draw_table(folder: Path, dividers: tuple[float, ...] = (), *, slant: float = 0.0) -> None:
    """Draw the blank form of ``PRINTED`` on A4, with words in the table."""
    dots = 200 / 25.4
    page = np.full((round(297 * dots), round(210 * dots)), 255, np.uint8)

    def line(*ends: float) -> None:
        x, y, right, bottom = (round(end * dots) for end in ends)
        cv2.line(page, (x, y), (right, bottom), 60, 2)

    for x in (*ACROSS, *dividers):
        line(x - slant, DOWN[0], x + slant, DOWN[-1])
    for y in DOWN:
        line(ACROSS[0], y - slant, ACROSS[-1], y + slant)
    cv2.putText(page, "Note Illi", (round(95 * dots), round(46 * dots)), cv2.FONT_HERSHEY_COMPLEX, 1, 0, 2)
    Image.fromarray(page).save(folder / "blank.png", dpi=(200, 200))


@pytest.mark.parametrize("slant", [0.0, 0.1])
@pytest.mark.parametrize("dividers", [(), tuple(60 + 6.2 * n for n in range(1, 5))])
def test_a_table_takes_its_places_from_the_printed_lines(
    write: Any, tmp_path: Path, dividers: tuple[float, ...], slant: float
) -> None:
    draw_table(tmp_path, dividers, slant=slant)
    template = read_template(write(PRINTED))
    outlines = {field.name: field.outline for field in template.fields}
    assert list(outlines) == ["a.count", "a.code", "a.note", "c.count", "c.code", "c.note"]
    found = outlines["c.code"]
    corners = [found.x, found.x + found.width, found.y, found.y + found.height]
    assert corners == pytest.approx([60, 91, 57, 70], abs=0.15)
    assert outlines["a.count"].x == pytest.approx(30, abs=0.15)
    assert read_template(write(PRINTED)).fingerprint == template.fingerprint
    assert len(read_content(template.text).fields) == 6


def test_lines_that_do_not_match_the_rows_and_columns_are_listed(write: Any, tmp_path: Path) -> None:
    draw_table(tmp_path)
    message = fault(write(PRINTED.replace("rows: [a, {}, c]", "rows: [a, c]")))
    assert (
        "the table lists 2 rows, and the printed lines make 3: they are at 40.1, 48.6, 57.1, 70 mm" in message
    )
    assert "columns" not in message
    message = fault(write(PRINTED.replace("{}, {name", "{name")))
    assert (
        "the table lists 3 columns (7 where lines divide their cells), and the printed lines make 4"
        in message
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("x: 29", "x: 35", 4, "left edge of the table is at 35.0 mm (x), and the nearest printed line at 30"),
        ("width: 102", "width: 112", 4, "right edge of the table is at 141.0 mm (x + width)"),
        (
            "y: 41",
            "y: 36",
            4,
            "top edge of the table is at 36.0 mm (y), and the nearest printed line at 40",
        ),
        ("height: 28", "height: 33", 4, "bottom edge of the table is at 74.0 mm (y + height)"),
        ("height: 28", "height: 20", 4, "and the nearest printed line at 57.1 mm; expected at most 3 mm"),
    ],
)
def test_printed_lines_must_be_at_the_edges_that_a_table_states(
    write: Any, tmp_path: Path, old: str, new: str, line: int, words: str
) -> None:
    draw_table(tmp_path)
    message = fault(write(PRINTED.replace(old, new)))
    assert f"line {line}: " in message
    assert words in message


def test_dividers_of_cells_are_not_taken_for_columns(write: Any, tmp_path: Path) -> None:
    draw_table(tmp_path, dividers=(67, 75, 82))
    four_columns = PRINTED.replace("x: 29, y: 41, width: 102", "x: 51, y: 41, width: 31").replace(
        "{name: count, digits: [1, 3]}, {}, {name: code, cells: 5}, {name: note, digits: [1, 6]}",
        "{}, {name: a, digits: [1, 1]}, {name: b, digits: [1, 1]}, {name: code, cells: 4}",
    )
    assert (
        "'code' is between the printed lines at 75.1 and 82.1 mm, which makes its 4 cells 1.8 mm wide; "
        "expected at least 2.5 mm" in fault(write(four_columns))
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{name: count", "{name: count, width: 5", "this width is 5.0 mm, and the printed lines are 22"),
        ("{}, {name", "{width: 11}, {name", "this width is 11.0 mm, and the printed lines are 8.0 mm apart"),
        ("{}, c]", "{height: 5}, c]", "this height is 5.0 mm, and the printed lines are 8.5 mm apart"),
        (
            "lines: printed",
            "lines: printed, row_height: 7",
            "row_height is 7.0 mm, and the printed lines are",
        ),
    ],
)
def test_stated_sizes_must_agree_with_the_printed_lines(
    write: Any, tmp_path: Path, old: str, new: str, words: str
) -> None:
    draw_table(tmp_path)
    message = fault(write(PRINTED.replace(old, new, 1)))
    assert words in message
    assert "line 4" in message or "line 5" in message


def test_right_sizes_do_no_harm_with_printed_lines(write: Any, tmp_path: Path) -> None:
    draw_table(tmp_path)
    sized = PRINTED.replace("{name: count", "{name: count, width: 21.5").replace("{}, c]", "{height: 8}, c]")
    places = [field.place for field in read_template(write(sized)).fields]
    assert places == [field.place for field in read_template(write(PRINTED)).fields]


def test_a_tilted_blank_form_is_named_as_a_reason_for_missing_lines(write: Any, tmp_path: Path) -> None:
    draw_table(tmp_path)
    picture = Image.open(tmp_path / "blank.png")
    picture.rotate(3, fillcolor=255).save(tmp_path / "blank.png", dpi=(200, 200))
    message = fault(write(PRINTED))
    assert "the blank form has 0 vertical lines as long as the table; expected 5 or 9" in message
    assert "the blank form must be level and empty" in message


def test_printed_lines_need_a_blank_form_and_an_area(write: Any, tmp_path: Path) -> None:
    assert "lines: printed takes places from the blank form" in fault(
        write(PRINTED.replace("reference: blank.png", "page: A4"))
    )
    draw_table(tmp_path)
    assert "'lines' in the table also needs 'width'" in fault(write(PRINTED.replace("width: 102, ", "")))


def test_an_area_without_lines_asks_for_lines_or_sizes(write: Any) -> None:
    message = fault(write(ORDER.replace("    row_height: 8\n", "    width: 90\n    height: 30\n")))
    assert "'width' in the table also needs 'lines'; expected printed" in message
    assert "without lines, give row_height and the width of each column" in message
