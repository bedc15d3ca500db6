"""Shapes of trajectories: which lack a stroke, and how variants change them."""

from __future__ import annotations

import numpy as np
import pytest

from lenet_pipeline.ingest.unipen.completeness import lacks_strokes
from lenet_pipeline.ingest.unipen.variants import vary_shape
from tests.unipen_builders import SHAPES

Stroke = np.ndarray


def line(start: tuple[float, float], end: tuple[float, float]) -> Stroke:
    return np.linspace(start, end, 20)


def arc(first: float, last: float, centre: tuple[float, float] = (0, 0), radius: float = 50) -> Stroke:
    """Return a part of a circle between two angles in degrees."""
    angles = np.deg2rad(np.linspace(first, last, 60))
    return np.column_stack([np.cos(angles), np.sin(angles)]) * radius + centre


BAR, STEM, SLASH = line((0, 0), (100, 4)), line((0, 0), (3, 100)), line((60, 0), (0, 100))
RING, CORNER = arc(0, 360), np.concatenate([line((10, 0), (0, 90)), line((0, 90), (60, 85))])
EIGHT = np.concatenate([arc(90, -270), arc(-90, 270, (0, 100))])


@pytest.mark.parametrize(
    ("label", "strokes"),
    [(0, [SLASH]), (1, [BAR]), (4, [BAR]), (4, [STEM]), (4, [CORNER]), (8, [RING]), (8, [arc(30, 330)])],
)
def test_a_digit_lacks_strokes_if_its_label_needs_more_than_one_line_or_curve(label, strokes):
    assert lacks_strokes(strokes, label)


@pytest.mark.parametrize(
    ("label", "strokes"),
    [
        (0, [RING]),
        (0, [RING, SLASH]),
        (1, [STEM]),
        (1, [SLASH]),
        (1, [STEM, BAR]),
        (4, [CORNER, STEM]),
        (7, [CORNER]),
        (8, [EIGHT]),
        (8, [RING, arc(0, 360, (0, 100))]),
    ],
)
def test_a_digit_with_the_strokes_of_its_label_is_complete(label, strokes):
    assert not lacks_strokes(strokes, label)


def variants(strokes: list[Stroke], label: int) -> list[list[Stroke]]:
    return [vary_shape(strokes, label, np.random.default_rng(seed)) for seed in range(200)]


def test_a_variant_depends_only_on_its_digit_and_the_source_of_random_values():
    first, again = (vary_shape([RING], 0, np.random.default_rng(5)) for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert not np.array_equal(first[0], vary_shape([RING], 0, np.random.default_rng(6))[0])


@pytest.mark.parametrize(("label", "strokes"), [(2, SHAPES[2]), (5, SHAPES[5]), (0, [RING])])
def test_a_variant_is_narrower_or_wider_and_tilted_but_as_high(label, strokes):
    plain = [np.asarray(stroke, float) for stroke in strokes]
    height = np.ptp(np.concatenate(plain)[:, 1])
    widths = []
    for varied in variants(plain, label):
        size = np.ptp(np.concatenate(varied[: len(plain)]), axis=0)
        widths.append(size[0] / np.ptp(np.concatenate(plain)[:, 0]))
        assert height * 0.85 <= size[1] <= height * 1.001
    assert min(widths) < 0.8
    assert max(widths) > 1.2


def test_zeros_get_slashes_that_cross_their_middle():
    slashed = [varied for varied in variants([RING], 0) if len(varied) == 2]
    assert 60 < len(slashed) < 120
    for ring, slash in slashed:
        middle = (ring.max(axis=0) + ring.min(axis=0)) / 2
        assert np.hypot(*(slash.mean(axis=0) - middle)) < 35
        assert slash[0][1] < middle[1] < slash[-1][1]


def test_plain_ones_get_flags_at_the_head_and_feet_at_the_base():
    changed = [varied for varied in variants([STEM], 1) if len(varied) > 1]
    assert 80 < len(changed) < 160
    assert {len(varied) for varied in changed} == {2, 3}
    for stem, flag, *feet in changed:
        assert np.allclose(flag[-1], stem[0])
        assert flag[0][1] > stem[0][1]
        assert all(np.allclose(foot.mean(axis=0), stem[-1]) for foot in feet)
    assert all(len(varied) == 2 for varied in variants([STEM, BAR], 1))


def test_sevens_get_crossbars_in_the_middle_of_their_stems():
    seven = np.concatenate([line((0, 0), (60, 0)), line((60, 0), (20, 100))])
    crossed = [varied for varied in variants([seven], 7) if len(varied) == 2]
    assert 80 < len(crossed) < 160
    for _, bar in crossed:
        assert 35 < bar[:, 1].mean() < 65 or bar[0][1] != bar[-1][1]


@pytest.mark.parametrize(("label", "widest"), [(6, 0.14), (9, 0.14), (8, 0.3)])
def test_loops_stay_open_a_little_and_those_of_eights_by_their_top_arc(label, widest):
    openings = [np.hypot(*(ring[0] - ring[-1])) / 100 for (ring,) in variants([RING], label)]
    chord = np.sin(np.pi * widest)  # of a gap, in diameters of the ring
    assert max(openings) < 1.5 * chord  # the hand is up to 1.3 times as wide, and tilted
    assert max(openings) > 0.7 * chord
    assert sum(opening < 1e-6 for opening in openings) == pytest.approx(80, abs=30)


def test_an_eight_of_two_strokes_opens_no_more_than_other_loops():
    for one, other in variants([RING, arc(0, 360, (0, 100))], 8):
        assert all(np.hypot(*(ring[0] - ring[-1])) < 150 * np.sin(np.pi * 0.14) for ring in (one, other))
