"""Figures: what a training run leaves, and the confidences of a scoring run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lenet_pipeline.schema import Images
from lenet_pipeline.scoring import Scores
from lenet_pipeline.training.calibration import Reliability
from lenet_pipeline.training.loop import Epoch

_TRAINING, _VALIDATION = "#4477aa", "#cc6677"  # told apart by colour-blind readers too


def draw_learning_curves(epochs: Sequence[Epoch]) -> Figure:
    """Draw loss by epoch and, where digits validated it, the validation error."""
    numbers = [epoch.number for epoch in epochs]
    wrong = [
        100 * (1 - epoch.validation_accuracy) for epoch in epochs if epoch.validation_accuracy is not None
    ]
    figure = Figure(figsize=(9 if wrong else 5, 3.5), layout="constrained")
    loss, *rest = figure.subplots(1, 2 if wrong else 1, squeeze=False)[0]
    loss.plot(numbers, [epoch.training_loss for epoch in epochs], color=_TRAINING, label="training")
    loss.set(xlabel="epoch", ylabel="loss (nats)", yscale="log")
    if wrong:
        validation_losses = [epoch.validation_loss for epoch in epochs]
        loss.plot(numbers, validation_losses, color=_VALIDATION, label="validation")
        rest[0].plot(numbers, wrong, color=_VALIDATION, marker=".")
        rest[0].set(xlabel="epoch", ylabel="validation error (%)", ylim=(0, None))
    loss.legend(frameon=False)
    for axes in (loss, *rest):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_confusion(confusion: npt.NDArray[np.int64], title: str) -> Figure:
    """Draw a confusion matrix int64 (10, 10), truth by prediction; shades show the errors alone."""
    figure = Figure(figsize=(5.2, 5.2), layout="constrained")
    axes = figure.subplots()
    errors = confusion * ~np.eye(10, dtype=bool)
    axes.imshow(errors, cmap="Reds", vmin=0, vmax=max(1, errors.max()) * 1.6)
    for truth, row in enumerate(confusion):
        for predicted, count in enumerate(row):
            if count:
                axes.text(predicted, truth, str(count), ha="center", va="center", fontsize=8)
    axes.set(xlabel="predicted", ylabel="truth", title=title, xticks=range(10), yticks=range(10))
    return figure


def draw_risk_coverage(
    coverages: npt.NDArray[np.float64],
    risks: npt.NDArray[np.float64],
    max_error: float | None,
    accepted: float | None,
    title: str,
) -> Figure:
    """Draw the risk-coverage curve and, where there is one, the error asked for and the share accepted."""
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(100 * coverages, 100 * risks, color=_TRAINING, label="wrong of the surest")
    if max_error is not None:
        axes.axhline(100 * max_error, color=_VALIDATION, linestyle="--", label="most that may be wrong")
    if accepted is not None:
        axes.axvspan(0, 100 * accepted, color=_TRAINING, alpha=0.15, label="accepted")
    axes.set(xlabel="surest readings (%)", ylabel="wrong (%)", xlim=(0, 100), ylim=(0, None), title=title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def draw_reliability(before: Reliability, after: Reliability, title: str) -> Figure:
    """Draw accuracy by confidence before and after calibration, with the digits of each bin below."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
    width = 1 / len(after.digits)
    for found, color, name in ((before, _VALIDATION, "before"), (after, _TRAINING, "after")):
        filled = found.digits > 0
        label = f"{name}: expected calibration error {found.expected_error:.4f}"
        axes.plot(found.confidence[filled], found.accuracy[filled], "o-", color=color, label=label)
    middles = (np.arange(len(after.digits)) + 0.5) * width
    below.bar(middles - width / 5, before.digits, width=width / 3, color=_VALIDATION)
    below.bar(middles + width / 5, after.digits, width=width / 3, color=_TRAINING)
    below.set(xlabel="confidence", ylabel="digits", yscale="log", xlim=(0, 1))
    axes.set(ylabel="share read rightly", ylim=(0, 1), title=title)
    axes.legend(frameon=False)
    for each in (axes, below):
        each.spines[["top", "right"]].set_visible(False)
    return figure


def draw_worst_mistakes(
    images: Images, labels: npt.NDArray[np.uint8], scores: Scores, title: str, most: int = 30
) -> Figure:
    """Draw the mistakes the model was surest of, each with the probabilities of prediction and truth."""
    wrong = np.flatnonzero(scores.labels != labels)
    surest = wrong[np.argsort(-scores.confidences[wrong], kind="stable")][:most]
    rows = max(1, -(-len(surest) // 10))
    figure = Figure(figsize=(10, 1.5 * rows + 0.5), layout="constrained")
    figure.suptitle(f"{title}: {len(wrong)} mistakes" + (f", the {most} surest" if len(wrong) > most else ""))
    for place in figure.subplots(rows, 10, squeeze=False).flat:
        place.axis("off")
    for place, index in zip(figure.axes, surest, strict=False):
        place.imshow(images[index], cmap="gray_r", vmin=0, vmax=255)
        truth, predicted = labels[index], scores.labels[index]
        shares = (f"{digit}: {scores.probabilities[index, digit]:.1%}" for digit in (predicted, truth))
        place.set_title("\n".join([f"{truth} read as {predicted}", *shares]), fontsize=8)
    return figure
