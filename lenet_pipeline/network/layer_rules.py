"""Back-propagation rules in numpy, one for each kind of layer, for a single pattern.

Appendix C of the 1998 paper propagates diagonal second derivatives as gradients are propagated, but with
every factor squared. So a rule takes an ``order``: 1 for first derivatives, 2 for second derivatives.
"""

# mypy: disable-error-code="no-any-return"
# numpy types the product of two arrays as Any.

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from numpy.lib.stride_tricks import as_strided
from torch import nn

from lenet_pipeline.network.layers import (
    AveragePooling,
    EuclideanRadialBasis,
    MaximumPooling,
    PartialConvolution,
    Rectifier,
    ScaledTanh,
    Subsampling,
    Tanh,
    is_plain,
)

Order = Literal[1, 2]
Numbers = npt.NDArray[np.floating[Any]]


class Rule:
    """One layer's forward and backward pass for a single pattern.

    ``outer`` holds the derivatives of the loss with respect to the outputs of the last ``forward``.
    ``derivatives`` holds those with respect to the layer's parameters, by name.
    """

    derivatives: dict[str, Numbers]

    def __init__(self, layer: nn.Module) -> None:
        parameters = {name: values.detach().numpy() for name, values in layer.named_parameters()}
        self.derivatives = {name: np.zeros_like(values) for name, values in parameters.items()}

    def forward(self, inputs: Numbers) -> Numbers:
        """Return the layer's outputs."""
        raise NotImplementedError

    def differentiate(self, outer: Numbers, order: Order) -> None:
        """Compute the derivatives with respect to the layer's parameters, into ``derivatives``."""

    def backward(self, outer: Numbers, order: Order) -> Numbers:
        """Return the derivatives with respect to the layer's inputs."""
        raise NotImplementedError


def _raised(factor: Numbers, order: Order) -> Numbers:
    return factor if order == 1 else factor * factor


class _Dense(Rule):
    """a_i = sum_j u_ij x_j + b_i."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__(layer)
        self.weight, self.bias = layer.weight.detach().numpy(), layer.get_parameter("bias").detach().numpy()

    def forward(self, inputs: Numbers) -> Numbers:
        self.inputs = inputs
        return np.dot(self.weight, inputs) + self.bias

    def differentiate(self, outer: Numbers, order: Order) -> None:
        inputs = _raised(self.inputs, order)
        np.dot(outer[:, None], inputs[None, :], out=self.derivatives["weight"])
        self.derivatives["bias"][:] = outer

    def backward(self, outer: Numbers, order: Order) -> Numbers:
        return np.dot(outer, _raised(self.weight, order))


class _Convolution(Rule):
    """The dense rule at every position; the derivatives of the shared weights add up."""

    def __init__(self, layer: nn.Conv2d | PartialConvolution, kernels: Numbers) -> None:
        super().__init__(layer)
        self.side = kernels.shape[-1]
        self.weight = kernels.reshape(len(kernels), -1)
        self.derivatives["weight"] = np.zeros_like(kernels)
        self.weight_derivatives = self.derivatives["weight"].reshape(self.weight.shape)
        self.bias = layer.get_parameter("bias").detach().numpy()[:, None]
        self.inputs = np.empty((0, 0, 0), kernels.dtype)

    def forward(self, inputs: Numbers) -> Numbers:
        if inputs.shape != self.inputs.shape:
            self._allocate(inputs.shape)
        np.copyto(self.inputs, inputs)
        np.copyto(self.patches, self.windows)
        outputs = np.dot(self.weight, self.columns)
        outputs += self.bias
        return outputs.reshape(-1, *self.patches.shape[3:])

    def _allocate(self, shape: tuple[int, ...]) -> None:
        """Allocate ``inputs``, a view of the patches that the kernel covers, and room for their copy."""
        maps, height, width = shape
        self.inputs = np.empty(shape, self.weight.dtype)
        places = (height - self.side + 1, width - self.side + 1)
        plane, row, column = self.inputs.strides
        self.windows = as_strided(
            self.inputs, (maps, self.side, self.side, *places), (plane, row, column, row, column)
        )
        self.patches = np.empty(self.windows.shape, self.weight.dtype)
        self.columns = self.patches.reshape(self.weight.shape[1], -1)

    def differentiate(self, outer: Numbers, order: Order) -> None:
        flat = outer.reshape(len(outer), -1)
        np.dot(flat, _raised(self.columns, order).T, out=self.weight_derivatives)
        self.derivatives["bias"][:] = flat.sum(axis=1)

    def backward(self, outer: Numbers, order: Order) -> Numbers:
        patches = np.dot(_raised(self.weight, order).T, outer.reshape(len(outer), -1))
        if patches.shape[1] == 1:  # the kernel covers the whole map, as in C5, so nothing overlaps
            return patches.reshape(self.inputs.shape)
        folded = nn.functional.fold(torch.from_numpy(patches), self.inputs.shape[1:], self.side)
        return folded.numpy()


class _PartialConvolution(_Convolution):
    """A full convolution whose missing kernels are zero and have no derivatives."""

    def __init__(self, layer: PartialConvolution) -> None:
        super().__init__(layer, layer.dense_weight().detach().numpy())
        self.kernels, self.places = layer.weight.detach().numpy(), layer.places.numpy()
        self.blanks = self.weight.reshape(-1, *self.kernels.shape[1:])
        self.derivatives["weight"] = np.zeros_like(self.kernels)

    def forward(self, inputs: Numbers) -> Numbers:
        self.blanks[self.places] = self.kernels
        return super().forward(inputs)

    def differentiate(self, outer: Numbers, order: Order) -> None:
        super().differentiate(outer, order)
        everywhere = self.weight_derivatives.reshape(self.blanks.shape)
        np.take(everywhere, self.places, axis=0, out=self.derivatives["weight"])


class _Squash(Rule):
    """x = A tanh(S a): dE/da is dE/dx times f'(a); second derivatives use its square."""

    def __init__(self, layer: ScaledTanh | Tanh) -> None:
        super().__init__(layer)
        self.amplitude, self.slope = layer.amplitude, layer.slope

    def forward(self, inputs: Numbers) -> Numbers:
        self.curve = np.tanh(inputs * self.slope)
        return self.curve * self.amplitude

    def backward(self, outer: Numbers, order: Order) -> Numbers:
        slopes = 1 - self.curve * self.curve
        slopes *= self.amplitude * self.slope
        return outer * _raised(slopes, order)


class _Rectifier(Rule):
    """ReLU: the slope, and its square, is zero or one."""

    def forward(self, inputs: Numbers) -> Numbers:
        self.passes = (inputs > 0).astype(inputs.dtype)
        return inputs * self.passes

    def backward(self, outer: Numbers, order: Order) -> Numbers:
        return outer * _raised(self.passes, order)


class _Pooling(Rule):
    """The base of all pooling rules: 2x2 neighbourhoods, without an odd last row or column."""

    def neighbours(self, inputs: Numbers) -> list[Numbers]:
        """Return views of the upper left, upper right, lower left and lower right units."""
        height, width = inputs.shape[1] // 2 * 2, inputs.shape[2] // 2 * 2
        return [inputs[:, down:height:2, right:width:2] for down in (0, 1) for right in (0, 1)]

    def add_up(self, inputs: Numbers) -> Numbers:
        self.shape = inputs.shape
        upper_left, upper_right, lower_left, lower_right = self.neighbours(inputs)
        return upper_left + upper_right + lower_left + lower_right

    def spread(self, values: Numbers) -> Numbers:
        """Repeat each neighbourhood's value for its four units."""
        spread = values.repeat(2, axis=1).repeat(2, axis=2)
        rest = [(0, whole - made) for whole, made in zip(self.shape, spread.shape, strict=True)]
        return spread if spread.shape == self.shape else np.pad(spread, rest)


class _Subsampling(_Pooling):
    """The sum of four inputs, times the map's coefficient, plus its bias."""

    def __init__(self, layer: Subsampling) -> None:
        super().__init__(layer)
        self.coefficient = layer.coefficient.detach().numpy()[:, None, None]
        self.bias = layer.get_parameter("bias").detach().numpy()[:, None, None]

    def forward(self, inputs: Numbers) -> Numbers:
        self.sums = self.add_up(inputs)
        return self.sums * self.coefficient + self.bias

    def differentiate(self, outer: Numbers, order: Order) -> None:
        self.derivatives["coefficient"][:] = (outer * _raised(self.sums, order)).sum(axis=(1, 2))
        self.derivatives["bias"][:] = outer.sum(axis=(1, 2))

    def backward(self, outer: Numbers, order: Order) -> Numbers:
        return self.spread(outer * _raised(self.coefficient, order))


class _AveragePooling(_Pooling):
    """A sum with the fixed weight 1/4."""

    def forward(self, inputs: Numbers) -> Numbers:
        return self.add_up(inputs) * 0.25

    def backward(self, outer: Numbers, order: Order) -> Numbers:
        return self.spread(outer * 0.25**order)


class _MaximumPooling(_Pooling):
    """Only the largest unit (the first, if several are equal) receives the derivative."""

    def forward(self, inputs: Numbers) -> Numbers:
        neighbours = np.stack(self.neighbours(inputs))
        self.shape, self.winners = inputs.shape, neighbours.argmax(axis=0)
        return neighbours.max(axis=0)

    def backward(self, outer: Numbers, order: Order) -> Numbers:
        inner = np.zeros(self.shape, outer.dtype)
        for place, neighbour in enumerate(self.neighbours(inner)):
            neighbour[:] = outer * _raised(self.winners == place, order)
        return inner


class _Flatten(Rule):
    """The identity, with another shape."""

    def forward(self, inputs: Numbers) -> Numbers:
        self.shape = inputs.shape
        return inputs.ravel()

    def backward(self, outer: Numbers, order: Order) -> Numbers:  # noqa: ARG002
        return outer.reshape(self.shape)


class RadialBasisRule(Rule):
    """Scores are minus the squared distances to the bitmaps (equation 7)."""

    def __init__(self, layer: EuclideanRadialBasis) -> None:
        super().__init__(layer)
        self.bitmaps = layer.bitmaps.numpy()

    def forward(self, inputs: Numbers) -> Numbers:
        self.inputs = inputs
        self.difference = inputs - self.bitmaps
        return -(self.difference * self.difference).sum(axis=1)

    def backward(self, outer: Numbers, order: Order) -> Numbers:
        return np.dot(outer, _raised(-2 * self.difference, order))


def find_rule(layer: nn.Module) -> Rule:
    """Return the rule for a layer; it shares memory with the layer's weights.

    Raises:
        TypeError: There is no rule for this kind of layer.
    """
    match layer:
        case PartialConvolution():
            return _PartialConvolution(layer)
        case nn.Conv2d() if is_plain(layer):
            return _Convolution(layer, layer.weight.detach().numpy())
        case nn.Linear() if layer.bias is not None:
            return _Dense(layer)
        case Subsampling():
            return _Subsampling(layer)
        case AveragePooling():
            return _AveragePooling(layer)
        case MaximumPooling():
            return _MaximumPooling(layer)
        case ScaledTanh() | Tanh():
            return _Squash(layer)
        case Rectifier():
            return _Rectifier(layer)
        case nn.Flatten():
            return _Flatten(layer)
        case EuclideanRadialBasis():
            return RadialBasisRule(layer)
    raise TypeError(f"no rule to back-propagate a single pattern through {layer}")
