"""What the literature reports, row by row, for ours to stand beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lenet_pipeline.errors import UnknownNameError

TOLERANCE_POINTS = 0.5  # how far below the published accuracy a row may end and still be reproduced
TRAINING_DIGITS = 60_000

_PAPER = "LeCun, Bottou, Bengio, Haffner, Proceedings of the IEEE 86(11), 1998, section III.B"
_KERAS = "a Keras tutorial"

_PAPER_DIFFERS = "bitmaps, constant j and first weights are ours, see ARCHITECTURE.md"
_DISTORTED_DIFFERS = (
    "bitmaps, constant j, first weights and amounts of distortion are ours, see ARCHITECTURE.md"
)
_KERAS_DIFFERS = "hyper-parameters as the usual tutorial"


@dataclass(frozen=True)
class PublishedResult:
    """One published training on MNIST's 60,000 training digits; accuracies are test accuracies, per cent.

    ``differs`` says what is ours in the training here, because the publication does not say it.
    ``accuracies_pct`` holds the accuracy after each epoch where that was published, else nothing.
    ``above`` names another row where the literature says that this one is higher; where it says no more
    than that, ``accuracy_pct`` is None.
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
        return f"{self.architecture}+{self.recipe}"

    @property
    def above_pct(self) -> float | None:
        """The published accuracy of the row that this one is above."""
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
        f"{_KERAS_DIFFERS}; tanh and average pooling, padded to 32x32, with cross entropy",
        96.0,
    ),
    PublishedResult(
        "lenet5-relu",
        "keras-sgd",
        20,
        _KERAS,
        "higher with modern activation and loss",
        f"{_KERAS_DIFFERS}; ReLU for tanh, maximum for average pooling, both rows with cross entropy here",
        above="lenet5-softmax+keras-sgd",
    ),
)
PUBLISHED: dict[str, PublishedResult] = {result.name: result for result in _TABLE}


@dataclass(frozen=True)
class Comparison:
    """One row's accuracy beside what was published.

    ``difference_points`` is ours less the published one, in percentage points, None where the row has no
    published figure of its own; ``reason`` says in one line how the two stand, and what was less here.
    """

    difference_points: float | None
    is_reproduced: bool
    reason: str


def choose_published(names: Sequence[str]) -> tuple[PublishedResult, ...]:
    """Return the named rows, or all where none is named, in the table's order.

    Raises:
        UnknownNameError: no row has one of the names.
    """
    for name in names:
        if name not in PUBLISHED:
            raise UnknownNameError("published row", name, PUBLISHED)
    return tuple(result for result in _TABLE if not names or result.name in names)


def quick_epochs(result: PublishedResult) -> int:
    """Return a fifth of the published epochs, at least one."""
    return max(1, result.epochs // 5)


def compare_with_published(
    result: PublishedResult, accuracies_pct: Sequence[float], other_pct: float | None, training_digits: int
) -> Comparison:
    """Compare our accuracy after the last epoch with what was published.

    A row is reproduced when all that was published of it holds: its figure, and which row it is above.

    Args:
        result: what was published.
        accuracies_pct: our test accuracy after each epoch, per cent.
        other_pct: what the row that ``result.above`` names reached here, if it was trained here.
        training_digits: how many digits ours learned from.
    """
    ours, difference, is_reproduced = accuracies_pct[-1], None, True
    reasons = _what_was_less(result, len(accuracies_pct), training_digits)
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
        return "above the published accuracy" if difference else "the published accuracy"
    if difference >= -TOLERANCE_POINTS:
        return f"within {TOLERANCE_POINTS} points"
    return f"more than {TOLERANCE_POINTS} points below"


def _what_was_less(result: PublishedResult, epochs: int, training_digits: int) -> list[str]:
    """Say what was less than published: all that can excuse a lower accuracy."""
    less = []
    if epochs < result.epochs:
        less.append(f"{epochs} of {result.epochs} epochs (--quick)")
    if training_digits < TRAINING_DIGITS:
        less.append(f"{training_digits:,} of {TRAINING_DIGITS:,} digits")
    return less
