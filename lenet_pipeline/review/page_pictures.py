"""Pictures of whole pages from their scans, if the files still exist and are unchanged."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lenet_pipeline.audit import find_scans
from lenet_pipeline.errors import PipelineError
from lenet_pipeline.review.field_records import registered_page
from lenet_pipeline.settings import Settings
from lenet_pipeline.warehouse import ReviewRecords

SIZES = {"small": 360, "large": 1240}  # width in pixels; an A4 page has 150 dpi in the large one

_MOST_BYTES = 64 << 20  # of pictures in memory
_MOST_FILES = 10_000  # whose state is known
_MOST_DECODED = 2  # pages that are decoded at once; each takes up to a byte per pixel of the limit

_GONE = "The scan is no longer on this machine, or it is unreadable."

_State = tuple[int, int]  # size in bytes, and time of the last change in nanoseconds


class NoPictureError(PipelineError):
    """The picture of a page cannot be shown; the message says why."""


@dataclass
class PagePictures:
    """Pictures of registered pages as JPEG files, the last ones in memory. Methods may run in any thread."""

    most_bytes: int = _MOST_BYTES
    _pictures: OrderedDict[tuple[str, str, _State], bytes] = field(default_factory=OrderedDict)
    _digests: OrderedDict[tuple[Path, _State], str] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _decoding: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_MOST_DECODED))

    def find_problem(self, settings: Settings, page: Mapping[str, Any]) -> str | None:
        """Return why the scan of a page, a row of ``read_review_pages``, cannot be shown, or None."""
        try:
            self._require_unchanged(settings, page)
        except NoPictureError as exc:
            return str(exc)
        return None

    def draw(self, settings: Settings, page: Mapping[str, Any], size: str) -> bytes:
        """Return a page as it was registered, as a JPEG file.

        Args:
            settings: of the home; they limit the size of a scan.
            page: a row of ``read_review_pages``. The path of the scan comes from it, or from the archive of
                its inbox.
            size: one of ``SIZES``.

        Raises:
            NoPictureError: the scan is gone, changed, or cannot be decoded within the limits.
        """
        scan, state = self._require_unchanged(settings, page)
        key = (str(page["page_id"]), size, state)
        with self._lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
                return self._pictures[key]
        with self._decoding:
            picture = _decode(settings, scan, page, SIZES[size])
        with self._lock:
            self._bytes += len(picture) - len(self._pictures.pop(key, b""))
            self._pictures[key] = picture
            while self._bytes > self.most_bytes and len(self._pictures) > 1:
                self._bytes -= len(self._pictures.popitem(last=False)[1])
        return picture

    def _require_unchanged(self, settings: Settings, page: Mapping[str, Any]) -> tuple[Path, _State]:
        """Return the path of the scan and its state."""
        problem = None
        for path in find_scans(settings, page["source"], page["source_sha256"]):
            try:
                return path, self._require_content(path, page["source_sha256"])
            except NoPictureError as exc:
                problem = problem or exc
        raise problem or NoPictureError(_GONE)

    def _require_content(self, path: Path, source_sha256: str) -> _State:
        try:
            found = path.stat()
            state = (found.st_size, found.st_mtime_ns)
            with self._lock:
                digest = self._digests.get((path, state))
            if digest is None:
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                with self._lock:
                    self._digests[path, state] = digest
                    if len(self._digests) > _MOST_FILES:
                        self._digests.popitem(last=False)
        except (OSError, ValueError):
            raise NoPictureError(_GONE) from None
        if digest != source_sha256:
            raise NoPictureError("The scan has changed since it was read.")
        return state


def page_records(
    settings: Settings, pictures: PagePictures, records: ReviewRecords
) -> dict[str, dict[str, Any]]:
    """Return the pages of some fields as JSON values: size, boxes of fields, addresses of pictures."""
    found = {}
    for page in records.pages:
        width, height = registered_page(page).size
        problem = pictures.find_problem(settings, page)
        found[page["page_id"]] = {
            "page_id": page["page_id"],
            "width": width,
            "height": height,
            "problem": problem,
            "pictures": {} if problem else {size: f"/pages/{page['page_id']}/{size}.jpg" for size in SIZES},
            "boxes": [
                {name: row[name] for name in ("field_id", "field", "box")}
                for row in records.siblings
                if row["page_id"] == page["page_id"]
            ],
        }
    return found


def _decode(settings: Settings, path: Path, page: Mapping[str, Any], width: int) -> bytes:
    from lenet_pipeline.forms import draw_registered_page, read_scan  # loads OpenCV

    try:
        scan = read_scan(path, page["page"], settings.page_limits)
    except PipelineError as exc:
        raise NoPictureError(f"The scan cannot be shown: {exc}") from exc
    return draw_registered_page(scan.image, registered_page(page), width)
