"""Merge registered copies of a form into the blank form: print stays, and writing goes.

Print is at the same place on every copy, and writing is not. The median alone is not enough: with five
copies, one pixel in ten of a cell is under the ink of three of them. So a pixel is hardly darker than the
palest copy near it. Spots that all copies cover by chance have much ink of single copies around them, unlike
print.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.illumination import paper_level, percentile_level
from lenet_pipeline.forms.page import ALIGNED_DPI, MM_PER_INCH, Grey
from lenet_pipeline.schema import Mask

_PAPER_WINDOW = 31  # in units of 8 pixels: 31 mm, wider than any shadow that is not part of the form
_NEAR_PX = 3  # the window in which copies may disagree about the place of print
_MARGIN = 1.3  # of the darkness of the palest copy, because thin lines of copies that are a pixel off cross
_QUANTILE = 0.35  # of the darkness at a pixel: below the middle, because writing only darkens
_MANY_COPIES = 8  # one of this number of copies may lack print, as under correction fluid
_STRIP = 128  # rows to merge at a time, which bounds the memory
_DARK_PRINT = 60.0  # grey levels below the paper: print that shows how dark a copy is
_GAIN = (0.6, 1.7)
_WHITE_PERCENTILE = 90
_INK, _STROKE = 15.0, 35.0  # grey levels below the paper: ink of the merged form, and a stroke of a copy
_LARGEST_REMNANT_MM = 4.0
_INNER_PX, _OUTER_PX = 3, 9  # the ring around a spot of ink in which the copies are compared
_CONTESTED = 0.35  # of the copies have ink around a remnant; around print under writing, about a quarter has
_DOUBTFUL = 0.15  # of the copies: spots of writing have more, and print without writing around it has none
_LEAST_REMNANT_MM2 = 0.1
_CELL_MM = 5.0  # remnants closer to each other count as one place

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class MergedCopies:
    """The blank form that copies have in common.

    Attributes:
        blank: uint8 (height, width), white paper.
        remnants: places in pixels (x, y) where writing may remain, because many copies have ink there.
    """

    blank: Grey
    remnants: tuple[tuple[float, float], ...]


def merge_copies(images: Sequence[Grey], seen: Sequence[Mask]) -> MergedCopies:
    """Merge registered copies of a form.

    Args:
        images: the copies in one frame, each uint8 (height, width).
        seen: which pixels each scan shows, each bool (height, width).
    """
    levels = [paper_level(image, _PAPER_WINDOW) for image in images]
    usual_level = np.median(np.stack(levels), axis=0).astype(np.float32)
    darkness = np.stack(
        [_darkness(image, level, usual_level) for image, level in zip(images, levels, strict=True)]
    )
    _fill_unseen(darkness, seen)
    _even_contrast(darkness)
    merged = _merge_darkness(darkness)
    remnants = _erase_remnants(merged, np.asarray((darkness > _STROKE).mean(axis=0), dtype=np.float32))
    blank = usual_level - np.maximum(merged, 0)
    white = max(percentile_level(np.clip(blank, 0, 255).astype(np.uint8), _WHITE_PERCENTILE), 1)
    return MergedCopies(np.clip(np.rint(blank * (255 / white)), 0, 255).astype(np.uint8), remnants)


def _darkness(image: Grey, level: Grey, usual_level: Floats) -> Floats:
    """Return how far each pixel is below its copy's paper, as if all copies were lit alike."""
    gain = usual_level / np.maximum(level, 1)
    return np.asarray((level - image.astype(np.float32)) * gain, dtype=np.float32)


def _fill_unseen(darkness: Floats, seen: Sequence[Mask]) -> None:
    """Fill the parts that a scan does not show with what the other copies have there."""
    for number, one in enumerate(seen):
        rows, columns = np.nonzero(~one)
        if not len(rows):
            continue
        shown = np.stack([other[rows, columns] for other in seen])
        values = np.where(shown, darkness[:, rows, columns], np.nan)
        values[:, ~shown.any(axis=0)] = 0.0
        darkness[number, rows, columns] = np.nanmedian(values, axis=0)


def _even_contrast(darkness: Floats) -> None:
    """Make the print of all copies equally dark, so that a pale copy does not fade the blank form."""
    sample = darkness[:, ::2, ::2]
    usual = np.median(sample, axis=0)
    is_print = usual > _DARK_PRINT
    if not is_print.any():
        return
    level = float(np.median(usual[is_print]))
    for number, one in enumerate(sample):
        own = float(np.median(one[is_print]))
        darkness[number] *= np.float32(np.clip(level / max(own, 1.0), *_GAIN))


def _merge_darkness(darkness: Floats) -> Floats:
    """Return the darkness of the print, float32 (height, width), from that of the copies."""
    merged = np.empty(darkness.shape[1:], np.float32)
    palest = np.empty_like(merged)
    spared = len(darkness) // _MANY_COPIES
    for top in range(0, len(merged), _STRIP):
        rows = slice(top, top + _STRIP)
        ordered = np.sort(darkness[:, rows], axis=0)
        palest[rows] = ordered[spared]
        merged[rows] = np.quantile(ordered, _QUANTILE, axis=0)
    near = np.ones((_NEAR_PX, _NEAR_PX), np.uint8)
    return np.asarray(np.minimum(merged, _MARGIN * np.asarray(cv2.dilate(palest, near), dtype=np.float32)))


def _erase_remnants(merged: Floats, share: Floats) -> tuple[tuple[float, float], ...]:
    """Erase spots of writing, and return the middles of spots that touch print or may be print.

    Args:
        merged: the darkness of the print, changed in place.
        share: the share of the copies with ink at each pixel, of the same shape.
    """
    ink = np.asarray(merged > _INK, dtype=np.uint8)
    around = np.where(cv2.dilate(ink, np.ones((_INNER_PX, _INNER_PX), np.uint8)) > 0, np.float32(0), share)
    free = (around > 0) | (share == 0)
    scale = ALIGNED_DPI / MM_PER_INCH
    count, labels, statistics, middles = cv2.connectedComponentsWithStats(ink, connectivity=8)
    outer = np.ones((_OUTER_PX, _OUTER_PX), np.uint8)
    left = np.zeros_like(ink)
    doubtful: list[tuple[float, float]] = []
    for label in range(1, count):
        x, y, width, height, area = (int(value) for value in statistics[label])
        if max(width, height) > _LARGEST_REMNANT_MM * scale:
            left[y : y + height, x : x + width] |= labels[y : y + height, x : x + width] == label
            continue
        rows = slice(max(y - _OUTER_PX, 0), y + height + _OUTER_PX)
        columns = slice(max(x - _OUTER_PX, 0), x + width + _OUTER_PX)
        spot = np.asarray(labels[rows, columns] == label, dtype=np.uint8)
        ring = (cv2.dilate(spot, outer) > 0) & free[rows, columns]
        contested = float(around[rows, columns][ring].mean()) if ring.any() else 0.0
        if contested > _CONTESTED:
            merged[rows, columns][cv2.dilate(spot, outer) > 0] = 0.0
            continue
        is_dark = float(merged[rows, columns][spot > 0].max()) > _STROKE
        if contested > _DOUBTFUL and is_dark and area >= _LEAST_REMNANT_MM2 * scale**2:
            doubtful.append((float(middles[label][0]), float(middles[label][1])))
    return _spread_places([*_find_contested(left, around, free, scale), *doubtful], scale)


def _spread_places(places: Sequence[tuple[float, float]], scale: float) -> tuple[tuple[float, float], ...]:
    """Return places without those close to an earlier one."""
    found: list[tuple[float, float]] = []
    for x, y in places:
        if all(np.hypot(x - a, y - b) > _CELL_MM * scale for a, b in found):
            found.append((x, y))
    return tuple(found)


def _find_contested(
    ink: NDArray[np.uint8], around: Floats, free: Mask, scale: float
) -> list[tuple[float, float]]:
    """Return the middles of the parts of large print that many copies have ink around."""
    window = (_OUTER_PX, _OUTER_PX)
    total = cv2.boxFilter(around, -1, window, normalize=False)
    pixels = cv2.boxFilter(free.astype(np.float32), -1, window, normalize=False)
    contested = np.asarray((ink > 0) & (total > _CONTESTED * np.maximum(pixels, 1)), dtype=np.uint8)
    count, _, statistics, middles = cv2.connectedComponentsWithStats(contested, connectivity=8)
    return [
        (float(middles[label][0]), float(middles[label][1]))
        for label in range(1, count)
        if statistics[label][cv2.CC_STAT_AREA] >= _LEAST_REMNANT_MM2 * scale**2
    ]
