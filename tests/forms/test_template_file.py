"""Template files: everything that a file may contain, and the message for every mistake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml
from PIL import Image

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.rules.across_rules import EqualRule, SumRule, UniqueRule
from lenet_pipeline.forms.rules.field_rules import Checksum, Length, OneOf, Pattern, Range
from lenet_pipeline.forms.templates.json_schema import template_schema
from lenet_pipeline.forms.templates.model import Cells, Rectangle, WritingBox
from lenet_pipeline.forms.templates.template_file import read_template

EXAMPLES = Path(__file__).parents[2] / "examples" / "templates"
CELLS = "cells: {x: 20, y: 30, width: 6, height: 7, pitch: 6.5, count: 4}"
SMALL = f"""\
form: small
page: A4
fields:
  - name: a
    {CELLS}
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Return a function that writes a template and returns its path."""

    def write_template(text: str, name: str = "form.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_template


def blank_form(folder: Path, name: str = "blank.png", *, dpi: int | None = 100, side: int = 1000) -> Path:
    """Write a blank form of ``side`` x 1.5 ``side`` pixels."""
    options = {} if dpi is None else {"dpi": (dpi, dpi)}
    Image.new("L", (side, side * 3 // 2), 255).save(folder / name, **options)
    return folder / name


def fault(path: Path, references: Path | None = None) -> str:
    with pytest.raises(IngestError) as caught:
        read_template(path, references)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_template_with_every_key_is_read(write: Any, tmp_path: Path) -> None:
    blank = blank_form(tmp_path)
    path = write("""\
form: order
page: {width: 254, height: 381}
reference: {file: blank.png, page: 1}
register: markers
max_residual_px: 2.5
units: mm
fields:
  - name: number
    cells: {x: 40.2, y: 91.0, width: 6.2, height: 6.5, pitch: 6.35, count: 10}
    blank: forbidden
    unused: X
    rules:
      - length: [6, 10]
      - checksum: luhn
      - pattern: "[0-9]{10}"
  - name: grid
    cells: {x: 10, y: 110, width: 6, height: 6, pitch: 7, count: 3, rows: 2, row_pitch: 9}
    unused: "-"
    rules: [{checksum: weighted-mod-11, weights: [6, 5, 4, 3, 2, 1]}]
  - name: amount
    box: {x: 10, y: 140, width: 60, height: 9, digits: [1, 6]}
    unused: none
    rules: [{range: [0, 999]}]
  - name: total
    box: {x: 10, y: 160, width: 60, height: 9, digits: [2, 6]}
    rules: [{values: ["1", "007", 08, 9]}]
rules:
  - sum: {of: [amount, grid], equals: total}
  - equal: [amount, total]
  - unique: number
""")
    template = read_template(path)
    assert (template.form, template.width, template.height) == ("order", 254, 381)
    assert (template.alignment, template.max_residual_px) == ("markers", 2.5)
    assert template.reference is not None
    assert (template.reference.path, template.reference.page) == (blank, 1)
    assert template.text == path.read_text(encoding="utf-8")
    number, grid, amount, total = template.fields
    assert number.place == Cells(Rectangle(40.2, 91.0, 6.2, 6.5), columns=10, pitch=6.35)
    assert number.rules == (Length(6, 10), Checksum("luhn"), Pattern("[0-9]{10}"))
    assert (number.may_be_blank, number.unused_mark) == (False, "X")
    assert grid.place == Cells(Rectangle(10, 110, 6, 6), columns=3, pitch=7, rows=2, row_pitch=9)
    assert (grid.may_be_blank, grid.unused_mark) == (True, "-")
    assert grid.rules == (Checksum("weighted-mod-11", (6, 5, 4, 3, 2, 1)),)
    assert amount.place == WritingBox(Rectangle(10, 140, 60, 9), fewest=1, most=6)
    assert (amount.unused_mark, amount.rules) == (None, (Range(0, 999),))
    assert total.rules == (OneOf(("1", "007", "08", "9")),)
    assert template.rules == (
        SumRule(("amount", "grid"), "total"),
        EqualRule(("amount", "total")),
        UniqueRule("number"),
    )


def test_omitted_keys_have_defaults(write: Any, tmp_path: Path) -> None:
    scaled = read_template(write(SMALL))
    assert (scaled.width, scaled.height, scaled.alignment) == (210, 297, "scale")
    assert (scaled.reference, scaled.max_residual_px, scaled.rules) == (None, 3, ())
    blank_form(tmp_path)
    compared = read_template(write(SMALL.replace("page: A4", "reference: blank.png")))
    assert (compared.width, compared.height, compared.alignment) == (254, 381, "features")


@pytest.mark.parametrize(
    ("page", "size"),
    [
        ("A5", (148, 210)),
        ("letter", (215.9, 279.4)),
        ("A4 landscape", (297, 210)),
        ("{width: 100, height: 50.5}", (100, 50.5)),
    ],
)
def test_a_page_has_a_size_or_a_name(write: Any, page: str, size: tuple[float, float]) -> None:
    template = read_template(write(SMALL.replace("A4", page)))
    assert (template.width, template.height) == size


def test_px_units_are_pixels_of_the_reference(write: Any, tmp_path: Path) -> None:
    blank_form(tmp_path, dpi=None)
    image = "page: {width: 300, height: 450}\nreference: blank.png\nunits: px"
    place = read_template(write(SMALL.replace("page: A4", image))).fields[0].place
    assert place.first == Rectangle(*(pytest.approx(value) for value in (6, 9, 1.8, 2.1)))
    assert place.pitch == pytest.approx(1.95)


def test_px_units_of_a_pdf_depend_on_the_stated_resolution(write: Any, forms_root: Path) -> None:
    text = SMALL.replace(
        "x: 20, y: 30, width: 6, height: 7, pitch: 6.5", "x: 300, y: 60, width: 60, height: 75, pitch: 63"
    )
    for dpi, given in ((200, ""), (300, ", dpi: 300")):
        reference = f"reference: {{file: midterm1-v2-test.pdf{given}}}\nunits: px"
        template = read_template(write(text.replace("page: A4", reference)), forms_root / "exam-booklets")
        assert (template.width, template.height) == (pytest.approx(215.9), pytest.approx(279.4))
        assert template.fields[0].place.first.x == pytest.approx(300 / dpi * 25.4)


def test_a_stated_resolution_gives_an_image_its_size(write: Any, tmp_path: Path) -> None:
    blank_form(tmp_path, dpi=None)
    template = read_template(write(SMALL.replace("page: A4", "reference: {file: blank.png, dpi: 127}")))
    assert (template.width, template.height) == (pytest.approx(200), pytest.approx(300))


def test_references_folder_is_searched_before_the_templates_own(write: Any, tmp_path: Path) -> None:
    path = write(SMALL.replace("page: A4", "reference: blank.png"))
    folder = tmp_path / "blanks"
    folder.mkdir()
    own = blank_form(tmp_path)
    assert read_template(path, folder).reference.path == own
    other = blank_form(folder)
    assert read_template(path, folder).reference.path == other
    own.unlink()
    other.unlink()
    message = fault(path, folder)
    assert "line 2" in message
    assert str(own) in message
    assert str(other) in message


def test_fingerprint_covers_content_and_nothing_else(write: Any, tmp_path: Path) -> None:
    blank_form(tmp_path)
    blank_form(tmp_path, "copy.png")
    text = SMALL.replace("page: A4", "reference: blank.png")
    first = read_template(write(text)).fingerprint
    assert len(first) == 64
    same = [
        "# a comment\n" + text.replace("small", '"small"'),
        "fields:\n  - cells: {count: 4, pitch: 6.50, height: 7.0, width: 6, y: 30, x: 20}\n    name: a\n"
        "reference: blank.png\nform: small\n",
        text.replace("blank.png", "{file: copy.png, page: 1}"),
        text.replace("fields:", "units: mm\nregister: features\nmax_residual_px: 3\nfields:"),
        text + "    blank: allowed\n    unused: none\n    rules: []\nrules: []\n",
    ]
    assert {read_template(write(each, "other.yaml")).fingerprint for each in same} == {first}
    other = [
        text.replace("small", "large"),
        text.replace("x: 20", "x: 20.01"),
        text.replace("count: 4", "count: 3"),
        text.replace("name: a", "name: b"),
        text.replace("fields:", "register: scale\nfields:"),
        text.replace("fields:", "max_residual_px: 4\nfields:"),
        text + "    blank: forbidden\n",
        text + "    unused: X\n",
        text + "    rules: [{length: [1, 4]}]\n",
        text + "    rules: [{length: [1, 3]}]\n",
        text + "rules: [{unique: a}]\n",
    ]
    prints = {read_template(write(each, "other.yaml")).fingerprint for each in other}
    assert len(prints) == len(other)
    assert first not in prints
    blank_form(tmp_path, side=1002)
    assert read_template(write(text)).fingerprint != first


# A faulty file, the line of its fault, and words in the message. Editors must refuse these files too.
SHAPE_FAULTS = [
    (SMALL.replace("form: small", "forn: small"), 1, "unknown key 'forn' in the file; did you mean 'form'?"),
    (SMALL.replace("form: small\n", ""), 1, "'form' is missing from the file"),
    (
        SMALL.replace("small", "2024"),
        1,
        "form is 2024, which YAML reads as a number; put it in quotes; expected the name of the form",
    ),
    (SMALL.replace("A4", "A7"), 2, "page is 'A7'; expected a page size in mm"),
    (SMALL.replace("A4", '"A4\\n"'), 2, r"page is 'A4\n'; expected a page size in mm"),
    (SMALL.replace("A4", "4"), 2, "page is 4, which YAML reads as a number; expected a page size in mm"),
    (SMALL.replace("A4", "[210, 297]"), 2, "page is a list of 2 items; expected a page size in mm"),
    (SMALL.replace("A4", "{width: 210}"), 2, "'height' is missing from page"),
    (SMALL.replace("A4", "{width: 210, height: 0}"), 2, "height is 0; expected the page's height in mm"),
    (SMALL.replace("pitch", "pich"), 5, "unknown key 'pich' in cells; did you mean 'pitch'?"),
    (SMALL.replace("width: 6, ", ""), 5, "'width' is missing from cells"),
    (
        SMALL.replace("x: 20", "x: twenty"),
        5,
        "x is 'twenty', which is not a number; expected the first cell's left edge",
    ),
    (SMALL.replace("x: 20", 'x: "20,5"'), 5, "which has a comma instead of a point"),
    (
        SMALL.replace("x: 20", "x: 20,5"),
        5,
        "unknown key '5' in cells; write decimals with a point, not a comma",
    ),
    (SMALL.replace("x: 20", "x: -1"), 5, "x is -1; expected"),
    (
        SMALL.replace("width: 6", "width: 0"),
        5,
        "width is 0; expected the first cell's width: a number above 0",
    ),
    (
        SMALL.replace("count: 4", "count: 0"),
        5,
        "count is 0; expected the number of cells in a row: a whole number",
    ),
    (SMALL.replace("count: 4", "count: 2.5"), 5, "count is 2.5; expected"),
    (SMALL.replace("count: 4", "count: true"), 5, "count is true; expected"),
    (SMALL.replace(", count: 4", ""), 5, "'pitch' in cells also needs 'count'"),
    (SMALL.replace("name: a", "name: student number"), 4, "expected a name of letters, digits and _"),
    (SMALL.replace("name: a", r'name: "a\n"'), 4, r"name is 'a\n'; expected a name of letters"),
    (
        SMALL.replace("name: a", "name: on"),
        4,
        "name is on, which YAML reads as true or false; put it in quotes",
    ),
    (SMALL.replace("name: a", "name: 1a"), 4, "name is '1a'"),
    (SMALL.replace("- name: a\n", "- name:\n"), 4, "name is empty; expected"),
    (SMALL.replace(CELLS, "blank: allowed"), 4, "the field needs one of cells, box; expected a field"),
    (
        SMALL + "    box: {x: 1, y: 1, width: 9, height: 9, digits: [1, 2]}\n",
        4,
        "the field has cells and box; expected only one of cells, box",
    ),
    (SMALL.replace(CELLS, "box: {x: 1, y: 1, width: 9, height: 9}"), 5, "'digits' is missing from box"),
    (SMALL.replace(CELLS, "box: {x: 1, y: 1, width: 9, height: 9, digits: 6}"), 5, "digits is 6; expected"),
    (
        SMALL.replace(CELLS, "box: {x: 1, y: 1, width: 9, height: 9, digits: [0, 6]}"),
        5,
        "an item of digits is 0; expected",
    ),
    (SMALL + "    blank: maybe\n", 6, "blank is 'maybe'; expected allowed or forbidden"),
    (SMALL + "    blank: no\n", 6, "blank is no, which YAML reads as true or false; expected allowed or"),
    (SMALL + "    unused: Y\n", 6, "unused is 'Y'; expected X, - or none"),
    (SMALL + "    rules: {length: [1, 2]}\n", 6, "rules is a mapping; expected a list of rules"),
    (
        SMALL + "    rules: [{lenght: [1, 2]}]\n",
        6,
        "unknown key 'lenght' in the rule; did you mean 'length'?",
    ),
    (SMALL + "    rules: [{}]\n", 6, "the rule needs one of pattern, range, length, values, checksum"),
    (
        SMALL + "    rules: [{checksum: lunh}]\n",
        6,
        "checksum is 'lunh'; expected luhn, mod-11-10",
    ),
    (SMALL + "    rules: [{weights: [1, 2]}]\n", 6, "'weights' in the rule also needs 'checksum'"),
    (SMALL + "    rules: [{length: [2]}]\n", 6, "length is a list of 1 item; expected"),
    (SMALL + "    rules:\n      - range: [0, x]\n", 7, "an item of range is 'x', which is not a number"),
    (SMALL + "rules: [{sum: {of: [a]}}]\n", 6, "'equals' is missing from sum"),
    (
        SMALL + "rules: [{equal: [a]}]\n",
        6,
        "equal is a list of 1 item; expected a list of at least two field names",
    ),
    (SMALL + "rules: [{same: [a, a]}]\n", 6, "unknown key 'same' in the rule; expected one of sum"),
    (SMALL + "register: magic\n", 6, "register is 'magic'; expected features, markers or scale"),
    (SMALL + "units: inches\n", 6, "units is 'inches'; expected mm or px"),
    (SMALL + "max_residual_px: 0\n", 6, "max_residual_px is 0; expected"),
    (SMALL + "reference: {page: 1}\n", 6, "'file' is missing from reference"),
    (
        SMALL + "reference: {file: a.pdf, page: 0}\n",
        6,
        "page is 0; expected the page of the file, counted from 1",
    ),
    ("form: a\npage: A4\nfields: []\n", 3, "fields is an empty list; expected a list of at least one field"),
    (
        "- form\n",
        1,
        "the file is a list of 1 item; expected a mapping with form, page or reference, and fields",
    ),
    ("form\n", 1, "the file is 'form'"),
]


@pytest.mark.parametrize(("text", "line", "words"), SHAPE_FAULTS, ids=range(len(SHAPE_FAULTS)))
def test_shape_fault_is_reported_with_its_line_and_refused_by_the_schema(
    write: Any, text: str, line: int, words: str
) -> None:
    message = fault(write(text))
    assert f"line {line}: " in message
    assert words in message
    assert not jsonschema.Draft202012Validator(template_schema()).is_valid(yaml.safe_load(text))


BOX = "  - name: b\n    box: {x: 20, y: 60, width: 40, height: 9, digits: [1, 6]}\n"

# Faults that a schema cannot express.
CONTENT_FAULTS = [
    (
        SMALL.replace("page: A4\n", ""),
        1,
        "the page size is missing, and the template has no reference to take it from",
    ),
    (
        SMALL.replace("x: 20", "x: 190"),
        4,
        "a extends to 215.5 mm across and 37.0 mm down, beyond the page of 210.0",
    ),
    (SMALL.replace("y: 30", "y: 294"), 4, "beyond the page"),
    (
        SMALL.replace("pitch: 6.5", "pitch: 5"),
        4,
        "the cells of a overlap: they are 6.00 mm wide and the pitch is 5.00",
    ),
    (
        SMALL.replace("count: 4", "count: 4, rows: 2, row_pitch: 6"),
        4,
        "7.00 mm high and the row_pitch is 6.00 mm",
    ),
    (
        SMALL.replace("count: 4", "count: 4, rows: 2"),
        5,
        "'row_pitch' is missing from cells, which have rows: 2",
    ),
    (SMALL.replace("pitch: 6.5, ", ""), 5, "'pitch' is missing from cells, which have count: 4"),
    (SMALL.replace("width: 6", "width: 0.2"), 4, "a is 0.20 x 7.00 mm, too small to write a digit in"),
    (SMALL + BOX.replace("y: 60", "y: 34"), 6, "b overlaps a in line 4 by 6.0 x 3.0 mm"),
    (SMALL + BOX.replace("name: b", "name: A"), 6, "the name 'A' is already used in line 4"),
    (
        "form: a\npage: A4\nfields: [{name: a, box: {x: 1, y: 1, width: 9, height: 9, digits: [1, 2]}}, "
        "{name: a, box: {x: 1, y: 20, width: 9, height: 9, digits: [1, 2]}}]\n",
        3,
        "the name 'a' is already used in line 3",
    ),
    (SMALL + BOX + "rules: [{equal: [a, bb]}]\n", 8, "unknown field 'bb' in the rule; did you mean 'b'?"),
    (SMALL + BOX.replace("[1, 6]", "[6, 1]"), 7, "digits is [6, 1]; expected the smaller number first"),
    (
        SMALL + "    rules: [{length: [5, 9]}]\n",
        4,
        "the field has room for 1 to 4 digits, but no such value passes its rules (length 5 to 9)",
    ),
    (SMALL + "    rules: [{length: [3, 2]}]\n", 6, "no value has a length of 3 to 2"),
    (SMALL + "    rules: [{range: [9, 2]}]\n", 6, "the range (9 to 2) contains no value"),
    (SMALL + '    rules: [{pattern: "[0-9"}]\n', 6, "the pattern '[0-9' is not a regular expression"),
    (SMALL + "    rules: [{values: [x1]}]\n", 6, "the allowed value 'x1'"),
    (SMALL + "    rules: [{checksum: luhn, weights: [1, 2]}]\n", 6, "luhn takes no weights"),
    (SMALL + "    rules: [{checksum: weighted-mod-11}]\n", 6, "expected one for each digit"),
    (
        SMALL + BOX + "rules: [{sum: {of: [a, c], equals: b}}]\n",
        8,
        "unknown field 'c' in the rule; expected one of a, b",
    ),
    (SMALL + "rules:\n  - unique: c\n", 7, "unknown field 'c' in the rule; expected one of a"),
    (SMALL + BOX + "rules: [{equal: [a, a]}]\n", 8, "expected at least two, each once"),
    (
        SMALL + "register: features\n",
        6,
        "register: features compares scans with a reference, and the template has none",
    ),
    (SMALL + "units: px\n", 6, "units: px means pixels of a reference, and the template has none"),
    (
        SMALL + "reference: blank.pdf\n",
        6,
        "the reference 'blank.pdf' is missing; expected the blank form at ",
    ),
    (SMALL + "form: again\n", 6, "duplicate key 'form', first used in line 1"),
    (SMALL + "    unused: -\n", 6, "this is not valid YAML"),
    (SMALL.replace("  - name", "\t- name"), 4, "this is not valid YAML"),
    (SMALL.replace("small", "&s small") + "reference: *s\n", 6, "the alias *s is not supported"),
    (
        SMALL.replace("small", "!!python/name:os.system small"),
        1,
        "the tag tag:yaml.org,2002:python/name:os.system",
    ),
    (SMALL + "? [1, 2]\n: 3\n", 6, "expected a plain key here"),
    (SMALL + "---\nform: b\n", 6, "this is not valid YAML"),
    ("# nothing\n", 1, "the file is empty"),
    ("form: \x07\n", 1, "YAML does not allow the character U+0007"),
    ("[" * 1500, 1, "nested too deeply"),
]


@pytest.mark.parametrize(("text", "line", "words"), CONTENT_FAULTS, ids=range(len(CONTENT_FAULTS)))
def test_content_fault_is_reported_with_its_line(write: Any, text: str, line: int, words: str) -> None:
    message = fault(write(text))
    assert f"line {line}: " in message
    assert words in message


def test_aliases_that_expand_to_gigabytes_are_refused(write: Any) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]"
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    assert "the alias *a is not supported" in fault(write("\n".join(lines)))


def test_message_lists_up_to_ten_faults(write: Any) -> None:
    message = fault(
        write(SMALL.replace("page: A4", "page: A9").replace("x: 20", "x: -2").replace("count", "cout"))
    )
    assert "has 3 faults:\n  line 2: " in message
    assert message.count("\n") == 3
    names = "".join(f"  - nam: f{number}\n    {CELLS}\n" for number in range(12))
    many = fault(write(SMALL + names))
    assert "has 12 faults:" in many
    assert many.endswith("\n  and 2 more")
    assert "line 4: " not in many


def test_faults_are_listed_in_line_order_and_each_only_once(write: Any) -> None:
    text = SMALL.replace("page: A4", "page: {width: 0, hight: 297, height: wide}").replace("count", "cuont")
    message = fault(write(text + "    blank: no\nunits: 3\nform_name: x\n"))
    assert [line.split(":")[0] for line in message.splitlines()[1:]] == [
        *["  line 2"] * 3,
        "  line 5",
        "  line 6",
        "  line 7",
        "  line 8",
    ]
    assert "unknown key 'hight' in page; did you mean 'height'?" in message
    assert "width is 0; expected the page's width in mm" in message
    assert "height is 'wide', which is not a number" in message
    assert "needs" not in message  # the misspelt count is one fault, not two


@pytest.mark.parametrize("number", [".inf", "-.inf", ".nan", "0x" + "f" * 5000, "9" * 5000])
def test_numbers_that_are_not_finite_or_too_large_are_refused(write: Any, number: str) -> None:
    assert "line 5: " in fault(write(SMALL.replace("x: 20", f"x: {number}")))


@pytest.mark.parametrize("depth", [20, 100, 200, 300, 400])
def test_deep_nesting_is_refused(write: Any, depth: int) -> None:
    nested = "[" * depth + "]" * depth
    assert "line 1: " in fault(write(nested))
    assert " line " in fault(write(SMALL.replace("x: 20", f"x: {nested}")))


def test_reader_does_not_import_jsonschema_until_it_reads() -> None:
    code = "import sys, lenet_pipeline.forms.templates.template_file; sys.exit('jsonschema' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_damaged_template_is_read_or_refused_with_a_line(write: Any) -> None:
    rules = '    rules: [{length: [1, 4]}, {pattern: "[0-9]+"}, {values: ["1"]}]\n    unused: "-"\n'
    text = SMALL + rules + BOX + "rules: [{sum: {of: [a], equals: b}}, {unique: a}]\n"
    letters = "{}[]:,-#&*!|>'\"%@`\n\t 019.xe\\?é\0"
    draw = np.random.default_rng(3)
    refused = 0
    for _ in range(150):
        damaged = list(text)
        for _ in range(draw.integers(1, 4)):
            place = draw.integers(len(damaged))
            damaged[place : place + draw.integers(0, 3)] = letters[draw.integers(len(letters))]
        try:
            read_template(write("".join(damaged)))
        except IngestError as exc:
            assert " line " in str(exc)
            refused += 1
    assert 50 < refused < 150


def test_cells_may_share_lines_and_have_rounded_places(write: Any) -> None:
    text = SMALL.replace("pitch: 6.5", "pitch: 5.9")
    neighbour = "  - name: b\n    box: {x: 43.5, y: 30, width: 20, height: 7, digits: [1, 3]}\n"
    assert len(read_template(write(text + neighbour)).fields) == 2


def test_reference_with_a_different_shape_or_no_resolution_is_refused(write: Any, tmp_path: Path) -> None:
    blank_form(tmp_path)
    sideways = fault(
        write(SMALL.replace("page: A4", "page: {width: 381, height: 254}\nreference: blank.png"))
    )
    assert (
        "line 2: the page is 381 x 254 mm, but its reference is 254 x 381 mm, which is a different shape"
        in sideways
    )
    blank_form(tmp_path, dpi=None)
    unknown = fault(write(SMALL.replace("page: A4", "reference: blank.png")))
    assert "line 2: the reference does not state its resolution" in unknown


def test_unreadable_reference_is_refused(write: Any, tmp_path: Path, forms_root: Path) -> None:
    text = SMALL.replace("page: A4", "reference: {file: blank.pdf, page: 7}")
    (tmp_path / "blank.pdf").write_bytes((forms_root / "exam-booklets" / "midterm1-v2-test.pdf").read_bytes())
    assert "it has 6 pages, counted from 1; correct the page" in fault(write(text))
    (tmp_path / "blank.pdf").write_bytes(b"%PDF-1.4\nnothing")
    assert "line 2: cannot read page 7 of the reference" in fault(write(text))
    (tmp_path / "blank.pdf").write_bytes(b"PK\3\4 a zip")
    assert "cannot read page 7" in fault(write(text))
    (tmp_path / "blank.pdf").unlink()
    (tmp_path / "blank.pdf").mkdir()
    assert "cannot read page 7" in fault(write(text))


def test_file_that_is_not_a_template_is_refused(tmp_path: Path) -> None:
    assert "there is no template" in fault(tmp_path / "none.yaml")
    assert "there is no template" in fault(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00form")
    assert "is not UTF-8 text" in fault(tmp_path / "binary.yaml")
    (tmp_path / "large.yaml").write_bytes(b"#" * 300_000)
    assert "has more than 262,144 bytes" in fault(tmp_path / "large.yaml")


EXAMPLE_FOLDERS = {
    "exam-booklet": "exam-booklets",
    "student-number-strip": "exam-booklets",
    "answer-sheet": "answer-sheets",
    "attendance-sheet": "blank-templates",
    "twelve-questions": "blank-templates",
}


def test_examples_match_the_schema() -> None:
    schema = template_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == set(EXAMPLE_FOLDERS)
    for path in EXAMPLES.glob("*.yaml"):
        jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("name", "digits"),
    [
        ("exam-booklet", [10]),
        ("student-number-strip", [16]),
        ("answer-sheet", [7, 1]),
        ("attendance-sheet", [1, 1, 1, 1] + [7] * 20),
        ("twelve-questions", [7] + [2] * 12),
    ],
)
def test_examples_are_read_with_their_blank_forms(forms_root: Path, name: str, digits: list[int]) -> None:
    template = read_template(EXAMPLES / f"{name}.yaml", forms_root / EXAMPLE_FOLDERS[name])
    assert template.form == name
    assert [field.place.columns for field in template.fields] == digits
    assert (template.reference is None) == (name == "student-number-strip")
