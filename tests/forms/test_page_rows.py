"""Tests of page rows: pages become rows with digits, fields, cells, reasons and places."""

from __future__ import annotations

import io
import uuid
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lenet_pipeline.forms.documents.reader import Document, PageLimits, inspect_document
from lenet_pipeline.forms.page_rows import FormJob, PagePart, PageRows, ReadPart, duplicate_page, read_part
from lenet_pipeline.forms.templates.model import Template
from lenet_pipeline.forms.templates.template_file import read_template
from lenet_pipeline.lake.fingerprints import fingerprint_parts
from lenet_pipeline.schema import DIGITS, derive_digit_id
from tests.forms.document_builders import write_tiff

LIMITS = PageLimits(max_bytes=10_000_000, max_pixels=4_000_000, max_pages=500)

# A slip of 100 x 50 mm: a row of four cells, and a box. At 254 dpi a millimetre is ten pixels.
SLIP = """
form: slip
page: {width: 100, height: 50}
register: scale
fields:
  - name: number
    cells: {x: 10, y: 10, width: 8, height: 10, pitch: 8, count: 4}
    unused: "-"
  - name: amount
    box: {x: 60, y: 10, width: 30, height: 12, digits: [1, 5]}
"""
MM, DPI = 10, 254


@pytest.fixture
def slip(tmp_path: Path) -> Template:
    return template_of(tmp_path, SLIP)


def template_of(folder: Path, text: str) -> Template:
    path = folder / "slip.yaml"
    path.write_text(text)
    return read_template(path)


def page(cells: str = "1 - ", amount: int = 2) -> NDArray[np.uint8]:
    """Draw a slip; ``1`` and ``-`` are strokes in its cells, and its box has so many upright ones."""
    grey = np.full((50 * MM, 100 * MM), 255, np.uint8)
    for column in range(4):
        draw_frame(grey, 10 + 8 * column, 10, 8, 10)
    draw_frame(grey, 60, 10, 30, 12)
    for column, sign in enumerate(cells):
        left = (10 + 8 * column) * MM
        if sign == "1":
            grey[120:180, left + 36 : left + 44] = 0
        elif sign == "-":
            grey[146:154, left + 15 : left + 65] = 0
    for number in range(amount):
        left = 640 + 60 * number
        grey[125:195, left : left + 8] = 0
    return grey


def draw_frame(grey: NDArray[np.uint8], x: int, y: int, width: int, height: int) -> None:
    left, top, right, bottom = x * MM, y * MM, (x + width) * MM, (y + height) * MM
    grey[top : bottom + 2, [left, left + 1, right, right + 1]] = 120
    grey[[top, top + 1, bottom, bottom + 1], left : right + 2] = 120


def document_of(folder: Path, *pages: NDArray[np.uint8]) -> Document:
    path = write_tiff(folder / "slips.tif", *pages, dpi=(DPI, DPI))
    document = inspect_document(path, LIMITS)
    assert isinstance(document, Document), document
    return document


def job_of(*templates: Template, limits: PageLimits = LIMITS) -> FormJob:
    fingerprint = fingerprint_parts(sorted(each.fingerprint for each in templates))
    return FormJob("slips/all", templates, fingerprint, limits)


def read(document: Document, job: FormJob, numbers: range | None = None) -> ReadPart:
    return read_part(PagePart(document, numbers or range(1, document.pages + 1)), job)


def only(part: ReadPart) -> PageRows:
    (rows,) = part.pages
    return rows


def test_a_page_becomes_a_row_with_its_fields_its_cells_and_a_digit_for_each_ink(
    tmp_path: Path, slip: Template
) -> None:
    document = document_of(tmp_path, page())
    rows = only(read(document, job_of(slip)))
    assert (rows.page["status"], rows.page["form"], rows.page["rotation"]) == ("read", "slip", 0)
    assert (rows.page["height_px"], rows.page["width_px"], rows.page["dpi"]) == (500, 1000, DPI)
    assert rows.fields["field"].to_pylist() == ["number", "amount"]
    assert rows.fields["field_number"].to_pylist() == [0, 1]

    number, amount = rows.fields["field_id"].to_pylist()
    cells = {(cell["field_id"], cell["position"]): cell for cell in rows.cells.to_pylist()}
    states = {place: cell["state"] for place, cell in cells.items()}
    assert states == {
        (number, 0): "digit",
        (number, 1): "blank",
        (number, 2): "mark",
        (number, 3): "blank",
        (amount, 0): "digit",
        (amount, 1): "digit",
    }
    assert cells[number, 1]["ink"] == 0 < cells[number, 0]["ink"]
    written = [cell["digit_id"] for cell in cells.values() if cell["state"] != "blank"]
    assert rows.digits["digit_id"].to_pylist() == written
    assert rows.digits.schema == DIGITS
    assert rows.digits["field"].to_pylist() == ["number", "number", "amount", "amount"]
    assert rows.digits["position"].to_pylist() == [0, 2, 0, 1]
    assert set(rows.digits["template"].to_pylist()) == {slip.fingerprint}
    first = derive_digit_id(document.sha256, 1, "number", 0, slip.fingerprint)
    assert rows.digits["digit_id"][0].as_py() == first


def test_places_are_given_on_the_aligned_page_and_on_the_scan(tmp_path: Path, slip: Template) -> None:
    rows = only(read(document_of(tmp_path, page()), job_of(slip)))
    cell = rows.cells.to_pylist()[0]
    place, scanned = cell["box"], cell["source_box"]
    # 10 mm at the aligned page's 200 dpi, and at the scan's 254.
    assert (place["x"], place["y"]) == (pytest.approx(79, abs=2), pytest.approx(79, abs=2))
    assert (place["width"], place["height"]) == (pytest.approx(63, abs=2), pytest.approx(79, abs=2))
    assert (scanned["x"], scanned["y"]) == (pytest.approx(100, abs=3), pytest.approx(100, abs=3))
    assert (scanned["width"], scanned["height"]) == (pytest.approx(80, abs=4), pytest.approx(100, abs=4))
    scale = np.array(rows.page["to_scan"]).reshape(3, 3)
    assert scale[0, 0] == pytest.approx(DPI / 200, rel=0.01)


def test_a_field_comes_with_its_picture(tmp_path: Path, slip: Template) -> None:
    rows = only(read(document_of(tmp_path, page()), job_of(slip)))
    picture = Image.open(io.BytesIO(rows.fields["picture"][0].as_py()))
    # 32 x 10 mm and a margin of 2 mm around, at 200 dpi.
    assert picture.size == (pytest.approx(283, abs=4), pytest.approx(110, abs=4))
    assert np.asarray(picture).min() < 60


def test_other_and_blank_pages_have_their_own_status_and_no_fields(tmp_path: Path, slip: Template) -> None:
    square = np.full((500, 500), 255, np.uint8)
    square[100:300, 100:300] = 0
    blank = np.full((500, 1000), 250, np.uint8)
    part = read(document_of(tmp_path, page(), square, blank), job_of(slip))
    assert [rows.page["status"] for rows in part.pages] == ["read", "unmatched", "blank"]
    assert [rows.page["page"] for rows in part.pages] == [1, 2, 3]
    assert part.rejects == ()
    for rows in part.pages[1:]:
        assert rows.page["template"] is None
        assert rows.page["reason"] and "\n" not in rows.page["reason"]
        assert rows.page["page_fingerprint"]
        assert len(rows.fields) == len(rows.cells) == len(rows.digits) == 0


def test_a_page_past_a_limit_is_a_row_and_a_reject_and_its_neighbour_is_read(
    tmp_path: Path, slip: Template
) -> None:
    huge = np.full((1500, 3000), 255, np.uint8)
    part = read(document_of(tmp_path, huge, page()), job_of(slip))
    assert [rows.page["status"] for rows in part.pages] == ["rejected", "read"]
    (reject,) = part.rejects
    assert (reject.page, reject.reason) == (1, part.pages[0].page["reason"])
    assert part.pages[0].page.get("page_fingerprint") is None
    assert len(part.pages[0].digits) == 0


def test_only_the_pages_of_the_part_are_read(tmp_path: Path, slip: Template) -> None:
    document = document_of(tmp_path, page("1   "), page("11  "), page("111 "))
    part = read(document, job_of(slip), range(2, 4))
    assert [rows.page["page"] for rows in part.pages] == [2, 3]
    assert [rows.digits["field"].to_pylist().count("number") for rows in part.pages] == [2, 3]


def test_another_template_reads_the_same_page_as_other_digits_of_another_page(
    tmp_path: Path, slip: Template
) -> None:
    document = document_of(tmp_path, page())
    first = only(read(document, job_of(slip)))
    again = only(read(document, job_of(slip)))
    (tmp_path / "corrected").mkdir()
    corrected = template_of(tmp_path / "corrected", SLIP.replace("x: 10,", "x: 10.1,"))
    second = only(read(document, job_of(corrected)))
    assert first.page == again.page
    assert first.digits.equals(again.digits) and first.cells.equals(again.cells)
    assert first.page["page_id"] != second.page["page_id"]
    for name in ("digits", "fields"):
        column = {"digits": "digit_id", "fields": "field_id"}[name]
        ids = [set(getattr(rows, name)[column].to_pylist()) for rows in (first, second)]
        assert not ids[0] & ids[1]
    assert first.page["page_fingerprint"] == second.page["page_fingerprint"]


def test_other_templates_do_not_change_the_result_of_a_page(tmp_path: Path, slip: Template) -> None:
    document = document_of(tmp_path, page())
    (tmp_path / "other").mkdir()
    square = SLIP.replace("form: slip", "form: square").replace("100, height: 50", "95, height: 95")
    other = template_of(tmp_path / "other", square)
    alone, beside = only(read(document, job_of(slip))), only(read(document, job_of(other, slip)))
    assert alone.page["page_id"] == beside.page["page_id"]
    assert alone.page["templates"] != beside.page["templates"]
    assert alone.digits.equals(beside.digits)


def test_a_duplicate_names_its_original_and_has_no_fields(tmp_path: Path, slip: Template) -> None:
    rows = only(read(document_of(tmp_path, page()), job_of(slip)))
    original = uuid.uuid4().bytes
    duplicate = duplicate_page(rows, original)
    assert duplicate.page["status"] == "duplicate"
    assert duplicate.page["duplicate_of"] == original
    assert duplicate.page["template"] is None
    assert duplicate.page["page_id"] != rows.page["page_id"]
    assert len(duplicate.digits) == len(duplicate.fields) == len(duplicate.cells) == 0


def test_a_page_without_ink_in_any_field_has_all_its_cells_and_no_digit(
    tmp_path: Path, slip: Template
) -> None:
    rows = only(read(document_of(tmp_path, page(cells="    ", amount=0)), job_of(slip)))
    assert rows.page["status"] == "read"
    assert set(rows.cells["state"].to_pylist()) == {"blank"}
    assert len(rows.cells) == 4
    assert len(rows.digits) == 0
    assert rows.digits.schema == DIGITS
