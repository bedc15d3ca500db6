"""Find every sheet on a scan: two A5 forms on one A4 scan, or two pages on A3.

Alignment finds one sheet. Its place is then painted over and the rest of the scan is aligned in the same way,
until the rest is blank or too small for another sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.aligned_pages import AlignedPage, Unaligned
from lenet_pipeline.forms.alignment.blank_pages import is_blank
from lenet_pipeline.forms.alignment.homographies import Points, map_points, reduce_picture, shifting
from lenet_pipeline.forms.alignment.illumination import percentile_level
from lenet_pipeline.forms.alignment.page_alignment import align_page
from lenet_pipeline.forms.alignment.prepared_template import PreparedTemplate
from lenet_pipeline.forms.page import MM_PER_INCH, Grey, Page
from lenet_pipeline.forms.templates.model import Template

_LEAST_LEFT = 0.6  # of the area of the smallest form: less is left around a skewed or cropped page
_BRIGHT_SHARE = 0.75  # of the paper's grey level: a table or the bed of a scanner is darker
_REDUCED = 8  # the factor to shrink a scan by before measuring areas
_GROWTH = 1.03  # of a sheet's sides: the edge of the paper is painted over with the sheet
_MOST_OVERLAP = 0.2  # of the area of a sheet
_MOST_SHEETS = 16
_HALF = 0.6  # of the longer side of a scan: the parts overlap, so that one of them has a whole sheet
_LARGER = 1.8  # the area of a scan relative to a form from which on it may hold several sheets
_LONGER = 1.4  # the same for the ratio of its sides, if its resolution is unknown


@dataclass(frozen=True)
class _Sheet:
    """A sheet with its corners in pixels of the scan, clockwise from its top left, (4, 2)."""

    found: AlignedPage | Unaligned
    corners: Points

    @property
    def middle(self) -> Points:
        return np.asarray(self.corners.mean(axis=0))

    @property
    def height(self) -> float:
        """Return its extent down the scan."""
        return float(np.ptp(self.corners[:, 1]))

    @property
    def area(self) -> float:
        return float(cv2.contourArea(self.corners.astype(np.float32)))


def align_sheets(page: Page, prepared: Sequence[PreparedTemplate]) -> list[AlignedPage | Unaligned]:
    """Find all sheets on a scan, and align each with its template.

    Args:
        page: the scan, in any rotation and at any resolution.
        prepared: the templates to try, with ``register: scale`` templates last.

    Returns:
        The result of ``align_page`` for each sheet, from top to bottom and from left to right. If the rest of
        the scan has print that matches no template, it counts as a sheet too, as an ``Unaligned``. A scan of
        one sheet has one result.
    """
    first = _align_part(page, prepared)
    # A scaled page is the whole scan, so those templates cannot match a part of it.
    others = [one for one in prepared if one.template.alignment != "scale"]
    sheet = _locate_sheet(first)
    if sheet is None or not others:
        return [first]
    sheets = [sheet]
    least = _LEAST_LEFT * _smallest_area(sheet, others)
    rest = page.image
    while len(sheets) < _MOST_SHEETS and _has_room(page.image, sheets, least):
        rest = _paint_over(rest, sheets[-1])
        if is_blank(rest):
            break
        found = _align_part(replace(page, image=rest), others)
        sheet = _locate_sheet(found)
        if sheet is None or _overlaps(sheet, sheets, rest.shape):
            sheets.append(_unread_rest(page.image, sheets))
            break
        sheets.append(sheet)
    if isinstance(first, Unaligned):
        # Its place is uncertain. The rest of the scan counts only if it is certain to be a form.
        sheets = [one for one in sheets if one.found is first or isinstance(one.found, AlignedPage)]
    return [one.found for one in _in_reading_order(sheets)]


def _align_part(page: Page, prepared: Sequence[PreparedTemplate]) -> AlignedPage | Unaligned:
    """Align one sheet of a scan. If a scan matches nothing but has room for several, try its halves."""
    found = align_page(page, prepared)
    small = [one for one in prepared if one.template.alignment != "scale" and _is_larger(page, one.template)]
    if not isinstance(found, Unaligned) or found.kind != "unmatched_page" or not small:
        return found
    axis = int(page.image.shape[1] > page.image.shape[0])
    side = page.image.shape[axis]
    for start, stop in ((0, round(_HALF * side)), (round((1 - _HALF) * side), side)):
        half = page.image[start:stop] if axis == 0 else page.image[:, start:stop]
        part = _align_part(replace(page, image=np.ascontiguousarray(half)), small)
        if isinstance(part, AlignedPage):  # a poor match may only lack what is in the other half
            corner = (0, start) if axis == 0 else (start, 0)
            return replace(part, to_scan=shifting(*corner) @ part.to_scan)
    return found


def _is_larger(page: Page, template: Template) -> bool:
    """Return whether a scan has room for several sheets of a form, by its resolution or its proportions."""
    height, width = page.image.shape
    longer, shorter = max(template.width, template.height), min(template.width, template.height)
    if max(height, width) / min(height, width) >= _LONGER * longer / shorter:
        return True
    area = height * width * (MM_PER_INCH / page.dpi) ** 2 if page.dpi else 0.0
    return area >= _LARGER * longer * shorter


def _locate_sheet(found: AlignedPage | Unaligned) -> _Sheet | None:
    """Return the sheet of a page that matches a template, or None."""
    if found.prepared is None or found.to_scan is None:
        return None
    height, width = found.prepared.template.aligned_size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    return _Sheet(found, map_points(found.to_scan, corners))


def _smallest_area(sheet: _Sheet, prepared: Sequence[PreparedTemplate]) -> float:
    """Return the area of the smallest form in pixels of the scan, at the scale of a sheet."""
    own = sheet.found.prepared
    areas = [one.template.width * one.template.height for one in prepared]
    return min(areas) * sheet.area / (own.template.width * own.template.height) if own else min(areas)


def _has_room(scan: Grey, sheets: Sequence[_Sheet], least: float) -> bool:
    """Return whether paper of an area is left on a scan."""
    if scan.size - sum(sheet.area for sheet in sheets) < least:
        return False
    return float(_free_paper(scan, sheets).mean()) * scan.size >= least


def _free_paper(scan: Grey, sheets: Sequence[_Sheet]) -> NDArray[np.bool_]:
    """Return where the reduced scan has paper outside all sheets."""
    height, width = (max(side // _REDUCED, 1) for side in scan.shape)
    small = reduce_picture(scan, height, width)
    is_paper = small >= _BRIGHT_SHARE * percentile_level(small, 75)
    return np.asarray(is_paper & ~_cover(sheets, scan.shape))


def _cover(sheets: Sequence[_Sheet], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return where sheets are on the reduced scan."""
    covered = np.zeros([max(side // _REDUCED, 1) for side in shape], np.uint8)
    for sheet in sheets:
        cv2.fillConvexPoly(covered, np.rint(sheet.corners / _REDUCED).astype(np.int32), 1)
    return covered > 0


def _overlaps(sheet: _Sheet, others: Sequence[_Sheet], shape: tuple[int, ...]) -> bool:
    own = _cover([sheet], shape)
    return bool((own & _cover(others, shape)).sum() > _MOST_OVERLAP * own.sum())


def _paint_over(scan: Grey, sheet: _Sheet) -> Grey:
    """Return a scan with a sheet replaced by empty paper."""
    painted = scan.copy()
    corners = sheet.middle + (sheet.corners - sheet.middle) * _GROWTH
    cv2.fillConvexPoly(painted, np.rint(corners).astype(np.int32), (percentile_level(scan[::8, ::8], 75),))
    return painted


def _in_reading_order(sheets: Sequence[_Sheet]) -> list[_Sheet]:
    """Return sheets row by row. A sheet is in a row if its middle is less than half its height off."""
    rows: list[list[_Sheet]] = []
    for sheet in sorted(sheets, key=lambda one: float(one.middle[1])):
        if rows and sheet.middle[1] - rows[-1][0].middle[1] < sheet.height / 2:
            rows[-1].append(sheet)
        else:
            rows.append([sheet])
    return [sheet for row in rows for sheet in sorted(row, key=lambda one: float(one.middle[0]))]


def _unread_rest(scan: Grey, sheets: Sequence[_Sheet]) -> _Sheet:
    """Return the paper outside all sheets as one more sheet, a square around its middle."""
    forms = " and ".join(
        dict.fromkeys(repr(sheet.found.prepared.template.form) for sheet in sheets if sheet.found.prepared)
    )
    found = Unaligned(
        "unmatched_page",
        f"the rest of the scan, outside form {forms}, has print that matches none of the templates; if it is "
        "another form, add its template and ingest the scan again, or cut the scan into one picture per form",
    )
    y, x = np.nonzero(_free_paper(scan, sheets))
    half = np.sqrt(len(x)) / 2
    corners = np.array([[-half, -half], [half, -half], [half, half], [-half, half]])
    corners += x.mean(), y.mean()
    return _Sheet(found, corners * _REDUCED)
