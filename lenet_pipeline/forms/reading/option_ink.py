"""Measure the ink in boxes and bubbles: the darkness beyond what the form itself prints there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.page import Grey
from lenet_pipeline.forms.reading.option_areas import (
    LEAST_PRINT,
    OptionAreas,
    Shift,
    find_shifts,
    measure_option_darkness,
    prepare_options,
    widen_print,
)
from lenet_pipeline.forms.templates.model import Template
from lenet_pipeline.schema import Floats, Mask

Labels = NDArray[np.int32]
_T = TypeVar("_T", bound=np.generic)

_BLACK = 230.0  # grey levels: the darkness of black ink on the blank form
_GAIN = (0.3, 1.2)  # the contrast of a scan relative to the blank form
_STRONG_PRINT = 0.6  # of the darkest print in a box: the print that shows the contrast
_PRINT_SWELL = 1.25  # the variation between the print of the page and of the reference
_PRINT_MARGIN = 0.06  # of black
_AROUND_PX = 30  # around a choice, within which its print is off as far as its boxes
_NOISE = 5.0  # standard deviations of the paper's noise, above which darkness is ink
_LEAST_INK = 0.1  # of black, above which darkness is ink
_LEAST_NOISE = 1.0  # grey levels
_ONE_DEVIATION = (15.87, 50)  # percentiles one deviation apart, on the side without ink
_GAP_PX = 7  # 0.9 mm: wider than the line of a box
_SPECK_PX = 20  # 0.3 square millimetres, with blurred edges: smaller spots come from dust
_LEAST_DUST = 0.7  # of black: small paler spots may belong to a pale stroke, so they count in the tone
_GRAIN_PX = 9.0  # the pixels that vary together, because scans are blurred


@dataclass(frozen=True)
class OptionInk:
    """The ink in one box or bubble.

    Attributes:
        coverage: the share of its inside that is covered by strokes that belong to it, 0 to 1.
        foreign: the share that is covered by strokes that belong to another option.
        filled: the share that is covered of its inside without print, by any stroke.
        inside: the share of its strokes that is inside it, 0 to 1; 1 without strokes.
        darkness: the median darkness of the ink, relative to black; 0 without ink.
        tone: the mean darkness of its inside without print, relative to black. It shows ink that is too pale
            to be told from grain pixel by pixel.
        tone_noise: the standard deviation of ``tone`` that the grain of the paper causes.
    """

    coverage: float
    foreign: float
    filled: float
    inside: float
    darkness: float
    tone: float
    tone_noise: float


@dataclass(frozen=True, eq=False)
class _Window:
    """The place of an option on the page: its box, how far it is off, its inside, also without print."""

    box: NDArray[np.intp]
    shift: Shift
    inner: Mask
    free: Mask

    def cut(self, picture: NDArray[_T]) -> NDArray[_T]:
        """Return the part of a picture in the box, repeating the picture's edge if it is beyond."""
        left, top, right, bottom = (int(edge) for edge in self.box)
        rows = np.clip(np.arange(top, bottom) + self.shift[1], 0, picture.shape[0] - 1)
        columns = np.clip(np.arange(left, right) + self.shift[0], 0, picture.shape[1] - 1)
        return picture[rows[:, None], columns]


@dataclass(frozen=True)
class _Strokes:
    """The labels of the strokes that belong to an option, and the share of them that is inside it."""

    own: NDArray[np.intp]
    inside: float


def measure_options(page: Grey, reference: Grey | None, template: Template) -> list[list[OptionInk]]:
    """Measure the ink in every option of every choice of an aligned page, in order.

    Args:
        page: uint8 (height, width), at ``ALIGNED_DPI``.
        reference: the blank form at the same size, or None.
        template: a template with at least one choice.
    """
    areas = prepare_options(reference, template)
    darkness = measure_option_darkness(page[areas.rows, areas.columns])
    shifts = find_shifts(darkness, areas)
    windows = [
        [_Window(box, shift, inner, free) for box, inner, free in zip(boxes, inners, frees, strict=True)]
        for boxes, inners, frees, shift in zip(areas.boxes, areas.inner, areas.free, shifts, strict=True)
    ]
    gain = 1.0 if areas.blank is None else _measure_gain(darkness, areas.blank, windows)
    noise = _measure_noise(darkness, areas.blank)
    black = _BLACK * gain
    expected = np.float32(0) if areas.blank is None else _expect_print(areas, areas.blank, shifts, gain)
    extra = np.asarray(darkness - expected, dtype=np.float32)
    is_ink = extra > max(_NOISE * noise, _LEAST_INK * black)
    labels, count = _find_strokes(_bridge_print(is_ink, expected > 0))
    is_dust = is_ink & (labels == 0) & (darkness > _LEAST_DUST * black)
    extra[cv2.dilate(is_dust.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0] = 0
    strokes = iter(_own_strokes(labels, count, [window for choice in windows for window in choice]))
    return [
        [
            _measure_ink(
                window,
                window.cut(darkness),
                window.cut(extra),
                window.cut(labels),
                next(strokes),
                noise,
                black,
            )
            for window in choice
        ]
        for choice in windows
    ]


def _find_strokes(is_ink: Mask) -> tuple[Labels, int]:
    """Return the labels of connected ink, 0 for paper and specks, and the number of labels."""
    count, found, stats, _ = cv2.connectedComponentsWithStats(is_ink.astype(np.uint8), connectivity=8)
    is_speck = stats[:, cv2.CC_STAT_AREA] < _SPECK_PX
    return np.asarray(np.where(is_speck[found], 0, found), dtype=np.int32), count


def _measure_gain(darkness: Floats, blank: Floats, windows: Sequence[Sequence[_Window]]) -> float:
    """Return the contrast of the page relative to the blank form, from the print of its options."""
    ratios = []
    for window in (window for choice in windows for window in choice):
        left, top, right, bottom = window.box
        printed = blank[top:bottom, left:right]
        strong = printed > max(LEAST_PRINT, _STRONG_PRINT * float(printed.max()))
        ratios.append(window.cut(darkness)[strong] / printed[strong])
    found = np.concatenate(ratios)
    return float(np.clip(np.median(found), *_GAIN)) if found.size else 1.0


def _measure_noise(darkness: Floats, blank: Floats | None) -> float:
    """Return the standard deviation of the paper around the choices."""
    sample = darkness[::3, ::3]
    if blank is not None:
        sample = sample[blank[::3, ::3] < LEAST_PRINT]
    low, middle = np.percentile(sample, _ONE_DEVIATION)
    return max(float(middle - low), _LEAST_NOISE)


def _expect_print(areas: OptionAreas, blank: Floats, shifts: Sequence[Shift], gain: float) -> Floats:
    """Return the largest darkness that the form's own print may have on the page, 0 on paper."""
    printed = widen_print(blank)
    columns, rows = (int(each) for each in np.median(shifts, axis=0))
    moved = _move(printed, (columns, rows))
    for boxes, shift in zip(areas.boxes, shifts, strict=True):
        if shift != (columns, rows):
            left, top = np.maximum(boxes[:, :2].min(axis=0) - _AROUND_PX, 0)
            right, bottom = boxes[:, 2:].max(axis=0) + _AROUND_PX
            moved[top:bottom, left:right] = _move(printed, shift)[top:bottom, left:right]
    expected = np.where(moved > LEAST_PRINT, gain * (moved * _PRINT_SWELL + _PRINT_MARGIN * _BLACK), 0)
    return np.asarray(expected, dtype=np.float32)


def _bridge_print(is_ink: Mask, is_print: Mask | np.bool_) -> Mask:
    """Fill the gaps that a box's own line leaves in the strokes that cross it."""
    closed = cv2.morphologyEx(is_ink.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((_GAP_PX, _GAP_PX), np.uint8))
    return np.asarray(is_ink | ((closed > 0) & is_print))


def _move(picture: Floats, shift: Shift) -> Floats:
    """Move a picture by whole columns and rows. New parts are paper."""
    step = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], dtype=np.float64)
    height, width = picture.shape
    return np.asarray(cv2.warpAffine(picture, step, (width, height), flags=cv2.INTER_NEAREST), np.float32)


def _own_strokes(labels: Labels, count: int, windows: Sequence[_Window]) -> list[_Strokes]:
    """Return the strokes of each option. A stroke belongs to the option that holds most of it."""
    within = np.array([np.bincount(window.cut(labels).ravel(), minlength=count) for window in windows])
    whole = np.bincount(labels.ravel(), minlength=count)
    within[:, 0] = 0  # the paper
    owners = within.argmax(axis=0)
    found = []
    for number, amounts in enumerate(within):
        own = np.flatnonzero((amounts > 0) & (owners == number))
        found.append(_Strokes(own, float(amounts[own].sum() / whole[own].sum()) if own.size else 1.0))
    return found


def _measure_ink(
    window: _Window,
    darkness: Floats,
    extra: Floats,
    labels: Labels,
    strokes: _Strokes,
    noise: float,
    black: float,
) -> OptionInk:
    """Measure the ink of an option.

    Args:
        window: the place of the option.
        darkness: the darkness in its box.
        extra: the same beyond the print.
        labels: the labels of strokes in its box.
        strokes: the strokes that belong to it.
        noise: the standard deviation of the paper.
        black: the darkness of black on this page.
    """
    inside = labels[window.inner]
    is_ink = inside > 0
    is_own = np.isin(inside, strokes.own)
    grains = max(int(window.free.sum()) / _GRAIN_PX, 1.0)
    return OptionInk(
        coverage=float(is_own.mean()),
        foreign=float((is_ink & ~is_own).mean()),
        filled=float((labels[window.free] > 0).mean()),
        inside=strokes.inside,
        darkness=float(np.median(darkness[window.inner][is_ink])) / black if is_ink.any() else 0.0,
        tone=float(extra[window.free].mean()) / black,
        tone_noise=noise / grains**0.5 / black,
    )
