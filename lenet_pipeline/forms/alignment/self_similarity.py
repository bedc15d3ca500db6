"""Aliases: shifts by which a form with rows of equal boxes comes to lie on itself, all but a row.

A page registered a row off has nearly all of its print in its places, and every value in the wrong field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.homographies import reduce_picture
from lenet_pipeline.forms.alignment.illumination import flatten_light
from lenet_pipeline.forms.alignment.print_places import locate_vertex, saturate_ink
from lenet_pipeline.forms.page import Grey

# 0.5 and more on pages with writing in every cell, 0.2 on those of a form changed since; a row off at most
# 0.05, where black around the page lies on a title, and mostly -0.3 and less.
LEAST_LEAD = 0.1

_LEAST_ALIKE = 0.4  # of the form's ink
_MOST_ALIASES = 6
_LEAST_SHIFT_PX = 4  # 2 mm
_BLUR_PX = 1.5  # of what a aligned page may be off, and a shift may be between pixels
_LEAST_DIFFERENCE = 0.3  # of the strongest ink: less is what interpolation makes of lines that both have
_LEAST_STRENGTH = 0.3  # of the print that both have

_Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Probe:
    """Ink of one kind that is looked for on a page: ``found.ravel()[places] @ weights - there`` is its share.

    ``there`` is what is found on the blank form of other ink.
    """

    places: NDArray[np.int64]
    weights: _Floats
    there: float

    def share(self, found: _Floats) -> float:
        """Return how much of the ink is found, beside that which is there anyway."""
        return float(found.ravel()[self.places] @ self.weights) - self.there


@dataclass(frozen=True, eq=False)
class Alias:
    """A shift of a form that hardly changes it: the print that both have, and that only one of them has."""

    both: Probe
    only_ours: Probe
    only_theirs: Probe


def find_aliases(ink: Grey) -> tuple[Alias, ...]:
    """Find the shifts by which a form is most like itself, and their opposites.

    Args:
        ink: the form's layout, uint8 (height, width).
    """
    height, width = ink.shape
    size = tuple(cv2.getOptimalDFTSize(2 * side) for side in ink.shape)
    padded = np.zeros(size, dtype=np.float32)
    padded[:height, :width] = _blur(ink)
    spectrum = cv2.dft(padded)
    product = cv2.mulSpectrums(spectrum, spectrum, 0, conjB=True)
    overlap = np.fft.fftshift(cv2.idft(product))
    middle_y, middle_x = size[0] // 2, size[1] // 2
    likeness = np.asarray(overlap / max(float(overlap[middle_y, middle_x]), 1e-6), dtype=np.float64)
    highest = np.asarray(cv2.dilate(likeness, np.ones((2 * _LEAST_SHIFT_PX - 1,) * 2, np.uint8)))
    y, x = np.nonzero((likeness == highest) & (likeness >= _LEAST_ALIKE))
    is_one_way = (y > middle_y) | ((y == middle_y) & (x > middle_x))
    y, x = y[is_one_way], x[is_one_way]
    strongest = np.argsort(-likeness[y, x], kind="stable")[:_MOST_ALIASES]
    # Pitches are no whole pixels: half a pixel off, all rows would tell the alias from the form.
    shifts = [
        (
            column - middle_x + locate_vertex(*likeness[row, column - 1 : column + 2].tolist()),
            row - middle_y + locate_vertex(*likeness[row - 1 : row + 2, column].tolist()),
        )
        for column, row in zip(x[strongest].tolist(), y[strongest].tolist(), strict=True)
    ]
    ours = _blur(ink)
    return tuple(_make_alias(ours, sign * x, sign * y) for x, y in shifts for sign in (1, -1))


def _make_alias(ours: _Floats, x: float, y: float) -> Alias:
    shift = np.array([[1, 0, x], [0, 1, y]], dtype=np.float32)
    theirs = np.asarray(cv2.warpAffine(ours, shift, ours.shape[::-1]), dtype=np.float32)
    least = _LEAST_DIFFERENCE * float(ours.max())
    only_ours, only_theirs = (np.where(one >= least, one, 0) for one in (ours - theirs, theirs - ours))
    return Alias(
        _make_probe(np.minimum(ours, theirs), np.zeros_like(ours)),
        _make_probe(only_ours, theirs),
        _make_probe(only_theirs, ours),
    )


def _make_probe(wanted: _Floats, there: _Floats) -> Probe:
    """Make a probe of ink that lies on that which is there anyway."""
    places = np.flatnonzero(wanted)
    weights = wanted.ravel()[places]
    weights = weights / max(float((weights * weights).sum()), 1e-6)
    return Probe(places, weights, float(there.ravel()[places] @ weights))


def measure_lead(page: Grey, shape: tuple[int, ...], aliases: Sequence[Alias]) -> float:
    """Return by how much a aligned page is more like its form than like the form shifted by any alias.

    Only where the form and the shifted form differ is looked: it is the share found of the print that only
    the form has there, at most 1, less the share of that which only the shifted form has. So 1 where all of
    the one and nothing of the other is there, 0 where the page tells nothing, -1 or less on a page a row off.

    Args:
        page: registered, uint8.
        shape: height and width of the form's layout.
        aliases: of that form; without any the lead is 1.
    """
    if not aliases:
        return 1.0
    height, width = shape
    found = _blur(saturate_ink(flatten_light(reduce_picture(page, height, width))))
    return min(_lead_over(alias, found) for alias in aliases)


def _lead_over(alias: Alias, found: _Floats) -> float:
    strength = max(alias.both.share(found), _LEAST_STRENGTH)
    # At most 1: the dark bed around a page may lie on print that is not there.
    share = min(alias.only_ours.share(found) / strength, 1.0)
    return min(1.0, share - alias.only_theirs.share(found) / strength)


def _blur(ink: Grey) -> _Floats:
    return np.asarray(cv2.GaussianBlur(ink.astype(np.float32), (0, 0), _BLUR_PX), dtype=np.float32)
