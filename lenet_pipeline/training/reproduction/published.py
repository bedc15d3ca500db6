"""Published results from the literature, one row each, to compare ours with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lenet_pipeline.errors import UnknownNameError

TOLERANCE_POINTS = 0.5  # a reproduced row may be this many percentage points below the published accuracy
TRAINING_DIGITS = 60_000

_PAPER = "LeCun, Bottou, Bengio, Haffner, Proceedings of the IEEE 86(11), 1998, section III.B"
_KERAS = "a Keras tutorial"

_PAPER_DIFFERS = "we chose the bitmaps, the constant j and the initial weights, see docs/guesses.md"
_DISTORTED_DIFFERS = (
    "we chose the bitmaps, the constant j, the initial weights and the amounts of distortion, "
    "see docs/guesses.md"
)
_KERAS_DIFFERS = "the usual hyper-parameters of tutorials"


@dataclass(frozen=True)
class PublishedResult:
    """A published result of training on MNIST's 60,000 training digits; accuracies are on its test digits.

    Attributes:
        architecture: The architecture that we train for it.
        recipe: The recipe that we train with.
        epochs: The published number of epochs.
        source: The publication.
        what: What it reports.
        differs: How our training differs, because the publication leaves something open.
        accuracy_pct: The published accuracy, or None if only a comparison with another row was published.
        accuracies_pct: The accuracy after each epoch, if published.
        above: The name of another row, if the literature says that this row's accuracy is higher.
    """

    architecture: str
    recipe: str
    epochs: int
    source: str
    what: str
    differs: str
    accuracy_pct: float | None = None
    accuracies_pct: tuple[float, ...] = ()
    above: str | None = None

    @property
    def name(self) -> str:
        """The row's name, such as ``lenet5+paper``."""
        return f"{self.architecture}+{self.recipe}"

    @property
    def above_pct(self) -> float | None:
        """The published accuracy of the row that this one must exceed, in per cent."""
        return PUBLISHED[self.above].accuracy_pct if self.above else None


_TABLE = (
    PublishedResult("lenet5", "paper", 20, _PAPER, "0.95 % test error", _PAPER_DIFFERS, 99.05),
    PublishedResult(
        "lenet5",
        "paper-distorted",
        20,
        _PAPER,
        "0.8 % test error with distortions, less than without",
        _DISTORTED_DIFFERS,
        99.2,
        above="lenet5+paper",
    ),
    PublishedResult(
        "lenet-3x3",
        "keras-adam",
        10,
        _KERAS,
        "98.36 % after 10 epochs",
        _KERAS_DIFFERS,
        98.36,
        (95.79, 96.77, 97.52, 98.10, 98.04, 98.32, 98.26, 98.09, 98.44, 98.36),
    ),
    PublishedResult(
        "lenet5-softmax",
        "keras-sgd",
        20,
        _KERAS,
        "96 % with the original activation",
        f"{_KERAS_DIFFERS}; tanh, average pooling and cross entropy, on images padded to 32x32",
        96.0,
    ),
    PublishedResult(
        "lenet5-relu",
        "keras-sgd",
        20,
        _KERAS,
        "higher with modern activation and loss",
        f"{_KERAS_DIFFERS}; ReLU instead of tanh, maximum instead of average pooling; both rows use "
        "cross entropy here",
        above="lenet5-softmax+keras-sgd",
    ),
)
PUBLISHED: dict[str, PublishedResult] = {result.name: result for result in _TABLE}


@dataclass(frozen=True)
class Comparison:
    """The comparison of a row's accuracy with the published one.

    ``difference_points`` is ours minus the published accuracy, in percentage points, or None if no accuracy
    was published. ``reason`` explains the result in one line.
    """

    difference_points: float | None
    is_reproduced: bool
    reason: str


def choose_published(names: Sequence[str]) -> tuple[PublishedResult, ...]:
    """Return the named rows, or all rows if ``names`` is empty, in the order of the table.

    Raises:
        UnknownNameError: A name is not in the table.
    """
    for name in names:
        if name not in PUBLISHED:
            raise UnknownNameError("published row", name, PUBLISHED)
    return tuple(result for result in _TABLE if not names or result.name in names)


def quick_epochs(result: PublishedResult) -> int:
    """Return a fifth of the published number of epochs, at least one."""
    return max(1, result.epochs // 5)


def compare_with_published(
    result: PublishedResult, accuracies_pct: Sequence[float], other_pct: float | None, training_digits: int
) -> Comparison:
    """Compare our accuracy after the last epoch with the published result.

    A row is reproduced if everything published about it holds: its accuracy, and the row that it exceeds.

    Args:
        result: The published result.
        accuracies_pct: Our test accuracy after each epoch, in per cent.
        other_pct: Our accuracy of the row that ``result.above`` names, in per cent, if we trained it.
        training_digits: The number of digits that we trained on.
    """
    ours, difference, is_reproduced = accuracies_pct[-1], None, True
    reasons = _list_reductions(result, len(accuracies_pct), training_digits)
    if result.accuracy_pct is not None:
        difference = round(ours - result.accuracy_pct, 6)
        is_reproduced = difference >= -TOLERANCE_POINTS
        reasons.append(_verdict(difference))
    least, other = other_pct, result.above
    if least is None:
        least, other = result.above_pct, f"the published {result.above}"
    if least is not None:
        is_above = ours > least
        is_reproduced = is_reproduced and is_above
        reasons.append(f"{'above' if is_above else 'not above'} {other} ({least:.2f} %)")
    return Comparison(difference, is_reproduced, "; ".join(reasons))


def _verdict(difference: float) -> str:
    if difference >= 0:
        return "above the published accuracy" if difference else "equal to the published accuracy"
    if difference >= -TOLERANCE_POINTS:
        return f"within {TOLERANCE_POINTS} points"
    return f"more than {TOLERANCE_POINTS} points below"


def _list_reductions(result: PublishedResult, epochs: int, training_digits: int) -> list[str]:
    """Describe how our training was shorter than the published one, which may explain a lower accuracy."""
    less = []
    if epochs < result.epochs:
        less.append(f"{epochs} of {result.epochs} epochs (--quick)")
    if training_digits < TRAINING_DIGITS:
        less.append(f"{training_digits:,} of {TRAINING_DIGITS:,} digits")
    return less
