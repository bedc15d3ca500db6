"""Views: images moved by one pixel, whose probabilities are averaged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lenet_pipeline.errors import ScoringError
from lenet_pipeline.registry.model_files import read_model, write_model
from lenet_pipeline.scoring import views
from lenet_pipeline.scoring.engine import Engine, Preprocessing, TrainedModel
from lenet_pipeline.scoring.views import MOST_VIEWS, SHIFTS, shift_images
from tests.digit_builders import separable_images, untrained_model


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return separable_images([number % 10 for number in range(50)])


def with_views(count: int, architecture: str = "lenet5") -> TrainedModel:
    model = untrained_model(architecture, temperature=2.0)
    return replace(model, preprocessing=replace(model.preprocessing, views=count))


def test_a_shift_moves_ink_over_a_dark_background_and_loses_what_leaves_the_image():
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 0, 27], image[0, 5, 9] = 10, 20
    down_left = shift_images(image, (1, -1))
    assert (down_left[0, 1, 26], down_left[0, 6, 8], down_left.sum()) == (10, 20, 30)
    up_right = shift_images(image, (-1, 1))
    assert (up_right[0, 4, 10], up_right.sum()) == (20, 20)
    assert np.array_equal(shift_images(image, (0, 0)), image)


def test_views_are_the_image_and_its_neighbours():
    assert SHIFTS[0] == (0, 0)
    assert sorted(SHIFTS) == [(-1, 0), (0, -1), (0, 0), (0, 1), (1, 0)]


@pytest.mark.parametrize("architecture", ["lenet5", "lenet5-relu"])
@pytest.mark.parametrize("count", [2, 3, 5])
def test_probabilities_are_the_mean_over_the_views_and_not_a_digit_is_of_the_first(
    images, architecture, count
):
    plain = Engine(with_views(1, architecture), "cpu")
    each = [plain.score(shift_images(images, shift)) for shift in SHIFTS[:count]]
    found = Engine(with_views(count, architecture), "cpu").score(images)
    mean = np.mean([scores.probabilities.astype(np.float64) for scores in each], axis=0)
    np.testing.assert_allclose(found.probabilities, mean, atol=1e-6)
    assert not np.array_equal(found.probabilities, each[0].probabilities)
    if found.not_a_digit is None:
        assert each[0].not_a_digit is None
    else:
        assert np.array_equal(found.not_a_digit, each[0].not_a_digit)


def test_float32_is_bit_identical_in_any_batch_part_and_order(images, monkeypatch):
    whole = Engine(with_views(3), "cpu").score(images).probabilities
    monkeypatch.setattr(views, "_IMAGES_AT_A_TIME", 7)
    done: list[int] = []
    small = Engine(with_views(3), "cpu", batch_size=16).score(images[::-1].copy(), done.append)
    assert np.array_equal(whole, small.probabilities[::-1])
    assert done == [7] * 7 + [1]


def test_raw_scores_have_one_layer_per_view(images):
    raw = Engine(with_views(3), "cpu").raw_scores(images)
    plain = Engine(with_views(1), "cpu")
    assert raw.shape == (3, 50, 10)
    assert np.array_equal(raw[2], plain.raw_scores(shift_images(images, SHIFTS[2]))[0])


def test_no_images_give_no_scores():
    scores = Engine(with_views(3), "cpu").score(np.empty((0, 28, 28), np.uint8))
    assert scores.probabilities.shape == (0, 10)
    assert scores.not_a_digit.shape == (0,)


def test_the_engine_says_how_many_views_it_averages_and_refuses_too_many():
    assert Engine(with_views(3), "cpu").description.endswith("; mean of 3 views")
    assert "views" not in Engine(with_views(1), "cpu").description
    for count in (0, MOST_VIEWS + 1):
        with pytest.raises(ScoringError, match=f"the model has {count} views of an image; expected 1 to 5"):
            Engine(with_views(count), "cpu")


def test_views_change_the_fingerprint_and_one_view_keeps_that_of_older_versions():
    old = Preprocessing()
    assert old.fingerprint == "a540eeca14569cd46bc84cabf056940ae2b19b56856cf83fa97b80b2701a0534"
    assert Preprocessing(views=3).fingerprint != old.fingerprint


def test_a_model_file_keeps_its_views_and_one_without_them_has_one(tmp_path):
    write_model(tmp_path, with_views(3))
    assert read_model(tmp_path).preprocessing.views == 3
    record = (tmp_path / "model.json").read_text()
    (tmp_path / "model.json").write_text(record.replace(',\n  "views": 3', ""))
    assert read_model(tmp_path).preprocessing.views == 1
