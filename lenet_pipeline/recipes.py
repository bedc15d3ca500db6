"""Recipes: how to train, by name, whatever the architecture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lenet_pipeline.errors import UnknownNameError
from lenet_pipeline.lenet5 import DigitNetwork, PartialConvolution, Subsampling


@dataclass(frozen=True)
class Distortion:
    """Random planar distortions of training images; each is drawn uniformly within +- its bound."""

    rotation_degrees: float
    shear: float
    scale: float
    shift_px: float


@dataclass(frozen=True)
class Recipe:
    """How to train: everything but the architecture, the data and the seed.

    ``schedule`` is ``one-cycle`` (warm up, then cosine down to nothing) or ``constant``.
    ``initial_weights`` is ``paper`` (uniform in +-2.4 / fan-in, appendix A) or ``unit-variance``.
    """

    name: str
    summary: str
    epochs: int
    batch_size: int
    optimizer: Literal["adam", "sgd"]
    learning_rate: float
    schedule: Literal["one-cycle", "constant"]
    initial_weights: Literal["paper", "unit-variance"]
    distortion: Distortion | None = None


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "modern",
            "Adam, one cycle, planar distortions (the default)",
            epochs=30,
            batch_size=64,
            optimizer="adam",
            learning_rate=5e-3,
            schedule="one-cycle",
            initial_weights="unit-variance",
            distortion=Distortion(rotation_degrees=7, shear=0.08, scale=0.08, shift_px=1.0),
        ),
        Recipe(
            "keras-adam",
            "Adam at 0.001, batch 32, 10 epochs, as tutorials do",
            epochs=10,
            batch_size=32,
            optimizer="adam",
            learning_rate=1e-3,
            schedule="constant",
            initial_weights="paper",
        ),
        Recipe(
            "keras-sgd",
            "SGD at 0.01, batch 128, 20 epochs, as tutorials do",
            epochs=20,
            batch_size=128,
            optimizer="sgd",
            learning_rate=1e-2,
            schedule="constant",
            initial_weights="paper",
        ),
    )
}


def find_recipe(name: str) -> Recipe:
    """Return the named recipe.

    Raises:
        UnknownNameError: no recipe has this name.
    """
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return RECIPES[name]


def initialise(network: DigitNetwork, initial_weights: Literal["paper", "unit-variance"]) -> None:
    """Draw a network's first weights as a recipe says; ``paper`` keeps those it was built with."""
    if initial_weights == "paper":
        return
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, std=1 / math.sqrt(layer.weight[0].numel()))
        elif isinstance(layer, PartialConvolution):
            nn.init.normal_(layer.weight)
            with torch.no_grad():
                layer.weight.div_(layer.fan_in.sqrt()[:, None, None])
        elif isinstance(layer, Subsampling):
            # Four like inputs add up to four times one: 0.3 is their mean with a little gain.
            nn.init.constant_(layer.coefficient, 0.3)


def distort(images: Tensor, distortion: Distortion, paper: float, generator: torch.Generator) -> Tensor:
    """Distort each image by its own random affine map, bilinear, with paper coming in at the edges.

    Takes and returns float32 (n, 1, height, width); ``generator`` draws on the CPU, so that a seed
    means the same distortions on every device.
    """

    def draw(bound: float) -> Tensor:
        return (torch.rand(len(images), generator=generator) * 2 - 1) * bound

    angle = draw(math.radians(distortion.rotation_degrees))
    wide, high = 1 + draw(distortion.scale), 1 + draw(distortion.scale)
    shear = draw(distortion.shear)
    to_unit = 2 / images.shape[-1]  # the grid spans -1 to 1
    right, down = draw(distortion.shift_px * to_unit), draw(distortion.shift_px * to_unit)
    cosine, sine = angle.cos(), angle.sin()
    maps = torch.stack(
        [
            torch.stack([cosine * wide, (cosine * shear - sine) * wide, right], dim=1),
            torch.stack([sine * high, (sine * shear + cosine) * high, down], dim=1),
        ],
        dim=1,
    ).to(images.device)
    grid = nn.functional.affine_grid(maps, list(images.shape), align_corners=False)
    return nn.functional.grid_sample(images - paper, grid, align_corners=False) + paper
