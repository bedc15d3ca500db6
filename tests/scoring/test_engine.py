"""The engine turns images into probabilities and refuses invalid input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray

from lenet_pipeline.errors import ScoringError, UnknownNameError
from lenet_pipeline.lake.digits import images_array
from lenet_pipeline.network.architectures import build_network
from lenet_pipeline.scoring.engine import (
    Engine,
    Preprocessing,
    TrainedModel,
    choose_device,
    load_network,
    network_weights,
)
from tests.digit_builders import digits_table, separable_images, untrained_model

BOTH = ("lenet5", "lenet5-softmax")


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    digits = separable_images([number % 10 for number in range(40)])
    return np.concatenate([digits, np.zeros((1, 28, 28), np.uint8), np.full((1, 28, 28), 255, np.uint8)])


def engine(architecture: str = "lenet5", temperature: float = 1.0, batch_size: int = 256) -> Engine:
    return Engine(untrained_model(architecture, temperature), "cpu", batch_size=batch_size)


# Scores


@pytest.mark.parametrize("architecture", BOTH)
def test_probabilities_sum_to_one_and_labels_are_the_largest(architecture, images):
    scores = engine(architecture).score(images)
    assert scores.probabilities.shape == (42, 10)
    assert scores.probabilities.dtype == np.float32
    assert (scores.probabilities >= 0).all()
    np.testing.assert_allclose(scores.probabilities.sum(axis=1, dtype=np.float64), 1, rtol=0, atol=1e-5)
    assert scores.labels.dtype == np.uint8
    assert scores.confidences.dtype == np.float32
    rows = np.arange(42)
    assert (scores.probabilities[rows, scores.labels] == scores.confidences).all()
    assert (scores.confidences == scores.probabilities.max(axis=1)).all()


@pytest.mark.parametrize("architecture", BOTH)
def test_the_batch_size_does_not_change_the_scores(architecture, images):
    whole = engine(architecture, batch_size=256).score(images)
    for batch_size in (1, 7):
        found = engine(architecture, batch_size=batch_size).score(images)
        np.testing.assert_allclose(found.probabilities, whole.probabilities, rtol=0, atol=1e-5)
        assert (found.labels == whole.labels).all()
        if whole.not_a_digit is not None:
            np.testing.assert_allclose(found.not_a_digit, whole.not_a_digit, rtol=0, atol=1e-5)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_of_no_images_is_refused(batch_size):
    with pytest.raises(ScoringError, match="batch"):
        engine(batch_size=batch_size)


def test_each_batch_reports_its_number_of_images(images):
    done: list[int] = []
    engine(batch_size=16).score(images, done.append)
    assert done == [16, 16, 10]


def test_only_an_architecture_with_a_rubbish_class_has_not_a_digit(images):
    assert engine("lenet5-softmax").score(images).not_a_digit is None
    found = engine("lenet5").score(images).not_a_digit
    assert found.shape == (42,)
    assert found.dtype == np.float32
    assert ((found >= 0) & (found <= 1)).all()


def test_not_a_digit_is_the_rubbish_classs_probability_among_eleven(images):
    scores = engine("lenet5").raw_scores(images)[0].astype(np.float64)
    others = np.exp(scores).sum(axis=1)
    found = engine("lenet5", temperature=3.0).score(images).not_a_digit
    np.testing.assert_allclose(found, np.exp(-10) / (np.exp(-10) + others), rtol=1e-4)


@pytest.mark.parametrize("architecture", BOTH)
def test_temperature_changes_the_confidence_and_not_the_label(architecture, images):
    cold, hot = engine(architecture, 1.0).score(images), engine(architecture, 4.0).score(images)
    assert (cold.labels == hot.labels).all()
    assert (hot.confidences < cold.confidences).all()


def test_probabilities_are_the_softmax_of_the_raw_scores_over_the_temperature(images):
    scores = engine(temperature=2.5).raw_scores(images)[0].astype(np.float64) / 2.5
    expected = np.exp(scores - scores.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(engine(temperature=2.5).score(images).probabilities, expected, atol=1e-6)


def test_no_images_give_no_scores():
    nothing = np.empty((0, 28, 28), np.uint8)
    scores = engine().score(nothing)
    assert scores.probabilities.shape == (0, 10)
    assert scores.not_a_digit.shape == scores.labels.shape == scores.confidences.shape == (0,)
    assert engine().raw_scores(nothing).shape == (1, 0, 10)


def test_images_in_arrows_memory_are_read_without_a_warning_and_not_changed():
    written = pa.BufferOutputStream()
    with pa.ipc.new_stream(written, digits_table(1).schema) as stream:
        stream.write_table(digits_table(5))
    content = written.getvalue().to_pybytes()
    read_only = images_array(pa.ipc.open_stream(pa.py_buffer(content)).read_all())
    assert not read_only.flags.writeable
    found = engine().score(read_only)
    assert (found.probabilities == engine().score(read_only.copy()).probabilities).all()
    assert content == written.getvalue().to_pybytes()


def test_the_memory_layout_of_images_does_not_matter(images):
    expected = engine().score(images).probabilities
    assert (engine().score(np.asfortranarray(images)).probabilities == expected).all()
    assert (
        engine().score(images[::-1]).probabilities == engine().score(images[::-1].copy()).probabilities
    ).all()


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((28, 28), np.uint8),
        np.zeros((2, 784), np.uint8),
        np.zeros((2, 32, 32), np.uint8),
        np.zeros((2, 1, 28, 28), np.uint8),
        np.zeros((2, 28, 28), np.float32),
        np.zeros((2, 28, 28), np.int8),
    ],
    ids=lambda wrong: f"{wrong.dtype}-{wrong.shape}",
)
def test_other_shapes_and_types_of_images_are_refused_by_name(wrong):
    with pytest.raises(ScoringError) as caught:
        engine().score(wrong)
    message = str(caught.value)
    assert "(n, 28, 28)" in message
    assert f"{wrong.dtype} {wrong.shape}" in message


# Preprocessing


def test_preprocessing_scales_greys_and_adds_two_pixels_of_padding():
    image = torch.zeros(1, 28, 28, dtype=torch.uint8)
    image[0, 0, 0], image[0, 27, 27] = 255, 51
    found = Preprocessing().apply(image)
    assert found.shape == (1, 1, 32, 32)
    assert found.dtype == torch.float32
    assert float(found[0, 0, 2, 2]) == pytest.approx(1.175)
    assert float(found[0, 0, 29, 29]) == pytest.approx(-0.1 + 1.275 / 5)
    rest = torch.ones(32, 32, dtype=torch.bool)
    rest[2, 2] = rest[29, 29] = False
    assert found[0, 0][rest].unique().tolist() == pytest.approx([-0.1])


def test_preprocessing_does_not_change_its_input():
    image = torch.full((1, 28, 28), 7, dtype=torch.uint8)
    Preprocessing().apply(image)
    assert bool((image == 7).all())


def test_the_fingerprint_of_preprocessing_depends_only_on_its_values():
    assert Preprocessing().fingerprint == "a540eeca14569cd46bc84cabf056940ae2b19b56856cf83fa97b80b2701a0534"
    assert Preprocessing() == Preprocessing(paper=-0.1, ink=1.175, padding_px=2)
    others = [Preprocessing(paper=0.0), Preprocessing(ink=1.0), Preprocessing(padding_px=0)]
    assert len({Preprocessing().fingerprint, *(other.fingerprint for other in others)}) == 4


def test_a_model_is_scored_with_its_own_preprocessing(images):
    model = replace(untrained_model(), preprocessing=Preprocessing(paper=1.0, ink=-1.0))
    (found,) = Engine(model, "cpu").raw_scores(images)
    with torch.inference_mode():
        expected = load_network(model)(model.preprocessing.apply(torch.from_numpy(images))).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert not np.allclose(found, Engine(untrained_model(), "cpu").raw_scores(images), rtol=1e-3)


# Devices and weights


def test_an_unavailable_device_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ScoringError) as caught:
        Engine(untrained_model(), "cuda")
    assert "no CUDA device" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert choose_device("auto") == torch.device("cpu")


def test_an_unknown_device_lists_the_known_ones():
    with pytest.raises(ScoringError, match="there is no device 'tpu'; choose auto, cpu or cuda"):
        choose_device("tpu")


def without(model: TrainedModel, name: str) -> TrainedModel:
    return replace(model, weights={key: value for key, value in model.weights.items() if key != name})


@pytest.mark.parametrize(
    ("model", "named"),
    [
        (without(untrained_model(), "f6.bias"), "f6.bias"),
        (replace(untrained_model(), architecture="lenet5-softmax"), "c3.weight"),
        (
            replace(
                untrained_model(), weights={**untrained_model().weights, "f7.bias": np.zeros(1, np.float32)}
            ),
            "f7",
        ),
        (replace(untrained_model(), weights={}), "c1.weight"),
    ],
    ids=["missing", "another-architecture", "one-more", "none"],
)
def test_weights_that_do_not_fit_are_refused_in_one_line(model, named):
    with pytest.raises(ScoringError) as caught:
        Engine(model, "cpu")
    assert "do not fit" in str(caught.value)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_architecture_is_refused_by_name():
    with pytest.raises(UnknownNameError, match="no architecture 'alexnet'"):
        Engine(replace(untrained_model(), architecture="alexnet"), "cpu")


def test_weights_survive_a_round_trip_through_arrays():
    network = build_network("lenet5")
    weights = network_weights(network)
    again = network_weights(load_network(TrainedModel("lenet5", weights, Preprocessing())))
    assert weights.keys() == again.keys()
    assert all((weights[name] == again[name]).all() and weights[name].dtype == np.float32 for name in weights)
    bias = network.f6.bias.detach().numpy().copy()
    with torch.no_grad():
        network.f6.bias.add_(1)
    assert (weights["f6.bias"] == bias).all()  # a copy, not a view of what goes on training


def test_weights_that_are_not_finite_are_refused():
    model = untrained_model()
    weights = {name: values * np.float32("nan") for name, values in model.weights.items()}
    with pytest.raises(ScoringError, match="not finite numbers"):
        Engine(replace(model, weights=weights), "cpu").score(np.zeros((1, 28, 28), np.uint8))
