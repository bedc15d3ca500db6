"""The contact sheet of an exported review: a page that shows each digit in its field and on its scan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from lenet_pipeline.audit.pages import page_template
from lenet_pipeline.audit.scans import find_scans
from lenet_pipeline.settings import Settings
from lenet_pipeline.system import written_whole
from lenet_pipeline.warehouse import StoredRun, list_places_of_digits, read_field_pictures

_MOST_PAGES = 40  # pages to draw: decoding one takes a tenth of a second
_PAGE_HEIGHT_PX = 480
_PAGE_QUALITY = 70

Row = Mapping[str, Any]
_Page = tuple[str, str, int]  # path and sha256 of the document, and the page, from 1
_FieldPicture = tuple[str, tuple[int, int]]  # path relative to the sheet; width and height


def write_contact_sheet(
    path: Path, pictures: Path, settings: Settings, run: StoredRun, digits: Sequence[Row]
) -> None:
    """Write the contact sheet of an exported review, and its pictures of fields and pages.

    A page is drawn only if its document is still at the same path, unchanged. At most 40 pages are drawn.

    Args:
        path: the HTML file to write.
        pictures: an existing folder next to it, for the pictures.
        settings: of the home.
        run: the exported run.
        digits: rows of the table of reviews, in order.

    Raises:
        OSError: a file cannot be written.
        WarehouseError: the database cannot be read.
    """
    places = {
        row["digit_id"]: row
        for row in list_places_of_digits(
            settings.warehouse, run.scoring_run_id, [row["digit_id"] for row in digits]
        ).to_pylist()
    }
    ordered = [places[row["digit_id"]] for row in digits if row["digit_id"] in places]
    fields = _write_field_pictures(pictures, settings, ordered)
    pages = _write_page_pictures(pictures, settings, ordered)
    wanted = len({_page_of(place) for place in ordered})
    entries = [_describe(row, places.get(row["digit_id"]), fields, pages) for row in digits]
    text = page_template("contact_sheet.html").render(
        run=run,
        entries=entries,
        pages=_MOST_PAGES,
        pages_over_limit=max(0, wanted - _MOST_PAGES),
        pages_missing=min(wanted, _MOST_PAGES) - len(pages),
        actor=settings.actor,
        exported_at=datetime.now(UTC),
    )
    with written_whole(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")


def _describe(
    row: Row, place: Row | None, fields: Mapping[str, _FieldPicture], pages: Mapping[_Page, str]
) -> dict[str, Any]:
    """Return what the sheet shows of a digit."""
    entry = {**row, "place": place, "field_picture": None, "cell": None, "page_picture": None}
    if place is None:
        return entry
    picture, size = fields[place["field_id"]]
    entry["field_picture"], entry["cell"] = picture, _outline(_cell_edges(place, size))
    if _page_of(place) in pages:
        box, width, height = place["field_source_box"], place["width_px"], place["height_px"]
        edges = (
            box["x"] / width,
            box["y"] / height,
            (box["x"] + box["width"]) / width,
            (box["y"] + box["height"]) / height,
        )
        entry["page_picture"], entry["field_on_page"] = pages[_page_of(place)], _outline(edges)
    return entry


def _cell_edges(place: Row, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return a cell's edges in its field's picture, as fractions of the width and height in ``size``."""
    from lenet_pipeline.forms import place_in_picture  # loads OpenCV
    from lenet_pipeline.ingest import Box

    across, down = size
    field, cell = Box(**place["field_box"]), Box(**place["box"])
    left, top, width, height = place_in_picture((down, across), field, cell)
    return left / across, top / down, (left + width) / across, (top + height) / down


def _outline(edges: tuple[float, float, float, float]) -> str:
    """Return the CSS that puts an outline over a part of a picture, given by fractions of its sides."""
    left, top, right, bottom = (100 * min(1.0, max(0.0, edge)) for edge in edges)
    return f"left:{left:.2f}%;top:{top:.2f}%;width:{right - left:.2f}%;height:{bottom - top:.2f}%"


def _write_field_pictures(
    folder: Path, settings: Settings, places: Sequence[Row]
) -> dict[str, _FieldPicture]:
    """Write the picture of each field; return its path and size, by field_id."""
    wanted = dict.fromkeys(str(place["field_id"]) for place in places)
    rows = read_field_pictures(settings.warehouse, list(wanted)).to_pylist() if wanted else []
    stored = {row["field_id"]: row["picture"] for row in rows}
    written = {}
    for number, field_id in enumerate(wanted, start=1):
        name = f"field-{number:05}.jpg"
        (folder / name).write_bytes(stored[field_id])
        with Image.open(BytesIO(stored[field_id])) as picture:
            written[field_id] = f"{folder.name}/{name}", picture.size
    return written


def _write_page_pictures(folder: Path, settings: Settings, places: Sequence[Row]) -> dict[_Page, str]:
    """Write a small picture of each page that is still here; return its path."""
    documents: dict[tuple[str, str], set[int]] = defaultdict(set)
    for source, sha256, number in list(dict.fromkeys(map(_page_of, places)))[:_MOST_PAGES]:
        documents[source, sha256].add(number)
    written: dict[_Page, str] = {}
    for (source, sha256), numbers in documents.items():
        for number, picture in _read_small_pages(settings, source, sha256, sorted(numbers)):
            name = f"page-{len(written) + 1:05}.jpg"
            picture.save(folder / name, "JPEG", quality=_PAGE_QUALITY)
            written[source, sha256, number] = f"{folder.name}/{name}"
    return written


def _page_of(place: Row) -> _Page:
    return place["source"], place["source_sha256"], place["page"]


def _read_small_pages(
    settings: Settings, source: str, sha256: str, numbers: Sequence[int]
) -> Iterator[tuple[int, Image.Image]]:
    """Yield reduced pages of a document; none if it is not here, or has changed since it was ingested."""
    from lenet_pipeline.forms import inspect_document, locate_sheet, read_pages  # loads OpenCV
    from lenet_pipeline.ingest import Reject

    limits = settings.page_limits
    for path in find_scans(settings, source, sha256):
        document = inspect_document(path, limits)
        if not isinstance(document, Reject) and document.sha256 == sha256:
            break
    else:
        return
    for number in numbers:
        scanned, _ = locate_sheet(number, document.pages)
        for page in read_pages(document, limits, range(scanned, scanned + 1)):
            if not isinstance(page, Reject):
                picture = Image.fromarray(page.image)
                picture = picture.reduce(max(1, picture.height // _PAGE_HEIGHT_PX))
                yield number, picture
