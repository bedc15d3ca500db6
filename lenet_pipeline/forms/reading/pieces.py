"""Cut touching digits into more pieces than needed: every piece between two seams may be a digit.

Lengths are relative to the usual height of a digit in the run, unless given in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.reading.digit_images import cut_digits
from lenet_pipeline.forms.reading.ink import Labels
from lenet_pipeline.forms.reading.ink_groups import full_ink
from lenet_pipeline.forms.reading.seams import propose_seams
from lenet_pipeline.forms.reading.writing import Strokes
from lenet_pipeline.schema import Floats, Mask

_SEAM_DISTANCE = 0.12  # the smallest mean distance between two seams
_NARROWEST, _WIDEST = 0.1, 1.35  # the mean distances between the two seams of a piece
_LOWEST, _LOWEST_WHOLE = 0.45, 0.35  # a lower piece, or a lower group, is no digit
_FEWEST_PX = 12  # pixels of ink in a piece
_DARK = 0.4  # of full ink: darker pixels of a seam cross a stroke


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of the ink that may be a digit.

    Attributes:
        first: the cut at its left side. Cut 0 is the left end of its group.
        last: the cut at its right side.
        rows: the rows of its bounding box, in pixels of the run.
        columns: the columns of its bounding box, likewise.
        mask: where its ink is, bool, in the bounding box.
        image: uint8 (28, 28), normalised as in training.
        width: the width of its bounding box.
        height: the height of its bounding box.
        crossings: the strokes that its two cuts cross beyond one each. Where digits touch, a cut crosses one.
        loose: the share of its ink outside its largest connected part.
        is_cut: whether it is only a part of its group.
    """

    first: int
    last: int
    rows: slice
    columns: slice
    mask: Mask
    image: NDArray[np.uint8]
    width: float
    height: float
    crossings: int
    loose: float
    is_cut: bool


def whole_piece(strokes: Strokes, labels: Labels, group: int, usual: float) -> Piece | None:
    """Return a whole group as one piece, or None if it is too small for a digit.

    Args:
        strokes: the strokes of the field.
        labels: 1 + the index of the group that a pixel belongs to, 0 for paper, int32 (height, width).
        group: the index of the group.
        usual: the usual height of a digit, in pixels.
    """
    own = labels == group + 1
    rows, columns = _bounds(own)
    inside = own[rows, columns]
    if inside.shape[0] < _LOWEST_WHOLE * usual:
        return None
    return _make_piece(strokes, labels, inside, (rows.start, columns.start), usual, (0, 1))


def cut_group(strokes: Strokes, labels: Labels, group: int, usual: float) -> tuple[list[Piece], int]:
    """Return the pieces of a group between any two of its seams, and the number of its last cut.

    The arguments are those of ``whole_piece``.
    """
    own = labels == group + 1
    rows, columns = _bounds(own)
    inside, soft = own[rows, columns], strokes.soft[rows, columns]
    ink = np.where(inside, np.minimum(soft / max(1.0, full_ink(soft[inside])), 1), 0).astype(np.float32)
    seams = propose_seams(ink, max(2, round(_SEAM_DISTANCE * usual)))
    height, width = ink.shape
    borders = [np.zeros(height), *(seam.columns for seam in seams), np.full(height, width)]
    crossed = [0, *(_count_strokes(ink[np.arange(height), seam.columns]) for seam in seams), 0]
    last, across, corner = len(borders) - 1, np.arange(width), (rows.start, columns.start)
    pieces = []
    for start in range(last):
        for stop in range(start + 1, last + 1):
            distance = float(np.mean(borders[stop] - borders[start])) / usual
            is_cut = (start, stop) != (0, last)
            if is_cut and not _NARROWEST <= distance <= _WIDEST:
                continue
            mask = inside & (across >= borders[start][:, None]) & (across < borders[stop][:, None])
            further = sum(max(0, crossed[cut] - 1) for cut in (start, stop))
            piece = _make_piece(
                strokes, labels, mask, corner, usual, (start, stop), crossings=further, is_cut=is_cut
            )
            if piece is not None and (piece.height >= _LOWEST or not is_cut):
                pieces.append(piece)
    return pieces, last


def _make_piece(
    strokes: Strokes,
    labels: Labels,
    mask: Mask,
    corner: tuple[int, int],
    usual: float,
    cuts: tuple[int, int],
    *,
    crossings: int = 0,
    is_cut: bool = False,
) -> Piece | None:
    """Return the ink of a mask with its top left corner at (row, column), or None if there is too little."""
    if np.count_nonzero(mask) < _FEWEST_PX:
        return None
    rows, columns = _bounds(mask)
    own = mask[rows, columns]
    height, width = own.shape
    top, left = corner[0] + rows.start, corner[1] + columns.start
    near = (slice(max(0, top - 1), top + height + 1), slice(max(0, left - 1), left + width + 1))
    around = np.where(labels[near] > 0, 2, 0).astype(np.int32)
    place = (slice(top, top + height), slice(left, left + width))
    around[top - near[0].start :, left - near[1].start :][:height, :width][own] = 1
    digit = cut_digits(_window(strokes, near), around, strokes.palest[:1])[0]
    if digit is None:
        return None
    return Piece(
        *cuts,
        *place,
        own,
        digit.image,
        width / usual,
        height / usual,
        crossings,
        _loose_share(own),
        is_cut,
    )


def _window(strokes: Strokes, near: tuple[slice, ...]) -> Strokes:
    """Return the part of a field's strokes in a window."""
    return Strokes(
        strokes.cells[near],
        strokes.darkness[near],
        strokes.soft[near],
        strokes.palest,
        strokes.parts,
        strokes.usual,
        strokes.printed[near],
    )


def _bounds(mask: Mask) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _count_strokes(along: Floats) -> int:
    """Return the number of strokes that a seam crosses, from the ink along it."""
    dark = np.pad(along > _DARK, 1).astype(np.int8)
    return int((np.diff(dark) == 1).sum())


def _loose_share(mask: Mask) -> float:
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return 1 - float(stats[1:, cv2.CC_STAT_AREA].max()) / float(mask.sum())


def label_pieces(shape: tuple[int, ...], pieces: Sequence[Piece]) -> Labels:
    """Return the ink of pieces, left to right, as labels from 1, int32 of the shape of the run."""
    labels = np.zeros(shape, np.int32)
    for number, piece in enumerate(pieces, start=1):
        labels[piece.rows, piece.columns][piece.mask] = number
    return labels
