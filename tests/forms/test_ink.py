"""Tests of ink: it is separated from paper and from the form's own print."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.reading.cells import expect_edges, refine_cells, template_places
from lenet_pipeline.forms.reading.ink import measure_darkness, measure_paper, remove_print
from lenet_pipeline.schema import Floats
from tests.forms.cell_builders import (
    LEFT,
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


def without_print(page: Grey, reference: Grey | None) -> Floats:
    darkness = measure_darkness(page)
    blank = None if reference is None else measure_darkness(reference)
    refined = refine_cells(darkness, expect_edges(blank, PLACES))
    return remove_print(darkness, refined.lines, blank, 100)


def test_uneven_light_and_tints_are_paper_and_no_ink() -> None:
    page = np.tile(np.linspace(250, 180, 400), (200, 1)).astype(np.uint8)
    page[50:150, 100:160] -= 30
    darkness = measure_darkness(page)
    assert np.abs(darkness[60:140, 110:150]).max() < 6
    assert np.abs(darkness[:, 200:]).max() < 6


@pytest.mark.parametrize("depth", [60, 200])
def test_bold_strokes_that_run_together_stay_ink(depth: int) -> None:
    page = np.full((200, 200), 240, np.uint8)
    page[80:118, 80:118] = 240 - depth
    assert measure_darkness(page)[90:108, 90:108].min() > 0.8 * depth


@pytest.mark.parametrize("with_reference", [True, False])
@pytest.mark.parametrize(("line", "thickness"), [(190, 2), (110, 1), (0, 4)])
def test_a_blank_form_has_no_ink_left_once_its_lines_are_removed(
    line: int, thickness: int, with_reference: bool
) -> None:
    form = blank_form(line=line, thickness=thickness)
    left = without_print(scanned(form, noise=4), form if with_reference else None)
    assert left[TOP - 10 : TOP + TALL + 10, LEFT - 10 : LEFT + 8 * SIDE + 10].max() < 40


@pytest.mark.parametrize("with_reference", [True, False])
def test_a_stroke_that_crosses_a_removed_line_is_mended(with_reference: bool) -> None:
    form = blank_form(line=0)
    page = form.copy()
    y = TOP + 40
    cv2.line(page, (LEFT + SIDE - 14, y), (LEFT + SIDE + 14, y + 4), (0,), 4, cv2.LINE_AA)
    left = without_print(scanned(page, noise=3), form if with_reference else None)
    crossing = left[y - 2 : y + 7, LEFT + SIDE - 8 : LEFT + SIDE + 9].max(axis=0)
    assert crossing.min() > 100
    elsewhere = left[TOP + 10 : y - 8, LEFT + SIDE - 8 : LEFT + SIDE + 9]
    assert elsewhere.max() < 40


def test_a_digit_that_touches_no_line_is_left_as_it_was() -> None:
    page = blank_form()
    write(page, STROKES[2], in_cell(3))
    scan = scanned(page)
    before = measure_darkness(scan)
    inside = np.s_[TOP + 10 : TOP + TALL - 10, LEFT + 3 * SIDE + 10 : LEFT + 4 * SIDE - 10]
    assert np.abs(without_print(scan, blank_form())[inside] - before[inside]).max() == 0


def test_print_of_the_blank_form_inside_a_cell_is_not_ink() -> None:
    form = blank_form()
    cv2.putText(form, "kg", (LEFT + 10, TOP + 50), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (90,), 2, cv2.LINE_AA)
    left = without_print(scanned(form, noise=4), form)
    assert left[TOP + 8 : TOP + TALL - 8, LEFT + 6 : LEFT + SIDE - 6].max() < 45


def test_paper_is_measured_next_to_a_digit_that_fills_most_of_its_cell() -> None:
    rng = np.random.default_rng(3)
    darkness = rng.normal(5, 8, (200, 600)).astype(np.float32)
    darkness[90:142, 70:110] += 180
    paper = measure_paper(darkness, PLACES)
    assert np.abs(paper.level - 5).max() < 9
    assert np.abs(paper.spread - 8).max() < 4
