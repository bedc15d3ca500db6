"""Remove the remains of neighbouring digits and commas at the edges of a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lenet_pipeline.schema import Floats, Mask

_LARGEST = 0.6  # ink of the remains, as a share of the digit's
_LEAST_FREE = 0.4  # ink of a digit clear of the left and right edges, as a share of the largest part's
_LARGEST_BELOW = 0.2  # the same below the digit
_OVERLAP = 0.25  # share of the columns of the remains that the digit may share
_LEAST_GAP = 0.03  # distance from the digit, as a share of its longer side; broken strokes are closer
_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


def clear_remains(relief: Floats, ink: Mask) -> Mask:
    """Remove the parts of the ink that belong to neighbours of the digit.

    The digit is the largest part, or a smaller one that is clear of the left and right edges. Another part
    belongs to a neighbour if it touches the left, right or lower edge of the picture where the digit does
    not, is small, and is separate: next to the digit or below it. The detached bar of a 5 is above the rest,
    and both parts of an open 4 overlap or nearly touch.

    Args:
        relief: (height, width), 0 for paper, higher for ink.
        ink: the mask of the ink.

    Returns:
        The mask of the digit's ink.
    """
    if not (ink[:, 0].any() or ink[:, -1].any() or ink[-1].any()):
        return ink
    labels, count = ndimage.label(ink, _EIGHT_NEIGHBOURS)
    if count < 2:
        return ink
    height, width = ink.shape
    masses = np.bincount(labels.ravel(), weights=relief.ravel()).astype(np.float64)
    places = ndimage.find_objects(labels)
    main, largest = _find_digit(masses, places, width)
    digit_rows, digit_columns = places[main - 1]
    least_gap = _LEAST_GAP * max(digit_rows.stop - digit_rows.start, digit_columns.stop - digit_columns.start)
    cleared = ink.copy()
    for part, (rows, columns) in enumerate(places, start=1):
        if part == main or masses[part] > largest * masses[main]:
            continue
        at_side = (columns.start == 0 < digit_columns.start) or (columns.stop == width > digit_columns.stop)
        at_bottom = rows.stop == height > digit_rows.stop and masses[part] <= _LARGEST_BELOW * masses[main]
        shared = min(columns.stop, digit_columns.stop) - max(columns.start, digit_columns.start)
        is_next = shared <= _OVERLAP * (columns.stop - columns.start)
        is_above = rows.start + rows.stop < 2 * digit_rows.start
        is_below = rows.start >= digit_rows.stop + least_gap
        gap = max(
            columns.start - digit_columns.stop,
            digit_columns.start - columns.stop,
            rows.start - digit_rows.stop,
            _distance(labels, part, main) if shared > -least_gap else 0,
        )
        if gap >= max(1.0, least_gap) and (
            (at_side and is_next and not is_above) or (at_bottom and (is_next or is_below))
        ):
            cleared &= labels != part
    return cleared


def _find_digit(
    masses: NDArray[np.float64], places: list[tuple[slice, slice]], width: int
) -> tuple[int, float]:
    """Return the number of the part that is the digit, and the largest ink of a neighbour's remains.

    The second is a share of the digit's ink. A thin 1 has less ink than half of the 0 next to it, but stands
    free in the picture.
    """
    largest = float(masses[1:].max())
    free = [
        part
        for part, (_, columns) in enumerate(places, start=1)
        if columns.start > 0 and columns.stop < width and masses[part] >= _LEAST_FREE * largest
    ]
    if free:
        return max(free, key=lambda part: masses[part]), 1 / _LEAST_FREE
    return int(masses.argmax()), _LARGEST


def _distance(labels: NDArray[np.int32], part: int, main: int) -> float:
    """Return the least distance between two parts in pixels, less one for the step from one to the other."""
    distances = ndimage.distance_transform_edt(labels != main)
    return float(distances[labels == part].min()) - 1
