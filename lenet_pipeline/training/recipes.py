"""Recipes: named training procedures that work with every architecture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from lenet_pipeline.errors import UnknownNameError
from lenet_pipeline.network import DigitNetwork, PartialConvolution
from lenet_pipeline.training.distortions import Distortion

InitialWeights = Literal["paper", "unit-variance", "glorot"]


@dataclass(frozen=True)
class Recipe:
    """How to train: everything except the architecture, the data and the seed.

    Attributes:
        name: The name, as users write it.
        summary: A description in a few words.
        epochs: The number of passes over the training digits.
        batch_size: The number of digits per step.
        optimizer: The optimizer.
        schedule: ``one-cycle`` (warm up, then a cosine down to zero), ``constant``, or ``by-pass`` (one rate
            per pass).
        initial_weights: ``paper`` (uniform within +-2.4 / sqrt(fan-in)), ``unit-variance``, or ``glorot``
            (uniform, as in Keras).
        learning_rate: The highest rate of a ``one-cycle`` schedule, or the rate of a ``constant`` one.
        pass_rates: The rates of a ``by-pass`` schedule.
        paper: The network's input for the background.
        ink: The network's input for full ink.
        fewest_steps: The smallest number of batches to train on; with few digits, this adds epochs.
        averaging: The share of the averaged weights to keep at each step; 0 turns averaging off.
        validates: Whether validation digits select the epoch and the temperature. If not, the last weights
            are kept.
        distortion: How to distort the training digits, or None.
        rubbish: The number of rubbish images to learn per digit (equation 9).
        views: The number of views of each image that the trained model reads, 1 to 5.
        effort: ``quick`` or ``best``.
    """

    name: str
    summary: str
    epochs: int
    batch_size: int
    optimizer: Literal["adam", "sgd", "levenberg-marquardt"]
    schedule: Literal["one-cycle", "constant", "by-pass"]
    initial_weights: InitialWeights
    learning_rate: float = 0.0
    pass_rates: tuple[float, ...] = ()
    paper: float = -0.1
    ink: float = 1.175
    fewest_steps: int = 0
    averaging: float = 0.0
    validates: bool = True
    distortion: Distortion | None = None
    rubbish: float = 0.0
    views: int = 1
    effort: str = "quick"

    def passes(self, digits: int) -> int:
        """Return the number of passes over a training set of ``digits`` digits."""
        steps = max(1, digits // self.batch_size)
        return max(self.epochs, math.ceil(self.fewest_steps / steps))

    def parameters(self) -> dict[str, object]:
        """Return all settings by their MLflow names, such as ``recipe_distortion_shear``."""
        values = {f"recipe_{name}": value for name, value in vars(self).items() if name != "summary"}
        values |= {f"recipe_distortion_{name}": value for name, value in _fields_of(self.distortion)}
        del values["recipe_distortion"]
        values["recipe_pass_rates"] = ", ".join(f"{rate:g}" for rate in self.pass_rates)
        return {name: value for name, value in values.items() if value != ""}


def _fields_of(distortion: Distortion | None) -> Iterable[tuple[str, object]]:
    return () if distortion is None else vars(distortion).items()


# Section III.B: the global learning rate in each of the twenty passes.
_PAPER_RATES = (5e-4,) * 2 + (2e-4,) * 3 + (1e-4,) * 3 + (5e-5,) * 4 + (1e-5,) * 8

_PAPER = Recipe(
    "paper",
    "the 1998 procedure, one pattern at a time",
    epochs=20,
    batch_size=1,
    optimizer="levenberg-marquardt",
    schedule="by-pass",
    pass_rates=_PAPER_RATES,
    initial_weights="paper",
    validates=False,
)

# The effects of pens, ink and scanners, used for every effort, so that digits from scans are in range.
_WORN = Distortion(thickness=0.4, fading=0.3, noise=0.08)

_MODERN = Recipe(
    "modern",
    "Adam, one cycle, distortions (the default)",
    epochs=12,
    batch_size=64,
    optimizer="adam",
    learning_rate=5e-3,
    schedule="one-cycle",
    initial_weights="unit-variance",
    fewest_steps=1_500,
    averaging=0.998,
    rubbish=1 / 16,
    distortion=replace(_WORN, rotation_degrees=7, shear=0.08, scale=0.08, shift_px=1.0, elastic_px=0.3),
)


def _with_views(recipe: Recipe) -> Recipe:
    return replace(
        recipe,
        name=f"{recipe.name}-views",
        summary=f"{recipe.name}; the model reads three views of each image",
        views=3,
    )


_TABLE = (
    _MODERN,
    _with_views(_MODERN),
    _PAPER,
    replace(
        _PAPER,
        name="paper-distorted",
        summary="the same with the paper's planar distortions",
        # Guess: the paper names translation, scaling, squeezing and shearing, but gives no amounts.
        distortion=Distortion(shift_px=2.0, scale=0.15, shear=0.2),
    ),
    Recipe(
        "keras-adam",
        "Adam at 0.001, batch 32, 10 epochs, as tutorials do",
        epochs=10,
        batch_size=32,
        optimizer="adam",
        learning_rate=1e-3,
        schedule="constant",
        initial_weights="glorot",
        paper=0.0,
        ink=1.0,
    ),
    Recipe(
        "keras-sgd",
        "SGD at 0.01, batch 128, 20 epochs, as tutorials do",
        epochs=20,
        batch_size=128,
        optimizer="sgd",
        learning_rate=1e-2,
        schedule="constant",
        initial_weights="glorot",
        paper=0.0,
        ink=1.0,
    ),
)
RECIPES: Mapping[str, Recipe] = {recipe.name: recipe for recipe in _TABLE}

# Variants that spend more time for a higher accuracy.
_MODERN_BEST = replace(
    _MODERN,
    effort="best",
    epochs=80,
    distortion=replace(_WORN, rotation_degrees=10, shear=0.12, scale=0.12, shift_px=1.5, elastic_px=0.6),
)
_BEST: Mapping[str, Recipe] = {recipe.name: recipe for recipe in (_MODERN_BEST, _with_views(_MODERN_BEST))}


EFFORTS = ("quick", "best")


def find_recipe(name: str, effort: str = "quick") -> Recipe:
    """Return the named recipe for an effort: ``quick``, or ``best`` if the recipe has it.

    Raises:
        UnknownNameError: No recipe has this name, or it does not have this effort.
    """
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    efforts = {"quick": RECIPES[name]} | ({"best": _BEST[name]} if name in _BEST else {})
    if effort not in efforts:
        raise UnknownNameError("effort", effort, efforts, owner=f"the recipe {name}")
    return efforts[effort]


def initialise(network: DigitNetwork, initial_weights: InitialWeights) -> None:
    """Draw a network's initial weights from torch's global generator, and set its biases to zero."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            _draw(layer.weight, torch.tensor(float(layer.weight[0].numel())), initial_weights)
        elif isinstance(layer, PartialConvolution):
            # Glorot's fan-in and fan-out are defined only for full convolutions.
            partial: InitialWeights = "unit-variance" if initial_weights == "glorot" else initial_weights
            _draw(layer.weight, layer.fan_in[:, None, None], partial)
        if isinstance(layer, nn.Conv2d | nn.Linear | PartialConvolution) and layer.bias is not None:
            nn.init.zeros_(layer.bias)


@torch.no_grad()
def _draw(weight: Tensor, fan_in: Tensor, initial_weights: InitialWeights) -> None:
    if initial_weights == "glorot":
        nn.init.xavier_uniform_(weight)
    elif initial_weights == "unit-variance":
        nn.init.normal_(weight).div_(fan_in.sqrt())
    else:
        # Departure: appendix A says +-2.4 / fan-in, to keep weighted sums in the same range in every layer.
        # For independent inputs, that requires the square root. Without it, the signals shrink from layer to
        # layer, and at the published learning rates nothing is learned.
        nn.init.uniform_(weight, -2.4, 2.4).div_(fan_in.sqrt())
