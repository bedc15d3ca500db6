"""Tests of cells: they are found at the printed lines of the page."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.reading.cells import expect_edges, refine_cells, template_places
from lenet_pipeline.forms.reading.ink import measure_darkness
from tests.forms.cell_builders import (
    SIDE,
    STROKES,
    TALL,
    TOP,
    blank_form,
    in_cell,
    row_of_cells,
    scanned,
    write,
)

PLACES = template_places(row_of_cells())


def refined(page: Grey, reference: Grey | None) -> NDArray[np.float64]:
    blank = None if reference is None else measure_darkness(reference)
    return refine_cells(measure_darkness(page), expect_edges(blank, PLACES)).places


def error(found: NDArray[np.float64], shift: tuple[float, float]) -> float:
    """Return the largest distance of an edge from its place in pixels; lines are drawn at pixel middles."""
    expected = PLACES + 0.5 + np.array([*shift, *shift])
    return float(np.abs(found - expected).max())


@pytest.mark.parametrize("with_reference", [True, False])
@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-7, 8), (11, 11)])
def test_shifted_cells_are_found_within_a_seventh_of_a_millimetre(
    shift: tuple[int, int], with_reference: bool
) -> None:
    page = scanned(blank_form(shift=shift))
    assert error(refined(page, blank_form() if with_reference else None), shift) < 1.2


@pytest.mark.parametrize("with_reference", [True, False])
def test_writing_along_and_across_lines_moves_no_cell(with_reference: bool) -> None:
    page = blank_form(line=190, shift=(2, 1))
    for column in range(8):
        write(page, STROKES[1], in_cell(column, x=-12.0))
        write(page, STROKES[7], in_cell(column, x=10.0, y=-18.0), thickness=6)
    found = refined(scanned(page), blank_form(line=190) if with_reference else None)
    assert error(found, (2, 1)) < 1.2


@pytest.mark.parametrize("with_reference", [True, False])
def test_black_rules_of_a_table_do_not_draw_pale_cells_to_them(with_reference: bool) -> None:
    reference = blank_form(line=190)
    for y in (TOP - 11, TOP + TALL + 11):
        cv2.line(reference, (20, y), (620, y), (0,), 3)
    found = refined(scanned(reference, noise=12), reference if with_reference else None)
    assert error(found, (0, 0)) < 1.2


def test_a_stretched_row_is_followed_to_its_end() -> None:
    page = blank_form()
    grown = cv2.warpAffine(
        page, np.array([[1.006, 0, -1.0], [0, 1, 0]]), page.shape[::-1], borderValue=(255,)
    )
    found = refined(scanned(grown), page)
    expected = 1.006 * (PLACES[:, 2] + 0.5) - 1.0
    assert np.abs(found[:, 2] - expected).max() < 1.2


def test_a_template_a_millimetre_off_its_form_finds_the_cells_of_the_form() -> None:
    reference = blank_form(shift=(8, 0))
    assert error(refined(scanned(reference), reference), (8, 0)) < 1.2


@pytest.mark.parametrize("with_reference", [True, False])
def test_cells_without_printed_lines_stay_where_the_template_puts_them(with_reference: bool) -> None:
    paper = np.full(blank_form().shape, 255, np.uint8)
    page = paper.copy()
    for column in range(8):
        write(page, STROKES[0], in_cell(column))
    found = refined(scanned(page), paper if with_reference else None)
    assert np.abs(found - PLACES).max() < 3.0


def test_lines_are_reported_once_though_two_cells_share_them() -> None:
    darkness = measure_darkness(scanned(blank_form()))
    lines = refine_cells(darkness, expect_edges(None, PLACES)).lines
    vertical = sorted(line.across for line in lines if line.is_vertical)
    assert len(vertical) == 9
    assert np.abs(np.diff(vertical) - SIDE).max() <= 1
