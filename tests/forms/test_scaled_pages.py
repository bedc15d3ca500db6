"""Templates with ``register: scale`` and the same proportions: told apart by print, or not read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lenet_pipeline.forms.alignment.aligned_pages import AlignedPage, Unaligned
from lenet_pipeline.forms.alignment.page_alignment import align_page
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate, prepare_template
from lenet_pipeline.forms.alignment.scaled_pages import are_alike
from lenet_pipeline.forms.filling.scanning import scan_sheet
from lenet_pipeline.forms.filling.severities import SEVERITIES, Severity
from lenet_pipeline.forms.page import MM_PER_INCH
from lenet_pipeline.forms.templates.model import Field, Template
from tests.forms import page_builders as build
from tests.forms.cell_builders import Grey

CARD = (148.0, 105.0)  # millimetres
ORDER = (build.cells_at("customer", 20, 30, 8), build.cells_at("quantity", 20, 60, 5))
# Pictures of the form alone, as register: scale expects them: not skewed, a fraction of a millimetre off.
CROPPED = [
    replace(SEVERITIES[name], skew_degrees=0, shift_mm=0.3, scale=0, rotations=(0,))
    for name in ("none", "light", "medium")
]
RETURN = (build.cells_at("customer", 20, 35, 6), build.cells_at("reason", 70, 70, 5))


def draw_card(path: Path, title: str, fields: tuple[Field, ...]) -> Path:
    """Draw a card with a title, boxes and their names."""
    width, height = (round(side / MM_PER_INCH * build.DRAWN_DPI) for side in CARD)
    page = np.full((height, width), 255, np.uint8)
    build.write_text(page, title, 10, 15)
    build.draw_fields(page, fields, level=0)
    for field in fields:
        build.write_text(page, field.name, field.outline.x, field.outline.y - 2, size=0.8)
    assert cv2.imwrite(str(path), page)
    return path


def card(folder: Path, form: str, title: str, fields: tuple[Field, ...]) -> PreparedTemplate:
    path = draw_card(folder / f"{form}.png", title, fields)
    return prepare_template(build.make_template(form, path, fields, size=CARD, method="scale"))


def fill(template: Template, severity: Severity, seed: int) -> Grey:
    """Return a scan of a card with writing in its cells."""
    rng = np.random.default_rng(seed)
    sheet = build.lay_sheet(template)
    build.scribble(sheet, template.fields, rng)
    return scan_sheet(sheet, build.SHEET_DPI, severity, rng).image


def align(image: Grey, *prepared: PreparedTemplate) -> AlignedPage | Unaligned:
    return align_page(build.as_page(image), list(prepared))


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> tuple[PreparedTemplate, PreparedTemplate]:
    folder = tmp_path_factory.mktemp("cards")
    return card(folder, "order", "Order", ORDER), card(folder, "return", "Return", RETURN)


@pytest.mark.parametrize("severity", CROPPED, ids=["none", "light", "medium"])
def test_pages_of_two_forms_of_one_size_go_to_their_own_template(
    cards: tuple[PreparedTemplate, PreparedTemplate], severity: Severity
) -> None:
    for order in (cards, cards[::-1]):
        for one in cards:
            for seed in range(2):
                found = align(fill(one.template, severity, seed), *order)
                assert isinstance(found, AlignedPage)
                assert found.prepared is one
                assert (found.rotation, found.residual_px) == (0, None)  # it is scaled all the same


def test_a_page_of_a_third_form_is_read_as_neither(
    cards: tuple[PreparedTemplate, PreparedTemplate], tmp_path: Path
) -> None:
    other = (build.cells_at("amount", 90, 20, 6), build.cells_at("date", 60, 85, 8, side=5))
    third = card(tmp_path, "third", "Invoice of deliveries", other)
    found = align(fill(third.template, CROPPED[0], 1), *cards)
    assert isinstance(found, Unaligned)
    assert found.kind == "unmatched_page"
    assert "'order' and 'return', but the print of none of them" in found.reason


def test_forms_with_the_same_print_are_refused_with_their_names(tmp_path: Path) -> None:
    prepared = card(tmp_path, "first", "Order", ORDER), card(tmp_path, "second", "Order", ORDER)
    for one in prepared:
        found = align(fill(one.template, CROPPED[1], 2), *prepared)
        assert isinstance(found, Unaligned)
        assert found.kind == "poor_registration"
        assert "'first' and 'second', which register: scale cannot tell apart" in found.reason
        assert "ingest the pages of each form separately" in found.reason


def test_without_blank_forms_only_different_proportions_decide() -> None:
    wide, square = (
        prepare_template(build.make_template(form, None, ORDER, size=size, method="scale"))
        for form, size in (("wide", CARD), ("square", (105.0, 105.0)))
    )
    tall = prepare_template(build.make_template("tall", None, ORDER, size=(74.0, 105.0), method="scale"))
    page = np.full((420, 592), 250, np.uint8)
    page[100:300, 100:110] = 10
    found = align(page, square, wide)
    assert isinstance(found, AlignedPage)
    assert found.prepared is wide
    assert are_alike(wide.template, tall.template)  # a page of either is one of the other, turned
    assert not are_alike(wide.template, square.template)
    undecided = align(page, tall, wide)
    assert isinstance(undecided, Unaligned)
    assert undecided.kind == "poor_registration"


def test_the_nearest_proportions_win_over_the_first_template() -> None:
    letter, a4 = (
        prepare_template(build.make_template(form, None, ORDER, size=size, method="scale"))
        for form, size in (("letter", (215.9, 279.4)), ("a4", build.A4))
    )
    page = np.full((1170, 827), 250, np.uint8)
    page[200:260, 100:700] = 20
    for order in ((letter, a4), (a4, letter)):
        found = align(page, *order)
        assert isinstance(found, AlignedPage)
        assert found.prepared is a4
