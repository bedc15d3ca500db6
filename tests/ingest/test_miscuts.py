"""Wrong cuts: parts of digits, pairs of digits and digits with their frames."""

from __future__ import annotations

import numpy as np
import pytest

from lenet_pipeline.ingest.printed.miscuts import draw_framed, draw_pair, draw_part


@pytest.fixture
def bar() -> np.ndarray:
    """One digit: an upright bar of 4 x 20 pixels."""
    digit = np.zeros((1, 28, 28), np.uint8)
    digit[0, 4:24, 12:16] = 255
    return digit


@pytest.fixture
def block() -> np.ndarray:
    """One digit: a square of 20 pixels with a dark right half."""
    digit = np.zeros((1, 28, 28), np.uint8)
    digit[0, 4:24, 4:14] = 120
    digit[0, 4:24, 14:24] = 255
    return digit


def size(image: np.ndarray) -> tuple[int, int]:
    """Return the height and width of the ink."""
    return tuple(int(np.ptp(np.flatnonzero(image.any(axis=axis)))) + 1 for axis in (1, 0))


@pytest.mark.parametrize("draw", [draw_part, draw_pair, draw_framed])
def test_a_wrong_cut_is_normalised_like_a_digit_and_drawn_again(draw, block):
    first, again = (draw(np.random.default_rng(3), block) for _ in range(2))
    assert (first.shape, first.dtype, first.max()) == ((28, 28), np.uint8, 255)
    assert np.array_equal(first, again)
    assert max(size(first)) == 20
    assert len({draw(np.random.default_rng(seed), block).tobytes() for seed in range(20)}) > 3


def test_most_parts_are_narrow_because_cells_are_cut_from_top_to_bottom(block):
    sizes = [size(draw_part(np.random.default_rng(seed), block)) for seed in range(200)]
    upright = [width for height, width in sizes if height == 20 and width < 20]
    assert 120 < len(upright) < 180
    assert 6 <= min(upright) <= 8
    assert 12 <= max(upright) <= 14


def test_pairs_are_two_digits_with_a_small_gap_or_an_overlap(bar):
    sizes = [size(draw_pair(np.random.default_rng(seed), bar)) for seed in range(200)]
    assert {height for height, _ in sizes} == {20}
    assert min(width for _, width in sizes) == 4  # of the second, only the 2 columns that overlap are kept
    assert max(width for _, width in sizes) == 4 + 3 + 4


def test_frames_surround_a_smaller_digit(bar):
    for seed in range(100):
        image = draw_framed(np.random.default_rng(seed), bar)
        lines = [(image > 20).sum(axis=axis).max() for axis in (0, 1)]  # the longest upright and level line
        assert max(size(image)) == 20
        assert max(lines) >= 19
        assert np.ptp(np.flatnonzero(image.any(axis=0))) > 6  # the bar alone is 4 pixels wide
