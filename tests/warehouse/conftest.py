"""Builders of a small warehouse from real Parquet and DuckDB files, through public functions only."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lenet_pipeline import warehouse
from lenet_pipeline.lake.fingerprints import digest_predictions
from lenet_pipeline.schema import DIGITS, IMAGE_BYTES, PREDICTIONS, REJECTS, derive_digit_id, derive_uuid
from lenet_pipeline.warehouse import Warehouse

START = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
WAIT_S = 5.0

# What a model read, what the digit is, and how sure the model was.
Reading = tuple[int, int | None, float]


def shard_table(name: str, truths: Sequence[int | None], writer: str | None = None) -> pa.Table:
    """Return digits of one scan called ``name`` and one writer, at positions 0, 1, ... of its page 2."""
    rows = len(truths)
    return pa.table(
        {
            "digit_id": pa.array([derive_digit_id(name, 2, None, i).bytes for i in range(rows)], pa.uuid()),
            "image": pa.array([bytes(IMAGE_BYTES)] * rows, pa.binary(IMAGE_BYTES)),
            "label": pa.array(truths, pa.uint8()),
            "source": [f"scans/{name}.tiff"] * rows,
            "source_sha256": [name] * rows,
            "page": pa.array([2] * rows, pa.int32()),
            "field": pa.nulls(rows, pa.string()),
            "position": pa.array(range(rows), pa.int32()),
            "box": pa.nulls(rows, DIGITS.field("box").type),
            "source_box": pa.nulls(rows, DIGITS.field("source_box").type),
            "polarity": ["dark_on_bright"] * rows,
            "template": pa.nulls(rows, pa.string()),
            "writer": pa.array([writer] * rows, pa.string()),
        },
        schema=DIGITS,
    )


def prediction_table(digits: pa.Table, readings: Sequence[Reading]) -> pa.Table:
    """Return predictions of a shard; the confidence left over is shared by the nine other digits."""
    labels = np.array([label for label, _, _ in readings])
    confidence = np.array([sure for _, _, sure in readings], np.float32)
    probabilities = np.repeat((1 - confidence)[:, None] / 9, 10, axis=1).astype(np.float32)
    probabilities[np.arange(len(readings)), labels] = confidence
    return pa.table(
        {
            "digit_id": digits["digit_id"],
            "label": pa.array(labels, pa.uint8()),
            "confidence": pa.array(confidence),
            "probabilities": pa.FixedSizeListArray.from_arrays(pa.array(probabilities.ravel()), 10),
            "not_a_digit": pa.nulls(len(readings), pa.float32()),
            "truth": pa.array([truth for _, truth, _ in readings], pa.uint8()),
        },
        schema=PREDICTIONS,
    )


def model_version_record(version: int = 1) -> warehouse.ModelVersionRecord:
    return warehouse.ModelVersionRecord(
        model_name="digits",
        model_version=version,
        architecture="lenet5",
        recipe="classic",
        training_run_id=f"training-{version}",
        weights_sha256=f"{version}" * 64,
        preprocessing_fingerprint="p" * 64,
        training_fingerprint="t" * 64,
        temperature=1.25,
        code_revision="0.1.0",
        test_accuracy=0.99,
        registered_at=START + timedelta(days=version),
        actor="ada",
        flow_run_id=None,
        effort="quick",
        trained_on="train split",
        datasets="paper/train",
    )


def promotion_record(
    action: str, version: int, former: int | None, hours: int = 0
) -> warehouse.PromotionRecord:
    return warehouse.PromotionRecord(
        model_name="digits",
        action=action,
        alias="challenger" if action == "register" else "champion",
        model_version=version,
        former_version=former,
        reason=f"{action} {version}",
        recorded_at=START + timedelta(hours=hours),
        actor="ada",
        flow_run_id=None,
        gate=None,
    )


def reject_table(*rejects: tuple[str, str, str]) -> pa.Table:
    """Return rejects of the dataset ``scans/march`` from (source, kind, reason)."""
    rows = [
        {
            "reject_id": derive_uuid("reject", source).bytes,
            "dataset": "scans/march",
            "source": source,
            "kind": kind,
            "reason": reason,
            "rejected_at": START,
            "actor": "ada",
        }
        for source, kind, reason in rejects
    ]
    return pa.Table.from_pylist(rows, schema=REJECTS)


@dataclass
class Builder:
    """Scores shards of made-up readings into one database."""

    folder: Path
    database: Path
    shards: dict[str, tuple[Path, pa.Table]] = field(default_factory=dict)

    def write_shard(self, name: str, truths: Sequence[int | None], writer: str | None = None) -> Path:
        path = self.folder / f"{name}.parquet"
        digits = shard_table(name, truths, writer)
        pq.write_table(digits, path)
        self.shards[name] = path, digits
        return path

    def shard_record(
        self, name: str, version: int, rows: int, hours: float = 0, predictions_sha256: str = "0" * 64
    ) -> warehouse.ShardScoreRecord:
        return warehouse.ShardScoreRecord(
            shard_score_id=derive_uuid("score", name, version),
            shard_fingerprint=name * 8,
            model_name="digits",
            model_version=version,
            preprocessing_fingerprint="p" * 64,
            precision="float32",
            rows=rows,
            predictions_sha256=predictions_sha256,
            ink_counts=(0, rows),
            device="cpu",
            engine="compiled",
            seconds=0.5,
            scored_at=START + timedelta(hours=hours),
            actor="ada",
            flow_run_id="flow-1",
        )

    def run_record(
        self, dataset: str, version: int, readings: dict[str, list[Reading]], hours: float = 0
    ) -> warehouse.ScoringRunRecord:
        return warehouse.ScoringRunRecord(
            scoring_run_id=derive_uuid("run", dataset, version, *readings),
            dataset=dataset,
            manifest_version=1,
            manifest_fingerprint="m" * 64,
            model_name="digits",
            model_version=version,
            preprocessing_fingerprint="p" * 64,
            precision="float32",
            started_at=START + timedelta(hours=hours),
            actor="ada",
            flow_run_id="flow-1",
            shards=tuple(
                warehouse.PlannedShard(derive_uuid("score", name, version), name * 8, len(rows))
                for name, rows in readings.items()
            ),
        )

    def stage(self, name: str, version: int, readings: Sequence[Reading]) -> Path:
        if name not in self.shards:
            self.write_shard(name, [truth for _, truth, _ in readings])
        path = self.folder / f"{name}-{version}-predictions.parquet"
        pq.write_table(prediction_table(self.shards[name][1], readings), path)
        return path

    def load(self, name: str, version: int, readings: Sequence[Reading], hours: float = 0) -> bool:
        predictions = self.stage(name, version, readings)
        digest = digest_predictions(pq.read_table(predictions))
        record = self.shard_record(name, version, len(readings), hours, digest)
        return self.load_files(record, predictions, self.shards[name][0])

    def load_files(self, record: warehouse.ShardScoreRecord, predictions: Path, digits: Path) -> bool:
        load = warehouse.ShardLoad(record, predictions, digits, "scans/march")
        return warehouse.load_shard_scores(Warehouse(self.database, WAIT_S), [load]) == 1

    def score(
        self,
        version: int,
        readings: dict[str, list[Reading]],
        *,
        dataset: str = "scans/march",
        hours: float = 0,
        finish: bool = True,
    ) -> UUID:
        """Record the model version, score every shard, finish the run, and return its id."""
        warehouse.record_model_version(Warehouse(self.database, WAIT_S), model_version_record(version))
        run = self.run_record(dataset, version, readings, hours)
        there = warehouse.start_scoring_run(Warehouse(self.database, WAIT_S), run)
        for planned, (name, rows) in zip(run.shards, readings.items(), strict=True):
            if planned.shard_score_id not in there:
                self.load(name, version, rows, hours)
        if finish:
            finished_at = run.started_at + timedelta(minutes=1)
            warehouse.finish_scoring_run(Warehouse(self.database, WAIT_S), run.scoring_run_id, finished_at)
        return run.scoring_run_id

    def audit(self, name: str, **parameters: str) -> list[dict[str, object]]:
        return list(warehouse.run_audit(Warehouse(self.database, WAIT_S), name, parameters).to_pylist())

    def violations(self, check: str, *aliases: warehouse.RegistryAlias) -> list[dict[str, object]]:
        (result,) = warehouse.run_checks(Warehouse(self.database, WAIT_S), aliases, [check])
        return list(result.violations.to_pylist())

    def digit_id(self, name: str, position: int) -> UUID:
        return derive_digit_id(name, 2, None, position)

    @contextmanager
    def by_hand(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the database as someone would who goes past the pipeline."""
        connection = duckdb.connect(str(self.database))
        try:
            yield connection
        finally:
            connection.close()

    def count(self, table: str) -> int:
        with self.by_hand() as connection:
            return int(connection.table(table).count("*").fetchall()[0][0])


# Two shards as version 1 read them: three of the five digits of known truth right, one truth unknown.
READINGS: dict[str, list[Reading]] = {
    "ark": [(3, 3, 0.99), (5, 3, 0.6), (7, None, 0.7)],
    "bay": [(0, 0, 0.95), (5, 5, 0.8), (1, 7, 0.91)],
}


@pytest.fixture(scope="session")
def make_builder() -> Callable[[Path], Builder]:
    """Return what makes a builder of the database in a folder, new or copied."""
    return lambda folder: Builder(folder, folder / "home" / "audit.duckdb")


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return Builder(tmp_path, tmp_path / "home" / "audit.duckdb")


@pytest.fixture(scope="session")
def scored_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a healthy warehouse, to copy: making it takes longer than most tests do.

    Version 1 read two shards in one finished run and is champion; version 2 is challenger, and was
    refused.
    """
    folder = tmp_path_factory.mktemp("scored")
    builder = Builder(folder, folder / "home" / "audit.duckdb")
    builder.score(1, READINGS)
    warehouse.record_model_version(Warehouse(builder.database, WAIT_S), model_version_record(2))
    for event in (
        promotion_record("promote", 1, None, hours=1),
        promotion_record("register", 2, None, hours=2),
        promotion_record("refuse", 2, 1, hours=3),
    ):
        warehouse.record_promotion(Warehouse(builder.database, WAIT_S), event)
    return folder


@pytest.fixture
def scored(scored_once: Path, tmp_path: Path) -> Builder:
    """A copy of the healthy warehouse, for one test to do with as it likes."""
    shutil.copytree(scored_once, tmp_path, dirs_exist_ok=True)
    builder = Builder(tmp_path, tmp_path / "home" / "audit.duckdb")
    for name, rows in READINGS.items():
        truths = [truth for _, truth, _ in rows]
        builder.shards[name] = tmp_path / f"{name}.parquet", shard_table(name, truths)
    return builder


@pytest.fixture
def readings() -> dict[str, list[Reading]]:
    return {name: list(rows) for name, rows in READINGS.items()}


@pytest.fixture
def make_model_version() -> Callable[..., warehouse.ModelVersionRecord]:
    return lambda version=1, **changes: replace(model_version_record(version), **changes)


@pytest.fixture
def make_promotion() -> Callable[..., warehouse.PromotionRecord]:
    return lambda action, version, former=None, hours=0, **changes: replace(
        promotion_record(action, version, former, hours), **changes
    )


@pytest.fixture
def make_rejects() -> Callable[..., pa.Table]:
    return reject_table
