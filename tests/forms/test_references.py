"""The blank form of a template as pixels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.templates.model import Reference, Template
from lenet_pipeline.forms.templates.reference_size import read_reference_size
from lenet_pipeline.forms.templates.references import render_reference
from tests.forms.document_builders import (
    PdfWriter,
    page_picture,
    write_encrypted,
    write_scans,
    write_tiff,
    write_tiff_of_kinds,
)

FORMS = Path(os.environ.get("LENET_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "forms"


def template(reference: Reference | None, *, width: float = 215.9, height: float = 279.4) -> Template:
    return Template(
        form="sheet",
        width=width,
        height=height,
        fields=(),
        alignment="features",
        max_residual_px=3,
        fingerprint="0" * 64,
        text="",
        reference=reference,
    )


def test_a_template_without_a_reference_has_no_blank_form():
    assert render_reference(template(None), 200) is None


@pytest.mark.parametrize("dpi", [72, 150.5, 300])
def test_a_page_of_a_pdf_is_drawn_in_the_size_of_the_template(tmp_path, dpi):
    writer = PdfWriter()
    writer.add_page()
    writer.add_page("306 396 306 396 re f")  # the upper right quarter
    path = writer.write(tmp_path / "blank.pdf")
    grey = render_reference(template(Reference(path, 2)), dpi)
    height, width = round(279.4 * dpi / 25.4), round(215.9 * dpi / 25.4)
    assert grey.shape == (height, width) and grey.dtype == np.uint8
    assert grey[: height // 2 - 1, width // 2 + 2 :].max() == 0
    assert grey[height // 2 + 2 :].min() == 255 and grey[:, : width // 2 - 1].min() == 255


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("dpi", [50, 100, 180])
def test_an_image_is_scaled_to_the_size_of_the_template_and_is_not_shifted(tmp_path, suffix, dpi):
    blank = np.full((660, 500), 255, np.uint8)
    blank[132:264, 100:300] = 0
    path = tmp_path / f"blank{suffix}"
    Image.fromarray(blank).save(path, quality=98)
    grey = render_reference(template(Reference(path), width=127, height=254), dpi)  # 5 by 10 inches
    assert grey.shape == (10 * dpi, 5 * dpi)
    rows, columns = np.nonzero(grey < 128)
    assert (columns.min(), columns.max() + 1) == (dpi, 3 * dpi)
    assert (rows.min(), rows.max() + 1) == (2 * dpi, 4 * dpi)


def test_a_page_of_a_tiff_is_chosen_by_its_number(tmp_path):
    path = write_tiff(tmp_path / "blank.tif", page_picture(1), page_picture(2))
    grey = render_reference(template(Reference(path, 2), width=64.77, height=83.82), 100)
    assert np.array_equal(grey, page_picture(2))


def test_a_thumbnail_in_a_tiff_is_not_a_page_of_the_reference(tmp_path):
    whole, other = page_picture(1), page_picture(2)
    small = (whole[::5, ::5], {254: 1})
    path = write_tiff_of_kinds(tmp_path / "blank.tif", small, (whole, {}), small, (other, {}))
    for page, grey in ((1, whole), (2, other)):
        assert read_reference_size(Reference(path, page)).pixels == (255, 330)
        found = render_reference(template(Reference(path, page), width=64.77, height=83.82), 100)
        assert np.array_equal(found, grey)
    with pytest.raises(IngestError, match="it has 2 pages"):
        render_reference(template(Reference(path, 3)), 100)


@pytest.mark.parametrize("form", ["", None])
def test_the_fields_of_a_blank_form_are_drawn_as_on_its_filled_copies(tmp_path, form):
    writer = PdfWriter()
    writer.form = form
    field = writer.add_field("", (144, 144, 288, 216), appearance="7")
    writer.add_page(entries=f"/Annots [{field} 0 R]")
    grey = render_reference(template(Reference(writer.write(tmp_path / "blank.pdf"))), 72)
    rows, columns = np.nonzero(grey < 128)
    assert 792 - 216 < rows.min() <= rows.max() < 792 - 144
    assert 144 < columns.min() <= columns.max() < 160


@pytest.mark.parametrize(
    ("name", "page", "said"),
    [
        ("missing.pdf", 1, "the file does not exist"),
        ("scan.pdf", 0, "it has 1 page, counted from 1; correct the page"),
        ("scan.pdf", 2, "it has 1 page, counted from 1; correct the page"),
        ("two.tif", 3, "it has 2 pages, counted from 1; correct the page"),
        ("encrypted.pdf", 1, "encrypted"),
        ("broken.pdf", 1, "damaged"),
        ("broken.png", 1, "truncated"),
        ("notes.txt", 1, "not a PDF, TIFF, PNG or JPEG"),
        ("empty.png", 1, "the file is empty"),
        ("folder", 1, "not a regular file"),
    ],
)
def test_a_reference_that_cannot_be_read_is_one_line_that_names_it(tmp_path, name, page, said):
    write_scans(tmp_path / "scan.pdf", page_picture())
    write_tiff(tmp_path / "two.tif", page_picture(), page_picture())
    write_encrypted(tmp_path / "encrypted.pdf")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 rubbish")
    Image.fromarray(page_picture()).save(tmp_path / "broken.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "broken.png").read_bytes()[:300])
    (tmp_path / "notes.txt").write_text("no form")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(IngestError, match=said) as caught:
        render_reference(template(Reference(tmp_path / name, page)), 200)
    assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)


def test_a_page_size_that_no_memory_holds_is_an_error_before_it_is_made(tmp_path):
    path = write_scans(tmp_path / "scan.pdf", page_picture())
    with pytest.raises(IngestError, match="correct the page size"):
        render_reference(template(Reference(path), width=20_000, height=20_000), 200)


@pytest.mark.parametrize(
    ("name", "width", "height"),
    [
        ("exam-booklets/midterm1-v2-test.pdf", 215.9, 279.4),
        ("blank-templates/Attendance-sheetLayout.pdf", 297.0, 210.0),
        ("blank-templates/Gujrat_1s_12_questions_hwdigits.pdf", 297.0, 210.0),
        ("answer-sheets/reference.png", 210.0, 297.0),
    ],
)
def test_the_real_blank_forms_are_rendered_black_on_white(name, width, height):
    if not (FORMS / name).exists():
        pytest.skip(f"needs {name}; name the folder that has forms/ in LENET_TEST_DATA")
    grey = render_reference(template(Reference(FORMS / name), width=width, height=height), 200)
    assert grey.shape == (round(height * 200 / 25.4), round(width * 200 / 25.4))
    assert np.median(grey) > 250 and grey.min() < 50
