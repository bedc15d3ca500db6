"""Ingest the new documents of an inbox, and record what became of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from lenet_pipeline.forms import read_template
from lenet_pipeline.ingest import path_text
from lenet_pipeline.jobs.form_ingestion import (
    StoredDocuments,
    record_template_texts,
    store_documents,
)
from lenet_pipeline.jobs.inbox.look import Look, PlannedFile
from lenet_pipeline.jobs.inbox.records import InboxIngest, InboxRecorder
from lenet_pipeline.jobs.ingest_journal import IngestJournal
from lenet_pipeline.jobs.template_checks import check_templates
from lenet_pipeline.system import usable_cores


def store_new_documents(
    seen: Look, result: InboxIngest, recorder: InboxRecorder
) -> tuple[InboxIngest, frozenset[str]]:
    """Ingest the new documents, one dataset at a time, and record each as taken or rejected.

    Returns:
        The result with the counts, and the paths of the documents that were taken.
    """
    inbox, settings, observer = recorder.inbox, recorder.settings, recorder.observer
    references = Path(inbox.references) if inbox.references else None
    templates = [read_template(Path(path), references) for path in inbox.templates]
    check_templates(templates)
    record_template_texts(templates, settings)
    by_dataset = defaultdict[str, list[PlannedFile]](list)
    for each in seen.documents:
        by_dataset[each.dataset or ""].append(each)
    journal = IngestJournal("forms", inbox.place, settings, observer)
    marker = settings.home / "inboxes" / f"{inbox.name}.reading"
    taken = list[PlannedFile]()
    with _noting_crashes(marker) as has_crashed:
        for dataset, files in sorted(by_dataset.items()):
            stored = store_documents(
                [each.item.file for each in files],
                dataset,
                templates,
                usable_cores(),
                journal,
                settings,
                observer,
                may_be_missing=True,
                isolates_pages=has_crashed,
            )
            recorded = recorder.record(_with_outcome(files, stored))
            taken += [each for each in recorded if each.status == "taken"]
            result = _add(result, stored)
    journal.finish()
    result = replace(
        result,
        datasets=tuple(sorted({each.dataset for each in taken if each.dataset})),
        documents=len(taken),
        digests=tuple(each.source_sha256 for each in taken if each.source_sha256),
    )
    return result, frozenset(each.item.path for each in taken)


@contextmanager
def _noting_crashes(marker: Path) -> Iterator[bool]:
    """Yield whether the last call in this home did not live to its end.

    A page that crashes its reader would otherwise end every poll. If the last one died, the pages are read in
    processes of their own, which turns such a page into a reject.
    """
    has_crashed = marker.exists()
    marker.touch()
    try:
        yield has_crashed
    finally:
        marker.unlink(missing_ok=True)


def _with_outcome(files: Sequence[PlannedFile], stored: StoredDocuments) -> list[PlannedFile]:
    """Return the files that were opened or rejected, with the status and content that were found."""
    opened = {document.source: document.sha256 for document in stored.documents}
    rejected = {reject.source: reject.source_sha256 for reject in stored.rejects}
    outcome = []
    for each in files:
        source = path_text(each.item.file)
        if source in opened:
            outcome.append(replace(each, source_sha256=opened[source]))
        elif source in rejected:
            digest = rejected[source] or each.source_sha256
            outcome.append(replace(each, status="rejected", source_sha256=digest))
    return outcome


def _add(result: InboxIngest, stored: StoredDocuments) -> InboxIngest:
    outcome = stored.outcome
    return replace(
        result,
        pages=result.pages + outcome.pages,
        read=result.read + outcome.read,
        unmatched=result.unmatched + outcome.unmatched,
        blank=result.blank + outcome.blank,
        rejected=result.rejected + outcome.rejected,
        replaced=result.replaced + outcome.replaced,
        digits=result.digits + outcome.added,
    )
