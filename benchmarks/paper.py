"""Measure how normalisation handles the kinds of paper that `lenet ingest images` meets.

    python -m benchmarks.paper --home H --root DIR
    python -m benchmarks.paper --home H --root DIR --steps

Draw MNIST test digits on each kind of paper, 12 to 100 pixels high, and read
them like image files. The home H holds a model: ``--model`` or the champion.
A row per kind: rejected crops, crops with the wrong polarity, the mean
correlation with the same digit on clean paper, and the model's accuracy. With
``--steps``, print the accuracy alone: with all steps of normalisation, without
each of them, and without all of them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from time import process_time

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.machine import describe_machine
from benchmarks.paper_crops import KINDS, PLAIN_KINDS, Sheet, enlarge, scan
from benchmarks.paper_steps import STEPS, without_steps
from lenet_pipeline.ingest import read_mnist
from lenet_pipeline.ingest.images import decode_image
from lenet_pipeline.ingest.normalisation import normalise_digit
from lenet_pipeline.lake import images_array
from lenet_pipeline.registry import read_version, resolve_version
from lenet_pipeline.schema import BRIGHT_ON_DARK, DARK_ON_BRIGHT, Images
from lenet_pipeline.scoring import Engine
from lenet_pipeline.settings import read_settings

_INVERTED_SHARE = 0.25  # of the crops on plain paper are negatives: bright ink on dark paper
_SMALLEST_PX, _LARGEST_PX = 20, 100  # heights of the digits, equally likely on a log scale
_MAX_PIXELS = 10_000_000


@dataclass(frozen=True)
class Row:
    """The results of one kind of paper; the last four are shares, 0 to 1, or a correlation."""

    kind: str
    crops: int
    rejected: float
    wrong_polarity: float
    correlation: float
    accuracy: float
    ms: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    options = _parse(arguments)
    registry = read_settings(options.home).registry
    version = resolve_version(registry, options.model)
    engine = Engine(read_version(registry, version).model)
    digits = read_mnist(options.root)["test"].slice(0, options.digits)
    images, labels = images_array(digits), digits["label"].to_numpy()
    kinds = options.kinds or list(KINDS)
    if options.steps:
        measured = measure_steps(kinds, images, labels, engine, options.seed)
        print("\n".join(steps_table(measured)))  # noqa: T201 - a benchmark prints its figures
        return
    rows = [measure_kind(kind, images, labels, engine, options.seed) for kind in kinds]
    print("\n".join(table(rows)))  # noqa: T201 - a benchmark prints its figures
    if options.output:
        record = {
            "machine": describe_machine(),
            "model": version.reference,
            "rows": [asdict(r) for r in rows],
        }
        options.output.write_text(json.dumps(record, indent=1) + "\n")


def measure_steps(
    kinds: Sequence[str], images: Images, labels: npt.NDArray[np.uint8], engine: Engine, seed: int
) -> dict[str, dict[str, float]]:
    """Return the accuracy, 0 to 1, on each kind of paper with all steps, without each, and without all."""
    settings = {"all": (), **{step: (step,) for step in STEPS}, "none": tuple(STEPS)}
    measured: dict[str, dict[str, float]] = {}
    for kind in kinds:
        measured[kind] = {}
        for name, left_out in settings.items():
            with without_steps(left_out):
                measured[kind][name] = measure_kind(kind, images, labels, engine, seed).accuracy
    return measured


def steps_table(measured: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return accuracies by kind of paper and steps as lines of at most 80 columns."""
    names = next(iter(measured.values()))
    lines = [f"{'kind, without':<16}" + "".join(f"{name:>8}" for name in names)]
    for kind, accuracies in measured.items():
        lines.append(f"{kind[:16]:<16}" + "".join(f"{accuracy:>8.1%}" for accuracy in accuracies.values()))
    return lines


def measure_kind(kind: str, images: Images, labels: npt.NDArray[np.uint8], engine: Engine, seed: int) -> Row:
    """Normalise and read each digit on one kind of paper."""
    found = np.zeros_like(images)
    rejected = np.zeros(len(images), bool)
    wrong = np.zeros(len(images), bool)
    correlations, seconds = [], 0.0
    for index, image in enumerate(images):
        picture, expected, inverted = draw_crop(kind, image, np.random.default_rng([seed, index]))
        content = BytesIO()
        Image.fromarray(picture).save(content, "PNG")
        grey = decode_image(content.getvalue(), suffix=".png", max_pixels=_MAX_PIXELS)
        started = process_time()
        digit = normalise_digit(grey)
        seconds += process_time() - started
        if digit is None:
            rejected[index] = True
            continue
        found[index] = digit.image
        wrong[index] = digit.polarity != (BRIGHT_ON_DARK if inverted else DARK_ON_BRIGHT)
        correlations.append(correlation(digit.image, expected))
    right = (engine.score(found).labels == labels) & ~rejected
    return Row(
        kind,
        len(images),
        float(rejected.mean()),
        float(wrong.mean()),
        float(np.mean(correlations)),
        float(right.mean()),
        1000 * seconds / len(images),
    )


def draw_crop(
    kind: str, image: Images, rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], Images, bool]:
    """Draw one digit on a kind of paper.

    Returns:
        The crop, uint8 (height, width, 3); the digit normalised from clean paper, uint8 (28, 28); and
        whether the crop is a negative.
    """
    height = round(np.exp(rng.uniform(np.log(_SMALLEST_PX), np.log(_LARGEST_PX))))
    ink = enlarge(image, height)
    inverted = rng.uniform() < _INVERTED_SHARE and kind in PLAIN_KINDS
    sheet = KINDS[kind](ink, rng)
    picture = scan(sheet, rng)
    reference = KINDS[kind if kind.endswith("pen") else "clean paper"](ink, rng)
    clean = Sheet(reference.ink, np.ones((*reference.ink.shape, 3), np.float32), blur_px=0)
    expected = normalise_digit(scan(clean, rng, grain=0)[..., 0])
    if expected is None:
        raise ValueError(f"the digit drawn on {kind} has no ink")
    return 255 - picture if inverted else picture, expected.image, inverted


def correlation(found: Images, expected: Images) -> float:
    """Return the correlation of two images, the best of the shifts by one pixel."""
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return max(
        float(np.corrcoef(np.roll(found, shift, axis=(0, 1)).ravel(), expected.ravel())[0, 1])
        for shift in shifts
    )


def table(rows: Sequence[Row]) -> list[str]:
    """Return the table as lines of at most 80 columns."""
    return [
        f"{'kind':<21}{'crops':>7}{'rejected':>10}{'polarity':>10}{'correlation':>13}{'right':>9}{'ms':>8}",
        *(
            f"{row.kind:<21}{row.crops:>7,}{row.rejected:>10.2%}{row.wrong_polarity:>10.2%}"
            f"{row.correlation:>13.3f}{row.accuracy:>9.1%}{row.ms:>8.2f}"
            for row in rows
        ),
    ]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True, help="folder of MNIST's files")
    parser.add_argument("--model", default="champion")
    parser.add_argument("--digits", type=int, default=500, help="test digits per kind")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), help="kinds of paper (default: all)")
    parser.add_argument("--steps", action="store_true", help="turn off the steps of normalisation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="JSON file to write")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
