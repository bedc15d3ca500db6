"""Documents that a computer filled in or stored in its own way: each is read with its own values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lenet_pipeline.forms.documents.reader import PageLimits, read_page
from lenet_pipeline.forms.filling.demo_form import draw_demo_form
from lenet_pipeline.forms.templates.template_file import read_template
from lenet_pipeline.jobs import FormIngestJob, IngestedForms, ScoringJob, ingest_forms, score
from lenet_pipeline.settings import Settings, read_settings
from tests.forms.document_builders import Grey, PdfWriter, write_tiff_of_kinds
from tests.jobs.form_builders import ask, audit, broken_checks, grey

pytestmark = pytest.mark.slow

FIELDS = ("customer", "delivered", "quantity", "order", "goods", "freight", "deposit", "total")
FIRST = ("123456709", "17032026", "42", "305918", "120", "35", "8", "163")
SECOND = ("007319858", "05112026", "317", "00284667", "2040", "115", "60", "2215")
THIRD = ("980061246", "29092026", "6", "719350", "777", "0", "23", "800")
HELVETICA = "/DR << /Font << /Helv << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
POINTS_PER_MM = 72 / 25.4


def read_with_packaged_model(home: Path, folder: Path, template: Path) -> tuple[Settings, IngestedForms]:
    settings = read_settings(home, "tester")
    ingested = ingest_forms(settings, FormIngestJob(folder, (template,), "filled/all"))
    score(settings, ScoringJob("filled/all"))
    return settings, ingested


def values_of(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return the values of each document, in the order of ``FIELDS``."""
    rows = audit(settings, "document_values", document="")
    names = {Path(row["source"]).name for row in rows}
    read = {(Path(row["source"]).name, row["field"]): row["value_read"] for row in rows}
    assert len(rows) == len(read) == len(names) * len(FIELDS)
    return {name: tuple(read[name, field] for field in FIELDS) for name in names}


def write_filled_note(
    path: Path,
    blank: Grey,
    template: Path,
    values: tuple[str, ...],
    *,
    appearance: str | None,
    form: str | None,
) -> None:
    """Write a delivery note with a form field over each cell.

    Args:
        path: the PDF to write.
        blank: the blank form at 300 dpi.
        template: its template.
        values: the values, in the order of ``FIELDS``. Cells are filled from the right, those of ``order``
            and the box from the left.
        appearance: the text that the fields' appearances show, with {} for the value. None writes none.
        form: the entries of the PDF's form, None for no form.
    """
    writer = PdfWriter()
    writer.form = form
    height = blank.shape[0] * 72 / 300
    numbers = []
    for field, value in zip(read_template(template).fields, values, strict=True):
        places = field.place.rectangles()
        texts = [value] if len(places) == 1 else list(value)
        places = places[: len(texts)] if field.name == "order" else places[-len(texts) :]
        for place, text in zip(places, texts, strict=True):
            left, right = place.x * POINTS_PER_MM, (place.x + place.width) * POINTS_PER_MM
            top, bottom = height - place.y * POINTS_PER_MM, height - (place.y + place.height) * POINTS_PER_MM
            shown = None if appearance is None else appearance.format(text)
            numbers.append(writer.add_field(text, (left, bottom, right, top), appearance=shown))
    annotations = " ".join(f"{number} 0 R" for number in numbers)
    writer.add_scan(blank, dpi=300, entries=f"/Annots [{annotations}]")
    writer.write(path)


def store_bits(path: Path, page: Grey, bits: int, dpi: int) -> None:
    """Store the levels of a page, reduced to ``bits`` bits and not scaled, in a file of 16 bits."""
    levels = np.rint(page / 255 * (2**bits - 1)).astype(np.uint16)
    levels[0, bits] = 0  # otherwise it is the same picture as the page
    Image.fromarray(levels).save(path, dpi=(dpi, dpi))


def test_each_kind_of_file_is_read_with_its_own_values(tmp_path: Path) -> None:
    form, folder = draw_demo_form(tmp_path), tmp_path / "filled"
    folder.mkdir()
    blank = grey(form.blank)
    for name, values, appearance, entries in (
        ("appearance.pdf", FIRST, "{}", HELVETICA),
        ("value.pdf", SECOND, None, HELVETICA),
        ("stale.pdf", THIRD, "0", f"{HELVETICA} /NeedAppearances true"),
        ("copied.pdf", SECOND, "{}", None),
        ("after.pdf", THIRD, "{}", HELVETICA),
    ):
        write_filled_note(folder / name, blank, form.template, values, appearance=appearance, form=entries)
    with (folder / "after.pdf").open("ab") as file:
        file.write(b"<html>" + b"<p>upload page</p>\n" * 5000)
    page = read_page(folder / "appearance.pdf", 1, PageLimits(10**8, 10**8, 1)).image
    store_bits(folder / "ten.png", page, 10, 300)
    page[0, 0] = 0
    frames = (page[::4, ::4], {254: 1}), (page, {254: 0}), (page[::2, ::2], {254: 1})
    write_tiff_of_kinds(folder / "thumbnails.tif", *frames, dpi=(300, 300))
    settings, ingested = read_with_packaged_model(tmp_path / "home", folder, form.template)
    assert (ingested.documents, ingested.pages, ingested.read) == (7, 7, 7)
    assert values_of(settings) == {
        "appearance.pdf": FIRST,
        "value.pdf": SECOND,
        "stale.pdf": THIRD,
        "copied.pdf": SECOND,
        "after.pdf": THIRD,
        "ten.png": FIRST,
        "thumbnails.tif": FIRST,
    }
    assert broken_checks(settings) == []


@pytest.fixture(scope="module")
def cases(cases_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, IngestedForms]:
    """The delivery notes among the cases, as they are and with 10 and 12 bits: look at it, never write."""
    base = tmp_path_factory.mktemp("cases")
    folder = base / "scans"
    folder.mkdir()
    for case in ("pdf-form-fields/scans", "pdf-after-end"):
        for path in (cases_root / case).iterdir():
            (folder / path.name).symlink_to(path)
    scan = cases_root / "tiff-with-thumbnail.tif"
    (folder / scan.name).symlink_to(scan)
    page = grey(scan)
    for name, bits in (("ten.png", 10), ("twelve.tif", 12)):
        store_bits(folder / name, page, bits, 200)
    return read_with_packaged_model(base / "home", folder, cases_root / "delivery-note.yaml")


def test_each_case_is_one_page_with_its_own_values(cases: tuple[Settings, IngestedForms]) -> None:
    settings, ingested = cases
    assert (ingested.documents, ingested.pages, ingested.read) == (8, 8, 8)
    assert values_of(settings) == {
        "ap.pdf": FIRST,
        "need.pdf": SECOND,
        "none.pdf": THIRD,
        "html_after_end.pdf": FIRST,
        "nul_padded_80k.pdf": SECOND,
        "tiff-with-thumbnail.tif": FIRST,
        "ten.png": FIRST,
        "twelve.tif": FIRST,
    }
    assert broken_checks(settings) == []


def test_no_two_cases_are_the_same_picture(cases: tuple[Settings, IngestedForms]) -> None:
    settings, _ = cases
    (found,) = ask(settings, "select count(distinct page_fingerprint) as pictures from pages")
    assert found["pictures"] == 8
