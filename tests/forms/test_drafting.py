"""Tests of drafts: printed cells are found at their places, with few false ones."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pypdfium2 as pdfium
import pytest
from PIL import Image

from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.templates.drafting import Draft, draft_template
from lenet_pipeline.forms.templates.model import Cells, Rectangle, WritingBox
from lenet_pipeline.forms.templates.template_file import read_template

DPI = 200
SCALE = DPI / 25.4
FINE = 8  # draw at this multiple of the size and average down, for lines at exact positions


def draw_page(boxes: list[Rectangle], *, line: float = 0.3, ink: int = 0, paper: int = 255) -> Grey:
    """Draw boxes on a page of 100 x 60 mm. The lines are ``line`` mm thick, centred on the boxes' edges."""
    height, width = round(60 * SCALE), round(100 * SCALE)
    page = np.full((height * FINE, width * FINE), paper, np.uint8)
    for box in boxes:
        left, top, right, bottom = (value * FINE for value in box.pixels(DPI))
        half = line / 2 * SCALE * FINE
        outer = np.round([left - half, top - half, right + half, bottom + half]).astype(int)
        inner = np.round([left + half, top + half, right - half, bottom - half]).astype(int)
        inside = page[inner[1] : inner[3], inner[0] : inner[2]].copy()
        page[outer[1] : outer[3], outer[0] : outer[2]] = ink
        page[inner[1] : inner[3], inner[0] : inner[2]] = inside
    return np.asarray(cv2.resize(page, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def row(x: float, y: float, count: int, *, side: float = 6.0, pitch: float = 6.0) -> list[Rectangle]:
    return [Rectangle(x + number * pitch, y, side, side * 1.2) for number in range(count)]


def draft(page: Grey, **options: bool) -> Draft:
    return draft_template(page, DPI, form="test", **options)


def places(found: Draft) -> list[Rectangle]:
    """Return every cell and box in the fields of a draft."""
    listed: list[Rectangle] = []
    for field in found.fields:
        listed += field.place.rectangles() if isinstance(field.place, Cells) else [field.place.place]
    return listed


def farthest_edge(found: list[Rectangle], drawn: list[Rectangle]) -> float:
    """Return the largest distance in millimetres between a found edge and the drawn one."""
    assert len(found) == len(drawn)
    edges = [
        np.array([(box.x, box.y, box.x + box.width, box.y + box.height) for box in sorted(boxes, key=str)])
        for boxes in (found, drawn)
    ]
    return float(np.abs(edges[0][:, None] - edges[1][None]).max(axis=2).min(axis=1).max())


@pytest.mark.parametrize("ink", [0, 120, 191])
@pytest.mark.parametrize("line", [0.12, 0.3, 0.9])
def test_strip_is_one_field_with_any_lines(ink: int, line: float) -> None:
    drawn = row(10.3, 20.7, 8)
    found = draft(draw_page(drawn, line=line, ink=ink))
    assert [(field.name, field.place.columns) for field in found.fields] == [("row_1", 8)]
    assert farthest_edge(places(found), drawn) < 0.1


def test_separate_squares_are_one_field_with_their_pitch() -> None:
    drawn = row(10, 20, 5, pitch=8.5)
    found = draft(draw_page(drawn))
    assert [field.place.columns for field in found.fields] == [5]
    assert found.fields[0].place.pitch == pytest.approx(8.5, abs=0.02)
    assert farthest_edge(places(found), drawn) < 0.1


def test_wider_gap_starts_a_new_field() -> None:
    day, month, year = row(5, 20, 2), row(20, 20, 2), row(35, 20, 4)
    found = draft(draw_page(day + month + year))
    assert [field.place.columns for field in found.fields] == [2, 2, 4]


def test_white_cells_in_a_tint_without_lines_are_found() -> None:
    drawn = row(10, 20, 4, pitch=7.5)
    page = np.full((round(60 * SCALE), round(100 * SCALE)), 255, np.uint8)
    page[round(15 * SCALE) : round(35 * SCALE), round(5 * SCALE) : round(60 * SCALE)] = 200
    for cell in drawn:
        left, top, right, bottom = (round(value) for value in cell.pixels(DPI))
        page[top:bottom, left:right] = 255
    found = draft(page)
    assert [field.place.columns for field in found.fields] == [4]
    assert farthest_edge(places(found), drawn) < 0.15


def test_fields_are_in_reading_order() -> None:
    page = draw_page(row(60, 10.4, 3) + row(10, 10, 3) + row(10, 30, 4))
    found = draft(page)
    assert [(field.name, field.place.columns, round(field.place.first.x)) for field in found.fields] == [
        ("row_1", 3, 10),
        ("row_2", 3, 60),
        ("row_3", 4, 10),
    ]


def test_box_with_print_is_a_field_only_on_filled_forms() -> None:
    drawn = row(10, 20, 4)
    page = draw_page(drawn)
    left, _, _, bottom = (round(value) for value in drawn[1].pixels(DPI))
    cv2.putText(page, "5", (left + 10, bottom - 12), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 0, 3)
    assert [field.place.columns for field in draft(page).fields] == [1, 2]
    assert [field.place.columns for field in draft(page, filled=True).fields] == [4]


def test_discs_small_squares_and_print_are_ignored() -> None:
    page = draw_page([Rectangle(10, 10 + 5 * number, 3.5, 3.5) for number in range(5)])
    cv2.circle(page, (400, 200), 40, 0, 2)
    cv2.putText(page, "Q O D 800", (300, 380), cv2.FONT_HERSHEY_DUPLEX, 3, 0, 4)
    found = draft(page)
    assert found.fields == ()
    assert found.suggestions == ()


def test_boxes_for_several_digits_are_suggestions_on_forms_with_cells_and_fields_otherwise() -> None:
    boxes = [Rectangle(10, 40, 40, 9)]
    alone = draft(draw_page(boxes))
    assert [field.name for field in alone.fields] == ["box_1"]
    assert isinstance(alone.fields[0].place, WritingBox)
    beside = draft(draw_page(boxes + row(10, 20, 4)))
    assert [field.name for field in beside.fields] == ["row_1"]
    assert [field.name for field in beside.suggestions] == ["box_1"]
    assert "  # - name: box_1" in beside.text


@pytest.mark.parametrize("noise", [4, 8])
def test_noisy_tilted_scan_of_a_blank_gives_the_same_cells(noise: int) -> None:
    drawn = row(10, 20, 8)
    page = draw_page(drawn, ink=90)
    height, width = page.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 0.5, 1)
    page = cv2.warpAffine(page, turn, (width, height), borderValue=255)
    grain = np.random.default_rng(1).normal(0, noise, page.shape)
    found = draft(np.clip(page * 0.9 + grain, 0, 255).astype(np.uint8))
    assert [field.place.columns for field in found.fields] == [8]
    assert farthest_edge(places(found), drawn) < 0.5


def write_digits(page: Grey, boxes: list[Rectangle], *, seed: int = 1) -> Grey:
    """Write a digit into each box. Every other one crosses the bottom or the right line of its box."""
    written = page.copy()
    rng = np.random.default_rng(seed)
    for number, box in enumerate(boxes):
        left, _, right, bottom = (round(edge) for edge in box.pixels(DPI))
        x = left + 8 if number % 2 else right - 25
        y = bottom - 10 if number % 2 else bottom + 6
        cv2.putText(written, str(rng.integers(10)), (x, y), cv2.FONT_HERSHEY_SIMPLEX, 1.3, 20, 4)
    return written


def test_cells_are_found_although_writing_crosses_their_lines() -> None:
    drawn = row(10.3, 20.7, 8)
    page = write_digits(draw_page(drawn, ink=100), drawn)
    found = draft(page, filled=True)
    assert [(field.name, field.place.columns) for field in found.fields] == [("row_1", 8)]
    assert farthest_edge(places(found), drawn) < 0.5


def test_cells_at_the_corner_of_a_filled_page_suggest_none_beyond_it() -> None:
    drawn = [*row(0.5, 0.5, 3), *row(80.2, 50.2, 3)]
    found = draft(write_digits(draw_page(drawn, ink=100), drawn), filled=True)
    assert sorted(field.place.columns for field in found.fields) == [3, 3]


def test_faint_lines_on_a_noisy_scan_are_found() -> None:
    drawn = row(10, 20, 8)
    page = draw_page(drawn, ink=226, paper=240)
    grain = np.random.default_rng(3).normal(0, 3, page.shape)
    found = draft(np.clip(page + grain, 0, 255).astype(np.uint8))
    assert [field.place.columns for field in found.fields] == [8]
    assert farthest_edge(places(found), drawn) < 0.5


@pytest.mark.parametrize("dot_mm", [0.4, 0.8])
def test_dotted_lines_are_found(dot_mm: float) -> None:
    drawn = row(10, 20, 6)
    page = draw_page(drawn)
    dot = round(dot_mm * SCALE)
    gaps = (np.arange(page.shape[0])[:, None] // dot + np.arange(page.shape[1])[None] // dot) % 2 == 0
    page[gaps] = 255
    found = draft(page)
    assert [field.place.columns for field in found.fields] == [6]
    assert farthest_edge(places(found), drawn) < 0.5


def test_remnants_of_writing_do_not_hide_cells_of_a_built_blank() -> None:
    drawn = row(10, 20, 6)
    page = draw_page(drawn)
    for cell in (drawn[1], drawn[4]):
        left, top, _, _ = (round(edge) for edge in cell.pixels(DPI))
        cv2.circle(page, (left + 22, top + 28), 8, 0, -1)
    assert [field.place.columns for field in draft(page).fields] == [1, 2, 1]
    found = draft(page, built=True)
    assert [field.place.columns for field in found.fields] == [6]
    assert farthest_edge(places(found), drawn) < 0.5


def test_a_text_has_no_ruled_boxes() -> None:
    page = np.full((900, 1400), 255, np.uint8)
    for line in range(60, 880, 34):
        cv2.putText(page, "HELLO THE FIELD 18 ELF MILL 444", (40, line), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 0, 2)
    found = draft(page, filled=True)
    assert found.fields == ()


def test_notes_stand_in_the_head_of_a_draft() -> None:
    found = draft_template(draw_page(row(10, 20, 4)), DPI, form="test", notes=["The size is a guess."])
    assert "\n# The size is a guess.\n" in found.text


def test_draft_reads_back_as_its_fields(tmp_path: Path) -> None:
    page = draw_page([*row(10, 10, 8), Rectangle(10, 40, 40, 9)])
    name = 'blank "1"\n#€.png'
    Image.fromarray(page).save(tmp_path / name, format="PNG", dpi=(DPI, DPI))
    found = draft_template(page, DPI, form='form: "x"\n# y', reference=name)
    for text, fields in (
        (found.text, found.fields),
        (found.text.replace("  # -", "  -").replace("  #   ", "    "), found.fields + found.suggestions),
    ):
        (tmp_path / "draft.yaml").write_text(text, encoding="utf-8")
        template = read_template(tmp_path / "draft.yaml")
        assert [field.name for field in template.fields] == [field.name for field in fields]
        assert template.form == 'form: "x"\n# y'
        assert template.reference is not None
        assert template.reference.path == tmp_path / name
        read = [field.place for field in template.fields]
        assert read[0].first.x == pytest.approx(fields[0].place.first.x, abs=0.006)


def grid(columns: list[float], rows: int) -> list[Rectangle]:
    """Return the boxes of a table with columns of some widths in millimetres and rows of 8 mm."""
    lefts = np.cumsum([12, *columns])
    return [
        Rectangle(float(left), 10.0 + 8 * row, width, 8)
        for row in range(rows)
        for left, width in zip(lefts, columns, strict=False)
    ]


@pytest.mark.parametrize("has_reference", [True, False])
def test_boxes_in_a_grid_are_suggested_as_a_table_that_reads_back(
    tmp_path: Path, *, has_reference: bool
) -> None:
    drawn = [*grid([20, 30, 6, 6, 6], 3), Rectangle(12, 45, 40, 8)]
    page = draw_page(drawn)
    Image.fromarray(page).save(tmp_path / "blank.png", dpi=(DPI, DPI))
    found = draft_template(page, DPI, form="test", reference="blank.png" if has_reference else None)
    head, block = found.text.split("# tables:\n")
    assert "# 3 x 3 of these boxes form a table, from box_1 to row_3." in head
    assert ("lines: printed" in block) is has_reference
    text = found.text[: found.text.index("fields:")] + "tables:\n" + block.replace("# ", "")
    (tmp_path / "table.yaml").write_text(text, encoding="utf-8")
    read = read_template(tmp_path / "table.yaml").fields
    assert [field.name for field in read][:4] == [
        "row1.column1",
        "row1.column2",
        "row1.column3",
        "row2.column1",
    ]
    expected = [box for box in drawn[:-1] if box.width > 6 or box.x == pytest.approx(62)]
    for field, box in zip(read, expected, strict=True):
        corner = field.outline.x, field.outline.y, field.outline.height
        assert corner == pytest.approx((box.x, box.y, box.height), abs=0.3)
    assert isinstance(read[2].place, Cells)
    assert read[2].place.columns == 3


@pytest.mark.parametrize(
    "boxes",
    [
        [*row(10, 10, 4), *row(10, 30, 4)],
        grid([20, 30], 2),
        [Rectangle(10, 5 + 9 * number, 30, 9) for number in range(6)],
        [Rectangle(10 + 40 * column, 5 + 12 * line, 30, 8) for line in range(3) for column in range(2)],
    ],
    ids=["rows of cells", "too few", "one column", "gaps"],
)
def test_other_boxes_suggest_no_table(boxes: list[Rectangle]) -> None:
    found = draft(draw_page(boxes))
    assert found.fields
    assert "tables:" not in found.text


def test_draft_of_a_page_without_boxes_has_no_fields() -> None:
    found = draft(np.full((400, 600), 255, np.uint8))
    assert found.fields == ()
    assert "No boxes were found" in found.text


def render(path: Path, dpi: float) -> Grey:
    with pdfium.PdfDocument(path) as document:
        return np.array(document[0].render(scale=dpi / 72, grayscale=True).to_pil())


# x and y of the middles of the lines, pitch and count, from the strokes in the PDF.
BOOKLET_ROWS = [(31.5235, 108.6885, 7.38063, 24), (64.6035, 122.0575, 7.7321, 10)]


@pytest.mark.parametrize("dpi", [100, 150, 200, 300])
def test_exam_booklet_has_two_rows_within_a_tenth_of_a_millimetre(forms_root: Path, dpi: float) -> None:
    page = render(forms_root / "exam-booklets" / "midterm1-v2-test.pdf", dpi)
    found = draft_template(page, dpi, form="exam-booklet")
    for field, (x, y, pitch, count) in zip(found.fields, BOOKLET_ROWS, strict=True):
        assert field.place.columns == count
        assert field.place.first.x == pytest.approx(x, abs=0.1)
        assert field.place.first.y == pytest.approx(y, abs=0.1)
        assert (count - 1) * field.place.pitch == pytest.approx((count - 1) * pitch, abs=0.1)
    assert len(found.suggestions) == 4  # the grades


def test_light_grey_cells_in_tables_are_found_and_the_tables_are_ignored(forms_root: Path) -> None:
    blanks = forms_root / "blank-templates"
    sheet = draft_template(render(blanks / "Attendance-sheetLayout.pdf", DPI), DPI, form="a")
    assert sorted(field.place.columns for field in sheet.fields) == [1] * 4 + [7] * 20
    assert sheet.suggestions == ()
    questions = draft_template(
        render(blanks / "Gujrat_1s_12_questions_hwdigits.pdf", DPI), DPI, form="questions"
    )
    assert [field.place.columns for field in questions.fields] == [7] + [2] * 12


def test_white_and_tinted_cells_of_one_row_are_one_field(forms_root: Path) -> None:
    with Image.open(forms_root / "answer-sheets" / "reference.png") as image:
        page = np.array(image.convert("L"))
    found = draft_template(page, 300, form="answer-sheet")
    assert [field.place.columns for field in found.fields] == [7, 1]
