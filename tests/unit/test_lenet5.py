"""The networks are those of the 1998 paper, to the parameter."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lenet_pipeline.bitmaps import digit_bitmaps
from lenet_pipeline.errors import UnknownNameError
from lenet_pipeline.lenet5 import (
    ARCHITECTURES,
    C3_CONNECTIONS,
    EuclideanRadialBasis,
    LeNet5,
    LeNet5Softmax,
    PartialConvolution,
    ScaledTanh,
    Subsampling,
    build_network,
    count_parameters,
    find_architecture,
)


def by_layer(network: nn.Module) -> dict[str, int]:
    counts = {name: count_parameters(layer) for name, layer in network.named_children()}
    return {name: count for name, count in counts.items() if count}


# Parameters


def test_lenet5_has_the_parameters_that_the_paper_counts():
    assert by_layer(LeNet5()) == {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164}
    assert count_parameters(LeNet5()) == 60_000


def test_lenet5_softmax_has_the_parameters_of_the_tutorials():
    assert by_layer(LeNet5Softmax()) == {"c1": 156, "c3": 2_416, "c5": 48_120, "f6": 10_164, "output": 850}
    assert count_parameters(LeNet5Softmax()) == 61_706


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_architecture_has_the_parameters_it_promises(name):
    architecture = find_architecture(name)
    assert architecture.name == name
    assert count_parameters(build_network(name)) == architecture.parameters


def test_a_parameter_that_is_not_trained_is_not_counted():
    network = LeNet5()
    network.f6.requires_grad_(False)
    assert count_parameters(network) == 60_000 - 10_164


def test_an_unknown_architecture_names_those_there_are():
    with pytest.raises(UnknownNameError) as caught:
        build_network("lenet6")
    assert str(caught.value) == "there is no architecture 'lenet6'; there is: lenet5, lenet5-softmax"


# The connection table


def runs(seen: tuple[int, ...]) -> int:
    """Count the runs of neighbours among six maps on a circle."""
    return sum((place + 1) % 6 not in seen for place in seen)


def test_the_table_is_as_the_paper_describes_it():
    three, four = (
        [row for row in C3_CONNECTIONS if len(row) == 3],
        [row for row in C3_CONNECTIONS if len(row) == 4],
    )
    assert [len(row) for row in C3_CONNECTIONS] == [3] * 6 + [4] * 9 + [6]
    assert [runs(row) for row in three] == [1] * 6  # contiguous
    assert [runs(row) for row in four] == [1] * 6 + [2] * 3  # contiguous, then not
    assert C3_CONNECTIONS[15] == (0, 1, 2, 3, 4, 5)


def test_no_two_maps_see_the_same_and_each_is_seen_as_often():
    assert len(set(C3_CONNECTIONS)) == 16
    assert all(list(row) == sorted(set(row)) for row in C3_CONNECTIONS)
    assert [sum(place in row for row in C3_CONNECTIONS) for place in range(6)] == [10] * 6


def test_a_kernel_is_zero_exactly_where_the_table_has_no_connection():
    layer = PartialConvolution(6, C3_CONNECTIONS)
    dense = layer.dense_weight()
    assert dense.shape == (16, 6, 5, 5)
    for output, seen in enumerate(C3_CONNECTIONS):
        for place in range(6):
            kernel = dense[output, place]
            assert bool((kernel != 0).all()) if place in seen else bool((kernel == 0).all()), (output, place)


def test_a_partial_convolution_adds_up_the_maps_that_each_output_sees():
    layer = PartialConvolution(6, C3_CONNECTIONS)
    nn.init.normal_(layer.bias)
    maps = torch.randn(2, 6, 14, 14)
    found, kernels = layer(maps), iter(layer.weight)
    assert found.shape == (2, 16, 10, 10)
    for output, seen in enumerate(C3_CONNECTIONS):
        expected = sum(nn.functional.conv2d(maps[:, [place]], next(kernels)[None, None]) for place in seen)
        torch.testing.assert_close(found[:, [output]], expected + layer.bias[output], rtol=1e-4, atol=1e-5)


def test_an_image_a_map_does_not_see_does_not_change_it():
    layer = PartialConvolution(6, C3_CONNECTIONS)
    maps = torch.randn(1, 6, 14, 14)
    changed = maps.clone()
    changed[:, 3] += 1
    differs = (layer(maps) != layer(changed)).flatten(2).any(dim=2)[0]
    assert differs.tolist() == [3 in seen for seen in C3_CONNECTIONS]


# Layers


def test_the_squash_passes_through_plus_and_minus_one():
    squash = ScaledTanh()
    found = squash(torch.tensor([-1.0, 0.0, 1.0, 1e6]))
    torch.testing.assert_close(found, torch.tensor([-1.0, 0.0, 1.0, 1.7159]), rtol=0, atol=1e-4)


def test_subsampling_adds_four_pixels_times_a_coefficient_plus_a_bias():
    layer = Subsampling(2)
    with torch.no_grad():
        layer.coefficient.copy_(torch.tensor([0.5, -1.0]))
        layer.bias.copy_(torch.tensor([0.25, 3.0]))
    maps = torch.arange(16.0).reshape(1, 1, 4, 4).repeat(1, 2, 1, 1)
    sums = torch.tensor([[10.0, 18.0], [42.0, 50.0]])
    torch.testing.assert_close(layer(maps), torch.stack([sums * 0.5 + 0.25, 3.0 - sums])[None])


def test_a_code_that_is_a_digits_bitmap_is_at_no_distance_from_it():
    bitmaps = torch.from_numpy(digit_bitmaps())
    penalties = EuclideanRadialBasis()(bitmaps)
    flipped = (bitmaps[:, None] != bitmaps).sum(dim=2)
    torch.testing.assert_close(penalties, 4.0 * flipped)  # a flipped pixel is 2 off, squared
    assert penalties.diagonal().tolist() == [0.0] * 10


def test_a_distance_is_the_sum_of_squared_differences():
    code = np.random.default_rng(0).normal(size=(3, 84)).astype(np.float32)
    expected = [[((row - bitmap) ** 2).sum() for bitmap in digit_bitmaps()] for row in code]
    found = EuclideanRadialBasis()(torch.from_numpy(code)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_bitmaps_are_ten_different_drawings_of_84_pixels():
    bitmaps = digit_bitmaps()
    assert bitmaps.shape == (10, 84)
    assert bitmaps.dtype == np.float32
    assert set(np.unique(bitmaps)) == {-1.0, 1.0}
    assert len(np.unique(bitmaps, axis=0)) == 10


def test_the_bitmaps_are_fixed_and_not_part_of_the_weights():
    network = LeNet5()
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


def gradients_are_right(layer: nn.Module, example: Tensor) -> bool:
    """Compare a layer's gradients, by its input and each parameter, with finite differences in float64."""
    layer = layer.double()
    names, parameters = zip(*layer.named_parameters(), strict=True) if list(layer.parameters()) else ((), ())

    def call(given: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (given,))

    inputs = (example.double().requires_grad_(), *parameters)
    return bool(torch.autograd.gradcheck(call, inputs))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (EuclideanRadialBasis(), (2, 84)),
        (PartialConvolution(2, ((1,), (0, 1))), (1, 2, 5, 6)),
        (Subsampling(2), (1, 2, 4, 4)),
        (ScaledTanh(), (5,)),
    ],
    ids=["radial-basis", "partial-convolution", "subsampling", "squash"],
)
def test_gradients_agree_with_finite_differences(layer, shape):
    assert gradients_are_right(layer, torch.randn(shape, generator=torch.Generator().manual_seed(1)))


# Networks


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_network_gives_ten_scores_an_image(name, count):
    scores = build_network(name)(torch.zeros(count, 1, 32, 32))
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
    network, found = LeNet5(), []
    network.get_submodule(layer).register_forward_hook(lambda *call: found.append(call[2].shape[1:]))
    network(torch.zeros(2, 1, 32, 32))
    assert found == [shape]


def test_lenet5_scores_are_its_penalties_turned_round():
    assert bool((LeNet5()(torch.randn(4, 1, 32, 32)) <= 0).all())


def test_first_weights_lie_within_the_papers_bounds_and_fill_them():
    network = LeNet5().requires_grad_(False)
    for layer, fan_in in (("c1", 25), ("c5", 400), ("f6", 120), ("s2", 4), ("s4", 4)):
        part = network.get_submodule(layer)
        weight = part.coefficient if isinstance(part, Subsampling) else part.weight
        assert 0.1 * 2.4 / fan_in < float(weight.abs().max()) <= 2.4 / fan_in, layer
        assert float(part.bias.abs().max()) == 0, layer
    kernels = iter(network.c3.weight)
    for seen in C3_CONNECTIONS:
        for _ in seen:
            limit = 2.4 / (25 * len(seen))
            assert 0.5 * limit < float(next(kernels).abs().max()) <= limit


# The loss


def test_the_loss_of_lenet5_is_equation_9():
    penalties = torch.tensor(
        [[1.0, 2.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 12.0], [15.0] * 10], dtype=torch.float64
    )
    labels = torch.tensor([1, 4])
    rubbish = math.exp(-10)
    first = 2.0 + math.log(rubbish + sum(math.exp(-y) for y in penalties[0].tolist()))
    second = 15.0 + math.log(rubbish + 10 * math.exp(-15))
    found = LeNet5().loss(-penalties, labels)
    assert float(found) == pytest.approx((first + second) / 2, rel=1e-9)


def test_the_loss_of_lenet5_softmax_is_cross_entropy():
    scores = torch.tensor([[0.0, math.log(3)] + [-1e9] * 8])
    loss = LeNet5Softmax().loss(scores, torch.tensor([0]))
    assert float(loss) == pytest.approx(math.log(4), rel=1e-6)


def test_only_lenet5_has_a_score_for_rubbish():
    scores = torch.arange(20.0).reshape(2, 10)
    appended = LeNet5().scores_with_rubbish(scores)
    assert torch.equal(appended, torch.cat([scores, torch.full((2, 1), -10.0)], dim=1))
    assert torch.equal(LeNet5Softmax().scores_with_rubbish(scores), scores)
