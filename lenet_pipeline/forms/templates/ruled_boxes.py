"""Find boxes by the straight lines around them, however faint or dotted, and with any writing inside.

A line is long, straight and darker than the paper on both of its sides. Averaging along it raises a faint
line above the grain and closes the gaps of a dotted one. Strokes of writing are short or curved, or end
between the lines, so the areas between the lines are the boxes.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.page import MM_PER_INCH, Grey
from lenet_pipeline.forms.templates.model import Rectangle

_ALONG_MM = 2.0  # lines are averaged over this length; dots of a dotted line are at most half as far apart
_BESIDE_MM = 0.7  # the paper next to a line
_LEAST_RIDGE = 3.0  # grey levels of the average of a faint line
_RIDGE_TO_GRAIN = 6.0
_GAP_MM = 1.2  # in a line, where writing crosses it
_SHORTEST_MM = 2.8
_JOINT_MM = 0.9  # between the end of a line and the line that it meets
_EXTENDED_MM = 5.0  # the strokes of printed letters are shorter
_PRUNINGS = 3
_AROUND_SIDE_MM = 0.4  # how far a line may be from the side of a box
_DOTS_MM = 1.0  # at most this is between the dots of a line
_CORNER = 0.12  # of a side: the corners have the lines of the other sides
_LEAST_INK, _LEAST_INKED = 4.0, 0.85  # grey levels below the paper, and the share of a side

Mask8 = NDArray[np.uint8]  # (height, width), 0 or 1


def find_ruled_areas(page: Grey, scale: float) -> Mask8:
    """Return a mask of a page, 0 on its straight lines and 1 on the areas between them.

    Args:
        page: uint8 (height, width), dark on bright, level to within a degree.
        scale: pixels per millimetre.
    """
    across, down = find_lines(page, scale)
    for _ in range(_PRUNINGS):
        across, down = _prune(across, down, scale), _prune(down.T, across.T, scale).T
    across, down = _extend(across, scale), _extend(down.T, scale).T
    return np.asarray(1 - np.maximum(across, down), dtype=np.uint8)


def find_lines(page: Grey, scale: float) -> tuple[Mask8, Mask8]:
    """Return the horizontal and the vertical lines of a page, with straight strokes of writing among them."""
    down = _find_lines(np.ascontiguousarray(page.T), scale).T
    return _find_lines(page, scale), np.ascontiguousarray(down)


def _find_lines(page: Grey, scale: float) -> Mask8:
    """Return the horizontal lines of a page."""
    along, beside = max(3, round(_ALONG_MM * scale)), max(2, round(_BESIDE_MM * scale))
    average = cv2.blur(page, (along, 1)).astype(np.float32)
    padded = cv2.copyMakeBorder(average, beside, beside, 0, 0, cv2.BORDER_REPLICATE)
    paper = np.minimum(padded[: -2 * beside], padded[2 * beside :])
    ridge = paper - average
    grain = 1.4826 * float(np.median(np.abs(ridge[::2, ::2] - np.median(ridge[::2, ::2]))))
    lines = np.asarray(ridge > max(_LEAST_RIDGE, _RIDGE_TO_GRAIN * grain), dtype=np.uint8)
    # A level line of a tilted scan steps by a pixel from time to time.
    grown = cv2.dilate(lines, np.ones((3, 1), np.uint8))
    gap, shortest = max(1, round(_GAP_MM * scale)), max(3, round(_SHORTEST_MM * scale))
    closed = cv2.morphologyEx(grown, cv2.MORPH_CLOSE, np.ones((1, gap), np.uint8))
    return np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((1, shortest), np.uint8)), np.uint8)


def has_lines(page: Grey, place: Rectangle, scale: float) -> bool:
    """Return whether a rectangle has ink along most of each side, if only dots.

    Otherwise, the area between the stem of a letter and a line would be a box.

    Args:
        page: uint8 (height, width).
        place: the rectangle in millimetres, on the page.
        scale: pixels per millimetre.
    """
    left, top, right, bottom = place.pixels(scale * MM_PER_INCH)
    sides = (page, top, left, right), (page, bottom, left, right), (page.T, left, top, bottom)
    return all(
        _inked_share(picture, side, start, end, scale) >= _LEAST_INKED
        for picture, side, start, end in (*sides, (page.T, right, top, bottom))
    )


def _inked_share(picture: Grey, side: float, start: float, end: float, scale: float) -> float:
    """Return the share of a horizontal side that is darker than the paper nearby."""
    reach = max(1, round(_AROUND_SIDE_MM * scale))
    corner = _CORNER * (end - start)
    first, last = max(round(start + corner), 0), round(end - corner)
    near = picture[max(round(side) - 4 * reach, 0) : round(side) + 4 * reach + 1, first:last]
    at_side = picture[max(round(side) - reach, 0) : round(side) + reach + 1, first:last]
    if not at_side.size or not near.size:
        return 0.0
    smooth = cv2.blur(np.ascontiguousarray(at_side), (max(3, round(_DOTS_MM * scale)), 1)).min(axis=0)
    return float((smooth < np.percentile(near, 75) - _LEAST_INK).mean())


def _extend(lines: Mask8, scale: float) -> Mask8:
    """Return the horizontal lines with the longer ones extended, because faint lines fade near corners."""
    joint = 2 * max(1, round(_JOINT_MM * scale)) + 1
    longer = np.ones((1, max(3, round(_EXTENDED_MM * scale))), np.uint8)
    long_lines = cv2.morphologyEx(np.ascontiguousarray(lines), cv2.MORPH_OPEN, longer)
    return np.maximum(lines, np.asarray(cv2.dilate(long_lines, np.ones((1, joint), np.uint8)), np.uint8))


def _prune(lines: Mask8, others: Mask8, scale: float) -> Mask8:
    """Return the horizontal lines that meet a vertical one at both ends, without the ends beyond them.

    Args:
        lines: the horizontal lines.
        others: the vertical lines.
        scale: pixels per millimetre.
    """
    joint = 2 * max(1, round(_JOINT_MM * scale)) + 1
    meets = cv2.dilate(np.ascontiguousarray(others), np.ones((joint, joint), np.uint8)) > 0
    count, labels = cv2.connectedComponents(np.ascontiguousarray(lines), connectivity=8)
    columns = np.arange(lines.shape[1])
    rows, places = np.nonzero(labels)
    owners = np.asarray(labels[rows, places], dtype=np.int64)
    joined = meets[rows, places]
    first = np.full(count, lines.shape[1])
    last = np.full(count, -1)
    np.minimum.at(first, owners[joined], columns[places[joined]])
    np.maximum.at(last, owners[joined], columns[places[joined]])
    kept = (places >= first[owners]) & (places <= last[owners])
    kept &= last[owners] - first[owners] > _SHORTEST_MM * scale
    pruned = np.zeros_like(lines)
    pruned[rows[kept], places[kept]] = 1
    return pruned
