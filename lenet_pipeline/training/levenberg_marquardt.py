"""Stochastic diagonal Levenberg-Marquardt, the optimizer of the 1998 paper (section III.B, appendix C).

Each parameter has its own step size, ``rate / (mu + h)``: large where the loss is flat, small where it is
curved. ``h`` is the mean second derivative over a sample of patterns, in a Gauss-Newton approximation that is
never negative. It is estimated before each pass over the training digits and fixed during the pass.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import overload

import torch
from torch import Tensor, nn

from lenet_pipeline.network import DigitNetwork, SinglePattern


def second_derivatives(network: DigitNetwork, images: Tensor) -> dict[str, Tensor]:
    """Return the mean diagonal second derivatives of the loss, by parameter name.

    ``images`` is a sample of the training digits (500 in the paper), preprocessed, (n, 1, height, width). The
    result does not depend on their labels. With a_i the weighted sum of a unit, x_j an output and u_ij a
    weight, appendix C back-propagates

        d2E/da_i^2  = f'(a_i)^2 d2E/dx_i^2
        d2E/du_ij^2 = d2E/da_i^2 x_j^2, summed over the connections that share the weight
        d2E/dx_j^2  = sum_i u_ij^2 d2E/da_i^2

    Raises:
        TypeError: A kind of layer has no back-propagation rule.
    """
    pattern = SinglePattern(copy.deepcopy(network).cpu())
    totals = {name: torch.zeros_like(values) for name, values in network.named_parameters()}
    for image in images.cpu().numpy():
        pattern.second_derivatives(image)
        for name, derivative in pattern.derivatives.items():
            totals[name] += torch.from_numpy(derivative).to(totals[name].device)
    return {name: total / len(images) for name, total in totals.items()}


class DiagonalLevenbergMarquardt(torch.optim.Optimizer):
    """An optimizer whose steps are ``lr / (mu + h)`` times the gradient, with a separate h per parameter."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, mu: float = 0.02) -> None:
        """Create the optimizer; call ``estimate`` before the first step.

        Args:
            parameters: The parameters to train.
            lr: The global learning rate, eta in the paper.
            mu: Limits the step size where h is small; 0.02 in the paper.
        """
        super().__init__(parameters, {"lr": lr, "mu": mu})

    @torch.no_grad()
    def estimate(self, network: DigitNetwork, images: Tensor) -> None:
        """Estimate h for the network's parameters from preprocessed images, (n, 1, height, width).

        Raises:
            TypeError: A kind of layer has no back-propagation rule.
        """
        h = second_derivatives(network, images)
        own = {parameter: h[name] for name, parameter in network.named_parameters()}
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["length"] = 1 / (group["mu"] + own[parameter])

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step for every parameter that has a gradient.

        Raises:
            RuntimeError: ``estimate`` was never called.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            gradients = [parameter.grad for parameter in moved]
            try:
                lengths = [self.state[parameter]["length"] for parameter in moved]
            except KeyError as exc:
                raise RuntimeError("call estimate before the first step") from exc
            if moved:
                torch._foreach_addcmul_(moved, gradients, lengths, value=-group["lr"])
        return loss
