"""Whether a contestant did the work: as many rows as digits, and labels that are ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from lenet_pipeline.lake.datasets import read_manifest, read_shard
from lenet_pipeline.lake.digits import digit_ids_array, images_array
from lenet_pipeline.scoring.engine import Engine, TrainedModel

SAMPLED_SHARDS = 8
DIGITS_A_SHARD = 2_048
LEAST_AGREEMENT = 0.999

# The 16 bytes of an identifier in hexadecimal: some write a UUID, some know only binary.
_FROM_UUID = "replace(cast(digit_id as varchar), '-', '') as digit, label"
_FROM_BINARY = "lower(hex(digit_id)) as digit, label"
_COMPARE = """
    select count(*), count(*) filter (found.label = sample.label)
    from found join sample on found.digit = sample.digit
"""


class WrongRowsError(Exception):
    """Rows that are not what every contestant has to leave."""


@dataclass(frozen=True)
class Expected:
    """How many rows a dataset makes, and the labels of some of them: columns ``digit`` and ``label``."""

    rows: int
    sample: pa.Table


def expect_rows(lake: Path, dataset: str, model: TrainedModel) -> Expected:
    """Score digits from the beginning of some shards, in float32."""
    manifest = read_manifest(lake, dataset)
    step = -(-len(manifest.shards) // SAMPLED_SHARDS)
    engine = Engine(model, "cpu")
    samples = []
    for shard in manifest.shards[::step]:
        digits = read_shard(lake, dataset, shard).slice(0, DIGITS_A_SHARD)
        names = [row.tobytes().hex() for row in digit_ids_array(digits)]
        labels = engine.score(images_array(digits)).labels
        samples.append(pa.table({"digit": names, "label": labels.astype(np.int32)}))
    return Expected(manifest.rows, pa.concat_tables(samples))


def check_rows(output: Path, expected: Expected) -> float:
    """Return the share of the sample that has our label, 0 to 1.

    Args:
        output: a folder with a DuckDB database that has a table ``predictions``, or else with Parquet files.
        expected: the rows.

    Raises:
        WrongRowsError: rows are missing, or too many labels differ.
    """
    found = [path for path in output.glob("*.duckdb") if not path.stem.endswith("-snapshot")]
    (database,) = found or [None]
    with duckdb.connect(*([str(database)] if database else []), read_only=bool(database)) as connection:
        rows = (
            connection.table("predictions")
            if database
            else connection.read_parquet(str(output / "**" / "*.parquet"))
        )
        [(count,)] = rows.count("*").fetchall()
        if count != expected.rows:
            raise WrongRowsError(f"{count:,} rows instead of {expected.rows:,}")
        is_uuid = dict(zip(rows.columns, rows.types, strict=True))["digit_id"] == "UUID"
        connection.register("sample", expected.sample)
        compared = rows.project(_FROM_UUID if is_uuid else _FROM_BINARY).query("found", _COMPARE)
        [(found, right)] = compared.fetchall()
    if found != len(expected.sample):
        raise WrongRowsError(f"{found:,} rows for {len(expected.sample):,} digits looked for")
    agreement = right / found
    if agreement < LEAST_AGREEMENT:
        raise WrongRowsError(f"only {agreement:.2%} of labels are ours")
    return agreement
