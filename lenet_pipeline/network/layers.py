"""The layers of the 1998 network, and their replacements in its variants.

Source: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition",
Proceedings of the IEEE 86(11), 1998; section II.B, appendix A.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lenet_pipeline.network.bitmaps import digit_bitmaps

# Table I of the paper: the S2 maps that each of the sixteen C3 maps is connected to.
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
        """Apply the function without its amplitude and slope."""
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
    """Squash with the hyperbolic tangent."""

    def curve(self, activation: Tensor) -> Tensor:
        return torch.tanh(activation)

    def forward(self, activation: Tensor) -> Tensor:
        return torch.tanh(activation)


class Rectifier(Activation):
    """Set negative values to zero (ReLU)."""

    def curve(self, activation: Tensor) -> Tensor:
        return torch.relu(activation)

    def forward(self, activation: Tensor) -> Tensor:
        return torch.relu(activation)


class Pooling(nn.Module):
    """Reduce each 2x2 neighbourhood of a map to one unit.

    ``forward`` takes (n, maps, height, width) and returns (n, maps, height // 2, width // 2). It can be
    computed in two steps: ``combine`` takes the neighbourhoods as (n, 4, maps, height, width), and ``finish``
    takes the result of ``combine``.
    """

    def combine(self, neighbours: Tensor) -> Tensor:
        """Reduce the four units along dimension 1 to one."""
        raise NotImplementedError

    def finish(self, combined: Tensor) -> Tensor:
        """Apply the trainable parameters, if any."""
        return combined

    def forward(self, maps: Tensor) -> Tensor:
        height, width = maps.shape[2] // 2 * 2, maps.shape[3] // 2 * 2
        rows, columns = (slice(0, height, 2), slice(1, height, 2)), (slice(0, width, 2), slice(1, width, 2))
        neighbours = [maps[:, :, row, column] for row in rows for column in columns]
        return self.finish(self.combine(torch.stack(neighbours, dim=1)))


class Subsampling(Pooling):
    """Multiply the sum of four units by a trainable coefficient per map, and add a bias (section II.B)."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        # Guess: slightly more than the mean of the four, for every map. The paper gives no value.
        self.coefficient = nn.Parameter(torch.full((maps,), 0.3))
        self.bias = nn.Parameter(torch.zeros(maps))

    def combine(self, neighbours: Tensor) -> Tensor:
        return neighbours.sum(dim=1)

    def finish(self, combined: Tensor) -> Tensor:
        return combined * self.coefficient[:, None, None] + self.bias[:, None, None]

    def forward(self, maps: Tensor) -> Tensor:
        return self.finish(4.0 * nn.functional.avg_pool2d(maps, 2))  # faster than combine, same result


class AveragePooling(Pooling):
    """Take the mean of four units."""

    def combine(self, neighbours: Tensor) -> Tensor:
        return neighbours.mean(dim=1)

    def forward(self, maps: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(maps, 2)


class MaximumPooling(Pooling):
    """Take the maximum of four units."""

    def combine(self, neighbours: Tensor) -> Tensor:
        return neighbours.amax(dim=1)

    def forward(self, maps: Tensor) -> Tensor:
        return nn.functional.max_pool2d(maps, 2)


def is_plain(layer: nn.Conv2d) -> bool:
    """Tell whether a convolution is plain: a square kernel with a bias, stride 1, no padding or dilation."""
    height, width = layer.kernel_size
    placing = (layer.stride, layer.padding, layer.dilation, layer.groups)
    return height == width and placing == ((1, 1), (0, 0), (1, 1), 1) and layer.bias is not None


class PartialConvolution(nn.Module):
    """Convolve with 5x5 kernels, each output map connected only to the input maps of its row in table I.

    Only the connected kernels are parameters: (connections, 5, 5) weights, and one bias per output map.
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
        with torch.no_grad():  # as torch initialises a full convolution
            self.weight.uniform_(-1, 1).div_(self.fan_in.sqrt()[:, None, None])

    def dense_weight(self) -> Tensor:
        """Return the kernels of a full convolution, (outputs, inputs, 5, 5), zero where not connected."""
        blank = self.weight.new_zeros(self.outputs * self.inputs, 5, 5)
        return blank.index_copy(0, self.places, self.weight).view(-1, self.inputs, 5, 5)

    def forward(self, maps: Tensor) -> Tensor:
        return nn.functional.conv2d(maps, self.dense_weight(), self.bias)


class EuclideanRadialBasis(nn.Module):
    """Compare an F6 code with the fixed bitmap of each digit.

    Takes (n, 84) and returns log scores (n, 10): minus the squared distances.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bitmaps: Tensor
        self.register_buffer("bitmaps", torch.from_numpy(digit_bitmaps()), persistent=False)

    def penalties(self, code: Tensor) -> Tensor:
        """Return the penalties y_i = sum_j (x_j - w_ij)^2, (n, 10), zero or more (equation 7)."""
        difference = code[:, None, :] - self.bitmaps
        return difference.square().sum(dim=2)

    def forward(self, code: Tensor) -> Tensor:
        return -self.penalties(code)
