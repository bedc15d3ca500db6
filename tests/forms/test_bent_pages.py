"""Tests of bent paper: bent, folded and photographed pages are flattened, and nothing else is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lenet_pipeline.forms.alignment.aligned_pages import AlignedPage, Unaligned
from lenet_pipeline.forms.alignment.homographies import map_points, warp_picture
from lenet_pipeline.forms.alignment.page_alignment import align_page
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate, prepare_template
from lenet_pipeline.forms.alignment.residuals import measure_residuals
from lenet_pipeline.forms.alignment.warps import (
    Warp,
    fit_warp,
    flat_warp,
    separate_homography,
    warp_bent_picture,
)
from lenet_pipeline.forms.drawing.registered_pages import RegisteredPage, draw_registered_page
from lenet_pipeline.forms.filling.paper_shapes import bend_sheet, curl_sheet, fold_sheet
from lenet_pipeline.forms.filling.scanning import scan_sheet
from lenet_pipeline.forms.filling.severities import SEVERITIES, Severity
from lenet_pipeline.forms.page import MM_PER_INCH, Grey
from tests.forms import page_builders as build
from tests.forms.page_builders import as_page, cells_at, make_template

pytestmark = pytest.mark.slow

FIELDS = (cells_at("number", 40, 105, 10), cells_at("date", 40, 125, 6))
SIZE = (2339, 1654)
A_TENTH_MM_PX = 0.1 / MM_PER_INCH * 200


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bent")
    build.draw_letter(folder / "letter.png", seed=1, fields=FIELDS)
    return folder


@pytest.fixture(scope="module")
def letter(drawn: Path) -> PreparedTemplate:
    return prepare_template(make_template("letter", drawn / "letter.png", FIELDS))


def align(image: Grey, *prepared: PreparedTemplate) -> AlignedPage:
    found = align_page(as_page(image), prepared)
    assert isinstance(found, AlignedPage), found
    return found


@pytest.mark.parametrize(
    "bend_mm", [1.5, pytest.param(2.0, marks=pytest.mark.slow), pytest.param(3.0), pytest.param(4.0)]
)
def test_the_print_of_a_bent_page_is_found_within_a_tenth_of_a_millimetre(
    letter: PreparedTemplate, bend_mm: float
) -> None:
    severity = Severity(skew_degrees=2, bend_mm=bend_mm, noise=6)
    scan = build.scan_filled(build.lay_sheet(letter.template), letter.template, severity, 3)
    found = align(scan.image, letter)
    assert found.warp is not None
    assert found.residual_px is not None and found.residual_px < 1
    assert build.cell_errors(found, scan).max() < 2 * A_TENTH_MM_PX
    assert np.median(build.cell_errors(found, scan)) < A_TENTH_MM_PX


@pytest.mark.parametrize("kind", ["phone", "folded"])
def test_photographs_and_folded_pages_are_aligned_within_half_a_millimetre(
    letter: PreparedTemplate, kind: str
) -> None:
    sheet = build.lay_sheet(letter.template)
    for seed in range(3):
        scan = build.scan_filled(sheet, letter.template, SEVERITIES[kind], seed)
        assert build.cell_errors(align(scan.image, letter), scan).max() < 5 * A_TENTH_MM_PX


def test_a_flat_page_is_not_warped(letter: PreparedTemplate) -> None:
    scan = build.scan_filled(build.lay_sheet(letter.template), letter.template, build.MEDIUM, 0)
    assert align(scan.image, letter).warp is None


def test_a_bent_page_belongs_to_its_own_edition(drawn: Path) -> None:
    shorter, longer = (cells_at("a", 20, 30, 8), cells_at("a", 20, 30, 8, rows=20))
    prepared = [
        prepare_template(make_template(name, build.draw_rows(drawn / f"{name}.png", [field]), [field]))
        for name, field in (("shorter", shorter), ("longer", longer))
    ]
    for one in prepared:
        scan = build.scan_filled(build.lay_sheet(one.template), one.template, Severity(bend_mm=3), 1)
        found = align_page(as_page(scan.image), prepared)
        if isinstance(found, AlignedPage):
            assert found.prepared.template.form == one.template.form


@pytest.mark.parametrize("lower_mm", [1.5, 2.0])
def test_an_edition_with_a_part_moved_down_is_not_warped_into_place(
    letter: PreparedTemplate, lower_mm: float
) -> None:
    sheet = build.lay_sheet(letter.template)
    moved, from_row = sheet.copy(), round(98 / MM_PER_INCH * build.SHEET_DPI)
    shift = round(lower_mm / MM_PER_INCH * build.SHEET_DPI)
    moved[from_row:] = 255
    moved[from_row + shift :] = sheet[from_row:-shift]
    scan = scan_sheet(moved, build.SHEET_DPI, Severity(noise=5), np.random.default_rng(0))
    found = align_page(as_page(scan.image), [letter])
    assert isinstance(found, Unaligned)
    assert found.kind in ("poor_registration", "unmatched_page")


def test_residuals_show_where_the_print_of_a_page_is(letter: PreparedTemplate) -> None:
    sheet = build.lay_sheet(letter.template)
    scan = scan_sheet(sheet, build.SHEET_DPI, Severity(bend_mm=2, noise=4), np.random.default_rng(5))
    residuals = measure_residuals(scan.image, letter, scan.homography)
    assert len(residuals.places) > 50
    true = map_points(np.linalg.inv(scan.homography), scan.locate(residuals.places)) - residuals.places
    errors = np.hypot(*(residuals.shifts - true).T)
    assert np.median(errors) < 1
    assert np.hypot(*residuals.shifts.T).max() > 6


def test_the_registered_page_of_a_bent_scan_is_flat(letter: PreparedTemplate) -> None:
    sheet = build.lay_sheet(letter.template)
    scan = scan_sheet(sheet, build.SHEET_DPI, Severity(bend_mm=3, noise=3), np.random.default_rng(2))
    found = align(scan.image, letter)
    assert found.warp is not None
    height, width = scan.image.shape
    page = RegisteredPage(
        found.to_scan.ravel().tolist(), (width, height), build.A4, found.warp.shifts.tolist()
    )
    drawn = cv2.imdecode(np.frombuffer(draw_registered_page(scan.image, page, 1654), np.uint8), 0)
    assert drawn is not None
    assert np.abs(drawn.astype(int) - found.image).mean() < 3
    plain = replace(page, warp=None)
    bent = cv2.imdecode(np.frombuffer(draw_registered_page(scan.image, plain, 1654), np.uint8), 0)
    assert bent is not None
    assert np.abs(bent.astype(int) - found.image).mean() > 6


def test_a_fitted_warp_recovers_a_smooth_displacement_among_mistakes() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform((50, 50), (1600, 2290), (300, 2))

    def true(at: np.ndarray) -> np.ndarray:
        return at + np.column_stack([20 * np.sin(at[:, 1] / 500), 12 * np.cos(at[:, 0] / 400)])

    found = true(points) + rng.normal(0, 0.2, points.shape)
    wrong = rng.random(300) < 0.1
    found[wrong] += rng.uniform(-25, 25, (int(wrong.sum()), 2))
    warp = fit_warp(points, found, np.ones(300), SIZE, 4.0)
    tested = rng.uniform((100, 100), (1550, 2240), (200, 2))
    errors = np.hypot(*(warp.move(tested) - true(tested)).T)
    assert errors.max() < 1
    homography, rest = separate_homography(warp, SIZE)
    np.testing.assert_allclose(map_points(homography, rest.move(tested)), warp.move(tested), atol=0.05)
    assert np.hypot(*(rest.move(tested) - tested).T).max() < np.hypot(*(warp.move(tested) - tested).T).max()


def test_a_warp_that_moves_nothing_gives_the_plainly_warped_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (300, 260)).astype(np.uint8)
    picture = cv2.GaussianBlur(picture, (0, 0), 2)
    homography = np.array([[1.1, 0.02, 4.3], [-0.03, 0.9, 6.1], [1e-5, 2e-5, 1]])
    plain = warp_picture(picture, homography, (250, 200), paper=255)
    flat = warp_bent_picture(
        picture, homography, flat_warp((250, 200)), (250, 200), page=(250, 200), paper=255
    )
    assert np.abs(plain.astype(int) - flat).max() <= 3
    constant = Warp(flat_warp((250, 200)).shifts + np.array([5.0, 3.0]))
    np.testing.assert_allclose(constant.move(np.array([[10.0, 20.0]])), [[15, 23]])


def test_shapes_of_paper_are_as_large_as_asked_and_can_be_inverted() -> None:
    rng, size = np.random.default_rng(0), (210.0, 297.0)
    points = rng.uniform((0, 0), size, (100, 2))
    bent = bend_sheet(size, 3.0, rng)
    assert np.hypot(bent.shifts[..., 0], bent.shifts[..., 1]).max() == pytest.approx(3, abs=1e-5)
    for shape in (bent, curl_sheet(size, 20, rng), fold_sheet(size, 2, 8, rng)):
        np.testing.assert_allclose(shape.find(shape.move(points)), points, atol=0.01)
    folded = fold_sheet(size, 1, 8, rng)
    assert folded.light.max() <= 1
    assert folded.light.min() < 0.95
