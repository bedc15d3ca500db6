"""Detect self-similarity: shifts by which a form with rows of equal boxes almost matches itself.

A page aligned one row off has nearly all of its print in place, but every value in the wrong field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lenet_pipeline.forms.alignment.homographies import reduce_picture
from lenet_pipeline.forms.alignment.illumination import even_illumination
from lenet_pipeline.forms.alignment.print_places import locate_vertex, saturate_ink
from lenet_pipeline.forms.page import Grey

# The lead is 0.5 or more on pages with writing in every cell, and 0.2 on pages of a revised form. One row
# off, it is mostly -0.3 or less, and at most 0.05 if black around the page covers a title.
LEAST_LEAD = 0.1

_LEAST_LIKENESS = 0.4  # share of the form's ink
_MOST_MATCHES = 6
_LEAST_SHIFT_PX = 4  # 2 mm
_BLUR_PX = 1.5  # the tolerance for errors of alignment and for shifts between pixels
_LEAST_DIFFERENCE = 0.3  # of the strongest ink: smaller differences come from interpolation
_LEAST_STRENGTH = 0.3  # of the common print

_Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Probe:
    """Ink of one kind to look for on a page.

    Attributes:
        places: the indices of its pixels in the flattened layout, (n,).
        weights: the weight of each pixel, (n,).
        background: the weighted sum of other ink that the blank form has at these pixels.
    """

    places: NDArray[np.int64]
    weights: _Floats
    background: float

    def share(self, found: _Floats) -> float:
        """Return the share of the ink that a page's layout has, above the background."""
        return float(found.ravel()[self.places] @ self.weights) - self.background


@dataclass(frozen=True, eq=False)
class SelfMatch:
    """A shift that hardly changes a form: the print in common, and the print of only one of the two."""

    both: Probe
    only_form: Probe
    only_shifted: Probe


def find_self_matches(ink: Grey) -> tuple[SelfMatch, ...]:
    """Find the shifts by which a form is most similar to itself, and their opposites.

    Args:
        ink: the ink of the form's layout, uint8 (height, width).
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
    y, x = np.nonzero((likeness == highest) & (likeness >= _LEAST_LIKENESS))
    is_one_way = (y > middle_y) | ((y == middle_y) & (x > middle_x))
    y, x = y[is_one_way], x[is_one_way]
    strongest = np.argsort(-likeness[y, x], kind="stable")[:_MOST_MATCHES]
    # Row pitches are not whole pixels. With a shift half a pixel off, every row would differ from the form.
    shifts = [
        (
            column - middle_x + locate_vertex(*likeness[row, column - 1 : column + 2].tolist()),
            row - middle_y + locate_vertex(*likeness[row - 1 : row + 2, column].tolist()),
        )
        for column, row in zip(x[strongest].tolist(), y[strongest].tolist(), strict=True)
    ]
    blurred = _blur(ink)
    return tuple(_make_match(blurred, sign * x, sign * y) for x, y in shifts for sign in (1, -1))


def _make_match(form: _Floats, x: float, y: float) -> SelfMatch:
    shift = np.array([[1, 0, x], [0, 1, y]], dtype=np.float32)
    shifted = np.asarray(cv2.warpAffine(form, shift, form.shape[::-1]), dtype=np.float32)
    least = _LEAST_DIFFERENCE * float(form.max())
    only_form, only_shifted = (np.where(one >= least, one, 0) for one in (form - shifted, shifted - form))
    return SelfMatch(
        _make_probe(np.minimum(form, shifted), np.zeros_like(form)),
        _make_probe(only_form, shifted),
        _make_probe(only_shifted, form),
    )


def _make_probe(wanted: _Floats, background: _Floats) -> Probe:
    """Make a probe for ink on top of a background."""
    places = np.flatnonzero(wanted)
    weights = wanted.ravel()[places]
    weights = weights / max(float((weights * weights).sum()), 1e-6)
    return Probe(places, weights, float(background.ravel()[places] @ weights))


def measure_lead(page: Grey, shape: tuple[int, ...], self_matches: Sequence[SelfMatch]) -> float:
    """Return how much better an aligned page fits its form than the form shifted by any self-match.

    The lead compares the page only where the form and the shifted form differ. It is the share found of the
    print that only the form has, at most 1, minus the share found of the print that only the shifted form
    has. It is 1 if the page has all of the former and none of the latter, 0 if the page is inconclusive, and
    -1 or less on a page that is one row off.

    Args:
        page: the aligned page, uint8 (height, width).
        shape: height and width of the form's layout.
        self_matches: the self-matches of the form. Without any, the lead is 1.
    """
    if not self_matches:
        return 1.0
    height, width = shape
    found = _blur(saturate_ink(even_illumination(reduce_picture(page, height, width))))
    return min(_lead_over(match, found) for match in self_matches)


def _lead_over(match: SelfMatch, found: _Floats) -> float:
    strength = max(match.both.share(found), _LEAST_STRENGTH)
    # Limit it to 1, because the dark bed around a page may cover places of missing print.
    share = min(match.only_form.share(found) / strength, 1.0)
    return min(1.0, share - match.only_shifted.share(found) / strength)


def _blur(ink: Grey) -> _Floats:
    return np.asarray(cv2.GaussianBlur(ink.astype(np.float32), (0, 0), _BLUR_PX), dtype=np.float32)
