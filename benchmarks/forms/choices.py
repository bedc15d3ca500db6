"""Measure the reading of boxes and bubbles on generated questionnaires.

    python -m benchmarks.forms.choices --home DIR [--pages 100] [--seed 7]

The home holds MNIST's test digits, which fill the cells of the questionnaire. The
writers have more bad habits than usual: of each hundred marks five are faint, and
of each hundred choices five have an erased mark, five a blackened box, and eight a
stray stroke. Thresholds were chosen with seed 101; report another one.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.forms.pages import limit_threads, read_test_digits
from benchmarks.forms.questionnaire import write_questionnaire
from lenet_pipeline.forms import (
    SEVERITIES,
    Habits,
    MarkHabits,
    Page,
    Template,
    Unaligned,
    align_page,
    fill_pages,
    prepare_template,
    read_choices,
    read_template,
)

NAMES = ("none", "light", "medium", "heavy")
EVENTS = ("faint", "erased", "blackened", "stray")
HABITS = Habits(
    marks=MarkHabits(faint_rate=0.05, erased_rate=0.05, blackened_rate=0.05, stray_rate=0.08, slip_rate=0.0)
)


@dataclass
class Figures:
    """Counts over the pages of one severity.

    Attributes:
        pages: the number of pages, and of the pages that were read.
        options: plain boxes by outcome: ``right``, ``doubt`` or ``silent`` (wrong without a doubt).
        events: the same for boxes with faint, erased, blackened or stray ink, by event and outcome.
        choices: the choices of all pages by outcome.
        confidences: the confidence of every certain option, and whether it is right.
    """

    pages: Counter[str] = field(default_factory=Counter)
    options: Counter[str] = field(default_factory=Counter)
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    choices: Counter[str] = field(default_factory=Counter)
    confidences: list[tuple[float, bool]] = field(default_factory=list)


def measure_choices(template: Template, home: Path, pages: int, seed: int) -> Iterator[tuple[str, Figures]]:
    """Yield the name of each severity with its figures."""
    digits = read_test_digits(home, "mnist/test")
    prepared = prepare_template(template)
    for name in NAMES:
        figures = Figures()
        filled = fill_pages(
            template, digits, numbers=range(pages), seed=seed, severity=SEVERITIES[name], habits=HABITS
        )
        for page in filled:
            found = align_page(Page(1, page.image, page.dpi, ""), [prepared])
            figures.pages["all"] += 1
            if isinstance(found, Unaligned):
                continue
            figures.pages["read"] += 1
            readings = read_choices(found.image, prepared.reference, template, found.to_scan, found.warp)
            for reading in readings:
                is_right = (reading.value_read or "") == page.choices[reading.choice.name]
                figures.choices[_outcome(is_right, reading.is_doubtful)] += 1
            options = [each for reading in readings for each in reading.options]
            for written, read in zip(page.options, options, strict=True):
                is_right = read.verdict.is_marked == written.is_marked
                is_doubtful = read.verdict.state == "doubtful"
                outcome = _outcome(is_right, is_doubtful)
                if written.event is None:
                    figures.options[outcome] += 1
                else:
                    figures.events[written.event, outcome] += 1
                if not is_doubtful:
                    figures.confidences.append((read.verdict.confidence, is_right))
        yield name, figures


def _outcome(is_right: bool, is_doubtful: bool) -> str:
    if is_doubtful:
        return "doubt"
    return "right" if is_right else "silent"


def table_row(name: str, figures: Figures) -> str:
    """Return a row of the table: the options, the choices, and the outcomes of each event."""
    plain, choices = figures.options, figures.choices
    events = [
        " / ".join(str(figures.events[event, outcome]) for outcome in ("right", "doubt", "silent"))
        for event in EVENTS
    ]
    cells = [
        name,
        f"{figures.pages['read']} of {figures.pages['all']}",
        f"{plain.total():,}",
        f"{100 * plain['right'] / max(plain.total(), 1):.2f} %",
        str(plain["doubt"]),
        str(plain["silent"]),
        f"{100 * choices['right'] / max(choices.total(), 1):.1f} %",
        f"{100 * choices['doubt'] / max(choices.total(), 1):.1f} %",
        str(choices["silent"]),
        *events,
    ]
    return f"| {' | '.join(cells)} |"


def calibration_lines(figures: list[Figures]) -> Iterator[str]:
    """Yield the share of right options by their confidence, over all severities."""
    found = [each for one in figures for each in one.confidences]
    for low, high in ((0, 0.9), (0.9, 0.97), (0.97, 0.99), (0.99, 0.999), (0.999, 1.1)):
        chosen = [each for each in found if low <= each[0] < high]
        if chosen:
            said = sum(confidence for confidence, _ in chosen) / len(chosen)
            right = sum(is_right for _, is_right in chosen) / len(chosen)
            yield f"confidence from {low:g}: {len(chosen):,} options, said {said:.4f}, right {right:.4f}"


def main() -> None:
    """Print a table with a row for each severity, and the calibration of the confidences."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, required=True, help="home with mnist/test")
    parser.add_argument("--pages", type=int, default=100, help="pages of each severity")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    limit_threads()
    show(
        "| scans | pages read | plain boxes | right | doubts | silent | choices right | in doubt | silent "
        "| faint: right / doubt / silent | erased | blackened | stray |"
    )
    show("|" + "---|" * 13)
    with tempfile.TemporaryDirectory() as folder:
        template = read_template(write_questionnaire(Path(folder)))
        every = []
        for name, figures in measure_choices(template, arguments.home, arguments.pages, arguments.seed):
            every.append(figures)
            show(table_row(name, figures))
    for line in calibration_lines(every):
        show(line)


def show(line: str) -> None:
    """Print a line without buffering."""
    print(line, flush=True)  # noqa: T201 - a benchmark prints its figures


if __name__ == "__main__":
    main()
