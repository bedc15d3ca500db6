"""Templates with which values would be lost or mistaken are refused before a page is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.filling.demo_form import draw_demo_form
from lenet_pipeline.forms.filling.filled_pages import FilledPage, fill_pages
from lenet_pipeline.forms.filling.handwriting import LabelledImages
from lenet_pipeline.forms.filling.severities import SEVERITIES
from lenet_pipeline.forms.reading.blank_form import WrittenCells
from lenet_pipeline.forms.templates.model import Template
from lenet_pipeline.forms.templates.template_file import read_template
from lenet_pipeline.ingest import read_optdigits
from lenet_pipeline.jobs import (
    DraftingJob,
    DrawingJob,
    FormIngestJob,
    declare_inbox,
    draft_form,
    draw_form,
    ingest_forms,
)
from lenet_pipeline.jobs.template_checks import check_templates, list_cells
from lenet_pipeline.lake import images_array
from lenet_pipeline.settings import read_settings
from tests.jobs.form_builders import SLIP, write_template


def fill(template: Template, number: int) -> FilledPage:
    digits = read_optdigits()["test"]
    images = LabelledImages(images_array(digits), digits["label"].to_numpy())
    (page,) = fill_pages(template, images, numbers=[number], seed=5, severity=SEVERITIES["none"])
    return page


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template whose reference is a filled delivery note, next to the note that it should name."""
    folder = tmp_path_factory.mktemp("filled")
    form = draw_demo_form(folder)
    page = fill(read_template(form.template), 0)
    (folder / "filled.png").write_bytes(page.content)
    text = form.template.read_text()
    assert "reference: delivery-note.png" in text
    path = folder / "filled.yaml"
    path.write_text(text.replace("reference: delivery-note.png", "reference: filled.png"))
    return path


def test_a_filled_copy_as_blank_form_is_refused_in_one_line_that_names_cells_and_cure(
    filled: Path, home: Path, tmp_path: Path
) -> None:
    settings = read_settings(home, "tester")
    (tmp_path / "scan.png").write_bytes(fill(read_template(filled), 1).content)
    with pytest.raises(IngestError) as caught:
        ingest_forms(settings, FormIngestJob(tmp_path / "scan.png", (filled,), "notes/all"))
    said = str(caught.value)
    assert "\n" not in said
    assert f"its reference, page 1 of {filled.parent / 'filled.png'}, has writing in" in said
    assert "(positions 1 to 9 of customer, positions 1 to 8 of delivered, quantity, " in said
    assert "give a blank form, or, if the blank form has this print, add print_in_cells: true" in said
    assert not (home / "lake").exists()
    with pytest.raises(IngestError, match="has writing in"):
        declare_inbox(settings, "notes", str(tmp_path), (filled,))
    with pytest.raises(IngestError, match="has writing in"):
        draw_form(settings, DrawingJob(read_template(filled), tmp_path / "scan.png"))


def test_cells_are_named_by_their_positions_and_field() -> None:
    written = [WrittenCells("row_1", (2, 4)), WrittenCells("row_2", (0, 1, 2, 5)), WrittenCells("total", ())]
    expected = "positions 3 and 5 of row_1, positions 1 to 3 and 6 of row_2, total"
    assert list_cells(written) == expected
    assert list_cells([WrittenCells("row_2", (2,))]) == "position 3 of row_2"


def test_a_draft_of_a_built_blank_form_does_not_advise_to_build_it(home: Path, tmp_path: Path) -> None:
    form = draw_demo_form(tmp_path)
    first = read_template(form.template).fields[0].place.rectangles()[:3:2]
    picture = np.array(Image.open(tmp_path / "delivery-note.png").convert("L"))
    scale = picture.shape[1] / 210
    for cell in first:
        middle = round((cell.x + cell.width / 2) * scale), round((cell.y + cell.height / 2) * scale)
        cv2.ellipse(
            picture, middle, (round(1.5 * scale), round(3 * scale)), 0, 0, 360, 40, round(0.5 * scale)
        )
    Image.fromarray(picture).save(tmp_path / "built.png", dpi=(25.4 * scale, 25.4 * scale))
    job = DraftingJob(tmp_path / "built.png", "note", built=True)
    (warning,) = draft_form(read_settings(home, "tester"), job).warnings
    assert "2 cells of built.png seem to contain writing (positions 1 and 3 of row_1)" in warning
    assert "build it again from more scans with other values, or erase these places" in warning
    assert "lenet forms blank" not in warning


def test_print_in_the_cells_of_a_blank_form_is_accepted_if_the_template_says_so(filled: Path) -> None:
    text = filled.read_text().replace(
        "reference: filled.png", "reference: {file: filled.png, print_in_cells: true}"
    )
    allowed = filled.with_name("allowed.yaml")
    allowed.write_text(text)
    template, refused = read_template(allowed), read_template(filled)
    check_templates([template])
    assert template.fingerprint == refused.fingerprint  # pages read with it stay read


def test_print_in_cells_must_be_true_or_false(filled: Path) -> None:
    faulty = filled.with_name("faulty.yaml")
    faulty.write_text(
        filled.read_text().replace(
            "reference: filled.png", "reference: {file: filled.png, print_in_cells: some}"
        )
    )
    with pytest.raises(IngestError, match="print_in_cells is 'some'; expected true or false"):
        read_template(faulty)


def test_two_scaled_templates_of_the_same_proportions_need_blank_forms(home: Path, tmp_path: Path) -> None:
    one = write_template(tmp_path, SLIP, "one.yaml")
    other = write_template(tmp_path, SLIP.replace("form: slip", "form: receipt"), "other.yaml")
    with pytest.raises(IngestError) as caught:
        ingest_forms(read_settings(home, "tester"), FormIngestJob(tmp_path, (one, other), "slips/all"))
    assert str(caught.value).startswith("templates 'slip' and 'receipt' have register: scale and the same")
    assert "add a blank form as reference to both" in str(caught.value)


def test_scaled_templates_of_different_proportions_need_none(tmp_path: Path) -> None:
    slip = read_template(write_template(tmp_path, SLIP))
    check_templates([slip, replace(slip, form="strip", height=30.0, fingerprint="1" * 64)])
