"""Reports of a reproduction: a table and learning curves that show the published results next to ours."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, StrMethodFormatter

from lenet_pipeline.training.figures import INK, style_figure
from lenet_pipeline.training.reproduction.published import TOLERANCE_POINTS
from lenet_pipeline.training.reproduction.rows import (
    TEST_SET,
    TRAINING_SET,
    ComparedRow,
    TrainedRow,
    describe_other_code,
)

# Paul Tol's bright scheme, distinguishable for colour-blind readers.
_COLOURS = ("#4477aa", "#ee6677", "#228833", "#aa3377", "#ccbb44", "#66ccee")
_ERROR_TICKS = (0.5, 1, 2, 3, 5, 10, 20, 30, 50, 100)

_HOW = f"""\
Each row is a network trained on every digit of `{TRAINING_SET}`. After each epoch, its accuracy on
`{TEST_SET}` is measured, as in figure 5 of the 1998 paper. The test digits select nothing: the result is the
accuracy after the last epoch. A row counts as reproduced if its accuracy is at most {TOLERANCE_POINTS} points
below the published one and, where the literature says that it beats another row, if it does so here too.
"""
UNITS = "Accuracies on the test digits in per cent, differences in percentage points."


def describe_in_markdown(rows: Sequence[ComparedRow], is_quick: bool, revision: str) -> str:
    """Return the report of compared rows as Markdown: the table, the epochs, and the provenance.

    ``revision`` is the code revision that writes the report. The report names rows that were trained with
    another revision.
    """
    title = "# Published results, reproduced" + (" (--quick: a fifth of the epochs)" if is_quick else "")
    curves = [row for row in rows if row.published.accuracies_pct]
    parts = [title, _HOW, _table(rows), *map(_epochs_table, curves), _provenance(rows, revision)]
    return "\n".join(part if part.endswith("\n") else part + "\n" for part in parts)


def draw_reproduction(rows: Sequence[TrainedRow]) -> Figure:
    """Draw the test error of every row by epoch, with the published error in the same colour."""
    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots()
    for row, colour in zip(rows, _COLOURS * len(rows), strict=False):
        errors = [max(0.01, 100 - accuracy) for accuracy in row.accuracies_pct]
        epochs = range(1, len(errors) + 1)
        label = f"{row.row}: {row.error_pct:.2f} %"
        axes.plot(epochs, errors, color=colour, marker=".", linewidth=1.6, label=label)
        published = row.published
        if published.accuracies_pct:
            published_errors = [100 - accuracy for accuracy in published.accuracies_pct]
            epochs = range(1, len(published_errors) + 1)
            axes.plot(
                epochs, published_errors, color=colour, marker="o", linestyle=":", markerfacecolor="none"
            )
        elif published.accuracy_pct is not None:
            axes.axhline(100 - published.accuracy_pct, color=colour, linestyle=":", linewidth=1.4)
    axes.plot([], [], color=INK, linestyle=":", label="published")
    axes.set(xlabel="epoch", ylabel=f"error on {TEST_SET} (%)", yscale="log")
    axes.yaxis.set_major_locator(FixedLocator(_ERROR_TICKS))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color=INK, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False)
    return style_figure(figure)


def _table(rows: Sequence[ComparedRow]) -> str:
    lines = [
        "| row | published | ours | difference | reproduced | epochs | minutes | images/s | why it differs |",
        "|---|--:|--:|--:|---|--:|--:|--:|---|",
    ]
    for row in rows:
        trained = row.trained
        lines.append(
            f"| {trained.row} | {published_text(row)} | {trained.accuracy_pct:.2f} | {difference_text(row)} "
            f"| {reproduced_text(row)} | {epochs_text(row)} | {trained.seconds / 60:.1f} "
            f"| {trained.images_per_second:,.0f} | {reason_text(row)} |"
        )
    return "\n".join([*lines, "", UNITS])


def published_text(row: ComparedRow) -> str:
    """Return the published accuracy in per cent, or the one that the row must exceed."""
    published = row.published
    has_own = published.accuracy_pct is not None
    return f"{published.accuracy_pct:.2f}" if has_own else f"> {published.above_pct:.2f}"


def difference_text(row: ComparedRow) -> str:
    """Return the difference in percentage points, or ``-`` if no accuracy was published."""
    difference = row.comparison.difference_points
    return "-" if difference is None else f"{difference:+.2f}"


def reproduced_text(row: ComparedRow) -> str:
    """Return whether a row is reproduced, as yes or no."""
    return "yes" if row.comparison.is_reproduced else "no"


def reason_text(row: ComparedRow) -> str:
    """Return how our accuracy compares with the published one, and how our training differs."""
    return f"{row.comparison.reason}; {row.published.differs}"


def epochs_text(row: ComparedRow) -> str:
    """Return the number of epochs trained and, if it differs, the published number."""
    epochs, published = len(row.trained.accuracies_pct), row.published.epochs
    return str(epochs) if epochs == published else f"{epochs} of {published}"


def _epochs_table(row: ComparedRow) -> str:
    ours = [f"{accuracy:.2f}" for accuracy in row.trained.accuracies_pct]
    published = [f"{accuracy:.2f}" for accuracy in row.published.accuracies_pct]
    ours += ["-"] * (len(published) - len(ours))
    lines = [f"## {row.trained.row}, epoch by epoch", "", "| epoch | published | ours |", "|--:|--:|--:|"]
    pairs = enumerate(zip(published, ours, strict=False), start=1)
    return "\n".join([*lines, *(f"| {epoch} | {theirs} | {our} |" for epoch, (theirs, our) in pairs)])


def _provenance(rows: Sequence[ComparedRow], revision: str) -> str:
    lines = ["## Provenance", ""]
    conditions: dict[str, list[str]] = {}
    for row in rows:
        trained, published = row.trained, row.published
        lines.append(f"- **{trained.row}**: {published.what} ({published.source}).")
        lines.append(f"  Trained here at {trained.trained_at}, MLflow run {trained.training_run_id}.")
        conditions.setdefault(_conditions(trained), []).append(trained.row)
    lines += [f"- Trained {condition}: {', '.join(names)}." for condition, names in conditions.items()]
    lines += [f"- {note[0].upper()}{note[1:]}." for note in describe_other_code(rows, revision)]
    return "\n".join(lines)


def _conditions(row: TrainedRow) -> str:
    """Describe what else a row's accuracy and time depend on: machine, code, seed and data."""
    machine = row.machine
    processor = (
        machine["gpu"] if row.device == "cuda" else f"{machine['processor']}, {machine['cores']} cores"
    )
    return (
        f"on {processor}, torch {machine['torch']}, code {row.code_revision}, with seed {row.seed}, from "
        f"{row.training_digits:,} digits, tested on {row.test_digits:,}, by {row.actor}"
    )
