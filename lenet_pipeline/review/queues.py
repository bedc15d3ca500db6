"""The start page: the queues by run, form, field and reason, and how much is left in each."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lenet_pipeline.review.context import context_of, session_of, work_of
from lenet_pipeline.review.counts import Counted
from lenet_pipeline.review.pages import render

Row = dict[str, Any]

_REASONS = {
    "corrected": "corrected by a rule",
    "no_policy": "no policy",
    "not_a_digit": "not a digit",
    "rule_failed": "rule failed",
    "sample": "random sample",
}


def show_queues(request: Request) -> Response:
    """Show the queues, as they were counted last."""
    has_labels = request.query_params.get("labels") == "1"
    counted = context_of(request).counts.read(has_labels)
    return render(
        request,
        "home.html",
        runs=list_runs(counted),
        counted_at=counted.counted_at,
        has_labels=has_labels,
        held=work_of(request).reservations.held_by_others(session_of(request).name),
    )


def show_progress(request: Request) -> Response:
    """Show what has been verified."""
    return render(request, "progress.html")


def list_runs(counted: Counted) -> list[Row]:
    """Return the newest run of each dataset that has digits or fields without a verdict.

    Each has its dataset and model, its ten groups, its forms with their fields and reasons, and the reasons
    of its digits outside forms.
    """
    queues: dict[str, list[Row]] = {}
    for row in counted.queues:
        queues.setdefault(row["scoring_run_id"], []).append(row)
    groups: dict[str, list[Row]] = {}
    for row in counted.groups:
        groups.setdefault(row["scoring_run_id"], []).append(row)
    runs = []
    for run in dict.fromkeys([*groups, *queues]):
        waiting, digits = queues.get(run, []), groups.get(run, [])
        runs.append(
            {
                "scoring_run_id": run,
                "dataset": (digits or waiting)[0]["dataset"],
                "model": f"{digits[0]['model_name']}/{digits[0]['model_version']}" if digits else None,
                "started_at": digits[0]["started_at"] if digits else None,
                "digits": sum(row["digits"] for row in digits),
                "digits_waiting": sum(row["waiting"] for row in digits),
                "groups": list_groups(run, digits) if digits else [],
                "forms": _list_forms(run, [row for row in waiting if row["kind"] == "field"]),
            }
        )
    return runs


def list_groups(run: str, rows: Iterable[Row]) -> list[Row]:
    """Return the ten groups of a run, each with its counts and address."""
    counts = {row["label"]: row for row in rows}
    groups = []
    for label in range(10):
        row = counts.get(label, {"digits": 0, "waiting": 0})
        is_open = int(row["waiting"] > 0 or not row["digits"])
        address = "/groups?" + urlencode({"run": run, "label": label, "open": is_open})
        groups.append(
            {"label": label, "digits": row["digits"], "waiting": row["waiting"], "address": address}
        )
    return groups


def _list_forms(run: str, rows: Iterable[Row]) -> list[Row]:
    forms = []
    for form, of_form in groupby(rows, itemgetter("form")):
        fields = []
        for field, of_field in groupby(of_form, itemgetter("field")):
            reasons = [
                {
                    "reason": _REASONS.get(row["reason"], row["reason"].replace("_", " ")),
                    "waiting": row["waiting"],
                    "address": _fields_address(run, form, field, row["reason"]),
                }
                for row in of_field
            ]
            fields.append(
                {
                    "field": field,
                    "waiting": sum(each["waiting"] for each in reasons),
                    "reasons": reasons,
                    "address": _fields_address(run, form, field),
                }
            )
        waiting = sum(each["waiting"] for each in fields)
        forms.append(
            {"form": form, "fields": fields, "waiting": waiting, "address": _fields_address(run, form)}
        )
    return forms


def _fields_address(run: str, form: str, field: str | None = None, reason: str | None = None) -> str:
    values = {"run": run, "form": form, "field": field, "reason": reason}
    return "/fields?" + urlencode({name: value for name, value in values.items() if value is not None})


routes = [Route("/", show_queues), Route("/progress", show_progress)]
