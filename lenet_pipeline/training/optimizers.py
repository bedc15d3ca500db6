"""The optimizers and learning rate schedules of the recipes."""

from __future__ import annotations

import math

import torch

from lenet_pipeline.network import DigitNetwork
from lenet_pipeline.training.levenberg_marquardt import DiagonalLevenbergMarquardt
from lenet_pipeline.training.recipes import Recipe

_WARM_UP = 0.2  # the share of a one-cycle schedule during which the rate rises
_FIRST_RATE = 1 / 25  # the first rate of a one-cycle schedule, relative to the highest


def build_optimizer(network: DigitNetwork, recipe: Recipe) -> torch.optim.Optimizer:
    """Build a recipe's optimizer for a network, with the first learning rate of the schedule."""
    first = learning_rate(recipe, 0.0)
    if recipe.optimizer == "levenberg-marquardt":
        return DiagonalLevenbergMarquardt(network.parameters(), lr=first)
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(network.parameters(), lr=first)
    return torch.optim.Adam(network.parameters(), lr=first, fused=True)


def learning_rate(recipe: Recipe, progress: float) -> float:
    """Return a recipe's learning rate at ``progress``, the share of the training that is done, 0 to 1."""
    if recipe.schedule == "constant":
        return recipe.learning_rate
    if recipe.schedule == "by-pass":
        return recipe.pass_rates[min(int(progress * len(recipe.pass_rates)), len(recipe.pass_rates) - 1)]
    if progress < _WARM_UP:
        return recipe.learning_rate * _cosine(_FIRST_RATE, 1.0, progress / _WARM_UP)
    return recipe.learning_rate * _cosine(1.0, 0.0, (progress - _WARM_UP) / (1 - _WARM_UP))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all of an optimizer's parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def _cosine(start: float, end: float, progress: float) -> float:
    """Interpolate from ``start`` to ``end`` along half a cosine wave; ``progress`` is 0 to 1."""
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2
