"""Remove the lines of frames, boxes and tables at the edges of a picture.

A line is a straight dark run along a whole side, tilted by up to four degrees. The bar of a 7, the foot of a
2 or the stem of a 4 can look the same if the picture is cropped to its ink. The difference is at the ends: a
line of a form extends beyond the digit at both ends, but the bar of a 7 ends where the stem begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lenet_pipeline.ingest.normalisation.levels import quantile
from lenet_pipeline.ingest.normalisation.paper import split_ink
from lenet_pipeline.schema import Floats, Mask

_Level = TypeVar("_Level", np.float32, np.bool_)

_REACH = 0.25  # share of the picture's height or width in which a line counts as one at the edge
_SLOPES = np.linspace(-0.07, 0.07, 15)  # rise over run; a page on a scanner is tilted by less
_SAMPLES = 64  # columns along a line, enough to tell a line from a stroke
_PALEST = 0.5  # level of a line, as a share of the threshold between paper and ink
_COVERED = 0.85  # share of a side that a line covers
_COVERED_TOUCHED = 0.97  # the same of a line that touches the digit; the bars of digits are less straight
_SKIRT = 0.25  # share of a line's level, down to which its blurred edge belongs to it
_SHORTEST_DIGIT = 0.2  # longer side of what remains, as a share of the picture's longer side
_FREE_END = 0.03  # length of each end of a line beyond the digit, as a share of the line
_FREE_END_TOUCHED = 0.12  # the same for a single line that touches the digit
_TOUCHING = 1  # pixels between a line and the digit; both have blurred edges
_THICKEST = 0.9  # thickness of a line that touches the digit, in widths of the digit's strokes
_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class _Line:
    """A line along one side of a picture, in the view in which this side is the top.

    Attributes:
        side: the index of the view.
        inner: for each column, the first row below the line, (width,).
        covered: the share of the side that the line covers.
        thickness: in pixels, of a line of full ink with the same amount of ink.
    """

    side: int
    inner: NDArray[np.intp]
    thickness: float
    covered: float


def clear_edge_lines(relief: Floats, strong: Mask) -> Floats | None:
    """Replace the lines at the edges of a picture, and all outside of them, by paper.

    Args:
        relief: (height, width), 0 for paper, higher for ink.
        strong: the mask of the darker half of the ink.

    Returns:
        The cleared relief; None if the picture has no such lines.
    """
    if not strong.any() or min(relief.shape) < 8:
        return None
    dark = relief > _PALEST * float(relief[strong].min())
    lines = [line for side in range(4) if (line := _find_line(relief, dark, side)) is not None]
    while lines:
        cleared = relief.copy()
        for line in lines:
            _clear(_view(cleared, line.side), line.inner)
        digit = _main_part(cleared)
        kept = [line for line in lines if digit is not None and _is_free(digit, line, len(lines))]
        if digit is not None and len(kept) == len(lines):
            for line in lines:
                _clear(_view(cleared, line.side), line.inner + _rough_edge(digit, line))
            return cleared
        lines = kept
    return None


def _view(array: NDArray[_Level], side: int) -> NDArray[_Level]:
    """Return the view of an array in which one of its sides, 0 to 3, is the top."""
    turned = array if side < 2 else array.T
    return turned[::-1] if side % 2 else turned


def _find_line(relief: Floats, dark: Mask, side: int) -> _Line | None:
    """Find the innermost line near one side of a picture."""
    relief, dark = _view(relief, side), _view(dark, side)
    height, width = relief.shape
    reach = max(3, round(_REACH * height))
    if dark[:reach].any(axis=0).mean() < _COVERED:
        return None
    columns = np.unique(np.linspace(0, width - 1, _SAMPLES).round().astype(np.intp))
    leans = np.rint(_SLOPES[:, None] * (columns - width / 2)).astype(np.intp)
    rows = np.arange(reach)[None, :, None] + leans[:, None, :]  # (slopes, rows, columns)
    seen = (rows >= 0) & (rows < height)
    places = np.clip(rows, 0, height - 1), columns
    # The right slope has the sharpest profile across the line.
    slope = int((np.square((relief[places] * seen).sum(axis=2)).sum(axis=1)).argmax())
    covered = (dark[places] & seen)[slope].sum(axis=1) / np.maximum(
        seen[slope].sum(axis=1), len(columns) // 2
    )
    if covered.max() < _COVERED:
        return None
    row = int(np.flatnonzero(covered >= _COVERED)[-1])
    lean = np.rint(_SLOPES[slope] * (np.arange(width) - width / 2)).astype(np.intp)
    profile = [
        quantile(relief[np.clip(y + lean[columns], 0, height - 1), columns], 0.5)
        for y in range(min(height, row + max(2, reach // 3)))
    ]
    skirt = next((y for y in range(row, len(profile)) if profile[y] < _SKIRT * profile[row]), len(profile))
    outer = next((y for y in range(row, 0, -1) if profile[y - 1] < _SKIRT * profile[row]), 0)
    return _Line(
        side,
        np.clip(skirt + lean, 0, height),
        covered=float(covered.max()),
        thickness=float(sum(profile[outer:skirt]) / max(profile[outer:skirt])),
    )


def _clear(relief: Floats, inner: NDArray[np.intp]) -> None:
    """Set everything above a row of each column to paper."""
    relief[np.arange(len(relief))[:, None] < inner] = 0


def _main_part(relief: Floats) -> Mask | None:
    """Return the mask of the largest connected part of the ink."""
    strong, _ = split_ink(relief)
    labels, count = ndimage.label(strong, _EIGHT_NEIGHBOURS)
    if count == 0:
        return None
    return np.asarray(labels == 1 + np.bincount(labels.ravel())[1:].argmax(), dtype=np.bool_)


def _is_free(digit: Mask, line: _Line, lines: int) -> bool:
    """Return whether a line extends beyond the digit at both ends, and leaves a digit."""
    seen = _view(digit, line.side)
    width = seen.shape[1]
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    if max(np.ptp(rows), np.ptp(columns)) < _SHORTEST_DIGIT * max(seen.shape):
        return False
    share = _FREE_END
    if _gap(digit, line) <= _TOUCHING:
        if line.covered < _COVERED_TOUCHED or line.thickness > _THICKEST * _stroke_width(digit):
            return False
        share = _FREE_END if lines > 1 else _FREE_END_TOUCHED
    return bool(min(columns[0], width - 1 - columns[-1]) >= max(1.5, share * width))


def _gap(digit: Mask, line: _Line) -> int:
    """Return the number of rows between a line and the digit."""
    seen = _view(digit, line.side)
    return int(np.where(seen.any(axis=0), seen.argmax(axis=0) - line.inner, len(seen)).min())


def _rough_edge(digit: Mask, line: _Line) -> int:
    """Return the number of rows between a line and the digit that the rough edge of the line can reach."""
    return max(0, min(_gap(digit, line) - 1, round(line.thickness) + 1))


def _stroke_width(ink: Mask) -> float:
    """Estimate the mean width of strokes in pixels, from their area and the length of their edges."""
    padded = np.pad(ink, 1)
    steps = np.count_nonzero(padded[1:] != padded[:-1]) + np.count_nonzero(padded[:, 1:] != padded[:, :-1])
    # A straight edge of length 1 at a random angle takes 4 / pi steps along the pixels.
    return float(2 * np.count_nonzero(ink) / (steps * np.pi / 4))
