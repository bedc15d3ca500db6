"""Find the boxes printed on a blank form, as even areas that edges enclose on all sides.

Searching for areas instead of lines handles every kind of border: a thin grey line, a thick black line, a
filled block or the grey tint of a neighbour. Print inside a box shows as a hole in its area.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

from lenet_pipeline.forms.page import MM_PER_INCH, Grey
from lenet_pipeline.forms.templates.model import Rectangle
from lenet_pipeline.forms.templates.ruled_boxes import find_ruled_areas, has_lines

_NARROWEST_MM, _LOWEST_MM = 2.5, 3.0
_WIDEST_MM, _HIGHEST_MM = 160.0, 22.0
_LEAST_EDGE = 16  # grey levels across three pixels: a thin line at 75 % white has 40 or more
_EDGE_TO_GRAIN = 2.0  # in scanned blanks: edges relative to the paper's own range across three pixels
_MOST_EDGE = 40.0  # grey levels: the upper limit of that threshold
_LEAST_GRAIN, _SMOOTHED_MM = 4.0, 0.12  # smooth paper with more grain than this; the width of the smoothing
_LARGEST_GAP_MM = 0.4  # in dotted or broken lines
_LEAST_RECTANGULAR = 0.93  # the share of its tilted bounding rectangle that a box fills; a disc fills 0.785
_LARGEST_TILT = 0.05  # radians, for scanned blanks
_LARGEST_SPECK_MM = 0.8  # noise and dust in scans
_MOST_PRINT_MM2 = 0.6  # in an empty box; a hyphen covers more
_THICKEST_LINE_MM = 1.2  # anything thicker is a block, and the box ends at its edge
_LOOKED_OUTWARDS_MM = 2.0
_LOOKED_INWARDS_MM = 0.6
_OVERLAP_MM = 1.0  # boxes that share more are the same box
_INSET_MM = 0.8  # away from the lines of a box
_LEAST_CONTRAST = 10.0  # grey levels between a box and its line

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PrintedBox:
    """A printed box up to the middle of its lines, and whether it has print inside."""

    place: Rectangle
    has_print: bool


def find_printed_boxes(blank: Grey, dpi: float) -> tuple[PrintedBox, ...]:
    """Return the rectangular boxes on a page, from 2.5 by 3 to 160 by 22 mm, in any order.

    Args:
        blank: uint8 (height, width), 0 black to 255 white, upright; 100 to 600 pixels per inch.
        dpi: the resolution of the page in pixels per inch.
    """
    scale = dpi / MM_PER_INCH
    found = _boxes_in(_even_areas(blank, scale), blank, scale)
    ruled = _boxes_in(find_ruled_areas(blank, scale), blank, scale)
    new = [box for box in ruled if not _is_known(box, found) and has_lines(blank, box.place, scale)]
    return (*found, *(_with_print(box, blank, scale) for box in new))


def _is_known(box: PrintedBox, known: Sequence[PrintedBox]) -> bool:
    """Return whether a box overlaps one of the known boxes."""
    place = box.place
    for other in (each.place for each in known):
        across = min(place.x + place.width, other.x + other.width) - max(place.x, other.x)
        down = min(place.y + place.height, other.y + other.height) - max(place.y, other.y)
        if min(across, down) > _OVERLAP_MM:
            return True
    return False


def _with_print(box: PrintedBox, blank: Grey, scale: float) -> PrintedBox:
    """Return a box that was found by its lines, with whether it has ink inside."""
    left, top, right, bottom = (
        round(edge * scale)
        for edge in (
            box.place.x + _INSET_MM,
            box.place.y + _INSET_MM,
            box.place.x + box.place.width - _INSET_MM,
            box.place.y + box.place.height - _INSET_MM,
        )
    )
    inside = blank[max(top, 0) : bottom, max(left, 0) : right]
    dark = np.count_nonzero(inside < np.median(inside) - _MOST_EDGE)
    return PrintedBox(box.place, bool(dark / scale**2 > _MOST_PRINT_MM2))


def _boxes_in(even: NDArray[np.uint8], blank: Grey, scale: float) -> list[PrintedBox]:
    """Return the rectangular ones of the areas in a mask."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(even, connectivity=4)
    found = []
    for label in range(1, count):
        left, top, width, height, area = (int(value) for value in statistics[label])
        fits = _NARROWEST_MM <= width / scale <= _WIDEST_MM and _LOWEST_MM <= height / scale <= _HIGHEST_MM
        if not fits:
            continue
        inside = np.asarray(labels[top : top + height, left : left + width] == label, dtype=np.uint8)
        outline = _rectangular_outline(inside)
        if outline is not None:
            printed = (outline - area) / scale**2
            place = _extend_to_lines(blank, (left, top, left + width, top + height), scale)
            found.append(PrintedBox(place, printed > _MOST_PRINT_MM2))
    return found


def _even_areas(blank: Grey, scale: float) -> NDArray[np.uint8]:
    """Return a mask, uint8 (height, width): 1 on even areas, 0 on edges and in small gaps of lines."""
    square = np.ones((3, 3), np.uint8)
    # Tints are often printed as grey with white dots. Opening removes the dots and keeps dark lines.
    opened = cv2.morphologyEx(blank, cv2.MORPH_OPEN, square)
    span = _local_span(opened)
    if np.median(span) > _LEAST_GRAIN:
        span = _local_span(cv2.GaussianBlur(blank, (0, 0), _SMOOTHED_MM * scale))
    threshold = np.clip(_EDGE_TO_GRAIN * np.median(span), _LEAST_EDGE, _MOST_EDGE)
    edges = np.asarray(span > threshold, dtype=np.uint8)
    side = max(1, round(_LARGEST_GAP_MM * scale))
    closed = cv2.morphologyEx(edges, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(closed, connectivity=8)
    longest = statistics[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1)
    is_edge = longest > _LARGEST_SPECK_MM * scale
    is_edge[0] = False  # the even areas
    return np.asarray(~is_edge[labels], dtype=np.uint8)


def _local_span(grey: MatLike) -> MatLike:
    """Return the range of grey levels among each pixel and its eight neighbours."""
    square = np.ones((3, 3), np.uint8)
    return cv2.subtract(cv2.dilate(grey, square), cv2.erode(grey, square))


def _rectangular_outline(inside: NDArray[np.uint8]) -> float | None:
    """Return the pixel count inside an area's outline, with holes, or None if it is not a rectangle."""
    contours, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=cv2.contourArea)
    filled = np.zeros_like(inside)
    cv2.drawContours(filled, [contour], -1, 1, thickness=cv2.FILLED)
    pixels = float(np.count_nonzero(filled))
    (_, (across, down), _) = cv2.minAreaRect(contour)
    if pixels < _LEAST_RECTANGULAR * (across + 1) * (down + 1):
        return None
    height, width = inside.shape
    # An area tilted by t fills about 1 - t (long / short) of its upright bounding rectangle.
    tilted = _LARGEST_TILT * max(height, width) / min(height, width)
    return pixels if pixels > (_LEAST_RECTANGULAR - tilted) * inside.size else None


def _extend_to_lines(blank: Grey, area: tuple[int, int, int, int], scale: float) -> Rectangle:
    """Return an area's rectangle in millimetres, with each side moved out to the middle of its line.

    Args:
        blank: the page.
        area: left, top, right and bottom in pixels; right and bottom are exclusive.
        scale: pixels per millimetre.
    """
    left, top, right, bottom = area
    # Skip the corners, which contain the lines of the other sides.
    row_margin, column_margin = (bottom - top) // 8, (right - left) // 8
    rows = blank[top + row_margin : bottom - row_margin].mean(axis=0)
    columns = blank[:, left + column_margin : right - column_margin].mean(axis=1)
    x = left - _line_offset(rows[::-1], rows.size - left, scale)
    y = top - _line_offset(columns[::-1], columns.size - top, scale)
    to_right = right + _line_offset(rows, right, scale)
    to_bottom = bottom + _line_offset(columns, bottom, scale)
    return Rectangle(x / scale, y / scale, (to_right - x) / scale, (to_bottom - y) / scale)


def _line_offset(profile: Floats, start: int, scale: float) -> float:
    """Return the distance in pixels from an area's end to the middle of its line.

    Args:
        profile: grey levels along a direction that leaves the area, one per pixel.
        start: the first pixel outside the area.
        scale: pixels per millimetre.
    """
    inwards, outwards = round(_LOOKED_INWARDS_MM * scale), round(_LOOKED_OUTWARDS_MM * scale)
    inside = float(np.median(profile[max(0, start - inwards) : start]))
    begin = max(0, start - 2)
    beyond = profile[begin : start + outwards]
    near = beyond[: max(3, round(_THICKEST_LINE_MM * scale))]
    darkest = int(near.argmin())
    dark = float(near[darkest])
    if inside - dark < _LEAST_CONTRAST:
        # There is no line here: a tint ends, and brighter paper follows.
        step = _crossing(beyond, 0, (inside + float(near.max())) / 2)
        return 0.0 if step is None else begin - start + step
    first = _crossing(beyond, 0, (inside + dark) / 2)
    first = float(darkest) if first is None else first
    outside = float(beyond[darkest:].max())
    last = _crossing(beyond, darkest, (outside + dark) / 2) if outside - dark > _LEAST_CONTRAST else None
    if last is None or last - first > _THICKEST_LINE_MM * scale:
        last = first  # a block starts here
    return begin - start + (first + last) / 2


def _crossing(levels: Floats, after: int, level: float) -> float | None:
    """Return the first position from an index on where levels cross a level, or None if they never do.

    Positions lie between pixels and count from the left edge of the first pixel, whose middle is at 0.5.
    """
    for index, (here, there) in enumerate(pairwise(levels[after:]), start=after):
        if (here - level) * (there - level) <= 0 and here != there:
            return index + 0.5 + float((here - level) / (here - there))
    return None
