"""The final state of a flow run: its message says in one line what the job did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, cast

from prefect.states import Completed

from lenet_pipeline.audit import counted
from lenet_pipeline.warehouse import PromotionRecord

if TYPE_CHECKING:  # they import torch and MLflow, which an ingest does not need
    from lenet_pipeline.audit import GateVerdict
    from lenet_pipeline.jobs import (
        EarlierDocuments,
        GateDecision,
        InboxIngest,
        NightReport,
        Retraining,
        ScoringReport,
    )

Result = TypeVar("Result")


def completed(message: str, result: Result) -> Result:
    """Return the final state of a flow, from which Prefect takes the result for the flow's caller."""
    return cast("Result", Completed(message=message, data=result))


def stage_completed(name: str, result: Result) -> Result:
    """Return the final state of a stage of a night."""
    describe = _STAGES.get(name)
    return completed(describe(result), result) if describe and result is not None else result


def describe_promotion(record: PromotionRecord) -> str:
    """Describe what the gate decided, such as ``digits/4 not promoted: no better than the champion ...``."""
    outcome = "promoted" if record.action == "promote" else "not promoted"
    return f"{record.model_name}/{record.model_version} {outcome}: {record.reason}"


def describe_waiting(fields: int, digits: int) -> str:
    """Describe the work that waits for a person."""
    return f"{counted(fields, 'field')} and {counted(digits, 'digit')} wait for review"


def describe_night(report: NightReport) -> str:
    """Describe a night in one line."""
    parts = [_scored(report.scored), describe_waiting(report.fields_waiting, report.digits_waiting)]
    if report.inboxes:
        parts.insert(0, _ingested(report.inboxes))
    if report.decision is not None:
        parts.append(_decided(report.decision))
    elif report.retraining is not None:
        parts.append(_retrained(report.retraining))
    return "; ".join(parts)


def _ingested(inboxes: Sequence[InboxIngest]) -> str:
    pages = sum(each.read for each in inboxes)
    trouble = sum(each.unmatched + each.rejected + each.unreadable for each in inboxes)
    documents = sum(each.documents for each in inboxes)
    rest = f", {trouble:,} not read" if trouble else ""
    return f"{counted(documents, 'document')} taken, {counted(pages, 'page')} read{rest}"


def _scored(reports: Sequence[ScoringReport]) -> str:
    digits = sum(each.digits_scored for each in reports)
    drifted = [each.dataset for each in reports if each.drifted]
    return f"{counted(digits, 'digit')} scored" + (f", drift in {', '.join(drifted)}" if drifted else "")


def _retrained(retraining: Retraining) -> str:
    if retraining.version is None:
        return f"not trained: {retraining.reason}"
    return f"{retraining.version.reference} trained: {retraining.reason}"


def _judged(verdict: GateVerdict | PromotionRecord) -> str:
    if isinstance(verdict, PromotionRecord):
        return describe_promotion(verdict)
    outcome = "passed" if verdict.is_passed else "refused"
    return f"{verdict.challenger.reference} {outcome}: {verdict.reason}"


def _decided(decision: GateDecision) -> str:
    missed = f"; target missed: {'; '.join(decision.missed_targets)}" if decision.missed_targets else ""
    return describe_promotion(decision.record) + missed


def _revisited(earlier: EarlierDocuments) -> str:
    if not earlier.datasets:
        return "no earlier documents to decide on again"
    return f"{counted(earlier.fields, 'field')} changed in {counted(earlier.documents, 'document')}"


_STAGES: Mapping[str, Callable[[Any], str]] = {
    "ingest": _ingested,
    "score": _scored,
    "decide": lambda waiting: describe_waiting(*waiting),
    "retrain": _retrained,
    "gate": _judged,
    "policy": _decided,
    "score-again": _revisited,
}
