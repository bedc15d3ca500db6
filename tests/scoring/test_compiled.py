"""The compiled forward pass matches the network, and each image gets the same bits in any batch."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lenet_pipeline.errors import ScoringError
from lenet_pipeline.network.architectures import ARCHITECTURES, DigitNetwork
from lenet_pipeline.network.layers import ScaledTanh
from lenet_pipeline.schema import Images
from lenet_pipeline.scoring.compiled.forward import CompiledForward
from lenet_pipeline.scoring.compiled.plan import UnplannedError, paired, plan_network
from lenet_pipeline.scoring.compiled.program import Processor, find_processor
from lenet_pipeline.scoring.engine import Engine, Preprocessing, TrainedModel, load_network
from lenet_pipeline.scoring.torch_forward import TorchForward, TorchNetwork
from tests.digit_builders import separable_images, untrained_model

pytestmark = pytest.mark.skipif(find_processor() is None, reason="nothing can be compiled for this processor")


def model_of(architecture: str, temperature: float = 1.7) -> TrainedModel:
    padding_px = ARCHITECTURES[architecture].padding_px
    return replace(
        untrained_model(architecture, temperature), preprocessing=Preprocessing(padding_px=padding_px)
    )


def compiled(model: TrainedModel, processor: Processor | None = None, **options: int) -> CompiledForward:
    found = processor or find_processor()
    assert found is not None
    network = load_network(model).eval()
    return CompiledForward(
        network,
        model.preprocessing,
        model.temperature,
        processor=found,
        threads=options.get("threads", 1),
        batch_size=options.get("batch_size"),
        is_fast=bool(options.get("is_fast")),
    )


@pytest.fixture(scope="module")
def images() -> Images:
    """Digits, noise, blank paper and all ink, 150 in all: no multiple of any number of lanes."""
    noise = np.random.default_rng(0).integers(0, 256, (98, 28, 28), np.uint8)
    digits = separable_images([number % 10 for number in range(50)])
    return np.concatenate(
        [digits, noise, np.zeros((1, 28, 28), np.uint8), np.full((1, 28, 28), 255, np.uint8)]
    )


def answer_bits(forward: CompiledForward | TorchForward, images: Images) -> list[bytes]:
    """Return the bytes of each image's probabilities and not_a_digit."""
    probabilities, rubbish = forward.score(images, lambda _: None)
    columns = probabilities if rubbish is None else np.column_stack([probabilities, rubbish])
    return [row.tobytes() for row in columns]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_probabilities_match_the_network_in_double_precision(architecture: str, images: Images) -> None:
    model = model_of(architecture)
    network = load_network(model).eval().double()
    with torch.inference_mode():
        exact = network(model.preprocessing.apply(torch.from_numpy(images)).double())
        expected = TorchNetwork(network, lambda batch: batch, model.temperature)
        with_rubbish = torch.softmax(network.scores_with_rubbish(exact), dim=1)
    forward = compiled(model)
    scores = forward.raw_scores(images)
    np.testing.assert_allclose(scores, exact.numpy(), rtol=2e-6, atol=2e-6)
    probabilities, rubbish = forward.score(images, lambda _: None)
    np.testing.assert_allclose(probabilities, torch.softmax(exact / 1.7, dim=1).numpy(), rtol=0, atol=1e-5)
    assert (rubbish is None) == (not expected.has_rubbish)
    if rubbish is not None:
        np.testing.assert_allclose(rubbish, with_rubbish[:, 10].numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_processor_computes_the_same_bits(architecture: str, images: Images) -> None:
    model = model_of(architecture)
    host = find_processor()
    assert host is not None
    kinds = [replace(host, lanes=lanes, registers=held) for lanes, held in ((4, 32), (8, 16), (16, 32))]
    first, *others = [answer_bits(compiled(model, kind), images) for kind in kinds]
    assert all(other == first for other in others)


@pytest.mark.parametrize("architecture", ["lenet5", "lenet5-relu"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 7, 256, 4096])
def test_an_image_has_the_same_bits_in_any_batch_and_on_any_number_of_threads(
    architecture: str, threads: int, batch_size: int, images: Images
) -> None:
    model = model_of(architecture)
    expected = answer_bits(compiled(model), images)
    assert answer_bits(compiled(model, threads=threads, batch_size=batch_size), images) == expected


def test_an_image_has_the_same_bits_in_any_order_and_next_to_any_other(images: Images) -> None:
    forward = compiled(model_of("lenet5"))
    expected = answer_bits(forward, images)
    order = np.random.default_rng(1).permutation(len(images))
    assert answer_bits(forward, images[order]) == [expected[place] for place in order]
    assert [answer_bits(forward, image[None])[0] for image in images[:20]] == expected[:20]


def test_without_the_compiler_an_image_has_the_same_bits_in_any_batch(images: Images) -> None:
    model = model_of("lenet5")
    forward = TorchForward(TorchNetwork(load_network(model), model.preprocessing.apply, model.temperature))
    expected = answer_bits(forward, np.concatenate([images, images, images]))[: len(images)]
    before = torch.get_num_threads()
    try:
        for size, threads in ((1, 1), (7, 2), (100, 1), (100, 2)):
            torch.set_num_threads(threads)
            parts = [images[start : start + size] for start in range(0, len(images), size)]
            assert [bits for part in parts for bits in answer_bits(forward, part)] == expected
    finally:
        torch.set_num_threads(before)


def test_probabilities_agree_with_and_without_the_compiler(images: Images) -> None:
    model = model_of("lenet5")
    forward = TorchForward(TorchNetwork(load_network(model), model.preprocessing.apply, model.temperature))
    expected, _ = forward.score(images, lambda _: None)
    found, _ = compiled(model).score(images, lambda _: None)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()


@pytest.mark.parametrize("architecture", ["lenet5-softmax", "lenet5-relu"])
def test_overflow_is_an_error_and_not_a_probability(architecture: str, images: Images) -> None:
    model = model_of(architecture)
    weights = {**model.weights, "f6.bias": np.full(84, 100, np.float32)}
    weights["output.weight"] = np.full((10, 84), 3e38, np.float32)  # a number itself, and no sum of it is
    with pytest.raises(ScoringError, match="not a finite number"):
        Engine(replace(model, weights=weights), "cpu").score(images)


def test_concurrent_threads_do_not_wait_for_each_other(images: Images) -> None:
    """A worker's tasks share one engine, each with a thread of its own."""
    forward = compiled(model_of("lenet5"))
    expected, meeting = answer_bits(forward, images), threading.Barrier(3, timeout=20)

    def score(_: int) -> list[bytes]:
        probabilities, rubbish = forward.score(images, lambda _: meeting.wait() and None)
        return [row.tobytes() for row in np.column_stack([probabilities, rubbish])]

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(score, range(3))) == [expected] * 3


def test_scores_far_apart_give_probabilities_of_zero_and_one(images: Images) -> None:
    model = model_of("lenet5-softmax", temperature=1e-4)
    probabilities, _ = compiled(model).score(images, lambda _: None)
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1, dtype=np.float64), 1, rtol=0, atol=1e-6)


needs_pairs = pytest.mark.skipif(
    not getattr(find_processor(), "has_pairs", False), reason="this processor has no units for bfloat16"
)


@needs_pairs
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_bfloat16_is_close_to_float32_but_not_equal(architecture: str, images: Images) -> None:
    model = model_of(architecture)
    exact, fast = compiled(model).raw_scores(images), compiled(model, is_fast=True).raw_scores(images)
    difference = np.abs(fast - exact).max() / np.abs(exact).max()
    assert 1e-6 < difference < 0.02


@needs_pairs
def test_in_bfloat16_an_image_has_the_same_bits_in_any_batch_and_order(images: Images) -> None:
    model = model_of("lenet5")
    expected = answer_bits(compiled(model, is_fast=True), images)
    for batch_size in (1, 7, 256):
        forward = compiled(model, is_fast=True, batch_size=batch_size, threads=2)
        assert answer_bits(forward, images) == expected
    assert answer_bits(compiled(model, is_fast=True), images[::-1]) == expected[::-1]


def test_pairs_are_rounded_to_nearest_even() -> None:
    exact = np.array([1.0, -2.5, 1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-12], np.float32)
    both = paired(exact).view(np.uint16)
    halves = both.astype(np.uint32) << 16
    assert halves.view(np.float32).tolist() == [1.0, -2.5, 1.0, 1 + 2**-6, 1 + 2**-7, 0.0]


def test_the_engine_describes_how_it_computes() -> None:
    host = find_processor()
    assert host is not None
    engine = Engine(untrained_model(), "cpu", threads=2)
    assert engine.description == f"float32 compiled for {host.name}: {host.lanes} images at once"


def test_a_network_that_cannot_be_compiled_is_still_scored() -> None:
    network = DigitNetwork({"flat": nn.Flatten(), "squash": ScaledTanh(), "output": nn.Linear(1024, 10)})
    with pytest.raises(UnplannedError, match="expected a convolution as the first layer"):
        plan_network(network, Preprocessing(), 1.0)
    forward = TorchForward(TorchNetwork(network, Preprocessing().apply, 1.0))
    assert forward.score(np.zeros((3, 28, 28), np.uint8), lambda _: None)[0].shape == (3, 10)
