"""The architectures: LeNet-5 as published in 1998, and its well-known variants.

Each architecture is a chain of layers with the paper's names (LeCun et al., 1998, section II.B). To add one,
write a function that lists its layers, and add an entry to the table ``ARCHITECTURES``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from lenet_pipeline.errors import UnknownNameError
from lenet_pipeline.network.layers import (
    C3_CONNECTIONS,
    Activation,
    AveragePooling,
    EuclideanRadialBasis,
    MaximumPooling,
    PartialConvolution,
    Pooling,
    Rectifier,
    ScaledTanh,
    Subsampling,
    Tanh,
)

# Guess: the constant j of equation 9, which the paper only calls positive. A flipped pixel of the F6 code
# costs 4. With j = 10, an image more than two or three flipped pixels from every bitmap counts as rubbish.
RUBBISH_PENALTY = 10.0

# Training pushes rubbish this much further from every class than j requires. One written digit in a thousand
# is at a distance of 32, and so is rubbish that is trained against j alone. Without the margin, the network
# rejects a third of the crosses; with 20 or 40, all of them (six passes, on the validation digits).
RUBBISH_MARGIN = 40.0


class DigitNetwork(nn.Sequential):
    """A chain of layers from preprocessed images to one log score per digit class.

    ``forward`` takes float32 (n, 1, height, width) and returns float32 (n, 10): the logarithm of each
    class's unnormalised probability. ``rubbish_score`` is the constant log score of the class 'not a digit',
    or None if the architecture has no such class.
    """

    def __init__(self, layers: dict[str, nn.Module], rubbish_score: float | None = None) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.rubbish_score = rubbish_score

    def scores_with_rubbish(self, scores: Tensor) -> Tensor:
        """Append the rubbish class, if there is one, as an eleventh column: (n, 10) to (n, 11)."""
        if self.rubbish_score is None:
            return scores
        return nn.functional.pad(scores, (0, 1), value=self.rubbish_score)

    def loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Return the mean discriminative loss over (n, 10) scores and int64 (n,) labels.

        With a rubbish class, this is equation 9, the maximum a posteriori criterion
        ``y_D + log(exp(-j) + sum_i exp(-y_i))``. Without one, it is the cross entropy.
        """
        return nn.functional.cross_entropy(self.scores_with_rubbish(scores), labels)

    def rubbish_loss(self, scores: Tensor) -> Tensor:
        """Return the mean loss over (n, 10) scores of images that are not digits.

        The loss is minus the log probability of the rubbish class, as in equation 9, with its score lowered
        by ``RUBBISH_MARGIN``. Rubbish then ends up further from all ten classes than badly written digits.

        Raises:
            ValueError: The network has no rubbish class.
        """
        if self.rubbish_score is None:
            raise ValueError("a network without a rubbish class cannot learn from rubbish")
        lower = self.rubbish_score - RUBBISH_MARGIN
        return nn.functional.softplus(scores.logsumexp(dim=1) - lower).mean()


def _lenet5() -> DigitNetwork:
    return DigitNetwork(
        {
            "c1": nn.Conv2d(1, 6, 5),
            "c1_squash": ScaledTanh(),
            "s2": Subsampling(6),
            "s2_squash": ScaledTanh(),
            "c3": PartialConvolution(6, C3_CONNECTIONS),
            "c3_squash": ScaledTanh(),
            "s4": Subsampling(16),
            "s4_squash": ScaledTanh(),
            "c5": nn.Conv2d(16, 120, 5),
            "c5_squash": ScaledTanh(),
            "c5_flat": nn.Flatten(),
            "f6": nn.Linear(120, 84),
            "f6_squash": ScaledTanh(),
            "output": EuclideanRadialBasis(),
        },
        rubbish_score=-RUBBISH_PENALTY,
    )


def _as_taught(
    activation: type[Activation],
    pooling: type[Pooling],
    *,
    kernel: int = 5,
    flat: int,
    dense: tuple[int, ...],
) -> DigitNetwork:
    """Build the textbook variant: full convolutions, pooling without parameters, dense layers, softmax."""
    layers: dict[str, nn.Module] = {
        "c1": nn.Conv2d(1, 6, kernel),
        "c1_squash": activation(),
        "s2": pooling(),
        "c3": nn.Conv2d(6, 16, kernel),
        "c3_squash": activation(),
        "s4": pooling(),
        "s4_flat": nn.Flatten(),
    }
    for name, (inputs, outputs) in zip(("c5", "f6")[: len(dense)], pairwise((flat, *dense)), strict=True):
        layers |= {name: nn.Linear(inputs, outputs), f"{name}_squash": activation()}
    return DigitNetwork({**layers, "output": nn.Linear(dense[-1], 10)})


@dataclass(frozen=True)
class Architecture:
    """A named network: its summary, its number of trainable parameters, and how to build it.

    Its input is the 28x28 digit with ``padding_px`` pixels of background on every side.
    """

    name: str
    summary: str
    parameters: int
    padding_px: int
    build: Callable[[], DigitNetwork]


_TABLE = (
    Architecture("lenet5", "as published in 1998: partial C3, bitmap outputs", 60_000, 2, _lenet5),
    Architecture(
        "lenet5-softmax",
        "as taught: full C3, average pooling, softmax",
        61_706,
        2,
        lambda: _as_taught(Tanh, AveragePooling, flat=400, dense=(120, 84)),
    ),
    Architecture(
        "lenet5-28",
        "the same without padding, as Keras tutorials do",
        44_426,
        0,
        lambda: _as_taught(Tanh, AveragePooling, flat=256, dense=(120, 84)),
    ),
    Architecture(
        "lenet-3x3",
        "3x3 kernels, no padding, one dense layer of 128",
        53_558,
        0,
        lambda: _as_taught(Tanh, AveragePooling, kernel=3, flat=400, dense=(128,)),
    ),
    Architecture(
        "lenet5-relu",
        "ReLU, maximum pooling, softmax",
        61_706,
        2,
        lambda: _as_taught(Rectifier, MaximumPooling, flat=400, dense=(120, 84)),
    ),
)
ARCHITECTURES: dict[str, Architecture] = {architecture.name: architecture for architecture in _TABLE}


def find_architecture(name: str) -> Architecture:
    """Return the named architecture.

    Raises:
        UnknownNameError: No architecture has this name.
    """
    if name not in ARCHITECTURES:
        raise UnknownNameError("architecture", name, ARCHITECTURES)
    return ARCHITECTURES[name]


def build_network(name: str) -> DigitNetwork:
    """Build the named architecture with random weights from torch's global generator.

    Raises:
        UnknownNameError: No architecture has this name.
    """
    return find_architecture(name).build()


def count_parameters(network: nn.Module) -> int:
    """Count the trainable parameters of a network."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
