"""The architectures: LeNet-5 as published in 1998, and its well-known variants.

Source: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition",
Proceedings of the IEEE 86(11), 1998; sections II.B and III, appendix A. Layers carry the paper's names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lenet_pipeline.bitmaps import digit_bitmaps
from lenet_pipeline.errors import UnknownNameError

# Table I of the paper: the S2 maps that each of the sixteen C3 maps sees.
C3_CONNECTIONS: tuple[tuple[int, ...], ...] = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip

# Guess: the constant j of equation 9. The paper says only that it is positive; at 10, an image whose
# F6 code is further from every bitmap than five flipped pixels is more likely rubbish than a digit.
RUBBISH_PENALTY = 10.0


class ScaledTanh(nn.Module):
    """Squash with A tanh(S a), A = 1.7159 and S = 2/3, so that f(1) = 1 and f(-1) = -1 (appendix A)."""

    def forward(self, activation: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(activation * (2.0 / 3.0))


class Subsampling(nn.Module):
    """Add each 2x2 neighbourhood, times one trainable coefficient a map, plus one bias (section II.B).

    Takes float32 (n, maps, height, width) and returns float32 (n, maps, height / 2, width / 2).
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.empty(maps))
        self.bias = nn.Parameter(torch.zeros(maps))
        # Guess: like every other weight, uniform in +-2.4 / fan-in with four inputs (appendix A).
        nn.init.uniform_(self.coefficient, -2.4 / 4, 2.4 / 4)

    def forward(self, maps: Tensor) -> Tensor:
        total = 4.0 * nn.functional.avg_pool2d(maps, 2)
        return total * self.coefficient[:, None, None] + self.bias[:, None, None]


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
        with torch.no_grad():
            self.weight.uniform_(-2.4, 2.4).div_(self.fan_in[:, None, None])

    def dense_weight(self) -> Tensor:
        """Return the kernels as a full (outputs, inputs, 5, 5) convolution with zeros between."""
        blank = self.weight.new_zeros(self.outputs * self.inputs, 5, 5)
        return blank.index_copy(0, self.places, self.weight).view(-1, self.inputs, 5, 5)

    def forward(self, maps: Tensor) -> Tensor:
        return nn.functional.conv2d(maps, self.dense_weight(), self.bias)


class EuclideanRadialBasis(nn.Module):
    """Measure the squared distance to each digit's fixed bitmap: y_i = sum_j (x_j - w_ij)^2 (equation 7).

    Takes float32 (n, 84) and returns the penalties, float32 (n, 10), zero or more.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bitmaps: Tensor
        self.register_buffer("bitmaps", torch.from_numpy(digit_bitmaps()), persistent=False)

    def forward(self, code: Tensor) -> Tensor:
        difference = code[:, None, :] - self.bitmaps
        return difference.square().sum(dim=2)


class DigitNetwork(nn.Module):
    """A network from preprocessed images to one log score a digit class.

    ``forward`` takes float32 (n, 1, height, width) and returns float32 (n, 10): the logarithm of each
    class's unnormalised probability. ``rubbish_score`` is the same for 'none of the ten', a constant,
    or None where the architecture has no such class.
    """

    rubbish_score: float | None = None

    def scores_with_rubbish(self, scores: Tensor) -> Tensor:
        """Append the rubbish class as an eleventh column where there is one: (n, 10) to (n, 11)."""
        if self.rubbish_score is None:
            return scores
        return nn.functional.pad(scores, (0, 1), value=self.rubbish_score)

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the mean discriminative loss over (n, 10) scores and int64 (n,) labels.

        With a rubbish class this is equation 9, the maximum a posteriori criterion
        ``y_D + log(exp(-j) + sum_i exp(-y_i))``; without one, cross entropy.
        """
        return nn.functional.cross_entropy(self.scores_with_rubbish(scores), labels)


class LeNet5(DigitNetwork):
    """LeNet-5 exactly as published: 60,000 trainable parameters (section II.B)."""

    rubbish_score = -RUBBISH_PENALTY

    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5)
        self.s2 = Subsampling(6)
        self.c3 = PartialConvolution(6, C3_CONNECTIONS)
        self.s4 = Subsampling(16)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.output = EuclideanRadialBasis()
        self.squash = ScaledTanh()
        for layer in (self.c1, self.c5, self.f6):
            initialise_uniform(layer)

    def forward(self, image: Tensor) -> Tensor:
        squash = self.squash
        maps = squash(self.s2(squash(self.c1(image))))
        maps = squash(self.s4(squash(self.c3(maps))))
        features = squash(self.c5(maps)).flatten(1)
        penalties: Tensor = self.output(squash(self.f6(features)))
        return -penalties


class LeNet5Softmax(DigitNetwork):
    """LeNet-5 as it is usually taught: plain average pooling, full C3, softmax; 61,706 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, 10)

    def forward(self, image: Tensor) -> Tensor:
        maps = nn.functional.avg_pool2d(torch.tanh(self.c1(image)), 2)
        maps = nn.functional.avg_pool2d(torch.tanh(self.c3(maps)), 2)
        features = torch.tanh(self.c5(maps)).flatten(1)
        scores: Tensor = self.output(torch.tanh(self.f6(features)))
        return scores


def initialise_uniform(layer: nn.Conv2d | nn.Linear) -> None:
    """Draw weights uniformly in +-2.4 / fan-in and set biases to zero (appendix A)."""
    limit = 2.4 / layer.weight[0].numel()
    nn.init.uniform_(layer.weight, -limit, limit)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


@dataclass(frozen=True)
class Architecture:
    """A named network: what it is, how to build it, how many trainable parameters it must have."""

    name: str
    summary: str
    parameters: int
    build: Callable[[], DigitNetwork]


ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture
    for architecture in (
        Architecture("lenet5", "as published in 1998: partial C3, bitmap outputs", 60_000, LeNet5),
        Architecture("lenet5-softmax", "as taught: full C3, average pooling, softmax", 61_706, LeNet5Softmax),
    )
}


def find_architecture(name: str) -> Architecture:
    """Return the named architecture.

    Raises:
        UnknownNameError: no architecture has this name.
    """
    if name not in ARCHITECTURES:
        raise UnknownNameError("architecture", name, ARCHITECTURES)
    return ARCHITECTURES[name]


def build_network(name: str) -> DigitNetwork:
    """Build the named architecture with fresh weights from torch's global generator.

    Raises:
        UnknownNameError: no architecture has this name.
    """
    return find_architecture(name).build()


def count_parameters(network: nn.Module) -> int:
    """Count the trainable parameters of a network."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
