"""Each review is recorded once, however often it is imported."""

from __future__ import annotations

import threading
from typing import Any
from uuid import uuid4

import pyarrow as pa

from lenet_pipeline import warehouse
from lenet_pipeline.audit import revise
from lenet_pipeline.schema import NEW_REVIEWS, derive_uuid
from lenet_pipeline.warehouse import FOLDER, VerdictBatch, Warehouse

WAIT_S = 5.0


def reviews(builder: Any, *verdicts: str) -> pa.Table:
    """Return a verdict on each of the first digits of the shard ark, as version 1 read them."""
    return pa.table(
        {
            "digit_id": pa.array([builder.digit_id("ark", i).bytes for i in range(len(verdicts))], pa.uuid()),
            "shard_score_id": pa.array([derive_uuid("score", "ark", 1).bytes] * len(verdicts), pa.uuid()),
            "verdict": list(verdicts),
            "note": pa.nulls(len(verdicts), pa.string()),
        },
        schema=NEW_REVIEWS,
    )


def record(builder: Any, table: pa.Table, actor: str = "ada") -> int:
    batch = VerdictBatch(uuid4(), actor, FOLDER, digits=table, skips_repeats=True)
    return warehouse.record_verdicts(Warehouse(builder.database, WAIT_S), batch, revise)


def test_a_repeated_verdict_is_not_new(scored: Any) -> None:
    assert record(scored, reviews(scored, "3", "blank")) == 2
    assert record(scored, reviews(scored, "3", "5", "7")) == 2
    assert record(scored, reviews(scored, "3", "blank")) == 1
    assert record(scored, reviews(scored, "3"), actor="bob") == 1
    said = [(row["actor"], row["verdict"]) for row in scored.audit("reviews", digit="all")]
    assert sorted(said[:2]) == [("ada", "blank"), ("bob", "3")]
    assert len(said) == 6
    assert scored.violations("chain_covers_what_happened") == []


def test_the_same_reviews_imported_at_the_same_time_are_recorded_once(scored: Any) -> None:
    table = reviews(scored, "3", "5", "blank")
    known = warehouse.find_reviewed(Warehouse(scored.database, WAIT_S), table, "ada")
    assert known["own_verdict"].null_count == 3  # as every importer sees it
    recorded: list[int] = []
    threads = [
        threading.Thread(target=lambda: recorded.append(record(scored, table)), daemon=True) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(recorded) == [0, 0, 3]
    assert scored.count("reviews") == 3
