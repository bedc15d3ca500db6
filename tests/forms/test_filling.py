"""Tests of filled forms: the truth matches the pixels, and the values pass the rules."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.drawing.lettering import FontStyle, load_lettering
from lenet_pipeline.forms.filling.demo_form import draw_demo_form
from lenet_pipeline.forms.filling.filled_fields import Sheet, Writer
from lenet_pipeline.forms.filling.filled_pages import FilledPage, fill_page, fill_pages, render_blank_sheet
from lenet_pipeline.forms.filling.habits import Habits
from lenet_pipeline.forms.filling.handwriting import LabelledImages
from lenet_pipeline.forms.filling.pattern_generation import generate_match
from lenet_pipeline.forms.filling.scanning import scan_sheet
from lenet_pipeline.forms.filling.severities import SEVERITIES, Severity
from lenet_pipeline.forms.filling.value_generation import generate_value, generate_values
from lenet_pipeline.forms.page import MM_PER_INCH
from lenet_pipeline.forms.rules.across_rules import AcrossRule, EqualRule, SumRule
from lenet_pipeline.forms.rules.field_rules import Checksum, Length, OneOf, Pattern, Range, Rule
from lenet_pipeline.forms.templates.model import (
    Cells,
    Field,
    Rectangle,
    Reference,
    Template,
    UnusedMark,
    WritingBox,
)
from lenet_pipeline.forms.templates.template_file import read_template
from lenet_pipeline.ingest.normalisation import normalise_digit, place_ink

NONE = SEVERITIES["none"]
CLEAR = Habits(blank_rate=0)


@pytest.fixture(scope="module")
def digits() -> LabelledImages:
    """Two of each digit, printed in two fonts and normalised as MNIST is."""
    images = []
    styles: tuple[FontStyle, ...] = ("Sans", "Sans-Bold")
    for style in styles:
        font = load_lettering(style, 60)
        for digit in "0123456789":
            left, top, right, bottom = font.getbbox(digit)
            picture = Image.new("L", (int(right), int(bottom)), 0)
            ImageDraw.Draw(picture).text((0, 0), digit, fill=255, font=font)
            ink = np.asarray(picture, dtype=np.float32)[int(top) :, int(left) :] / 255
            images.append(place_ink(ink))
    return LabelledImages(np.stack(images), np.tile(np.arange(10, dtype=np.uint8), 2))


def row_of_cells(
    name: str,
    *,
    y: float = 10,
    x: float = 10,
    count: int = 7,
    rules: Sequence[Rule] = (),
    unused_mark: UnusedMark | None = None,
    may_be_blank: bool = True,
) -> Field:
    return Field(name, Cells(Rectangle(x, y, 6, 8), count, 6), tuple(rules), unused_mark, may_be_blank)


def form(*fields: Field, rules: Sequence[AcrossRule] = (), reference: Reference | None = None) -> Template:
    return Template(
        form="test",
        width=100,
        height=70,
        fields=fields,
        alignment="scale",
        max_residual_px=3,
        fingerprint="f",
        text="",
        reference=reference,
        rules=tuple(rules),
    )


def values_of(template: Template, pages: int = 60, blank_rate: float = 0.0) -> list[dict[str, str]]:
    return [
        generate_values(template, np.random.default_rng(seed), blank_rate=blank_rate) for seed in range(pages)
    ]


def flatten(
    page: FilledPage, corners: NDArray[np.float64], width: int = 60, height: int = 80
) -> cv2.typing.MatLike:
    """Return what lies within four corners of a scan, as an upright picture."""
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - np.float32(0.5)
    matrix = cv2.getPerspectiveTransform((corners - 0.5).astype(np.float32), flat)
    return cv2.warpPerspective(page.image, matrix, (width, height), flags=cv2.INTER_AREA)


# Which page


def test_a_page_depends_on_its_number_and_seed_alone(digits: LabelledImages) -> None:
    template = form(row_of_cells("a"), row_of_cells("b", y=30))
    severity = SEVERITIES["heavy"]
    in_turn = list(fill_pages(template, digits, numbers=range(4), seed=7, severity=severity))
    alone = next(fill_pages(template, digits, numbers=[3], seed=7, severity=severity))
    assert alone.content == in_turn[3].content
    assert alone.truth == in_turn[3].truth
    assert len({page.content for page in in_turn}) == 4


def test_another_seed_gives_other_pages(digits: LabelledImages) -> None:
    template = form(row_of_cells("a"))
    pages = [
        next(fill_pages(template, digits, numbers=[0], seed=seed, severity=NONE, habits=CLEAR))
        for seed in (1, 2)
    ]
    assert pages[0].truth != pages[1].truth


def test_the_same_page_is_written_the_same_at_every_severity(digits: LabelledImages) -> None:
    template = form(row_of_cells("a"), Field("run", WritingBox(Rectangle(10, 30, 60, 10), 2, 6)))
    pages = [
        next(fill_pages(template, digits, numbers=[2], seed=1, severity=severity))
        for severity in SEVERITIES.values()
    ]
    written = [[(cell.field, cell.label, cell.image) for cell in page.cells] for page in pages]
    assert all(each == written[0] for each in written)


def test_a_seed_below_zero_is_refused(digits: LabelledImages) -> None:
    with pytest.raises(IngestError, match="seed is -1"):
        next(fill_pages(form(row_of_cells("a")), digits, numbers=[0], seed=-1, severity=NONE))


# Values


@pytest.mark.parametrize(
    "rules",
    [
        [Checksum("luhn")],
        [Checksum("mod-97-10"), Range(lowest=5_000_000)],
        [Checksum("weighted-mod-11", (7, 6, 5, 4, 3, 2, 1))],
        [Range(1, 31)],
        [Length(4, 6), Checksum("verhoeff")],
        [Pattern("(0[1-9]|[12][0-9]|3[01])(0[1-9]|1[0-2])[0-9]{3}")],
        [Pattern(r"1\d{3,6}"), Checksum("luhn")],
        [OneOf(("1234567", "007"))],
    ],
)
def test_values_pass_the_rules_of_their_field(rules: list[Rule]) -> None:
    field = row_of_cells("a", rules=rules)
    for seed in range(40):
        value = generate_value(field, np.random.default_rng(seed))
        assert 1 <= len(value) <= 7
        assert all(rule.accepts(value) for rule in rules)


def test_values_vary_within_their_rules() -> None:
    field = row_of_cells("a", rules=[Length(4, 7), Checksum("luhn")])
    values = {generate_value(field, np.random.default_rng(seed)) for seed in range(60)}
    assert len(values) > 50
    assert {len(value) for value in values} == {4, 5, 6, 7}


def test_a_field_without_length_or_mark_has_all_its_cells_filled() -> None:
    assert {len(page["a"]) for page in values_of(form(row_of_cells("a")))} == {7}
    assert len({len(page["a"]) for page in values_of(form(row_of_cells("a", unused_mark="X")))}) > 3


def test_a_box_has_as_many_digits_as_it_takes() -> None:
    template = form(Field("run", WritingBox(Rectangle(5, 5, 60, 10), 2, 5)))
    assert {len(page["run"]) for page in values_of(template)} == {2, 3, 4, 5}


def test_sums_and_equal_values_hold_across_fields() -> None:
    rules = [SumRule(("a", "b", "c"), "total"), EqualRule(("a", "copy"))]
    fields = [
        row_of_cells(name, y=10 * n, count=5) for n, name in enumerate(["a", "b", "c", "copy", "total"])
    ]
    for page in values_of(form(*fields, rules=rules), blank_rate=0.2):
        known = {name: value for name, value in page.items() if value}
        assert all(rule.accepts(known) for rule in rules)


def test_fields_of_one_sum_are_blank_together_or_not_at_all() -> None:
    fields = [row_of_cells(name, y=10 * n, count=4) for n, name in enumerate(["a", "b", "total", "free"])]
    pages = values_of(form(*fields, rules=[SumRule(("a", "b"), "total")]), blank_rate=0.5)
    tied = [tuple(page[name] == "" for name in ("a", "b", "total")) for page in pages]
    assert set(tied) == {(True, True, True), (False, False, False)}
    assert {page["free"] == "" for page in pages} == {True, False}


def test_a_field_that_must_be_filled_is_never_blank() -> None:
    template = form(row_of_cells("a", may_be_blank=False), row_of_cells("b", y=30))
    assert all(page["a"] and not page["b"] for page in values_of(template, blank_rate=1.0))


def test_rules_that_contradict_each_other_are_named() -> None:
    template = form(row_of_cells("a", rules=[Range(0, 99), OneOf(("123",))]))
    with pytest.raises(IngestError, match=r"'a'.*0 to 99.*one of 123"):
        generate_values(template, np.random.default_rng(0), blank_rate=0)


def test_a_sum_that_cannot_hold_is_named() -> None:
    fields = [row_of_cells("a", rules=[Range(lowest=9_000_000)]), row_of_cells("b", rules=[Range(0, 9)])]
    other = row_of_cells("c", rules=[Range(lowest=9_000_000)])
    template = form(*fields, other, rules=[SumRule(("a", "c"), "b")])
    with pytest.raises(IngestError, match="cannot generate values for form 'test'"):
        generate_values(template, np.random.default_rng(0), blank_rate=0)


@pytest.mark.parametrize(
    "expression",
    [
        "007",
        r"\d{3}",
        "[1-9][0-9]*",
        "(?:19|20)[0-9]{2}",
        "1?2+",
        "[^0-4]{2,}",
        "^(1|2(3|4){2})$",
        r"[\d]{2}.",
        "1|",
    ],
)
def test_generated_matches_match(expression: str) -> None:
    rule = Pattern(expression)
    matches = [generate_match(expression, np.random.default_rng(seed)) for seed in range(30)]
    assert all(match == "" or (match is not None and rule.accepts(match)) for match in matches)
    assert any(matches)


@pytest.mark.parametrize("expression", [r"\p{Nd}+", "[[:digit:]]", "a", "((([0-9]{60}){60}){60}){60}"])
def test_patterns_that_cannot_be_walked_are_left_to_chance(expression: str) -> None:
    assert generate_match(expression, np.random.default_rng(0)) is None


# Where things are


@pytest.mark.parametrize("name", SEVERITIES)
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_dot_of_the_form_is_where_the_scan_locates_it(name: str, rotation: int) -> None:
    severity = replace(SEVERITIES[name], rotations=(rotation,), noise=0, speckle=0, jpeg_quality=None)
    sheet = np.full((1100, 1600), 255, np.uint8)  # at 400 dpi
    sheet[300:330, 1000:1030] = 0
    for seed in range(3):
        scan = scan_sheet(sheet, 400, severity, np.random.default_rng(seed))
        expected = scan.locate(np.array([[1015, 315]]) / 2)[0]  # aligned: 200 dpi
        x, y = (round(float(place)) for place in expected)
        around = 255 - scan.image[y - 20 : y + 20, x - 20 : x + 20].astype(float)
        around -= np.median(around)
        mass = np.clip(around - around.max() / 2, 0, None)  # without the shade of a crease nearby
        rows, columns = np.mgrid[y - 20 : y + 20, x - 20 : x + 20] + 0.5
        found = np.array([(mass * columns).sum(), (mass * rows).sum()]) / mass.sum()
        assert np.abs(found - expected).max() < 0.3


def test_corners_lie_around_the_cells_and_digits_of_a_turned_scan(digits: LabelledImages) -> None:
    template = form(row_of_cells("a", rules=[Length(3, 5)]), row_of_cells("b", y=30, rules=[Length(3, 5)]))
    severity = replace(SEVERITIES["medium"], rotations=(90, 180, 270), noise=0, shade=0)
    for page in fill_pages(template, digits, numbers=range(4), seed=3, severity=severity, habits=CLEAR):
        assert page.rotation in (90, 180, 270)
        for cell in page.cells:
            flat = flatten(page, cell.corners)
            assert (flat[14:66, 10:50].min() < 150) == (cell.state == "digit")
            edges = [flat[:4, 20:40], flat[-4:, 20:40], flat[30:50, :4], flat[30:50, -4:]]
            assert all(edge.min() < 215 for edge in edges)  # the cell's own line is there


def test_digits_stand_upright_in_their_corners_with_the_label_they_say(digits: LabelledImages) -> None:
    severity = replace(SEVERITIES["light"], rotations=(90, 180, 270))
    page = next(
        fill_pages(form(row_of_cells("a")), digits, numbers=[0], seed=0, severity=severity, habits=CLEAR)
    )
    for cell in page.cells:
        flat = 255 - flatten(page, cell.corners)[8:72, 6:54].astype(float)
        ink = flat > 100
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        found = flat[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        scores = [
            np.corrcoef(_tight(image, found.shape).ravel(), found.ravel())[0, 1] for image in digits.images
        ]
        assert int(digits.labels[int(np.argmax(scores))]) == cell.label
    assert "".join(str(page.labels["a", n]) for n in range(7)) == page.truth["a"]


def _tight(image: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.float64]:
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    cut = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return cv2.resize(cut, (shape[1], shape[0]), interpolation=cv2.INTER_AREA).astype(np.float64)


def test_truth_and_labels_agree_on_every_field(digits: LabelledImages) -> None:
    habits = Habits(blank_rate=0.2, crossed_out_rate=0.2, right_aligned_rate=0.5, touching_rate=0.3)
    template = form(
        row_of_cells("a", rules=[Length(2, 6)]), Field("run", WritingBox(Rectangle(10, 30, 60, 10), 2, 6))
    )
    for page in fill_pages(template, digits, numbers=range(12), seed=0, severity=NONE, habits=habits):
        for field in ("a", "run"):
            labels = [str(label) for (name, _), label in sorted(page.labels.items()) if name == field]
            assert "".join(labels) == page.truth[field]
        assert len([cell for cell in page.cells if cell.field == "a"]) == 7


# Ink


def test_ink_keeps_clear_of_the_lines_of_cells(digits: LabelledImages) -> None:
    field = row_of_cells("a")
    blank = np.full((1200, 1600), 255, np.uint8)
    for seed in range(20):
        sheet = Sheet(blank.copy(), 400)
        Writer(sheet, digits, CLEAR, np.random.default_rng(seed)).write_field(field, "0123456")
        assert sheet.image.min() < 150
        assert isinstance(field.place, Cells)
        for rectangle in field.place.rectangles():
            left, top, right, bottom = (round(edge) for edge in rectangle.pixels(400))
            near = sheet.image[top - 5 : bottom + 5, left - 5 : right + 5].copy()
            near[12:-12, 12:-12] = 255  # all but a band of 0.3 mm inside the cell's edge
            assert near.min() == 255


def test_digits_run_over_lines_where_the_writer_does(digits: LabelledImages) -> None:
    field, habits = row_of_cells("a", count=1), Habits(over_line_rate=1)
    left, top, right, bottom = (round(edge) for edge in Rectangle(10, 10, 6, 8).pixels(400))
    for seed in range(10):
        sheet = Sheet(np.full((600, 600), 255, np.uint8), 400)
        Writer(sheet, digits, habits, np.random.default_rng(seed)).write_field(field, "8")
        assert sheet.image.min() < 150
        sheet.image[top:bottom, left:right] = 255
        assert sheet.image.min() < 200


def test_digits_are_as_high_as_the_writer_writes(digits: LabelledImages) -> None:
    field = row_of_cells("a", count=1)
    cell = 8 / MM_PER_INCH * 400
    for seed in range(10):
        sheet = Sheet(np.full((600, 600), 255, np.uint8), 400)
        Writer(sheet, digits, CLEAR, np.random.default_rng(seed)).write_field(field, "8")
        rows = np.flatnonzero((sheet.image < 200).any(axis=1))
        assert 0.5 * cell < rows[-1] - rows[0] < 0.85 * cell


@pytest.mark.parametrize(("touching_rate", "parts"), [(0.0, 6), (1.0, 1)])
def test_digits_of_a_run_touch_according_to_the_truth(
    digits: LabelledImages, touching_rate: float, parts: int
) -> None:
    field = Field("run", WritingBox(Rectangle(5, 5, 60, 10), 6, 6))
    habits = Habits(touching_rate=touching_rate)
    for seed in range(15):
        sheet = Sheet(np.full((400, 1200), 255, np.uint8), 400)
        cells = Writer(sheet, digits, habits, np.random.default_rng(seed)).write_field(field, "502836")
        found, _ = cv2.connectedComponents((sheet.image < 150).astype(np.uint8), connectivity=8)
        assert found - 1 == parts
        assert {cell.touches for cell in cells} == {touching_rate > 0}
        lefts = [cell.corners[0, 0] for cell in cells]
        assert lefts == sorted(lefts)


def test_a_long_run_in_a_short_box_is_written_smaller_and_stays_inside(digits: LabelledImages) -> None:
    box = Rectangle(5, 5, 25, 10)
    sheet = Sheet(np.full((400, 700), 255, np.uint8), 400)
    field = Field("run", WritingBox(box, 1, 10))
    Writer(sheet, digits, CLEAR, np.random.default_rng(0)).write_field(field, "0123456789")
    left, top, right, bottom = (round(edge) for edge in box.pixels(400))
    assert sheet.image[top:bottom, left:right].min() < 150
    sheet.image[top:bottom, left:right] = 255
    assert sheet.image.min() == 255


def test_unused_cells_get_their_mark_and_empty_fields_none(digits: LabelledImages) -> None:
    field = row_of_cells("a", unused_mark="X")
    sheet = Sheet(np.full((600, 900), 255, np.uint8), 400)
    writer = Writer(sheet, digits, CLEAR, np.random.default_rng(0))
    states = [cell.state for cell in writer.write_field(field, "123")]
    assert states == ["digit"] * 3 + ["mark"] * 4
    left, top, right, bottom = (round(edge) for edge in Rectangle(46, 10, 6, 8).pixels(400))
    assert sheet.image[top:bottom, left:right].min() < 150
    assert [cell.state for cell in writer.write_field(field, "")] == ["blank"] * 7


def test_a_void_field_is_struck_through_and_has_no_value(digits: LabelledImages) -> None:
    template = form(row_of_cells("a"))
    habits = Habits(blank_rate=1, void_rate=1)
    page = fill_page(template, digits, np.random.default_rng(0), NONE, habits=habits)
    assert page.truth == {"a": ""}
    assert {cell.state for cell in page.cells} == {"mark"}
    assert page.image.min() < 100  # the lines of the cells are paler than a pen


def test_a_crossed_out_digit_is_written_again_in_the_next_cell(digits: LabelledImages) -> None:
    sheet = Sheet(np.full((600, 900), 255, np.uint8), 400)
    writer = Writer(sheet, digits, Habits(crossed_out_rate=1), np.random.default_rng(0))
    cells = writer.write_field(row_of_cells("a"), "12345")
    assert [cell.state for cell in cells[:5]] == ["crossed_out", "digit", "crossed_out", "digit", "digit"]
    assert [cell.label for cell in cells if cell.state == "digit"] == [1, 2, 3, 4, 5]


def test_labelled_images_need_all_ten_digits(digits: LabelledImages) -> None:
    some = digits.labels != 7
    with pytest.raises(IngestError, match="lack the digit 7"):
        LabelledImages(digits.images[some], digits.labels[some])
    with pytest.raises(IngestError, match="expected uint8"):
        LabelledImages(digits.images[:, :20], digits.labels)


@pytest.mark.parametrize("wrong", [{"touching_rate": 1.5}, {"size": (0.8, 0.6)}, {"size": (0, 0.5)}])
def test_habits_that_nobody_has_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(IngestError, match=next(iter(wrong))):
        Habits(**wrong)  # type: ignore[arg-type]


# Scans


def test_medium_is_what_accuracy_is_stated_for() -> None:
    medium = SEVERITIES["medium"]
    stated = (medium.skew_degrees, medium.dpi, medium.blur_px, medium.noise, medium.jpeg_quality)
    assert stated == (2.0, 200, 0.7, 8, 60)
    assert medium.rotations == (0,)
    assert (medium.speckle, medium.contrast, medium.scale) == (0, 1, 0.02)


def test_noise_has_the_stated_deviation() -> None:
    severity = Severity(noise=8, paper=200)
    scan = scan_sheet(np.full((800, 800), 255, np.uint8), 400, severity, np.random.default_rng(0))
    assert scan.image.std() == pytest.approx(8, abs=0.1)
    assert scan.image.mean() == pytest.approx(200, abs=0.2)


def test_contrast_shade_and_paper_change_grey_levels_as_they_say() -> None:
    sheet = np.full((800, 800), 255, np.uint8)
    sheet[:, :400] = 0
    pale = scan_sheet(sheet, 400, Severity(contrast=0.5, paper=220), np.random.default_rng(0)).image
    assert (pale[200, 10], pale[200, -10]) == (110, 220)
    white = np.full((800, 800), 255, np.uint8)
    shaded = scan_sheet(white, 400, Severity(shade=50), np.random.default_rng(0)).image
    assert (shaded.max(), shaded.min()) == (pytest.approx(255, abs=1), pytest.approx(205, abs=1))


def test_the_number_of_specks_follows_the_severity() -> None:
    white = np.full((4000, 4000), 255, np.uint8)  # 100 square inches
    severity = Severity(speckle=3, paper=200, contrast=1)
    scan = scan_sheet(white, 400, severity, np.random.default_rng(0))
    found, _ = cv2.connectedComponents((scan.image < 170).astype(np.uint8))
    assert 150 < found < 270  # 300, of which 70 % are dark


def test_a_turned_page_has_its_sides_swapped_and_a_skew_shows_the_scanner_bed() -> None:
    sheet = np.full((800, 1200), 255, np.uint8)
    turned = scan_sheet(sheet, 400, Severity(rotations=(90,)), np.random.default_rng(0))
    assert turned.image.shape == (600, 400)
    assert turned.image.min() == 255
    skewed = scan_sheet(sheet, 400, Severity(skew_degrees=5, dark_bed=1), np.random.default_rng(0))
    assert skewed.image[0].min() == 0 or skewed.image[-1].min() == 0


def test_a_page_of_no_severity_is_the_form_itself(digits: LabelledImages) -> None:
    template = form(row_of_cells("a"))
    page = fill_page(template, digits, np.random.default_rng(0), NONE, habits=Habits(blank_rate=1))
    sheet = render_blank_sheet(template, 200).image
    half = cv2.resize(sheet, (page.image.shape[1], page.image.shape[0]), interpolation=cv2.INTER_AREA)
    assert page.image.shape == template.aligned_size
    assert np.abs(page.image.astype(int) - half).mean() < 0.5


@pytest.mark.parametrize(("name", "suffix"), [("none", ".png"), ("medium", ".jpg")])
def test_the_file_of_a_page_is_its_image_with_its_resolution(
    digits: LabelledImages, name: str, suffix: str
) -> None:
    page = fill_page(form(row_of_cells("a")), digits, np.random.default_rng(0), SEVERITIES[name])
    opened = Image.open(BytesIO(page.content))
    assert page.suffix == suffix
    assert np.array_equal(np.asarray(opened), page.image)
    assert opened.info["dpi"] == pytest.approx((200, 200), abs=0.1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dpi": 0},
        {"noise": -1},
        {"contrast": 1.1},
        {"jpeg_quality": 0},
        {"rotations": (45,)},
        {"rotations": ()},
    ],
)
def test_severities_that_no_scan_has_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(IngestError, match=next(iter(wrong))):
        replace(NONE, **wrong)  # type: ignore[arg-type]


# Forms


def test_a_reference_is_the_paper_that_is_written_on(digits: LabelledImages, tmp_path: Path) -> None:
    picture = np.full((551, 787), 255, np.uint8)  # 100 x 70 mm at 200 dpi
    picture[400:420, 100:700] = 0
    Image.fromarray(picture).save(tmp_path / "blank.png", dpi=(200, 200))
    template = form(row_of_cells("a"), reference=Reference(tmp_path / "blank.png"))
    page = fill_page(template, digits, np.random.default_rng(0), NONE, habits=CLEAR)
    assert page.image[405:415, 110:690].max() < 30
    assert page.image[:300].min() < 100
    assert page.image[430:].min() > 200  # no lines are drawn where there is a reference


def test_the_demo_form_has_its_cells_at_the_places_of_its_template(tmp_path: Path) -> None:
    form_files = draw_demo_form(tmp_path)
    template = read_template(form_files.template)
    blank = np.asarray(Image.open(form_files.blank))
    for field in template.fields:
        places = field.place.rectangles() if isinstance(field.place, Cells) else (field.place.place,)
        for rectangle in places:
            left, top, right, bottom = (round(edge) for edge in rectangle.pixels(300))
            for upright in (
                blank[top + 20 : bottom - 20, left - 2 : left + 2],
                blank[top + 20 : bottom - 20, right - 2 : right + 2],
                blank[top - 2 : top + 2, left + 20 : right - 20].T,
                blank[bottom - 2 : bottom + 2, left + 20 : right - 20].T,
            ):
                assert upright.min(axis=1).max() < 180  # a line within 0.2 mm all along the edge
            assert blank[top + 4 : bottom - 4, left + 4 : right - 4].min() == 255


def test_filled_demo_forms_keep_all_their_rules(digits: LabelledImages, tmp_path: Path) -> None:
    template = read_template(draw_demo_form(tmp_path).template)
    assert len(template.rules) == 1
    for values in values_of(template, pages=20, blank_rate=0.1):
        known = {name: value for name, value in values.items() if value}
        assert template.rules[0].accepts(known)
        assert all(
            rule.accepts(values[field.name])
            for field in template.fields
            if values[field.name]
            for rule in field.rules
        )
    page = fill_page(template, digits, np.random.default_rng(0), SEVERITIES["medium"])
    assert page.image.shape == template.aligned_size


def test_a_demo_form_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="cannot write the demo's form"):
        draw_demo_form(tmp_path / "missing")


def test_mnist_digits_keep_their_shape_through_a_filled_page(mnist_root: Path) -> None:
    """Each is drawn, scanned and normalised, and is still nearer to itself than to 199 others."""
    raw = mnist_root / "MNIST" / "raw"
    packed = [(raw / f"t10k-{name}-ubyte.gz").read_bytes() for name in ("images-idx3", "labels-idx1")]
    images = np.frombuffer(gzip.decompress(packed[0]), np.uint8, offset=16).reshape(-1, 28, 28)[:200]
    labels = np.frombuffer(gzip.decompress(packed[1]), np.uint8, offset=8)[:200]
    digits = LabelledImages(images, labels)
    template = form(row_of_cells("a"), row_of_cells("b", y=30), row_of_cells("c", y=50))
    severity = replace(SEVERITIES["medium"], skew_degrees=0, shift_mm=0, scale=0)
    kept = total = 0
    for page in fill_pages(template, digits, numbers=range(3), seed=0, severity=severity, habits=CLEAR):
        for cell in page.cells:
            left, top = np.rint(cell.corners[0]).astype(int) + 4
            right, bottom = np.rint(cell.corners[2]).astype(int) - 4
            digit = normalise_digit(page.image[top:bottom, left:right])
            assert digit is not None
            distances = np.abs(images.astype(int) - digit.image).sum(axis=(1, 2))
            total += 1
            kept += int(distances.argmin() == cell.image)
    assert total == 63
    assert kept >= 60
