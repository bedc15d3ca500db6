"""A network as a table: the output size, trainable parameters and connections of each layer.

The numbers are computed from the layers and their output shapes, and counted as in the paper (section II.B).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from lenet_pipeline.network.architectures import DigitNetwork, count_parameters
from lenet_pipeline.network.layers import (
    Activation,
    AveragePooling,
    EuclideanRadialBasis,
    MaximumPooling,
    PartialConvolution,
    Pooling,
    Subsampling,
)
from lenet_pipeline.schema import IMAGE_SIDE

_POOLED_UNITS = 4


@dataclass(frozen=True)
class LayerSummary:
    """One layer; ``output_size`` is (maps, height, width), or (units,) for a layer without maps."""

    name: str
    description: str
    output_size: tuple[int, ...]
    parameters: int
    connections: int

    @property
    def output(self) -> str:
        """The output size in the notation of the paper's figure 2: ``6@28x28``, or ``84``."""
        first, *sides = self.output_size
        return f"{first}@" + "x".join(map(str, sides)) if sides else str(first)


@torch.no_grad()
def describe_layers(network: DigitNetwork, padding_px: int) -> tuple[LayerSummary, ...]:
    """Describe a network's layers in order, for a digit with ``padding_px`` pixels of background around it.

    Activations and flattening have no connections and are omitted.

    Raises:
        TypeError: The network has a kind of layer that no architecture uses.
    """
    side = IMAGE_SIDE + 2 * padding_px
    features, rows = torch.zeros(1, 1, side, side), []
    for name, layer in network.named_children():
        features = layer(features)
        if not isinstance(layer, Activation | nn.Flatten):
            size = tuple(features.shape[1:])
            rows.append(
                LayerSummary(
                    name=paper_name(name),
                    description=describe_layer(layer),
                    output_size=size,
                    parameters=count_parameters(layer),
                    connections=count_connections(layer, size),
                )
            )
    return tuple(rows)


def paper_name(name: str) -> str:
    """Return a layer's name as the paper writes it: ``C1`` for ``c1``; ``output`` stays the same."""
    return name.upper() if name[1:].isdecimal() else name


def describe_layer(layer: nn.Module) -> str:
    """Describe a layer in a few words.

    Raises:
        TypeError: No architecture uses this kind of layer.
    """
    match layer:
        case nn.Conv2d():
            return f"{layer.kernel_size[0]}x{layer.kernel_size[1]} convolution"
        case PartialConvolution():
            return "5x5 convolution by table I"
        case Subsampling():
            return "2x2 subsampling, trainable"
        case AveragePooling():
            return "2x2 average"
        case MaximumPooling():
            return "2x2 maximum"
        case nn.Linear():
            return "full connection"
        case EuclideanRadialBasis():
            return "distance to bitmaps"
        case _:
            raise TypeError(f"cannot describe a layer of type {type(layer).__name__}")


def count_connections(layer: nn.Module, output_size: tuple[int, ...]) -> int:
    """Count a layer's connections: one for each input of each unit, and one for its bias, if any.

    Args:
        layer: The layer.
        output_size: The size of its output: (maps, height, width), or (units,).

    Raises:
        TypeError: No architecture uses this kind of layer.
    """
    units, places = math.prod(output_size), math.prod(output_size[1:])
    match layer:
        case nn.Conv2d() | PartialConvolution() | nn.Linear():
            weights = sum(parameter.numel() for parameter in layer.parameters())
            return places * weights  # all positions of a map share its weights and bias
        case Subsampling():
            return units * (_POOLED_UNITS + 1)
        case Pooling():
            return units * _POOLED_UNITS
        case EuclideanRadialBasis():
            return layer.bitmaps.numel()
        case _:
            raise TypeError(f"cannot count the connections of a layer of type {type(layer).__name__}")
