"""The fused forward pass computes the same scores and gradients as the chain of layers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lenet_pipeline.network.architectures import ARCHITECTURES, DigitNetwork, build_network, find_architecture
from lenet_pipeline.network.fused_forward import fuse_forward
from lenet_pipeline.network.layers import Tanh

SIDES = [(name, 28 + 2 * find_architecture(name).padding_px) for name in ARCHITECTURES]
ODD_SIDES = [("lenet-3x3", 29)]  # 27x27 maps in C1: the last row and column are in no neighbourhood


def network_and_batch(name: str, side: int) -> tuple[DigitNetwork, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = build_network(name).double()
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.3)
        return network, torch.randn(5, 1, side, side, dtype=torch.float64)


@pytest.mark.parametrize(("name", "side"), SIDES + ODD_SIDES)
def test_scores_and_gradients_are_those_of_the_plain_chain(name: str, side: int):
    network, images = network_and_batch(name, side)
    labels = torch.tensor([0, 3, 3, 9, 5])
    plain = network(images)
    plain_gradients = torch.autograd.grad(network.loss(plain, labels), list(network.parameters()))
    faster = fuse_forward(network)(images)
    faster_gradients = torch.autograd.grad(network.loss(faster, labels), list(network.parameters()))
    torch.testing.assert_close(faster, plain, rtol=1e-12, atol=1e-12)
    for found, expected in zip(faster_gradients, plain_gradients, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_no_images_give_no_scores():
    assert fuse_forward(build_network("lenet5"))(torch.empty(0, 1, 32, 32)).shape == (0, 10)


def test_weights_that_change_later_are_used():
    network, images = network_and_batch("lenet5", 32)
    forward = fuse_forward(network)
    with torch.no_grad():
        network.get_submodule("c1").weight.mul_(2)
    torch.testing.assert_close(forward(images), network(images), rtol=1e-12, atol=1e-12)


def test_a_network_that_begins_differently_is_returned_unchanged():
    network = DigitNetwork({"flat": nn.Flatten(), "squash": Tanh(), "output": nn.Linear(784, 10)})
    images = torch.randn(2, 1, 28, 28)
    assert torch.equal(fuse_forward(network)(images), network(images))
