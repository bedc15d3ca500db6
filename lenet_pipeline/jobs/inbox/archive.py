"""Move the documents that were read from an inbox into its archive, without overwriting any file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from lenet_pipeline.errors import StorageError
from lenet_pipeline.jobs.inbox.files import InboxFile
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import Observer, describe_os_error, file_digest, written_whole
from lenet_pipeline.warehouse import (
    InboxRecord,
    list_stored_files,
    record_archived_documents,
)

_DIGEST_LETTERS = 12  # enough to tell the versions of one document apart
_BATCH = 500  # a killed poll records at most this many copies again


def archive_documents(
    settings: Settings, inbox: InboxRecord, files: Sequence[InboxFile], observer: Observer
) -> int:
    """Move files to the same relative path in the archive; return their number.

    Only versions that are stored are moved. A file is copied or linked first, then recorded, then removed
    from the inbox, so an interrupted call can be repeated at any point.

    Raises:
        StorageError: the archive cannot be written.
        WarehouseError: the database cannot be read or written.
    """
    if not files:
        return 0
    stored = list_stored_files(settings.warehouse, inbox.name, [item.path for item in files])
    waiting = [item for item in files if stored.get(item.path) == (item.size_bytes, item.modified_ns)]
    moved = 0
    with observer.progress("Archiving", len(waiting)) as advance:
        for start in range(0, len(waiting), _BATCH):
            batch = waiting[start : start + _BATCH]
            copies = {item.path: copy for item in batch if (copy := _copy(inbox, item)) is not None}
            record_archived_documents(
                settings.warehouse,
                inbox.name,
                {path: (stored[path], str(copy)) for path, copy in copies.items()},
            )
            for item in batch:
                if item.path in copies and item.is_unchanged():
                    with suppress(FileNotFoundError):
                        item.file.unlink()
                    moved += 1
            advance(len(batch))
    return moved


def _copy(inbox: InboxRecord, item: InboxFile) -> Path | None:
    """Put a file into the archive and return the copy; None if the file is gone or has changed."""
    wanted = Path(inbox.archive or "") / item.file.relative_to(inbox.place)
    try:
        if not item.is_unchanged():
            return None
        digest = file_digest(item.file, "sha256")
        for target in (wanted, wanted.with_name(f"{digest[:_DIGEST_LETTERS]}-{wanted.name}")):
            if _place(item.file, target, digest):
                return target
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise StorageError(f"cannot archive {item.file}: {describe_os_error(exc)}") from exc
    raise StorageError(f"cannot archive {item.file}: {wanted} exists with other content; move it away")


def _place(file: Path, target: Path, digest: str) -> bool:
    """Link or copy a file to a new path; return False if the path has other content."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return file_digest(target, "sha256") == digest
    try:
        os.link(file, target)
    except FileExistsError:
        return False
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        with written_whole(target) as temporary:
            shutil.copy2(file, temporary)
    return True
