"""Figures of training runs, evaluations and policies.

Figures have a transparent background and mid-tone text and lines, so they read well on light and dark pages.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, same_color
from matplotlib.figure import Figure, SubFigure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, MaxNLocator

from lenet_pipeline.schema import Images
from lenet_pipeline.scoring import Scores
from lenet_pipeline.training.calibration import Reliability
from lenet_pipeline.training.loop import Epoch

INK = "#767676"  # text and lines: contrast of 4 or more, both on white and on a nearly black page
_TRAINING, _VALIDATION = "#4477aa", "#cc6677"  # distinguishable for colour-blind readers
_ERRORS = LinearSegmentedColormap.from_list(
    "errors", ["#948080", "#b3202c"]
)  # white text is readable on both


def style_figure(figure: Figure) -> Figure:
    """Make a finished figure readable on light and dark pages, and return it.

    The background becomes transparent, and black text and lines become grey. Other colours stay.
    """
    parts: list[Figure | SubFigure] = [figure, *figure.findobj(SubFigure)]
    for part in parts:
        part.patch.set_alpha(0)
    for axes in figure.findobj(Axes):
        if same_color(axes.get_facecolor(), "white"):
            axes.patch.set_alpha(0)
        axes.tick_params(which="both", colors=INK)
        for spine in axes.spines.values():
            if same_color(spine.get_edgecolor(), "black"):
                spine.set_edgecolor(INK)
    for text in figure.findobj(Text):
        if same_color(text.get_color(), "black"):
            text.set_color(INK)
    return figure


def draw_learning_curves(epochs: Sequence[Epoch]) -> Figure:
    """Draw the loss by epoch and, if there were validation digits, the validation error."""
    numbers = [epoch.number for epoch in epochs]
    errors = [
        100 * (1 - epoch.validation_accuracy) for epoch in epochs if epoch.validation_accuracy is not None
    ]
    figure = Figure(figsize=(9 if errors else 5, 3.5), layout="constrained")
    loss, *rest = figure.subplots(1, 2 if errors else 1, squeeze=False)[0]
    loss.plot(numbers, [epoch.training_loss for epoch in epochs], color=_TRAINING, label="training")
    loss.set(xlabel="epoch", ylabel="loss (nats)", yscale="log")
    if errors:
        validation_losses = [epoch.validation_loss for epoch in epochs]
        loss.plot(numbers, validation_losses, color=_VALIDATION, label="validation")
        rest[0].plot(numbers, errors, color=_VALIDATION, marker=".")
        rest[0].set(xlabel="epoch", ylabel="validation error (%)", ylim=(0, None))
    loss.legend(frameon=False)
    for axes in (loss, *rest):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
    return style_figure(figure)


def draw_confusion(confusion: npt.NDArray[np.int64], title: str) -> Figure:
    """Draw a confusion matrix, int64 (10, 10), true class by predicted class; only errors are coloured."""
    figure = Figure(figsize=(5.2, 5.2), layout="constrained")
    axes = figure.subplots()
    errors = confusion * ~np.eye(10, dtype=bool)
    axes.imshow(np.ma.masked_equal(errors, 0), cmap=_ERRORS, vmin=1, vmax=max(2, errors.max()))
    for truth, row in enumerate(confusion):
        for predicted, count in enumerate(row):
            if count:
                color = "white" if errors[truth, predicted] else INK
                axes.text(predicted, truth, str(count), ha="center", va="center", fontsize=8, color=color)
    axes.set(
        xlabel="predicted class",
        ylabel="true class",
        title=f"{title}: confusion matrix",
        xticks=range(10),
        yticks=range(10),
    )
    return style_figure(figure)


def draw_risk_coverage(
    coverages: npt.NDArray[np.float64],
    risks: npt.NDArray[np.float64],
    max_error: float | None,
    accepted: float | None,
    title: str,
) -> Figure:
    """Draw the risk-coverage curve: the error of the most confident readings, by their share.

    The error axis is logarithmic, so the curve starts at the first error. Without any error, the axis is
    linear and the curve is flat.

    Args:
        coverages: The shares of readings that would be accepted, ascending, float64 (n,), 0 to 1.
        risks: The share of errors among them, float64 (n,), 0 to 1.
        max_error: The largest error that the policy allows, 0 to 1, if there is a policy.
        accepted: The share of readings that the policy accepts, 0 to 1, if it accepts any.
        title: The figure's title.
    """
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    is_drawn = risks > 0 if (risks > 0).any() else np.ones(len(risks), bool)
    first = float(coverages[is_drawn].min(initial=1.0))
    axes.plot(100 * coverages[is_drawn], 100 * risks[is_drawn], color=_TRAINING, label="error")
    if max_error is not None:
        axes.axhline(100 * max_error, color=_VALIDATION, linestyle="--", label="largest error allowed")
    if accepted is not None:
        axes.axvspan(100 * first, 100 * accepted, color=_TRAINING, alpha=0.2, linewidth=0, label="accepted")
    axes.set(
        xlabel="coverage: most confident readings (%)",
        ylabel="error (%)",
        xlim=(100 * min(first, 0.99), 100),
        title=title,
    )
    if (risks > 0).any():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(_format_log_tick))
        axes.yaxis.set_minor_formatter(FuncFormatter(_format_log_tick))
    else:
        axes.set_ylim(0, 200 * max_error if max_error else 1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return style_figure(figure)


def _format_log_tick(value: float, _position: int | None = None) -> str:
    """Label 1, 2 and 5 times each power of ten."""
    return f"{value:g}" if f"{value:e}"[0] in "125" else ""


def draw_reliability(before: Reliability, after: Reliability, title: str) -> Figure:
    """Draw accuracy by confidence before and after calibration, above the number of digits in each bin."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8)
    width = 1 / len(after.digits)
    for found, color, name in ((before, _VALIDATION, "before"), (after, _TRAINING, "after")):
        filled = found.digits > 0
        label = f"{name} calibration: expected calibration error {found.expected_error:.4f}"
        axes.plot(found.confidence[filled], found.accuracy[filled], "o-", color=color, label=label)
    middles = (np.arange(len(after.digits)) + 0.5) * width
    below.bar(middles - width / 5, before.digits, width=width / 3, color=_VALIDATION)
    below.bar(middles + width / 5, after.digits, width=width / 3, color=_TRAINING)
    below.set(xlabel="confidence", ylabel="digits", yscale="log", xlim=(0, 1))
    axes.set(ylabel="accuracy", ylim=(0, 1), title=title)
    figure.legend(loc="outside lower center", frameon=False)
    for each in (axes, below):
        each.spines[["top", "right"]].set_visible(False)
    return style_figure(figure)


def draw_worst_mistakes(
    images: Images, labels: npt.NDArray[np.uint8], scores: Scores, title: str, most: int = 30
) -> Figure:
    """Draw the most confident mistakes, each with the probabilities of the predicted and the true class.

    Args:
        images: The digits, uint8 (n, 28, 28).
        labels: Their true classes, uint8 (n,).
        scores: What the model predicted for them.
        title: The start of the figure's title, such as the dataset's name.
        most: The largest number of mistakes to draw.
    """
    wrong = np.flatnonzero(scores.labels != labels)
    chosen = wrong[np.argsort(-scores.confidences[wrong], kind="stable")][:most]
    rows = max(1, -(-len(chosen) // 10))
    figure = Figure(figsize=(10, 1.5 * rows + 0.5), layout="constrained")
    mistakes = f"{len(wrong)} mistake{'' if len(wrong) == 1 else 's'}"
    subset = f", the {most} most confident" if len(wrong) > most else ""
    figure.suptitle(f"{title}: {mistakes}{subset}")
    for place in figure.subplots(rows, 10, squeeze=False).flat:
        place.axis("off")
    for place, index in zip(figure.axes, chosen, strict=False):
        place.imshow(images[index], cmap="gray_r", vmin=0, vmax=255)
        truth, predicted = labels[index], scores.labels[index]
        shares = (f"{digit}: {scores.probabilities[index, digit]:.1%}" for digit in (predicted, truth))
        place.set_title("\n".join([f"{truth} read as {predicted}", *shares]), fontsize=8)
    return style_figure(figure)
