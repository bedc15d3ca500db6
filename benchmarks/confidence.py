"""Measure calibration, the detection of non-digits, and a policy's guarantee, also on other paper.

    python -m benchmarks.confidence calibration --home H mnist/test printed/test
    python -m benchmarks.confidence intruders --home H mnist/test
    python -m benchmarks.confidence guarantee --home H mnist/test
    python -m benchmarks.confidence change --home H --evidence mnist/test hwd1000/all printed/test

The home H holds the datasets, which must be labelled and not used for
training, and a model: ``--model`` or the champion.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from benchmarks.confidence_change import change_table, measure_change
from benchmarks.machine import describe_machine
from lenet_pipeline.audit.guarantee import find_threshold
from lenet_pipeline.ingest.printed.non_digits import INTRUDERS, draw_intruders
from lenet_pipeline.lake import read_manifest
from lenet_pipeline.registry import read_version, resolve_version
from lenet_pipeline.scoring import Engine
from lenet_pipeline.settings import Settings, read_settings
from lenet_pipeline.training import (
    LabelledDigits,
    measure_reliability,
    read_labelled,
    uncalibrated_confidences,
)

_REFUSED_FROM = 0.5  # the default of a policy for not_a_digit
_TARGETS = (0.005, 0.002, 0.001)
_CERTAINTY = 0.95


@dataclass(frozen=True)
class Calibration:
    """A dataset's accuracy, and its expected calibration error (15 bins) before and after calibration."""

    dataset: str
    digits: int
    accuracy: float
    before: float
    after: float


@dataclass(frozen=True)
class Intruder:
    """How well one kind of non-digit is detected; ``refused`` is the share refused at a policy's default."""

    kind: str
    auroc: float
    refused: float


@dataclass(frozen=True)
class Simulation:
    """Policies fitted to many samples of one pool, each measured on the whole pool.

    Attributes:
        target: the largest error rate that the policies allow, 0 to 1.
        labelled: digits per sample.
        draws: samples.
        missed: samples whose policy accepts digits with an error rate above the target.
        without: samples for which no threshold meets the target.
        coverage: median share of the pool that a policy accepts, 0 to 1.
    """

    target: float
    labelled: int
    draws: int
    missed: int
    without: int
    coverage: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one measurement and print its table."""
    options = _parse(arguments)
    settings = read_settings(options.home)
    registry = settings.registry
    version = resolve_version(registry, options.model)
    engine = Engine(read_version(registry, version).model)
    head = f"{version.reference} ({version.architecture}, trained on {', '.join(version.datasets)})"
    if options.what == "calibration":
        rows: Sequence[object] = [measure_calibration(engine, settings, each) for each in options.datasets]
        lines = calibration_table(rows)
    elif options.what == "intruders":
        digits = _read(settings, options.datasets[0])
        refused, rows = measure_intruders(engine, digits, options.count)
        lines = [f"{refused:.3%} of {len(digits):,} digits refused", *intruder_table(rows)]
    elif options.what == "change":
        rows = measure_change(
            engine,
            settings,
            version.reference,
            options.evidence or [],
            options.datasets,
            options.targets,
            options.draws,
            is_changed=options.changed,
        )
        lines = change_table(rows)
    else:
        pool = [_read(settings, each) for each in options.datasets]
        rows = [
            simulate(engine, pool, target, labelled, options.draws)
            for labelled in options.labelled
            for target in _TARGETS
        ]
        lines = simulation_table(rows)
    print("\n".join([head, "", *lines]))  # noqa: T201 - a benchmark prints its figures
    if options.output:
        record = {
            "machine": describe_machine(),
            "model": version.reference,
            options.what: [asdict(row) for row in rows],
        }
        options.output.write_text(json.dumps(record, indent=1) + "\n")


def measure_calibration(engine: Engine, settings: Settings, dataset: str) -> Calibration:
    """Score a dataset and compare its confidences with its accuracy."""
    digits = _read(settings, dataset)
    scores = engine.score(digits.images)
    is_right = scores.labels == digits.labels
    before = measure_reliability(uncalibrated_confidences(engine.raw_scores(digits.images)), is_right)
    after = measure_reliability(scores.confidences, is_right)
    return Calibration(
        dataset, len(digits), float(is_right.mean()), before.expected_error, after.expected_error
    )


def measure_intruders(engine: Engine, digits: LabelledDigits, count: int) -> tuple[float, list[Intruder]]:
    """Return the share of digits that is refused, and the detection of each kind of non-digit."""
    of_digits = _not_a_digit(engine, digits.images)
    rows = []
    for kind in INTRUDERS:
        found = _not_a_digit(engine, draw_intruders(kind, count, digits.images))
        truth = np.concatenate([np.zeros(len(of_digits)), np.ones(len(found))])
        auroc = float(roc_auc_score(truth, np.concatenate([of_digits, found])))
        rows.append(Intruder(kind, auroc, float((found >= _REFUSED_FROM).mean())))
    return float((of_digits >= _REFUSED_FROM).mean()), rows


def simulate(
    engine: Engine, pool: Sequence[LabelledDigits], target: float, labelled: int, draws: int
) -> Simulation:
    """Fit a policy to each of many samples of a pool, and measure its error rate on the whole pool."""
    confidences, is_right = _readings(engine, pool)
    rng = np.random.default_rng(0)
    missed = without = 0
    coverages = []
    for _ in range(draws):
        chosen = rng.integers(0, len(confidences), labelled)
        found = find_threshold(confidences[chosen], is_right[chosen], target, _CERTAINTY)
        accepted = (
            np.zeros(len(confidences), bool)
            if found.threshold is None
            else confidences >= np.float32(found.threshold)
        )
        without += found.threshold is None
        missed += bool(accepted.any()) and float((~is_right[accepted]).mean()) > target
        coverages.append(accepted.mean())
    return Simulation(target, labelled, draws, missed, without, float(np.median(coverages)))


def calibration_table(rows: Sequence[Calibration]) -> list[str]:
    """Return the table as lines of at most 80 columns."""
    return [
        f"{'dataset':<28}{'digits':>9}{'right':>10}{'ECE before':>13}{'ECE after':>12}",
        *(
            f"{row.dataset:<28}{row.digits:>9,}{row.accuracy:>10.2%}{row.before:>13.4f}{row.after:>12.4f}"
            for row in rows
        ),
    ]


def intruder_table(rows: Sequence[Intruder]) -> list[str]:
    """Return the table as lines of at most 80 columns."""
    return [
        f"{'intruder':<16}{'AUROC':>10}{'refused':>12}",
        *(f"{row.kind:<16}{row.auroc:>10.4f}{row.refused:>12.2%}" for row in rows),
    ]


def simulation_table(rows: Sequence[Simulation]) -> list[str]:
    """Return the table as lines of at most 80 columns."""
    return [
        f"{'target':<10}{'labelled':>10}{'draws':>8}{'over target':>14}{'no policy':>12}{'coverage':>12}",
        *(
            f"{row.target:<10.2%}{row.labelled:>10,}{row.draws:>8,}{row.missed:>14,}{row.without:>12,}"
            f"{row.coverage:>12.2%}"
            for row in rows
        ),
    ]


def _readings(
    engine: Engine, pool: Sequence[LabelledDigits]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return the confidence of each digit of a pool, and whether its label is right."""
    scores = [engine.score(digits.images) for digits in pool]
    confidences = np.concatenate([each.confidences for each in scores])
    labels = np.concatenate([digits.labels for digits in pool])
    return confidences, np.concatenate([each.labels for each in scores]) == labels


def _not_a_digit(engine: Engine, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    found = engine.score(images).not_a_digit
    if found is None:
        raise SystemExit("this version does not detect non-digits; train one with the recipe modern")
    return found


def _read(settings: Settings, dataset: str) -> LabelledDigits:
    return read_labelled(settings.lake, [read_manifest(settings.lake, dataset)])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["calibration", "intruders", "guarantee", "change"])
    parser.add_argument("datasets", nargs="+", metavar="DATASET")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--model", default="champion")
    parser.add_argument(
        "--evidence",
        action="append",
        help="dataset that policies rest on; repeatable (default: the gate split)",
    )
    parser.add_argument("--targets", type=float, nargs="+", default=_TARGETS, help="of the policies")
    parser.add_argument("--changed", action="store_true", help="also blurred, turned, ... versions")
    parser.add_argument("--count", type=int, default=2_000, help="non-digits of each kind")
    parser.add_argument("--draws", type=int, default=1_000, help="samples per target")
    parser.add_argument("--labelled", type=int, nargs="+", default=[3_000, 10_000], help="digits per sample")
    parser.add_argument("--output", type=Path, help="JSON file to write")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
