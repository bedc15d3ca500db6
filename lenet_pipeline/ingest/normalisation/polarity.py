"""Polarity: whether the paper is brighter than the ink."""

from __future__ import annotations

import numpy as np

from lenet_pipeline.ingest.normalisation.levels import otsu_threshold
from lenet_pipeline.schema import IMAGE_SIDE, Floats, Mask

_NARROW = 2.5  # height over width; cropped to the ink, half of MNIST's 1s are as narrow, and 2 other digits
_FEWEST_COLUMNS = 3
_FRAME_DEPTH = 0.25  # share of a side within which the lines of a frame lie
_FRAME_ENDS = 0.12  # share of a line at each end that other lines of the frame may cross
_CLEAR_SHARE = 0.8  # share of bright pixels in a row between a frame and its digit
_CLEAR_CORNERS = 3  # of four inside a frame; the lines may be joined by a blot in one
_STEEPEST = 0.08  # rise over run of a line, and more than its blur; the outline of a 0 rises by more
_FEWEST_LINES = 2  # fewer lines do not affect the border and the corners enough
_LEAST_INK, _MOST_INK = 0.02, 0.5  # share of ink inside a frame
_MOST_ROWS = 0.75  # share of the rows of a 1 in which the middle is ink


def background_is_bright(picture: Floats) -> bool:
    """Return whether the paper is the brighter of a picture's two levels.

    Three fractions have equal weight: the bright share of the whole picture, of its border and of its
    corners. Ink covers less than half of each in most pictures, and rarely most of all three, even if a
    stroke touches the border or a bold digit is cropped to its ink. The exception is a 1, whose ink can
    cover most of all three. In most rows of such a narrow crop, the middle is ink and the sides are paper.
    The dark lines of a frame can also cover most of the border and the corners.
    """
    if max(picture.shape) >= _NARROW * min(picture.shape) and min(picture.shape) >= _FEWEST_COLUMNS:
        middle_is_ink = _brighter_sides(picture if picture.shape[0] > picture.shape[1] else picture.T)
        if abs(middle_is_ink - 0.5) >= _MOST_ROWS - 0.5:
            return middle_is_ink > 0.5
    bright = picture > otsu_threshold(picture)
    edge = max(1, min(picture.shape) // IMAGE_SIDE)
    ends = np.concatenate([bright[:edge], bright[-edge:]])
    sides = np.concatenate([bright[:, :edge], bright[:, -edge:]], axis=1)
    corners = np.concatenate([ends[:, :edge], ends[:, -edge:]])
    border = (ends.mean() * ends.size + sides.mean() * sides.size) / (ends.size + sides.size)
    return bool(bright.mean() + border + corners.mean() > 1.5) or _is_framed(bright)


def _brighter_sides(picture: Floats) -> float:
    """Return the share of rows whose left and right ends are brighter than their middle."""
    width = picture.shape[1]
    edge, middle = max(1, width // 6), picture[:, width // 3 : width - width // 3]
    sides = (picture[:, :edge].mean(axis=1) + picture[:, -edge:].mean(axis=1)) / 2
    return float((sides > middle.mean(axis=1)).mean())


def _is_framed(paper: Mask) -> bool:
    """Return whether lines surround paper with a digit on it.

    Then each side has a clear row or column close behind its line, and the corners where these meet are
    paper. Straight lines and clear corners distinguish a frame from the outline of a bold 0.
    """
    depths, lines = [], 0
    for side in (paper, paper[::-1], paper.T, paper.T[::-1]):
        height, width = side.shape
        ends = round(_FRAME_ENDS * width)
        clear = side[: max(2, round(_FRAME_DEPTH * height)), ends : width - ends].mean(axis=1)
        line = np.flatnonzero(clear < 1 - _CLEAR_SHARE)
        lines += len(line) > 0
        behind = int(line[-1]) if len(line) else 0
        is_clear = clear[behind:] >= _CLEAR_SHARE
        if not is_clear.any() or is_clear.argmax() > max(3, _STEEPEST * width):
            return False
        depths.append(int(behind + clear[behind:].argmax()))
    top, bottom, left, right = depths
    inside = paper[top : len(paper) - bottom, left : paper.shape[1] - right]
    corner = max(1, min(inside.shape) // 12)
    corners = [
        inside[y, x].mean() >= _CLEAR_SHARE
        for y in (slice(corner), slice(-corner, None))
        for x in (slice(corner), slice(-corner, None))
    ]
    is_clear_frame = lines >= _FEWEST_LINES and sum(corners) >= _CLEAR_CORNERS
    return is_clear_frame and bool(_LEAST_INK < (~inside).mean() < _MOST_INK)
