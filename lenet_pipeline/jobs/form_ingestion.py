"""Ingest forms: digits of scanned pages go into the lake, pages and fields into the warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from pydantic import PositiveInt
from pydantic.dataclasses import dataclass as validated

from lenet_pipeline.audit import counted
from lenet_pipeline.forms import Document, FormJob, Template, UniqueRule, find_documents, read_template
from lenet_pipeline.ingest import Reject, path_text
from lenet_pipeline.jobs.dataset_names import default_dataset
from lenet_pipeline.jobs.form_reading import inspect_documents, read_parts
from lenet_pipeline.jobs.ingest_journal import IngestJournal
from lenet_pipeline.jobs.page_store import IngestedForms, PageStore
from lenet_pipeline.jobs.piece_reading import read_pieces
from lenet_pipeline.jobs.provenance import provenance
from lenet_pipeline.jobs.rejects import record_rejects, refuse_too_many_rejects
from lenet_pipeline.jobs.run_form import RUN_FORM
from lenet_pipeline.jobs.template_checks import check_templates
from lenet_pipeline.lake import fingerprint_parts, validate_dataset
from lenet_pipeline.schema import DOCUMENTS
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import SILENT, Observer, usable_cores
from lenet_pipeline.warehouse import (
    ChoiceRecord,
    TemplateRecord,
    list_current_documents,
    record_documents,
    record_templates,
)

_PAGES_WITHOUT_PROCESSES = 4  # reading this many takes less time than starting processes


@validated(frozen=True, config=RUN_FORM)
class FormIngestJob:
    """Which scans to read, with which templates.

    Attributes:
        path: a PDF, TIFF, PNG or JPEG, a folder tree of them, or a text file that lists paths.
        templates: the YAML files of the forms to expect.
        name: the dataset ``name/split`` that receives the digits; named after the path if None.
        references: the folder of the blank forms; the folder of each template if None.
        processes: number of processes that read pages; one per core if None.
    """

    path: Path
    templates: tuple[Path, ...]
    name: str | None = None
    references: Path | None = None
    processes: PositiveInt | None = None


def ingest_forms(settings: Settings, job: FormIngestJob, observer: Observer = SILENT) -> IngestedForms:
    """Read every page of scanned documents with the template that fits it; never read a page twice.

    A document with other content under the same path replaces the earlier scan once one of its pages is
    read. Both stay stored.

    Raises:
        IngestError: a template is invalid, there is no document, or too many pages were rejected.
        LakeError: the lake cannot be read or written.
        WarehouseError: the database cannot be read or written.
    """
    dataset = job.name or default_dataset(job.path)
    validate_dataset(dataset)
    templates = tuple(read_template(template, job.references) for template in job.templates)
    processes = job.processes or usable_cores()
    outcome = observer.step(
        f"store-forms-{dataset}", _store_forms, job.path, dataset, templates, processes, settings, observer
    )
    replaced = f"{counted(outcome.replaced, 'document')} replaced, " if outcome.replaced else ""
    further = f", {outcome.further_sheets:,} further on the same scans" if outcome.further_sheets else ""
    observer.log(
        f"{dataset}: {counted(outcome.read, 'page')} read{further}, {outcome.known:,} read before, "
        f"{outcome.unmatched:,} unmatched, {outcome.rejected:,} rejected; "
        f"{replaced}{counted(outcome.added, 'digit')} added, {outcome.digits:,} in total"
    )
    return outcome


def _store_forms(
    path: Path,
    dataset: str,
    templates: Sequence[Template],
    processes: int,
    settings: Settings,
    observer: Observer,
) -> IngestedForms:
    """Find documents and store them, unless too many are rejected."""
    check_templates(templates)
    record_template_texts(templates, settings)
    listed = find_documents(path)
    journal = IngestJournal("forms", str(path), settings, observer)
    stored = store_documents(listed.paths, dataset, templates, processes, journal, settings, observer)
    first = next((path_text(Path(file.name)) for file in listed.unrecognised), None)
    outcome = replace(stored.outcome, unrecognised=len(listed.unrecognised), first_unrecognised=first)
    refuse_too_many_rejects(
        outcome.rejected,
        outcome.pages + outcome.further_sheets + len(stored.rejects),
        f"pages in {path}",
        f"the other {outcome.read} were read",
        settings,
    )
    journal.finish()
    return outcome


@dataclass(frozen=True)
class StoredDocuments:
    """The result of storing documents.

    Attributes:
        outcome: the counts.
        documents: the documents that could be opened, with the sha256 that was read.
        rejects: the reason for each document that could not be opened.
    """

    outcome: IngestedForms
    documents: tuple[Document, ...]
    rejects: tuple[Reject, ...]


def store_documents(
    paths: Sequence[Path],
    dataset: str,
    templates: Sequence[Template],
    processes: int,
    journal: IngestJournal,
    settings: Settings,
    observer: Observer,
    *,
    may_be_missing: bool = False,
    isolates_pages: bool = False,
) -> StoredDocuments:
    """Read documents page by page, and store the results every few hundred pages.

    Args:
        paths: the documents.
        dataset: ``name/split``.
        templates: the forms to expect, recorded by ``record_template_texts``.
        processes: number of processes that read pages.
        journal: the record of the ingest, not yet started.
        settings: of the home.
        observer: of the job.
        may_be_missing: skip documents that do not exist; otherwise they become rejects.
        isolates_pages: read even a few pages in processes of their own, which a page may crash.
    """
    limits = settings.page_limits
    fingerprint = fingerprint_parts(sorted(template.fingerprint for template in templates))
    job = FormJob(dataset, tuple(templates), fingerprint, limits, read_pieces)
    documents, rejects = inspect_documents(paths, limits, observer)
    if may_be_missing:
        rejects = [reject for reject in rejects if reject.kind != "missing_file"]
    pages = sum(document.pages for document in documents)
    journal.start(dataset, documents=len(documents), pages=pages)
    record_rejects(dataset, rejects, settings, observer)
    journal.add(dataset, rejected=len(rejects))
    before = list_current_documents(settings.warehouse, dataset)
    _record_documents(documents, dataset, settings, observer)
    outcome = IngestedForms(dataset, 0, len(documents))
    store = PageStore(job, settings, observer, journal, set(before.values()), outcome)
    parts = list(store.missing_parts(documents))
    total = sum(len(part.numbers) for part in parts)
    with observer.progress("Reading pages", total) as advance:
        is_small = total <= _PAGES_WITHOUT_PROCESSES and not isolates_pages
        for done in read_parts(job, parts, 0 if is_small else processes, observer):
            store.add(done)
            advance(len(done.part.numbers))
    outcome = store.finish()
    after = list_current_documents(settings.warehouse, dataset)
    replaced = sum(source in before and before[source] != after[source] for source in after)
    outcome = replace(outcome, rejected=outcome.rejected + len(rejects), replaced=replaced)
    return StoredDocuments(outcome, tuple(documents), tuple(rejects))


def record_template_texts(templates: Sequence[Template], settings: Settings) -> None:
    """Record the templates that pages are read with."""
    record_templates(settings.warehouse, [_record(t, settings) for t in templates])


def _record(template: Template, settings: Settings) -> TemplateRecord:
    return TemplateRecord(
        template=template.fingerprint,
        form=template.form,
        text=template.text,
        fields=tuple(each.name for each in template.fields),
        unique_fields=frozenset(rule.field for rule in template.rules if isinstance(rule, UniqueRule)),
        recorded_at=datetime.now(UTC),
        actor=settings.actor,
        choices=tuple(
            ChoiceRecord(each.name, each.kind, each.fewest, each.checks) for each in template.choices
        ),
    )


def _record_documents(
    documents: Sequence[Document], dataset: str, settings: Settings, observer: Observer
) -> None:
    common = {"dataset": dataset, **provenance(settings, observer, "recorded_at")}
    rows = [
        {
            "source_sha256": document.sha256,
            "source": document.source,
            "pages": document.pages,
            "size_bytes": document.size_bytes,
            **common,
        }
        for document in documents
    ]
    record_documents(settings.warehouse, pa.Table.from_pylist(rows, schema=DOCUMENTS))
