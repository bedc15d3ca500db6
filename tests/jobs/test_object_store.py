"""Whole jobs with the lake and the predictions in S3, served on loopback: the home keeps the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from lenet_pipeline.errors import ScoringError
from lenet_pipeline.jobs import (
    IngestJob,
    ScoringJob,
    TrainingJob,
    check,
    ingest,
    retrain,
    score,
)
from lenet_pipeline.lake.datasets import read_manifest, shard_path
from lenet_pipeline.lake.storage import open_place
from lenet_pipeline.settings import read_settings
from lenet_pipeline.warehouse.queries import run_audit, run_select
from tests.s3_builders import make_bucket, serving_s3

TEST = "optdigits/test"


@pytest.mark.slow
def test_digits_are_ingested_learned_and_scored_from_a_bucket(home: Path, monkeypatch: pytest.MonkeyPatch):
    with serving_s3() as endpoint:
        lake, staged = make_bucket(endpoint), make_bucket(endpoint)
        monkeypatch.setenv("LENET_LAKE", lake)
        monkeypatch.setenv("LENET_PREDICTIONS", staged)
        settings = read_settings(home, "tester")
        ingest(settings, IngestJob("optdigits"))
        assert [outcome.added for outcome in ingest(settings, IngestJob("optdigits"))] == [0, 0]
        retrain(settings, TrainingJob(("optdigits/train",), (TEST,), epochs=1))
        report = score(settings, ScoringJob(TEST))
        assert (report.digits_scored, score(settings, ScoringJob(TEST)).digits_scored) == (report.digits, 0)
        rows = run_select(settings.warehouse, "select count(*) as n from predictions")
        assert rows["n"].to_pylist() == [report.digits]
        assert [len(name) for name in open_place(staged).names()] == [len(f"{report.scoring_run_id}.parquet")]
        assert [item.query.name for item in check(settings) if len(item.violations)] == []
        assert not (home / "lake").exists()
        assert not (home / "predictions").exists()

        shard = read_manifest(settings.lake, "optdigits/train").shards[0]
        shard_path(settings.lake, "optdigits/train", shard).write_bytes(b"not Parquet")
        with pytest.raises(ScoringError, match="1 of 1 shards of optdigits/train could not be scored"):
            score(settings, ScoringJob("optdigits/train"))
        (reject,) = run_audit(settings.warehouse, "rejects", {}).to_pylist()
        assert "s3://" in reject["source"]
        assert "127.0.0.1" not in reject["source"]
