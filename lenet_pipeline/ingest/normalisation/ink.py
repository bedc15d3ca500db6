"""The ink of a picture: which pixels are strokes, without grain and specks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from lenet_pipeline.ingest.batch import Box
from lenet_pipeline.ingest.normalisation.edge_lines import clear_edge_lines
from lenet_pipeline.ingest.normalisation.levels import quantile
from lenet_pipeline.ingest.normalisation.paper import flatten_paper, has_grain, without_print
from lenet_pipeline.ingest.normalisation.remains import clear_remains
from lenet_pipeline.schema import Floats, Mask

LEAST_CONTRAST = 6.0  # grey levels of 255 between ink and paper; below it, there is no ink
_LEAST_SIGNAL = 5.0  # minimum contrast of ink, in standard deviations of the paper's grain
_LEAST_SKEW = 2.0  # minimum contrast of ink, in depths of the paper's grain
_SMOOTHED_SIDE = 84  # from this size in pixels, a 3x3 average removes grain without affecting the digit
_FAINTEST = 0.05  # share of the ink's full level; any value below 0.06 gives the same boxes for MNIST
_FAINTEST_TIGHT = 0.25  # the same in a tight crop; from 0.5 on, blurred zeros break into two strokes
_FAINTEST_ON_PRINT = 0.5  # the same on printed paper; the print is paler
_SMALLEST_PART = 0.02  # share of the ink of the largest connected part; smaller parts are specks
_FEWEST_PIXELS = 3  # smaller parts are specks
_SHORTEST_INK = 0.05  # share of the picture's longer side; if the largest part is shorter, there is no ink
_TIGHT = 0.3  # share of paper three pixels away from the ink; crops with less are tight
_MOST_CROSSINGS = 6.5  # mean number of edges along a row or column of a digit; an 8 has 6, grain many more
_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


class _Limits(NamedTuple):
    """Levels of a picture: of its paper, and above it of the faintest and of full ink."""

    paper: float
    faintest: float
    level: float


def isolate_ink(darkness: Floats) -> tuple[Floats, Box] | None:
    """Crop the ink of a picture, without grain and specks.

    Args:
        darkness: (height, width), higher for ink.

    Returns:
        The cropped ink, 0 for paper to 1 for full ink, and its box; None if there is no ink.
    """
    if min(darkness.shape) >= _SMOOTHED_SIDE and has_grain(darkness):
        darkness = ndimage.uniform_filter(darkness, 3)
    relief, strong, far = flatten_paper(darkness)
    cleared = clear_edge_lines(relief, strong)
    if cleared is not None:
        relief, strong, far = flatten_paper(cleared)
    if not strong.any():
        return None
    ink, far = without_print(relief, strong, far)
    if far.mean() < _TIGHT:
        limits = _limits_by_shape(relief, ink, _FAINTEST_TIGHT)
    else:
        limits = _limits(relief, ink, far)
        if limits is None:
            limits = _limits_by_shape(relief, ink, _FAINTEST_ON_PRINT)
    if limits is None:
        return None
    paper, faintest, level = limits
    relief = relief - np.float32(paper)
    kept = _without_specks(relief, relief > faintest)
    if kept is None:
        return None
    kept = clear_remains(relief, kept)
    box = bounding_box(kept)
    inside = np.s_[box.y : box.y + box.height, box.x : box.x + box.width]
    # Also keep the pale edge of each stroke, which the bound above counted as grain.
    edged = ndimage.binary_dilation(kept, _EIGHT_NEIGHBOURS)[inside]
    return np.where(edged, np.clip(relief[inside] / level, 0, 1), np.float32(0)), box


def _limits(relief: Floats, strong: Mask, far: Mask) -> _Limits | None:
    """Measure the limits of ink on paper; return None if nothing stands out from the paper's grain."""
    paper, grain = relief[~strong], relief[far]
    spread = float(grain.std())
    level = max(quantile(relief[strong], 0.995) - 2 * spread, quantile(relief[strong], 0.5))
    # Grain extends equally above and below the paper's level, but ink only above.
    depth = -quantile(paper, 0.01)
    if level < max(LEAST_CONTRAST, _LEAST_SIGNAL * spread, _LEAST_SKEW * depth):
        return None
    return _Limits(0.0, max(_FAINTEST * level, min(1.5 * quantile(grain, 0.99), 0.5 * level)), level)


def _limits_by_shape(relief: Floats, strong: Mask, faintest: float) -> _Limits | None:
    """Measure the limits of ink where the paper cannot tell its grain; return None if the ink is grain.

    The paper that a tight crop shows is mostly the blurred edge of the ink, and printed paper varies by more
    than grain. So the shape decides: a line across a digit meets two or three strokes, but grain changes at
    every pixel.
    """
    crossings = (
        np.count_nonzero(strong[1:] != strong[:-1]) / strong.shape[1],
        np.count_nonzero(strong[:, 1:] != strong[:, :-1]) / strong.shape[0],
    )
    paper = quantile(relief[~strong], 0.1)
    level = quantile(relief[strong], 0.95) - paper
    if level < LEAST_CONTRAST or max(crossings) > _MOST_CROSSINGS:
        return None
    return _Limits(paper, faintest * level, level)


def _without_specks(relief: Floats, mask: Mask) -> Mask | None:
    """Remove specks from a mask; return None if no ink remains."""
    labels, count = ndimage.label(mask, _EIGHT_NEIGHBOURS)
    if count == 0:
        return None
    masses = np.bincount(labels.ravel(), weights=relief.ravel())
    masses[0] = 0
    kept = (masses >= _SMALLEST_PART * masses.max()) & (np.bincount(labels.ravel()) >= _FEWEST_PIXELS)
    kept[0] = False
    largest = ndimage.find_objects(labels)[int(masses.argmax()) - 1]
    if max(span.stop - span.start for span in largest) < max(3, _SHORTEST_INK * max(mask.shape)):
        return None
    return np.asarray(kept[labels], dtype=np.bool_)


def bounding_box(mask: Mask) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(
        x=int(columns[0]),
        y=int(rows[0]),
        width=int(columns[-1] - columns[0] + 1),
        height=int(rows[-1] - rows[0] + 1),
    )
