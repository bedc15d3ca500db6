"""A served model scores images of digits, and refuses everything else with the reason."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from mlflow.exceptions import MlflowException

from lenet_pipeline.ingest import read_mnist
from lenet_pipeline.registry import score_request
from lenet_pipeline.registry.serving import find_inverted, read_request
from lenet_pipeline.schema import Images
from lenet_pipeline.scoring import Engine
from tests.digit_builders import separable_images, untrained_model

IMAGES = separable_images([3, 1, 4])


def with_value(value: float) -> Any:
    """Return the images as floats, with one value of the second one replaced."""
    images = IMAGES.astype(np.float64)
    images[1, 5, 6] = value
    return images


def with_null() -> Any:
    """Return the images as lists, with a null in the second one."""
    images = IMAGES.tolist()
    images[1][5][6] = None
    return images


def framed(image: Images) -> Images:
    """Return an image with a bright frame of two pixels, as around a cell of a form."""
    return np.pad(image[2:-2, 2:-2], 2, constant_values=255)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32, np.float64, object, list])
def test_whole_numbers_of_every_type_are_scored_alike(kind):
    engine = Engine(untrained_model())
    request = IMAGES.tolist() if kind is list else IMAGES.astype(kind)
    found, expected = score_request(engine, request), engine.score(IMAGES)
    assert found.columns.tolist() == ["label", "confidence", "not_a_digit"]
    assert found["label"].tolist() == expected.labels.tolist()
    assert found["confidence"].tolist() == expected.confidences.tolist()
    assert found["not_a_digit"].tolist() == expected.not_a_digit.tolist()


def test_a_model_without_the_class_has_none_for_not_a_digit():
    rows = score_request(Engine(untrained_model("lenet5-relu")), IMAGES).to_dict("records")
    assert [row["not_a_digit"] for row in rows] == [None, None, None]
    assert '"not_a_digit": null' in json.dumps(rows)


@pytest.mark.parametrize("request_", [[], np.empty((0, 28, 28))])
def test_an_empty_request_gives_no_rows(request_):
    found = score_request(Engine(untrained_model()), request_)
    assert (len(found), found.columns.tolist()) == (0, ["label", "confidence", "not_a_digit"])


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (IMAGES[0], "have the shape (28, 28), expected (n, 28, 28); send a list of images"),
        (IMAGES.reshape(3, 784), "have the shape (3, 784), expected (n, 28, 28)"),
        (IMAGES[:, None], "have the shape (3, 1, 28, 28), expected (n, 28, 28)"),
        (IMAGES[:, 1:], "have the shape (3, 27, 28), expected (n, 28, 28)"),
        (np.empty((0, 784)), "have the shape (0, 784), expected (n, 28, 28)"),
        ([[1, 2], [3]], "not an array of numbers"),
        ({"image": IMAGES}, "not an array of numbers"),
        ("image.png", "hold values of type <U9; send whole numbers"),
        (with_value(np.nan), "image 1 (counted from 0) has a value that is not a number"),
        (with_value(np.inf), "image 1 (counted from 0) has a value that is not a number"),
        (
            np.where(np.isnan(with_value(np.nan)), None, IMAGES),
            "image 1 (counted from 0) has a value that is not a number",
        ),
        (with_value(127.5), "image 1 (counted from 0) has the value 127.5, expected whole numbers"),
        (with_value(-1), "go from -1 to 250, expected whole numbers from 0 (paper) to 255 (ink)"),
        (with_value(256), "go from 0 to 256, expected whole numbers from 0 (paper) to 255 (ink)"),
        (IMAGES / 127.5 - 1, "go from -1 to 0.960784, expected whole numbers from 0 (paper) to 255"),
        (IMAGES / 255, "go from 0 to 0.980392, expected 0 (paper) to 255 (ink); multiply them by 255"),
        (IMAGES > 128, "multiply them by 255"),
        (255 - IMAGES, "3 of 3 images have dark ink on bright paper, first image 0 (counted from 0)"),
        (
            np.concatenate([IMAGES, 255 - IMAGES[:1]]),
            "1 of 4 images have dark ink on bright paper, first image 3 (counted from 0); the model reads "
            "bright ink on dark paper: send 255 minus each value",
        ),
        (np.full((1, 28, 28), 255), "1 of 1 images have dark ink on bright paper"),
    ],
)
def test_what_is_not_an_image_of_a_digit_is_refused_with_the_reason(request_, reason):
    with pytest.raises(MlflowException) as caught:
        read_request(request_)
    assert reason in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.error_code == "INVALID_PARAMETER_VALUE"
    assert caught.value.get_http_status_code() == 400


def test_blank_paper_and_framed_digits_are_scored():
    blank, cells = np.zeros((1, 28, 28), np.uint8), np.stack([framed(image) for image in IMAGES])
    assert len(read_request(np.concatenate([blank, cells]))) == 4


@pytest.mark.mnist
def test_no_digit_of_mnist_is_refused_as_inverted_and_all_of_their_inverses_are(mnist_root):
    for digits in read_mnist(mnist_root).values():
        pixels = b"".join(digits["image"].to_pylist())
        images = np.frombuffer(pixels, np.uint8).reshape(-1, 28, 28)
        assert not find_inverted(images).any()
        assert find_inverted(255 - images).all()
