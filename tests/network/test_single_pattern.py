"""For a single pattern, the gradients equal those of autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lenet_pipeline.network.architectures import ARCHITECTURES, DigitNetwork, build_network, find_architecture
from lenet_pipeline.network.layers import ScaledTanh, Tanh
from lenet_pipeline.network.single_pattern import SinglePattern
from lenet_pipeline.training.recipes import initialise


def network_and_images(name: str, number: int, dtype: torch.dtype) -> tuple[DigitNetwork, Tensor]:
    torch.manual_seed(3)
    network = build_network(name)
    initialise(network, "unit-variance")
    side = 28 + 2 * find_architecture(name).padding_px
    return network.to(dtype), torch.randn(number, 1, side, side, dtype=dtype)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-4)])
def test_loss_and_gradients_are_those_of_autograd(name: str, dtype: torch.dtype, tolerance: float):
    network, images = network_and_images(name, 3, dtype)
    pattern = SinglePattern(network)
    for image, label in zip(images, (0, 7, 9), strict=True):
        expected = network.loss(network(image[None]), torch.tensor([label]))
        gradients = torch.autograd.grad(expected, list(network.parameters()))
        assert pattern.gradient(image.numpy(), label) == pytest.approx(expected.item(), rel=tolerance)
        for parameter, gradient in zip(network.parameters(), gradients, strict=True):
            assert parameter.grad is not None
            assert parameter.grad.dtype == dtype
            scale = float(gradient.abs().max()) or 1.0
            torch.testing.assert_close(parameter.grad, gradient, rtol=0, atol=tolerance * scale)


def test_a_gradient_replaces_the_one_before_it():
    network, images = network_and_images("lenet5", 2, torch.float32)
    pattern = SinglePattern(network)
    pattern.gradient(images[0].numpy(), 1)
    first = [parameter.grad.clone() for parameter in network.parameters()]
    pattern.gradient(images[1].numpy(), 2)
    network.zero_grad()
    pattern.gradient(images[0].numpy(), 1)
    for parameter, gradient in zip(network.parameters(), first, strict=True):
        assert torch.equal(parameter.grad, gradient)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_weights_that_changed_in_place_are_the_ones_used(name: str):
    network, images = network_and_images(name, 1, torch.float32)
    pattern = SinglePattern(network)
    before = pattern.gradient(images[0].numpy(), 1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(0.5)
    after = network.loss(network(images), torch.tensor([1])).item()
    assert pattern.gradient(images[0].numpy(), 1) == pytest.approx(after, rel=1e-5)
    assert before != pytest.approx(after, rel=1e-2)


def test_one_activation_module_may_be_used_twice():
    squash = Tanh()
    network = DigitNetwork(
        {"f5": nn.Linear(3, 4), "f5_squash": squash, "f6": nn.Linear(4, 5), "f6_squash": squash}
        | {"output": nn.Linear(5, 10)}
    ).double()
    inputs = torch.rand(1, 3, dtype=torch.float64)
    SinglePattern(network).gradient(inputs[0].numpy(), 2)
    expected = torch.autograd.grad(
        network.loss(network(inputs), torch.tensor([2])), list(network.parameters())
    )
    for parameter, gradient in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_a_code_far_from_every_bitmap_still_gives_numbers():
    network, images = network_and_images("lenet5", 1, torch.float32)
    network.rubbish_score = None
    loss = SinglePattern(network).gradient(100 * images[0].numpy(), 4)
    assert np.isfinite(loss)
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())


@pytest.mark.parametrize(
    "layer",
    [
        nn.GELU(),
        nn.Conv2d(1, 1, 3, stride=2),
        nn.Conv2d(1, 1, 3, padding=1),
        nn.Conv2d(1, 1, (3, 2)),
        nn.Conv2d(1, 1, 3, bias=False),
        nn.Linear(2, 2, bias=False),
    ],
)
def test_a_layer_without_a_rule_is_named(layer: nn.Module):
    with pytest.raises(TypeError, match=r"no rule .* through " + type(layer).__name__):
        SinglePattern(DigitNetwork({"f6": nn.Linear(1, 1), "f6_squash": Tanh(), "other": layer}))


def test_derivatives_are_named_and_shaped_like_the_parameters():
    network = DigitNetwork({"c1": nn.Conv2d(1, 2, 3), "c1_squash": ScaledTanh()})
    shapes = {name: derivative.shape for name, derivative in SinglePattern(network).derivatives.items()}
    assert shapes == {"c1.weight": (2, 1, 3, 3), "c1.bias": (2,)}
