"""Tests of pictures of pages with their readings, and of sheets of misread fields."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lenet_pipeline.forms.drawing.labels import Area, Label, sort_for_reading
from lenet_pipeline.forms.drawing.lettering import fit_text, load_lettering
from lenet_pipeline.forms.drawing.mistake_sheets import DrawnMistake, draw_mistakes
from lenet_pipeline.forms.drawing.page_annotations import DrawnCell, DrawnField
from lenet_pipeline.forms.drawing.pages import draw_page, outline_template
from lenet_pipeline.forms.filling.demo_form import draw_demo_form
from lenet_pipeline.forms.templates.model import Cells, Field, Rectangle, Template, WritingBox
from lenet_pipeline.forms.templates.template_file import read_template
from lenet_pipeline.ingest.batch import Box

PAGE = np.full((500, 800), 255, np.uint8)
HEAD = 96  # pixels of caption and legend above the page
BLUE, SKY, ORANGE, VERMILLION, PURPLE = (
    (0, 114, 178),
    (86, 180, 233),
    (230, 159, 0),
    (213, 94, 0),
    (204, 121, 167),
)


def page_pixels(image: Image.Image) -> NDArray[np.uint8]:
    """Return a drawn page without its head."""
    return np.asarray(image)[HEAD:]


def count(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> int:
    return int((pixels == colour).all(axis=2).sum())


def test_a_page_keeps_its_width_and_gets_a_head() -> None:
    image = draw_page(PAGE, [], "nothing read")
    assert image.mode == "RGB"
    assert image.size == (800, 500 + HEAD)
    assert (page_pixels(image)[2:] == 255).all()


def test_the_page_stays_visible_and_is_not_changed_itself() -> None:
    page = PAGE.copy()
    page[100:200, 100:200] = 0
    drawn = page_pixels(draw_page(page, [], ""))
    assert page[150, 150] == 0
    assert (drawn[150, 150] < 120).all()
    assert (drawn[300, 150] == 255).all()


@pytest.mark.parametrize(
    ("state", "colour"),
    [("digit", BLUE), ("blank", SKY), ("mark", ORANGE), ("not_a_digit", VERMILLION)],
)
def test_a_cell_is_outlined_in_the_colour_of_its_state(state: str, colour: tuple[int, int, int]) -> None:
    cell = DrawnCell("a", 0, Box(100, 100, 60, 80), state)  # type: ignore[arg-type]
    drawn = page_pixels(draw_page(PAGE, [cell], ""))
    assert tuple(drawn[100, 130]) == tuple(drawn[179, 130]) == colour
    assert tuple(drawn[140, 100]) == tuple(drawn[140, 159]) == colour
    assert (drawn[110:170, 110:150] == 255).all()


def test_a_reading_stands_below_its_cell_and_not_on_the_ink() -> None:
    cell = DrawnCell("a", 0, Box(100, 100, 60, 80), "digit", "7", 0.98)
    drawn = page_pixels(draw_page(PAGE, [cell], ""))
    assert count(drawn[184:220, 100:160], BLUE) > 20
    assert (drawn[104:176, 104:156] == 255).all()


def test_another_reading_or_confidence_looks_different() -> None:
    def drawn(text: str, confidence: float | None) -> bytes:
        cell = DrawnCell("a", 0, Box(100, 100, 60, 80), "digit", text, confidence)
        return draw_page(PAGE, [cell], "").tobytes()

    readings = {drawn("7", 0.98), drawn("1", 0.98), drawn("7", 0.52), drawn("7", None)}
    assert len(readings) == 4


def test_only_certainty_is_a_hundred_percent() -> None:
    def drawn(confidence: float) -> bytes:
        cell = DrawnCell("a", 0, Box(100, 100, 60, 80), "digit", "7", confidence)
        return draw_page(PAGE, [cell], "").tobytes()

    assert drawn(0.9999) == drawn(0.99)
    assert drawn(1.0) != drawn(0.9999)


def grid_cells(rows: int, columns: int) -> list[DrawnCell]:
    """Return the cells of one field, without gaps."""
    return [
        DrawnCell("grid", 5 * row + column, Box(100 + 50 * column, 100 + 60 * row, 50, 60), "digit", "7", 0.9)
        for row in range(rows)
        for column in range(columns)
    ]


def test_rows_that_leave_no_room_have_their_readings_next_to_them() -> None:
    cells = grid_cells(4, 5)
    drawn = page_pixels(draw_page(PAGE, cells, ""))
    for cell in cells:
        inside = drawn[cell.box.y + 4 : cell.box.y + 56, cell.box.x + 4 : cell.box.x + 46]
        assert (inside == 255).all()
    for row in (1, 2):
        beside = drawn[105 + 60 * row : 155 + 60 * row, 355:500]
        assert count(beside, BLUE) > 300


def table(rows: int, columns: int) -> Template:
    """Return a table of fields that fills its page, without room for a label between them."""
    fields = [
        Field(f"row_{row}_column_{column}", Cells(Rectangle(2 + 19 * column, 2 + 9 * row, 9.5, 9), 2, 9.5))
        for row in range(rows)
        for column in range(columns)
    ]
    width, height = 4 + 19 * columns, 4 + 9 * rows
    return Template("table", width, height, tuple(fields), "scale", 3.0, "", "")


def example_templates(folder: Path) -> list[Template]:
    """Return templates with sparse, dense and full pages."""
    return [read_template(draw_demo_form(folder).template), table(12, 5), table(3, 2)]


@pytest.mark.parametrize("has_readings", [False, True])
def test_no_label_covers_a_cell_of_any_template(tmp_path: Path, *, has_readings: bool) -> None:
    for template in example_templates(tmp_path):
        cells, fields = outline_template(template)
        if has_readings:
            cells = [replace(cell, state="digit", text="8", confidence=0.98) for cell in cells]
            fields = [replace(field, value="12345678", confidence=0.91) for field in fields]
        page = np.full(template.aligned_size, 255, np.uint8)
        drawn = page_pixels(draw_page(page, cells, "", fields=fields))
        places = [place.pixel_box() for field in template.fields for place in field.place.rectangles()]
        for box in places:
            # The outline of an adjacent field reaches five pixels into a cell.
            inside = drawn[box.y + 6 : box.y + box.height - 6, box.x + 6 : box.x + box.width - 6]
            assert (inside == 255).all(), (template.form, box)


def test_labels_without_room_on_the_page_stand_next_to_it() -> None:
    template = table(12, 5)
    cells, fields = outline_template(template)
    width = template.aligned_size[1]
    page = np.full(template.aligned_size, 255, np.uint8)
    drawn = page_pixels(draw_page(page, cells, "", fields=fields))
    assert drawn.shape[1] > width
    assert count(drawn[:, width:], (70, 70, 70)) > 40 * 1000  # at least forty names


def stock(value: str | None = "361") -> tuple[list[DrawnCell], list[DrawnField]]:
    """Return the digits and fields of a table of 4 x 3 boxes in its upper left corner."""
    boxes = {
        f"r{row}.c{column}": Box(60 + 150 * column, 60 + 50 * row, 150, 50)
        for row in range(4)
        for column in range(3)
    }
    fields = [DrawnField(name, box, value, None if value is None else 0.9) for name, box in boxes.items()]
    cells = [
        # Digits of different height, as people write them.
        DrawnCell(name, n, Box(box.x + 10 + 40 * n, box.y + 8 + 3 * n, 30, 30 - 2 * n), "digit", "7", 0.9)
        for name, box in boxes.items()
        for n in range(3)
    ]
    return cells, fields


def test_a_table_without_room_is_listed_once_by_name_and_without_bare_digits() -> None:
    cells, fields = stock()
    drawn = page_pixels(draw_page(PAGE, cells, "", fields=fields))
    added = drawn[:, 800:]
    assert count(added, BLUE) == 0
    rows = (added == (70, 70, 70)).all(axis=2).any(axis=1)
    assert np.count_nonzero(np.diff(rows.astype(int)) == 1) == 12  # one label for each field
    without_readings = page_pixels(
        draw_page(PAGE, [replace(cell, text="") for cell in cells], "", fields=fields)
    )
    assert (drawn == without_readings).all()


def test_readings_without_room_and_value_follow_the_name_of_their_field() -> None:
    cells, _ = stock()
    drawn = page_pixels(draw_page(PAGE, cells, ""))
    shorter = [replace(cell, field=cell.field.replace("r", "")) for cell in cells]
    shown = page_pixels(draw_page(PAGE, shorter, ""))
    assert count(drawn[:, 800:], BLUE) > 12 * 500
    assert count(drawn[:, 800:], BLUE) > count(shown[:, 800:], BLUE)


def test_labels_are_listed_in_reading_order() -> None:
    areas: list[Area] = [(300, 12, 400, 48), (10, 60, 90, 100), (10, 10, 200, 50), (100, 55, 200, 105)]
    label = Label([("a", "Sans", 12)], (0, 0, 0), (255, 255, 255))
    ordered = [area for area, _ in sort_for_reading([(area, label) for area in areas])]
    assert ordered == [areas[2], areas[0], areas[1], areas[3]]


def test_a_table_with_room_for_its_labels_keeps_them_on_the_page() -> None:
    fields = [DrawnField(f"r{n}.count", Box(100, 60 + 100 * n, 120, 50), "12", 0.9) for n in range(4)]
    drawn = page_pixels(draw_page(PAGE, [], "", fields=fields))
    assert drawn.shape[1] == 800
    assert count(drawn, (70, 70, 70)) > 4 * 1500


def test_no_label_covers_the_text_around_a_field() -> None:
    page = PAGE.copy()
    box = Box(300, 200, 200, 60)
    page[::3] = 0  # text everywhere
    page[195:265, 295:505] = 255
    drawn = page_pixels(draw_page(page, [], "", fields=[DrawnField("customer", box, "123", 0.98)]))
    assert count(drawn[:, 800:], (70, 70, 70)) > 1000
    assert count(drawn[2:190, :800], (70, 70, 70)) == count(drawn[270:, :800], (70, 70, 70)) == 0


def test_a_label_keeps_off_print_if_there_is_bare_paper() -> None:
    page = PAGE.copy()
    page[60:95, 90:420:2] = 0  # a text above the field
    drawn = page_pixels(draw_page(page, [], "", fields=[DrawnField("customer", Box(100, 100, 300, 60))]))
    assert count(drawn[60:95, 90:420], (70, 70, 70)) == 0
    assert count(drawn, (70, 70, 70)) > 2500


def test_a_field_shows_its_name_and_value_next_to_it() -> None:
    box = Box(100, 100, 300, 60)
    plain = page_pixels(draw_page(PAGE, [], "", fields=[DrawnField("customer", box)]))
    valued = page_pixels(draw_page(PAGE, [], "", fields=[DrawnField("customer", box, "123", 0.98)]))
    assert count(plain[70:95, 90:400], (70, 70, 70)) > 500
    assert count(valued[70:95, 90:400], (70, 70, 70)) > count(plain[70:95, 90:400], (70, 70, 70))
    assert (valued[106:154, 106:394] == 255).all()


def test_a_value_that_breaks_a_rule_stands_out_and_names_the_rule() -> None:
    box = Box(100, 100, 300, 60)

    def drawn(*rules: str) -> Image.Image:
        return draw_page(PAGE, [], "", fields=[DrawnField("customer", box, "123", 0.98, rules)])

    assert count(page_pixels(drawn()), PURPLE) == 0
    assert count(page_pixels(drawn("luhn")), PURPLE) > 2000
    assert drawn("luhn").tobytes() != drawn("length 9").tobytes()


def test_names_of_fields_close_to_each_other_do_not_cover_cells() -> None:
    cells = [
        DrawnCell(f"row{row}", column, Box(100 + 40 * column, 60 + 62 * row, 40, 50), "digit", "8", 0.95)
        for row in range(6)
        for column in range(6)
    ]
    drawn = page_pixels(draw_page(PAGE, cells, ""))
    for cell in cells:
        inside = drawn[cell.box.y + 4 : cell.box.y + 46, cell.box.x + 4 : cell.box.x + 36]
        assert count(inside, (70, 70, 70)) == 0


def test_cells_at_the_edge_of_the_page_keep_their_names_on_it() -> None:
    cells = [
        DrawnCell("first", 0, Box(0, 0, 50, 60), "digit", "1", 0.9),
        DrawnCell("last", 0, Box(750, 440, 50, 60), "digit", "2", 0.9),
    ]
    drawn = page_pixels(draw_page(PAGE, cells, ""))
    assert drawn.shape == (500, 800, 3)
    assert count(drawn, (70, 70, 70)) > 1000


def test_the_name_of_a_cell_as_large_as_the_page_stands_next_to_the_page() -> None:
    drawn = page_pixels(draw_page(PAGE, [DrawnCell("whole", 0, Box(0, 0, 800, 500), "blank")], ""))
    assert drawn.shape[1] > 800
    assert count(drawn[:, 800:], (70, 70, 70)) > 500
    assert count(drawn[4:496, 4:796], (70, 70, 70)) == 0


def test_a_long_caption_is_cut_and_a_line_break_in_it_is_a_space() -> None:
    long = draw_page(PAGE, [], "scans/" + "very long folder name/" * 4000)
    assert long.size == (800, 500 + HEAD)
    assert (np.asarray(long)[:45, 790:] == 255).all()
    assert draw_page(PAGE, [], "two\nlines").tobytes() == draw_page(PAGE, [], "two lines").tobytes()


def test_fitted_text_does_not_exceed_its_width() -> None:
    font = load_lettering("Sans", 20)
    assert fit_text("short", "Sans", 20, 500) == "short"
    fitted = fit_text("a very long line of text", "Sans", 20, 100)
    assert fitted.endswith("…")
    assert fitted.startswith("a ver")
    assert font.getlength(fitted) <= 100


def test_a_template_is_outlined_with_all_its_cells_and_boxes() -> None:
    template = Template(
        form="test",
        width=100,
        height=60,
        fields=(
            Field("grid", Cells(Rectangle(10, 10, 6, 8), 3, 7, rows=2, row_pitch=10)),
            Field("run", WritingBox(Rectangle(50, 10, 40, 10), 1, 6)),
        ),
        alignment="scale",
        max_residual_px=3,
        fingerprint="f",
        text="",
    )
    cells, fields = outline_template(template)
    assert [(cell.field, cell.position, cell.state) for cell in cells] == [
        ("grid", position, "blank") for position in range(6)
    ]
    assert [field.name for field in fields] == ["grid", "run"]
    assert cells[0].box == Box(79, 79, 47, 63)
    assert fields[0].box == Box(79, 79, 157, 141)
    assert fields[1].box == Box(394, 79, 315, 78)


# Mistakes


def mistake(**changes: object) -> DrawnMistake:
    picture = np.full((40, 200), 255, np.uint8)
    picture[10:30, 50:150] = 0
    values: dict[str, object] = {"picture": picture, "field": "total", "truth": "1234", "reading": "1284"}
    return DrawnMistake(**(values | changes))  # type: ignore[arg-type]


def test_a_sheet_grows_with_its_mistakes_row_by_row() -> None:
    heights = [draw_mistakes([mistake()] * number, "title", columns=3).height for number in (1, 3, 4, 7)]
    assert heights[0] == heights[1]
    assert heights[3] - heights[2] == heights[2] - heights[1] > 0


def test_a_sheet_without_mistakes_says_so() -> None:
    sheet = np.asarray(draw_mistakes([], "title"))
    assert (sheet[75:105] < 200).any()


def test_the_digits_that_differ_are_coloured_and_those_that_agree_are_not() -> None:
    def coloured(**changes: object) -> int:
        return count(np.asarray(draw_mistakes([mistake(**changes)], "title")), VERMILLION)

    assert coloured(reading="1234") == 0
    assert 0 < coloured(reading="1284") < coloured(reading="8884")
    assert coloured(reading=None) > 0


def test_a_digit_read_too_much_does_not_colour_those_behind_it() -> None:
    one = np.asarray(draw_mistakes([mistake(truth="1234", reading="91234")], "title"))
    assert count(one, VERMILLION) > 0
    columns = np.flatnonzero((one == VERMILLION).all(axis=2).any(axis=0))
    assert columns.max() - columns.min() < 16  # one character wide


def test_a_picture_may_be_pixels_or_a_file() -> None:
    pixels = mistake()
    file = BytesIO()
    Image.fromarray(np.asarray(pixels.picture)).save(file, "PNG")
    from_file = mistake(picture=file.getvalue())
    assert draw_mistakes([pixels], "title").tobytes() == draw_mistakes([from_file], "title").tobytes()


def test_more_mistakes_than_fit_are_counted_in_the_title() -> None:
    few = draw_mistakes([mistake()] * 3, "title", most=3)
    many = draw_mistakes([mistake()] * 50, "title", most=3)
    assert few.size == many.size
    assert few.tobytes() != many.tobytes()


@pytest.mark.parametrize("shape", [(1, 1), (5, 3000), (2000, 4)])
def test_a_picture_of_any_shape_fits_its_tile(shape: tuple[int, int]) -> None:
    sheet = draw_mistakes([mistake(picture=np.zeros(shape, np.uint8), where="näme\nwith 字")], "title")
    assert sheet.size == draw_mistakes([mistake()], "title").size
