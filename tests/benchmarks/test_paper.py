"""The benchmark of kinds of paper: its crops and its table."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from benchmarks.paper import Row, correlation, draw_crop, steps_table, table
from benchmarks.paper_crops import KINDS, PLAIN_KINDS, enlarge
from benchmarks.paper_steps import STEPS, without_steps
from lenet_pipeline.ingest.images import decode_image
from lenet_pipeline.ingest.normalisation import normalise_digit
from tests.ingest.test_normalisation import mnist_like


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_crop_depends_only_on_its_digit_kind_and_seed(kind):
    first, expected, inverted = draw_crop(kind, mnist_like(5), np.random.default_rng(1))
    again, _, _ = draw_crop(kind, mnist_like(5), np.random.default_rng(1))
    other, _, _ = draw_crop(kind, mnist_like(5), np.random.default_rng(2))
    assert first.dtype == np.uint8 and first.shape[2] == 3 and (first == again).all()
    assert other.shape != first.shape or (other != first).any()
    assert expected.shape == (28, 28) and expected.max() == 255
    assert not inverted or kind in PLAIN_KINDS


@pytest.mark.parametrize("height", [12, 50, 100])
def test_an_enlarged_digit_has_the_height_asked_for_and_full_ink(height):
    ink = enlarge(mnist_like(2), height)
    assert len(ink) == height and ink.min() == 0 and ink.max() > 0.9


def test_correlation_forgives_a_shift_by_one_pixel_but_not_another_digit():
    assert correlation(np.roll(mnist_like(2), 1, axis=0), mnist_like(2)) == pytest.approx(1)
    assert correlation(mnist_like(1), mnist_like(0)) < 0.5


def test_the_table_fits_on_a_terminal():
    lines = table([Row("tight crop, blurred", 10_000, 0.0, 1.0, 0.95, 1.0, 10.5)])
    assert len(lines) == 2 and all(len(line) <= 80 for line in lines)
    assert lines[1].split()[-1] == "10.50"


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("lines", "frame, 1 side"),
        ("print", "guilloche"),
        ("remains", "neighbour"),
        ("shape", "tight crop, bold"),
        ("colours", "coloured tint"),
        ("frames", "frame, 4 sides"),
    ],
)
def test_a_step_that_is_turned_off_changes_the_paper_that_it_is_for_and_comes_back(step, kind):
    def read_crops() -> list[bytes | None]:
        found = []
        for seed in range(12):
            picture, _, _ = draw_crop(kind, mnist_like(5), np.random.default_rng(seed))
            content = BytesIO()
            mode = "RGB" if step == "colours" else "L"
            Image.fromarray(picture).convert(mode).save(content, "PNG")
            digit = normalise_digit(decode_image(content.getvalue(), suffix=".png", max_pixels=10**6))
            found.append(None if digit is None else digit.image.tobytes())
        return found

    whole = read_crops()
    with without_steps([step]):
        assert read_crops() != whole
    assert read_crops() == whole


def test_the_table_of_steps_fits_on_a_terminal():
    names = ["all", *STEPS, "none"]
    lines = steps_table({"tight crop, blurred": dict.fromkeys(names, 1.0)})
    assert all(len(line) <= 80 for line in lines)
    assert lines[1].split()[-1] == "100.0%"
