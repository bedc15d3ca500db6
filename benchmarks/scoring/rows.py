"""Check a contestant's rows: one row per digit, with the same labels as ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from lenet_pipeline.lake import digit_ids_array, images_array, read_manifest, read_shard
from lenet_pipeline.scoring import Engine, TrainedModel

SAMPLED_SHARDS = 8
DIGITS_A_SHARD = 2_048
LEAST_AGREEMENT = 0.999

# The 16 bytes of an identifier in hexadecimal. Some contestants write a UUID, others binary.
_FROM_UUID = "replace(cast(digit_id as varchar), '-', '') as digit, label"
_FROM_BINARY = "lower(hex(digit_id)) as digit, label"
_COMPARE = """
    select count(*), count(*) filter (found.label = sample.label)
    from found join sample on found.digit = sample.digit
"""


class WrongRowsError(Exception):
    """A contestant's rows are incomplete or wrong."""


@dataclass(frozen=True)
class Expected:
    """The number of rows expected, and the labels of a sample: columns ``digit`` and ``label``."""

    rows: int
    sample: pa.Table


def expect_rows(lake: Path, dataset: str, model: TrainedModel) -> Expected:
    """Score the first digits of some shards in float32."""
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
    """Return the share of the sampled labels that equal ours, 0 to 1.

    Args:
        output: a folder with a DuckDB database that has a table ``predictions``, or with Parquet files.
        expected: the expected rows.

    Raises:
        WrongRowsError: the number of rows is wrong, or too many labels differ.
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
            raise WrongRowsError(f"expected {expected.rows:,} rows, found {count:,}")
        is_uuid = dict(zip(rows.columns, rows.types, strict=True))["digit_id"] == "UUID"
        connection.register("sample", expected.sample)
        compared = rows.project(_FROM_UUID if is_uuid else _FROM_BINARY).query("found", _COMPARE)
        [(found, right)] = compared.fetchall()
    if found != len(expected.sample):
        raise WrongRowsError(
            f"expected {len(expected.sample):,} rows for the sampled digits, found {found:,}"
        )
    agreement = right / found
    if agreement < LEAST_AGREEMENT:
        raise WrongRowsError(f"only {agreement:.2%} of the labels equal our float32 labels")
    return agreement
