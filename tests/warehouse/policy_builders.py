"""Builders of policies in a small warehouse."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from lenet_pipeline import warehouse
from lenet_pipeline.warehouse import Warehouse

WAIT_S = 5.0

POLICY = warehouse.PolicyRecord(
    subject="digit",
    model_name="digits",
    model_version=1,
    precision="float32",
    max_error=0.01,
    certainty=0.95,
    threshold=0.9,
    not_a_digit_from=0.5,
    review_rate=0.0,
    review_seed=0,
    evidence="gate split of mnist/train",
    evidence_fingerprint="e" * 64,
    labelled=3_000,
    accepted=2_700,
    errors=9,
    error_bound=0.0078,
    labelled_needed=None,
    recorded_at=datetime(2026, 11, 3, tzinfo=UTC),
    actor="ada",
    flow_run_id=None,
)


def record_policy(builder: Any, **changes: Any) -> int:
    """Put a policy in force in the database of a ``builder``; ``changes`` replace the columns of `POLICY`."""
    return warehouse.record_policy(Warehouse(builder.database, WAIT_S), replace(POLICY, **changes))
