"""The networks match the 1998 paper, down to the number of parameters."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from lenet_pipeline.errors import UnknownNameError
from lenet_pipeline.network.architectures import (
    ARCHITECTURES,
    build_network,
    count_parameters,
    find_architecture,
)


def by_layer(network: nn.Module) -> dict[str, int]:
    counts = {name: count_parameters(layer) for name, layer in network.named_children()}
    return {name: count for name, count in counts.items() if count}


# Parameters


def test_lenet5_has_the_parameters_that_the_paper_counts():
    network = build_network("lenet5")
    assert by_layer(network) == {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164}
    assert count_parameters(network) == 60_000


@pytest.mark.parametrize(
    ("name", "layers", "total"),
    [
        ("lenet5-softmax", {"c1": 156, "c3": 2_416, "c5": 48_120, "f6": 10_164, "output": 850}, 61_706),
        ("lenet5-28", {"c1": 156, "c3": 2_416, "c5": 30_840, "f6": 10_164, "output": 850}, 44_426),
        ("lenet-3x3", {"c1": 60, "c3": 880, "c5": 51_328, "output": 1_290}, 53_558),
        ("lenet5-relu", {"c1": 156, "c3": 2_416, "c5": 48_120, "f6": 10_164, "output": 850}, 61_706),
    ],
)
def test_each_variant_has_the_parameters_of_the_tutorials(name, layers, total):
    assert by_layer(build_network(name)) == layers
    assert count_parameters(build_network(name)) == total


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_architecture_has_the_parameters_it_promises(name):
    architecture = find_architecture(name)
    assert architecture.name == name
    assert count_parameters(build_network(name)) == architecture.parameters


def test_a_parameter_that_is_not_trained_is_not_counted():
    network = build_network("lenet5")
    network.f6.requires_grad_(False)
    assert count_parameters(network) == 60_000 - 10_164


def test_an_unknown_architecture_lists_the_known_ones():
    with pytest.raises(UnknownNameError) as caught:
        build_network("lenet6")
    assert str(caught.value) == (
        "there is no architecture 'lenet6'; "
        "available: lenet-3x3, lenet5, lenet5-28, lenet5-relu, lenet5-softmax"
    )


# Networks


def test_the_bitmaps_are_fixed_and_not_part_of_the_weights():
    network = build_network("lenet5")
    assert not network.output.bitmaps.requires_grad
    assert sorted(network.state_dict()) == sorted(
        f"{layer}.{part}"
        for layer, parts in {
            "c1": ("weight", "bias"),
            "s2": ("coefficient", "bias"),
            "c3": ("weight", "bias"),
            "s4": ("coefficient", "bias"),
            "c5": ("weight", "bias"),
            "f6": ("weight", "bias"),
        }.items()
        for part in parts
    )


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_network_returns_ten_scores_per_image(name, count):
    side = 28 + 2 * find_architecture(name).padding_px
    scores = build_network(name)(torch.zeros(count, 1, side, side))
    assert scores.shape == (count, 10)
    assert scores.dtype == torch.float32
    assert bool(torch.isfinite(scores).all())


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("c1", (6, 28, 28)),
        ("s2", (6, 14, 14)),
        ("c3", (16, 10, 10)),
        ("s4", (16, 5, 5)),
        ("c5", (120, 1, 1)),
        ("f6", (84,)),
        ("output", (10,)),
    ],
)
def test_each_layer_is_as_large_as_in_figure_2_of_the_paper(layer, shape):
    network, found = build_network("lenet5"), []
    network.get_submodule(layer).register_forward_hook(lambda *call: found.append(call[2].shape[1:]))
    network(torch.zeros(2, 1, 32, 32))
    assert found == [shape]


def test_lenet5_scores_are_the_negated_penalties():
    assert bool((build_network("lenet5")(torch.randn(4, 1, 32, 32)) <= 0).all())


# The loss


def test_the_loss_of_lenet5_is_equation_9():
    penalties = torch.tensor(
        [[1.0, 2.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 12.0], [15.0] * 10], dtype=torch.float64
    )
    labels = torch.tensor([1, 4])
    rubbish = math.exp(-10)
    first = 2.0 + math.log(rubbish + sum(math.exp(-y) for y in penalties[0].tolist()))
    second = 15.0 + math.log(rubbish + 10 * math.exp(-15))
    found = build_network("lenet5").loss(-penalties, labels)
    assert float(found) == pytest.approx((first + second) / 2, rel=1e-9)


def test_equations_8_and_9_by_hand_on_two_classes():
    penalties, labels = torch.tensor([[1.0, 3.0], [0.5, 2.0]]), torch.tensor([0, 1])
    equation_8 = (1.0 + 2.0) / 2
    # With j = 1: log(exp(-1) + exp(-1) + exp(-3)) and log(exp(-1) + exp(-0.5) + exp(-2)), in six decimals
    equation_9 = equation_8 + (-0.241376 + 0.104131) / 2
    network = build_network("lenet5")
    network.rubbish_score = -1.0
    assert float(network.loss(-penalties, labels)) == pytest.approx(equation_9, abs=2e-6)
    network.rubbish_score = None  # nothing else competes: what is left is equation 8 and the two classes
    without = (
        equation_8 + (math.log(math.exp(-1) + math.exp(-3)) + math.log(math.exp(-0.5) + math.exp(-2))) / 2
    )
    assert float(network.loss(-penalties, labels)) == pytest.approx(without, rel=1e-6)


def test_the_loss_of_lenet5_softmax_is_cross_entropy():
    scores = torch.tensor([[0.0, math.log(3)] + [-1e9] * 8])
    loss = build_network("lenet5-softmax").loss(scores, torch.tensor([0]))
    assert float(loss) == pytest.approx(math.log(4), rel=1e-6)


def test_only_lenet5_has_a_score_for_rubbish():
    scores = torch.arange(20.0).reshape(2, 10)
    appended = build_network("lenet5").scores_with_rubbish(scores)
    assert torch.equal(appended, torch.cat([scores, torch.full((2, 1), -10.0)], dim=1))
    assert torch.equal(build_network("lenet5-softmax").scores_with_rubbish(scores), scores)
