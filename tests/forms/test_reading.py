"""Tests of reading: an aligned page is read cell by cell."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pypdfium2
import pytest
from numpy.typing import NDArray

from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.reading.field_pictures import cut_cells, field_picture, place_in_picture
from lenet_pipeline.forms.reading.marks import is_mark
from lenet_pipeline.forms.reading.page_reading import read_cells
from lenet_pipeline.forms.reading.readings import CellReading
from lenet_pipeline.forms.templates.model import Cells, Field, Rectangle, Template, UnusedMark
from lenet_pipeline.ingest.idx import read_idx
from lenet_pipeline.ingest.normalisation import normalise_digit
from tests.forms.cell_builders import (
    CROSS,
    DASH,
    LEFT,
    SIDE,
    STROKES,
    TALL,
    TOP,
    blank_form,
    in_cell,
    one_box,
    row_of_cells,
    scanned,
    template_of,
    write,
)

UNMOVED = np.eye(3)
CHECKOUT = Path(__file__).parents[2]


def states(readings: list[CellReading]) -> str:
    """Return the states as one letter each: b, d, m."""
    return "".join(reading.state[0] for reading in readings)


def read(page: Grey, field: Field | None = None, reference: Grey | None = None) -> list[CellReading]:
    return read_cells(page, reference, template_of(field or row_of_cells()), UNMOVED)


def alone(digit: int) -> NDArray[np.uint8]:
    """Return a digit as it is normalised where nothing else is on the paper."""
    page = np.full((TALL, SIDE), 255, np.uint8)
    write(page, STROKES[digit], (14, 14, SIDE - 14, TALL - 14))
    found = normalise_digit(page)
    assert found is not None
    return found.image


def difference(found: NDArray[np.uint8] | None, expected: NDArray[np.uint8]) -> float:
    assert found is not None
    return float(np.abs(found.astype(int) - expected.astype(int)).mean())


@pytest.mark.parametrize("with_reference", [True, False])
def test_digits_are_read_as_they_would_be_alone_on_white_paper(with_reference: bool) -> None:
    page = blank_form()
    for column, digit in enumerate((0, 1, 2, 4, 5, 7, 8)):
        write(page, STROKES[digit], in_cell(column))
    readings = read(scanned(page), reference=blank_form() if with_reference else None)
    assert states(readings) == "dddddddb"
    for reading, digit in zip(readings, (0, 1, 2, 4, 5, 7, 8), strict=False):
        assert difference(reading.image, alone(digit)) < 15
        assert reading.ink > 0.5


@pytest.mark.parametrize("noise", [0.0, 8.0, 20.0])
def test_empty_cells_are_blank_on_grainy_paper(noise: float) -> None:
    assert states(read(scanned(blank_form(), noise=noise))) == "bbbbbbbb"


def test_specks_and_blots_are_blank() -> None:
    page = blank_form()
    rng = np.random.default_rng(1)
    for column in range(8):
        for _ in range(3):
            x, y = LEFT + column * SIDE + rng.integers(8, 48), TOP + rng.integers(8, 64)
            cv2.circle(page, (int(x), int(y)), 2, (20,), -1)
    assert states(read(scanned(page))) == "bbbbbbbb"


def test_a_faint_pencil_one_is_ink() -> None:
    page = blank_form()
    write(page, STROKES[1], in_cell(2), pen=200, thickness=3)
    assert states(read(scanned(page, noise=6))) == "bbdbbbbb"


def test_a_watermark_behind_empty_cells_is_not_ink_next_to_written_cells() -> None:
    page = blank_form()
    mark = np.full_like(page, 255)
    cv2.putText(mark, "COPY", (40, 190), cv2.FONT_HERSHEY_SIMPLEX, 5.5, (218,), 14)
    page = np.minimum(page, mark)
    for column in (0, 3):
        write(page, STROKES[2], in_cell(column))
    assert states(read(scanned(page))) == "dbbdbbbb"


def test_a_tinted_cell_is_blank_and_its_neighbours_too() -> None:
    page = blank_form()
    for column in (0, 2, 4):
        page[TOP + 2 : TOP + TALL - 1, LEFT + column * SIDE + 2 : LEFT + (column + 1) * SIDE - 1] = 222
    write(page, STROKES[2], in_cell(2))
    assert states(read(scanned(page))) == "bbdbbbbb"


def test_a_digit_over_its_border_keeps_its_ink_and_its_neighbour_stays_as_it_was() -> None:
    page = blank_form(line=0)
    write(page, STROKES[7], in_cell(3, x=20))
    write(page, STROKES[2], in_cell(5))
    readings = read(scanned(page, noise=4))
    assert states(readings) == "bbbdbdbb"
    assert difference(readings[3].image, alone(7)) < 16
    assert difference(readings[5].image, alone(2)) < 12


def test_a_digit_over_the_top_of_its_cell_keeps_its_ink() -> None:
    page = blank_form()
    write(page, STROKES[8], in_cell(4, y=-26))
    readings = read(scanned(page), reference=blank_form())
    assert states(readings) == "bbbbdbbb"
    assert difference(readings[4].image, alone(8)) < 14


@pytest.mark.parametrize(("mark", "strokes"), [("X", CROSS), ("-", DASH)])
def test_the_mark_of_unused_cells_is_distinguished_from_digits(mark: UnusedMark, strokes: list) -> None:
    page = blank_form()
    for column, digit in enumerate((1, 4, 7, 8)):
        write(page, STROKES[digit], in_cell(column))
    for column in (4, 5):
        write(page, strokes, in_cell(column))
    readings = read(scanned(page), row_of_cells(mark=mark))
    assert states(readings) == "ddddmmbb"
    assert readings[4].image is not None
    assert [reading.mark for reading in readings[3:6]] == [None, mark, mark]


@pytest.mark.mnist
@pytest.mark.parametrize("mark", ["X", "-"])
def test_no_digit_of_mnist_is_taken_for_a_mark(mnist_root: Path, mark: UnusedMark) -> None:
    images = read_idx(mnist_root / "MNIST" / "raw" / "t10k-images-idx3-ubyte.gz", axes=3).values
    taken = 0
    for image in images[:1500]:
        mask = cv2.resize(image, None, fx=2.5, fy=2.5, interpolation=cv2.INTER_CUBIC) > 100
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        taken += is_mark(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], mark)
    assert taken == 0


def test_boxes_are_where_the_page_has_the_cells_and_in_the_scan() -> None:
    to_scan = np.array([[0.0, -1.5, 400.0], [1.5, 0.0, 20.0], [0.0, 0.0, 1.0]])
    readings = read_cells(scanned(blank_form(shift=(4, -3))), None, template_of(row_of_cells()), to_scan)
    first = readings[0]
    assert abs(first.box.x - LEFT - 4) <= 1
    assert abs(first.box.y - TOP + 3) <= 1
    assert abs(first.box.width - SIDE) <= 2
    assert abs(first.source_box.x - (400 - 1.5 * (first.box.y + first.box.height))) <= 1
    assert abs(first.source_box.y - (1.5 * first.box.x + 20)) <= 1
    assert abs(first.source_box.height - 1.5 * first.box.width) <= 2


def test_fields_and_positions_come_in_the_templates_order() -> None:
    readings = read_cells(blank_form(), None, template_of(row_of_cells("b"), row_of_cells("a")), UNMOVED)
    places = [(reading.field, reading.position) for reading in readings]
    assert places == [(name, position) for name in "ba" for position in range(8)]


def test_a_box_gives_one_reading_for_each_digit_in_it() -> None:
    page = blank_form(dividers=False)
    for column, digit in enumerate((2, 0, 8, 1)):
        write(page, STROKES[digit], in_cell(column, x=-10 * column))
    readings = read(scanned(page), one_box())
    assert states(readings) == "dddd"
    assert [reading.position for reading in readings] == [0, 1, 2, 3]
    for column, (reading, digit) in enumerate(zip(readings, (2, 0, 8, 1), strict=True)):
        assert difference(reading.image, alone(digit)) < 12
        assert LEFT + column * (SIDE - 10) < reading.box.x < LEFT + column * (SIDE - 10) + 30
        assert reading.box.height < TALL - 10


def test_an_empty_box_gives_no_reading() -> None:
    assert read(scanned(blank_form(dividers=False)), one_box()) == []


def test_the_same_page_with_another_template_is_not_read_with_the_first() -> None:
    page = blank_form()
    write(page, STROKES[2], in_cell(0))
    assert [reading.field for reading in read(page, row_of_cells("one"))] == ["one"] * 8
    assert [reading.field for reading in read(page, row_of_cells("two"))] == ["two"] * 8


def test_a_fields_picture_is_a_small_jpeg_with_a_margin() -> None:
    field = row_of_cells()
    grain = np.random.default_rng(0).normal(0, 6, blank_form().shape)
    scanned = np.clip(blank_form() - 15 + grain, 0, 255).astype(np.uint8)
    encoded = field_picture(scanned, field, template_of(field))
    picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert TALL + 20 < picture.shape[0] < TALL + 50
    assert 8 * SIDE + 20 < picture.shape[1] < 8 * SIDE + 50
    assert len(encoded) < picture.size / 3  # bytes: as PNG, grain takes nearly one a pixel


@pytest.mark.parametrize("left_px", [3, 100])
@pytest.mark.parametrize("cells", [8, 30])
def test_cells_cut_from_a_fields_picture_show_their_own_ink(left_px: int, cells: int) -> None:
    mm = 25.4 / 200
    first = Rectangle(left_px * mm, 40 * mm, 50 * mm, 70 * mm)
    field = Field("number", Cells(first, cells, 50 * mm))
    page = np.full((200, 1700), 255, np.uint8)
    template = Template("wide", 1700 * mm, 200 * mm, (field,), "scale", 3.0, "0" * 64, "")
    places = [rectangle.pixel_box() for rectangle in field.place.rectangles()]
    for position, box in enumerate(places):  # a square in the middle, darker from cell to cell
        page[box.y + 20 : box.y + 50, box.x + 10 : box.x + 40] = 200 - 6 * position
    picture = field_picture(page, field, template)
    whole = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert whole is not None
    assert whole.shape[1] == min(1200, cells * 50 + 16 + min(left_px, 16))
    outline = field.outline.pixel_box()
    for position, (box, cut) in enumerate(zip(places, cut_cells(picture, outline, places), strict=True)):
        image = cv2.imdecode(np.frombuffer(cut, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert image is not None
        height, width = image.shape
        assert int(image[height // 2, width // 2]) == pytest.approx(200 - 6 * position, abs=4)
        assert width / height == pytest.approx((50 + 12) / (70 + 12), rel=0.12)
        x, y, wide, tall = (round(each) for each in place_in_picture(whole.shape, outline, box))
        assert int(whole[y + tall // 2, x + wide // 2]) == pytest.approx(200 - 6 * position, abs=4)


# The real scans. Whether a model reads these images rightly is the business of the flows' tests.


def pixel_cells(left: float, top: float, side: float, tall: float, count: int, size: Grey) -> Template:
    """Return a template of one row of cells given in pixels."""
    scale = 25.4 / 200
    first = Rectangle(left * scale, top * scale, side * scale, tall * scale)
    field = Field("number", Cells(first, count, side * scale))
    height, width = size.shape
    return Template("real", width * scale, height * scale, (field,), "scale", 3.0, "0" * 64, "")


@pytest.mark.parametrize(
    ("name", "place"),
    [("student_info_num.jpg", (35.5, 32.3, 101.1, 103.2)), ("student_info.jpg", (941.7, 291.7, 74.8, 76.7))],
)
def test_the_strip_of_sixteen_cells_has_ten_digits_and_six_blanks(
    forms_root: Path, name: str, place: tuple[float, float, float, float]
) -> None:
    picture = cv2.imread(str(forms_root / "exam-booklets" / name), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    page = cv2.resize(picture, None, fx=2 / 3, fy=2 / 3, interpolation=cv2.INTER_AREA)
    left, top, side, tall = (each * 2 / 3 for each in place)
    template = pixel_cells(left, top, side, tall, 16, np.asarray(page, np.uint8))
    assert states(read_cells(np.asarray(page, np.uint8), None, template, UNMOVED)) == "d" * 10 + "b" * 6


@pytest.mark.parametrize(("name", "expected"), [("success", "d" * 10), ("blank", "b" * 10)])
def test_the_booklets_ten_cells_are_all_digits_or_all_blank(
    forms_root: Path, name: str, expected: str
) -> None:
    path = forms_root / "exam-booklets" / f"test-auto-parse-scan-{name}.pdf"
    document = pypdfium2.PdfDocument(path)
    page = document[0].render(scale=200 / 72, grayscale=True).to_numpy().reshape(2200, 1700).copy()
    document.close()
    # These two were scanned a millimetre or two from each other's place.
    top, left = (944, 502) if name == "success" else (931, 501)
    template = pixel_cells(left, top, 60.9, 62, 10, page)
    assert states(read_cells(page, None, template, UNMOVED)) == expected
