"""Tests of cutting: a run without dividers is divided into its digits."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lenet_pipeline.forms.reading.cutting import cut_run
from lenet_pipeline.ingest.idx import read_idx
from tests.forms.cell_builders import STROKES, write

HEIGHT = 50


def drawn_run(places: list[tuple[int, float, float]], *, thickness: int = 4) -> NDArray[np.float32]:
    """Draw digits from (digit, left, width) as darkness in grey levels."""
    page = np.full((HEIGHT + 30, 500), 255, np.uint8)
    for digit, left, width in places:
        write(page, STROKES[digit], (left, 15, left + width, 15 + HEIGHT), pen=55, thickness=thickness)
    return (255 - page).astype(np.float32)


def cut(darkness: NDArray[np.float32], fewest: int = 1, most: int = 10) -> list[tuple[int, int]]:
    """Return the first and last column of each digit found."""
    labels, count = cut_run(darkness > 30, darkness, fewest, most)
    columns = [np.flatnonzero((labels == number).any(axis=0)) for number in range(1, count + 1)]
    return [(int(found[0]), int(found[-1])) for found in columns]


def test_digits_apart_are_found_from_left_to_right() -> None:
    found = cut(drawn_run([(2, 20, 35), (1, 70, 20), (8, 100, 35), (0, 145, 35)]))
    assert [start // 10 for start, _ in found] == [2, 7, 10, 14]


def test_the_hat_of_a_five_belongs_to_its_body() -> None:
    body, hat = STROKES[5]
    page = np.full((HEIGHT + 30, 300), 255, np.uint8)
    write(page, [body], (100, 22, 135, 65), pen=55)
    write(page, [hat], (105, 11, 140, 54), pen=55)
    write(page, STROKES[0], (20, 15, 55, 65), pen=55)
    assert len(cut((255 - page).astype(np.float32))) == 2


def test_two_digits_that_touch_are_cut_where_they_touch() -> None:
    found = cut(drawn_run([(2, 20, 35), (8, 50, 35), (0, 110, 35)]))
    assert len(found) == 3
    assert abs(found[0][1] - 53) < 9
    assert abs(found[1][0] - 56) < 9


def test_how_many_digits_a_template_allows_decides_what_is_cut() -> None:
    # Wide for one digit, narrow for two.
    darkness = drawn_run([(1, 20, 22), (0, 40, 30), (4, 110, 35)])
    assert len(cut(darkness, 3, 3)) == 3
    assert len(cut(darkness, 2, 2)) == 2


def test_a_blot_is_left_out_where_the_count_asks_for_it() -> None:
    darkness = drawn_run([(2, 20, 35), (0, 80, 35)])
    darkness[60:66, 200:206] = 200
    assert len(cut(darkness, 2, 2)) == 2


def test_an_empty_box_has_no_digits() -> None:
    labels, count = cut_run(np.zeros((40, 90), np.bool_), np.zeros((40, 90), np.float32), 2, 5)
    assert count == 0
    assert not labels.any()


def test_every_pixel_of_ink_stays_with_a_digit() -> None:
    darkness = cv2.GaussianBlur(drawn_run([(2, 20, 35), (8, 50, 35), (0, 110, 35)]), (0, 0), 0.8)
    labels, _ = cut_run(darkness > 30, darkness, 1, 10)
    assert ((labels > 0) == (darkness > 30)).mean() > 0.999


@pytest.mark.mnist
def test_runs_of_mnist_digits_apart_have_the_right_count_and_cuts(mnist_root: Path) -> None:
    path = mnist_root / "MNIST" / "raw" / "t10k-images-idx3-ubyte.gz"
    images = read_idx(path, axes=3).values
    rng = np.random.default_rng(0)
    digits = right = 0
    for _ in range(60):
        darkness, spans = mnist_run(images, rng)
        found = cut(darkness, 2, 10)
        digits += len(spans)
        if len(found) == len(spans):
            pairs = zip(found, spans, strict=True)
            right += sum(abs(a[0] - b[0]) <= 3 and abs(a[1] - b[1]) <= 3 for a, b in pairs)
    assert right / digits >= 0.98


def mnist_run(
    images: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.float32], list[tuple[int, int]]]:
    """Return 2 to 10 digits side by side, 5 to 30 % of their height apart, and where each is."""
    darkness = np.zeros((HEIGHT + 20, 900), np.float32)
    left, spans = 10, []
    for image in images[rng.integers(0, len(images), rng.integers(2, 11))]:
        columns, rows = np.flatnonzero(image.any(axis=0)), np.flatnonzero(image.any(axis=1))
        ink = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        scale = HEIGHT / 20
        drawn = cv2.resize(ink, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        height, width = drawn.shape
        darkness[10 + HEIGHT - height : 10 + HEIGHT, left : left + width] = drawn * (200 / 255)
        seen = np.flatnonzero((drawn * (200 / 255) > 30).any(axis=0))
        spans.append((left + int(seen[0]), left + int(seen[-1])))
        left += width + int(rng.uniform(0.05, 0.3) * HEIGHT) + 1
    return darkness, spans
