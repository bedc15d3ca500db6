"""Second derivatives are back-propagated layer by layer and set the step sizes (appendix C of the paper)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.functional import hessian, jacobian
from torch.func import functional_call

from lenet_pipeline.network.architectures import ARCHITECTURES, DigitNetwork, build_network, find_architecture
from lenet_pipeline.network.layers import (
    AveragePooling,
    EuclideanRadialBasis,
    MaximumPooling,
    PartialConvolution,
    Rectifier,
    ScaledTanh,
    Subsampling,
    Tanh,
)
from lenet_pipeline.network.single_pattern import SinglePattern
from lenet_pipeline.training.levenberg_marquardt import DiagonalLevenbergMarquardt, second_derivatives
from lenet_pipeline.training.recipes import initialise

Derivatives = dict[str, Tensor]


def digits(name: str, number: int) -> Tensor:
    side = 28 + 2 * find_architecture(name).padding_px
    return torch.empty(number, 1, side, side).uniform_(-0.1, 1.175)


def trained_like(name: str) -> DigitNetwork:
    torch.manual_seed(5)
    network = build_network(name)
    initialise(network, "unit-variance")
    return network


def chain(**layers: nn.Module) -> DigitNetwork:
    torch.manual_seed(5)
    network = DigitNetwork(layers)
    for parameter in network.parameters():
        nn.init.uniform_(parameter, 0.2, 1.0)
    return network.double()


def by_jacobians(network: DigitNetwork, image: Tensor, top: Tensor) -> Derivatives:
    """Appendix C by brute force: every factor is an entry of a layer's Jacobian, squared.

    ``top`` are the second derivatives by the outputs of the last layer, or of the one below bitmaps.
    """
    layers = dict(network.named_children())
    if isinstance(list(layers.values())[-1], EuclideanRadialBasis):
        layers.popitem()
    inputs = {}
    signal = image[None]
    for name, layer in layers.items():
        inputs[name], signal = signal, layer(signal)
    outer, found = top, {}
    for name, layer in reversed(layers.items()):
        signal = inputs[name]
        parameters = dict(layer.named_parameters())
        for own, values in parameters.items():

            def outputs(
                value: Tensor, own: str = own, layer: nn.Module = layer, x: Tensor = signal
            ) -> Tensor:
                return functional_call(layer, {own: value}, (x,)).flatten()

            found[f"{name}.{own}"] = torch.tensordot(outer, jacobian(outputs, values.detach()).square(), 1)
        if name != next(iter(layers)):
            factors = jacobian(lambda x, layer=layer: layer(x).flatten(), signal.detach())
            outer = torch.tensordot(outer, factors.square(), 1).flatten()
    return found


def assert_alike(found: Derivatives, expected: Derivatives) -> None:
    assert found.keys() == expected.keys()
    for name, values in found.items():
        torch.testing.assert_close(values, expected[name], rtol=1e-9, atol=1e-12)


# The rules


def test_along_a_single_path_they_equal_the_gauss_newton_diagonal():
    network = chain(
        c1=nn.Conv2d(1, 1, 3),
        c1_squash=ScaledTanh(),
        flat=nn.Flatten(),
        f6=nn.Linear(1, 1),
        f6_squash=Tanh(),
        output=nn.Linear(1, 10),
    )
    image = torch.rand(1, 1, 3, 3, dtype=torch.float64)
    found = second_derivatives(network, image)
    for name, parameter in network.named_parameters():
        for place in range(parameter.numel()):
            scores = []
            for nudge in (1e-5, -1e-5):
                with torch.no_grad():
                    parameter.view(-1)[place] += nudge
                    scores.append(network(image))
                    parameter.view(-1)[place] -= nudge
            slopes = (scores[0] - scores[1]) / 2e-5
            exact = 0.25 * slopes.square().sum().item()
            assert found[name].view(-1)[place].item() == pytest.approx(exact, rel=1e-6), name


@pytest.mark.parametrize("activation", [ScaledTanh, Tanh, Rectifier])
@pytest.mark.parametrize("pooling", [lambda: Subsampling(2), AveragePooling, MaximumPooling])
def test_every_kind_of_layer_squares_its_factors(
    activation: type[nn.Module], pooling: Callable[[], nn.Module]
):
    network = chain(
        c1=nn.Conv2d(1, 2, 3),
        s2=pooling(),
        s2_squash=activation(),
        c3=PartialConvolution(2, ((0,), (0, 1), (1,))),
        c3_squash=activation(),
        flat=nn.Flatten(),
        f6=nn.Linear(18, 5),
        output=nn.Linear(5, 10),
    )
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.sub_(0.5)  # of both signs, so that a rectifier cuts
    image = torch.randn(1, 17, 15, dtype=torch.float64)  # 15 x 13 maps: an odd row and column is left out
    found = second_derivatives(network, image[None])
    assert_alike(found, by_jacobians(network, image, torch.full((10,), 0.25, dtype=torch.float64)))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_second_derivatives_are_finite_and_never_negative(name: str):
    found = second_derivatives(trained_like(name), digits(name, 2))
    assert sum(values.numel() for values in found.values()) == find_architecture(name).parameters
    assert all((torch.isfinite(values) & (values >= 0)).all() for values in found.values())
    assert all((values > 0).any() for values in found.values())


def test_lenet5_starts_with_the_curvature_of_the_squared_distance():
    network = trained_like("lenet5").double()
    image = digits("lenet5", 1).double()
    found = second_derivatives(network, image)
    code = image
    for layer in list(network)[:-1]:
        code = layer(code).detach()
    penalties = network.output.penalties
    curvatures = [
        hessian(lambda x, digit=digit: penalties(x)[0, digit], code)[0, :, 0] for digit in range(10)
    ]
    for curvature in curvatures:
        torch.testing.assert_close(curvature, 2 * torch.eye(84, dtype=torch.float64))
    squash = network.f6_squash
    slopes = squash.amplitude * squash.slope * (1 - (code[0] / squash.amplitude).square())
    torch.testing.assert_close(found["f6.bias"], 2 * slopes.square())


def test_shared_weights_and_biases_sum_over_their_connections():
    network = chain(c1=nn.Conv2d(1, 1, 3), s2=AveragePooling(), flat=nn.Flatten(), output=nn.Linear(1, 10))
    image = torch.rand(1, 1, 4, 4, dtype=torch.float64)
    unit = 0.25 * (network.output.weight / 4).square().sum()  # each of four, through a weight of 1/4
    found = second_derivatives(network, image)
    assert found["c1.bias"].item() == pytest.approx(4 * unit.item())
    met = image[0, 0, 1:3, 0:2].square().sum()  # by the kernel's middle left weight
    assert found["c1.weight"][0, 0, 1, 0].item() == pytest.approx((met * unit).item())


def test_they_are_the_mean_over_the_patterns():
    network, images = trained_like("lenet5"), digits("lenet5", 3)
    each = [second_derivatives(network, image[None]) for image in images]
    for name, mean in second_derivatives(network, images).items():
        torch.testing.assert_close(mean, sum(one[name] for one in each) / 3)


def test_a_layer_without_a_rule_is_named():
    with pytest.raises(TypeError, match="GELU"):
        second_derivatives(chain(f6=nn.Linear(1, 10), odd=nn.GELU()), torch.zeros(1, 1))


# The optimizer


def test_an_estimate_changes_neither_weights_nor_gradients():
    network, images = trained_like("lenet5"), digits("lenet5", 2)
    network.loss(network(images), torch.tensor([1, 2])).backward()
    kept = [(values.detach().clone(), values.grad.clone()) for values in network.parameters()]
    DiagonalLevenbergMarquardt(network.parameters(), lr=5e-4).estimate(network, images)
    for parameter, (weights, gradient) in zip(network.parameters(), kept, strict=True):
        assert torch.equal(parameter, weights)
        assert torch.equal(parameter.grad, gradient)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_step_is_the_rate_over_mu_plus_h_times_the_gradient(name: str):
    network, images = trained_like(name), digits(name, 2)
    optimizer = DiagonalLevenbergMarquardt(network.parameters(), lr=5e-4, mu=0.03)
    optimizer.estimate(network, images)
    h = second_derivatives(network, images)
    network.loss(network(images), torch.tensor([1, 2])).backward()
    expected = {
        key: values.detach() - 2e-4 / (0.03 + h[key]) * values.grad
        for key, values in network.named_parameters()
    }
    optimizer.param_groups[0]["lr"] = 2e-4  # as a schedule does, without a new estimate
    optimizer.step()
    for key, values in network.named_parameters():
        torch.testing.assert_close(values.detach(), expected[key], rtol=1e-6, atol=1e-9)


def test_mu_is_the_papers():
    optimizer = DiagonalLevenbergMarquardt(trained_like("lenet5").parameters(), lr=5e-4)
    assert optimizer.defaults["mu"] == 0.02


def test_a_step_before_any_estimate_is_refused():
    network, images = trained_like("lenet5"), digits("lenet5", 1)
    network.loss(network(images), torch.tensor([1])).backward()
    with pytest.raises(RuntimeError, match="estimate"):
        DiagonalLevenbergMarquardt(network.parameters(), lr=5e-4).step()


def test_a_parameter_without_a_gradient_does_not_change():
    network = trained_like("lenet5")
    optimizer = DiagonalLevenbergMarquardt(network.parameters(), lr=5e-4)
    optimizer.estimate(network, digits("lenet5", 1))
    before = [values.detach().clone() for values in network.parameters()]
    optimizer.step()
    assert all(map(torch.equal, before, network.parameters()))


def test_the_same_patterns_give_bit_identical_weights():
    assert all(map(torch.equal, learned(20), learned(20)))


def test_twenty_repeated_patterns_are_learned():
    first, last = [], []
    learned(20, first)
    learned(20 * 15, last)
    assert sum(last[-20:]) < 0.25 * sum(first)


def learned(steps: int, losses: list[float] | None = None) -> list[Tensor]:
    network, images = trained_like("lenet5"), digits("lenet5", 20)
    pattern = SinglePattern(network)
    optimizer = DiagonalLevenbergMarquardt(network.parameters(), lr=5e-4)
    for step in range(steps):
        if step % 20 == 0:
            optimizer.estimate(network, images)
        loss = pattern.gradient(images[step % 20].numpy(), step % 10)
        if losses is not None:
            losses.append(loss)
        optimizer.step()
    return list(network.parameters())
