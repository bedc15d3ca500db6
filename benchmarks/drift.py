"""Measure how drift detection responds to unchanged and to changed digits.

    python -m benchmarks.drift --home H mnist/test

The home H holds the dataset and a model; the benchmark works on copies. The
pipeline ingests, scores and measures each case: ten samples of 2,000 of the
digits, ten samples of 50, then blurred digits, inverted digits and a different
mix of classes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import ndimage

from benchmarks.scoring.ours import borrow_home
from lenet_pipeline.jobs import ScoringJob, score
from lenet_pipeline.lake import append_digits, images_array, read_manifest, read_shard
from lenet_pipeline.schema import DIGITS
from lenet_pipeline.settings import read_settings
from lenet_pipeline.warehouse import run_audit

_SAMPLE, _FEW, _TIMES = 2_000, 50, 10


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure every case and print its population stability indices; an asterisk marks an alarm."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", metavar="DATASET")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--model", default="champion")
    options = parser.parse_args(arguments)
    lake = read_settings(options.home).lake
    manifest = read_manifest(lake, options.dataset)
    digits = pa.concat_tables([read_shard(lake, options.dataset, shard) for shard in manifest.shards])
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"
        home.mkdir()
        borrow_home(options.home, home)
        os.environ["LENET_LAKE"] = str(home / "own-lake")
        print(f"{'':<26}{'digits':>8}{'class':>10}{'confidence':>12}{'ink':>10}{'not a digit':>13}")  # noqa: T201
        for name, table in _cases(digits.combine_chunks()):
            print(_line(home, name, table, options.model), flush=True)  # noqa: T201


def _line(home: Path, name: str, digits: pa.Table, model: str) -> str:
    settings = read_settings(home)
    dataset = f"{name.replace(' ', '-').replace(',', '')}/all"
    append_digits(settings.lake, dataset, [digits], shard_rows=settings.shard_rows, actor="benchmark")
    score(settings, ScoringJob(dataset, model))
    rows = run_audit(settings.warehouse, "drift", {"dataset": dataset}).to_pylist()
    found = {
        row["measure"]: f"{row['stability_index']:.3f}{'*' if row['is_drifted'] else ' '}" for row in rows
    }
    columns = [found.get(measure, "-") for measure in ("class", "confidence", "ink", "not_a_digit")]
    return f"{name:<26}{len(digits):>8,}{columns[0]:>10}{columns[1]:>12}{columns[2]:>10}{columns[3]:>13}"


def _cases(digits: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    rng = np.random.default_rng(0)
    for size in (_SAMPLE, _FEW):
        for number in range(_TIMES):
            chosen = rng.choice(len(digits), min(size, len(digits)), replace=False)
            yield f"same {size} {number + 1}", digits.take(pa.array(np.sort(chosen)))
    sample = digits.slice(0, _SAMPLE)
    yield "blurred, sigma 2", _changed(sample, lambda images: ndimage.gaussian_filter(images, (0, 2, 2)))
    yield "inverted", _changed(sample, lambda images: 255 - images)
    label = digits["label"]
    kept = pc.or_(pc.less(label, 5), pc.equal(pc.bit_wise_and(digits["position"], 3), 0))
    yield "half the classes rare", digits.filter(kept).slice(0, _SAMPLE)
    yield "inverted, fifty", _changed(digits.slice(0, _FEW), lambda images: 255 - images)


def _changed(digits: pa.Table, change: Callable[[np.ndarray], np.ndarray]) -> pa.Table:
    images = np.ascontiguousarray(change(images_array(digits.combine_chunks())).astype(np.uint8))
    pixels = pa.py_buffer(images.reshape(-1))
    column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(784), len(images), [None, pixels])
    place = DIGITS.get_field_index("image")
    return digits.set_column(place, DIGITS.field("image"), column)


if __name__ == "__main__":
    main()
