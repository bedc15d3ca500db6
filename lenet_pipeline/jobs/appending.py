"""Append digits to a dataset, and record what changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lenet_pipeline.audit import counted
from lenet_pipeline.ingest import Reject
from lenet_pipeline.jobs.ingest_journal import IngestJournal
from lenet_pipeline.jobs.rejects import record_rejects
from lenet_pipeline.lake import append_digits, one_array
from lenet_pipeline.schema import LABEL_CHANGES
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Observer


@dataclass(frozen=True)
class Ingested:
    """The result of ingesting into one dataset.

    Attributes:
        dataset: the dataset.
        rows: number of digits in the dataset now.
        added: number of new digits.
        labelled: number of new digits that have a label.
        skipped: number of digits that the dataset already had, unchanged.
        rejects: number of inputs that could not be read, or had a conflicting label.
        unrecognised: number of files that are not images, by name or content.
        relabelled: number of digits that the dataset already had, and whose label changed.
        label_folders: the names of folders that were taken as labels, such as ``1 to 9``, None if there are
            none.
    """

    dataset: str
    rows: int
    added: int
    labelled: int
    skipped: int
    rejects: int = 0
    unrecognised: int = 0
    relabelled: int = 0
    label_folders: str | None = None

    @property
    def label_origin(self) -> str | None:
        """A line that says which folder names became labels, which could be months; None if none did."""
        if self.label_folders is None:
            return None
        noun = "name" if len(self.label_folders) == 1 else "names"
        return f"labels come from the folder {noun} {self.label_folders}"


def log_ingested(outcome: Sequence[Ingested], observer: Observer) -> None:
    """Log what was added to each dataset, and which folder names became labels."""
    for part in outcome:
        updated = f"{counted(part.relabelled, 'label')} updated, " if part.relabelled else ""
        observer.log(
            f"{part.dataset}: {counted(part.added, 'digit')} added ({part.labelled:,} labelled), {updated}"
            f"{part.skipped:,} already there, {counted(part.rejects, 'reject')}; "
            f"{counted(part.rows, 'digit')} in total"
        )
        if part.label_origin:
            observer.log(f"{part.dataset}: {part.label_origin}")


def store_digits(
    settings: Settings,
    dataset: str,
    digits: pa.Table,
    description: str,
    observer: Observer,
    journal: IngestJournal,
    corrects_labels: bool = False,
) -> Ingested:
    """Append digits to a dataset, and report progress."""

    def batches() -> Iterator[pa.Table]:
        with observer.progress(description, len(digits)) as advance:
            for start in range(0, len(digits), settings.shard_rows):
                part = digits.slice(start, settings.shard_rows)
                yield part
                advance(len(part))

    return append_to_dataset(settings, dataset, batches(), observer, journal, corrects_labels=corrects_labels)


def append_to_dataset(
    settings: Settings,
    dataset: str,
    batches: Iterable[pa.Table],
    observer: Observer,
    journal: IngestJournal,
    *,
    may_be_empty: bool = False,
    corrects_labels: bool = False,
) -> Ingested:
    """Append tables of digits to a dataset, and record what changed.

    With ``corrects_labels``, known digits get the label that they come with. Otherwise, digits that conflict
    with a stored label become rejects.
    """
    append = append_digits(
        settings.lake,
        dataset,
        batches,
        shard_rows=settings.shard_rows,
        actor=settings.actor,
        may_be_empty=may_be_empty,
        corrects_labels=corrects_labels,
    )
    changes = _label_changes(append.relabelled if corrects_labels else append.relabelled[:0])
    conflicts = [] if corrects_labels else [_conflict(digit) for digit in append.relabelled.to_pylist()]
    skipped = append.skipped - len(changes)
    journal.add(
        dataset,
        added=append.added,
        relabelled=len(changes),
        skipped=skipped,
        rejected=len(conflicts),
        manifest=append.manifest,
        label_changes=changes,
    )
    record_rejects(dataset, conflicts, settings, observer)
    return Ingested(
        dataset,
        append.manifest.rows,
        append.added,
        append.labelled,
        skipped,
        len(conflicts),
        relabelled=len(changes),
    )


def _label_changes(relabelled: pa.Table) -> pa.Table:
    """Return the label changes, one row per digit, although an image may have been given several times."""
    ids = one_array(relabelled["digit_id"]).storage
    first = pc.equal(pc.index_in(ids, value_set=ids), pa.array(range(len(ids)), pa.int32()))
    return relabelled.select(LABEL_CHANGES.names).filter(first).cast(LABEL_CHANGES)


def _conflict(digit: Mapping[str, Any]) -> Reject:
    reason = (
        f"labelled {digit['label']}, but the dataset already has this digit with another label or without "
        "one, and keeps it; correct the label, or ingest into a new dataset"
    )
    return Reject(digit["source"], "conflicting_label", reason, digit["source_sha256"], digit["page"])
