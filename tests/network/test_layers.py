"""The layers compute what the 1998 paper says, and their gradients are correct."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lenet_pipeline.network.bitmaps import digit_bitmaps
from lenet_pipeline.network.layers import (
    C3_CONNECTIONS,
    Activation,
    AveragePooling,
    EuclideanRadialBasis,
    MaximumPooling,
    PartialConvolution,
    Pooling,
    Rectifier,
    ScaledTanh,
    Subsampling,
    Tanh,
)

# The connection table


def runs(seen: tuple[int, ...]) -> int:
    """Count the runs of neighbours among six maps on a circle."""
    return sum((place + 1) % 6 not in seen for place in seen)


def test_the_connection_table_matches_the_papers_description():
    three, four = (
        [row for row in C3_CONNECTIONS if len(row) == 3],
        [row for row in C3_CONNECTIONS if len(row) == 4],
    )
    assert [len(row) for row in C3_CONNECTIONS] == [3] * 6 + [4] * 9 + [6]
    assert [runs(row) for row in three] == [1] * 6  # contiguous
    assert [runs(row) for row in four] == [1] * 6 + [2] * 3  # contiguous, then not
    assert C3_CONNECTIONS[15] == (0, 1, 2, 3, 4, 5)


def test_no_two_rows_are_equal_and_each_map_is_used_equally_often():
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


def test_an_unconnected_input_map_does_not_change_an_output_map():
    layer = PartialConvolution(6, C3_CONNECTIONS)
    maps = torch.randn(1, 6, 14, 14)
    changed = maps.clone()
    changed[:, 3] += 1
    differs = (layer(maps) != layer(changed)).flatten(2).any(dim=2)[0]
    assert differs.tolist() == [3 in seen for seen in C3_CONNECTIONS]


# Activations


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (ScaledTanh(), lambda a: 1.7159 * torch.tanh(2 / 3 * a)),
        (Tanh(), torch.tanh),
        (Rectifier(), lambda a: a.clamp(min=0)),
    ],
    ids=["scaled-tanh", "tanh", "rectifier"],
)
def test_an_activation_is_its_curve_between_two_constants(activation: Activation, expected):
    given = torch.linspace(-3, 3, 13, dtype=torch.float64)
    torch.testing.assert_close(activation(given), expected(given))
    stretched = activation.amplitude * activation.curve(activation.slope * given)
    torch.testing.assert_close(activation(given), stretched)


def test_the_squash_passes_through_plus_and_minus_one():
    squash = ScaledTanh()
    found = squash(torch.tensor([-1.0, 0.0, 1.0, 1e6]))
    torch.testing.assert_close(found, torch.tensor([-1.0, 0.0, 1.0, 1.7159]), rtol=0, atol=1e-4)


# Pooling


def test_subsampling_adds_four_pixels_times_a_coefficient_plus_a_bias():
    layer = Subsampling(2)
    with torch.no_grad():
        layer.coefficient.copy_(torch.tensor([0.5, -1.0]))
        layer.bias.copy_(torch.tensor([0.25, 3.0]))
    maps = torch.arange(16.0).reshape(1, 1, 4, 4).repeat(1, 2, 1, 1)
    sums = torch.tensor([[10.0, 18.0], [42.0, 50.0]])
    torch.testing.assert_close(layer(maps), torch.stack([sums * 0.5 + 0.25, 3.0 - sums])[None])


@pytest.mark.parametrize("layer", [Subsampling(3), AveragePooling(), MaximumPooling()])
@pytest.mark.parametrize("size", [(4, 6), (5, 7)], ids=["even", "odd"])
def test_pooling_combines_and_finishes_four_neighbours(layer: Pooling, size):
    maps = torch.randn(2, 3, *size)
    found = layer(maps)
    assert found.shape == (2, 3, 2, 3)  # an odd last row or column has no neighbourhood
    torch.testing.assert_close(found, Pooling.forward(layer, maps))


def test_average_and_maximum_of_four_pixels():
    maps = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])
    assert float(AveragePooling()(maps)) == 3.0
    assert float(MaximumPooling()(maps)) == 6.0


# The radial basis


def test_a_bitmap_is_at_distance_zero_from_itself():
    bitmaps = torch.from_numpy(digit_bitmaps())
    penalties = EuclideanRadialBasis().penalties(bitmaps)
    flipped = (bitmaps[:, None] != bitmaps).sum(dim=2)
    torch.testing.assert_close(penalties, 4.0 * flipped)  # a flipped pixel is 2 off, squared
    assert penalties.diagonal().tolist() == [0.0] * 10


def test_a_penalty_is_the_sum_of_squared_differences():
    code = np.random.default_rng(0).normal(size=(3, 84)).astype(np.float32)
    expected = [[((row - bitmap) ** 2).sum() for bitmap in digit_bitmaps()] for row in code]
    found = EuclideanRadialBasis().penalties(torch.from_numpy(code)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_equation_7_by_hand():
    layer = EuclideanRadialBasis()
    layer.bitmaps = torch.tensor([[1.0, -1.0, 1.0], [-1.0, -1.0, 1.0]])
    code = torch.tensor([[1.0, -1.0, 0.5], [0.0, 0.0, 0.0]])
    # (0, 0, -0.5) and (2, 0, -0.5) from the first code; every pixel is 1 off the second.
    assert layer.penalties(code).tolist() == [[0.25, 4.25], [3.0, 3.0]]


def test_the_layers_output_is_minus_the_penalties():
    layer, code = EuclideanRadialBasis(), torch.randn(3, 84)
    assert torch.equal(layer(code), -layer.penalties(code))


def test_the_bitmaps_are_ten_different_drawings_of_84_pixels():
    bitmaps = digit_bitmaps()
    assert bitmaps.shape == (10, 84)
    assert bitmaps.dtype == np.float32
    assert set(np.unique(bitmaps)) == {-1.0, 1.0}
    assert len(np.unique(bitmaps, axis=0)) == 10


# Gradients


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
        (Tanh(), (5,)),
        (AveragePooling(), (1, 2, 4, 5)),
    ],
    ids=["radial-basis", "partial-convolution", "subsampling", "squash", "tanh", "average"],
)
def test_gradients_agree_with_finite_differences(layer, shape):
    assert gradients_are_right(layer, torch.randn(shape, generator=torch.Generator().manual_seed(1)))
