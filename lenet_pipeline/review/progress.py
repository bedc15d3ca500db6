"""The progress page: each person's work, what waits, what was found, and how often people agree."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lenet_pipeline.review.context import session_of, warehouse_of
from lenet_pipeline.review.pages import render
from lenet_pipeline.warehouse import AsOf, Warehouse, count_review_queues, list_blind_samples, run_audit

_FRESH_S = 60.0  # counting the queues of a large database takes seconds

_counts: dict[Path, tuple[float, list[dict[str, Any]]]] = {}
_lock = threading.Lock()


def show_progress(request: Request) -> Response:
    """Show the progress of all people."""
    warehouse, as_of = warehouse_of(request), AsOf()
    people = run_audit(warehouse, "review_progress", {}, as_of).to_pylist()
    agreement = run_audit(warehouse, "agreement", {}, as_of).to_pylist()
    samples = list_blind_samples(warehouse, session_of(request).name).to_pylist()
    queues = _count_queues(warehouse)
    return render(
        request,
        "progress.html",
        people=people,
        between_people=[row for row in agreement if row["kind"] == "people"],
        with_model=[row for row in agreement if row["kind"] == "model"],
        queues=queues,
        waiting=sum(row["waiting"] for row in queues),
        verdicts=sum(row["verdicts"] for row in people),
        found=sum(row["changed"] for row in people) + sum(row["misread"] for row in samples),
    )


def _count_queues(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Count what waits, by dataset, form, field and reason; the counts are up to a minute old."""
    now = time.monotonic()
    with _lock:
        counted_at, rows = _counts.get(warehouse.path, (now - _FRESH_S, []))
    if now - counted_at >= _FRESH_S:
        rows = count_review_queues(warehouse).to_pylist()
        with _lock:
            _counts[warehouse.path] = now, rows
    return rows


routes = [Route("/progress", show_progress)]
