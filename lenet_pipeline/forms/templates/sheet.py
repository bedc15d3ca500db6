"""Read the page size, the blank form and the units of a template file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lenet_pipeline.forms.page import MM_PER_INCH
from lenet_pipeline.forms.templates.model import Rectangle, Reference
from lenet_pipeline.forms.templates.page_sizes import named_page_size
from lenet_pipeline.forms.templates.reference_size import ReferenceSize, read_reference_size
from lenet_pipeline.forms.templates.yaml_text import Fault, FaultyFile, Located
from lenet_pipeline.ingest import UnreadableImageError, path_text

_PX_DPI = 200.0  # for a PDF if places are in pixels and the file gives no resolution
_LARGEST_STRETCH = 0.02  # between the aspect ratios of reference and page: paper shrinks


@dataclass(frozen=True)
class Sheet:
    """A page and its reference, with the conversion of the file's units to millimetres.

    Attributes:
        width: the width of the page in millimetres.
        height: the height of the page in millimetres.
        across: millimetres per unit of the file, horizontally.
        down: millimetres per unit of the file, vertically.
        reference: the blank form, if the template has one.
        reference_sha256: the hash of the blank form's bytes.
    """

    width: float
    height: float
    across: float
    down: float
    reference: Reference | None
    reference_sha256: str | None

    def rectangle(self, place: Located) -> Rectangle:
        """Convert a place in the file to millimetres."""
        x, y, width, height = (float(place[key].value) for key in ("x", "y", "width", "height"))
        return Rectangle(x * self.across, y * self.down, width * self.across, height * self.down)


def read_sheet(written: Located, folders: list[Path]) -> Sheet:
    """Read the page of a template. Its size comes from the file, or else from its reference.

    Args:
        written: a template file that has passed the schema.
        folders: the folders to search for the reference, in order.

    Raises:
        FaultyFile: the reference is missing or unreadable, its shape differs from the page's, or the page
            size is unknown.
    """
    found = written.get("reference")
    reference = _find_reference(found, folders) if found else None
    size = dpi = None
    if found and reference:
        dpi = float(found["dpi"].value) if isinstance(found.value, dict) and "dpi" in found else None
        size = _sized(found, reference, dpi)
    page = written.get("page")
    paper = _page_size(page, size)
    if paper is None:
        raise FaultyFile(_no_page_size(written, found))
    if page and size:
        _check_shape(page, paper, size)
    across, down = _unit_sizes(written, size, dpi, paper)
    return Sheet(*paper, across, down, reference, size.sha256 if size else None)


def _find_reference(found: Located, folders: list[Path]) -> Reference:
    file = found if isinstance(found.value, str) else found["file"]
    page = 1 if isinstance(found.value, str) or "page" not in found else int(found["page"].value)
    has_print = isinstance(found.value, dict) and "print_in_cells" in found and found["print_in_cells"].value
    tried = [folder / file.value for folder in folders]
    for candidate in tried:
        with suppress(OSError):  # such as a name that is too long, or a folder without access
            if candidate.exists():
                return Reference(candidate, page, bool(has_print))
    places = " or ".join(dict.fromkeys(path_text(candidate) for candidate in tried))
    reason = (
        f"the reference {file.value!r} is missing; expected the blank form at {places}, "
        "or in the folder of --references"
    )
    raise FaultyFile(Fault(file.line, reason))


def _sized(found: Located, reference: Reference, dpi: float | None) -> ReferenceSize:
    """Read the size of a reference. The template's dpi applies to an image that does not state its own."""
    try:
        size = read_reference_size(reference)
    except UnreadableImageError as exc:
        reason = f"cannot read page {reference.page} of the reference {path_text(reference.path)}: {exc}"
        raise FaultyFile(Fault(found.line, reason)) from exc
    if dpi and size.pixels and size.paper is None:
        scale = MM_PER_INCH / dpi
        return replace(size, paper=(size.pixels[0] * scale, size.pixels[1] * scale))
    return size


def _page_size(page: Located | None, size: ReferenceSize | None) -> tuple[float, float] | None:
    if page is None:
        return size.paper if size else None
    if isinstance(page.value, str):
        return named_page_size(page.value)
    return float(page["width"].value), float(page["height"].value)


def _no_page_size(written: Located, reference: Located | None) -> Fault:
    if reference:
        reason = "the reference does not state its resolution, so its size on paper is unknown"
    else:
        reason = "the page size is missing, and the template has no reference to take it from"
    hint = "add one, such as page: A4 or page: {width: 210, height: 297}"
    return Fault(reference.line if reference else written.line, f"{reason}; {hint}")


def _check_shape(page: Located, given: tuple[float, float], size: ReferenceSize) -> None:
    """Refuse a page whose aspect ratio differs from its reference's. Often one of the two is rotated."""
    found, unit = (size.paper, "mm") if size.paper else (size.pixels, "px")
    if found is None:
        return
    stretch = (given[0] / given[1]) / (found[0] / found[1])
    if not 1 / (1 + _LARGEST_STRETCH) <= stretch <= 1 + _LARGEST_STRETCH:
        reason = (
            f"the page is {given[0]:g} x {given[1]:g} mm, but its reference is "
            f"{found[0]:g} x {found[1]:g} {unit}, which is a different shape; correct the page size, or "
            "omit it to use the reference's"
        )
        raise FaultyFile(Fault(page.line, reason))


def _unit_sizes(
    written: Located, size: ReferenceSize | None, dpi: float | None, page: tuple[float, float]
) -> tuple[float, float]:
    """Return the millimetres per unit of the file, across and down."""
    units = written.get("units")
    if units is None or units.value == "mm":
        return 1.0, 1.0
    if size is None:
        reason = "units: px means pixels of a reference, and the template has none; add a reference or use mm"
        raise FaultyFile(Fault(units.line, reason))
    if size.pixels:
        return page[0] / size.pixels[0], page[1] / size.pixels[1]
    # A PDF always states its size. The page may be a scaled print of it.
    paper = size.paper or page
    scale = MM_PER_INCH / (dpi or _PX_DPI)
    return scale * page[0] / paper[0], scale * page[1] / paper[1]
