"""Group the ink of a run into parts that stand apart: single digits, or several that touch.

Lengths are relative to the usual height of a digit in the run, unless given in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from lenet_pipeline.forms.reading.ink import Labels
from lenet_pipeline.schema import Floats, Mask

_TALL = 0.7  # a part of this height is one or more complete digits
_LOW = 0.45  # a lower part is a piece of a digit, or a blot
_OVERLAP = 0.6  # of the narrower width: two parts that overlap more belong to one digit
_NEAR = 0.25  # the widest gap between the pieces of one digit
_CORE_SHARE = 0.45  # of full ink: darker pixels connect
_PALE_PX = 4  # the width of the pale edge of strokes
_WIDEST = 1.05  # measured on 20,000 digits of MNIST: none is wider


@dataclass(frozen=True)
class Group:
    """The ink of one digit, or of several that touch: its place in pixels, and its mask there."""

    left: int
    top: int
    mask: Mask

    @property
    def width(self) -> int:
        return int(self.mask.shape[1])

    @property
    def height(self) -> int:
        return int(self.mask.shape[0])


def find_core(mask: Mask, soft: Floats) -> Mask:
    """Return the ink without its pale pixels, because blur bridges narrow gaps with them."""
    return mask & (soft > _CORE_SHARE * full_ink(soft[mask]))


def spread_labels(labels: Labels, pale: Mask) -> Labels:
    """Assign pale pixels of ink to the adjacent digit."""
    spread = labels.astype(np.uint8)
    for _ in range(_PALE_PX):
        wider = cv2.dilate(spread, np.ones((3, 3), np.uint8))
        spread = np.where(pale & (spread == 0), wider, spread)
    return spread.astype(np.int32)


def group_parts(mask: Mask) -> tuple[list[Group], float]:
    """Rejoin the parts of broken digits. Return the groups and the usual height of a digit."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    boxes = [tuple(int(value) for value in row[:4]) for row in stats[1:]]
    if not boxes:
        return [], 1.0
    highest = max(box[3] for box in boxes)
    usual = float(np.median([box[3] for box in boxes if box[3] >= 0.6 * highest]))
    members = [[index] for index in range(count - 1)]
    merged = True
    while merged:
        merged = False
        for one in range(len(members)):
            partner = _find_whole(one, members, boxes, usual)
            if partner is not None:
                members[partner].extend(members.pop(one))
                merged = True
                break
    groups = []
    for member in members:
        left, top, right, bottom = _union(member, boxes)
        inside = np.isin(labels[top:bottom, left:right], [index + 1 for index in member])
        groups.append(Group(left, top, inside))
    return sorted(groups, key=lambda group: group.left), usual


def _union(member: list[int], boxes: list[tuple[int, ...]]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the bounding box of some parts."""
    return (
        min(boxes[index][0] for index in member),
        min(boxes[index][1] for index in member),
        max(boxes[index][0] + boxes[index][2] for index in member),
        max(boxes[index][1] + boxes[index][3] for index in member),
    )


def _find_whole(one: int, members: list[list[int]], boxes: list[tuple[int, ...]], usual: float) -> int | None:
    """Return the group that a piece belongs to, or None if the piece stands on its own."""
    left, top, right, bottom = _union(members[one], boxes)
    if bottom - top >= _TALL * usual:
        return None
    nearest: tuple[float, int] | None = None
    for other, member in enumerate(members):
        if other == one:
            continue
        other_left, other_top, other_right, other_bottom = _union(member, boxes)
        across = max(left - other_right, other_left - right)
        down = max(top - other_bottom, other_top - bottom)
        overlap = -across / max(1, min(right - left, other_right - other_left))
        # Parts above or below belong to the group. Parts next to it only do if they are too low for a digit.
        is_stacked = overlap >= _OVERLAP and down <= _NEAR * usual
        is_beside = bottom - top < _LOW * usual and max(across, down) <= _NEAR * usual
        wide = max(right, other_right) - min(left, other_left) > _WIDEST * usual
        if (is_stacked or is_beside) and not (wide and not is_stacked):
            distance = float(max(across, 0) + max(down, 0)) - overlap
            nearest = min(nearest or (np.inf, 0), (distance, other))
    return None if nearest is None else nearest[1]


def full_ink(values: Floats) -> float:
    return float(np.partition(values, int(0.8 * (len(values) - 1)))[int(0.8 * (len(values) - 1))])


def stroke_thickness(mask: Mask) -> float:
    """Return the usual thickness of strokes in pixels. It is four times the mean distance to paper."""
    padded = np.pad(mask, 1).astype(np.uint8)
    distances = cv2.distanceTransform(padded, cv2.DIST_L2, 3)
    return max(1.0, 4 * float(distances[padded > 0].mean()) - 1)
