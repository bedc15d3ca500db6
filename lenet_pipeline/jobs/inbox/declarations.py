"""Declare inboxes and remove them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from lenet_pipeline.errors import IngestError
from lenet_pipeline.forms import read_template
from lenet_pipeline.ingest import absolute_path
from lenet_pipeline.jobs.inbox.defaults import SETTLE_S
from lenet_pipeline.jobs.inbox.look import find_inbox
from lenet_pipeline.jobs.template_checks import check_templates
from lenet_pipeline.lake import mask_url, open_place
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import InboxRecord, read_inboxes, record_inbox

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_AZURE_SCHEMES = ("abfs", "abfss")


@dataclass(frozen=True)
class DeclaredInbox:
    """A new declaration, and the one that it replaces, if any."""

    inbox: InboxRecord
    former: InboxRecord | None


def declare_inbox(
    settings: Settings,
    name: str,
    place: str,
    templates: tuple[Path, ...],
    references: Path | None = None,
    archive: Path | None = None,
    settle_s: float = SETTLE_S,
) -> DeclaredInbox:
    """Declare an inbox, or replace its declaration. Its documents stay known.

    Args:
        settings: of the home.
        name: the name, in lower-case letters, digits, ``-`` and ``_``.
        place: the folder, or the URL of a place in an object store.
        templates: the YAML files of the forms to expect. They are read at each poll.
        references: the folder of the blank forms; the folder of each template if None.
        archive: the folder to which documents are moved after they were read; None leaves them in the inbox.
        settle_s: how long a file must not change before it is taken, in seconds.

    Raises:
        IngestError: the name is malformed, the URL contains a password, or the folder or a template cannot
            be read.
        StorageError: the URL is malformed, or the store cannot be reached.
        WarehouseError: the database cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise IngestError(
            f"{name!r} is not a name for an inbox; use lower-case letters, digits, '-' and '_', such as "
            "invoices"
        )
    inbox = InboxRecord(
        name=name,
        place=_check_place(place),
        templates=tuple(str(absolute_path(path.expanduser())) for path in templates),
        references=str(absolute_path(references.expanduser())) if references else None,
        archive=str(absolute_path(archive.expanduser())) if archive else None,
        settle_s=settle_s,
    )
    check_templates(
        [
            read_template(Path(path), Path(inbox.references) if inbox.references else None)
            for path in inbox.templates
        ]
    )
    _check_archive(inbox)
    inboxes = {each.name: each for each in read_inboxes(settings.warehouse)}
    record_inbox(settings.warehouse, inbox, settings.actor)
    return DeclaredInbox(inbox, inboxes.get(name))


def remove_inbox(settings: Settings, name: str) -> InboxRecord:
    """Remove an inbox. Its documents stay stored, and known if it is declared again.

    Raises:
        UnknownNameError: there is no such inbox.
        WarehouseError: the database cannot be written.
    """
    inbox = find_inbox(settings, name)
    record_inbox(settings.warehouse, inbox, settings.actor, is_removed=True)
    return inbox


def _check_place(text: str) -> str:
    """Return the absolute path of a folder, or a URL that can be listed."""
    _refuse_credentials(text)
    place = open_place(text)
    if place.local is None:
        place.names()
        return text
    folder = absolute_path(place.local)
    if not folder.is_dir():
        raise IngestError(f"there is no folder {folder}; create it first, or correct the path")
    return str(folder)


def _refuse_credentials(text: str) -> None:
    """Refuse a URL with a user or a key, because the place is stored and printed."""
    if "://" not in text:
        return
    parts = urlsplit(text)
    is_azure = parts.scheme in _AZURE_SCHEMES  # abfs://CONTAINER@ACCOUNT
    if parts.password is not None or (parts.username and not is_azure) or mask_url(text) != text:
        raise IngestError(
            f"the URL of an inbox is stored, so it must not contain a user, a password or a key: "
            f"{parts.scheme}://{parts.hostname or ''}; set them in the environment"
        )


def _check_archive(inbox: InboxRecord) -> None:
    if inbox.archive is None:
        return
    if "://" in inbox.place:
        raise IngestError("--archive works with folders only; the objects of a store stay where they are")
    if Path(inbox.place).is_relative_to(inbox.archive):
        raise IngestError(f"the inbox {inbox.place} is in the archive {inbox.archive}; choose another folder")
