"""Tests of blank forms that are built from filled copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms.alignment.aligned_pages import AlignedPage
from lenet_pipeline.forms.alignment.homographies import map_points
from lenet_pipeline.forms.alignment.page_alignment import align_page
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate, prepare_template
from lenet_pipeline.forms.blanks.blank_building import BuiltBlank, build_blank, count_blank_steps
from lenet_pipeline.forms.blanks.merging import merge_copies
from lenet_pipeline.forms.blanks.straightening import find_tilt, straighten
from lenet_pipeline.forms.filling.demo_form import draw_demo_form
from lenet_pipeline.forms.filling.filled_pages import fill_pages
from lenet_pipeline.forms.filling.habits import Habits
from lenet_pipeline.forms.filling.handwriting import LabelledImages
from lenet_pipeline.forms.filling.severities import SEVERITIES
from lenet_pipeline.forms.page import Grey, Page
from lenet_pipeline.forms.reading.blank_form import find_written_cells
from lenet_pipeline.forms.templates.drafting import draft_template
from lenet_pipeline.forms.templates.model import Cells
from lenet_pipeline.forms.templates.template_file import read_template
from lenet_pipeline.ingest.idx import read_idx

pytestmark = pytest.mark.slow

A4 = (210.0, 297.0)
Fill = Callable[..., list[Page]]


@pytest.fixture(scope="module")
def form(tmp_path_factory: pytest.TempPathFactory) -> PreparedTemplate:
    return prepare_template(read_template(draw_demo_form(tmp_path_factory.mktemp("form")).template))


@pytest.fixture(scope="module")
def fill(form: PreparedTemplate, mnist_root: Path) -> Fill:
    """Return a function that fills the demo form with digits of people."""
    raw = mnist_root / "MNIST" / "raw"
    images = np.asarray(read_idx(raw / "t10k-images-idx3-ubyte.gz", axes=3).values)
    labels = np.asarray(read_idx(raw / "t10k-labels-idx1-ubyte.gz", axes=1).values)

    def fill_copies(count: int, *, seed: int = 5, severity: str = "medium") -> list[Page]:
        filled = fill_pages(
            form.template,
            LabelledImages(images, labels),
            numbers=range(count),
            seed=seed,
            severity=SEVERITIES[severity],
            habits=Habits(blank_rate=0.0),
        )
        return [Page(1, page.image, page.dpi, str(number)) for number, page in enumerate(filled)]

    return fill_copies


@pytest.fixture(scope="module")
def copies(fill: Fill) -> list[Page]:
    """Five copies with other values in the same cells, tilted by up to two degrees."""
    return fill(5)


@pytest.fixture(scope="module")
def built(copies: list[Page]) -> BuiltBlank:
    return build(copies)


def build(pages: list[Page]) -> BuiltBlank:
    return build_blank(pages, A4, lambda _count: None)


def align(image: Grey, form: PreparedTemplate) -> AlignedPage:
    found = align_page(Page(1, image, 200, "blank"), [form])
    assert isinstance(found, AlignedPage)
    return found


def differences(blank: Grey, form: PreparedTemplate) -> list[float]:
    """Return how much darker each cell of a blank form is than that of the true one, in mean grey levels."""
    found = align(blank, form).image.astype(np.float64)
    assert form.reference is not None
    darker = np.clip(form.reference - found, 0, None)
    boxes = [place.pixel_box() for field in form.template.fields for place in field.place.rectangles()]
    return [
        float(darker[box.y + 4 : box.y + box.height - 4, box.x + 4 : box.x + box.width - 4].mean())
        for box in boxes
    ]


def test_five_filled_copies_give_the_blank_form(built: BuiltBlank, form: PreparedTemplate) -> None:
    assert built.used == (0, 1, 2, 3, 4)
    assert built.rejected == {}
    found = differences(built.image, form)
    assert np.median(found) < 5.0
    # The others have the same ink on all copies: the century of a year, and X in unused cells.
    assert np.mean(np.array(found) < 10.0) > 0.85


def test_a_draft_of_it_has_the_cells_within_half_a_millimetre(
    built: BuiltBlank, form: PreparedTemplate
) -> None:
    draft = draft_template(built.image, 200, form="note", built=True)
    found = [place for field in draft.fields for place in field.place.rectangles()]
    fields = [field for field in form.template.fields if isinstance(field.place, Cells)]
    true = [place for field in fields for place in field.place.rectangles()]
    assert len(found) == len(true)
    # The blank form has the place of the scans on the paper, so compare in its frame.
    to_blank = align(built.image, form).to_scan
    corners = np.array([place.pixels() for place in true])
    expected = np.hstack([map_points(to_blank, corners[:, :2]), map_points(to_blank, corners[:, 2:])])
    for place in found:
        off = np.abs(expected - np.array(place.pixels())).max(axis=1).min()
        assert off * 25.4 / 200 < 0.5


def test_filled_copies_are_far_from_the_blank_form(copies: list[Page], form: PreparedTemplate) -> None:
    assert np.median(differences(copies[0].image, form)) > 20.0


def test_lines_and_text_are_as_dark_as_on_the_scans(built: BuiltBlank, form: PreparedTemplate) -> None:
    assert form.reference is not None
    print_of_form = form.reference < 150
    found = align(built.image, form).image
    assert found[print_of_form].mean() < form.reference[print_of_form].mean() + 60


def test_the_blank_form_is_level_and_as_large_as_the_paper(built: BuiltBlank, form: PreparedTemplate) -> None:
    assert built.image.shape == form.template.aligned_size
    assert abs(find_tilt(built.image)) < 0.1
    corners = align(built.image, form).to_scan
    assert abs(np.degrees(np.arctan2(corners[1, 0], corners[0, 0]))) < 0.1


def test_more_copies_leave_less_writing(fill: Fill, form: PreparedTemplate) -> None:
    pages = fill(9)
    few, many = build(pages[:3]), build(pages)
    assert np.mean(differences(many.image, form)) < np.mean(differences(few.image, form)) / 2
    left = find_written_cells(align(many.image, form).image, form.template)
    assert {each.field for each in left} <= {"delivered", "order"}  # the century of a year, and X


def test_a_copy_that_is_upside_down_is_turned_like_the_others(
    copies: list[Page], form: PreparedTemplate
) -> None:
    first = replace(copies[0], image=np.rot90(copies[0].image, 2).copy())
    blank = build([first, *copies[1:]])
    assert blank.used == (0, 1, 2, 3, 4)
    assert align(blank.image, form).rotation == 0


def test_a_page_of_another_form_is_left_out_with_its_reason(copies: list[Page]) -> None:
    other = np.full((2339, 1654), 255, np.uint8)
    for line in range(100, 2200, 60):
        cv2.putText(other, f"another letter {line * 7919}", (120, line), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 0, 2)
    blank = build(
        [*copies[:3], Page(1, other, 200, "other"), Page(1, np.full_like(other, 250), 200, "empty")]
    )
    assert blank.used == (0, 1, 2)
    assert set(blank.rejected) == {3, 4}
    assert "another form" in blank.rejected[3]
    assert blank.rejected[4] == "it is a blank page"


def test_two_copies_are_too_few(copies: list[Page]) -> None:
    with pytest.raises(IngestError, match=r"^2 scans of the form are too few: .* at least 3"):
        build(copies[:2])


def test_every_step_is_counted(copies: list[Page]) -> None:
    steps: list[int] = []
    build_blank(copies, A4, steps.append)
    assert sum(steps) == count_blank_steps(len(copies))


def test_print_stays_where_one_scan_ends(copies: list[Page], form: PreparedTemplate) -> None:
    cut = replace(copies[0], image=copies[0].image[: int(copies[0].image.shape[0] * 0.93)])
    whole, part = build(copies), build([cut, *copies[1:]])
    for blank in (whole, part):
        assert (align(blank.image, form).image[-250:] < 150).sum() > 200


@pytest.mark.parametrize("tilt", [-3.2, -0.4, 0.0, 1.75])
def test_the_tilt_of_print_is_found_and_undone(tilt: float, form: PreparedTemplate) -> None:
    assert form.reference is not None
    height, width = form.reference.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -tilt, 1)
    tilted = np.asarray(
        cv2.warpAffine(form.reference, turn, (width, height), borderValue=255), dtype=np.uint8
    )
    assert find_tilt(tilted) == pytest.approx(tilt, abs=0.05)
    assert find_tilt(straighten(tilted)) == pytest.approx(0, abs=0.05)


def test_a_shadow_of_one_scan_does_not_stay() -> None:
    rng = np.random.default_rng(1)
    images = [np.clip(rng.normal(240, 3, (600, 500)), 0, 255).astype(np.uint8) for _ in range(5)]
    for image in images:
        image[100:104, 50:450] = 80
    images[0] -= np.linspace(70, 0, 500).astype(np.uint8)
    merged = merge_copies(images, [np.ones((600, 500), bool)] * 5)
    assert merged.blank[200:, 20:480].min() > 235
    assert merged.blank[101:103, 60:440].max() < 120
    assert merged.remnants == ()


def test_ink_that_many_copies_have_next_to_a_line_is_reported() -> None:
    rng = np.random.default_rng(2)
    images = []
    for _ in range(5):
        image = np.clip(rng.normal(245, 2, (600, 500)), 0, 255).astype(np.uint8)
        image[300:304, 50:450] = 40
        x, slant = 200 + int(rng.integers(-3, 4)), int(rng.integers(-8, 9))
        cv2.line(image, (x, 303), (x + slant, 380), 20, 6)
        images.append(image)
    merged = merge_copies(images, [np.ones((600, 500), bool)] * 5)
    assert [(abs(x - 200) < 15, 295 < y < 390) for x, y in merged.remnants] == [(True, True)]


def test_a_spot_of_ink_that_all_copies_cross_is_reported_and_print_is_not() -> None:
    rng = np.random.default_rng(3)
    images = []
    for number in range(5):
        image = np.clip(rng.normal(245, 2, (600, 500)), 0, 255).astype(np.uint8)
        image[100:108, 100:108] = 40  # print
        angle = np.pi * number / 5
        across, down = round(40 * np.cos(angle)), round(40 * np.sin(angle))
        cv2.line(image, (300 - across, 300 - down), (300 + across, 300 + down), 20, 4)
        images.append(image)
    merged = merge_copies(images, [np.ones((600, 500), bool)] * 5)
    ((x, y),) = merged.remnants
    assert (x, y) == pytest.approx((300, 300), abs=4)
    assert merged.blank[298:303, 298:303].max() < 150  # it may be print, so it stays
    assert merged.blank[102:106, 102:106].max() < 80
