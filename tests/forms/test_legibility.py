"""Tests of legibility: pages that are too poor are refused before any digit is read."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lenet_pipeline.forms.alignment.legibility import Gauge, make_gauge, measure_legibility
from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.templates.model import Cells, Field, Rectangle

FIELDS = (Field("number", Cells(Rectangle(20, 60, 6, 7), columns=8, pitch=6)),)


@pytest.fixture(scope="module")
def blank() -> Grey:
    """A blank form of 120 by 100 mm with a heading, a rule and eight cells."""
    page = np.full((787, 945), 255, np.uint8)
    cv2.putText(page, "Delivery note", (80, 150), cv2.FONT_HERSHEY_SIMPLEX, 3, (0,), 5, cv2.LINE_AA)
    page[220:225, 80:860] = 0
    for column in range(9):
        page[472:528, 157 + round(47.2 * column)] = 60
    return page


@pytest.fixture(scope="module")
def gauge(blank: Grey) -> Gauge:
    made = make_gauge(blank, FIELDS)
    assert made is not None
    return made


def scan(blank: Grey, contrast: float = 1.0, blur: float = 0.5, noise: float = 4.0, specks: int = 0) -> Grey:
    rng = np.random.default_rng(0)
    page = 245 - (255 - cv2.GaussianBlur(blank, (0, 0), blur).astype(np.float64)) * contrast
    for x, y in rng.integers((20, 250), (900, 760), (specks, 2)):
        page[y : y + 3, x : x + 3] = 40
    return np.clip(page + rng.normal(0, noise, page.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "seen", [{}, {"contrast": 0.3}, {"blur": 1.5}, {"noise": 20.0}, {"specks": 60}], ids=str
)
def test_a_fair_scan_has_no_fault(blank, gauge, seen):
    assert measure_legibility(scan(blank, **seen), gauge).fault is None


@pytest.mark.parametrize(
    ("seen", "fault"),
    [
        ({"contrast": 0.08}, "its print is too pale"),
        ({"blur": 8.0}, "it is blurred"),
        ({"noise": 80.0}, "its paper is too noisy"),
        ({"specks": 3000}, "it has too many specks"),
    ],
    ids=str,
)
def test_an_illegible_scan_reports_its_fault_and_gives_advice(blank, gauge, seen, fault):
    found = measure_legibility(scan(blank, **seen), gauge).fault
    assert found is not None
    assert found.startswith(fault)
    assert "; " in found


def test_writing_in_fields_does_not_affect_legibility(blank, gauge):
    page = scan(blank)
    before = measure_legibility(page, gauge)
    page[475:525, 160:530] = np.random.default_rng(1).integers(0, 255, (50, 370))
    after = measure_legibility(page, gauge)
    assert after.contrast == pytest.approx(before.contrast, abs=0.01)
    assert after.grain == pytest.approx(before.grain, rel=0.05)
    assert after.specks == before.specks


def test_a_form_with_next_to_no_print_cannot_be_measured_by():
    assert make_gauge(np.full((787, 945), 255, np.uint8), FIELDS) is None
