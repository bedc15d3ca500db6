"""Measure model versions on hands, pens and paper that they have not learned from.

    python -m benchmarks.unseen --home H --models 1 2 mnist/test unipen/test
    python -m benchmarks.unseen --home H unipen/test --by-contributor

The home H holds the datasets, which must be labelled, and the model versions:
``--models``, or the champion. With ``--by-contributor``, each folder of a
dataset's sources is measured on its own. With ``--forms``, the digits of real
answer sheets and an exam booklet are read as well. The last lines are the speed
of each model on copies of the first test set.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lenet_pipeline.lake import images_array, read_manifest, read_shard
from lenet_pipeline.schema import Floats, Images, Labels
from lenet_pipeline.scoring import Engine
from lenet_pipeline.system import describe_machine
from lenet_pipeline.training import measure_reliability

CONFIDENT = 0.9
_TIMED_IMAGES = 500_000
_ROUNDS = 3


@dataclass(frozen=True)
class Readings:
    """How well a test set was read. All but ``digits`` are shares, 0 to 1.

    Attributes:
        test: The name of the test set, or of a part of it.
        digits: The number of digits.
        accuracy: The share of digits that were read correctly.
        calibration_error: The expected calibration error in 15 bins.
        confident: The share of digits with confidence ``CONFIDENT`` or more.
        wrong: The share of wrong digits among the confident ones.
    """

    test: str
    digits: int
    accuracy: float
    calibration_error: float
    confident: float
    wrong: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each model version on each test set, and print the table."""
    options = _parse(arguments)
    from lenet_pipeline.registry import read_version, resolve_version
    from lenet_pipeline.settings import read_settings

    settings = read_settings(options.home)
    lines, record = [f"{'model':12}{describe(None)}"], []
    parts = list(_parts(settings.lake, options.datasets, options.by_contributor))
    if options.forms:
        from benchmarks.real_forms import read_cells

        parts.append(("real forms", *read_cells(options.forms)))
    engines = {}
    for name in options.models:
        version = resolve_version(settings.registry, name)
        engine = engines[version.reference] = Engine(read_version(settings.registry, version).model)
        for test, images, labels in parts:
            found = measure(test, engine.score(images).probabilities, labels)
            lines.append(f"{version.reference:12}{describe([found])}")
            record.append({"model": version.reference, **asdict(found)})
    rates = _measure_rates(engines, parts[0][1])
    lines += [f"{reference:12}{rate:,.0f} images a second" for reference, rate in rates.items()]
    print("\n".join(lines))  # noqa: T201 - a benchmark prints its figures
    if options.output:
        content = {"machine": describe_machine(), "readings": record, "images_per_second": rates}
        options.output.write_text(json.dumps(content, indent=1) + "\n")


def _measure_rates(engines: Mapping[str, Engine], images: Images) -> dict[str, float]:
    """Return the images per second of each engine, the best of several rounds that take turns."""
    many = np.resize(images, (_TIMED_IMAGES, *images.shape[1:]))
    best = dict.fromkeys(engines, 0.0)
    for _ in range(_ROUNDS):
        for reference, engine in engines.items():
            started = time.perf_counter()
            engine.score(many)
            best[reference] = max(best[reference], len(many) / (time.perf_counter() - started))
    return best


def measure(test: str, probabilities: Floats, labels: Labels) -> Readings:
    """Compare probabilities, float32 (n, 10), with the true labels, uint8 (n,)."""
    confidences = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == labels
    is_confident = confidences >= CONFIDENT
    return Readings(
        test,
        len(labels),
        float(is_right.mean()),
        measure_reliability(confidences, is_right).expected_error,
        float(is_confident.mean()),
        float((~is_right[is_confident]).mean()) if is_confident.any() else 0.0,
    )


def describe(several: Sequence[Readings] | None) -> str:
    """Return the columns of a table: the means of several readings of one test set, or the headings."""
    if several is None:
        return f"{'test':16}{'digits':>8}{'accuracy':>10}{'ECE':>8}{'>= 0.9':>9}{'wrong of those':>16}"
    means = [
        float(np.mean([getattr(each, name) for each in several]))
        for name in ("accuracy", "calibration_error", "confident", "wrong")
    ]
    accuracy, error, confident, wrong = means
    first = several[0]
    return f"{first.test:16}{first.digits:>8,}{accuracy:>10.2%}{error:>8.4f}{confident:>9.1%}{wrong:>16.2%}"


def _parts(
    lake: Path | str, datasets: Sequence[str], by_contributor: bool
) -> Iterator[tuple[str, Images, Labels]]:
    """Yield the name, the images and the labels of each dataset, and of each folder of its sources."""
    for dataset in datasets:
        manifest = read_manifest(lake, dataset)
        shards = [read_shard(lake, dataset, shard) for shard in manifest.shards]
        table = pa.concat_tables(shards)
        table = table.filter(pc.is_valid(table["label"])).combine_chunks()
        yield dataset, images_array(table), table["label"].to_numpy()
        if by_contributor:
            folders = [Path(source.split("?")[0]).parent.name for source in table["source"].to_pylist()]
            for folder in sorted(set(folders)):
                chosen = pa.array([each == folder for each in folders])
                part = table.filter(chosen).combine_chunks()
                yield f"  {folder}", images_array(part), part["label"].to_numpy()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("datasets", nargs="+", metavar="DATASET", help="labelled test sets")
    parser.add_argument("--home", type=Path, help="home with the datasets and the model versions")
    parser.add_argument("--models", nargs="+", default=["champion"], help="versions (default: the champion)")
    parser.add_argument("--forms", type=Path, metavar="DIR", help="folder of answer-sheets and exam-booklets")
    parser.add_argument("--by-contributor", action="store_true", help="also measure each folder of sources")
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
