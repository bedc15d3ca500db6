"""Measure how unused cells with marks of several hands are read, and how many digits are taken for marks.

    python -m benchmarks.forms.unused_marks --data DIR --output marks.json

DIR holds ``mnist/MNIST/raw`` and ``hwd1000``. Half of the cells of a page hold
digits, each digit of MNIST's test set and of the other set at least once in the
default number of pages, and the other half marks of one hand. The packaged
model scores them. A mark is found if the cell counts as a mark, a doubt if its
field waits for a person, and silent otherwise.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.forms.hands import HANDS, KINDS
from benchmarks.forms.marked_pages import MarkedCell, read_marked_page
from benchmarks.forms.pages import limit_threads
from benchmarks.forms.sheets import cells_form
from lenet_pipeline.forms import SEVERITIES, CellState, LabelledImages, prepare_template
from lenet_pipeline.forms.values.marked_cells import doubt_marks, settle_marks
from lenet_pipeline.ingest import read_idx_digits
from lenet_pipeline.lake import images_array
from lenet_pipeline.registry import read_packaged_model
from lenet_pipeline.schema import Images
from lenet_pipeline.scoring import Engine
from lenet_pipeline.system import describe_machine

PAGES = 86
CELLS = 256
REFUSED_FROM = 0.5  # not_a_digit: from here on, the field waits for a person, without a policy


@dataclass(frozen=True)
class Outcome:
    """How one cell was read: ``found``, ``doubt``, ``silent``, or ``blank``."""

    cell: MarkedCell
    outcome: str


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill, read and score pages, and print a table by kind and hand."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--output", type=Path, default=Path("marks.json"))
    options = parser.parse_args(arguments)
    limit_threads()
    torch.set_num_threads(1)
    outcomes = list(measure_marks(read_digits(options.data), options.pages, options.seed))
    figures = count_outcomes(outcomes)
    print("\n".join(format_table(figures)))  # noqa: T201 - a benchmark prints its figures
    content = {"machine": describe_machine(), "seed": options.seed, "pages": options.pages, **figures}
    options.output.write_text(json.dumps(content, indent=1) + "\n")


def read_digits(data: Path) -> LabelledImages:
    """Read MNIST's test digits, and the digits of another set, as bright ink on dark."""
    raw = data / "mnist" / "MNIST" / "raw"
    table = read_idx_digits(raw / "t10k-images-idx3-ubyte.gz", raw / "t10k-labels-idx1-ubyte.gz")
    images, labels = [images_array(table)], [np.array(table["label"].to_pylist(), np.uint8)]
    folder = data / "hwd1000"
    others = list(_read_folder(folder))
    images.append(np.stack([image for image, _ in others]))
    labels.append(np.array([label for _, label in others], np.uint8))
    return LabelledImages(np.concatenate(images), np.concatenate(labels))


def measure_marks(digits: LabelledImages, pages: int, seed: int) -> Iterator[Outcome]:
    """Yield how every cell of some pages was read."""
    engine = Engine(read_packaged_model().model)
    order = np.random.default_rng(seed).permutation(len(digits.labels))
    with tempfile.TemporaryDirectory() as folder:
        prepared = prepare_template(cells_form(Path(folder), CELLS))
        for page in range(pages):
            chosen = np.take(order, range(page * CELLS // 2, (page + 1) * CELLS // 2), mode="wrap")
            hand = list(HANDS)[page % len(HANDS)]
            severity = SEVERITIES[("light", "medium")[page % 2]]
            rng = np.random.default_rng([seed, page])
            cells = read_marked_page(prepared, digits, chosen.tolist(), hand, severity, rng)
            yield from _judge(list(cells), engine)


def _judge(cells: Sequence[MarkedCell], engine: Engine) -> Iterator[Outcome]:
    inked = [cell for cell in cells if cell.reading.image is not None]
    if not inked:  # the page was rejected
        return
    scores = engine.score(np.stack([cell.reading.image for cell in inked]))  # type: ignore[misc]
    refused = scores.not_a_digit
    if refused is None:
        raise ValueError("the packaged model has no score for not being a digit")
    yield from (Outcome(cell, "blank") for cell in cells if cell.reading.image is None)
    for index, cell in enumerate(inked):
        shape = cell.reading.possible_mark
        state = CellState(
            0,
            cell.reading.state,
            scores.probabilities[index].astype(np.float64),
            float(refused[index]),
            cell.reading.mark,
            None if shape is None else shape.mark,
            shape is not None and shape.is_likely,
        )
        (settled,) = settle_marks([state])
        is_doubtful = bool(doubt_marks([settled])) or float(refused[index]) >= REFUSED_FROM
        yield Outcome(cell, "found" if settled.state == "mark" else "doubt" if is_doubtful else "silent")


def count_outcomes(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Count the outcomes of digits, and of marks by kind and by kind and hand."""
    digits = Counter(each.outcome for each in outcomes if each.cell.written.label is not None)
    marks = {
        kind: {
            hand: Counter(
                each.outcome
                for each in outcomes
                if (each.cell.written.kind, each.cell.written.hand) == (kind, hand)
            )
            for hand in HANDS
        }
        for kind in KINDS
    }
    return {"digits": digits, "marks": marks}


def format_table(figures: dict[str, Any]) -> list[str]:
    """Format the figures as lines: digits, then each kind with its hands, in per cent."""
    digits = figures["digits"]
    lines = [
        f"{digits.total():,} digits: {digits['found']} taken for marks, {digits['doubt']} in doubt, "
        f"{digits['blank']} blank",
        f"{'kind':<8}{'hand':<10}{'marks':>7}{'found':>8}{'doubt':>8}{'silent':>8}{'blank':>8}",
    ]
    for kind, hands in figures["marks"].items():
        for hand, counts in [("all", sum(hands.values(), Counter())), *hands.items()]:
            shares = "".join(
                f"{100 * counts[name] / max(1, counts.total()):8.1f}"
                for name in ("found", "doubt", "silent", "blank")
            )
            lines.append(f"{kind:<8}{hand:<10}{counts.total():>7}{shares}")
    return lines


def _read_folder(folder: Path) -> Iterator[tuple[Images, int]]:
    """Yield the drawn digits of a folder with their labels; they are black on white."""
    for line in (folder / "dataset.csv").read_text(encoding="utf-8").splitlines()[1:]:
        name, label = line.split(",")
        yield 255 - np.asarray(Image.open(folder / name).convert("L")), int(label)


if __name__ == "__main__":
    main()
