"""The paper of a picture: its level, its slope and its grain."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from lenet_pipeline.ingest.normalisation.levels import otsu_threshold, quantile
from lenet_pipeline.schema import Floats, Mask

_LEAST_GRAIN = 0.01  # difference between neighbouring pixels, as a share of the picture's contrast
_EVEN_PAPER = 0.06  # share of the ink's level; paper that varies less counts as even
_LEAST_PAPER = 0.1  # share of the picture that a fit of the paper's level needs
_WHOLE = 0.9  # share of the picture's height or width that print on the paper extends over
_LEAST_STEP = 2.0  # between print and ink, in standard deviations; two halves of one level are closer
_FITTED_PIXELS = 2_000  # enough for six coefficients
_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


def has_grain(darkness: Floats) -> bool:
    """Return whether most neighbouring pixels differ, as on grainy paper but not in a clean drawing."""
    steps = np.abs(np.diff(darkness, axis=1)).ravel()
    return quantile(steps, 0.5) > _LEAST_GRAIN * float(np.ptp(darkness))


def flatten_paper(darkness: Floats) -> tuple[Floats, Mask, Mask]:
    """Subtract the paper's level from a picture: one number for even paper, else a fitted surface.

    Returns:
        The difference from the paper, the mask of the darker half of the ink, and the mask of the paper at
        least three pixels away from it, all (height, width).
    """
    relief = darkness
    for degree in (1, 2, 2):  # a plane first: a curve that fits half the paper can diverge on the other half
        strong, far = split_ink(relief)
        if far.mean() < _LEAST_PAPER or not strong.any():
            break
        low, high = quantile(relief[far], 0.05), quantile(relief[far], 0.95)
        if high - low < _EVEN_PAPER * (float(relief[strong].mean()) - low):
            break
        relief = relief - _fit_surface(relief, far, degree)
    else:
        strong, far = split_ink(relief)
    return relief - np.float32(quantile(relief[~strong], 0.5)), strong, far


def split_ink(relief: Floats) -> tuple[Mask, Mask]:
    """Return the mask of the darker half of the ink, and that of the paper at least three pixels away.

    The second mask excludes the blurred edge of the ink.
    """
    strong = relief > otsu_threshold(relief)
    near = ndimage.binary_dilation(strong, _EIGHT_NEIGHBOURS, iterations=2)
    return strong, ~np.asarray(near, dtype=np.bool_)


def without_print(relief: Floats, strong: Mask, far: Mask) -> tuple[Mask, Mask]:
    """Remove the print of the paper from the mask of the ink, if the mask contains two levels.

    Rules, squares and guilloche cross the whole picture and are paler than the ink on them.

    Args:
        relief: (height, width), 0 for paper, higher for ink.
        strong: the mask of the darker half of the ink.
        far: the mask of the paper at least three pixels away from it.

    Returns:
        The two masks, without the print in the first, and with it in the second.
    """
    spans = _spans(strong)
    if max(spans) < _WHOLE:
        return strong, far
    ink = strong & (relief > otsu_threshold(relief[strong]))
    pale = strong & ~ink
    if not ink.any() or not pale.any():
        return strong, far
    if all(inner >= _WHOLE for outer, inner in zip(spans, _spans(ink), strict=True) if outer >= _WHOLE):
        return strong, far
    step = float(relief[ink].mean() - relief[pale].mean())
    if step < _LEAST_STEP * float(relief[ink].std() + relief[pale].std()):
        return strong, far
    near = ndimage.binary_dilation(ink, _EIGHT_NEIGHBOURS, iterations=2)
    return ink, ~np.asarray(near, dtype=np.bool_)


def _spans(mask: Mask) -> tuple[float, float]:
    """Return the height and the width of a mask as shares of the picture's."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return float(np.ptp(rows) + 1) / mask.shape[0], float(np.ptp(columns) + 1) / mask.shape[1]


def _fit_surface(relief: Floats, paper: Mask, degree: int) -> Floats:
    """Fit a polynomial surface of degree 1 or 2 to the paper; return it as float32 (height, width)."""
    height, width = relief.shape
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None, :]
    powers = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    chosen = np.flatnonzero(paper)
    rows, columns = np.divmod(chosen[:: -(-chosen.size // _FITTED_PIXELS)], width)
    design = np.stack([y[rows, 0] ** i * x[0, columns] ** j for i, j in powers])
    # Solve the normal equations, at most six by six; lstsq on all pixels takes ten times as long.
    moments = np.einsum("in,jn->ij", design, design)
    targets = np.einsum("in,n->i", design, relief[rows, columns])
    weights = np.linalg.lstsq(moments, targets, rcond=1e-9)[0]
    surface = sum(weight * y**i * x**j for weight, (i, j) in zip(weights, powers, strict=True))
    return np.asarray(surface, dtype=np.float32)
