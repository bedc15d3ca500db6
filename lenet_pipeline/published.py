"""What the literature reports, row by row, for ours to stand beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lenet_pipeline.errors import UnknownNameError

TOLERANCE_POINTS = 0.5  # how far below the published accuracy a row may end and still be reproduced
TRAINING_DIGITS = 60_000

_PAPER = "LeCun, Bottou, Bengio, Haffner, Proceedings of the IEEE 86(11), 1998, section III.B"
_KERAS = "a Keras tutorial"


@dataclass(frozen=True)
class PublishedResult:
    """One published training on MNIST's 60,000 training digits; accuracies are test accuracies, per cent.

    ``accuracies_pct`` holds the accuracy after each epoch where that was published, else nothing. Where
    ``above`` names another row, the literature says only that this one is higher: ``accuracy_pct`` is
    then the other's.
    """

    architecture: str
    recipe: str
    epochs: int
    source: str
    what: str
    accuracy_pct: float
    accuracies_pct: tuple[float, ...] = ()
    above: str | None = None

    @property
    def name(self) -> str:
        return f"{self.architecture}+{self.recipe}"


_TABLE = (
    PublishedResult("lenet5", "paper", 20, _PAPER, "0.95 % test error", 99.05),
    PublishedResult("lenet5", "paper-distorted", 20, _PAPER, "0.8 % test error with distortions", 99.2),
    PublishedResult(
        "lenet-3x3",
        "keras-adam",
        10,
        _KERAS,
        "98.36 % after 10 epochs",
        98.36,
        (95.79, 96.77, 97.52, 98.10, 98.04, 98.32, 98.26, 98.09, 98.44, 98.36),
    ),
    PublishedResult("lenet5-28", "keras-sgd", 20, _KERAS, "96 % with the original activation", 96.0),
    PublishedResult(
        "lenet5-relu",
        "keras-sgd",
        20,
        _KERAS,
        "higher with modern activation and loss",
        96.0,
        above="lenet5-28+keras-sgd",
    ),
)
PUBLISHED: dict[str, PublishedResult] = {result.name: result for result in _TABLE}


@dataclass(frozen=True)
class Comparison:
    """One row's accuracy beside what was published.

    ``difference_points`` is ours less the published one, in percentage points; ``reason`` says in one
    line what it comes from, or that it is no matter.
    """

    difference_points: float
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
    result: PublishedResult, accuracies_pct: Sequence[float], above_pct: float | None, training_digits: int
) -> Comparison:
    """Compare our accuracy after the last epoch with what was published.

    Args:
        result: what was published.
        accuracies_pct: our test accuracy after each epoch, per cent.
        above_pct: what the row that ``result.above`` names reached here, if it was trained here.
        training_digits: how many digits ours learned from.
    """
    ours, difference = accuracies_pct[-1], round(accuracies_pct[-1] - result.accuracy_pct, 6)
    if result.above is None:
        is_reproduced, verdict = difference >= -TOLERANCE_POINTS, _verdict(difference)
    else:
        is_reproduced = ours > (result.accuracy_pct if above_pct is None else above_pct)
        other = f"the published {result.accuracy_pct:.2f} %" if above_pct is None else result.above
        verdict = f"{'above' if is_reproduced else 'not above'} {other}"
    less = _what_was_less(result, len(accuracies_pct), training_digits)
    return Comparison(difference, is_reproduced, "; ".join([*less, verdict]))


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
