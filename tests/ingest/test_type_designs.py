"""Type designs vary each training digit, which stays the same digit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from lenet_pipeline.ingest.printed.fonts import GLYPH_HEIGHT, DigitFont, read_shipped_fonts
from lenet_pipeline.ingest.printed.type_designs import vary_design


@pytest.fixture(scope="module")
def font() -> DigitFont:
    return next(font for font in read_shipped_fonts() if font.source.endswith("DejaVuSans.ttf"))


def test_a_design_depends_on_its_chances_alone_and_differs_from_the_font(font):
    first, again, other = (vary_design(font.glyphs[3], np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)
    assert first.shape != font.glyphs[3].shape or not np.array_equal(first, font.glyphs[3])


def test_a_design_is_cropped_ink_of_about_the_fonts_size(font):
    rng = np.random.default_rng(0)
    for glyph in font.glyphs * 5:
        varied = vary_design(glyph, rng)
        assert varied.dtype == np.uint8
        assert varied.max() > 200
        assert all(edge.max() > 80 for edge in (varied[0], varied[-1], varied[:, 0], varied[:, -1]))
        assert 0.75 < varied.shape[0] / GLYPH_HEIGHT < 1.3


def test_designs_lean_to_the_right_as_italics_do_and_are_condensed_and_extended(font):
    rng = np.random.default_rng(0)
    ones = [vary_design(font.glyphs[0], rng) for _ in range(200)]
    widths = [one.shape[1] / font.glyphs[0].shape[1] for one in ones]
    assert min(widths) < 0.9
    assert max(widths) > 1.2
    top, bottom = (
        np.mean([np.average(np.arange(one.shape[1]), weights=rows(one).sum(axis=0) + 1e-9) for one in ones])
        for rows in (lambda one: one[: len(one) // 4], lambda one: one[-len(one) // 4 :])
    )
    assert top > bottom + 5


def test_some_designs_have_ball_terminals_and_some_have_hairlines():
    font = next(font for font in read_shipped_fonts() if font.source.endswith("STIXGeneral.ttf"))
    three, thickest, ink = font.glyphs[3], [], []
    rng = np.random.default_rng(0)
    for _ in range(120):
        varied = vary_design(three, rng)
        thickest.append(distance_transform_edt(varied > 127).max())
        ink.append((varied > 127).sum())
    usual = distance_transform_edt(three > 127).max()
    assert sum(depth > 1.25 * usual for depth in thickest) > 10  # balls
    assert min(ink) < 0.8 * (three > 127).sum()  # hairlines
    assert np.median(ink) > 0.85 * (three > 127).sum()
