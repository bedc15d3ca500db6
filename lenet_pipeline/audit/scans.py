"""Find the scan of a document that an inbox archived, or that was copied from an object store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lenet_pipeline.errors import WarehouseError
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import AsOf, list_archived_copies


def find_scans(settings: Settings, source: str, source_sha256: str) -> Iterator[Path]:
    """Yield the paths where a scan may be: ``source``, then its copies in an archive or in this home.

    The caller checks the content, and takes the first path that has that of the document.
    """
    yield Path(source)
    copies = []
    with suppress(WarehouseError):
        copies = list_archived_copies(settings.warehouse, source, source_sha256, AsOf())
    for copy in copies:
        if copy.archived_to is not None:
            yield Path(copy.archived_to)
        # The home may have moved since, with its copies of the objects in a store.
        yield settings.home / "inboxes" / copy.inbox / copy.path
