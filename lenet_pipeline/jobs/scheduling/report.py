"""Reports on a night in Markdown, which reads well as plain text, too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lenet_pipeline.jobs.inbox.records import InboxIngest
from lenet_pipeline.jobs.retraining import GateDecision
from lenet_pipeline.jobs.scheduling.earlier_documents import EarlierDocuments
from lenet_pipeline.jobs.scheduling.training import Retraining
from lenet_pipeline.jobs.scoring_runs import ScoringReport


def describe_documents(
    inboxes: Sequence[InboxIngest],
    scored: Sequence[ScoringReport],
    fields_waiting: int,
    digits_waiting: int,
) -> str:
    """Describe the documents of a night: what was taken, what was scored, and what waits for a person."""
    parts = []
    if inboxes:
        parts.append(
            _table(
                {
                    "inbox": each.inbox,
                    "documents": each.documents,
                    "pages read": each.read,
                    "unknown forms": each.unmatched,
                    "rejected": each.rejected,
                    "duplicates": each.duplicates,
                    "not complete": each.waiting,
                }
                for each in inboxes
            )
        )
    if scored:
        parts.append(
            _table(
                {"dataset": each.dataset, "model version": each.model, "digits scored": each.digits_scored}
                for each in scored
            )
        )
    else:
        parts.append("No new digits to score.")
    parts.append(f"Waiting for review: {fields_waiting:,} fields, {digits_waiting:,} digits.")
    return "\n\n".join(parts)


def describe_training(
    retraining: Retraining | None, decision: GateDecision | None, earlier: EarlierDocuments
) -> str:
    """Describe the training of a night: what was decided, and what followed."""
    lines = []
    if retraining is not None:
        version = retraining.version
        lines.append(f"{f'Trained {version.reference}' if version else 'Not trained'}: {retraining.reason}.")
    if decision is not None:
        outcome = "Promoted" if decision.record.action == "promote" else "Not promoted"
        lines.append(f"{outcome}: {decision.record.reason}.")
        lines += [f"Policy for {policy}." for policy in decision.policies]
        lines += [f"Policy target missed: {problem}." for problem in decision.missed_targets]
    if earlier.datasets:
        lines.append(
            f"Earlier documents of {', '.join(earlier.datasets)}: {earlier.fields:,} fields changed in "
            f"{earlier.documents:,} documents."
        )
    return "\n\n".join(lines)


def _table(rows: Iterable[Mapping[str, object]]) -> str:
    """Return rows with the same keys as a Markdown table."""
    listed = list(rows)
    names = list(listed[0])
    lines = [_row(names), _row(["---"] * len(names))]
    lines += [_row(row.values()) for row in listed]
    return "\n".join(lines)


def _row(cells: Iterable[object]) -> str:
    texts = [f"{cell:,}" if isinstance(cell, int) else str(cell).replace("|", "\\|") for cell in cells]
    return f"| {' | '.join(texts)} |"
