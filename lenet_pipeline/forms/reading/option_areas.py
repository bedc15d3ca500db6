"""Find the boxes and bubbles of a form on its blank form, and how far they are off on a page.

Darkness is in grey levels below the paper. All places are in pixels of an area of the aligned page.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.illumination import paper_level
from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.templates.model import Rectangle, Template
from lenet_pipeline.schema import Floats, Mask

Boxes = NDArray[np.intp]  # (n, 4): left, top, right and bottom
Shift = tuple[int, int]  # columns and rows

LEAST_PRINT = 12.0  # grey levels: paler print of the blank form is paper

_PAPER_WINDOW = 15  # in units of 8 pixels, 15 mm: wider than blackened boxes
_MARGIN_PX = 60  # 7.6 mm around the choices, for paper and for strokes that leave their boxes
_SEARCHED_PX = 4  # the error of alignment that is corrected for each choice
_AROUND_PX = 3  # around a box, to match its outline
_FAR_COST = 0.02  # of a perfect match, per pixel: the nearer of two equal places wins
_EVEN = 1.0  # grey levels: an area that varies less has no print
_INSET = 0.1  # of a box's side, at least 2 pixels: the border that its own line may reach
_BARE_INSET = 0.2  # the same without a blank form, when the place of the line is not known
_MOST_PRINTED = 0.6  # of a box: with more print in it, the print counts as paper
_ROUND = 0.5  # of the darkness of an outline: a box has more in its corners, a bubble less


@dataclass(frozen=True, eq=False)
class OptionAreas:
    """The options of a template with the values that all pages of its form share.

    Attributes:
        rows: the rows of the aligned page around all choices.
        columns: the columns of this area.
        blank: the darkness of the blank form in this area, or None without a blank form.
        boxes: the box of every option, by choice.
        inner: the mask of every option within its outline, by choice.
        free: the same without the print in it.
    """

    rows: slice
    columns: slice
    blank: Floats | None
    boxes: tuple[Boxes, ...]
    inner: tuple[tuple[Mask, ...], ...]
    free: tuple[tuple[Mask, ...], ...]


_PREPARED: deque[tuple[Grey | None, Template, OptionAreas]] = deque(maxlen=8)


def prepare_options(reference: Grey | None, template: Template) -> OptionAreas:
    """Find the options of a template on its blank form. The last few results are cached.

    Args:
        reference: the blank form, uint8 of ``template.aligned_size``, or None.
        template: a template with at least one choice.
    """
    for known, form, found in _PREPARED:
        if known is reference and form is template:
            return found
    places = [[_pixels(place) for place in choice.rectangles()] for choice in template.choices]
    every = np.array([place for choice in places for place in choice])
    height, width = template.aligned_size
    left, top = np.maximum(every[:, :2].min(axis=0) - _MARGIN_PX, 0)
    right, bottom = np.minimum(every[:, 2:].max(axis=0) + _MARGIN_PX, (width, height))
    rows, columns = slice(int(top), int(bottom)), slice(int(left), int(right))
    blank = None if reference is None else measure_option_darkness(reference[rows, columns])
    boxes = tuple(np.array(choice) - [left, top, left, top] for choice in places)
    inner = tuple(tuple(_find_inner_area(blank, box) for box in choice) for choice in boxes)
    free = tuple(
        tuple(_without_print(mask, blank, box) for mask, box in zip(masks, choice, strict=True))
        for masks, choice in zip(inner, boxes, strict=True)
    )
    areas = OptionAreas(rows, columns, blank, boxes, inner, free)
    _PREPARED.append((reference, template, areas))
    return areas


def measure_option_darkness(picture: Grey) -> Floats:
    """Return how much darker each pixel is than the paper, without its finest grain, float32 (height, width).

    Unlike ``measure_darkness``, which is for pen strokes, it knows the paper under a blackened box.
    """
    level = paper_level(np.ascontiguousarray(picture), _PAPER_WINDOW)
    return np.asarray(cv2.GaussianBlur(level.astype(np.float32) - picture, (3, 3), 0.8), dtype=np.float32)


def find_shifts(darkness: Floats, areas: OptionAreas) -> list[Shift]:
    """Return how far the outlines of each choice are from their places on a page.

    All boxes of a choice vote together, because most of them are empty.
    """
    if areas.blank is None:
        return [(0, 0)] * len(areas.boxes)
    return [_find_shift(darkness, areas.blank, boxes) for boxes in areas.boxes]


def widen_print(print_darkness: Floats) -> Floats:
    """Return the darkness of print, widened by a pixel on each side for the errors of alignment."""
    return np.asarray(cv2.dilate(print_darkness, np.ones((3, 3), np.uint8)), dtype=np.float32)


def _pixels(place: Rectangle) -> tuple[int, int, int, int]:
    left, top, right, bottom = (round(edge) for edge in place.pixels())
    return left, top, right, bottom


def _find_inner_area(blank: Floats | None, box: NDArray[np.intp]) -> Mask:
    """Return the mask of a box or bubble without its outline."""
    left, top, right, bottom = (int(edge) for edge in box)
    height, width = bottom - top, right - left
    inset = max(2, round((_BARE_INSET if blank is None else _INSET) * min(height, width)))
    inner = np.zeros((height, width), np.uint8)
    if blank is not None and _is_round(blank[top:bottom, left:right]):
        middle, axes = (width // 2, height // 2), (width // 2 - inset, height // 2 - inset)
        cv2.ellipse(inner, middle, axes, 0, 0, 360, (1,), -1)
    else:
        inner[inset:-inset, inset:-inset] = 1
    return np.asarray(inner > 0)


def _without_print(inner: Mask, blank: Floats | None, box: NDArray[np.intp]) -> Mask:
    """Return the part of a mask without print, or the whole mask if most of it has print."""
    if blank is None:
        return inner
    left, top, right, bottom = (int(edge) for edge in box)
    is_printed = inner & (widen_print(blank[top:bottom, left:right]) > LEAST_PRINT)
    return inner if is_printed.sum() > _MOST_PRINTED * inner.sum() else inner & ~is_printed


def _is_round(blank: Floats) -> bool:
    """Return whether a box of the blank form has print in the middle of its edges but not in its corners."""
    height, width = blank.shape
    reach = max(3, min(height, width) // 8)
    third = width // 3
    edges = [band[:, third : 2 * third].max(axis=0) for band in (blank[:reach], blank[-reach:])]
    corners = [
        part.max() for band in (blank[:reach], blank[-reach:]) for part in (band[:, :reach], band[:, -reach:])
    ]
    return bool(np.median(corners) < _ROUND * np.median(edges))


def _find_shift(darkness: Floats, blank: Floats, boxes: Boxes) -> Shift:
    total = np.zeros((2 * _SEARCHED_PX + 1,) * 2, np.float64)
    reach = _SEARCHED_PX + _AROUND_PX
    for left, top, right, bottom in boxes:
        if min(left, top) < reach or right + reach > blank.shape[1] or bottom + reach > blank.shape[0]:
            continue
        pattern = blank[top - _AROUND_PX : bottom + _AROUND_PX, left - _AROUND_PX : right + _AROUND_PX]
        if pattern.std() < _EVEN:
            continue
        seen = darkness[top - reach : bottom + reach, left - reach : right + reach]
        capped = np.minimum(seen, float(pattern.max()))
        total += np.nan_to_num(cv2.matchTemplate(capped, pattern, cv2.TM_CCOEFF_NORMED))
    steps = np.arange(-_SEARCHED_PX, _SEARCHED_PX + 1)
    cost = _FAR_COST * len(boxes) * np.hypot(steps[:, None], steps)
    row, column = np.unravel_index(int((total - cost).argmax()), total.shape)
    return int(column) - _SEARCHED_PX, int(row) - _SEARCHED_PX
