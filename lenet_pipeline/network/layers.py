"""The layers of the 1998 network, and those that its variants put in their place.

Source: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition",
Proceedings of the IEEE 86(11), 1998; section II.B, appendix A.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lenet_pipeline.network.bitmaps import digit_bitmaps

# Table I of the paper: the S2 maps that each of the sixteen C3 maps sees.
C3_CONNECTIONS: tuple[tuple[int, ...], ...] = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip


class Activation(nn.Module):
    """An elementwise function ``amplitude * curve(slope * a)``."""

    amplitude = 1.0
    slope = 1.0

    def curve(self, activation: Tensor) -> Tensor:
        """Apply the function without its two constants."""
        raise NotImplementedError

    def forward(self, activation: Tensor) -> Tensor:
        return self.amplitude * self.curve(self.slope * activation)


class ScaledTanh(Activation):
    """Squash with A tanh(S a), A = 1.7159 and S = 2/3, so that f(1) = 1 and f(-1) = -1 (appendix A)."""

    amplitude = 1.7159
    slope = 2 / 3

    def curve(self, activation: Tensor) -> Tensor:
        return torch.tanh(activation)


class Tanh(Activation):
    """Squash with the plain hyperbolic tangent."""

    def curve(self, activation: Tensor) -> Tensor:
        return torch.tanh(activation)

    def forward(self, activation: Tensor) -> Tensor:
        return torch.tanh(activation)


class Rectifier(Activation):
    """Cut off what is below zero (ReLU)."""

    def curve(self, activation: Tensor) -> Tensor:
        return torch.relu(activation)

    def forward(self, activation: Tensor) -> Tensor:
        return torch.relu(activation)


class Pooling(nn.Module):
    """Make one unit of each 2x2 neighbourhood of a map.

    Takes (n, maps, height, width) and returns (n, maps, height // 2, width // 2). ``combine`` takes the
    neighbourhoods as (n, 4, maps, height, width), for whoever has them so already, and ``finish`` what
    ``combine`` gave.
    """

    def combine(self, neighbours: Tensor) -> Tensor:
        """Make one of the four units along dimension 1."""
        raise NotImplementedError

    def finish(self, combined: Tensor) -> Tensor:
        """Apply what is trainable."""
        return combined

    def forward(self, maps: Tensor) -> Tensor:
        height, width = maps.shape[2] // 2 * 2, maps.shape[3] // 2 * 2
        rows, columns = (slice(0, height, 2), slice(1, height, 2)), (slice(0, width, 2), slice(1, width, 2))
        neighbours = [maps[:, :, row, column] for row in rows for column in columns]
        return self.finish(self.combine(torch.stack(neighbours, dim=1)))


class Subsampling(Pooling):
    """Add the four, times one trainable coefficient a map, plus one bias (section II.B)."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        # Guess: the mean of the four with a little gain, for every map alike; the paper names no value.
        self.coefficient = nn.Parameter(torch.full((maps,), 0.3))
        self.bias = nn.Parameter(torch.zeros(maps))

    def combine(self, neighbours: Tensor) -> Tensor:
        return neighbours.sum(dim=1)

    def finish(self, combined: Tensor) -> Tensor:
        return combined * self.coefficient[:, None, None] + self.bias[:, None, None]

    def forward(self, maps: Tensor) -> Tensor:
        return self.finish(4.0 * nn.functional.avg_pool2d(maps, 2))  # the same, faster


class AveragePooling(Pooling):
    """Take the mean of the four."""

    def combine(self, neighbours: Tensor) -> Tensor:
        return neighbours.mean(dim=1)

    def forward(self, maps: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(maps, 2)


class MaximumPooling(Pooling):
    """Take the largest of the four."""

    def combine(self, neighbours: Tensor) -> Tensor:
        return neighbours.amax(dim=1)

    def forward(self, maps: Tensor) -> Tensor:
        return nn.functional.max_pool2d(maps, 2)


def is_plain(layer: nn.Conv2d) -> bool:
    """Tell whether a convolution is one of the paper's: a square kernel with a bias, at every place."""
    height, width = layer.kernel_size
    placing = (layer.stride, layer.padding, layer.dilation, layer.groups)
    return height == width and placing == ((1, 1), (0, 0), (1, 1), 1) and layer.bias is not None


class PartialConvolution(nn.Module):
    """Convolve 5x5 where each output map sees only the input maps its table row names (table I).

    Only the kernels that exist are parameters: (connections, 5, 5) weights and one bias an output map.
    """

    def __init__(self, inputs: int, connections: tuple[tuple[int, ...], ...]) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, len(connections)
        places = [row * inputs + column for row, seen in enumerate(connections) for column in seen]
        self.places: Tensor
        self.register_buffer("places", torch.tensor(places), persistent=False)
        self.weight = nn.Parameter(torch.empty(len(places), 5, 5))
        self.bias = nn.Parameter(torch.zeros(self.outputs))
        self.fan_in = torch.tensor([25.0 * len(seen) for seen in connections for _ in seen])
        with torch.no_grad():  # as torch draws a full convolution's
            self.weight.uniform_(-1, 1).div_(self.fan_in.sqrt()[:, None, None])

    def dense_weight(self) -> Tensor:
        """Return the kernels as a full (outputs, inputs, 5, 5) convolution with zeros between."""
        blank = self.weight.new_zeros(self.outputs * self.inputs, 5, 5)
        return blank.index_copy(0, self.places, self.weight).view(-1, self.inputs, 5, 5)

    def forward(self, maps: Tensor) -> Tensor:
        return nn.functional.conv2d(maps, self.dense_weight(), self.bias)


class EuclideanRadialBasis(nn.Module):
    """Compare an F6 code with each digit's fixed bitmap.

    Takes (n, 84) and returns (n, 10): minus the squared distances, which are log scores.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bitmaps: Tensor
        self.register_buffer("bitmaps", torch.from_numpy(digit_bitmaps()), persistent=False)

    def penalties(self, code: Tensor) -> Tensor:
        """Return y_i = sum_j (x_j - w_ij)^2, (n, 10), zero or more (equation 7)."""
        difference = code[:, None, :] - self.bitmaps
        return difference.square().sum(dim=2)

    def forward(self, code: Tensor) -> Tensor:
        return -self.penalties(code)
