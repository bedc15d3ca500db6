"""List the files of an inbox that are new or changed, and wait until they are complete."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from lenet_pipeline.errors import IngestError, StorageError
from lenet_pipeline.ingest import path_text
from lenet_pipeline.lake import ListedObject, Place, open_place
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import describe_os_error
from lenet_pipeline.warehouse import FileVersion, InboxRecord

# Programs give these names to files that they have not finished.
_PARTIAL_ENDS = (".part", ".partial", ".filepart", ".crdownload", ".download", ".tmp", "~")
_HIDDEN_STARTS = (".", "~$")


@dataclass(frozen=True)
class InboxFile:
    """One version of a file in an inbox.

    Attributes:
        path: the path in the inbox, as text.
        file: the file on this machine; for an object in a store, the copy in the home.
        size_bytes: its size.
        modified_ns: when its content changed, in nanoseconds since 1970.
        changed_ns: when it or its name changed, in nanoseconds since 1970.
        remote: the place of an object in a store; None for a file.
    """

    path: str
    file: Path
    size_bytes: int
    modified_ns: int
    changed_ns: int
    remote: Place | None = None

    def is_unchanged(self) -> bool:
        """Tell whether the file still is this version. An object in a store was copied, so it always is."""
        if self.remote is not None:
            return True
        try:
            found = self.file.stat()
        except OSError:
            return False
        return (found.st_size, found.st_mtime_ns) == (self.size_bytes, self.modified_ns)

    def is_complete(self, now_ns: int, settle_s: float) -> bool:
        """Tell whether the file has not changed for so long that its writer must have finished."""
        if self.remote is not None:
            return True  # a store lists an object once it is whole
        return now_ns - max(self.modified_ns, self.changed_ns) >= settle_s * 1e9


@dataclass
class FoundFiles:
    """The result of a look at the files of an inbox.

    Attributes:
        new: files that are not known, or not in this version.
        kept: known files that are still there.
        waiting: new files that are not complete yet.
        problems: folders that cannot be listed, each with the reason.
    """

    new: list[InboxFile] = field(default_factory=list)
    kept: list[InboxFile] = field(default_factory=list)
    waiting: int = 0
    problems: list[str] = field(default_factory=list)


def find_files(settings: Settings, inbox: InboxRecord, known: Mapping[str, FileVersion]) -> FoundFiles:
    """List the files of an inbox, without hidden files and files with the name of an unfinished one.

    ``kept`` is filled only if the inbox has an archive.

    Raises:
        IngestError: the folder does not exist, or cannot be listed.
        StorageError: the store cannot be reached.
    """
    place = open_place(inbox.place)
    found = FoundFiles()
    if place.local is None:
        _list_objects(settings, inbox, place, known, found)
    else:
        _list_folder(inbox, place.local, known, found)
    found.new.sort(key=lambda item: item.path)
    return found


def keep_complete(
    found: FoundFiles, settle_s: float, sleep: Callable[[float], None] | None = time.sleep
) -> FoundFiles:
    """Return the new files that are complete, after waiting for recently changed files.

    A file is complete if it has not changed for ``settle_s`` seconds, or if it does not change while this
    function waits. The second rule does not need the clock of the machine that wrote it.

    Args:
        found: the new files.
        settle_s: how long a file must not change.
        sleep: waits; None does not wait, so that files that changed a moment ago stay incomplete.
    """
    now_ns = time.time_ns()
    recent = [item for item in found.new if not item.is_complete(now_ns, settle_s)]
    if recent and sleep is not None:
        ages_s = [(now_ns - max(item.modified_ns, item.changed_ns)) / 1e9 for item in recent]
        sleep(min(settle_s, max(settle_s - age_s for age_s in ages_s)))
        recent = [item for item in recent if not _is_same_version(item)]
    incomplete = {item.path for item in recent}
    complete = [item for item in found.new if item.path not in incomplete]
    return FoundFiles(complete, found.kept, len(incomplete), found.problems)


def scan_path(settings: Settings, inbox: str, path: str) -> Path:
    """Return the path in the home of the copy of an object, whose key is never trusted as a path."""
    parts = [part if part not in ("", ".", "..") else f"%{quote(part)}" for part in path.split("/")]
    return settings.home / "inboxes" / inbox / Path(*parts)


def _is_same_version(item: InboxFile) -> bool:
    try:
        found = item.file.stat()
    except OSError:
        return False
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns) == (
        item.size_bytes,
        item.modified_ns,
        item.changed_ns,
    )


def _is_skipped(name: str) -> bool:
    return name.startswith(_HIDDEN_STARTS) or name.lower().endswith(_PARTIAL_ENDS)


def _list_folder(
    inbox: InboxRecord, folder: Path, known: Mapping[str, FileVersion], found: FoundFiles
) -> None:
    """List a folder tree. This loop runs 100,000 times for a large inbox, so it makes few objects."""
    skipped = {str(Path(inbox.archive))} if inbox.archive else set[str]()
    keeps = inbox.archive is not None
    pending = [(str(folder), "")]
    while pending:
        parent, prefix = pending.pop()
        try:
            with os.scandir(parent) as entries:
                for entry in entries:
                    name = entry.name
                    if _is_skipped(name):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        if entry.path not in skipped:
                            pending.append((entry.path, f"{prefix}{name}/"))
                        continue
                    try:
                        state = entry.stat()
                    except OSError:
                        continue  # it is gone, or a link to nothing
                    path = prefix + name
                    if not path.isascii():
                        path = path_text(Path(path))
                    is_known = known.get(path) == (state.st_size, state.st_mtime_ns)
                    if is_known and not keeps:
                        continue
                    if not entry.is_file():
                        continue
                    item = InboxFile(
                        path, Path(entry.path), state.st_size, state.st_mtime_ns, state.st_ctime_ns
                    )
                    (found.kept if is_known else found.new).append(item)
        except OSError as exc:
            if not prefix:
                raise IngestError(
                    f"inbox {inbox.name}: cannot list {folder}: {exc.strerror}; check the folder, or declare "
                    "the inbox again with `lenet inbox add`"
                ) from exc
            found.problems.append(f"cannot list {path_text(Path(parent))}: {describe_os_error(exc)}")


def _list_objects(
    settings: Settings, inbox: InboxRecord, place: Place, known: Mapping[str, FileVersion], found: FoundFiles
) -> None:
    for listed in place.walk():
        if any(_is_skipped(part) for part in listed.path.split("/")):
            continue
        if known.get(listed.path) == (listed.size_bytes, listed.modified_ns):
            continue
        found.new.append(_as_file(settings, inbox, place, listed))


def _as_file(settings: Settings, inbox: InboxRecord, place: Place, listed: ListedObject) -> InboxFile:
    copy = scan_path(settings, inbox.name, listed.path)
    return InboxFile(
        listed.path, copy, listed.size_bytes, listed.modified_ns, listed.modified_ns, place / listed.path
    )


def copy_objects(files: Sequence[InboxFile]) -> tuple[list[InboxFile], list[str]]:
    """Copy objects of a store into the home. Files on this machine stay where they are.

    Returns:
        The files that can be read, and a problem for each object that could not be copied.
    """
    present, problems = list[InboxFile](), list[str]()
    for item in files:
        if item.remote is None:
            present.append(item)
            continue
        try:
            open_place(item.file).write_bytes(item.remote.read_bytes())
        except FileNotFoundError:
            continue  # it was removed after it was listed
        except StorageError as exc:
            problems.append(str(exc))
        except OSError as exc:
            problems.append(f"cannot write {item.file}: {describe_os_error(exc)}")
        else:
            present.append(item)
    return present, problems
