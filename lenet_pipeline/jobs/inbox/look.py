"""Look into an inbox: sort its new files by what a poll does with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lenet_pipeline.errors import UnknownNameError
from lenet_pipeline.ingest import path_text
from lenet_pipeline.jobs.inbox.files import FoundFiles, InboxFile, copy_objects, find_files, keep_complete
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import describe_os_error, file_digest
from lenet_pipeline.warehouse import (
    AskedDocument,
    InboxRecord,
    StoredVersion,
    TakenVersion,
    list_inbox_files,
    list_inbox_originals,
    read_inboxes,
)


@dataclass(frozen=True)
class PlannedFile:
    """A new version of a file, and what a poll does with it.

    Attributes:
        item: the file.
        status: ``taken``, ``unchanged``, ``duplicate`` or ``not_a_document``.
        source_sha256: the sha256 of its content; None if it is not a document, or was not read.
        dataset: the dataset that receives it; None if none does.
        original_path: the path of the document with the same content, of a duplicate.
    """

    item: InboxFile
    status: str
    source_sha256: str | None = None
    dataset: str | None = None
    original_path: str | None = None


@dataclass(frozen=True)
class Look:
    """The work that a poll of an inbox would do now.

    Attributes:
        inbox: the name of the inbox.
        files: the complete new files, each with what a poll does with it.
        waiting: number of new files that are not complete yet.
        problems: files and folders that cannot be read, each with the reason. The next poll tries them again.
        kept: known files that are still in the inbox, if it has an archive.
    """

    inbox: str
    files: tuple[PlannedFile, ...]
    waiting: int = 0
    problems: tuple[str, ...] = ()
    kept: tuple[InboxFile, ...] = field(default=(), repr=False)

    @property
    def documents(self) -> tuple[PlannedFile, ...]:
        """The documents that a poll would take."""
        return self.with_status("taken")

    @property
    def datasets(self) -> tuple[str, ...]:
        """The datasets that would receive documents, sorted."""
        return tuple(sorted({each.dataset for each in self.documents if each.dataset}))

    def with_status(self, status: str) -> tuple[PlannedFile, ...]:
        """Return the files with a status."""
        return tuple(each for each in self.files if each.status == status)


def find_inbox(settings: Settings, name: str) -> InboxRecord:
    """Return the declaration of an inbox.

    Raises:
        UnknownNameError: there is no such inbox.
        WarehouseError: the database cannot be read.
    """
    inboxes = {inbox.name: inbox for inbox in read_inboxes(settings.warehouse)}
    if name not in inboxes:
        raise UnknownNameError("inbox", name, inboxes, "Declare one with `lenet inbox add`")
    return inboxes[name]


def look(settings: Settings, name: str, as_of: datetime | None = None) -> Look:
    """Return what a poll of an inbox would do, without doing it and without waiting for unfinished files.

    With ``as_of``, files that changed later are left out, and documents that were taken later count as new
    if they still are in the inbox. Objects in a store are not read, so their duplicates are not detected.

    Raises:
        UnknownNameError: there is no such inbox.
        IngestError: the folder cannot be listed.
        StorageError: the store cannot be reached.
        WarehouseError: the database cannot be read.
    """
    inbox = find_inbox(settings, name)
    if as_of is not None:
        as_of = _in_utc(as_of)
    found = find_files(settings, inbox, list_inbox_files(settings.warehouse, name, until=as_of))
    if as_of is not None:
        found.new = [item for item in found.new if item.modified_ns <= as_of.timestamp() * 1e9]
    found = keep_complete(found, inbox.settle_s, sleep=None)
    local = [item for item in found.new if item.remote is None]
    planned, problems = plan_files(settings, inbox, local, as_of, until=as_of)
    remote = tuple(
        PlannedFile(item, "taken", dataset=day_dataset(name, as_of))
        for item in found.new
        if item.remote is not None
    )
    return Look(name, (*planned, *remote), found.waiting, (*found.problems, *problems))


def look_and_copy(settings: Settings, inbox: InboxRecord, as_of: datetime | None) -> Look:
    """Return what to do with the new files of an inbox, after waiting until they are complete.

    Objects in a store are copied into the home.
    """
    known = list_inbox_files(settings.warehouse, inbox.name)
    found: FoundFiles = keep_complete(find_files(settings, inbox, known), inbox.settle_s)
    present, missing = copy_objects(found.new)
    planned, problems = plan_files(settings, inbox, present, as_of)
    problems = (*found.problems, *missing, *problems)
    return Look(inbox.name, planned, found.waiting, problems, tuple(found.kept))


def day_dataset(inbox: str, as_of: datetime | None) -> str:
    """Return the dataset of the documents that an inbox takes on a day (UTC)."""
    return f"{inbox}/{_in_utc(as_of or datetime.now(UTC)):%Y-%m-%d}"


def _in_utc(moment: datetime) -> datetime:
    """Return a time in UTC. Prefect's form sends times without a zone, which are in UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def plan_files(
    settings: Settings,
    inbox: InboxRecord,
    files: Sequence[InboxFile],
    as_of: datetime | None,
    until: datetime | None = None,
) -> tuple[tuple[PlannedFile, ...], tuple[str, ...]]:
    """Decide what to do with new files, from their content and from what the inbox took before.

    Args:
        settings: of the home.
        inbox: the inbox.
        files: the files; removed files are left out.
        as_of: the time that names the dataset of new documents.
        until: count only what was taken or stored until this time.

    Returns:
        The files with what to do, and a problem for each file that cannot be read.
    """
    if not files:
        return (), ()
    from lenet_pipeline.forms import may_be_document  # loads OpenCV

    digests, problems, planned = dict[str, str](), list[str](), list[PlannedFile]()
    for item in files:
        try:
            if not may_be_document(item.file):
                if item.file.exists():
                    planned.append(PlannedFile(item, "not_a_document"))
                continue
            digests[item.path] = file_digest(item.file, "sha256")
        except FileNotFoundError:
            continue
        except OSError as exc:
            problems.append(f"cannot read {path_text(item.file)}: {describe_os_error(exc)}")
    if not digests:
        return tuple(planned), tuple(problems)
    asked = [
        AskedDocument(item.path, path_text(item.file), digests[item.path])
        for item in files
        if item.path in digests
    ]
    taken, stored = list_inbox_originals(settings.warehouse, inbox.name, asked, until)
    today = day_dataset(inbox.name, as_of)
    return (*planned, *_plan_documents(files, digests, taken, stored, today)), tuple(problems)


def _plan_documents(
    files: Sequence[InboxFile],
    digests: Mapping[str, str],
    taken: Sequence[TakenVersion],
    stored: Sequence[StoredVersion],
    today: str,
) -> Iterator[PlannedFile]:
    """Yield what to do with documents, whose content is known by the path.

    A document is a duplicate if another path has the same content now. A new version goes into the dataset of
    the first one, which it replaces there. Stored documents count too: an interrupted poll does not record
    what it took, and neither does a poll while the file changes.
    """
    by_path, by_source, by_content = dict[str, str](), dict[str, str](), dict[str, str]()
    for version in taken:
        by_path.setdefault(version.path, version.dataset)
        by_content.setdefault(version.source_sha256, version.dataset)
    for found in stored:
        by_source.setdefault(found.source, found.dataset)
        by_content.setdefault(found.source_sha256, found.dataset)
    before = {version.path: version.source_sha256 for version in taken}
    after = {**before, **digests}
    owners = dict[str, str]()
    for path, digest in before.items():
        if after[path] == digest:
            owners.setdefault(digest, path)
    for item in files:
        if item.path not in digests:
            continue
        digest = digests[item.path]
        owner = owners.setdefault(digest, item.path)
        if before.get(item.path) == digest:
            yield PlannedFile(item, "unchanged", digest, by_path[item.path])
        elif owner != item.path:
            yield PlannedFile(item, "duplicate", digest, None, owner)
        else:
            known = by_path.get(item.path) or by_source.get(path_text(item.file)) or by_content.get(digest)
            yield PlannedFile(item, "taken", digest, known or today)
