"""The plan of a network: its layers in order, and its weights with all constants folded in.

Preprocessing, the constants of the activations and the divisor of a mean are linear. They are applied once to
the weights of the next layer, instead of to every image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from lenet_pipeline.network import (
    Activation,
    AveragePooling,
    DigitNetwork,
    EuclideanRadialBasis,
    MaximumPooling,
    PartialConvolution,
    Pooling,
    Rectifier,
    Subsampling,
    is_plain,
)
from lenet_pipeline.schema import IMAGE_SIDE

Array = npt.NDArray[np.float64]
Layer = TypeVar("Layer", bound=nn.Module)


class Scaling(Protocol):
    """How stored greys become network input: 0 becomes ``paper``, 255 ``ink``, with padding around."""

    @property
    def paper(self) -> float: ...
    @property
    def ink(self) -> float: ...
    @property
    def padding_px(self) -> int: ...


@dataclass(frozen=True)
class Convolution:
    """A convolution of maps of ``side`` x ``side`` pixels, with an activation and 2x2 pooling.

    Attributes:
        side: The width and height of an input map, in pixels.
        kernel: The width and height of a kernel.
        connections: The input maps of each output map.
        is_rectified: ReLU and the maximum of four; otherwise, tanh and the sum of four.
        is_trainable: The sum has a coefficient and a bias per map, followed by another tanh (the subsampling
            of section II.B).
    """

    side: int
    kernel: int
    connections: tuple[tuple[int, ...], ...]
    is_rectified: bool
    is_trainable: bool

    @property
    def pooled_side(self) -> int:
        return (self.side - self.kernel + 1) // 2

    @property
    def outputs(self) -> int:
        return len(self.connections) * self.pooled_side**2


@dataclass(frozen=True)
class Dense:
    """A full connection; ``curve`` is ``tanh``, ``relu`` or ``none``."""

    inputs: int
    outputs: int
    curve: str


@dataclass(frozen=True)
class Distances:
    """Minus the squared distance to each class's code (equation 7)."""

    inputs: int
    outputs: int


@dataclass(frozen=True)
class Plan:
    """A network's layers: convolutions, then dense layers; the last one computes the class scores.

    With ``is_paired``, it multiplies pairs of bfloat16.
    """

    padding_px: int
    convolutions: tuple[Convolution, ...]
    dense: tuple[Dense | Distances, ...]
    has_rubbish: bool
    is_paired: bool

    @property
    def side(self) -> int:
        """The width and height of the padded input, in pixels."""
        return IMAGE_SIDE + 2 * self.padding_px


class UnplannedError(Exception):
    """The network has a structure that cannot be compiled."""


def plan_network(
    network: DigitNetwork, scaling: Scaling, temperature: float, *, is_paired: bool = False
) -> tuple[Plan, npt.NDArray[np.float32]]:
    """Return a network's plan, and its folded weights in the order in which the layers read them.

    Raises:
        UnplannedError: The network is not a chain of convolutions with pooling, then dense layers.
    """
    side = IMAGE_SIDE + 2 * scaling.padding_px
    reader = _Reader(network, side, (scaling.ink - scaling.paper) / 255, is_paired)
    convolutions = [reader.convolution(scaling.paper)]
    while reader.is_convolution():
        convolutions.append(reader.convolution(0.0))
    dense = [reader.dense()]
    while reader.layers:
        dense.append(reader.dense())
    has_rubbish = network.rubbish_score is not None
    plan = Plan(scaling.padding_px, tuple(convolutions), tuple(dense), has_rubbish, is_paired)
    if dense[-1].outputs != 10:
        raise UnplannedError(f"expected 10 outputs in the last layer, found {dense[-1].outputs}")
    constants = np.array([1 / temperature, network.rubbish_score or 0.0], np.float32)
    return plan, np.concatenate([*reader.weights, constants])


class _Reader:
    """Takes layers off the front of a chain; ``scale`` is the factor not yet applied to stored values."""

    def __init__(self, network: DigitNetwork, side: int, scale: float, is_paired: bool) -> None:
        self._is_paired = is_paired
        self.layers = [layer for layer in network if not isinstance(layer, nn.Flatten)]
        self.weights: list[npt.NDArray[np.float32]] = []
        self.side, self.maps, self.scale = side, 1, scale

    def is_convolution(self) -> bool:
        """Tell whether the next layer computes maps; a kernel as large as its input is a full connection."""
        layer = self.layers[0] if self.layers else None
        return isinstance(layer, PartialConvolution) or (
            isinstance(layer, nn.Conv2d) and layer.kernel_size[0] < self.side
        )

    def convolution(self, paper: float) -> Convolution:
        if not self.is_convolution():
            raise UnplannedError("expected a convolution as the first layer")
        connections, kernels, bias = _kernels(self.layers.pop(0))
        activation, pooling = self._take(Activation), self._take(Pooling)
        sums = np.array([kernels[list(rows)].sum() for rows in _rows_of(connections)])
        self._keep_products(kernels * self.scale * activation.slope)
        self._keep((bias + paper * sums) * activation.slope)
        self.scale = activation.amplitude * (0.25 if isinstance(pooling, AveragePooling) else 1.0)
        is_trainable = isinstance(pooling, Subsampling)
        if isinstance(pooling, Subsampling):
            squashing = self._take(Activation)
            factor = self.scale * squashing.slope
            self._keep(_values(pooling.coefficient) * factor)
            self._keep(_values(pooling.bias) * squashing.slope)
            self.scale = squashing.amplitude
        is_rectified = isinstance(activation, Rectifier)
        if is_rectified != isinstance(pooling, MaximumPooling):
            raise UnplannedError(
                "expected ReLU with maximum pooling, or tanh with average pooling or subsampling"
            )
        layer = Convolution(self.side, kernels.shape[1], connections, is_rectified, is_trainable)
        self.side, self.maps = layer.pooled_side, len(connections)
        return layer

    def dense(self) -> Dense | Distances:
        layer = self.layers.pop(0)
        if isinstance(layer, EuclideanRadialBasis):
            codes = _values(layer.bitmaps)
            self._keep(np.array([self.scale]))
            self._keep(-codes.T)
            return Distances(codes.shape[1], codes.shape[0])
        if not isinstance(layer, nn.Linear | nn.Conv2d) or layer.bias is None:
            raise UnplannedError(f"expected a full connection, found {type(layer).__name__}")
        weight = _values(layer.weight).reshape(len(layer.weight), -1)
        activation = self._take(Activation) if self.layers else None
        slope = activation.slope if activation else 1.0
        self._keep_products(weight * self.scale * slope, is_transposed=True)
        self._keep(_values(layer.bias) * slope)
        self.scale = activation.amplitude if activation else 1.0
        curve = "none" if activation is None else "relu" if isinstance(activation, Rectifier) else "tanh"
        return Dense(weight.shape[1], weight.shape[0], curve)

    def _keep(self, values: Array | npt.NDArray[np.float32]) -> None:
        self.weights.append(values.astype(np.float32).ravel())

    def _keep_products(self, weights: Array, *, is_transposed: bool = False) -> None:
        """Keep the factors of the inputs, which are on the last axis, one by one or in pairs."""
        factors = weights.astype(np.float32)
        factors = paired(factors) if self._is_paired else factors
        self._keep(factors.T if is_transposed else factors)

    def _take(self, kind: type[Layer]) -> Layer:
        layer = self.layers.pop(0) if self.layers else None
        if not isinstance(layer, kind):
            raise UnplannedError(f"expected {kind.__name__}, found {type(layer).__name__}")
        return layer


def paired(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Round to bfloat16, and put each two neighbours on the last axis in the space of one float32.

    Rounds to nearest even. An odd last value is paired with zero.
    """
    odd = values.shape[-1] % 2
    even = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, odd)])
    bits = np.ascontiguousarray(even).view(np.uint32)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    both: npt.NDArray[np.float32] = (rounded[..., ::2] | rounded[..., 1::2] << 16).view(np.float32)
    return both


def _kernels(layer: nn.Module) -> tuple[tuple[tuple[int, ...], ...], Array, Array]:
    """Return a convolution's connections, its kernels (connections, side, side), and its biases (maps,)."""
    if isinstance(layer, PartialConvolution):
        places = layer.places.tolist()
        seen: list[list[int]] = [[] for _ in range(layer.outputs)]
        for place in places:
            seen[place // layer.inputs].append(place % layer.inputs)
        return tuple(tuple(maps) for maps in seen), _values(layer.weight), _values(layer.bias)
    if not isinstance(layer, nn.Conv2d) or not is_plain(layer) or layer.bias is None:
        raise UnplannedError("expected a convolution with a bias, stride 1 and no padding")
    outputs, inputs, side, _ = layer.weight.shape
    full = tuple(tuple(range(inputs)) for _ in range(outputs))
    return full, _values(layer.weight).reshape(-1, side, side), _values(layer.bias)


def _rows_of(connections: Sequence[Sequence[int]]) -> list[range]:
    """Return the range of kernels that belongs to each output map."""
    starts = np.cumsum([0, *(len(seen) for seen in connections)]).tolist()
    return [range(start, stop) for start, stop in pairwise(starts)]


def _values(parameter: torch.Tensor) -> Array:
    values: Array = parameter.detach().to("cpu", torch.float64).numpy()
    return values
